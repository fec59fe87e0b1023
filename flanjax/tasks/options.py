"""Option styles: how options are shown, and whether the target is an option's text or its label."""

import dataclasses
import functools
import re
import string
from collections.abc import Sequence
from typing import Literal

# A, a, I, i or 1 that stands alone counts: the "a" of "[a]" does, that of "Option 1" does not.
_COUNTER = re.compile(r"(?<![A-Za-z0-9])[AaIi1](?![A-Za-z0-9])")
_ROMAN = ((100, "c"), (90, "xc"), (50, "l"), (40, "xl"), (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i"))


@dataclasses.dataclass(frozen=True)
class OptionStyle:
    """How options are laid out.

    Args:
      header: the text above them, or before them.
      label: stands before each option. An "A", "a", "1", "I" or "i" in it that stands alone counts up: "(A)", "1.", "i)",
        "Option a:". Without one, all labels are the same: "-". Empty for none.
      target: "text" (the option itself) or "label" (as it is shown: "(B)").
      separator: between two options: a line break, or ", " and the like to show them in one line.
      gap: between a label and its option; empty for "(A)yes".
      ending: after the last option, such as "."; a full stop is left out where the option ends in a mark of its own.
      after_header: between the header and the first option; the separator if it breaks the line, else a space.

    >>> OptionStyle("Options:", "(A)", "label").block(["yes", "no"])
    'Options:\\n(A) yes\\n(B) no'
    >>> OptionStyle("Choose from", "", separator=" / ", ending="?").block(["yes", "no"])
    'Choose from yes / no?'
    """

    header: str = "Options:"
    label: str = "-"
    target: Literal["text", "label"] = "text"
    separator: str = "\n"
    gap: str = " "
    ending: str = ""
    after_header: str | None = None

    def __post_init__(self) -> None:
        if self.target not in ("text", "label"):
            raise ValueError(f"OptionStyle.target is {self.target!r}, expected 'text' or 'label'")
        if self.target == "label" and not _COUNTER.search(self.label):
            raise ValueError(
                f"OptionStyle label {self.label!r} counts nothing (it has no A, a, 1, I or i by itself), so it cannot be a "
                "target"
            )

    def labels(self, n: int) -> tuple[str, ...]:
        return _labels(self.label, n)

    def block(self, texts: Sequence[str]) -> str:
        gap = self.gap if self.label else ""
        shown = self.separator.join(f"{a}{gap}{text}" for a, text in zip(self.labels(len(texts)), texts, strict=True))
        after = self.after_header
        if after is None:
            after = "\n" if "\n" in self.separator else " "
        ending = self.ending[1:] if self.ending.startswith(".") and shown.endswith((".", "?", "!")) else self.ending
        return f"{self.header}{after if self.header else ''}{shown}{ending}"

    def targets(self, texts: Sequence[str]) -> tuple[str, ...]:
        """Returns the text that represents each option in a target."""
        return tuple(texts) if self.target == "text" else self.labels(len(texts))


@functools.cache
def _labels(pattern: str, n: int) -> tuple[str, ...]:
    found = _COUNTER.search(pattern)
    if found is None:
        return (pattern,) * n
    counted = _count(found[0], n)
    return tuple(f"{pattern[: found.start()]}{c}{pattern[found.end() :]}" for c in counted)


def _count(counter: str, n: int) -> Sequence[str]:
    if counter in "Ii":
        roman = [_roman(i + 1) for i in range(n)]
        return [r.upper() for r in roman] if counter == "I" else roman
    letters = {"A": string.ascii_uppercase, "a": string.ascii_lowercase}.get(counter, "")
    # There are only 26 letters, so more options are numbered.
    return letters[:n] if 0 < n <= len(letters) else [str(i + 1) for i in range(n)]


def _roman(number: int) -> str:
    """Returns the number in lower-case Roman numerals.

    >>> _roman(14)
    'xiv'
    """
    text = ""
    for value, numeral in _ROMAN:
        text += numeral * (number // value)
        number %= value
    return text


PLAIN = OptionStyle()
OPTION_STYLES = (
    PLAIN,
    OptionStyle("Choose from:", "-"),
    OptionStyle("Possible answers:", "*"),
    OptionStyle("Options:", "(A)"),
    OptionStyle("Choices:", "A."),
    OptionStyle("Pick one:", "1."),
    OptionStyle("Options:", "(A)", "label"),
    OptionStyle("Answer with a letter.", "A)", "label"),
    OptionStyle("Options:", "", separator=", ", ending="."),
    OptionStyle("Your choices are", "", separator=" / ", ending="."),
    OptionStyle("The answer is one of these:", "", separator="; ", ending="."),
    OptionStyle("Select one of the following.", "[a]", separator=" "),
    OptionStyle("Available answers:", "(1)", separator=", ", ending="."),
    OptionStyle("Options:", "i."),
    OptionStyle("OPTIONS:", "(I)", separator="; "),
    OptionStyle("Which of these is it?", "Option A:"),
    OptionStyle("Possibilities:", "a)", separator=" "),
    OptionStyle("Give the number of the right choice.", "1)", "label"),
    OptionStyle("Reply with the letter alone.", "[A]", "label", separator=" "),
)
