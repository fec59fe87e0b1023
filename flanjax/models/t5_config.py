"""The frozen config of a T5, and the published sizes by name."""

import dataclasses
from typing import Annotated, Any, ClassVar, Literal

from flanjax import fields
from flanjax.fields import Count, Fraction, OneOf, Positive
from flanjax.models.attention.choice import BACKENDS
from flanjax.models.stack import AUTO, REMAT


@dataclasses.dataclass(frozen=True, kw_only=True)
class T5Config:
    """The shape of a T5 and how it is computed.

    The defaults are those of T5 v1.1 (https://arxiv.org/abs/2002.05202). v1.0 has relu, no gate, tied embeddings and scaled
    logits.

    Args:
      vocab_size: rows of the embedding table. Without it, the tokenizer's size is rounded up to a multiple of 128.
      d_model: width of the residual stream.
      d_ff: width of the MLP.
      num_layers: layers of the encoder.
      num_decoder_layers: layers of the decoder.
      num_heads: query heads of each attention.
      head_dim: width of a head; num_heads * head_dim need not be d_model.
      relative_buckets: buckets of the relative position bias, a multiple of 4.
      relative_max_distance: distances from this one on share the last bucket.
      activation: activation of the MLP; "gelu" is its tanh approximation.
      gated: the MLP multiplies two projections.
      tied_embedding: the head is the embedding table.
      scale_logits: the decoder's output is multiplied by d_model**-0.5 before the head.
      dropout: share of activations that training drops.
      epsilon: added to the variance in norms.
      scan: layers are compiled once, in a loop. Unrolled layers compile longer and run faster on CPU.
      remat: what the backward pass of a layer recomputes, from least to most: it saves memory and costs time. "auto" takes
        the least that fits, by the compiler's analysis of the step.
      attention: the implementation of attention. "auto" takes a kernel where one is known to be faster.
      dtype: type of the computation. Parameters are always float32.
    """

    kind: ClassVar[str] = "t5"  # its name in records
    layouts: ClassVar[tuple[str, ...]] = ("encoder_decoder",)  # the layouts of rows that it reads

    vocab_size: Count
    d_model: Count
    d_ff: Count
    num_layers: Count
    num_decoder_layers: Count
    num_heads: Count
    head_dim: Count
    relative_buckets: Count = 32
    relative_max_distance: Count = 128
    activation: Annotated[str, OneOf(("gelu", "relu"))] = "gelu"
    gated: bool = True
    tied_embedding: bool = False
    scale_logits: bool = False
    dropout: Fraction = 0.0
    epsilon: Positive = 1e-6
    scan: bool = True
    remat: Annotated[str, OneOf((*REMAT, AUTO))] = "none"
    attention: Annotated[str, OneOf(BACKENDS)] = "auto"
    dtype: Literal["float32", "bfloat16"] = "float32"

    def __post_init__(self):
        fields.check(self)
        fields.require(self.relative_buckets % 4 == 0, self, "relative_buckets", "a positive multiple of 4")
        half = self.relative_buckets // 2
        fields.require(self.relative_max_distance > half, self, "relative_max_distance", f"over {half}")


def _shape(d_model: int, d_ff: int, layers: int, num_heads: int, head_dim: int) -> dict[str, Any]:
    return {
        "d_model": d_model,
        "d_ff": d_ff,
        "num_layers": layers,
        "num_decoder_layers": layers,
        "num_heads": num_heads,
        "head_dim": head_dim,
    }


_V1_0 = {
    "t5_small": _shape(512, 2048, 6, 8, 64),
    "t5_base": _shape(768, 3072, 12, 12, 64),
    "t5_large": _shape(1024, 4096, 24, 16, 64),
    "t5_3b": _shape(1024, 16384, 24, 32, 128),
    "t5_11b": _shape(1024, 65536, 24, 128, 128),
}
_V1_1 = {
    "small": _shape(512, 1024, 8, 6, 64),
    "base": _shape(768, 2048, 12, 12, 64),
    "large": _shape(1024, 2816, 24, 16, 64),
    "xl": _shape(2048, 5120, 24, 32, 64),
    "xxl": _shape(4096, 10240, 24, 64, 64),
}
_T5_VOCABULARY = 32128  # 32,100 pieces, padded to a multiple of 128
_MT5_VOCABULARY = 250112


def _v1_0(shape: dict[str, Any]) -> T5Config:
    return T5Config(vocab_size=_T5_VOCABULARY, activation="relu", gated=False, tied_embedding=True, scale_logits=True, **shape)


def _v1_1(family: str, vocab_size: int) -> dict[str, T5Config]:
    return {f"{family}_{size}": T5Config(vocab_size=vocab_size, **shape) for size, shape in _V1_1.items()}


SIZES: dict[str, T5Config] = {
    **{name: _v1_0(shape) for name, shape in _V1_0.items()},
    **_v1_1("t5_v1_1", _T5_VOCABULARY),
    **_v1_1("flan_t5", _T5_VOCABULARY),
    **_v1_1("mt5", _MT5_VOCABULARY),
}
