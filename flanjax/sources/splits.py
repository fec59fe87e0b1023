"""Split expressions: `train`, `train[:30000]`, `train[90%:]`, `train[-200:]`, `validation[10:20]+test`.

Bounds work as in Python slices: negative ones count from the end, and those past the end stop there, so that
"train[:30000]" means "at most 30,000". Percentages are rounded to the nearest row, and a negative one is the same
cut as its complement, so that "train[:90%]" and "train[-10%:]" always share the split without gap or overlap.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction

from flanjax.sources.base import Range, SourceError

_BOUND = r"-?\d+(?:\.\d+%|(?:_\d+)*%?)"
_PART = re.compile(rf"\s*(?P<name>[^\s\[\]+]+)(?:\[\s*(?P<start>{_BOUND})?\s*:\s*(?P<stop>{_BOUND})?\s*\])?\s*")


def resolve(expression: str, length_of: Callable[[str], int], owner: str) -> tuple[Range, ...]:
    """Returns the ranges of an expression, in order; `length_of(name)` is the length of a whole split.

    Raises SourceError for a malformed expression, an empty part, or parts that share rows: if a row had two indices, an
    exemplar could be the query's own row.

    >>> resolve("train[80%:]+test[:2]", {"train": 10, "test": 5}.__getitem__, "toy")
    (Range(split='train', start=8, stop=10), Range(split='test', start=0, stop=2))
    """
    ranges: list[Range] = []
    for text in expression.split("+"):
        found = _resolve_part(text, expression, length_of, owner)
        for other in ranges:
            if other.split == found.split and other.start < found.stop and found.start < other.stop:
                shared = f"{max(other.start, found.start)}:{min(other.stop, found.stop)}"
                raise SourceError(f"{owner}: {expression!r} takes {found.split}[{shared}] twice.")
        ranges.append(found)
    return tuple(ranges)


def _resolve_part(text: str, expression: str, length_of: Callable[[str], int], owner: str) -> Range:
    match = _PART.fullmatch(text)
    if match is None:
        raise SourceError(
            f"{owner}: cannot read split {expression!r} at {text!r}. "
            "Expected name, name[a:b] or a + of these, a and b rows or percentages, as in train[:30_000]+test[-10%:]."
        )
    name = match["name"]
    length = length_of(name)
    start = _row(match["start"] or "0", length, expression, owner)
    stop = length if match["stop"] is None else _row(match["stop"], length, expression, owner)
    if start >= stop:
        raise SourceError(f"{owner}: {text.strip()!r} is empty: {name} has {length} rows, this is {start} to {stop}.")
    return Range(name, start, stop)


def _row(bound: str, length: int, expression: str, owner: str) -> int:
    if not bound.endswith("%"):
        row = int(bound)
        return max(length + row, 0) if row < 0 else min(row, length)
    percent = Fraction(bound[:-1])
    if abs(percent) > 100:
        raise SourceError(f"{owner}: {bound} in split {expression!r} is not between -100% and 100%.")
    return round(length * (percent + 100 if bound.startswith("-") else percent) / 100)
