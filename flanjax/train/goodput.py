"""Goodput: the share of a run's wall time, over all its restarts, that was spent in steps which the run kept.

The rest is starting, compiling, saving, evaluating, waiting for a stop, and steps that were lost when a process was killed and
had to be trained again. The time between two starts, when no process runs, is not counted at all.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any

Record = Mapping[str, Any]


class Goodput:
    """Counts the seconds of one start of a run, and adds them to those of the earlier starts.

    Args:
      earlier: the records that metrics.jsonl held when this start began, with those that this start drops: their steps are
        lost, but the time that they took still counts.
      start: the step that the run continues from.
      began: time.perf_counter() when this start began; None for now.
    """

    def __init__(self, earlier: Sequence[Record] = (), start: int = 0, began: float | None = None):
        counted = [r for r in earlier if "wall_seconds" in r]
        kept = [r for r in counted if r["step"] <= start]
        self._before = max((r["wall_seconds"] for r in counted), default=0.0)
        self._in_steps = kept[-1]["goodput"] * kept[-1]["wall_seconds"] if kept else 0.0
        self._began = time.perf_counter() if began is None else began

    def add(self, seconds: float) -> None:
        """Adds time that was spent in steps."""
        self._in_steps += seconds

    def read(self) -> dict[str, float]:
        """Returns the fields of a record of metrics.jsonl: the goodput so far, and the wall time in seconds."""
        wall = max(self._before + time.perf_counter() - self._began, 1e-9)
        return {"goodput": min(self._in_steps / wall, 1.0), "wall_seconds": wall}


def latest(records: Sequence[Record]) -> float | None:
    """Returns the latest goodput in a run's records; None if no record has one."""
    return next((r["goodput"] for r in reversed(records) if "goodput" in r), None)
