"""Rows of text files: JSON lines by byte offset, comma- and tab-separated tables at once."""

from __future__ import annotations

import csv
import io
import json
import mmap
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from etils import epath

from flanjax.sources.base import Row, RowError, SourceError

_SCAN_BYTES = 1 << 26  # the newline scan makes a mask of this size, not one of the file's
_WHITE = np.frombuffer(b" \t\r\v\f", np.uint8)


class JsonlRows:
    """Rows of JSON-lines files: one pass finds the lines, each row is parsed when it is asked for."""

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

    def _parse(self, file: int, start: int, stop: int) -> Row:
        path, buffer = self._files[file]
        try:
            row = json.loads(buffer[start:stop])
        except ValueError as e:  # malformed JSON, or not UTF-8
            raise RowError(f"{path}:{_line_number(buffer, start)}: not JSON: {e}") from e
        if not isinstance(row, dict):
            raise RowError(f"{path}:{_line_number(buffer, start)}: expected a JSON object a line, got {type(row).__name__}")
        return row


def line_spans(buffer: bytes | mmap.mmap) -> np.ndarray:  # int64 [lines, 2]
    """First byte, and byte after the last, of every line that is not blank."""
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
    """The file's bytes: mapped where the file is local and has any, else read."""
    if "://" in str(path) or path.stat().length == 0:
        data: bytes = path.read_bytes()
        return data
    with open(path, "rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def read_csv(paths: Sequence[epath.Path]) -> list[Row]:
    """All rows, values as strings. Quotes and line breaks inside of quotes as in RFC 4180."""
    return _read_tables(paths, {"delimiter": ",", "strict": True})


def read_tsv(paths: Sequence[epath.Path]) -> list[Row]:
    """All rows, values as strings. A quote is a character like any other: GLUE's files hold lone ones, and a reader
    that pairs them swallows thousands of rows without a word."""
    return _read_tables(paths, {"delimiter": "\t", "quoting": csv.QUOTE_NONE})


def _read_tables(paths: Sequence[epath.Path], dialect: dict[str, Any]) -> list[Row]:
    rows: list[Row] = []
    first_header: list[str] | None = None
    for path in paths:
        header, table = _read_table(path, dialect)
        if first_header is not None and header != first_header:
            raise SourceError(f"{path} has columns {header}, but {paths[0]} has {first_header}.")
        first_header = header
        rows.extend(table)
    return rows


def _read_table(path: epath.Path, dialect: dict[str, Any]) -> tuple[list[str], list[Row]]:
    # The csv module refuses fields over 128 KiB, which documents exceed; its limit can only be set process-wide.
    csv.field_size_limit(sys.maxsize)
    # epath opens text without `newline`, which csv needs: line breaks inside of quotes must reach it untouched.
    with path.open("rb") as data, io.TextIOWrapper(data, encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, **dialect)
        try:
            header = _header(next(reader, []), path)
            return header, list(_table_rows(reader, header, path))
        except (csv.Error, UnicodeDecodeError) as e:
            raise RowError(f"{path}:{reader.line_num}: {e}") from e


def _header(names: list[str], path: epath.Path) -> list[str]:
    if not names:
        raise SourceError(f"{path} is empty. The first line must name the columns.")
    if len(set(names)) < len(names) or not all(names):
        raise SourceError(f"{path}: the first line must name every column once, got {names}.")
    return names


def _table_rows(reader: Any, header: list[str], path: epath.Path) -> Iterator[Row]:
    for values in reader:
        if values and len(values) != len(header):
            raise RowError(f"{path}:{reader.line_num}: expected {len(header)} values {header}, got {len(values)}")
        if values:
            yield dict(zip(header, values, strict=True))
