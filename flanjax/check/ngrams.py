"""Hashes of word sequences for many texts at once, in numpy.

A text becomes lower-case words of letters and digits; everything else separates words. A word's hash is a polynomial of its
bytes modulo 2**64, and that of n words one of their hashes. Two different sequences collide with a chance of about 2**-60.

>>> a, b = (hashes(["The CAT  sat, on a mat"], 3), hashes(["the cat sat on the mat"], 3))
>>> len(a.values), len(set(a.values.tolist()) & set(b.values.tolist()))
(4, 2)
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

_BYTE_BASE, _WORD_BASE = 0x9E3779B97F4A7C15, 0xD1342543DE82EF95  # odd, so that powers can be divided by
_SPLIT = np.ones(256, bool)  # bytes that separate words
_SPLIT[list(b"abcdefghijklmnopqrstuvwxyz0123456789")] = False
_SPLIT[128:] = False  # every part of a letter beyond ASCII
_FOLD = np.arange(256, dtype=np.uint8)
_FOLD[65:91] += 32


class Hashes(NamedTuple):
    """Hashes of word sequences, with the text and the word at which each begins.

    Attributes:
      values: uint64 [sequences].
      texts: int64 [sequences]: the number of the text.
      words: int64 [sequences]: the number of the first word within the text.
      lengths: int64 [texts]: the number of words of each text.
    """

    values: np.ndarray
    texts: np.ndarray
    words: np.ndarray
    lengths: np.ndarray


def hashes(texts: Sequence[str], n: int) -> Hashes:
    """Returns the hashes of all sequences of n words; a text of fewer words has none."""
    words, text_of = _words(texts)
    lengths = np.bincount(text_of, minlength=len(texts))
    count = len(words) - n + 1
    if count <= 0:
        nothing = np.zeros(0, np.int64)
        return Hashes(nothing.astype(np.uint64), nothing, nothing, lengths)
    values = np.zeros(count, np.uint64)
    for k in range(n):
        values = values * np.uint64(_WORD_BASE) + words[k : k + count]
    whole = text_of[:count] == text_of[n - 1 :]
    firsts = np.cumsum(lengths) - lengths
    numbers = np.arange(count) - firsts[text_of[:count]]
    return Hashes(_mixed(values[whole]), text_of[:count][whole], numbers[whole], lengths)


def text_hashes(texts: Sequence[str]) -> np.ndarray:
    """Returns one hash of all words of each text, uint64 [texts]; 0 for a text without words."""
    words, text_of = _words(texts)
    if not len(words):
        return np.zeros(len(texts), np.uint64)
    lengths = np.bincount(text_of, minlength=len(texts))
    firsts = np.cumsum(lengths) - lengths
    numbers = np.arange(len(words)) - firsts[text_of]
    weighted = words * _powers(_WORD_BASE, int(lengths.max()))[numbers]
    sums = np.add.reduceat(np.append(weighted, np.uint64(0)), firsts)
    return np.where(lengths > 0, _mixed(sums + lengths.astype(np.uint64)), np.uint64(0))


def _words(texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Returns the hash of every word, uint64 [words], and the number of its text, int64 [words]."""
    encoded = [text.lower().encode(errors="replace") if not text.isascii() else text.encode() for text in texts]
    data = _FOLD[np.frombuffer(b" ".join(encoded) + b" ", np.uint8)]
    splits = _SPLIT[data]
    if splits.all():
        return np.zeros(0, np.uint64), np.zeros(0, np.int64)
    edges = np.flatnonzero(np.diff(np.concatenate([[True], splits])))  # where words begin and end, by turns
    starts, stops = edges[0::2], edges[1::2]
    longest = int((stops - starts).max())
    data, splits = data[starts[0] :], splits[starts[0] :]
    firsts = starts - starts[0]
    within = np.arange(len(data)) - np.repeat(firsts, np.diff(firsts, append=len(data)))  # of a byte in its word
    powers = _powers(_BYTE_BASE, longest)
    weighted = np.where(splits, np.uint64(0), (data.astype(np.uint64) + np.uint64(1)) * powers[np.minimum(within, longest - 1)])
    values = _mixed(np.add.reduceat(weighted, firsts))
    ends = np.cumsum([len(e) + 1 for e in encoded])
    return values, np.searchsorted(ends, starts, side="right")


def _powers(base: int, count: int) -> np.ndarray:
    """Returns base**0 to base**(count - 1) modulo 2**64."""
    powers = np.full(max(count, 1), base, np.uint64)
    powers[0] = 1
    return np.multiply.accumulate(powers)


def _mixed(x: np.ndarray) -> np.ndarray:
    """The finaliser of splitmix64 (Steele, Lea and Flood, 2014)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
