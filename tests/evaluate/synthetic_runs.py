"""Made-up runs for the tests of results and report: `write_workdir` writes what a finished run leaves behind.

`python tests/evaluate/synthetic_runs.py FOLDER` writes three runs and their report, to look at.
"""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from flanjax.evaluate import protocol
from flanjax.evaluate.config import EvaluationConfig


class SyntheticTask(NamedTuple):
    cluster: str
    name: str
    options: tuple[str, ...]
    metrics: tuple[str, ...] = ("accuracy", "macro_f1")
    items: int = 60


TASKS = (
    SyntheticTask("nli", "rte", ("yes", "no")),
    SyntheticTask("nli", "cb", ("yes", "no", "it is not possible to tell"), items=40),
    SyntheticTask("nli", "anli_r1", ("yes", "no", "it is not possible to tell"), items=80),
    SyntheticTask("coreference", "winogrande", ("the first", "the second")),
    SyntheticTask("coreference", "wsc", ("true", "false"), items=50),
    SyntheticTask("closed_book_qa", "natural_questions", (), ("exact_match", "token_f1", "rougeL"), 60),
)
CLUSTERS = ("sentiment", "paraphrase", "summarization", "translation", "reading", "commonsense")


def predictions(
    skill: float, step: int = 1200, seed: int = 0, tasks=TASKS, templates: int = 5, untuned: bool = True
) -> pa.Table:
    """A predictions table; `skill` is how often the trained model beats guessing, the untuned model's is near zero."""
    rows = []
    for model, strength in (("trained", skill), ("untuned", 0.03))[: 2 if untuned else 1]:
        for task in tasks:
            rng = np.random.default_rng([seed, model == "trained", int(hashlib.sha256(task.name.encode()).hexdigest()[:6], 16)])
            lean = rng.normal(0, 0.07, templates)
            ease = rng.normal(0, 0.25, task.items)
            rows += [
                _row(model, step if model == "trained" else 0, task, item, t, strength + lean[t] + ease[item], rng)
                for item in range(task.items)
                for t in range(templates)
            ]
    return pa.Table.from_pylist(rows)


def _row(model: str, step: int, task: SyntheticTask, item: int, template: int, strength: float, rng) -> dict[str, Any]:
    gold_rng = np.random.default_rng([7, item, len(task.name)])
    options = list(task.options)
    gold = options[gold_rng.choice(len(options))] if options else f"the year {1800 + item}"
    right = rng.random() < strength
    guess = str(rng.choice(options)) if options else f"the year {1800 + rng.integers(60)}"
    prediction = gold if right else guess
    scores = [-rng.uniform(0.2, 2) - 1.5 * (o != prediction) for o in options]
    prompt = _prompt(task, item, template)
    parsed, stop = bool(options) or rng.random() < 0.97, "" if options else ("eos" if rng.random() < 0.98 else "length")
    return {
        "model": model,
        "step": step,
        "cluster": task.cluster,
        "task": task.name,
        "template": f"t{template}",
        "template_text": WORDS.get(template, WORDS[4]),
        "item": item,
        "group": str(item),
        "shots": 0,
        "shots_shown": 0,
        "chain_of_thought": False,
        "scorer": "rank" if options else "generate",
        "preset": "flan",
        "normalization": "none",
        "metrics": list(task.metrics),
        "prompt": prompt,
        "prompt_hash": hashlib.sha256(prompt.encode()).hexdigest()[:16],
        "references": [gold],
        "options": options,
        "option_log_likelihoods": scores,
        "option_tokens": [len(o.split()) for o in options],
        "option_characters": [len(o) for o in options],
        "prediction": prediction,
        "generated": "" if options else prediction + " </s>",
        "parsed": parsed,
        "stop": stop,
        "prompt_tokens": len(prompt.split()),
        "cut": bool(rng.random() < 0.004),
        "seconds": 0.01,
    }


WORDS = {
    0: "{{ premise }}\nDoes it follow?",
    1: "{{ premise }}\nTrue or not?",
    2: "{{ premise }}\nCan we infer it?",
    3: "{{ premise }}\nWhat do you say?",
    4: "{{ premise }}\nAnswer the question.",
}


def _prompt(task: SyntheticTask, item: int, template: int) -> str:
    ask = WORDS.get(template, WORDS[4]).split("\n")[1]
    lines = [f"The river <b>rose</b> by {item + 3} metres in the spring & flooded the old mill, the town's records say.", ask]
    return "\n".join([*lines, *(["OPTIONS:", *(f"- {o}" for o in task.options)] if task.options else ["Answer:"])])


def train_lines(steps: int, seed: int, clusters: tuple[str, ...], gain: float) -> list[dict[str, Any]]:
    rng = np.random.default_rng(seed)
    lines: list[dict[str, Any]] = []
    for step in range(10, steps + 1, 10):
        loss = 1.3 - 0.05 * len(clusters) + 2.6 * np.exp(-step / (0.22 * steps))
        by_cluster = {c: float(loss * (0.75 + 0.12 * i) + rng.normal(0, 0.09)) for i, c in enumerate(clusters)}
        lines.append(
            {
                "step": step,
                "loss": float(loss + rng.normal(0, 0.07)),
                "accuracy": float(0.8 - loss / 8),
                "learning_rate": 1e-3,
                "grad_norm": float(rng.uniform(0.5, 1.2)),
                "seconds": 0.42,
                "target_tokens_per_second": float(rng.normal(21500, 700)),
                "input_tokens_per_second": 91000.0,
                "mfu": float(rng.normal(0.41, 0.008)),
                "encoder_fill": 0.962,
                "decoder_fill": 0.871,
                "cluster_loss": by_cluster,
            }
        )
        if step % 200 == 0:
            valid = {c: v + 0.1 for c, v in by_cluster.items()}
            lines.append({"step": step, "kind": "validation", "loss": float(loss + 0.12), "cluster_loss": valid})
            score = {c: 40 + (60 - 5 * i) * gain * (1 - np.exp(-step / 500)) for i, c in enumerate(("nli", "coreference"))}
            held = {c: {"mean": v, "low": v - 4, "high": v + 4} for c, v in score.items()}
            lines.append({"step": step, "kind": "heldout", "cluster_score": held})
    return lines


def mixture(clusters: tuple[str, ...] = CLUSTERS) -> dict[str, Any]:
    sizes = {
        f"{c}_{letter}": (c, 4000 * (i + 1) * (2 if letter == "a" else 1)) for i, c in enumerate(clusters) for letter in "ab"
    }
    total = sum(rows for _, rows in sizes.values())
    tasks = [
        {
            "task": name,
            "cluster": cluster,
            "rows": rows,
            "asked_share": rows / total,
            "realised_share": rows / total + noise,
            "examples": int(76_800 * rows / total),
            "epochs": 76_800 / total,
            "mean_input_tokens": 120.5,
            "mean_target_tokens": 11.25,
            "cut_share": 0.002,
            "skipped": {"empty target": 12} if rows == 8000 else {},
        }
        for (name, (cluster, rows)), noise in zip(sizes.items(), [0.002, -0.002] * len(clusters), strict=True)
    ]
    return {
        "mixture": "flan2021",
        "plan_hash": "9f2c41d07ab3e815",
        "tasks": tasks,
        "removed": {"qnli": "shares lineage with rte: GLUE", "snli": "cluster nli is held out"},
        "heldout": [t.name for t in TASKS],
        "packing": {"encoder_fill": 0.962, "decoder_fill": 0.871},
        "styles": {"zero-shot direct": 0.5, "few-shot direct": 0.25, "zero-shot chain of thought": 0.15, "inverted": 0.1},
    }


def write_workdir(
    path: Path, name: str, skill: float | None, steps: int = 1200, seed: int = 0, clusters=CLUSTERS, **table
) -> Path:
    """A workdir at `path`; without `skill` there is no evaluation."""
    path.mkdir(parents=True)
    config = {
        "name": name,
        "train": {"steps": steps, "batch_size": 64, "seed": seed},
        "data": {"seed": seed},
        "mixture": "mixtures/flan.py:flan2021",
        "model": {"name": "t5_1_1_base", "parameters": 247_577_856},
        "heldout": sorted({t.cluster for t in TASKS}),
        "versions": {"flanjax": "0.1.0", "jax": "0.10.2"},
    }
    (path / "config.json").write_text(json.dumps(config))
    (path / "metrics.jsonl").write_text(
        "".join(json.dumps(line) + "\n" for line in train_lines(steps, len(clusters), clusters, skill or 0.1))
    )
    (path / "mixture.json").write_text(json.dumps(mixture(clusters)))
    if skill is not None:
        write_evaluation(path, predictions(skill, steps, seed, **table), steps, training_seed=seed)
    return path


def write_evaluation(workdir: Path, table: pa.Table, step: int, tasks=(), training_seed: int = 0, **settings) -> Path:
    """The evaluation's folder, as `flanjax heldout` leaves it."""
    how = protocol.protocol(EvaluationConfig(**settings), tasks, "0" * 16, {"train": training_seed, "data": training_seed})
    folder = workdir / "evaluation" / protocol.folder_name(how, step)
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, folder / "predictions.parquet")
    made = protocol.record(how, step, seconds=312.4, devices="data 1 x fsdp 8 x tensor 1")
    made["made"] |= {"date": "2026-11-28T10:00:00+00:00", "command": f"flanjax heldout --workdir {workdir.name}"}
    (folder / "protocol.json").write_text(json.dumps(made))
    return folder


def main(folder: Path) -> None:
    from flanjax.report.page import write_report

    runs = [
        write_workdir(folder / "all", "flan base", 0.35),
        write_workdir(folder / "few", "two clusters", 0.17, seed=0, clusters=CLUSTERS[:2]),
        write_workdir(folder / "one", "one cluster", 0.08, seed=0, clusters=CLUSTERS[:1]),
    ]
    print(write_report(runs[:1], folder / "one_run.html"), write_report(runs, folder / "three_runs.html"))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
