"""The settings by which examples become ids: lengths, layout, weights."""

import dataclasses
from typing import Annotated, Literal, NamedTuple

from flanjax import fields
from flanjax.fields import Range

_MIN_LENGTH = 8
Length = Annotated[int, Range(_MIN_LENGTH)]


class Budget(NamedTuple):
    """Room for the tokens of a text, without those that the layout adds. If `targets` is None, targets are not limited."""

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
      layout: "auto" follows from the model: "encoder_decoder" for T5, "causal" for decoder-only models. "prefix" gives
        decoder-only models bidirectional attention over the inputs. Without a model, "auto" is "encoder_decoder".
      inputs_length, targets_length: [S] and [T], in tokens: the limits of one example and of a row of an encoder-decoder. A
        decoder-only row has S + T positions, of which at most T are targets. A row of pairs is twice as long.
      input_eos: whether the input of an encoder ends with the end of sequence, as T5's and FLAN's do.
      separator: the text between input and target of a decoder-only model.
      chat: decoder-only: put input and target into the turns of the tokenizer's chat template instead.
      weighting: "tokens" gives every target token the same weight, "examples" every example.
      reserved: number of positions kept free at the start of every example's inputs, where a model puts vectors instead of
        token embeddings (soft prompts). They count towards the lengths.
      lengths: the pairs of lengths that rows have, batch after batch and then from the first again, such as
        ((512, 16), (512, 16), (512, 128)): a pair that stands there twice has twice as many batches. One is (inputs_length,
        targets_length), the longest. Empty: all rows are that long. `flanjax show` suggests pairs.
      answers: of a prompt, which share a row: a row is so many times as long. It follows from objective.name: 2 for pairs.
    """

    layout: Literal["auto", "encoder_decoder", "causal", "prefix"] = "auto"
    inputs_length: Length = 512
    targets_length: Length = 128
    input_eos: bool = True
    separator: str = "\n"
    chat: bool = False
    weighting: Literal["tokens", "examples"] = "tokens"
    reserved: Annotated[int, Range(0)] = 0
    lengths: tuple[tuple[Length, Length], ...] = ()
    answers: Annotated[int, Range(1, 2)] = 1

    def __post_init__(self) -> None:
        fields.check(self)
        room = self.inputs_length - _MIN_LENGTH
        fields.require(
            self.reserved <= room, self, "reserved", f"at most {room}: it is taken from inputs_length={self.inputs_length}"
        )
        with_chat = not self.chat or self.layout != "encoder_decoder"
        fields.require(with_chat, self, "chat", "false: a T5 has no turns; a decoder-only model has, with layout='causal'")
        object.__setattr__(self, "lengths", tuple(Lengths(*pair) for pair in self.lengths))
        limits = (self.inputs_length, self.targets_length)
        fields.require(
            not self.lengths or (limits in self.lengths and tuple(map(max, zip(*self.lengths, strict=True))) == limits),
            self,
            "lengths",
            f"pairs of which the longest is {limits}, the limits of an example (inputs_length, targets_length)",
        )

    @property
    def longest(self) -> Lengths:
        """The lengths of the longest rows."""
        return self._of_rows(self.inputs_length, self.targets_length)

    @property
    def pairs(self) -> tuple[Lengths, ...]:
        """The length pairs of one round of batches, at least one."""
        return tuple(self._of_rows(*pair) for pair in self.lengths) or (self.longest,)

    def _of_rows(self, inputs: int, targets: int) -> Lengths:
        return Lengths(self.answers * inputs, self.answers * targets)

    def lengths_of(self, batch: int) -> Lengths:
        """Returns the length pair of a global batch. It depends only on the batch's number, so that hosts agree on it and a
        resumed run repeats it."""
        return self.pairs[batch % len(self.pairs)]
