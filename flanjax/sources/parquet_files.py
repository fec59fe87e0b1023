"""Parquet files as rows. The footers tell how many rows there are; groups of rows are decoded when they are read."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
from etils import epath

from flanjax.sources import kept
from flanjax.sources.base import SourceError
from flanjax.sources.pieces import Piece, PieceRows

_PIECE_BYTES = 16 << 20  # before compression: a small file is one piece, and a piece of a large one is decoded in 0.1 s


class Footer(NamedTuple):
    """What is needed of a file's footer.

    Attributes:
      schema: the columns' names and types, as text.
      groups: [first row group, the one after the last, number of rows] of each piece.
    """

    columns: list[str]
    schema: str
    groups: list[list[int]]

    @property
    def num_rows(self) -> int:
        return sum(rows for *_, rows in self.groups)


def read_parquet(paths: Sequence[epath.Path], owner: str) -> PieceRows:
    """Returns the rows of Parquet files with the same schema. Nothing is decoded yet."""
    footers = [read_footer(path, owner) for path in paths]
    for path, footer in zip(paths, footers, strict=True):
        if footer.columns != footers[0].columns:
            raise SourceError(f"{owner}: {path} has columns {footer.columns}, but {paths[0]} has {footers[0].columns}.")
        if footer.schema != footers[0].schema:
            raise SourceError(f"{owner}: {path} and {paths[0]} differ in schema: {footer.schema}; {footers[0].schema}")
    if not any(footer.num_rows for footer in footers):
        raise SourceError(f"{owner}: {', '.join(map(str, paths))} has no rows.")
    return PieceRows([piece for path, footer in zip(paths, footers, strict=True) for piece in _pieces(path, footer, owner)])


def count_parquet(paths: Sequence[epath.Path], owner: str) -> int:
    """Returns the number of rows; reads only the files' footers, and those only if the index does not know them."""
    return sum(read_footer(path, owner).num_rows for path in paths)


def read_footer(path: epath.Path, owner: str) -> Footer:
    return Footer(*kept.about(path, "parquet", functools.partial(_read_footer, path, owner)))


def _read_footer(path: epath.Path, owner: str) -> list[Any]:
    with _open(path, owner) as file:
        groups: list[list[int]] = []
        size = 0
        for number in range(file.metadata.num_row_groups):
            group = file.metadata.row_group(number)
            if groups and size + group.total_byte_size <= _PIECE_BYTES:
                groups[-1] = [groups[-1][0], number + 1, groups[-1][2] + group.num_rows]
                size += group.total_byte_size
            elif group.num_rows:
                groups.append([number, number + 1, group.num_rows])
                size = group.total_byte_size
        schema = file.schema_arrow
        return [schema.names, ", ".join(f"{field.name}: {field.type}" for field in schema), groups]


def _pieces(path: epath.Path, footer: Footer, owner: str) -> Iterator[Piece]:
    state = kept.state_of(path)
    first = 0
    for start, stop, rows in footer.groups:
        yield Piece(str(path), first, rows, functools.partial(_read_groups, path, owner, start, stop, rows), state)
        first += rows


def _read_groups(path: epath.Path, owner: str, start: int, stop: int, num_rows: int) -> pa.Table:
    with _open(path, owner) as file:
        if stop > file.metadata.num_row_groups:
            raise SourceError(f"{owner}: {path} has changed since its rows were counted.")
        # Arrow's threads would take ten times as long for a small piece on a busy machine.
        table = file.read_row_groups(range(start, stop), use_threads=False)
    if len(table) != num_rows:
        raise SourceError(f"{owner}: {path} has changed since its rows were counted.")
    return table


@contextlib.contextmanager
def _open(path: epath.Path, owner: str) -> Iterator[pq.ParquetFile]:
    if path.stat().length == 0:
        raise SourceError(f"{owner}: {path} is an empty file (0 bytes).")
    # Of a remote file, Arrow reads the needed parts through the file object.
    with path.open("rb") if "://" in str(path) else pa.memory_map(str(path)) as source:
        try:
            with pq.ParquetFile(source) as file:
                yield file
        except (pa.ArrowException, OSError) as e:
            raise SourceError(f"{owner}: cannot read {path} as Parquet: {e}") from e
