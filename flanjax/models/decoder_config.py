"""The frozen config of a decoder-only transformer, and the published sizes by name."""

import dataclasses
from typing import Any, ClassVar

from flanjax.models.attention.choice import BACKENDS
from flanjax.models.stack import REMAT

FAMILIES = ("llama", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "gpt_neox")
ACTIVATIONS = ("silu", "gelu", "gelu_exact")
NORMS = ("rms", "rms_plus_one", "layer")
BIASES = ("none", "qkv", "all")
DTYPES = ("float32", "bfloat16")


@dataclasses.dataclass(frozen=True, kw_only=True)
class DecoderConfig:
    """The shape of a decoder-only transformer and how it is computed.

    The defaults are Llama's (https://arxiv.org/abs/2302.13971); the other families are other switches of the same model.
    """

    kind: ClassVar[str] = "decoder"  # its name in records
    layouts: ClassVar[tuple[str, ...]] = ("causal", "prefix")  # of the rows that it reads

    family: str = "llama"  # as which a Hugging Face export is written; it decides nothing here
    vocab_size: int
    d_model: int
    d_ff: int
    num_layers: int
    num_heads: int
    num_kv_heads: int  # each is read by num_heads / num_kv_heads query heads
    head_dim: int  # num_heads * head_dim need not be d_model
    max_positions: int = 2048  # that the weights were trained for: written to exports, limits nothing here
    rope_theta: float = 10_000.0
    rope_fraction: float = 1.0  # of head_dim that is rotated
    rope_factor: float = 1.0  # Llama 3.1's scaling divides slow frequencies by it; 1 is off, and then these three are not read
    rope_low_frequency: float = 1.0  # turns within rope_original_positions, up to which a frequency is divided
    rope_high_frequency: float = 4.0  # from which on it is left alone
    rope_original_positions: int = 8192
    window: int | None = None  # a position sees itself and the window - 1 before it
    global_every: int | None = None  # every so manyth layer has no window
    query_pre_attn_scalar: int | None = None  # scores are divided by its root; None is head_dim
    attention_soft_cap: float | None = None
    logits_soft_cap: float | None = None
    norm: str = "rms"  # "rms_plus_one": scales are stored less 1; "layer": mean subtracted, with bias
    post_norm: bool = False  # attention and MLP are normed once more before they are added
    qk_norm: bool = False  # of each head, before the rotation
    parallel_residual: bool = False  # attention and MLP read the same residual
    fused_qkv: bool = False  # one kernel, ordered by head
    bias: str = "none"  # of projections: of queries, keys and values, or of all
    activation: str = "silu"  # "gelu" is its tanh approximation
    gated: bool = True
    tied_embedding: bool = False  # the head is the embedding table
    scale_embedding: bool = False  # times d_model**0.5
    dropout: float = 0.0
    epsilon: float = 1e-6
    scan: bool = True  # over layers: compiles once for all of them; unrolled runs faster on CPU
    remat: str = "none"  # what of each layer is recomputed in the backward pass: a name of stack.REMAT
    attention: str = "auto"  # what computes it: a name of attention_choice.BACKENDS; "auto" knows what pays where
    dtype: str = "float32"  # of the computation; parameters are float32 always

    def __post_init__(self):
        for name in ("vocab_size", "d_model", "d_ff", "num_layers", "num_heads", "num_kv_heads", "head_dim"):
            _check(getattr(self, name) >= 1, self, name, "at least 1")
        _check(self.num_heads % self.num_kv_heads == 0, self, "num_kv_heads", f"a divisor of num_heads, {self.num_heads}")
        _check(0.0 < self.rope_fraction <= 1.0, self, "rope_fraction", "in (0, 1]")
        _check(self.rotary_dim >= 2 and self.rotary_dim % 2 == 0, self, "head_dim", "such that an even part of it is rotated")
        for name in ("window", "global_every", "query_pre_attn_scalar", "attention_soft_cap", "logits_soft_cap"):
            _check(getattr(self, name) is None or getattr(self, name) > 0, self, name, "None or over 0")
        _check(self.window is not None or self.global_every is None, self, "global_every", "None without a window")
        _check(self.num_layers % self.period == 0, self, "global_every", f"a divisor of num_layers, {self.num_layers}")
        _check(not self.fused_qkv or self.num_kv_heads == self.num_heads, self, "num_kv_heads", "num_heads if qkv are fused")
        _check(self.bias != "all" or not self.gated, self, "bias", "'none' or 'qkv' if the MLP is gated")
        for name in ("rope_theta", "epsilon"):
            _check(getattr(self, name) > 0.0, self, name, "over 0")
        _check(self.rope_factor >= 1.0, self, "rope_factor", "at least 1")
        _check(self.rope_high_frequency > self.rope_low_frequency, self, "rope_high_frequency", "over rope_low_frequency")
        _check(0.0 <= self.dropout < 1.0, self, "dropout", "in [0, 1)")
        choices = {"family": FAMILIES, "norm": NORMS, "bias": BIASES, "activation": ACTIVATIONS, "dtype": DTYPES}
        for name, known in {**choices, "remat": tuple(REMAT), "attention": BACKENDS}.items():
            _check(getattr(self, name) in known, self, name, f"one of {known}")

    @property
    def rotary_dim(self) -> int:
        return int(self.head_dim * self.rope_fraction)

    @property
    def period(self) -> int:
        """After how many layers the kinds of layer repeat."""
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


def _check(good: bool, config: DecoderConfig, name: str, expected: str):
    if not good:
        raise ValueError(f"DecoderConfig.{name} is {getattr(config, name)!r}, expected {expected}")


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
