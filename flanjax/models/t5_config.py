"""The frozen config of a T5, and the published sizes by name."""

import dataclasses
from typing import Any, ClassVar

from flanjax.models.attention.choice import BACKENDS
from flanjax.models.stack import REMAT

ACTIVATIONS = ("gelu", "relu")
DTYPES = ("float32", "bfloat16")


@dataclasses.dataclass(frozen=True, kw_only=True)
class T5Config:
    """The shape of a T5 and how it is computed.

    The defaults are those of T5 v1.1 (https://arxiv.org/abs/2002.05202); v1.0 is relu, not gated, tied and scaled.
    """

    kind: ClassVar[str] = "t5"  # its name in records
    layouts: ClassVar[tuple[str, ...]] = ("encoder_decoder",)  # of the rows that it reads

    vocab_size: int
    d_model: int
    d_ff: int
    num_layers: int  # of the encoder
    num_decoder_layers: int
    num_heads: int
    head_dim: int  # num_heads * head_dim need not be d_model
    relative_buckets: int = 32
    relative_max_distance: int = 128
    activation: str = "gelu"  # its tanh approximation, or "relu"
    gated: bool = True
    tied_embedding: bool = False  # the head is the embedding table
    scale_logits: bool = False  # decoder output * d_model**-0.5 before the head
    dropout: float = 0.0
    epsilon: float = 1e-6
    scan: bool = True  # over layers: compiles once for all of them; unrolled runs faster on CPU
    remat: str = "none"  # what of each layer is recomputed in the backward pass: a name of stack.REMAT
    attention: str = "auto"  # what computes it: a name of attention_choice.BACKENDS; "auto" knows what pays where
    dtype: str = "float32"  # of the computation; parameters are float32 always

    def __post_init__(self):
        sizes = ("vocab_size", "d_model", "d_ff", "num_layers", "num_decoder_layers", "num_heads", "head_dim")
        for name in sizes:
            _check(getattr(self, name) >= 1, self, name, "at least 1")
        buckets = self.relative_buckets
        _check(buckets >= 4 and buckets % 4 == 0, self, "relative_buckets", "a positive multiple of 4")
        _check(self.relative_max_distance > buckets // 2, self, "relative_max_distance", f"over {buckets // 2}")
        _check(self.activation in ACTIVATIONS, self, "activation", f"one of {ACTIVATIONS}")
        _check(self.remat in REMAT, self, "remat", f"one of {tuple(REMAT)}")
        _check(self.attention in BACKENDS, self, "attention", f"one of {BACKENDS}")
        _check(self.dtype in DTYPES, self, "dtype", f"one of {DTYPES}")
        _check(0.0 <= self.dropout < 1.0, self, "dropout", "in [0, 1)")
        _check(self.epsilon > 0.0, self, "epsilon", "over 0")


def _check(good: bool, config: T5Config, name: str, expected: str):
    if not good:
        raise ValueError(f"T5Config.{name} is {getattr(config, name)!r}, expected {expected}")


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
