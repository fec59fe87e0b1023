"""Counts for each task what became of its rows: examples, tokens, what was cut, and what was skipped and why."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from flanjax.data.features import Features, Skipped
from flanjax.tasks.styles import NUM_STYLES

SKIPPED = ("bad", "left_out", "too_long")
_KEPT_REASONS = 3
_NAMED_TASKS = 5
_MIN_ROWS_TO_JUDGE = 50
MAX_FRUITLESS = 2048  # after this many useless examples in a row the run stops
_ALL_BAD = 8  # a task whose first rows, this many, are all bad stops at once: a wrong column, not a bad row


class DataError(ValueError):
    """Too many rows of a task are bad."""


class DataStats:
    """Counts for each task, which can be added up over windows and hosts."""

    FIELDS = ("examples", "input_tokens", "target_tokens", "cut_examples", "cut_tokens", "refused", *SKIPPED)

    def __init__(self, num_tasks: int):
        self.counts = {name: np.zeros(num_tasks, np.int64) for name in self.FIELDS}
        self.styles = np.zeros(NUM_STYLES, np.int64)
        self.rows = 0  # packed rows
        self.reasons: dict[int, list[str]] = {}
        self.filtered: dict[str, dict[int, int]] = {}  # filter -> task -> rows that it leaves out, which count as left_out

    def add(self, features: Features) -> None:
        examples = features.examples
        tasks = np.array([example.task for example in examples], np.int64)
        trained = np.array([example.num_trained for example in examples], np.int64)
        read = np.array([example.num_tokens for example in examples], np.int64) - trained
        np.add.at(self.counts["examples"], tasks, 1)
        np.add.at(self.counts["input_tokens"], tasks, read)
        np.add.at(self.counts["target_tokens"], tasks, trained)
        np.add.at(self.styles, np.array([example.style for example in examples], np.int64), 1)
        self.counts["cut_examples"] += features.cut_examples
        self.counts["cut_tokens"] += features.cut_tokens
        self.counts["refused"] += 0 if features.refused is None else features.refused
        for skipped in features.skipped:
            self._skip(skipped)

    def _skip(self, skipped: Skipped) -> None:
        self.counts[skipped.kind][skipped.task] += 1
        if skipped.filter:
            self._filter(skipped.filter, {skipped.task: 1})
        reason = f"row {skipped.row}: {skipped.reason}"
        self.reasons[skipped.task] = _first([*self.reasons.get(skipped.task, []), reason])

    def _filter(self, name: str, counts: Mapping[int, int]) -> None:
        known = self.filtered.setdefault(name, {})
        for task, count in counts.items():
            known[task] = known.get(task, 0) + count

    def merge(self, other: "DataStats") -> None:
        for name in self.FIELDS:
            self.counts[name] += other.counts[name]
        self.styles += other.styles
        self.rows += other.rows
        for name, counts in other.filtered.items():
            self._filter(name, counts)
        for task, reasons in other.reasons.items():
            self.reasons[task] = _first(self.reasons.get(task, []) + reasons)

    def copy(self) -> "DataStats":
        copied = DataStats(len(self.counts["examples"]))
        copied.merge(self)
        return copied

    def check(self, names: Sequence[str], max_bad_share: float) -> None:
        """Raises DataError if a task has too many bad rows; it names the task, their share and the first reasons."""
        seen = self.counts["examples"] + self.counts["bad"]
        share = self.counts["bad"] / np.maximum(seen, 1)
        judged = (seen >= _MIN_ROWS_TO_JUDGE) | ((seen >= _ALL_BAD) & (share == 1))
        for task in np.flatnonzero(judged & (share > max_bad_share)).tolist():
            raise DataError(
                f"task {names[task]}: {self.counts['bad'][task]} of {seen[task]} rows are bad ({share[task]:.1%}, "
                f"allowed {max_bad_share:.1%}): {'; '.join(self.reasons[task])}. "
                "Mend the task's `example` or its data, or raise data.max_bad_share"
            )

    def nothing_to_train_on(self, examples: int, names: Sequence[str]) -> DataError:
        """Returns the error for `examples` examples that gave nothing; it explains what became of the first tasks' rows."""
        skipped = np.sum([self.counts[name] for name in SKIPPED], axis=0)
        tasks = [task for task in np.argsort(-skipped, kind="stable").tolist() if skipped[task]]
        more = f" and {len(tasks) - _NAMED_TASKS} more tasks" if len(tasks) > _NAMED_TASKS else ""
        return DataError(
            f"{examples:,} examples one after another give nothing to train on. "
            f"{'; '.join(self.why_skipped(task, names) for task in tasks[:_NAMED_TASKS])}{more}. If rows are too long, raise "
            "data.features.inputs_length or targets_length, or name fields that may be shortened in the task's long_fields"
        )

    def without_examples(self) -> list[int]:
        """Returns the tasks of which enough rows were seen to know that almost none gives an example."""
        skipped = np.sum([self.counts[name] for name in SKIPPED], axis=0)
        return np.flatnonzero((skipped >= _MIN_ROWS_TO_JUDGE) & (self.counts["examples"] == 0)).tolist()

    def why_skipped(self, task: int, names: Sequence[str]) -> str:
        """Returns how many rows of a task were skipped, and the first reasons, in words."""
        counts = {name.replace("_", " "): int(self.counts[name][task]) for name in SKIPPED}
        said = ", ".join(f"{count:,} {name}" for name, count in counts.items() if count)
        return f"task {names[task]}: {said} ({'; '.join(self.reasons.get(task, []))})"

    def to_json(self) -> dict[str, Any]:
        return {
            "counts": {name: values.tolist() for name, values in self.counts.items()},
            "styles": self.styles.tolist(),
            "rows": self.rows,
            "reasons": {str(k): v for k, v in self.reasons.items()},
            "filtered": {name: {str(k): v for k, v in counts.items()} for name, counts in self.filtered.items()},
        }

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> "DataStats":
        stats = cls(len(record["counts"]["examples"]))
        counted = {"refused": [0] * len(record["counts"]["examples"]), **record["counts"]}  # older records do not count these
        for name, counts in (*((n, counted[n]) for n in cls.FIELDS), ("styles", record["styles"])):
            held = stats.styles if name == "styles" else stats.counts[name]
            if np.shape(counts) != held.shape or np.min(counts, initial=0) < 0:
                raise ValueError(f"the counts of {name} are {str(counts)[:60]}, expected {len(held)} numbers of 0 and more")
            held[:] = counts
        stats.rows = record["rows"]
        stats.reasons = {int(k): list(v) for k, v in record["reasons"].items()}
        for name, counts in record.get("filtered", {}).items():  # older records have no filters
            stats._filter(name, {int(k): int(v) for k, v in counts.items()})
        return stats


def _first(reasons: Iterable[str]) -> list[str]:
    """Returns the reasons of the lowest rows, so that it makes no difference in which order windows and hosts are added up."""
    return sorted(set(reasons), key=lambda reason: (int(reason.removeprefix("row ").partition(":")[0]), reason))[:_KEPT_REASONS]
