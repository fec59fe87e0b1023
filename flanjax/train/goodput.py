"""Goodput: the share of a run's wall time that went into steps which count, over all its restarts.

Not in steps are starting, compiling, saving, evaluating, waiting for a stop, and steps that were lost by a kill and trained
again. The time between two starts, when no process runs, is not counted at all.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any

Record = Mapping[str, Any]


class Goodput:
    """Counts the seconds of one start of a run, after those of the earlier ones.

    Args:
      earlier: the records that metrics.jsonl held when this start began, those that it drops included: their steps are lost,
        and their time is not.
      start: the step that the run goes on from.
      began: time.perf_counter() when this start began; None for now.
    """

    def __init__(self, earlier: Sequence[Record] = (), start: int = 0, began: float | None = None):
        counted = [r for r in earlier if "wall_seconds" in r]
        kept = [r for r in counted if r["step"] <= start]
        self._before = max((r["wall_seconds"] for r in counted), default=0.0)
        self._in_steps = kept[-1]["goodput"] * kept[-1]["wall_seconds"] if kept else 0.0
        self._began = time.perf_counter() if began is None else began

    def add(self, seconds: float) -> None:
        """Time that went into steps."""
        self._in_steps += seconds

    def read(self) -> dict[str, float]:
        """What a record of metrics.jsonl holds: the share so far, and the seconds that it is a share of."""
        wall = max(self._before + time.perf_counter() - self._began, 1e-9)
        return {"goodput": min(self._in_steps / wall, 1.0), "wall_seconds": wall}


def latest(records: Sequence[Record]) -> float | None:
    """The goodput of a run by its records; None where none holds it."""
    return next((r["goodput"] for r in reversed(records) if "goodput" in r), None)
