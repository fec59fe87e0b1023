"""Questions: every item of every task x template x number of shots, rendered. Nothing here depends on a model."""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from flanjax.data.feature_config import FeatureConfig
from flanjax.data.layout import Layout, make_layout
from flanjax.data.prompts import Prompt, build_prompts
from flanjax.data.queries import Query, read_examples
from flanjax.data.tokenizer import Tokenizer
from flanjax.evaluate.config import EvaluationConfig
from flanjax.sources import Rows, SourceError
from flanjax.tasks.asked import Wording
from flanjax.tasks.demonstrations import GOLD, RANDOM_LABELS, reformatted
from flanjax.tasks.draws import Draws, hash64
from flanjax.tasks.render import CHAINS_OF_THOUGHT, FORMATS, shows_options
from flanjax.tasks.render import ask as ask_example
from flanjax.tasks.styles import Style
from flanjax.tasks.task import BadRow, Example, SkipRow, Task


class Item(NamedTuple):
    """One question as it will be asked."""

    row: int
    query: Query
    prompt: Prompt
    shots: int

    @property
    def key(self) -> tuple[Any, ...]:
        """What tells it from every other item of an evaluation."""
        shown = () if self.query.demonstrations == GOLD else (self.query.demonstrations,)
        return (self.query.task.name, self.row, self.query.wording.template, *_setting(self.query), *shown)

    @property
    def is_ranked(self) -> bool:
        """Whether its options are ranked; otherwise a text is written and the answer found in it."""
        return bool(self.query.asked.options) and self.query.wording.chain is None


class Questions(NamedTuple):
    """The questions of some tasks, ready for any model; and which rows could not be asked.

    Attributes:
      rows: task -> how many rows were tried.
      skipped: task -> row number -> why it was left out: unreadable, bad, skipped by its task, or too long.
      on_purpose: task -> how many of its skipped rows the task itself leaves out (SkipRow).
    """

    items: list[Item]
    rows: dict[str, int]
    skipped: dict[str, dict[int, str]]
    on_purpose: dict[str, int]

    @property
    def left_out(self) -> dict[str, dict[str, Any]]:
        """The counts that `results.with_left_out` keeps, of the tasks that lost rows."""
        return {
            task: {
                "rows": self.rows[task],
                "left_out": len(why),
                "on_purpose": self.on_purpose.get(task, 0),
                "reasons": [f"row {n}: {why[n]}" for n in sorted(why)[:3]],
            }
            for task, why in self.skipped.items()
            if why
        }

    @property
    def digest(self) -> str:
        """16 hex digits that depend on every prompt, option and right answer, and not on their order."""
        asked = (hash64(i.key, i.prompt.text, *i.query.asked.options, "", *i.query.asked.references) for i in self.items)
        return f"{hash64(*sorted(asked)):016x}"


def scoring_layout(features: FeatureConfig, config: EvaluationConfig, tokenizer: Tokenizer) -> Layout:
    """The layout of training with the scoring preset's end of the input."""
    return make_layout(dataclasses.replace(features, input_eos=config.scoring.input_eos), tokenizer)


def ask(tasks: Sequence[Task], config: EvaluationConfig, layout: Layout) -> Questions:
    """Renders every task x template x shots. Nothing here depends on a model.

    A row that cannot be asked under one template is left out under all of them, so that templates are compared on the same
    items.
    """
    asked = Questions([], {}, {}, {})
    for task in tasks:
        why = asked.skipped.setdefault(task.name, {})
        items = _items(task, config, layout, asked)
        if not items:
            reasons = [f"row {n}: {why[n]}" for n in sorted(why)[:3]]
            raise SourceError(f"task {task.name}: none of its evaluation rows can be asked: {reasons}")
        asked.items.extend(items)
    return asked


def _items(task: Task, config: EvaluationConfig, layout: Layout, asked: Questions) -> list[Item]:
    """The items of a task; its rows, and those that are left out, are counted in `asked`."""
    queries, why = list(_queries(task, config, asked)), asked.skipped[task.name]
    prompts = build_prompts([q for _, q in queries], layout.tokenizer, layout.budget._replace(targets=None))
    holes = set()
    for (row, query), prompt in zip(queries, prompts, strict=True):
        if isinstance(prompt, BadRow):
            why.setdefault(row, str(prompt))
            holes.add((row, _setting(query)))
    return [
        Item(row, query, prompt, query.wording.num_shots)
        for (row, query), prompt in zip(queries, prompts, strict=True)
        if not isinstance(prompt, BadRow) and (row, _setting(query)) not in holes
    ]


def _setting(query: Query) -> tuple[int, bool]:
    return query.wording.num_shots, query.wording.style.chain_of_thought


def _queries(task: Task, config: EvaluationConfig, asked: Questions) -> Iterator[tuple[int, Query]]:
    if task.evaluation is None:
        raise SourceError(f"task {task.name} has no evaluation split; set Task(evaluation='validation'), or leave it out")
    rows = task.source.open(task.evaluation)
    few_shot = task.few_shot and max(config.shots) > 0
    shown = few_shot or any(task.templates[i].shots for i in task.forward)
    pool = task.source.open(task.train) if task.train and shown and not task.exemplars else None
    if few_shot and pool is None and not task.exemplars:
        raise SourceError(f"task {task.name} has no training split to take exemplars from; evaluate it with shots=(0,)")
    count = min(config.items or len(rows), len(rows))
    asked.rows[task.name], why = count, asked.skipped[task.name]
    numbers = np.linspace(0, len(rows), count, endpoint=False).astype(int).tolist()
    draws = [Draws(config.seed, "evaluation", task.name, number) for number in numbers]
    for (number, example), drawn in zip(read_examples(task, rows, numbers, draws), draws, strict=True):
        if not isinstance(example, Example):
            why[number] = str(example)
            asked.on_purpose[task.name] = asked.on_purpose.get(task.name, 0) + isinstance(example, SkipRow)
            continue
        try:
            queries = [
                _query(task, example, wording, drawn, pool, kind)
                for wording in _wordings(task, example, config)
                for kind in _demonstrations(example, wording, config)
            ]
        except BadRow as reason:
            why[number] = str(reason)
            continue
        yield from ((number, query) for query in queries)


def _demonstrations(example: Example, wording: Wording, config: EvaluationConfig) -> Iterator[str]:
    """Yields how exemplars are shown; other ways than right ones where there are any, and labels that can be drawn."""
    for kind in config.demonstrations:
        drawn = kind == RANDOM_LABELS and not example.options
        if kind == GOLD or (wording.num_shots and wording.chain is None and not drawn):
            yield kind


def _query(task: Task, example: Example, wording: Wording, draws: Draws, pool: Rows | None, kind: str) -> Query:
    asked = ask_example(task, example, wording, draws, keep_order=True)
    if asked is None:
        raise BadRow(f"template {task.templates[wording.template].name} does not apply to it")
    shown = wording._replace(exemplars=reformatted(kind, wording.exemplars))
    own = pool if wording.num_shots else None
    return Query(task, example, shown, asked, draws, own, None, keep_order=True, demonstrations=kind)


def _wordings(task: Task, example: Example, config: EvaluationConfig) -> Iterator[Wording]:
    for number in task.forward[: config.templates or None]:
        template = task.templates[number]
        options = shows_options(template, example, by_style=config.options)
        exemplars = (template.exemplars or FORMATS)[0]
        asked_for = config.shots if task.few_shot else (0,)
        for shots in asked_for if template.shots is None else (template.shots,):
            for chain in (None, CHAINS_OF_THOUGHT[0]) if config.chain_of_thought and example.rationale else (None,):
                style = Style(shots > 0, options, chain is not None, False)
                yield Wording(number, style, shots, chain=chain, exemplars=exemplars)


def canonical(query: Query) -> tuple[Sequence[str], Sequence[str]]:
    """Returns references and options in the task's own words, so that all wordings of an item are compared by the same answers.

    A wording whose options are its own, not the task's in other words, has its own answers too.
    """
    example, asked = query.example, query.asked
    if example.options and len(asked.options) == len(example.options):
        return example.references, example.options
    return asked.references, asked.options
