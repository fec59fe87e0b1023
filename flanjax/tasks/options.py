"""Option styles: how options are shown, and whether the target is an option's text or its label."""

import dataclasses
import functools
import string
from collections.abc import Sequence
from typing import Literal


@dataclasses.dataclass(frozen=True)
class OptionStyle:
    """How options are laid out.

    Args:
      header: the line above them.
      label: "-" for no label; otherwise a pattern whose A, a or 1 counts up: "(A)", "1.", "[a]".
      target: "text" (the option itself) or "label" (as it is shown: "(B)").

    >>> OptionStyle("Options:", "(A)", "label").block(["yes", "no"])
    'Options:\\n(A) yes\\n(B) no'
    """

    header: str = "Options:"
    label: str = "-"
    target: Literal["text", "label"] = "text"

    def __post_init__(self) -> None:
        if self.target not in ("text", "label"):
            raise ValueError(f"OptionStyle.target is {self.target!r}, expected 'text' or 'label'")
        if self.target == "label" and not self._counter:
            raise ValueError(f"OptionStyle label {self.label!r} counts nothing (no A, a or 1), so it cannot be a target")

    @property
    def _counter(self) -> str:
        return next((c for c in self.label if c in "Aa1"), "")

    def labels(self, n: int) -> tuple[str, ...]:
        return _labels(self.label, self._counter, n)

    def block(self, texts: Sequence[str]) -> str:
        lines = (f"{label} {text}" for label, text in zip(self.labels(len(texts)), texts, strict=True))
        return "\n".join((self.header, *lines))

    def targets(self, texts: Sequence[str]) -> tuple[str, ...]:
        """Returns the text that represents each option in a target."""
        return tuple(texts) if self.target == "text" else self.labels(len(texts))


@functools.cache
def _labels(pattern: str, counter: str, n: int) -> tuple[str, ...]:
    if not counter:
        return (pattern,) * n
    letters = {"A": string.ascii_uppercase, "a": string.ascii_lowercase}.get(counter, "")
    # There are only 26 letters, so more options are numbered.
    counted = letters[:n] if 0 < n <= len(letters) else [str(i + 1) for i in range(n)]
    return tuple(pattern.replace(counter, c, 1) for c in counted)


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
)
