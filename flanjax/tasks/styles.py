"""Prompt styles have four independent axes. A mixture sets the share of examples for each axis."""

import dataclasses
from typing import NamedTuple

from flanjax.tasks.chains import CHAINS_OF_THOUGHT, ChainOfThought
from flanjax.tasks.exemplar_formats import FORMATS
from flanjax.tasks.exemplars import ExemplarFormat
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
        return self.few_shot + 2 * self.options + 4 * self.chain_of_thought + 8 * self.inverted

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
      inverted: share of examples that use one of the task's inverted templates, if it has any. None draws uniformly among all
        templates, as FLAN and T0 did.
      option_styles: the layouts of options, drawn with equal probability.
      exemplar_formats: the layouts of few-shot prompts, drawn with equal probability.
      chains_of_thought: the words that ask for reasoning and join it with the answer, drawn with equal probability.
    """

    few_shot: float = 0.5
    max_shots: int = 5
    options: float = 0.75
    chain_of_thought: float = 0.5
    inverted: float | None = 0.1
    option_styles: tuple[OptionStyle, ...] = OPTION_STYLES
    exemplar_formats: tuple[ExemplarFormat, ...] = FORMATS
    chains_of_thought: tuple[ChainOfThought, ...] = CHAINS_OF_THOUGHT

    def __post_init__(self) -> None:
        for name in ("few_shot", "options", "chain_of_thought", "inverted"):
            share = getattr(self, name)
            if not (share is None and name == "inverted") and not 0 <= share <= 1:
                raise ValueError(f"StyleShares.{name} is {share}, expected a share in [0, 1]")
        for name, share in (
            ("option_styles", "options"),
            ("exemplar_formats", "few_shot"),
            ("chains_of_thought", "chain_of_thought"),
        ):
            if not getattr(self, name):
                raise ValueError(f"StyleShares.{name} is empty, expected at least one; to use none, set {share}=0")
            object.__setattr__(self, name, tuple(getattr(self, name)))
        if not 1 <= self.max_shots <= MAX_SHOTS:
            raise ValueError(f"StyleShares.max_shots is {self.max_shots}, expected 1 to {MAX_SHOTS}; for none use few_shot=0")
