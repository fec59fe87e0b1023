"""Features: visits of the plan become token ids. One pure function of (entries, visits, seed); nothing depends on the batch."""

import dataclasses
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from flanjax.data.packing import Encoded
from flanjax.data.plan import Visits
from flanjax.data.prompts import Budget, Prompt, Query, TooLong, build_prompts, read_rows
from flanjax.data.tokenizer import Tokenizer
from flanjax.sources import RowError, Rows
from flanjax.tasks.draws import Draws
from flanjax.tasks.mixture import Entry
from flanjax.tasks.render import Wording, choose
from flanjax.tasks.task import BadRow, SkipRow


@dataclasses.dataclass(frozen=True, kw_only=True)
class FeatureConfig:
    """How examples become ids.

    Args:
      inputs_length, targets_length: row lengths [S] and [T], in tokens; also the limits of one example.
      input_eos: whether the input ends with the end of sequence, as T5's and FLAN's do.
      weighting: "tokens" weighs every target token alike, "examples" every example.
    """

    inputs_length: int = 512
    targets_length: int = 128
    input_eos: bool = True
    weighting: Literal["tokens", "examples"] = "tokens"

    def __post_init__(self) -> None:
        for name in ("inputs_length", "targets_length"):
            if getattr(self, name) < 8:
                raise ValueError(f"features.{name} is {getattr(self, name)}, expected at least 8 tokens")
        if self.weighting not in ("tokens", "examples"):
            raise ValueError(f"features.weighting is {self.weighting!r}, expected 'tokens' or 'examples'")

    @property
    def budget(self) -> Budget:
        return Budget(self.inputs_length - self.input_eos, self.targets_length - 1)


class Skipped(NamedTuple):
    """A row that gave no example: bad data, left out by its task on purpose, or too long for the budget."""

    task: int
    row: int
    reason: str
    kind: Literal["bad", "left_out", "too_long"]


class Features(NamedTuple):
    """What some visits gave, in their order."""

    examples: list[Encoded]
    skipped: list[Skipped]
    cut_tokens: np.ndarray  # int64 [tasks]: tokens lost to shortening
    cut_examples: np.ndarray  # int64 [tasks]: examples that lost some


def make_features(
    entries: Sequence[Entry], rows: Sequence[Rows], visits: Visits, tokenizer: Tokenizer, config: FeatureConfig, seed: int
) -> Features:
    """Renders and tokenises the visited rows.

    Args:
      rows: the training rows of each entry's task.
    """
    queries: list[tuple[int, Query]] = []
    skipped: list[Skipped] = []
    for task, row, epoch, read in read_visits(rows, visits):
        entry = entries[task]
        if isinstance(read, RowError):
            skipped.append(Skipped(task, row, str(read), "bad"))
            continue
        try:
            example = entry.task.read(read)
        except SkipRow as reason:
            skipped.append(Skipped(task, row, str(reason) or "left out by the task", "left_out"))
            continue
        except BadRow as reason:
            skipped.append(Skipped(task, row, str(reason), "bad"))
            continue
        draws = Draws(seed, entry.task.name, row, epoch)
        wording = choose(entry.task, example, entry.styles, draws)
        queries.append((task, Query(entry.task, example, wording, draws, rows[task], row)))
    examples: list[Encoded] = []
    cut = np.zeros((2, len(entries)), np.int64)
    for (task, query), prompt in zip(queries, build_prompts([q for _, q in queries], tokenizer, config.budget), strict=True):
        if isinstance(prompt, BadRow):
            kind: Literal["bad", "too_long"] = "too_long" if isinstance(prompt, TooLong) else "bad"
            skipped.append(Skipped(task, query.pool_row or 0, str(prompt), kind))
            continue
        examples.append(_encode(task, query.wording, prompt, tokenizer.eos_id, config))
        cut[0, task] += prompt.cut_tokens
        cut[1, task] += prompt.cut_tokens > 0
    return Features(examples, skipped, cut[0], cut[1])


def read_visits(rows: Sequence[Rows], visits: Visits):
    """(task, row number, epoch, row) in the order of the visits, each task's rows read together."""
    order = np.argsort(visits.task, kind="stable")
    read: list = [None] * len(order)
    for task, at in _groups(visits.task, order):
        for position, row in zip(at.tolist(), read_rows(rows[task], visits.row[at].tolist()), strict=True):
            read[position] = row
    return zip(visits.task.tolist(), visits.row.tolist(), visits.epoch.tolist(), read, strict=True)


def _groups(tasks: np.ndarray, order: np.ndarray):
    present, starts = np.unique(tasks[order], return_index=True)
    return zip(present.tolist(), np.split(order, starts)[1:], strict=True)


def _encode(task: int, wording: Wording, prompt: Prompt, eos_id: int, config: FeatureConfig) -> Encoded:
    inputs = [*prompt.ids, eos_id] if config.input_eos else prompt.ids
    # A shortened target does not end, and must not teach the model to end there.
    targets = prompt.target_ids if prompt.cut_target else [*prompt.target_ids, eos_id]
    weight = 1.0 if config.weighting == "tokens" else 1.0 / len(targets)
    style = wording.style._replace(few_shot=prompt.num_shots > 0)
    return Encoded(np.array(inputs, np.int32), np.array(targets, np.int32), weight, task, wording.template, style.id)
