"""Rows of text files: JSON lines are read by byte offset, comma- and tab-separated tables as a whole."""

from __future__ import annotations

import csv
import io
import json
import mmap
import re
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from etils import epath

from flanjax.sources.base import Row, RowError, SourceError

_SCAN_BYTES = 1 << 26  # the newline scan makes a mask of this size instead of the file's size
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_WHITE = np.frombuffer(b" \t\r\v\f", np.uint8)


class JsonlRows:
    """Rows of JSON-lines files. One pass finds the lines; each row is parsed when it is read."""

    def __init__(self, paths: Sequence[epath.Path]):
        self._files = [(path, _buffer(path)) for path in paths]
        spans = [line_spans(buffer) for _, buffer in self._files]
        self._spans = np.concatenate(spans)  # int64 [rows, 2]: first byte, byte after the last
        self._firsts = np.cumsum([0] + [len(s) for s in spans])  # int64 [files + 1]

    def __len__(self) -> int:
        return len(self._spans)

    def __getitem__(self, index: int, /) -> Row:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int], /) -> list[Row]:
        wanted = np.asarray(indices, dtype=np.int64)
        files = (np.searchsorted(self._firsts, wanted, side="right") - 1).tolist()
        spans = self._spans[wanted].tolist()
        return [self._parse(file, start, stop) for file, (start, stop) in zip(files, spans, strict=True)]

    def where(self, index: int) -> str:
        """Returns file:line of a row."""
        file = int(np.searchsorted(self._firsts, index, side="right")) - 1
        return self._place(file, int(self._spans[index, 0]))

    def _place(self, file: int, start: int) -> str:
        path, buffer = self._files[file]
        return f"{path}:{_line_number(buffer, start)}"

    def _parse(self, file: int, start: int, stop: int) -> Row:
        line = self._files[file][1][start:stop]
        try:
            row = json.loads(line.decode("utf-8-sig"))  # given bytes, json.loads would accept surrogates
            if _SURROGATE.search(line):
                json.dumps(row, ensure_ascii=False).encode()
        except UnicodeEncodeError as e:
            raise RowError(f"{self._place(file, start)}: not text: half of a surrogate pair, {e.object[e.start]!a}") from e
        except ValueError as e:  # malformed JSON, or not UTF-8
            raise RowError(f"{self._place(file, start)}: not JSON: {e}") from e
        except RecursionError as e:
            raise RowError(f"{self._place(file, start)}: RecursionError: nested too deeply") from e
        if not isinstance(row, dict):
            raise RowError(f"{self._place(file, start)}: expected a JSON object a line, got {type(row).__name__}")
        return row


def line_spans(buffer: bytes | mmap.mmap) -> np.ndarray:  # int64 [lines, 2]
    """Returns the first byte, and the byte after the last, of every line that is not blank."""
    data = np.frombuffer(buffer, np.uint8)
    if len(data) == 0:
        return np.empty((0, 2), np.int64)
    scans = range(0, len(data), _SCAN_BYTES)
    stops = np.concatenate([np.flatnonzero(data[at : at + _SCAN_BYTES] == ord("\n")) + at for at in scans])
    if data[-1] != ord("\n"):
        stops = np.append(stops, len(data))
    starts = np.concatenate([[0], stops[:-1] + 1])
    kept = stops > starts
    for line in np.flatnonzero(kept & np.isin(data[starts], _WHITE)):
        kept[line] = bool(buffer[starts[line] : stops[line]].strip())
    return np.stack([starts, stops], axis=1)[kept]


def _line_number(buffer: bytes | mmap.mmap, start: int) -> int:
    return buffer[:start].count(b"\n") + 1


def _buffer(path: epath.Path) -> bytes | mmap.mmap:
    """Returns the file's bytes: memory-mapped if the file is local and not empty, otherwise read."""
    if "://" in str(path) or path.stat().length == 0:
        data: bytes = path.read_bytes()
        return data
    with open(path, "rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


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


def read_csv(paths: Sequence[epath.Path]) -> TableRows:
    """Returns all rows, with strings as values. Quotes and line breaks inside quotes follow RFC 4180."""
    return _read_tables(paths, {"delimiter": ",", "strict": True})


def read_tsv(paths: Sequence[epath.Path]) -> TableRows:
    """Returns all rows, with strings as values. Quotes have no special meaning: GLUE's files have unpaired quotes, and a reader
    that pairs them would silently lose thousands of rows."""
    return _read_tables(paths, {"delimiter": "\t", "quoting": csv.QUOTE_NONE})


def _read_tables(paths: Sequence[epath.Path], dialect: dict[str, Any]) -> TableRows:
    rows: list[Row | RowError] = []
    places: list[tuple[str, int]] = []
    first_header: list[str] | None = None
    for path in paths:
        header, table = _read_table(path, dialect)
        if first_header is not None and header != first_header:
            raise SourceError(f"{path} has columns {header}, but {paths[0]} has {first_header}.")
        first_header = header
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
