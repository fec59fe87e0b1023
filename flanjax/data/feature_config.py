"""How examples become ids: lengths, layout, weights."""

import dataclasses
from typing import Literal, NamedTuple

LAYOUTS = ("encoder_decoder", "causal", "prefix")
WEIGHTINGS = ("tokens", "examples")


class Budget(NamedTuple):
    """Room for the tokens of a text, what the layout adds not counted. `targets` None: targets are not limited."""

    inputs: int
    targets: int | None


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
    """

    layout: Literal["encoder_decoder", "causal", "prefix"] = "encoder_decoder"
    inputs_length: int = 512
    targets_length: int = 128
    input_eos: bool = True
    separator: str = "\n"
    chat: bool = False
    weighting: Literal["tokens", "examples"] = "tokens"

    def __post_init__(self) -> None:
        for name, known in (("layout", LAYOUTS), ("weighting", WEIGHTINGS)):
            if getattr(self, name) not in known:
                raise ValueError(f"features.{name} is {getattr(self, name)!r}, expected one of {known}")
        for name in ("inputs_length", "targets_length"):
            if getattr(self, name) < 8:
                raise ValueError(f"features.{name} is {getattr(self, name)}, expected at least 8 tokens")
        if self.chat and self.layout == "encoder_decoder":
            raise ValueError("features.chat is for decoder-only models; set features.layout='causal', or chat=False")
