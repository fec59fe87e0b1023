"""JSON objects as rows: one a line, each found by its place in the file and parsed when it is read."""

from __future__ import annotations

import functools
import json
import mmap
import os
import re
from collections.abc import Callable, Sequence

import numpy as np
from etils import epath

from flanjax.sources import kept
from flanjax.sources.base import Row, RowError, SourceError
from flanjax.sources.parts import Parts
from flanjax.sources.recent import Recent

Buffer = bytes | mmap.mmap

_KEEP_FROM_BYTES = 1 << 20  # of a smaller file, the lines are found as fast as they are read from the index
# A memory-mapped file keeps a descriptor. By its cost there are at most 256 of them, because many systems allow 1,024.
_OPEN: Recent[tuple[Buffer, np.ndarray]] = Recent(128 << 20)
_OPEN_COST = 1 << 19
_SCAN_BYTES = 1 << 26  # the newline scan makes a mask of this size instead of the file's size
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_WHITE = np.frombuffer(b" \t\r\v\f", np.uint8)


class JsonRows:
    """Rows of files that hold JSON objects. Where they are is found once; each is parsed when it is read.

    Args:
      kind: names the spans in the index.
      find_spans: contents of a file -> first byte, and byte after the last, of each object, int64 [rows, 2].
      place: (path, contents, row, first byte) -> where a row is, for messages.
    """

    def __init__(
        self,
        paths: Sequence[epath.Path],
        kind: str,
        find_spans: Callable[[Buffer], np.ndarray],
        place: Callable[[epath.Path, Buffer, int, int], str],
    ):
        self._kind, self._find_spans, self._place_of = kind, find_spans, place
        self._files = [(path, kept.state_of(path)) for path in paths]
        self._bytes: dict[int, Buffer] = {}  # of files in a bucket, if there are no local copies of them
        self._parts = Parts(self._count(file) for file in range(len(paths)))

    def __len__(self) -> int:
        return len(self._parts)

    def __getitem__(self, index: int, /) -> Row:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int], /) -> list[Row]:
        return self._parts.gather(indices, self._rows)

    def where(self, index: int) -> str:
        """Returns the file of a row, and its line or number there."""
        file, row = self._parts.find(index)
        buffer, spans = self._open(file)
        return self._place(file, row, buffer, int(spans[row, 0]))

    def _rows(self, file: int, rows: list[int]) -> list[Row]:
        opened = self._open(file)
        return [self._parse(file, row, *opened) for row in rows]

    def _count(self, file: int) -> int:
        path, _ = self._files[file]
        return int(kept.about(path, self._kind, lambda: len(self._open(file)[1])))

    def _open(self, file: int) -> tuple[Buffer, np.ndarray]:
        return _OPEN.get((self._kind, self._files[file][1]), functools.partial(self._read, file))

    def _read(self, file: int) -> tuple[tuple[Buffer, np.ndarray], int]:
        """Returns a file's contents and the spans of its rows, and what both cost in memory."""
        path, state = self._files[file]
        if kept.state_of(path) != state:
            raise SourceError(f"{path} has changed since its rows were counted.")
        buffer = self._contents(file)
        find = functools.partial(self._find, path, buffer)
        spans = kept.array(path, self._kind, find) if len(buffer) >= _KEEP_FROM_BYTES else find()
        in_memory = (0 if isinstance(spans, np.memmap) else spans.nbytes) + (len(buffer) if isinstance(buffer, bytes) else 0)
        return (buffer, spans), in_memory + _OPEN_COST

    def _find(self, path: epath.Path, buffer: Buffer) -> np.ndarray:
        try:
            return self._find_spans(buffer)
        except ValueError as e:
            raise SourceError(f"{path}: not JSON as expected: {e}") from e
        except RecursionError as e:
            raise SourceError(f"{path}: RecursionError: nested too deeply") from e

    def _contents(self, file: int) -> Buffer:
        path, _ = self._files[file]
        if "://" not in str(path):
            return _buffer(path)
        if (copy := kept.copy_of(path)) is not None:
            return _buffer(copy)
        if file not in self._bytes:
            self._bytes[file] = path.read_bytes()
        return self._bytes[file]

    def _place(self, file: int, row: int, buffer: Buffer, start: int) -> str:
        return self._place_of(self._files[file][0], buffer, row, start)

    def _parse(self, file: int, number: int, buffer: Buffer, spans: np.ndarray) -> Row:
        start, stop = spans[number].tolist()
        text = buffer[start:stop]

        def bad(reason: str) -> RowError:
            return RowError(f"{self._place(file, number, buffer, start)}: {reason}")

        try:
            row = json.loads(text.decode("utf-8-sig"))  # given bytes, json.loads would accept surrogates
            if _SURROGATE.search(text):
                json.dumps(row, ensure_ascii=False).encode()
        except UnicodeEncodeError as e:
            raise bad(f"not text: half of a surrogate pair, {e.object[e.start]!a}") from e
        except ValueError as e:  # malformed JSON, or not UTF-8
            raise bad(f"not JSON: {e}") from e
        except RecursionError as e:
            raise bad("RecursionError: nested too deeply") from e
        if not isinstance(row, dict):
            raise bad(f"expected a JSON object, got {type(row).__name__}")
        return row


def read_jsonl(paths: Sequence[epath.Path]) -> JsonRows:
    """Returns the rows of JSON-lines files, one object a line."""
    return JsonRows(paths, "lines", line_spans, lambda path, buffer, _, start: f"{path}:{_line_number(buffer, start)}")


def line_spans(buffer: Buffer) -> np.ndarray:  # int64 [lines, 2]
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


def _line_number(buffer: Buffer, start: int) -> int:
    return buffer[:start].count(b"\n") + 1


def _buffer(path: os.PathLike[str]) -> Buffer:
    """Returns a local file's bytes: read if there are few, otherwise memory-mapped."""
    with open(path, "rb") as file:
        if os.fstat(file.fileno()).st_size < _KEEP_FROM_BYTES:
            return file.read()
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
