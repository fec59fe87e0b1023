"""How examples become ids: lengths, layout, weights."""

import dataclasses
from typing import Annotated, Literal, NamedTuple

from flanjax import fields
from flanjax.fields import Range

Length = Annotated[int, Range(8)]


class Budget(NamedTuple):
    """Room for the tokens of a text, what the layout adds not counted. `targets` None: targets are not limited."""

    inputs: int
    targets: int | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class FeatureConfig:
    """How examples become ids.

    Args:
      layout: "auto" follows from the model: "encoder_decoder" for T5, "causal" for decoder-only models. "prefix" lets the
        inputs of decoder-only models be seen both ways. Where there is no model, "auto" is "encoder_decoder".
      inputs_length, targets_length: [S] and [T], in tokens: the limits of one example and of a row of an encoder-decoder. A
        decoder-only row has S + T positions, of which at most T are targets.
      input_eos: whether the input of an encoder ends with the end of sequence, as T5's and FLAN's do.
      separator: the text between input and target of a decoder-only model.
      chat: decoder-only: put input and target into the turns of the tokenizer's chat template instead.
      weighting: "tokens" weighs every target token alike, "examples" every example.
    """

    layout: Literal["auto", "encoder_decoder", "causal", "prefix"] = "auto"
    inputs_length: Length = 512
    targets_length: Length = 128
    input_eos: bool = True
    separator: str = "\n"
    chat: bool = False
    weighting: Literal["tokens", "examples"] = "tokens"

    def __post_init__(self) -> None:
        fields.check(self)
        with_chat = not self.chat or self.layout != "encoder_decoder"
        fields.require(with_chat, self, "chat", "False: a T5 has no turns; a decoder-only model has, with layout='causal'")
