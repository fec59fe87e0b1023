"""Where the elements of a JSON array lie in a file, so that each can be read by itself.

The file is parsed once by Python's own decoder, which tells where each value ends. It is decoded as Latin-1 for this: then one
character is one byte, and the characters that structure JSON are the same as in UTF-8.
"""

import codecs
import json
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from etils import epath

from flanjax.sources import Row, RowError

_DECODER = json.JSONDecoder()
_WHITE = re.compile(r"[ \t\n\r]*")


class SpanRows:
    """Parts of a file as rows, each a JSON object. A local file is opened for each batch of rows; one in a bucket is read once.

    Args:
      spans: int64 [rows, 2], the first byte of each row, and the byte after its last.
    """

    def __init__(self, path: epath.Path, spans: np.ndarray):
        self._path, self._spans = path, spans
        self._data: bytes | None = None

    def __len__(self) -> int:
        return len(self._spans)

    def __getitem__(self, index: int, /) -> Row:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int], /) -> list[Row]:
        spans = self._spans[np.asarray(indices, np.int64)].tolist()
        return [_row(data, self.where(index)) for index, data in zip(indices, self._read(spans), strict=True)]

    def where(self, index: int) -> str:
        return f"{self._path}: row {index}"

    def _read(self, spans: list[list[int]]) -> list[bytes]:
        if "://" in str(self._path):
            if self._data is None:
                self._data = self._path.read_bytes()
            return [self._data[start:stop] for start, stop in spans]
        read = []
        with open(self._path, "rb") as file:
            for start, stop in spans:
                file.seek(start)
                read.append(file.read(stop - start))
        return read


def find_array(data: bytes) -> np.ndarray:  # int64 [elements, 2]
    """Returns where the elements of a JSON array lie. Raises ValueError if the data is anything else."""
    text = data.decode("latin-1")
    spans, at = _elements(text, _start(data))
    _check_end(text, at)
    return np.array(spans, np.int64).reshape(-1, 2)


def find_array_in(data: bytes, key: str) -> tuple[dict[str, Any], np.ndarray]:  # int64 [elements, 2]
    """Returns a JSON object without its array under `key`, and where the elements of that array lie.

    Raises:
      ValueError: the data is not a JSON object in UTF-8 with an array under `key`, or is nested too deeply.

    >>> find_array_in(b'{"name": "toy", "rows": [{"x": 1}, {"x": 22}]}', "rows")[1].tolist()
    [[25, 33], [35, 44]]
    """
    text = data.decode("latin-1")
    at = _after(text, _start(data), "{")
    others: dict[str, Any] = {}
    spans: list[tuple[int, int]] | None = None
    while text[at : at + 1] != "}":
        name, at = _value(data, text, at)
        at = _after(text, at, ":")
        if name == key and text[at : at + 1] == "[":
            spans, at = _elements(text, at)
        else:
            others[name], at = _value(data, text, at)
        at = _next(text, at, "}")
    _check_end(text, at + 1)
    if spans is None:
        raise ValueError(f"it has no list {key!r}, only {', '.join(map(repr, others)) or 'nothing'}")
    return others, np.array(spans, np.int64).reshape(-1, 2)


def _row(data: bytes, where: str) -> Row:
    try:
        row = json.loads(data.decode())
    except (ValueError, RecursionError) as error:
        raise RowError(f"{where}: not JSON: {error}") from error
    if not isinstance(row, dict):
        raise RowError(f"{where}: expected a JSON object, got {type(row).__name__}")
    return row


def _start(data: bytes) -> int:
    return len(codecs.BOM_UTF8) if data.startswith(codecs.BOM_UTF8) else 0


def _skip(text: str, at: int) -> int:
    found = _WHITE.match(text, at)
    assert found
    return found.end()


def _after(text: str, at: int, mark: str) -> int:
    """Returns the next place after white space, the mark, and white space."""
    at = _skip(text, at)
    if text[at : at + 1] != mark:
        raise json.JSONDecodeError(f"Expecting {mark!r}", text, at)
    return _skip(text, at + 1)


def _end(text: str, at: int) -> int:
    try:
        return _DECODER.raw_decode(text, at)[1]
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def _value(data: bytes, text: str, at: int) -> tuple[Any, int]:
    """Returns the value that begins here, decoded from UTF-8, and the place after it."""
    end = _end(text, at)
    return json.loads(data[at:end].decode()), end


def _elements(text: str, at: int) -> tuple[list[tuple[int, int]], int]:
    """Returns the spans of the elements of the array that begins here, and the place after it."""
    spans: list[tuple[int, int]] = []
    at = _after(text, at, "[")
    while text[at : at + 1] != "]":
        end = _end(text, at)
        spans.append((at, end))
        at = _next(text, end, "]")
    return spans, at + 1


def _next(text: str, at: int, end: str) -> int:
    """Returns the place of the next element, or of the mark that ends the array or object."""
    at = _skip(text, at)
    if text[at : at + 1] == end:
        return at
    at = _after(text, at, ",")
    if text[at : at + 1] == end:
        raise json.JSONDecodeError("Expecting a value after ','", text, at)
    return at


def _check_end(text: str, at: int) -> None:
    if (rest := _skip(text, at)) < len(text):
        raise json.JSONDecodeError("Extra data", text, rest)
