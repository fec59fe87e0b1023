"""Rows of tables that are read in pieces, each when one of its rows is first asked for.

Decoded pieces share a budget of memory. A piece that does not fit is written once as an Arrow file into the kept folder
(kept.py) and memory-mapped from there, also by other processes and at the next start; if nothing is kept, it is decoded again.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from flanjax.sources import kept
from flanjax.sources.arrow import ArrowRows
from flanjax.sources.base import Row
from flanjax.sources.parts import Parts
from flanjax.sources.recent import Recent

_BUDGET_BYTES = 256 << 20
_MAPPED_COST = 16 << 10  # so that a process has at most 16,384 maps, a quarter of what Linux allows
_OPENED: Recent[ArrowRows] = Recent(_BUDGET_BYTES)


class Piece(NamedTuple):
    """Consecutive rows of one file.

    Attributes:
      file: what the file is called in messages.
      first: the number of the piece's first row in its file.
      read: () -> its table.
      state: the file's state if a decoded copy may be kept; None if `read` maps the file itself.
    """

    file: str
    first: int
    num_rows: int
    read: Callable[[], pa.Table]
    state: kept.State | None = None


class PieceRows:
    """The rows of pieces, one after the other."""

    def __init__(self, pieces: Sequence[Piece]):
        self._pieces = tuple(pieces)
        self._parts = Parts(piece.num_rows for piece in pieces)

    def __len__(self) -> int:
        return len(self._parts)

    def __getitem__(self, index: int, /) -> Row:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int], /) -> list[Row]:
        return self._parts.gather(indices, lambda number, within: self._open(number).__getitems__(within))

    def where(self, index: int) -> str:
        """Returns the file of a row, and the row's number in it, from 0."""
        number, within = self._parts.find(index)
        piece = self._pieces[number]
        return f"{piece.file}: row {piece.first + within}"

    def _open(self, number: int) -> ArrowRows:
        piece = self._pieces[number]
        key = (piece.file, piece.first, piece.num_rows, piece.state)
        return _OPENED.get(key, functools.partial(_opened, piece))


def _opened(piece: Piece) -> tuple[ArrowRows, int]:
    """Returns the rows of a piece, and what they cost in memory."""
    rows = functools.partial(ArrowRows, name=piece.file, first=piece.first)
    mapped = functools.partial(rows, merge_up_to_bytes=0)  # a merged table would be a copy
    if piece.state is None:
        return mapped(piece.read()), _MAPPED_COST
    place = kept.table_place(piece.state, (piece.first, piece.num_rows))
    if place is not None and place.exists():
        return mapped(map_file(place)), _MAPPED_COST
    # For many small tables, Arrow's own allocator takes twice the memory, and most of the time of decoding.
    pa.set_memory_pool(pa.system_memory_pool())
    table = piece.read()
    if place is None or _OPENED.has_room(table.nbytes):
        return rows(table), table.nbytes
    if not kept.write_table(place, functools.partial(_write, table), table.nbytes):
        return rows(table), table.nbytes
    return mapped(map_file(place)), _MAPPED_COST


def map_file(place: Path) -> pa.Table:
    """Returns the table of an Arrow file, memory-mapped; the file itself does not stay open."""
    with pa.memory_map(str(place)) as source:
        return pa.ipc.open_file(source).read_all()


def _write(table: pa.Table, place: str) -> None:
    with pa.OSFile(place, "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table.combine_chunks())
