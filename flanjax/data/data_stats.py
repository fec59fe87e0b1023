"""Counts of what the pipeline made of each task's rows: examples, tokens, what was cut, what was skipped and why."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from flanjax.data.features import Features, Skipped
from flanjax.tasks.styles import NUM_STYLES

_KEPT_REASONS = 3
_MIN_ROWS_TO_JUDGE = 50
_ALL_BAD = 8  # as many rows without one good are judged at once: a wrong column, not a bad row


class DataError(ValueError):
    """Too many rows of a task are bad."""


class Tally:
    """Per-task counts, additive over windows and hosts."""

    FIELDS = ("examples", "input_tokens", "target_tokens", "cut_examples", "cut_tokens", "bad", "left_out", "too_long")

    def __init__(self, num_tasks: int):
        self.counts = {name: np.zeros(num_tasks, np.int64) for name in self.FIELDS}
        self.styles = np.zeros(NUM_STYLES, np.int64)
        self.rows = 0  # packed
        self.reasons: dict[int, list[str]] = {}

    def add(self, features: Features) -> None:
        for example in features.examples:
            self.counts["examples"][example.task] += 1
            self.counts["input_tokens"][example.task] += example.num_tokens - example.num_trained
            self.counts["target_tokens"][example.task] += example.num_trained
            self.styles[example.style] += 1
        self.counts["cut_examples"] += features.cut_examples
        self.counts["cut_tokens"] += features.cut_tokens
        for skipped in features.skipped:
            self._skip(skipped)

    def _skip(self, skipped: Skipped) -> None:
        self.counts[skipped.kind][skipped.task] += 1
        kept = self.reasons.setdefault(skipped.task, [])
        if len(kept) < _KEPT_REASONS:
            kept.append(f"row {skipped.row}: {skipped.reason}")

    def merge(self, other: "Tally") -> None:
        for name in self.FIELDS:
            self.counts[name] += other.counts[name]
        self.styles += other.styles
        self.rows += other.rows
        for task, reasons in other.reasons.items():
            self.reasons[task] = (self.reasons.get(task, []) + reasons)[:_KEPT_REASONS]

    def copy(self) -> "Tally":
        copied = Tally(len(self.counts["examples"]))
        copied.merge(self)
        return copied

    def check(self, names: Sequence[str], max_bad_share: float) -> None:
        """Raises DataError naming the task, its share of bad rows and the first reasons, once one has too many."""
        seen = self.counts["examples"] + self.counts["bad"]
        share = self.counts["bad"] / np.maximum(seen, 1)
        judged = (seen >= _MIN_ROWS_TO_JUDGE) | ((seen >= _ALL_BAD) & (share == 1))
        for task in np.flatnonzero(judged & (share > max_bad_share)).tolist():
            raise DataError(
                f"task {names[task]}: {self.counts['bad'][task]} of {seen[task]} rows are bad ({share[task]:.1%}, "
                f"allowed {max_bad_share:.1%}): {'; '.join(self.reasons[task])}. "
                "Mend the task's `example` or its data, or raise data.max_bad_share"
            )

    def to_json(self) -> dict[str, Any]:
        return {
            "counts": {name: values.tolist() for name, values in self.counts.items()},
            "styles": self.styles.tolist(),
            "rows": self.rows,
            "reasons": {str(k): v for k, v in self.reasons.items()},
        }

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> "Tally":
        tally = cls(len(record["counts"]["examples"]))
        for name, counts in (*((n, record["counts"][n]) for n in cls.FIELDS), ("styles", record["styles"])):
            held = tally.styles if name == "styles" else tally.counts[name]
            if np.shape(counts) != held.shape or np.min(counts, initial=0) < 0:
                raise ValueError(f"the counts of {name} are {str(counts)[:60]}, expected {len(held)} numbers of 0 and more")
            held[:] = counts
        tally.rows = record["rows"]
        tally.reasons = {int(k): list(v) for k, v in record["reasons"].items()}
        return tally
