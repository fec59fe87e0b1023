"""Rows of comma- and tab-separated tables, which are read as a whole."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from etils import epath

from flanjax.sources import kept
from flanjax.sources.base import Row, RowError, SourceError


class TableRows:
    """Rows of comma- or tab-separated files, in memory. A malformed row is an error when it is read, not before."""

    def __init__(self, rows: Sequence[Row | RowError], places: Sequence[tuple[str, int]]):
        self._rows, self._places = rows, places

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int, /) -> Row:
        row = self._rows[index]
        if isinstance(row, RowError):
            raise RowError(f"{self.where(index)}: {row}")
        return row

    def __getitems__(self, indices: Sequence[int], /) -> list[Row]:
        return [self[i] for i in indices]

    def where(self, index: int) -> str:
        """Returns file:line of a row; the first line if it has several."""
        path, line = self._places[index]
        return f"{path}:{line}"


def known_rows(paths: Sequence[epath.Path], kind: str) -> int | None:
    """Returns the number of rows of files that were read before as "csv" or "tsv"; None if one was not."""
    counts = [kept.known(path, kind) for path in paths]
    return None if None in counts else sum(map(int, counts))  # type: ignore[arg-type]


def read_csv(paths: Sequence[epath.Path]) -> TableRows:
    """Returns all rows, with strings as values. Quotes and line breaks inside quotes follow RFC 4180."""
    return _read_tables(paths, "csv", {"delimiter": ",", "strict": True})


def read_tsv(paths: Sequence[epath.Path]) -> TableRows:
    """Returns all rows, with strings as values. Quotes have no special meaning: GLUE's files have unpaired quotes, and a reader
    that pairs them would silently lose thousands of rows."""
    return _read_tables(paths, "tsv", {"delimiter": "\t", "quoting": csv.QUOTE_NONE})


def _read_tables(paths: Sequence[epath.Path], kind: str, dialect: dict[str, Any]) -> TableRows:
    rows: list[Row | RowError] = []
    places: list[tuple[str, int]] = []
    first_header: list[str] | None = None
    for path in paths:
        header, table = _read_table(path, dialect)
        if first_header is not None and header != first_header:
            raise SourceError(f"{path} has columns {header}, but {paths[0]} has {first_header}.")
        first_header = header
        kept.remember(path, kind, len(table))
        rows.extend(row for _, row in table)
        places.extend((str(path), line) for line, _ in table)
    return TableRows(rows, places)


def _read_table(path: epath.Path, dialect: dict[str, Any]) -> tuple[list[str], list[tuple[int, Row | RowError]]]:
    """Returns the names of the columns, and every row with the line on which it starts."""
    # The csv module refuses fields over 128 KiB, which documents exceed; its limit can only be set process-wide.
    csv.field_size_limit(sys.maxsize)
    # csv needs `newline`, which epath's text mode lacks, because line breaks inside quotes must reach it unchanged.
    # Bytes that are not UTF-8 become lone surrogates, which identify their row as bad.
    with path.open("rb") as data, io.TextIOWrapper(data, "utf-8-sig", errors="surrogateescape", newline="") as file:
        reader = csv.reader(file, **dialect)
        try:
            header = _header(next(reader, []), path)
            return header, list(_table_rows(reader, header))
        except csv.Error as e:
            raise RowError(f"{path}:{reader.line_num}: {e}") from e


def _header(names: list[str], path: epath.Path) -> list[str]:
    if not names:
        raise SourceError(f"{path} is empty. The first line must name the columns.")
    if len(set(names)) < len(names) or not all(names):
        raise SourceError(f"{path}: the first line must name every column once, got {names}.")
    if not _is_utf8(names):
        raise SourceError(f"{path}:1: the names of the columns are not UTF-8: {names}.")
    return names


def _table_rows(reader: Any, header: list[str]) -> Iterator[tuple[int, Row | RowError]]:
    line = reader.line_num + 1
    for values in reader:
        if values and len(values) != len(header):
            yield line, RowError(f"expected {len(header)} values {header}, got {len(values)}")
        elif values and not _is_utf8(values):
            yield line, RowError("not UTF-8")
        elif values:
            yield line, dict(zip(header, values, strict=True))
        line = reader.line_num + 1


def _is_utf8(values: Sequence[str]) -> bool:
    try:
        return all(value.isascii() or value.encode() for value in values)
    except UnicodeEncodeError:
        return False
