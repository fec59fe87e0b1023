"""Extracts the answer from a text that a model wrote, by a named rule, and lets several such answers vote."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import NamedTuple

from flanjax.tasks.chains import CHAINS_OF_THOUGHT, ChainOfThought

AUTO = "auto"
# The phrases that end a rationale: our own bridges, and common forms of them.
_BRIDGES = {c.bridge for c in CHAINS_OF_THOUGHT if c.order == "reason first"}
_SAID = r"the (?:final )?answer is|answer:"
_ANSWER_IS = re.compile(_SAID, re.IGNORECASE)
_BRIDGE = re.compile("|".join([*sorted(map(re.escape, _BRIDGES)), _SAID]), re.IGNORECASE)
_LABEL = re.compile(r"^(?:option |choice )?[(\[]?([a-z]|\d{1,2})[)\].:]*$", re.IGNORECASE | re.ASCII)
_NAMED_LABEL = re.compile(r"\(([a-z]|\d{1,2})\)|\b(?:option|choice) ([a-z]|\d{1,2})\b", re.IGNORECASE | re.ASCII)
_BOX = re.compile(r"\\(?:boxed|fbox) *\{")
_NUMBER = re.compile(r"(?:(?<![\w)\]])(-)\s?)?[$€£]?\s?(?<![\d.])((?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?|\.\d+)")


class Written(NamedTuple):
    """A text that a model wrote, and what is known of the answer that was asked for.

    Attributes:
      options: the answers to choose from; empty for free text.
      chain: the words that asked for reasoning; None if none was asked for, or in words that are not known.
      reasoned: whether reasoning was asked for.
    """

    text: str
    options: Sequence[str] = ()
    chain: ChainOfThought | None = None
    reasoned: bool = False


Extractor = Callable[[Written], str | None]  # to an answer; None if the text does not have the expected form


def extract(
    text: str,
    options: Sequence[str] = (),
    *,
    reasoned: bool = False,
    chain: ChainOfThought | None = None,
    extractor: str = AUTO,
) -> tuple[str, bool]:
    """Returns the answer in a generated text, and whether the text has the expected form.

    With options, the answer is the option that the extracted words name, by its own words or its label; if they name none, the
    flag is False. A text in which the extractor finds nothing is its own answer, and the flag is False.

    Args:
      extractor: a name in EXTRACTORS.

    >>> extract("Half of 8 is 4. So the answer is 4.", reasoned=True)
    ('4', True)
    >>> extract("Half of 8 is 4, or 4.0 as a float.", extractor="last_number")
    ('4.0', True)
    """
    found = EXTRACTORS[extractor](Written(text.strip(), options, chain, reasoned))
    answer, parsed = (text.strip().removesuffix("."), False) if found is None else (found, True)
    if options:
        option = _option(answer, options)
        return (answer, False) if option is None else (option, parsed)
    return answer, parsed and bool(answer)


def vote(answers: Sequence[tuple[str, bool]]) -> int:
    """Returns the position of the first answer of those that most samples give; of several, of the one that came first.

    Only parsed answers vote; if there are none, it is the first sample's. Numbers are the same answer however they are written.

    Args:
      answers: of the samples, each with whether it was parsed, as `extract` gives them.

    >>> vote([("3", True), ("4", True), ("no idea", False), ("4.0", True)])
    1
    """
    votes = [_as_vote(answer) if parsed else None for answer, parsed in answers]
    counts = Counter(v for v in votes if v is not None)  # in the order of their first votes
    return votes.index(max(counts, key=counts.__getitem__)) if counts else 0


def last_number(text: str) -> Decimal | None:
    """Returns the last number in `text`, without thousands commas and currency signs; None if there is none.

    A minus counts only if no word, digit or bracket precedes it, so that `5-3` ends in 3.

    >>> last_number("so she pays $1,250.50.")
    Decimal('1250.50')
    """
    found = _NUMBER.findall(text.replace("\u2212", "-"))
    if not found:
        return None
    sign, digits = found[-1]
    return Decimal(sign + digits.replace(",", ""))


def _auto(written: Written) -> str | None:
    """The chain's own place for the answer, or the whole text where no reasoning was asked for."""
    if written.chain is not None and written.chain.order == "answer first":
        return _bridge(written)
    return _after(_BRIDGE, written.text) if written.reasoned else written.text


def _bridge(written: Written) -> str | None:
    """What follows the last of the very words that the chain joins its reasoning and its answer by (or precedes the first)."""
    chain = written.chain
    if chain is None or not chain.bridge:
        return None
    if chain.order == "reason first":
        return _after(re.compile(re.escape(chain.bridge), re.IGNORECASE), written.text)
    answer, bridge, _ = written.text.partition(chain.bridge)
    return answer.strip().removesuffix(".") if bridge else None


def _answer_is(written: Written) -> str | None:
    """The rest of the line after the last "the answer is", "the final answer is" or "answer:"."""
    found = _after(_ANSWER_IS, written.text)
    return found and found.partition("\n")[0].strip().removesuffix(".")


def _last_number(written: Written) -> str | None:
    """The last number, without commas and currency signs."""
    number = last_number(written.text)
    return None if number is None else str(number)


def _last_option(written: Written) -> str | None:
    """The option that is named last, by its words or by a label such as "(B)" or "option B"; the longest of those."""
    text, options, named = written.text, written.options, list[tuple[int, int, str]]()
    for option in options:
        words = r"\s+".join(map(re.escape, option.split()))
        named += [(m.end(), m.end() - m.start(), option) for m in re.finditer(rf"(?<!\w){words}(?!\w)", text, re.IGNORECASE)]
    for label in _NAMED_LABEL.finditer(text):
        at = _position(label.group(1) or label.group(2))
        if 0 <= at < len(options):
            named.append((label.end(), label.end() - label.start(), options[at]))
    return max(named)[-1] if named else None


def _boxed(written: Written) -> str | None:
    r"""What stands in the last \boxed{...} or \fbox{...}."""
    boxes = list(_BOX.finditer(written.text))
    if not boxes:
        return None
    inside = written.text[boxes[-1].end() :]
    depth = 1
    for at, character in enumerate(inside):
        depth += (character == "{") - (character == "}")
        if not depth:
            return inside[:at].strip()
    return None


def _first_line(written: Written) -> str | None:
    """The first line."""
    return written.text.partition("\n")[0].strip() or None


def _whole(written: Written) -> str | None:
    """The whole text."""
    return written.text or None


EXTRACTORS: dict[str, Extractor] = {
    AUTO: _auto,
    "bridge": _bridge,
    "answer_is": _answer_is,
    "last_number": _last_number,
    "last_option": _last_option,
    "boxed": _boxed,
    "first_line": _first_line,
    "whole": _whole,
}


def _after(words: re.Pattern[str], text: str) -> str | None:
    ends = [m.end() for m in words.finditer(text)]
    return text[ends[-1] :].strip(" :\n").removesuffix(".") if ends else None


def _option(answer: str, options: Sequence[str]) -> str | None:
    for form in (_spaced, _unstopped, _normal):
        plain = form(answer)
        alike = [option for option in options if form(option) == plain]
        if plain and len(alike) == 1:
            return alike[0]
    label = _LABEL.match(answer.strip())
    if label:
        position = _position(label.group(1))
        return options[position] if 0 <= position < len(options) else None
    return None


def _position(label: str) -> int:
    return int(label) - 1 if label.isdigit() else ord(label.lower()) - ord("a")


def _spaced(text: str) -> str:
    return " ".join(text.casefold().split())


def _unstopped(text: str) -> str:
    return _spaced(text).removesuffix(".")


def _normal(text: str) -> str:
    return " ".join(text.lower().strip(" .,:;!?\"'()[]-*").split())


def _as_vote(answer: str) -> str:
    """Returns what two answers must share to be one."""
    plain = " ".join(answer.casefold().split()).removesuffix(".")
    number = last_number(plain) if _NUMBER.fullmatch(plain) else None
    return plain if number is None else str(number.normalize())
