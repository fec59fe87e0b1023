"""Checks settings in JSON files of other origin before they are used; errors name the file and the file's own key."""

import contextlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple


class Kind(NamedTuple):
    """The values that a key may have: in words, and as a test."""

    words: str
    fits: Callable[[Any], bool]


WHOLE = Kind("a whole number", lambda x: type(x) is int and abs(x) < 2**31)
SIZE = Kind("a whole number, at least 1 and below 2**31", lambda x: type(x) is int and 1 <= x < 2**31)
LAYERS = Kind("a whole number from 1 to 10,000", lambda x: type(x) is int and 1 <= x <= 10_000)
NUMBER = Kind("a number", lambda x: type(x) in (int, float) and abs(x) < 1e38)  # neither true, nor infinite, nor NaN
FLAG = Kind("true or false", lambda x: type(x) is bool)
TEXT = Kind("a text", lambda x: type(x) is str)
TEXTS = Kind("a list of texts", lambda x: type(x) is list and all(type(y) is str for y in x))
TABLE = Kind("an object", lambda x: type(x) is dict)
Kinds = Mapping[str, Kind]


def read_settings(path: Path, kinds: Kinds) -> dict[str, Any]:
    """Returns the object in a JSON file. Raises ValueError if there is none, or naming a key whose value has the wrong type."""
    try:
        found = json.loads(path.read_text())
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise ValueError(f"{path} holds {_short(found)}, expected an object with keys such as {', '.join([*kinds][:3])}")
    check_kinds(found, kinds, path)
    return found


def check_kinds(source: Mapping[str, Any], kinds: Kinds, path: Path, within: str = "") -> None:
    """Raises ValueError naming the first key whose value has the wrong type. A value may be missing or null.

    Args:
      within: prefix of the keys' names, such as "rope_scaling.".
    """
    for key, kind in kinds.items():
        value = source.get(key)
        if value is not None and not kind.fits(value):
            raise ValueError(f"{path}: {within}{key} is {_short(value)}, expected {kind.words}")


@contextlib.contextmanager
def naming(path: Path, fields: Mapping[str, str]) -> Iterator[None]:
    """Rewrites errors about our config so that they name the file, and the file's keys instead of our fields.

    Args:
      fields: our name -> the file's name.
    """
    try:
        yield
    except ValueError as error:
        ours = "|".join(sorted(map(re.escape, fields), key=len, reverse=True))
        words = re.sub(rf"\b(?:\w+\.)?({ours})\b", lambda found: fields[found[1]], str(error))
        raise ValueError(f"{path}: {words}") from error


def _short(value: Any) -> str:
    """Returns a value as JSON text, cut if it is long."""
    text = json.dumps(value, ensure_ascii=False, default=repr)
    return text if len(text) <= 80 else f"{text[:80]}…"
