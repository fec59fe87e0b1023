"""Extracts the answer from a text that a model wrote."""

import re
from collections.abc import Sequence

from flanjax.tasks.chains import CHAINS_OF_THOUGHT, ChainOfThought

# The phrases that end a rationale: our own bridges, and common forms of them.
_BRIDGES = {c.bridge for c in CHAINS_OF_THOUGHT if c.order == "reason first"}
_BRIDGE = re.compile("|".join([*sorted(map(re.escape, _BRIDGES)), r"the (?:final )?answer is", r"answer:"]), re.IGNORECASE)
_LABEL = re.compile(r"^(?:option |choice )?[(\[]?([a-z]|\d{1,2})[)\].:]*$", re.IGNORECASE)


def extract(
    text: str, options: Sequence[str] = (), *, reasoned: bool = False, chain: ChainOfThought | None = None
) -> tuple[str, bool]:
    """Returns the answer in a generated text, and whether the text has the expected form.

    A reasoned text should end with a bridge and the answer ("the answer is 4"); without a bridge the whole text is the answer,
    and the flag is False.
    Where the chain of thought puts the answer first, it is what stands before the bridge.
    With options, the answer is the option that the text names, by its words or its label; if it names none, the flag is False.

    >>> extract("Half of 8 is 4. So the answer is 4.", reasoned=True)
    ('4', True)
    """
    answer, parsed = text.strip(), True
    if chain is not None and chain.order == "answer first":
        answer, bridge, _ = answer.partition(chain.bridge)
        parsed = bool(bridge)
        answer = answer.strip().removesuffix(".")
    elif reasoned:
        ends = [m.end() for m in _BRIDGE.finditer(answer)]
        parsed = bool(ends)
        answer = answer[ends[-1] :].strip(" :\n") if ends else answer
        answer = answer.removesuffix(".")
    if options:
        option = _option(answer, options)
        return (answer, False) if option is None else (option, parsed)
    return answer, parsed and bool(answer)


def _option(answer: str, options: Sequence[str]) -> str | None:
    plain = _normal(answer)
    for option in options:
        if _normal(option) == plain:
            return option
    label = _LABEL.match(answer.strip())
    if label:
        mark = label.group(1).lower()
        position = int(mark) - 1 if mark.isdigit() else ord(mark) - ord("a")
        return options[position] if 0 <= position < len(options) else None
    return None


def _normal(text: str) -> str:
    return " ".join(text.lower().strip(" .,:;!?\"'()[]-*").split())
