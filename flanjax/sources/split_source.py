"""Makes a Source from a Store.

Kinds of sources differ only in their Store, which reads and counts whole splits. SplitSource adds the rest: split
expressions, one shared copy of each split, and pickling.

    class Squares:                                         # a Store
        name = "squares"
        def rows(self, split): return ListRows([{"x": n, "y": n * n} for n in range(100)])
        def num_rows(self, split): return 100

    SplitSource(Squares()).open("train[90%:]")[0]          # {"x": 90, "y": 8100}
"""

from __future__ import annotations

import dataclasses
import hashlib
import threading
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from flanjax.sources import splits
from flanjax.sources.base import Range, Row, Rows, Source, SourceError, where
from flanjax.sources.parts import Parts


class Store(Protocol):
    """Whole splits of one corpus, read again at each call. Raises SourceError if a split is missing or empty."""

    @property
    def name(self) -> str: ...

    def rows(self, split: str) -> Rows: ...

    def num_rows(self, split: str) -> int | None:
        """Returns the split's length, or None if counting costs as much as reading."""
        ...

    # A store that asks another machine has also `is_remote`, which is then true.
    # A store of files has also `fingerprint(split) -> str`: a hash that changes with its files, but not with their place.


def digest(value: object) -> str:
    """Returns a short hash of a value's repr."""
    return hashlib.blake2b(repr(value).encode(), digest_size=8).hexdigest()


class _NotCounted(Exception):
    """A split whose rows can be counted only by reading them."""


class _Cache:
    """Opened splits of one source. It is pickled and copied as an empty cache, so that the source stays small."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._rows: dict[str, Rows] = {}

    def __reduce__(self) -> tuple[type[_Cache], tuple[()]]:
        return _Cache, ()

    def get(self, split: str) -> Rows | None:
        return self._rows.get(split)

    def get_or(self, split: str, read: Callable[[], Rows]) -> Rows:
        with self._lock:
            if split not in self._rows:
                self._rows[split] = read()
            return self._rows[split]


@dataclasses.dataclass(frozen=True)
class SplitSource:
    """A Source over a Store. Every whole split is read once and shared by all expressions that use it."""

    store: Store
    _whole: _Cache = dataclasses.field(default_factory=_Cache, init=False, repr=False, compare=False)
    _opened: _Cache = dataclasses.field(default_factory=_Cache, init=False, repr=False, compare=False)

    @property
    def name(self) -> str:
        return self.store.name

    def open(self, split: str) -> Rows:
        return self._opened.get_or(split, lambda: self._select(split))

    def range(self, split: str) -> tuple[Range, ...]:
        return splits.resolve(split, self._length, self.name)

    def num_rows(self, split: str) -> int:
        return sum(stop - start for _, start, stop in self.range(split))

    def known_rows(self, split: str) -> int | None:
        """Returns the number of rows if it is known without reading rows and without asking another machine; else None."""
        if getattr(self.store, "is_remote", False):
            return None
        try:
            return sum(stop - start for _, start, stop in splits.resolve(split, self._known_length, self.name))
        except _NotCounted:
            return None

    def fingerprint(self, split: str) -> str | None:
        """Returns a hash of the files of a split expression and of the rows taken from them; None if there are no files."""
        find = getattr(self.store, "fingerprint", None)
        if find is None:
            return None
        files = [(find(name), start, stop) for name, start, stop in self.range(split)]
        return None if any(file is None for file, *_ in files) else digest(files)

    def _select(self, split: str) -> Rows:
        ranges = splits.resolve(split, lambda name: len(self._read(name)), self.name)
        return SplitRows(self, split, [(self._read(name), start, stop) for name, start, stop in ranges])

    def _read(self, name: str) -> Rows:
        return self._whole.get_or(name, lambda: self.store.rows(name))

    def _known_length(self, name: str) -> int:
        opened = self._whole.get(name)
        counted = self.store.num_rows(name) if opened is None else len(opened)
        if counted is None:
            raise _NotCounted(name)
        return counted

    def _length(self, name: str) -> int:
        if (opened := self._whole.get(name)) is not None:
            return len(opened)
        counted = self.store.num_rows(name)
        if counted == 0:
            raise SourceError(f"{self.name}: split {name!r} has no rows.")
        return len(self._read(name)) if counted is None else counted


class SplitRows:
    """The rows of a split expression: ranges of whole splits, one after the other.

    It is pickled as (source, expression) and opened again on the other side, so that no data is sent to a worker process.
    """

    def __init__(self, source: Source, split: str, parts: Sequence[tuple[Rows, int, int]]):
        self._source, self._split = source, split
        self._ranges = [(rows, start) for rows, start, _ in parts]
        self._parts = Parts(stop - start for _, start, stop in parts)

    def __len__(self) -> int:
        return len(self._parts)

    def __getitem__(self, index: int, /) -> Row:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int], /) -> list[Row]:
        self._check_bounds(np.asarray(indices, dtype=np.int64))
        return self._parts.gather(indices, self._read)

    def _read(self, part: int, numbers: list[int]) -> list[Row]:
        rows, start = self._ranges[part]
        return rows.__getitems__([start + number for number in numbers])

    def where(self, index: int) -> str:
        """Returns a row's origin for messages: file:line, or the file and the row's number in it."""
        part, number = self._parts.find(index)
        rows, start = self._ranges[part]
        return where(rows, start + number)

    def __reduce__(self) -> tuple[Callable[[str], Rows], tuple[str]]:
        return self._source.open, (self._split,)

    def __repr__(self) -> str:
        return f"SplitRows({self._source.name!r}, {self._split!r}, {len(self)} rows)"

    def _check_bounds(self, wanted: np.ndarray) -> None:
        outside = wanted[(wanted < 0) | (wanted >= len(self))]
        if len(outside):
            # Negative indices are refused too: the plan makes none, so one would be a bug.
            raise IndexError(f"{self._source.name} {self._split!r} has rows 0 to {len(self) - 1}, got index {outside[0]}")
