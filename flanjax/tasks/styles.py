"""Prompt styles have four independent axes. A mixture sets the share of examples for each axis."""

import dataclasses
from typing import NamedTuple

from flanjax.tasks.options import OPTION_STYLES, OptionStyle


class Style(NamedTuple):
    """How one example is asked. The axes are independent of each other and of the template's wording.

    >>> Style(few_shot=True, options=False, chain_of_thought=False, inverted=False).name
    'few-shot/no options/direct/forward'
    """

    few_shot: bool = False
    options: bool = False
    chain_of_thought: bool = False
    inverted: bool = False

    @property
    def id(self) -> int:
        """A number in [0, 16) that is stored with every token of the example."""
        return sum(int(on) << i for i, on in enumerate(self))

    @classmethod
    def from_id(cls, number: int) -> "Style":
        return cls(*(bool(number >> i & 1) for i in range(4)))

    @property
    def name(self) -> str:
        words = (("zero-shot", "few-shot"), ("no options", "options"), ("direct", "chain-of-thought"), ("forward", "inverted"))
        return "/".join(pair[on] for pair, on in zip(words, self, strict=True))


NUM_STYLES = 16
MAX_SHOTS = 256  # exemplars are searched one by one, even beyond the token budget


@dataclasses.dataclass(frozen=True, kw_only=True)
class StyleShares:
    """The share of examples that get each style, among those to which it can be applied.

    Args:
      few_shot: share with exemplars before the question; their number is uniform in 1..max_shots.
      max_shots: the largest number of exemplars requested; fewer are shown if they exceed the token budget.
      options: share of examples with options that show them.
      chain_of_thought: share of examples with a rationale whose target is the rationale and then the answer.
      option_styles: the layouts of options, drawn with equal probability.
      inverted: share of examples that use one of the task's inverted templates, if it has any.
    """

    few_shot: float = 0.5
    max_shots: int = 5
    options: float = 0.75
    chain_of_thought: float = 0.5
    inverted: float = 0.1
    option_styles: tuple[OptionStyle, ...] = OPTION_STYLES

    def __post_init__(self) -> None:
        for name in ("few_shot", "options", "chain_of_thought", "inverted"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"StyleShares.{name} is {getattr(self, name)}, expected a share in [0, 1]")
        if not self.option_styles:
            raise ValueError("StyleShares.option_styles is empty, expected at least one; for no options use options=0")
        if not 1 <= self.max_shots <= MAX_SHOTS:
            raise ValueError(f"StyleShares.max_shots is {self.max_shots}, expected 1 to {MAX_SHOTS}; for none use few_shot=0")
