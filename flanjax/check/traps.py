"""Traps of wording that can be seen in a rendered text, whatever it is about.

A trap in the data itself is no fault of a template: `traps` is given the row's own texts, and leaves out what they hold.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

_CUE = r"(?:answer|output|response|solution|label|question|input|summary|translation|reply|result|category|sentiment|topic)"
# Words that are spelled with a vowel and begin with a consonant's sound, and the other way round.
_LIKE_CONSONANTS = re.compile(r"(?:uni(?!n|m)|eu|ewe|use|usu|ut[ei]|ubi|one\b|once|u\.?[sk]\b|uk\b|us\b)", re.IGNORECASE)
_LIKE_VOWELS = re.compile(r"(?:hour|honest|honou?r|heir|x-ray|[FHLMNRSXfhlmnrsx]\b|[FHLMNRSX][A-Z0-9]|8|11\b|18)")


class Trap(NamedTuple):
    kind: str
    at: int
    text: str


def traps(text: str, own: Sequence[str] = ()) -> Iterator[Trap]:
    """Yields the traps in a text.

    Args:
      own: the texts of the row. A trap that lies within one of them is not reported.
    """
    for kind, pattern, counts in _PATTERNS:
        for found in pattern.finditer(text):
            if counts(found) and not _is_in(text, found.start(), found.end(), own):
                yield Trap(kind, found.start(), found[0])


def _is_in(text: str, start: int, end: int, own: Sequence[str]) -> bool:
    """Whether a span with a character on each side of it stands in one of the row's own texts."""
    around, inner = text[max(0, start - 1) : end + 1], text[start:end].strip()
    if any(around in one for one in own):
        return True
    return bool(inner) and any(one.startswith(inner) or one.endswith(inner) or (len(inner) > 3 and inner in one) for one in own)


def _always(found: re.Match[str]) -> bool:
    return True


def _is_wrong_article(found: re.Match[str]) -> bool:
    article, word = found[1], found[2]
    if article[0] == "A" and not re.search(r"(?:^|[.?!:\n\"'(])\s*$", found.string[: found.start()]):  # "Plan A or B"
        return False
    if _LIKE_CONSONANTS.match(word):
        begins_with_vowel = False
    elif _LIKE_VOWELS.match(word):
        begins_with_vowel = True
    else:
        begins_with_vowel = word[0].lower() in "aeiou"
    return (article.lower() == "an") is not begins_with_vowel


_PATTERNS: tuple[tuple[str, re.Pattern[str], Callable[[re.Match[str]], bool]], ...] = (
    ("double cue", re.compile(rf"\b({_CUE}):\s*(?:the )?{_CUE}:", re.IGNORECASE), _always),
    ("double cue", re.compile(r":\s*:"), _always),
    (
        "double punctuation",
        re.compile(r"(?<![.])\.\.(?![.])|[?!]\.(?![.\w])|(?<![A-Z])\.[?](?!\w)|,[.,;:]|[;:][.,;]| [.,;](?=\s|$)"),
        _always,
    ),
    ("double punctuation", re.compile(r"(?<=\S)  +(?=\S)"), _always),
    ("blank lines", re.compile(r"\n[ \t]*\n[ \t]*\n|^\s*\n|\n\s*$|[ \t]+\n"), _always),
    ("article", re.compile(r"\b(an?|An?) [\"'(]?([A-Za-z0-9][\w.-]*)"), _is_wrong_article),
    ("unrendered", re.compile(r"\{\{|\}\}|\{%|%\}|<Undefined>|\ue000"), _always),
)
