"""Whole JSON files: an array of objects, whose elements are rows."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator, Sequence

import numpy as np
from etils import epath

from flanjax.sources.json_rows import Buffer, JsonRows

_SPACE = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder()


def read_json(paths: Sequence[epath.Path], key: str | None) -> JsonRows:
    """Returns the elements of the files' arrays, one file after the other.

    Args:
      key: where an object has its array; None if the file is an array.
    """
    spans = functools.partial(element_spans, key=key)
    return JsonRows(paths, f"elements {key}", spans, lambda path, buffer, row, start: f"{path}: element {row}")


def element_spans(buffer: Buffer, key: str | None = None) -> np.ndarray:  # int64 [elements, 2]
    """Returns the first byte, and the byte after the last, of every element of the array in a JSON file.

    Raises ValueError if there is no such array.

    >>> element_spans(b'{"data": [{"a": 1}, 2]}', "data").tolist()
    [[10, 18], [20, 21]]
    """
    # Bytes that are not UTF-8 become half surrogates here, so that only their element is bad.
    text = bytes(buffer).decode("utf-8", "surrogateescape")
    start = _array_start(text, key)
    spans = np.array(list(_elements(text, start)), np.int64).reshape(-1, 2)
    if key is None:
        end = _skip(text, int(spans[-1, 1]) if len(spans) else start + 1)  # the bracket that closes the array
        if (rest := _skip(text, end + 1)) < len(text):
            raise json.JSONDecodeError("Extra data", text, rest)
    return spans if text.isascii() else _in_bytes(text, spans)


def _array_start(text: str, key: str | None) -> int:
    """Returns the position of the array's bracket."""
    at = _skip(text, 1 if text.startswith("\ufeff") else 0)
    if text[at : at + 1] == "{" and key is None:
        keys = sorted(name for name, value in json.loads(text[at:]).items() if isinstance(value, list))
        raise ValueError(f"expected an array, got an object; name the key of its array, as in key={(keys or ['data'])[0]!r}")
    if text[at : at + 1] == "{":
        at = _value_of(text, at, str(key))
    elif key is not None:
        raise ValueError(f"expected an object with the key {key!r}, got {text[at : at + 20]!r}")
    if text[at : at + 1] != "[":
        raise ValueError(f"expected an array, got {text[at : at + 20]!r}")
    return at


def _value_of(text: str, at: int, key: str) -> int:
    """Returns the position of a key's value, in the object at a position."""
    seen: list[str] = []
    while True:
        at = _skip(text, at + 1)  # after the brace or a comma
        if text[at : at + 1] != '"':
            raise ValueError(f"the object has no key {key!r}; it has {', '.join(seen) or 'none'}")
        name, at = _DECODER.raw_decode(text, at)
        at = _expect(text, at, ":")
        if name == key:
            return _skip(text, at + 1)
        seen.append(name)
        _, at = _DECODER.raw_decode(text, _skip(text, at + 1))
        at = _skip(text, at)
        if text[at : at + 1] != ",":
            raise ValueError(f"the object has no key {key!r}; it has {', '.join(seen)}")


def _elements(text: str, at: int) -> Iterator[tuple[int, int]]:
    """Yields the span of each element, in characters, of the array at a position."""
    first = _skip(text, at + 1)
    if text[first : first + 1] == "]":
        return
    while True:
        start = _skip(text, at + 1)
        _, stop = _DECODER.raw_decode(text, start)
        yield start, stop
        at = _skip(text, stop)
        if text[at : at + 1] == "]":
            return
        _expect(text, at, ",")


def _skip(text: str, at: int) -> int:
    """Returns the position after white space."""
    found = _SPACE.match(text, at)
    assert found
    return found.end()


def _expect(text: str, at: int, character: str) -> int:
    at = _skip(text, at)
    if text[at : at + 1] != character:
        raise json.JSONDecodeError(f"Expecting {character!r}", text, at)
    return at


def _in_bytes(text: str, spans: np.ndarray) -> np.ndarray:
    """Returns spans in characters as spans in bytes."""
    edges = spans.reshape(-1)
    starts = np.concatenate([[0], edges[:-1]])
    sizes = [len(text[a:b].encode("utf-8", "surrogateescape")) for a, b in zip(starts.tolist(), edges.tolist(), strict=True)]
    return np.cumsum(sizes, dtype=np.int64).reshape(-1, 2)
