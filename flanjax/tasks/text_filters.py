"""Filters of texts: their length, repetition in them, words that must not occur. Off unless a task or mixture has them."""

import dataclasses
import functools
import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from flanjax.names import nearest
from flanjax.tasks.equal_rows import texts_of
from flanjax.tasks.example import ANSWER, BadRow, Example

Limits = tuple[tuple[int, float], ...]  # (words of a sequence, largest share of the characters)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Length:
    """Leaves out rows of which a text has too few or too many words.

    Args:
      of: "answer", or a field; of several texts in it, the words of all count.

    >>> Length(min_words=2).reason(Example({}, "yes"))
    '1 word in answer, expected at least 2'
    """

    min_words: int = 0
    max_words: int | None = None
    of: str = ANSWER
    name: str = "length"

    def __post_init__(self) -> None:
        if self.min_words < 0 or (self.max_words is not None and self.max_words < max(self.min_words, 1)):
            raise ValueError(f"Length: no text has at least {self.min_words} and at most {self.max_words} words")

    def reason(self, example: Example) -> str | None:
        count = sum(len(text.split()) for text in _texts(example, self.of))
        said = f"{count} word{'s' * (count != 1)} in {self.of}, expected at"
        if count < self.min_words:
            return f"{said} least {self.min_words}"
        if self.max_words is not None and count > self.max_words:
            return f"{said} most {self.max_words}"
        return None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Repetition:
    """Leaves out rows whose text repeats itself, by Gopher's rules (Rae et al. 2021, arXiv:2112.11446, table A1).

    Shares are of the characters that are not white space. Sequences that occur once repeat nothing.

    Args:
      of: "answer", or a field.
      min_words: shorter texts pass; Gopher's documents have at least 50 words, and in short texts a share says little.
      lines, paragraphs: largest share of them that repeat an earlier one, and `line_characters`, `paragraph_characters` of
        their characters.
      top: largest share of the most frequent sequence of so many words.
      repeated: largest share of all sequences of so many words that occurred before; overlapping ones count once.
    """

    of: str = ANSWER
    min_words: int = 50
    lines: float = 0.30
    paragraphs: float = 0.30
    line_characters: float = 0.20
    paragraph_characters: float = 0.20
    top: Limits = ((2, 0.20), (3, 0.18), (4, 0.16))
    repeated: Limits = ((5, 0.15), (6, 0.14), (7, 0.13), (8, 0.12), (9, 0.11), (10, 0.10))
    name: str = "repetition"

    def reason(self, example: Example) -> str | None:
        return next((why for text in _texts(example, self.of) if (why := self._reason_of(text))), None)

    def _reason_of(self, text: str) -> str | None:
        words = text.split()
        if len(words) < max(self.min_words, 1):
            return None
        parts = (
            ("lines", re.split(r"\n+", text), self.lines, self.line_characters),
            ("paragraphs", re.split(r"\n{2,}", text), self.paragraphs, self.paragraph_characters),
        )
        for what, found, most, most_characters in parts:
            count, characters = _repeated_parts([part.strip() for part in found if part.strip()])
            if count > most or characters > most_characters:
                return f"{count:.0%} of the {what} of {self.of} repeat earlier ones"
        total = sum(map(len, words))
        for n, most in self.top:
            if (share := min(_top_characters(words, n) / total, 1)) > most:
                return f"one sequence of {n} words makes up {share:.0%} of {self.of}"
        for n, most in self.repeated:
            if (share := _repeated_characters(words, n) / total) > most:
                return f"repeated sequences of {n} words make up {share:.0%} of {self.of}"
        return None


@dataclasses.dataclass(frozen=True, kw_only=True, repr=False)
class WordList:
    """Leaves out rows in which a word of the list occurs, as a whole word, in any case.

    Args:
      words: words or phrases; or a file (pathlib.Path) with one on each line, which is read now.
      fields: where they are looked for; "answer" may be one. All fields and the answer if it is empty.

    >>> WordList(words=["foo bar"]).reason(Example({"text": "A Foo  bar!"}, "yes"))
    "'Foo  bar' is in the word list"
    """

    words: Sequence[str] | Path
    fields: Sequence[str] = ()
    name: str = "word list"

    def __post_init__(self) -> None:
        words = self.words.read_text().splitlines() if isinstance(self.words, Path) else self.words
        if isinstance(words, str) or isinstance(self.fields, str):
            raise TypeError("WordList: words and fields are sequences of texts, or words a pathlib.Path")
        kept = tuple(sorted({word.strip() for word in words if word.strip()}))
        if not kept:
            raise ValueError(f"WordList: there is no word in {self.words!r}")
        object.__setattr__(self, "words", kept)
        object.__setattr__(self, "fields", tuple(self.fields))

    def __repr__(self) -> str:
        digest = hashlib.blake2b("\n".join(self._listed).encode(), digest_size=8).hexdigest()
        return f"WordList({len(self._listed)} words {digest}, {self.fields!r}, {self.name!r})"

    def reason(self, example: Example) -> str | None:
        places = self.fields or (*example.fields, ANSWER)
        for text in (text for place in places for text in _texts(example, place)):
            if found := self._pattern.search(text):
                return f"{found.group()!r} is in the word list"
        return None

    @property
    def _listed(self) -> tuple[str, ...]:
        assert isinstance(self.words, tuple)
        return self.words

    @functools.cached_property
    def _pattern(self) -> re.Pattern[str]:
        phrases = (r"\s+".join(map(re.escape, word.split())) for word in sorted(self._listed, key=len, reverse=True))
        return re.compile(rf"(?<!\w)(?:{'|'.join(phrases)})(?!\w)", re.IGNORECASE)


def _texts(example: Example, place: str) -> list[str]:
    """Returns the texts of a field, or the answer that is trained on. Raises BadRow if there is no such field."""
    if place == ANSWER:
        return [example.references[0]]
    if place not in example.fields:
        raise BadRow(f"a filter looks for the field {place!r}; {nearest(place, [*example.fields, ANSWER])}")
    return list(texts_of(example.fields[place]))


def _repeated_parts(parts: Sequence[str]) -> tuple[float, float]:
    """Returns the share of the parts that equal an earlier one, and their share of all characters."""
    seen: set[str] = set()
    count = characters = 0
    for part in parts:
        if part in seen:
            count += 1
            characters += len(part)
        seen.add(part)
    return count / max(len(parts), 1), characters / max(sum(map(len, parts)), 1)


def _top_characters(words: Sequence[str], n: int) -> int:
    """Returns the number of characters in all occurrences of the most frequent sequence of n words, if it occurs twice.

    Overlapping occurrences count each, as in the paper.
    """
    counts = Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1))
    found = [(count, sum(map(len, gram))) for gram, count in counts.items() if count > 1]
    if not found:
        return 0
    most = max(count for count, _ in found)
    return max(count * length for count, length in found if count == most)


def _repeated_characters(words: Sequence[str], n: int) -> int:
    """Returns the number of characters in sequences of n words that occurred before, each character once."""
    seen: set[tuple[str, ...]] = set()
    at = characters = 0
    while at <= len(words) - n:
        gram = tuple(words[at : at + n])
        if gram in seen:
            characters += sum(map(len, gram))
            at += n
        else:
            seen.add(gram)
            at += 1
    return characters
