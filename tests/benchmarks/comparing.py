"""Ours beside a peer, by turns: the same work, the same result, and only then rates and the spread of their ratio."""

import contextlib
import dataclasses
import json
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from .sides import SideError

Log = Callable[[str], None]
OURS, THEIRS = 0, 1
WARM_UPS = 2  # an engine compiles once more when it has seen how long texts are


class Asked(Protocol):
    """A side of a comparison (sides.py), and what it is asked:

    make() of ours alone: leaves the work in the folder; {"said": a line about it, ...}
    check(): name -> what both must have computed
    tune(keys) of theirs alone: key -> the settings that serve it best
    run(key, settings): {"seconds", "work", ...}
    facts(): whatever should be on record
    """

    def ask(self, question: str, *arguments: Any) -> Any: ...


@dataclasses.dataclass(frozen=True)
class Comparison:
    """What is compared with whom.

    Attributes:
      name: of the whole.
      units: key -> unit of its rates; what a side's `run` calls work, a second.
      job: what both sides read in FOLDER/job.json.
      ours, theirs: folder -> the side, started.
      tolerance: end of a check's name -> how far its numbers may lie apart, relative to ours; else they must be equal.
      together: whether both sides may live at the same time. On an accelerator each would hold memory that the other needs.
      rewarm: untimed runs before each timed one but the first. A virtual machine may have given the memory of a stopped process
        away, and the first training step then takes half as long again.
    """

    name: str
    units: Mapping[str, str]
    job: Mapping[str, Any]
    ours: Callable[[Path], AbstractContextManager[Asked]]
    theirs: Callable[[Path], AbstractContextManager[Asked]]
    tolerance: Mapping[str, float] = dataclasses.field(default_factory=dict)
    together: bool = True
    rewarm: int = 0


class Refused(Exception):
    """The two sides do not compute the same, so that no speed is compared."""


class Measured(NamedTuple):
    """The figures of a key: what each side told of each round, and the facts of both."""

    unit: str
    rounds: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]]
    facts: Mapping[str, Any]

    @property
    def ratios(self) -> list[float]:
        return [rate(ours) / rate(theirs) for ours, theirs in self.rounds]

    def spread(self) -> dict[str, Any]:
        """Ratios and rates as the JSON holds them."""
        rates = [[rate(told[side]) for told in self.rounds] for side in (OURS, THEIRS)]
        return {
            "unit": self.unit,
            "median": statistics.median(self.ratios),
            "least": min(self.ratios),
            "most": max(self.ratios),
            "ratios": self.ratios,
            "ours": rates[OURS],
            "theirs": rates[THEIRS],
        }


def rate(told: Mapping[str, Any]) -> float:
    return told["work"] / told["seconds"]


def compare(comparison: Comparison, folder: Path, rounds: int, log: Log) -> Mapping[str, Measured | str]:
    """Returns for every key what was measured, or why nothing could be."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "job.json").write_text(json.dumps(comparison.job))
    try:
        with contextlib.ExitStack() as kept:
            return _compare(comparison, _Sides(comparison, folder, kept), rounds, log)
    except (SideError, Refused, OSError) as error:
        log(f"{comparison.name}: not measured: {error}")
        return dict.fromkeys(comparison.units, str(error))


def _compare(comparison: Comparison, sides: "_Sides", rounds: int, log: Log) -> dict[str, Measured | str]:
    with sides.use(OURS) as (ours, _):
        facts = {"work": ours.ask("make")}
        log(f"{comparison.name}: {facts['work'].get('said', 'ready')}")
        expected = ours.ask("check")
    with sides.use(THEIRS) as (theirs, _):
        if wrong := differences(expected, theirs.ask("check"), comparison.tolerance):
            raise Refused(f"the two sides do not compute the same: {'; '.join(wrong[:4])}")
        more = f" and {len(expected) - 4} more" if len(expected) > 4 else ""
        log(f"{comparison.name}: both compute the same: {'; '.join(list(expected)[:4])}{more}")
        settings = theirs.ask("tune", list(comparison.units))
    told: dict[str, list[Any]] = {key: [] for key in comparison.units}
    for number in range(rounds):
        seen: list[dict[str, Any]] = [{}, {}]
        # Who is first in one round is second in the next.
        for side in (OURS, THEIRS) if number % 2 == 0 else (THEIRS, OURS):
            with sides.use(side) as (asked, warmed):
                for key in comparison.units:
                    given = settings.get(key) if side == THEIRS else None
                    for _ in range(comparison.rewarm if key in warmed else WARM_UPS):
                        asked.ask("run", key, given)
                    warmed.add(key)
                    seen[side][key] = asked.ask("run", key, given)
                if number == rounds - 1:
                    facts["theirs" if side == THEIRS else "ours"] = asked.ask("facts")
        for key in comparison.units:
            told[key].append((seen[OURS][key], seen[THEIRS][key]))
            mine, peers = (rate(seen[side][key]) for side in (OURS, THEIRS))
            log(f"  {key} {number + 1}/{rounds}: {mine:,.1f} and {peers:,.1f} {comparison.units[key]}: {mine / peers:.2f}")
    return {key: Measured(unit, told[key], {**facts, "settings": settings.get(key)}) for key, unit in comparison.units.items()}


class _Sides:
    """Both sides: started once if they may live together, otherwise for each use."""

    def __init__(self, comparison: Comparison, folder: Path, kept: contextlib.ExitStack):
        self._open, self._folder = (comparison.ours, comparison.theirs), folder
        self._kept = kept if comparison.together else None
        self._started: dict[int, tuple[Asked, set[str]]] = {}

    @contextlib.contextmanager
    def use(self, side: int) -> Iterator[tuple[Asked, set[str]]]:
        """Gives the side, and the keys that it has run already."""
        if self._kept is None:
            with self._open[side](self._folder) as asked:
                yield asked, set()
            return
        if side not in self._started:
            self._started[side] = self._kept.enter_context(self._open[side](self._folder)), set()
        yield self._started[side]


def differences(ours: Mapping[str, Any], theirs: Mapping[str, Any], tolerance: Mapping[str, float]) -> list[str]:
    """Returns what the two sides do not agree on, in words.

    >>> differences({"loss": 1.0, "ids": [1, 2]}, {"loss": 1.00001, "ids": [1, 3]}, {"loss": 1e-4})
    ['ids: ours [1, 2], theirs [1, 3]']
    """
    wrong = [f"{name} is only {'ours' if name in ours else 'theirs'}" for name in sorted(ours.keys() ^ theirs.keys())]
    for name in ours.keys() & theirs.keys():
        allowed = next((value for end, value in tolerance.items() if name.endswith(end)), 0.0)
        if not _alike(ours[name], theirs[name], allowed):
            wrong.append(f"{name}: ours {_short(ours[name])}, theirs {_short(theirs[name])}")
    return wrong


def _alike(ours: Any, theirs: Any, allowed: float) -> bool:
    if isinstance(ours, list) and isinstance(theirs, list):
        return len(ours) == len(theirs) and all(_alike(a, b, allowed) for a, b in zip(ours, theirs, strict=True))
    if allowed and isinstance(ours, int | float) and isinstance(theirs, int | float):
        return abs(ours - theirs) <= allowed * abs(ours)  # False for NaN
    return ours == theirs and ours == ours


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
