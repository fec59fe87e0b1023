"""Where the elements of an array in a JSON object lie, so that each can be read by itself, and the rest of the object.

The file is parsed once by Python's own decoder, which tells where each value ends. It is decoded as Latin-1 for this: then one
character is one byte, and the characters that structure JSON are the same as in UTF-8.
"""

import codecs
import json
import re
from typing import Any

import numpy as np

_DECODER = json.JSONDecoder()
_WHITE = re.compile(r"[ \t\n\r]*")


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
