"""Converts class labels: from the number in a row to its word."""

import operator
from collections.abc import Callable, Sequence
from typing import Any

from flanjax.names import shown
from flanjax.tasks.task import BadRow, SkipRow


def label(words: Sequence[str]) -> Callable[[Any], str]:
    """Returns a function from a class label to its word; label 0 is the first.

    The function raises SkipRow for -1, which marks rows without a label on the Hugging Face hub, and BadRow for every other
    value that is not a label. `words[label]` would take -1 as the last word. Several labels may have the same word.

    >>> mood = label(("negative", "positive"))
    >>> mood(1)
    'positive'
    """
    if isinstance(words, str):
        raise TypeError(f"label({words!r}): expected a sequence of words, got one text")
    known = tuple(words)
    if not known or not all(isinstance(word, str) for word in known):
        raise ValueError(f"label({shown(known)}): expected one or more words")

    def word_of(value: Any) -> str:
        number = _whole_number(value)
        if number == -1:
            raise SkipRow("no label (-1)")
        if number is None or not 0 <= number < len(known):
            raise BadRow(f"label {shown(value)}, expected a whole number from 0 to {len(known) - 1} for {shown(known)}")
        return known[number]

    return word_of


def _whole_number(value: Any) -> int | None:
    """Returns the integer, also from NumPy; None for anything else, True and False included."""
    try:
        return None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        return None
