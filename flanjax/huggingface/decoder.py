"""Decoder-only checkpoints of Hugging Face: their config.json and the names of their tensors, in both directions; no files.

All families but GPT-NeoX have Llama's names. RoPE's settings have two forms: transformers 4 writes rope_theta and rope_scaling
(GPT-NeoX: rotary_emb_base and rotary_pct), transformers 5 one dict, rope_parameters; both are read and both are written.

Whether the head is tied is decided by its presence in the files, for a config may be silent and take its family's default.
"""

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from flanjax.huggingface.tensors import Shape, Tensor
from flanjax.models.decoder_config import FAMILIES, DecoderConfig

MODEL_TYPES: tuple[str, ...] = FAMILIES

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
_SWITCHES: dict[str, dict[str, Any]] = {  # what a family is without its config.json saying so
    "llama": {},
    "mistral": {},
    "qwen2": {"bias": "qkv"},
    "qwen3": {"qk_norm": True},
    "gemma": _GEMMA,
    "gemma2": {**_GEMMA, "post_norm": True},
    "gpt_neox": {"norm": "layer", "fused_qkv": True, "bias": "all", "gated": False},
}
# transformers' defaults, of fields that are in every published config.json but need not be.
_DEFAULTS: dict[str, dict[str, Any]] = {
    "mistral": {"num_key_value_heads": 8, "sliding_window": 4096},
    "qwen2": {"num_key_value_heads": 32},
    "qwen3": {"num_key_value_heads": 32, "head_dim": 128},
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
_LLAMA3 = {  # DecoderConfig -> the dict of RoPE settings
    "rope_factor": "factor",
    "rope_low_frequency": "low_freq_factor",
    "rope_high_frequency": "high_freq_factor",
    "rope_original_positions": "original_max_position_embeddings",
}
_REFUSED = (
    "attention_bias",
    "mlp_bias",
    "use_bidirectional_attention",
    "num_experts",
    "num_local_experts",
    "quantization_config",
)
# How a model is computed, which no config.json says.
_COMPUTED = ("dropout", "scan", "remat", "attention", "dtype")


def family_of(config: DecoderConfig) -> str:
    """The model_type as which a config is exported."""
    return config.family


def config_of(source: Mapping[str, Any], shapes: Mapping[str, Shape], path: Path) -> DecoderConfig:
    """The config of a checkpoint.

    Args:
      source: its config.json, as parsed.
      shapes: of its tensors, by name. A head that is a copy of the embedding must not be among them.
      path: of config.json, for messages.

    Raises:
      ValueError: it is no decoder of these families, or one with parts that this model has not.
    """
    family = source.get("model_type")
    if family not in MODEL_TYPES:
        raise ValueError(f"{path}: model_type is {family!r}, expected one of {sorted(MODEL_TYPES)}")
    if missing := [key for key in _REQUIRED if source.get(key) is None]:
        raise ValueError(f"{path} has no {', '.join(missing)}; a config of {family} needs {', '.join(_REQUIRED)}")
    source = {**_DEFAULTS.get(family, {}), **source}
    _refuse_others(family, source, path)
    given = {ours: source[theirs] for ours, theirs in _fields(family).items() if source.get(theirs) is not None}
    given.setdefault("num_kv_heads", given["num_heads"])
    given.setdefault("head_dim", given["d_model"] // given["num_heads"])
    given["activation"] = _activation(family, source, path)
    given["tied_embedding"] = head_and_embedding(family)[0] not in shapes
    return DecoderConfig(
        family=family, **given, **_SWITCHES[family], **_rope(family, source, path), **_windows(family, source, path)
    )


def config_json(config: DecoderConfig, model_type: str) -> dict[str, Any]:
    """The config.json with which transformers 4 and 5 build this model; its special tokens are null.

    Raises ValueError if a family has not what the config asks for.
    """
    rope = {"rope_type": "default"}
    if config.rope_factor != 1.0:
        rope = {"rope_type": "llama3"} | {theirs: getattr(config, ours) for ours, theirs in _LLAMA3.items()}
    written = {
        "architectures": [_ARCHITECTURES[model_type]],
        "model_type": model_type,
        **{theirs: getattr(config, ours) for ours, theirs in _fields(model_type).items()},
        "hidden_act": _FUNCTIONS[config.activation],
        "tie_word_embeddings": config.tied_embedding,
        "rope_parameters": rope | {"rope_theta": config.rope_theta},
        "rope_theta": config.rope_theta,
        "rope_scaling": None if config.rope_factor == 1.0 else rope,
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


def tensors(config: DecoderConfig, model_type: str) -> list[Tensor]:
    """The whole checkpoint, one entry for each of our parameters."""
    table = (config.vocab_size, config.d_model)
    head, embedding = head_and_embedding(model_type)
    body, norm = ("gpt_neox", "final_layer_norm") if _is_neox(model_type) else ("model", "norm")
    found = [Tensor(("embedding",), embedding, table)]
    found += _attention(config, model_type)
    found += _mlp(config, model_type)
    for ours, theirs in _norms(config).items():
        found += _norm(config, ("layers", ours), f"{body}.layers.{{}}.{theirs}", config.num_layers)
    found += _norm(config, ("norm",), f"{body}.{norm}", None)
    if not config.tied_embedding:
        found.append(Tensor(("head",), head, table, transpose=True))
    return found


def ignored(config: DecoderConfig) -> tuple[str, ...]:
    """Names that may be in files and mean nothing: masks and frequencies that old versions saved, and a tied head."""
    buffers = ["self_attn.rotary_emb.inv_freq"]
    if _is_neox(config.family):
        buffers = ["attention.bias", "attention.masked_bias", "attention.rotary_emb.inv_freq"]
    body = "gpt_neox" if _is_neox(config.family) else "model"
    names = [f"{body}.layers.{i}.{buffer}" for i in range(config.num_layers) for buffer in buffers]
    return (*names, *([head_and_embedding(config.family)[0]] if config.tied_embedding else []))


def head_and_embedding(model_type: str) -> tuple[str, str]:
    """What the two tables are called in files; transformers 5 has another name for GPT-NeoX's head in memory only."""
    if _is_neox(model_type):
        return "embed_out.weight", "gpt_neox.embed_in.weight"
    return "lm_head.weight", "model.embed_tokens.weight"


def _is_neox(model_type: str) -> bool:
    return model_type == "gpt_neox"


def _fields(model_type: str) -> dict[str, str]:
    if _is_neox(model_type):
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
    """Raises ValueError if a config asks for what this model has not."""
    for key in _REFUSED:
        if source.get(key) and not (key == "attention_bias" and _is_neox(family)):
            raise ValueError(f"{path}: {key} is {source[key]!r}, which this model has not")
    if _is_neox(family) and source.get("attention_bias") is False:
        raise ValueError(f"{path}: attention_bias is False, a gpt_neox has biases here")


def _activation(family: str, source: Mapping[str, Any], path: Path) -> str:
    name = source.get("hidden_activation") or source.get("hidden_act", "silu")
    if name == "gelu" and family in ("gemma", "gemma2"):  # the first Gemma configs said so of what was the approximation
        name = "gelu_pytorch_tanh"
    if name not in _ACTIVATIONS:
        raise ValueError(f"{path}: hidden_act is {name!r}, expected one of {sorted(_ACTIVATIONS)}")
    return _ACTIVATIONS[name]


def _rope(family: str, source: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """The fields of DecoderConfig about RoPE, of either form."""
    settings = source.get("rope_scaling") or source.get("rope_parameters") or {}
    kind = settings.get("rope_type", settings.get("type", "default"))
    if kind not in ("default", "llama3") or any(isinstance(value, Mapping) for value in settings.values()):
        raise ValueError(f"{path}: RoPE is {settings}, expected one for all layers of rope_type 'default' or 'llama3'")
    theta, fraction = ("rotary_emb_base", "rotary_pct") if _is_neox(family) else ("rope_theta", "partial_rotary_factor")
    found = {
        "rope_theta": float(settings.get("rope_theta", source.get(theta, 10_000.0))),
        "rope_fraction": float(settings.get("partial_rotary_factor", source.get(fraction, 1.0))),
    }
    if found["rope_fraction"] != 1.0 and not _is_neox(family):
        raise ValueError(f"{path}: partial_rotary_factor is {found['rope_fraction']}, only gpt_neox rotates a part of a head")
    if kind == "llama3":
        full = {"original_max_position_embeddings": source.get("max_position_embeddings"), **settings}
        if missing := [theirs for theirs in _LLAMA3.values() if full.get(theirs) is None]:
            raise ValueError(f"{path}: RoPE of rope_type 'llama3' has no {', '.join(missing)}, it is {settings}")
        found |= {ours: full[theirs] for ours, theirs in _LLAMA3.items()}
    return found


def _windows(family: str, source: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """`window` and `global_every`, from the layers' types or from the older fields that stand for them."""
    window, count = source.get("sliding_window"), source["num_hidden_layers"]
    types = source.get("layer_types")
    if family in ("qwen2", "qwen3"):
        window = window if source.get("use_sliding_window") else None
        types = types or ["sliding_attention" if i >= source.get("max_window_layers", 28) else "" for i in range(count)]
    elif family == "gemma2":
        types = types or ["" if i % 2 else "sliding_attention" for i in range(count)]
    elif family == "mistral":
        types = ["sliding_attention"] * count
    local = [window is not None and kind == "sliding_attention" for kind in types or [""] * count]
    if not any(local):
        return {}
    if all(local):
        return {"window": window}
    every = local.index(False) + 1
    if local != [bool((i + 1) % every) for i in range(count)]:
        raise ValueError(f"{path}: layers with a sliding window are {local}, expected all, none or all but every so manyth")
    return {"window": window, "global_every": every}


def _own_fields(config: DecoderConfig, model_type: str) -> dict[str, Any]:
    """What only some families' config.json has."""
    if _is_neox(model_type):
        rope = {"rope_theta": config.rope_theta, "partial_rotary_factor": config.rope_fraction, "rope_type": "default"}
        return {"rotary_emb_base": config.rope_theta, "rotary_pct": config.rope_fraction, "rope_parameters": rope}
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
    """Raises ValueError with the fields by which a family differs from the config that was to be written as it."""
    shapes = {} if config.tied_embedding else {head_and_embedding(model_type)[0]: (config.vocab_size, config.d_model)}
    read = config_of(written, shapes, Path("config.json"))
    same = {"family", *_COMPUTED, *(_LLAMA3 if config.rope_factor == 1.0 else ())}
    same |= {"query_pre_attn_scalar"} if config.score_scale == read.score_scale else set()
    asked, got = dataclasses.asdict(config), dataclasses.asdict(read)
    differing = [
        f"{name}: {asked[name]!r}, there {got[name]!r}" for name in asked if name not in same and asked[name] != got[name]
    ]
    if differing:
        raise ValueError(f"this model cannot be written as {model_type}:\n" + "\n".join(differing))


def _attention(config: DecoderConfig, model_type: str) -> Iterator[Tensor]:
    model, inner, kv_inner = config.d_model, config.num_heads * config.head_dim, config.num_kv_heads * config.head_dim
    if _is_neox(model_type):
        prefix = "gpt_neox.layers.{}.attention"
        linears = {"qkv": ("query_key_value", 3 * inner, model), "o": ("dense", model, inner)}
    else:
        prefix = "model.layers.{}.self_attn"
        linears = {"q": ("q_proj", inner, model), "k": ("k_proj", kv_inner, model), "v": ("v_proj", kv_inner, model)}
        linears["o"] = ("o_proj", model, inner)
    for ours, (theirs, *shape) in linears.items():
        has_bias = config.bias == "all" or (config.bias == "qkv" and ours != "o")
        yield from _linear(config, ("attention", ours), f"{prefix}.{theirs}", tuple(shape), has_bias)
    for name in ("q_norm", "k_norm") if config.qk_norm else ():
        path = ("layers", "attention", name, "scale")
        yield Tensor(path, f"{prefix}.{name}.weight", (config.head_dim,), config.num_layers)


def _mlp(config: DecoderConfig, model_type: str) -> Iterator[Tensor]:
    names = {"wi_0": "mlp.gate_proj", "wi_1": "mlp.up_proj", "wo": "mlp.down_proj"}
    if _is_neox(model_type):
        names = {"wi": "mlp.dense_h_to_4h", "wo": "mlp.dense_4h_to_h"}
    body = "gpt_neox" if _is_neox(model_type) else "model"
    for ours, theirs in names.items():
        shape = (config.d_model, config.d_ff) if ours == "wo" else (config.d_ff, config.d_model)
        yield from _linear(config, ("mlp", ours), f"{body}.layers.{{}}.{theirs}", shape, config.bias == "all")


def _norms(config: DecoderConfig) -> dict[str, str]:
    """Our norms of a layer and theirs; Gemma 2 has Llama's second name for another one."""
    if not config.post_norm:
        return {"attention_norm": "input_layernorm", "mlp_norm": "post_attention_layernorm"}
    return {
        "attention_norm": "input_layernorm",
        "attention_post_norm": "post_attention_layernorm",
        "mlp_norm": "pre_feedforward_layernorm",
        "mlp_post_norm": "post_feedforward_layernorm",
    }


def _linear(config: DecoderConfig, path: tuple[str, str], name: str, shape: Shape, has_bias: bool) -> Iterator[Tensor]:
    """A projection of every layer; `shape` is [out, in]."""
    yield Tensor(("layers", *path), f"{name}.weight", shape, config.num_layers, transpose=True)
    if has_bias:
        yield Tensor(("layers", path[0], f"{path[1]}_bias"), f"{name}.bias", shape[:1], config.num_layers)


def _norm(config: DecoderConfig, path: tuple[str, ...], name: str, layers: int | None) -> Iterator[Tensor]:
    yield Tensor((*path, "scale"), f"{name}.weight", (config.d_model,), layers)
    if config.norm == "layer":
        yield Tensor((*path, "bias"), f"{name}.bias", (config.d_model,), layers)
