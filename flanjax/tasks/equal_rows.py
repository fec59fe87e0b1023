"""When two rows are equal: by the texts of their fields, whatever the fields are called and in whatever order they stand.

Case and white space make no difference. The answer does not count: a question is known even under another answer.
"""

import itertools
import numbers
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import xxhash

from flanjax.tasks.example import Example

_MASK = (1 << 64) - 1


def row_hash(example: Example) -> int | None:
    """Returns a 64-bit hash that is the same for equal rows. None if no text has two words: such rows are too alike to compare.

    >>> row_hash(Example({"premise": "It  RAINS."}, "yes")) == row_hash(Example({"text": "it rains."}, "no"))
    True
    >>> row_hash(Example({"word": "rain"}, "noun")) is None
    True
    """
    return texts_hash(texts_of(example.fields))


def texts_hash(texts: Iterable[str]) -> int | None:
    """Returns a 64-bit hash of texts in any order; None if none of them has two words."""
    total, is_long = 0, False
    for text in texts:
        words = text.lower().split()
        is_long = is_long or len(words) > 1
        total += _hash(" ".join(words))
    return total & _MASK if is_long else None


def same_question(example: Example, other: Example) -> bool:
    """Whether two rows of one task ask the same: equal texts, however short, and the same options in whatever order."""
    if not example.fields or len(example.options) != len(other.options):
        return False
    pairs = itertools.zip_longest(texts_of(example.fields), texts_of(other.fields), fillvalue="")
    return all(_same(a, b) for a, b in pairs) and all(map(_same, sorted(example.options), sorted(other.options)))


def _same(a: str, b: str) -> bool:
    if a == b:
        return True
    # Nearly all pairs differ in their first words, and a long text is split no further than these.
    return a.lower().split(None, 3)[:3] == b.lower().split(None, 3)[:3] and a.lower().split() == b.lower().split()


def _hash(text: str) -> int:
    return xxhash.xxh3_64_intdigest(text.encode("utf-8", "surrogatepass"))


def texts_of(value: Any) -> Iterator[str]:
    """Yields the texts and numbers in a value, at any depth."""
    if isinstance(value, str):
        if value and not value.isspace():
            yield value
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from texts_of(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from texts_of(one)
    elif isinstance(value, numbers.Number):
        yield str(value)
