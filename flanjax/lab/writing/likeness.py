"""How like two texts are, by their words, and which of many texts is most like another one."""

import functools
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

_WORDS = re.compile("[^\\W_\u3040-\u30ff\u3400-\u9fff]+|[\u3040-\u30ff\u3400-\u9fff]")


class Near(NamedTuple):
    """The text of the pool that is most like another one, and how much: ROUGE-L's F, 0..1."""

    id: str
    text: str
    score: float


def words_of(text: str) -> list[str]:
    """Returns the words of a text in small letters, of any script; a character is a word where none are written.

    >>> words_of("Don't say 'Größe', say 大小.")
    ['don', 't', 'say', 'größe', 'say', '大', '小']
    """
    return _WORDS.findall(text.lower())


class Pool:
    """Texts, and which of them is most like another text.

    The measure is the F of ROUGE-L (Lin 2004) as rouge-score computes it. Texts are compared in the order of the most that it
    can be, by the words that both have, until no other one can be more alike: a pool of 50,000 costs milliseconds a text.
    """

    def __init__(self) -> None:
        self._ids: list[str] = []
        self._texts: list[str] = []
        self._lengths: list[int] = []
        self._having: dict[tuple[str, int], list[int]] = {}  # the n-th occurrence of a word -> texts

    def __len__(self) -> int:
        return len(self._ids)

    def add(self, id: str, text: str) -> None:
        words = words_of(text)
        for key in _occurrences(words):
            self._having.setdefault(key, []).append(len(self._ids))
        self._ids.append(id)
        self._texts.append(text)
        self._lengths.append(len(words))

    def nearest(self, text: str) -> Near | None:
        """Returns the text that is most like this one; None if none has a word in common with it."""
        words, shared = words_of(text), Counter[int]()
        for key in _occurrences(words):
            shared.update(self._having.get(key, ()))
        bounds = sorted(((2 * common / (len(words) + self._lengths[n]), n) for n, common in shared.items()), key=_highest)
        best = None
        for bound, n in bounds:
            if best and bound <= best.score:
                break
            score = rouge_l(self._texts[n], text)
            if best is None or score > best.score:
                best = Near(self._ids[n], self._texts[n], score)
        return best


def _highest(bound: tuple[float, int]) -> tuple[float, int]:
    return -bound[0], bound[1]


def rouge_l(reference: str, text: str) -> float:
    """Returns the F of ROUGE-L of two texts, 0..1."""
    return float(_scorer().score(reference, text)["rougeL"].fmeasure)


def rouge_l_precision(reference: str, text: str) -> float:
    """Returns the share of a text's words that the reference has in the same order, 0..1."""
    return float(_scorer().score(reference, text)["rougeL"].precision)


class _Words:
    """rouge-score's interface to a tokenizer; its own knows ASCII alone, so it finds no word in other scripts."""

    def tokenize(self, text: str) -> list[str]:
        return words_of(text)


@functools.cache
def _scorer() -> Any:
    from rouge_score.rouge_scorer import RougeScorer  # a second of imports that other commands do not need

    return RougeScorer(["rougeL"], tokenizer=_Words())


def _occurrences(words: Sequence[str]) -> list[tuple[str, int]]:
    seen: Counter[str] = Counter()
    found = []
    for word in words:
        found.append((word, seen[word]))
        seen[word] += 1
    return found
