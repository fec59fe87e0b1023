"""What is no task for a model of text, and what a pool has already."""

import functools
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from flanjax.lab.instruct.seeds import Instance
from flanjax.lab.writing.rows import Drop

LEAST_WORDS, MOST_WORDS = 3, 150  # of an instruction, as in the papers
# Things that a model of text neither sees nor makes.
BLOCKED = (
    "image", "images", "picture", "pictures", "photo", "photos", "photograph", "drawing", "draw", "graph", "graphs", "chart",
    "plot", "diagram", "map", "maps", "video", "videos", "audio", "recording", "attached", "attachment", "file", "files",
)  # fmt: skip
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


def read_blocked(file: str | None) -> tuple[str, ...]:
    """Returns the blocked words and phrases of a file, one a line, or the usual ones.

    Raises:
      ValueError: the file cannot be read.
    """
    if not file:
        return BLOCKED
    try:
        lines = Path(file).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"--blocklist {file} cannot be read: {error}") from error
    return tuple(line.strip() for line in lines if line.strip())


def instruction_problem(text: str, blocked: Sequence[str]) -> Drop | None:
    """Returns why an instruction is none for a model of text; None if it is one."""
    words = words_of(text)
    if len(words) < LEAST_WORDS:
        return Drop("too short", f"{len(words)} words, fewer than {LEAST_WORDS}")
    if len(words) > MOST_WORDS:
        return Drop("too long", f"{len(words)} words, more than {MOST_WORDS}")
    if not text.lstrip("\"'“‘¿¡(").strip()[:1].isalnum():
        return Drop("begins with a mark", f"begins with {text[:10]!r}")
    line = f" {' '.join(words)} "
    if found := [phrase for phrase in blocked if f" {' '.join(words_of(phrase))} " in line]:
        return Drop("blocked word", found[0])
    return None


def instance_problem(instruction: str, one: Instance, *, most_words: int) -> Drop | None:
    """Returns why an input with its output is no row; None if it is one."""
    if not one.output:
        return Drop("no output")
    if one.output == one.input:
        return Drop("output is the input")
    if words_of(one.output) == words_of(instruction):
        return Drop("output is the instruction")
    if (number := len(words_of(one.output))) > most_words:
        return Drop("output too long", f"{number} words, more than {most_words}")
    return None


def contradictions(found: Sequence[Instance]) -> set[str]:
    """Returns the inputs that a task answers in two ways: which one is right is not known."""
    outputs: dict[str, set[str]] = {}
    for one in found:
        outputs.setdefault(one.input, set()).add(one.output)
    return {text for text, said in outputs.items() if len(said) > 1}


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
