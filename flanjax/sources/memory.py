"""Rows from Python: a list of dicts, or a function that returns one."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence

from flanjax.sources.base import Row, Source, SourceError, unknown
from flanjax.sources.split_source import SplitSource
from flanjax.tasks import user_code

RowList = Sequence[Row]


def rows(name: str, /, **splits: RowList | Callable[[], RowList]) -> Source:
    """Returns a source of Python rows, named "rows:<name>". A function is called once, when its split is first needed.

    >>> rows("capitals", train=[{"country": "Peru", "capital": "Lima"}]).open("train")[0]["capital"]
    'Lima'
    """
    if not splits:
        raise SourceError(f"rows({name!r}) needs at least one split, as in rows({name!r}, train=[...]).")
    return SplitSource(MemoryStore(f"rows:{name}", splits))


class ListRows:
    """A list of rows as Rows."""

    def __init__(self, items: RowList):
        self._items = items

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, index: int, /) -> Row:
        return self._items[index]

    def __getitems__(self, indices: Sequence[int], /) -> list[Row]:
        return [self._items[i] for i in indices]


@dataclasses.dataclass(frozen=True, eq=False)  # compared by identity: lists have no hash
class MemoryStore:
    name: str
    splits: Mapping[str, RowList | Callable[[], RowList]] = dataclasses.field(repr=False)

    def rows(self, split: str) -> ListRows:
        given = self._given(split)
        if callable(given):
            try:
                given = user_code.call(given)
            except user_code.UserCodeError as error:
                raise SourceError(f"{self.name}: split {split!r}: {error}") from error
        self._check(split, given)
        return ListRows(given)

    def num_rows(self, split: str) -> int | None:
        given = self._given(split)
        return len(given) if isinstance(given, Sequence) else None

    def _given(self, split: str) -> RowList | Callable[[], RowList]:
        if split not in self.splits:
            raise unknown("split", split, self.name, self.splits)
        return self.splits[split]

    def _check(self, split: str, items: RowList) -> None:
        if not isinstance(items, Sequence) or isinstance(items, str):
            raise SourceError(f"{self.name}: split {split!r} must be a list of dicts, got {type(items).__name__}.")
        if not items:
            raise SourceError(f"{self.name}: split {split!r} has no rows.")
        for place, item in enumerate(items):
            if not isinstance(item, Mapping):
                raise SourceError(f"{self.name}: row {place} of {split!r} must be a dict, got {type(item).__name__}.")
