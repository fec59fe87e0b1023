"""Rows that lie in several parts (files, row groups, ranges of splits), numbered through all of them.

>>> parts = Parts([2, 3])
>>> parts.find(3)
(1, 1)
>>> parts.gather([4, 0], lambda part, numbers: [f"{part}:{n}" for n in numbers])
['1:2', '0:0']
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import numpy as np

T = TypeVar("T")


class Parts:
    """Parts of known sizes, one after the other."""

    def __init__(self, sizes: Iterable[int]):
        self._firsts = np.cumsum([0, *sizes])  # int64 [parts + 1]

    def __len__(self) -> int:
        """The number of rows of all parts."""
        return int(self._firsts[-1])

    def find(self, index: int) -> tuple[int, int]:
        """Returns the part of a row, and the row's number in it."""
        part = int(np.searchsorted(self._firsts, index, side="right")) - 1
        return part, index - int(self._firsts[part])

    def gather(self, indices: Sequence[int], read: Callable[[int, list[int]], Sequence[T]]) -> list[T]:
        """Returns the rows in the order of the indices; each part is read once.

        Args:
          read: (part, numbers in it) -> its rows in that order.
        """
        if len(self._firsts) == 2:  # one part, as most splits are
            return list(read(0, list(indices)))
        wanted = np.asarray(indices, dtype=np.int64)
        part_of = np.searchsorted(self._firsts, wanted, side="right") - 1
        found: dict[int, T] = {}
        for part in np.unique(part_of).tolist():
            places = np.flatnonzero(part_of == part)
            rows = read(part, (wanted[places] - self._firsts[part]).tolist())
            found.update(zip(places.tolist(), rows, strict=True))
        return [found[place] for place in range(len(wanted))]
