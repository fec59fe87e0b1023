"""Converts config.json of Hugging Face's decoder-only checkpoints, without file access. decoder_tensors.py has their tensors.

RoPE's settings are read (decoder_positions.py) and written in both forms, that of transformers 4 and that of transformers 5.

The head is tied if the files have no head. If config.json says "untied", or says nothing and its family's default is untied,
the files must have one.
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flanjax.huggingface.decoder_positions import LLAMA3, rope, windows
from flanjax.huggingface.decoder_tensors import head_and_embedding, ignored, is_neox, tensors
from flanjax.huggingface.settings import FLAG, LAYERS, NUMBER, SIZE, TABLE, TEXT, TEXTS, WHOLE, check_kinds, naming
from flanjax.huggingface.tensors import Shape
from flanjax.models.decoder_config import FAMILIES, DecoderConfig

__all__ = [
    "AUTO_CLASS",
    "MODEL_TYPES",
    "config_json",
    "config_of",
    "family_of",
    "head_and_embedding",
    "ignored",
    "says_untied",
    "tensors",
]

MODEL_TYPES: tuple[str, ...] = FAMILIES
AUTO_CLASS = "AutoModelForCausalLM"

_ARCHITECTURES = {
    "llama": "LlamaForCausalLM",
    "mistral": "MistralForCausalLM",
    "qwen2": "Qwen2ForCausalLM",
    "qwen3": "Qwen3ForCausalLM",
    "gemma": "GemmaForCausalLM",
    "gemma2": "Gemma2ForCausalLM",
    "gpt_neox": "GPTNeoXForCausalLM",
}
_FIELDS = {  # DecoderConfig -> config.json
    "vocab_size": "vocab_size",
    "d_model": "hidden_size",
    "d_ff": "intermediate_size",
    "num_layers": "num_hidden_layers",
    "num_heads": "num_attention_heads",
    "num_kv_heads": "num_key_value_heads",
    "head_dim": "head_dim",
    "max_positions": "max_position_embeddings",
    "epsilon": "rms_norm_eps",
}
_REQUIRED = ("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads")
_GEMMA = {"norm": "rms_plus_one", "scale_embedding": True}
_SWITCHES: dict[str, dict[str, Any]] = {  # a family's properties that its config.json does not state
    "llama": {},
    "mistral": {},
    "qwen2": {"bias": "qkv"},
    "qwen3": {"qk_norm": True},
    "gemma": _GEMMA,
    "gemma2": {**_GEMMA, "post_norm": True},
    "gpt_neox": {"norm": "layer", "fused_qkv": True, "bias": "all", "gated": False},
}
# transformers' defaults of optional fields; every published config.json has these fields.
_DEFAULTS: dict[str, dict[str, Any]] = {
    "mistral": {"num_key_value_heads": 8, "sliding_window": 4096},
    "qwen2": {"num_key_value_heads": 32, "sliding_window": 4096},
    "qwen3": {"num_key_value_heads": 32, "head_dim": 128, "sliding_window": 4096},
    "gemma": {"num_key_value_heads": 16, "head_dim": 256, "hidden_act": "gelu_pytorch_tanh"},
    "gemma2": {
        "num_key_value_heads": 4,
        "head_dim": 256,
        "hidden_act": "gelu_pytorch_tanh",
        "sliding_window": 4096,
        "query_pre_attn_scalar": 256,
        "attn_logit_softcapping": 50.0,
        "final_logit_softcapping": 30.0,
    },
    "gpt_neox": {"hidden_act": "gelu", "layer_norm_eps": 1e-5, "rotary_pct": 0.25, "use_parallel_residual": True},
}
_ACTIVATIONS = {"silu": "silu", "swish": "silu", "gelu_pytorch_tanh": "gelu", "gelu_new": "gelu", "gelu": "gelu_exact"}
_FUNCTIONS = {"silu": "silu", "gelu": "gelu_pytorch_tanh", "gelu_exact": "gelu"}  # activation -> hidden_act
_KINDS = {
    **dict.fromkeys(_FIELDS.values(), SIZE),
    "num_hidden_layers": LAYERS,
    **dict.fromkeys(("rms_norm_eps", "layer_norm_eps", "attn_logit_softcapping", "final_logit_softcapping"), NUMBER),
    **dict.fromkeys(("rope_theta", "partial_rotary_factor", "rotary_emb_base", "rotary_pct"), NUMBER),
    **dict.fromkeys(("attention_dropout", "hidden_dropout"), NUMBER),
    **dict.fromkeys(("sliding_window", "query_pre_attn_scalar"), SIZE),
    **dict.fromkeys(("tie_word_embeddings", "use_sliding_window", "use_parallel_residual"), FLAG),
    **dict.fromkeys(("hidden_act", "hidden_activation"), TEXT),
    **dict.fromkeys(("rope_scaling", "rope_parameters"), TABLE),
    "max_window_layers": WHOLE,
    "layer_types": TEXTS,
}
_TIED = ("gemma", "gemma2")  # tied unless config.json states otherwise
_DROPOUTS = ("attention_dropout", "hidden_dropout")
_REFUSED = (
    "attention_bias",
    "mlp_bias",
    "use_bidirectional_attention",
    "num_experts",
    "num_local_experts",
    "quantization_config",
)
# Our names that may occur in a check's error -> those of config.json, in addition to _FIELDS.
_NAMED = {
    "head_dim": "hidden_size / num_attention_heads",
    "num_kv_heads": "num_key_value_heads",
    "window": "sliding_window",
    "global_every": "layer_types",
    "rope_fraction": "rotary_pct",
    **LLAMA3,
}
# Fields about how a model is computed, which config.json does not have.
_COMPUTED = ("dropout", "scan", "remat", "attention", "dtype")


def family_of(config: DecoderConfig) -> str:
    """Returns the model_type with which a config is exported."""
    return config.family


def config_of(
    source: Mapping[str, Any], shapes: Mapping[str, Shape], path: Path, *, dropout: float | None = None
) -> DecoderConfig:
    """Returns the config of a checkpoint.

    Args:
      source: the parsed config.json.
      shapes: tensor name -> shape. A head that is a copy of the embedding must not be among them.
      path: path of config.json, for messages.
      dropout: the dropout rate of training. The checkpoint's own dropout acts in other places and is refused unless this is
        given.

    Raises:
      ValueError: it is not a decoder of these families, or has parts that this model lacks; names the key of config.json.
    """
    family = source.get("model_type")
    if family not in MODEL_TYPES:
        raise ValueError(f"{path}: model_type is {family!r}, expected one of {sorted(MODEL_TYPES)}")
    if missing := [key for key in _REQUIRED if source.get(key) is None]:
        raise ValueError(f"{path} has no {', '.join(missing)}; a config of {family} needs {', '.join(_REQUIRED)}")
    source = {**_DEFAULTS.get(family, {}), **source}
    check_kinds(source, _KINDS, path)
    _refuse_others(family, source, path)
    if dropout is None:
        _refuse_dropout(source, path)
    given = {ours: source[theirs] for ours, theirs in _fields(family).items() if source.get(theirs) is not None}
    given.setdefault("num_kv_heads", given["num_heads"])
    given.setdefault("head_dim", given["d_model"] // given["num_heads"])
    given["activation"] = _activation(family, source, path)
    given["tied_embedding"] = head_and_embedding(family)[0] not in shapes
    switches = {**_SWITCHES[family], **rope(family, source, path), **windows(family, source, path)}
    with naming(path, _NAMED | _fields(family)):
        return DecoderConfig(family=family, dropout=dropout or 0.0, **given, **switches)


def says_untied(source: Mapping[str, Any]) -> bool:
    """Whether config.json says that the head is not the embedding; without an entry, the family's default."""
    tied = source.get("tie_word_embeddings")
    return tied is False or (tied is None and source["model_type"] not in _TIED)


def config_json(config: DecoderConfig, model_type: str) -> dict[str, Any]:
    """Returns the config.json with which transformers 4 and 5 build this model; its special tokens are null.

    Raises ValueError if the family lacks something that the config asks for.
    """
    scaling = {"rope_type": "default"}
    if config.rope_factor != 1.0:
        scaling = {"rope_type": "llama3"} | {theirs: getattr(config, ours) for ours, theirs in LLAMA3.items()}
    written = {
        "architectures": [_ARCHITECTURES[model_type]],
        "model_type": model_type,
        **{theirs: getattr(config, ours) for ours, theirs in _fields(model_type).items()},
        "hidden_act": _FUNCTIONS[config.activation],
        "tie_word_embeddings": config.tied_embedding,
        "rope_parameters": scaling | {"rope_theta": config.rope_theta},
        "rope_theta": config.rope_theta,
        "rope_scaling": None if config.rope_factor == 1.0 else scaling,
        "attention_bias": config.bias == "all",
        "attention_dropout": 0.0,
        "initializer_range": 0.02,
        "use_cache": True,
        "bos_token_id": None,
        "eos_token_id": None,
        "pad_token_id": None,
        **_own_fields(config, model_type),
    }
    _check_round_trip(config, model_type, written)
    return written


def _fields(model_type: str) -> dict[str, str]:
    if is_neox(model_type):
        without = {ours: theirs for ours, theirs in _FIELDS.items() if ours not in ("num_kv_heads", "head_dim")}
        return {**without, "epsilon": "layer_norm_eps", "parallel_residual": "use_parallel_residual"}
    if model_type != "gemma2":
        return _FIELDS
    return {
        **_FIELDS,
        "query_pre_attn_scalar": "query_pre_attn_scalar",
        "attention_soft_cap": "attn_logit_softcapping",
        "logits_soft_cap": "final_logit_softcapping",
    }


def _refuse_others(family: str, source: Mapping[str, Any], path: Path) -> None:
    """Raises ValueError if a config asks for something that this model lacks."""
    for key in _REFUSED:
        if source.get(key) and not (key == "attention_bias" and is_neox(family)):
            raise ValueError(f"{path}: {key} is {source[key]!r}, which this model has not")
    if is_neox(family) and source.get("attention_bias") is False:
        raise ValueError(f"{path}: attention_bias is False, a gpt_neox has biases here")


def _refuse_dropout(source: Mapping[str, Any], path: Path) -> None:
    for key in _DROPOUTS:
        if source.get(key):
            raise ValueError(
                f"{path}: {key} is {source[key]}, which acts in other places than the dropout here. Set model.dropout to the "
                "rate that training shall apply in all of its places, or to 0.0 for none"
            )


def _activation(family: str, source: Mapping[str, Any], path: Path) -> str:
    name = source.get("hidden_activation") or source.get("hidden_act", "silu")
    if name == "gelu" and family in ("gemma", "gemma2"):  # the first Gemma configs meant the tanh approximation
        name = "gelu_pytorch_tanh"
    if name not in _ACTIVATIONS:
        raise ValueError(f"{path}: hidden_act is {name!r}, expected one of {sorted(_ACTIVATIONS)}")
    return _ACTIVATIONS[name]


def _own_fields(config: DecoderConfig, model_type: str) -> dict[str, Any]:
    """Returns the entries that only some families' config.json has."""
    if is_neox(model_type):
        both = {"rope_theta": config.rope_theta, "partial_rotary_factor": config.rope_fraction, "rope_type": "default"}
        return {"rotary_emb_base": config.rope_theta, "rotary_pct": config.rope_fraction, "rope_parameters": both}
    if model_type == "gemma":
        return {"hidden_activation": _FUNCTIONS[config.activation]}
    kinds = [config.windows[i % config.period] for i in range(config.num_layers)]
    types = ["sliding_attention" if window else "full_attention" for window in kinds]
    if model_type == "gemma2":
        return {
            "hidden_activation": _FUNCTIONS[config.activation],
            "query_pre_attn_scalar": config.query_pre_attn_scalar or config.head_dim,
            "sliding_window": config.window,
            "layer_types": types,
        }
    if model_type in ("qwen2", "qwen3"):
        windowed = config.window is not None
        return {
            "use_sliding_window": windowed,
            "sliding_window": config.window,
            "max_window_layers": 0 if windowed else config.num_layers,
            "layer_types": types,
        }
    return {"sliding_window": config.window} if model_type == "mistral" else {}


def _check_round_trip(config: DecoderConfig, model_type: str, written: dict[str, Any]) -> None:
    """Raises ValueError naming the fields that change when the config is written as this family and read again."""
    shapes = {} if config.tied_embedding else {head_and_embedding(model_type)[0]: (config.vocab_size, config.d_model)}
    read = config_of(written, shapes, Path("config.json"))
    same = {"family", *_COMPUTED, *(LLAMA3 if config.rope_factor == 1.0 else ())}
    same |= {"query_pre_attn_scalar"} if config.score_scale == read.score_scale else set()
    asked, got = dataclasses.asdict(config), dataclasses.asdict(read)
    differing = [
        f"{name}: {asked[name]!r}, there {got[name]!r}" for name in asked if name not in same and asked[name] != got[name]
    ]
    if differing:
        raise ValueError(f"this model cannot be written as {model_type}:\n" + "\n".join(differing))
