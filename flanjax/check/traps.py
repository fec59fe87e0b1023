"""Traps of wording that can be seen in a rendered text, whatever it is about.

A trap in the data itself is no fault of a template: `traps` is given the row's own texts, and leaves out what they hold.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

_CALLS = r"(?:answer|output|response|solution|label|reply|result)"  # cues that ask for whatever is asked for
_CUE = rf"(?:{_CALLS}|question|input|summary|translation|category|sentiment|topic)"
# Words that are spelled with a vowel and begin with a consonant's sound, and the other way round.
_LIKE_CONSONANTS = re.compile(r"(?:uni(?!n|m)|eu|ewe|use|usu|ut[ei]|ubi|one\b|once|u\.?[sk]\b|uk\b|us\b)", re.IGNORECASE)
_LIKE_VOWELS = re.compile(r"(?:hour|honest|honou?r|heir|x-ray|[FHLMNRSXfhlmnrsx]\b|[FHLMNRSX][A-Z0-9]|8|11\b|18)")


# A mark and what must not follow it. Patterns that begin with a set of characters are found several times as fast.
_DOUBLED = re.compile(
    r"[ .,;:?!](?:(?<=\.)(?<!\.\.)\.(?!\.)|(?<=[?!])\.(?![.\w])|(?<=\.)(?<![A-Z]\.)\?(?!\w)|(?<=,)[.,;:]|(?<=[;:])[.,;]"
    r"|(?<= )[.,;](?=\s|$))"
)
_ARTICLE = re.compile(r"([Aa](?<!\w[Aa])n?) ([\"'(]?)([A-Za-z0-9](?:[\w.-]*\w)?)")
_ABBREVIATION = re.compile(r"\b(?:[A-Z][a-z]{0,3}|etc|vs|[a-z]\.[a-z])\.$")
_CUE_BEFORE = re.compile(rf"\b{_CUE}$", re.IGNORECASE)
_CALL = re.compile(_CALLS)
_CUT = "\u2026"  # stands for what was left out of a long text


class Trap(NamedTuple):
    kind: str
    at: int
    text: str


_KEPT = 40  # characters at each end of a long text


def without_middles(text: str, own: Sequence[str]) -> str:
    """Returns a text without the middles of the row's own long texts: no trap in them is reported, and looking takes time.

    >>> len(without_middles("Read: " + "so " * 1000 + "What is it?", ["so " * 1000]))
    98
    """
    for one in own:
        if len(one) > 3 * _KEPT:
            text = text.replace(one, f"{one[:_KEPT]}{_CUT}{one[-_KEPT:]}")
    return text


def traps(text: str, own: Sequence[str] = (), kinds: Sequence[str] = ()) -> Iterator[Trap]:
    """Yields the traps in a text.

    Args:
      own: the texts of the row. A trap that lies within one of them is not reported.
      kinds: which kinds to look for; all when empty.
    """
    for kind, possible, pattern, counts in _PATTERNS:
        if (not kinds or kind in kinds) and possible(text):
            for found in pattern.finditer(text):
                if counts(found) and not _is_in(text, found.start(), found.end(), own):
                    yield Trap(kind, found.start(), found[0])


def _is_in(text: str, start: int, end: int, own: Sequence[str]) -> bool:
    """Whether a span with a character on each side of it stands in one of the row's own texts."""
    around, inner = text[max(0, start - 1) : end + 1].strip(_CUT), text[start:end].strip()
    if any(around in one for one in own):
        return True
    return bool(inner) and any(one.startswith(inner) or one.endswith(inner) or (len(inner) > 3 and inner in one) for one in own)


def _always(found: re.Match[str]) -> bool:
    return True


def _has(*parts: str) -> Callable[[str], bool]:
    """Returns the function that tells whether any of the parts is in a text: far quicker than most patterns."""
    return lambda text: any(part in text for part in parts)


def _has_blanks(text: str) -> bool:
    return text[:1].isspace() or text[-1:].isspace() or " \n" in text or "\t\n" in text or "\n\n" in text


def _is_no_abbreviation(found: re.Match[str]) -> bool:
    """Whether a full stop before a question mark or a comma is not that of "Inc." or "St."."""
    return found[0] not in (".?", ".,", ".;") or not _ABBREVIATION.search(found.string[: found.start() + 1][-9:])


def _calls_twice(found: re.Match[str]) -> bool:
    """Whether one cue follows another. "Input: Question:" is a label and a field's name, and "Question: Question:" is not."""
    before = _CUE_BEFORE.search(found.string[max(0, found.start() - 20) : found.start()])
    if before is None:
        return False
    first, second = before[0].lower(), found[1].lower()
    return first == second or (bool(_CALL.fullmatch(first)) and second not in ("question", "input"))


def _is_wrong_article(found: re.Match[str]) -> bool:
    article, mark, word = found.groups()
    before = found.string[max(0, found.start() - 9) : found.start()]
    if article[0] == "A" and (mark == "(" or not re.search(r"(?:^|[.?!:\n\"'(])\s*$", before)):  # "Plan A or B", "A (or C):"
        return False
    if _LIKE_CONSONANTS.match(word):
        begins_with_vowel = False
    elif _LIKE_VOWELS.match(word):
        begins_with_vowel = True
    else:
        begins_with_vowel = word[0].lower() in "aeiou"
    return (article.lower() == "an") is not begins_with_vowel


_PATTERNS: tuple[tuple[str, Callable[[str], bool], re.Pattern[str], Callable[[re.Match[str]], bool]], ...] = (
    # kind, whether it is possible at all, the pattern, and whether a match of it counts
    ("double cue", _has(":"), re.compile(rf":\s*(?:the )?({_CUE}):", re.IGNORECASE), _calls_twice),
    ("double cue", _has(":"), re.compile(r":\s*:(?![-()DPp|/])"), _always),  # which may be a smiley
    ("double punctuation", _has(*".,;:"), _DOUBLED, _is_no_abbreviation),
    ("double punctuation", _has("  "), re.compile(r"(?<=\S)  +(?=\S)"), _always),
    ("blank lines", _has_blanks, re.compile(r"\n[ \t]*\n[ \t]*\n|^\s*\n|\n\s*$|[ \t]+\n"), _always),
    ("article", _has("a ", "an ", "A ", "An "), _ARTICLE, _is_wrong_article),
    ("unrendered", _has("{", "}", "<", "\ue000"), re.compile(r"\{\{|\}\}|\{%|%\}|<Undefined>|\ue000"), _always),
)
