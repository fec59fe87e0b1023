"""The frozen config of a decoder-only transformer, and the published sizes by name."""

import dataclasses
from typing import Annotated, Any, ClassVar, Literal

from flanjax import fields
from flanjax.fields import Count, Fraction, OneOf, Positive, Range
from flanjax.models.attention.choice import BACKENDS
from flanjax.models.stack import AUTO, REMAT

FAMILIES = ("llama", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "gpt_neox")


@dataclasses.dataclass(frozen=True, kw_only=True)
class DecoderConfig:
    """The shape of a decoder-only transformer and how it is computed.

    The defaults are Llama's (https://arxiv.org/abs/2302.13971); the other families set other switches of the same model.

    Args:
      family: the name under which a Hugging Face export is written. It decides nothing in the model.
      vocab_size: rows of the embedding table. Without it, the tokenizer's size is rounded up to a multiple of 128.
      d_model: width of the residual stream.
      d_ff: width of the MLP.
      num_layers: layers of the decoder.
      num_heads: query heads.
      num_kv_heads: key and value heads, a divisor of num_heads.
      head_dim: width of a head; num_heads * head_dim need not be d_model.
      max_positions: the length that the weights were trained for. It is written to exports; it is no limit here.
      rope_theta: base of the rotary frequencies.
      rope_fraction: share of head_dim that is rotated.
      rope_factor: Llama 3.1's scaling divides slow frequencies by it; 1 is off, and then the next three have no effect.
      rope_low_frequency: frequencies with fewer turns than this within rope_original_positions are divided.
      rope_high_frequency: frequencies with more turns than this within rope_original_positions are kept.
      rope_original_positions: the training length before the scaling.
      window: a position sees itself and the window - 1 before it; none is no window.
      global_every: in each group of this many layers the last has no window; none gives every layer the window.
      query_pre_attn_scalar: scores are divided by its square root; none is head_dim.
      attention_soft_cap: the bound that a tanh puts on attention scores; none is no bound.
      logits_soft_cap: the bound that a tanh puts on logits; none is no bound.
      norm: "rms_plus_one" stores its scales minus 1; "layer" subtracts the mean and has a bias.
      post_norm: attention and MLP are normed once more before they are added.
      qk_norm: each head's query and key are normed before the rotation.
      parallel_residual: attention and MLP read the same residual.
      fused_qkv: queries, keys and values are computed by one kernel, ordered by head.
      bias: which projections have a bias: none, those of queries, keys and values, or all.
      activation: activation of the MLP; "gelu" is its tanh approximation.
      gated: the MLP multiplies two projections.
      tied_embedding: the head is the embedding table.
      scale_embedding: embeddings are multiplied by d_model**0.5.
      dropout: share of activations that training drops.
      epsilon: added to the variance in norms.
      scan: layers are compiled once, in a loop. Unrolled layers compile longer and run faster on CPU.
      remat: what the backward pass of a layer recomputes, from least to most: it saves memory and costs time. "auto" takes
        the least that fits, by the compiler's analysis of the step.
      attention: the implementation of attention. "auto" takes a kernel where one is known to be faster.
      dtype: type of the computation. Parameters are always float32.
    """

    kind: ClassVar[str] = "decoder"  # its name in records
    layouts: ClassVar[tuple[str, ...]] = ("causal", "prefix")  # the layouts of rows that it reads

    family: Annotated[str, OneOf(FAMILIES)] = "llama"
    vocab_size: Count
    d_model: Count
    d_ff: Count
    num_layers: Count
    num_heads: Count
    num_kv_heads: Count
    head_dim: Count
    max_positions: Count = 2048
    rope_theta: Positive = 10_000.0
    rope_fraction: Annotated[float, Range(over=0, most=1)] = 1.0
    rope_factor: Annotated[float, Range(1)] = 1.0
    rope_low_frequency: Positive = 1.0
    rope_high_frequency: Positive = 4.0
    rope_original_positions: Count = 8192
    window: Count | None = None
    global_every: Count | None = None
    query_pre_attn_scalar: Count | None = None
    attention_soft_cap: Positive | None = None
    logits_soft_cap: Positive | None = None
    norm: Literal["rms", "rms_plus_one", "layer"] = "rms"
    post_norm: bool = False
    qk_norm: bool = False
    parallel_residual: bool = False
    fused_qkv: bool = False
    bias: Literal["none", "qkv", "all"] = "none"
    activation: Literal["silu", "gelu", "gelu_exact"] = "silu"
    gated: bool = True
    tied_embedding: bool = False
    scale_embedding: bool = False
    dropout: Fraction = 0.0
    epsilon: Positive = 1e-6
    scan: bool = True
    remat: Annotated[str, OneOf((*REMAT, AUTO))] = "none"
    attention: Annotated[str, OneOf(BACKENDS)] = "auto"
    dtype: Literal["float32", "bfloat16"] = "float32"

    def __post_init__(self):
        fields.check(self)
        need = fields.require
        need(self.num_heads % self.num_kv_heads == 0, self, "num_kv_heads", f"a divisor of num_heads, {self.num_heads}")
        need(self.rotary_dim >= 2 and self.rotary_dim % 2 == 0, self, "head_dim", "such that an even part of it is rotated")
        need(self.window is not None or self.global_every is None, self, "global_every", "none without a window")
        need(self.num_layers % self.period == 0, self, "global_every", f"a divisor of num_layers, {self.num_layers}")
        need(not self.fused_qkv or self.num_kv_heads == self.num_heads, self, "num_kv_heads", "num_heads if qkv are fused")
        need(self.bias != "all" or not self.gated, self, "bias", "'none' or 'qkv' if the MLP is gated")
        need(self.rope_high_frequency > self.rope_low_frequency, self, "rope_high_frequency", "over rope_low_frequency")

    @property
    def rotary_dim(self) -> int:
        return int(self.head_dim * self.rope_fraction)

    @property
    def period(self) -> int:
        """The number of layers after which the kinds of layer repeat."""
        return self.global_every or 1

    @property
    def windows(self) -> tuple[int | None, ...]:
        """The window of each kind of layer.

        >>> shape = {"d_model": 16, "d_ff": 32, "num_layers": 6, "num_heads": 2, "num_kv_heads": 1, "head_dim": 8}
        >>> DecoderConfig(vocab_size=64, window=512, global_every=3, **shape).windows
        (512, 512, None)
        """
        return (self.window,) if self.global_every is None else (*[self.window] * (self.global_every - 1), None)

    @property
    def score_scale(self) -> float:
        return float(self.query_pre_attn_scalar or self.head_dim) ** -0.5


def _shape(d_model: int, d_ff: int, layers: int, heads: int, kv_heads: int, head_dim: int, positions: int) -> dict[str, Any]:
    return {
        "d_model": d_model,
        "d_ff": d_ff,
        "num_layers": layers,
        "num_heads": heads,
        "num_kv_heads": kv_heads,
        "head_dim": head_dim,
        "max_positions": positions,
    }


# What the members of a family share.
_LLAMA_2 = {"family": "llama", "vocab_size": 32_000, "epsilon": 1e-5}
_LLAMA_3 = {"family": "llama", "vocab_size": 128_256, "epsilon": 1e-5, "rope_theta": 500_000.0}
_MISTRAL = {"family": "mistral", "vocab_size": 32_000, "epsilon": 1e-5, "window": 4096}
_QWEN2 = {"family": "qwen2", "vocab_size": 151_936, "rope_theta": 1e6, "bias": "qkv"}
_QWEN3 = {"family": "qwen3", "vocab_size": 151_936, "rope_theta": 1e6, "qk_norm": True}
_GEMMA: dict[str, Any] = {
    "family": "gemma",
    "vocab_size": 256_000,
    "norm": "rms_plus_one",
    "activation": "gelu",
    "tied_embedding": True,
    "scale_embedding": True,
}
_GEMMA2 = _GEMMA | {
    "family": "gemma2",
    "window": 4096,
    "global_every": 2,
    "query_pre_attn_scalar": 256,
    "attention_soft_cap": 50.0,
    "logits_soft_cap": 30.0,
    "post_norm": True,
}
_PYTHIA: dict[str, Any] = {
    "family": "gpt_neox",
    "vocab_size": 50_304,
    "epsilon": 1e-5,
    "rope_fraction": 0.25,
    "norm": "layer",
    "parallel_residual": True,
    "fused_qkv": True,
    "bias": "all",
    "activation": "gelu_exact",
    "gated": False,
}
_TIED = {"tied_embedding": True}


def _of(family: dict[str, Any], shape: dict[str, Any], **changes: Any) -> DecoderConfig:
    return DecoderConfig(**{**family, **shape, **changes})


SIZES: dict[str, DecoderConfig] = {
    "llama2_7b": _of(_LLAMA_2, _shape(4096, 11008, 32, 32, 32, 128, 4096)),
    "llama3_8b": _of(_LLAMA_3, _shape(4096, 14336, 32, 32, 8, 128, 8192)),
    "llama3_1_8b": _of(_LLAMA_3, _shape(4096, 14336, 32, 32, 8, 128, 131_072), rope_factor=8.0),
    "llama3_2_1b": _of(_LLAMA_3, _shape(2048, 8192, 16, 32, 8, 64, 131_072), rope_factor=32.0, **_TIED),
    "llama3_2_3b": _of(_LLAMA_3, _shape(3072, 8192, 28, 24, 8, 128, 131_072), rope_factor=32.0, **_TIED),
    "mistral_7b": _of(_MISTRAL, _shape(4096, 14336, 32, 32, 8, 128, 32_768)),
    "qwen2_0_5b": _of(_QWEN2, _shape(896, 4864, 24, 14, 2, 64, 131_072), **_TIED),
    "qwen2_5_0_5b": _of(_QWEN2, _shape(896, 4864, 24, 14, 2, 64, 32_768), **_TIED),
    "qwen2_5_1_5b": _of(_QWEN2, _shape(1536, 8960, 28, 12, 2, 128, 131_072), **_TIED),
    "qwen2_5_7b": _of(_QWEN2, _shape(3584, 18944, 28, 28, 4, 128, 131_072), vocab_size=152_064),
    "qwen3_0_6b": _of(_QWEN3, _shape(1024, 3072, 28, 16, 8, 128, 40_960), **_TIED),
    "qwen3_1_7b": _of(_QWEN3, _shape(2048, 6144, 28, 16, 8, 128, 40_960), **_TIED),
    "qwen3_4b": _of(_QWEN3, _shape(2560, 9728, 36, 32, 8, 128, 40_960), **_TIED),
    "qwen3_8b": _of(_QWEN3, _shape(4096, 12288, 36, 32, 8, 128, 40_960)),
    "gemma_2b": _of(_GEMMA, _shape(2048, 16384, 18, 8, 1, 256, 8192)),
    "gemma_7b": _of(_GEMMA, _shape(3072, 24576, 28, 16, 16, 256, 8192)),
    "gemma2_2b": _of(_GEMMA2, _shape(2304, 9216, 26, 8, 4, 256, 8192)),
    "gemma2_9b": _of(_GEMMA2, _shape(3584, 14336, 42, 16, 8, 256, 8192)),
    "pythia_70m": _of(_PYTHIA, _shape(512, 2048, 6, 8, 8, 64, 2048)),
    "pythia_160m": _of(_PYTHIA, _shape(768, 3072, 12, 12, 12, 64, 2048)),
    "pythia_410m": _of(_PYTHIA, _shape(1024, 4096, 24, 16, 16, 64, 2048)),
    "pythia_1b": _of(_PYTHIA, _shape(2048, 8192, 16, 8, 8, 256, 2048)),
    "pythia_1_4b": _of(_PYTHIA, _shape(2048, 8192, 24, 16, 16, 128, 2048)),
    "pythia_2_8b": _of(_PYTHIA, _shape(2560, 10240, 32, 32, 32, 80, 2048)),
    "pythia_6_9b": _of(_PYTHIA, _shape(4096, 16384, 32, 32, 32, 128, 2048), vocab_size=50_432),
}
