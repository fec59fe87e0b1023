"""`flanjax entail`: how far written answers follow from their prompts, by a model of natural language inference."""

import argparse
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jinja2
import numpy as np
import pyarrow as pa

from flanjax import run, storage
from flanjax.evaluate import statistics as st
from flanjax.evaluate.entailment import Entails, Support, consistency, supports
from flanjax.lab.folder import made_folder
from flanjax.lab.judge.answers import Answer, Setting, written_answers
from flanjax.lab.writing.wording import wording_of

TABLE, RECORD, FORMAT = "entailment.parquet", "entailment.json", 1
WORDING = '{{ premise }}\n\nDoes it follow that "{{ hypothesis }}"?'


class TaskEntailment(NamedTuple):
    """A task's consistency with its prompts, and that of its references."""

    answers: st.Estimate
    references: st.Estimate


def entailer(model: Any, wording: jinja2.Template, options: Sequence[str], chunk: int = 256) -> Entails:
    """Returns the function from pairs of sentences to the probability of the first option among all options.

    Args:
      model: a `flanjax.run.loaded.LoadedModel`.
    """

    def entails(pairs: Sequence[tuple[str, str]]) -> np.ndarray:
        found = []
        for start in range(0, len(pairs), chunk):
            prompts = [wording.render(premise=p, hypothesis=h) for p, h in pairs[start : start + chunk]]
            scores = np.array(model.scores(prompts, options))
            likely = np.exp(scores - scores.max(1, keepdims=True))
            found.append(likely[:, 0] / likely.sum(1))
        return np.concatenate(found)

    return entails


def entail(args: argparse.Namespace) -> int:
    """Scores the written answers of an evaluation, and of their references."""
    if len(args.options) < 2:
        raise ValueError(f"--options {' '.join(args.options)}: expected two or more, the first of which means entailment")
    answers = written_answers(args.source, args.tasks or (), args.items or 0)
    if shown := [setting[1] for setting, answer in answers.items() if answer.shots_shown]:
        raise ValueError(f"the prompts of {shown[0]} have exemplars, which would count as source; evaluate with --shots 0")
    wording = wording_of(args.wording, ("premise", "hypothesis"), WORDING)
    out = made_folder(args.out)
    rows = scored(answers, entailer(run.load_model(args.model), wording, args.options))
    found = summarise(rows)
    storage.replace_table(storage.place(out / TABLE), pa.Table.from_pylist(rows))
    storage.write_json(storage.place(out / RECORD), as_record(args, found))
    for (_, task), one in found.items():
        print(f"{task}: {_told(one.answers)} of an answer follows from its prompt, {_told(one.references)} of a reference")
    print(f"written: {out / TABLE}, {out / RECORD}")
    return 0


def scored(answers: Mapping[Setting, Answer], entails: Entails) -> list[dict[str, Any]]:
    """Returns a row for each answer: its score, its first reference's, and each sentence with the best one of the source."""
    prompts = [answer.prompt for answer in answers.values()]
    texts = [answer.text for answer in answers.values()]
    references = [answer.references[0] for answer in answers.values()]
    every = supports([*prompts, *prompts], [*texts, *references], entails)
    rows = []
    for (setting, answer), found, gold in zip(answers.items(), every[: len(texts)], every[len(texts) :], strict=True):
        cluster, task, shots, chain_of_thought, item, template = setting
        place = {"cluster": cluster, "task": task, "shots": shots, "chain_of_thought": chain_of_thought, "item": item}
        told = {"template": template, "group": answer.group, "prompt": answer.prompt, "prediction": answer.text}
        scores = {"entailment": consistency(found), "reference_entailment": consistency(gold)}
        rows.append({**place, **told, **scores, "sentences": _sentences(found), "reference_sentences": _sentences(gold)})
    return rows


def _sentences(found: Sequence[Support]) -> list[dict[str, Any]]:
    return [one._asdict() for one in found]


def summarise(rows: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str], TaskEntailment]:
    """Returns cluster and task -> its scores; an item's is the mean over its templates and settings."""
    tasks: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in rows:
        tasks.setdefault((row["cluster"], row["task"]), []).append(row)
    return {
        name: TaskEntailment(*(_estimate(members, column) for column in ("entailment", "reference_entailment")))
        for name, members in tasks.items()
    }


def _estimate(rows: Sequence[Mapping[str, Any]], column: str) -> st.Estimate:
    items: dict[int, list[float]] = {}
    for row in rows:
        items.setdefault(row["item"], []).append(row[column])
    groups = {row["item"]: row["group"] for row in rows}
    return st.item_interval(np.array([np.mean(values) for values in items.values()]), np.array([groups[i] for i in items]))


def _told(e: st.Estimate) -> str:
    return f"{e.mean:.1f}% ({e.low:.1f} to {e.high:.1f})"


def as_record(args: argparse.Namespace, found: Mapping[tuple[str, str], TaskEntailment]) -> dict[str, Any]:
    """Returns entailment.json."""
    tasks = [
        {"cluster": cluster, "task": task, "answers": one.answers._asdict(), "references": one.references._asdict()}
        for (cluster, task), one in found.items()
    ]
    return {"format": FORMAT, "of": args.source, "model": args.model, "options": list(args.options), "tasks": tasks}
