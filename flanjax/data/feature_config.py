"""How examples become ids: lengths, layout, weights."""

import dataclasses
from typing import Literal, NamedTuple

LAYOUTS = ("encoder_decoder", "causal", "prefix")
WEIGHTINGS = ("tokens", "examples")
_MIN_LENGTH = 8


class Budget(NamedTuple):
    """Room for the tokens of a text, what the layout adds not counted. `targets` None: targets are not limited."""

    inputs: int
    targets: int | None


class Lengths(NamedTuple):
    """A pair of lengths that rows of a batch may have, in tokens: [S] and [T]."""

    inputs: int
    targets: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class FeatureConfig:
    """How examples become ids.

    Args:
      layout: "encoder_decoder" for T5; for decoder-only models "causal", or "prefix" to let inputs be seen both ways.
      inputs_length, targets_length: [S] and [T], in tokens: the limits of one example and of a row of an encoder-decoder. A
        decoder-only row has S + T positions, of which at most T are targets.
      input_eos: whether the input of an encoder ends with the end of sequence, as T5's and FLAN's do.
      separator: the text between input and target of a decoder-only model.
      chat: decoder-only: put input and target into the turns of the tokenizer's chat template instead.
      weighting: "tokens" weighs every target token alike, "examples" every example.
      reserved: how many positions are left free at the start of every example's inputs, for vectors that a model puts there
        instead of token embeddings (soft prompts). They count towards the lengths.
    """

    layout: Literal["encoder_decoder", "causal", "prefix"] = "encoder_decoder"
    inputs_length: int = 512
    targets_length: int = 128
    input_eos: bool = True
    separator: str = "\n"
    chat: bool = False
    weighting: Literal["tokens", "examples"] = "tokens"
    reserved: int = 0

    def __post_init__(self) -> None:
        for name, known in (("layout", LAYOUTS), ("weighting", WEIGHTINGS)):
            if getattr(self, name) not in known:
                raise ValueError(f"features.{name} is {getattr(self, name)!r}, expected one of {known}")
        for name in ("inputs_length", "targets_length"):
            if getattr(self, name) < _MIN_LENGTH:
                raise ValueError(f"features.{name} is {getattr(self, name)}, expected at least {_MIN_LENGTH} tokens")
        if not 0 <= self.reserved <= self.inputs_length - _MIN_LENGTH:
            raise ValueError(
                f"features.reserved is {self.reserved}, expected 0 to {self.inputs_length - _MIN_LENGTH}: "
                f"it is taken from features.inputs_length={self.inputs_length}"
            )
        if self.chat and self.layout == "encoder_decoder":
            raise ValueError("features.chat is for decoder-only models; set features.layout='causal', or chat=False")

    @property
    def lengths(self) -> tuple[Lengths, ...]:
        """The length pairs in use: one."""
        return (Lengths(self.inputs_length, self.targets_length),)

    def lengths_of(self, batch: int) -> Lengths:
        """The pair of a global batch, a pure function of the batch's number: hosts agree on it and a resumed run repeats it."""
        return self.lengths[batch % len(self.lengths)]
