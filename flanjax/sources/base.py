"""Sources are named corpora whose rows are read by index. This module has their interface and errors."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

Row = Mapping[str, Any]


class SourceError(ValueError):
    """A source, configuration, split or file that is missing, empty or malformed."""


class RowError(ValueError):
    """A row that cannot be read. The message starts with file:line."""


class Range(NamedTuple):
    """Rows start <= i < stop of a whole split."""

    split: str
    start: int
    stop: int


class Rows(Protocol):
    """Random access to the rows of a split. Rows are shared: read them, do not change them."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Row: ...

    def __getitems__(self, indices: Sequence[int], /) -> list[Row]: ...


class Source(Protocol):
    """A named corpus. `name` is its identity, e.g. "hub:nyu-mll/glue/rte", and its lineage unless a task declares more."""

    @property
    def name(self) -> str: ...

    def open(self, split: str) -> Rows:
        """Returns the rows of a split expression, such as "train[:30000]" or "validation+test" (see splits.py)."""
        ...

    def range(self, split: str) -> tuple[Range, ...]:
        """Returns the expression as ranges of whole splits, which show whether two expressions overlap."""
        ...

    def num_rows(self, split: str) -> int:
        """Returns the number of rows of a split expression, from metadata if the format has any."""
        ...


def where(rows: Rows, index: int) -> str:
    """Returns a row's origin for messages: file:line, or the file and the row's number in it, or else only its number."""
    find = getattr(rows, "where", None)
    return f"row {index}" if find is None else str(find(index))


def known_rows(source: Any, split: str) -> int | None:
    """Returns the number of rows of a split if the source can tell it without reading rows or asking another machine."""
    find = getattr(source, "known_rows", None)
    return None if find is None else find(split)


def unknown(what: str, got: str, owner: str, candidates: Iterable[str]) -> SourceError:
    """Returns the error for a name that `owner` does not have, with up to 20 of its names and the nearest ones."""
    names = sorted(candidates)
    listed = ", ".join(names[:20]) + (f", … ({len(names)} in all)" if len(names) > 20 else "")
    near = nearest(got, names)
    hint = f" Nearest: {', '.join(near)}." if near else ""
    return SourceError(f"{owner} has no {what} {got!r}. It has: {listed or 'none'}.{hint}")


def nearest(name: str, candidates: Iterable[str], limit: int = 3) -> list[str]:
    """Returns up to `limit` candidates that resemble `name`, best first. "glue" is as near to "nyu-mll/glue" as to "glue"."""

    def likeness(candidate: str) -> float:
        asked, known = name.casefold(), candidate.casefold()
        pairs = [(asked, known), (asked.rpartition("/")[2], known.rpartition("/")[2])]
        return max(difflib.SequenceMatcher(None, a, b).ratio() for a, b in pairs)

    scored = sorted(((likeness(c), c) for c in candidates), key=lambda pair: (-pair[0], pair[1]))
    return [candidate for score, candidate in scored[:limit] if score >= 0.6]
