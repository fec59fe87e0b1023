"""Hugging Face's format of T5, T5 v1.1, Flan-T5 and mT5: config.json and the names of the tensors.

`tie_word_embeddings` does not tell whether a checkpoint's head is tied, because transformers 5 writes true for untied models
too. The presence of lm_head.weight decides, and `scale_decoder_outputs` if a config has it. The value false, which the
published v1.1 and mT5 have, is reliable: then the head must be in the files.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from flanjax.huggingface.settings import FLAG, LAYERS, NUMBER, SIZE, TEXT, check_kinds, naming
from flanjax.huggingface.tensors import Shape, Tensor
from flanjax.models.t5_config import T5Config

# model_type -> architecture
_MODELS = {"t5": "T5ForConditionalGeneration", "mt5": "MT5ForConditionalGeneration"}
MODEL_TYPES = tuple(_MODELS)
AUTO_CLASS = "AutoModelForSeq2SeqLM"
_HEAD, _EMBEDDING = "lm_head.weight", "shared.weight"

# feed_forward_proj -> (activation, gated). transformers' plain "gelu" is not the tanh approximation, so it is not here.
_ACTIVATIONS = {
    "relu": ("relu", False),
    "gated-relu": ("relu", True),
    "gelu_new": ("gelu", False),
    "gated-gelu": ("gelu", True),
}
_FUNCTIONS = {"relu": "relu", "gelu": "gelu_new"}  # activation -> dense_act_fn
_FIELDS = {  # T5Config -> config.json
    "vocab_size": "vocab_size",
    "d_model": "d_model",
    "d_ff": "d_ff",
    "num_layers": "num_layers",
    "num_decoder_layers": "num_decoder_layers",
    "num_heads": "num_heads",
    "head_dim": "d_kv",
    "relative_buckets": "relative_attention_num_buckets",
    "relative_max_distance": "relative_attention_max_distance",
    "dropout": "dropout_rate",
    "epsilon": "layer_norm_epsilon",
}
_KINDS = {
    **dict.fromkeys(_FIELDS.values(), SIZE),
    "num_layers": LAYERS,
    "num_decoder_layers": LAYERS,
    "dropout_rate": NUMBER,
    "layer_norm_epsilon": NUMBER,
    "feed_forward_proj": TEXT,
    "dense_act_fn": TEXT,
    "tie_word_embeddings": FLAG,
    "scale_decoder_outputs": FLAG,
}
_REQUIRED = ("vocab_size", "d_model", "d_ff", "num_layers", "num_heads", "d_kv")

# Some versions of transformers write these: copies of shared.weight, and a table in cross-attention that no model uses.
_UNUSED = (
    "encoder.embed_tokens.weight",
    "decoder.embed_tokens.weight",
    "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight",
)


def config_of(source: Mapping[str, Any], shapes: Mapping[str, Shape], path: Path, *, dropout: float | None = None) -> T5Config:
    """Returns the config of a checkpoint.

    Args:
      source: the parsed config.json.
      shapes: tensor name -> shape. A head that is a copy of the embedding must not be among them.
      path: path of config.json, for messages.
      dropout: replaces the checkpoint's own dropout.

    Raises:
      ValueError: it is not a T5, or has parts that this model lacks; names the key of config.json.
    """
    if missing := [key for key in _REQUIRED if source.get(key) is None]:
        raise ValueError(f"{path} has no {', '.join(missing)}; a T5 config needs {', '.join(_REQUIRED)}")
    check_kinds(source, _KINDS, path)
    given = {ours: source[theirs] for ours, theirs in _FIELDS.items() if source.get(theirs) is not None}
    given.setdefault("num_decoder_layers", source["num_layers"])
    if dropout is not None:
        given["dropout"] = dropout
    activation, gated = _activation(source, path)
    with naming(path, _FIELDS):
        return T5Config(
            **given,
            activation=activation,
            gated=gated,
            tied_embedding=_HEAD not in shapes,
            scale_logits=_scales_logits(source),
        )


def says_untied(source: Mapping[str, Any]) -> bool:
    """Whether config.json says that the head is not the embedding; without an entry, transformers 4's default."""
    tied = source.get("tie_word_embeddings")
    return tied is False or (tied is None and source["model_type"] == "mt5")


def config_json(config: T5Config, model_type: str) -> dict[str, Any]:
    """Returns the config.json with which transformers 4 and 5 build this model. Raises ValueError if they have no such mT5."""
    if model_type == "mt5" and config.scale_logits:
        raise ValueError("this model scales its logits, which no mT5 does; write it with model_type 't5'")
    names = {value: key for key, value in _ACTIVATIONS.items()}
    return {
        "architectures": [_MODELS[model_type]],
        "model_type": model_type,
        **{theirs: getattr(config, ours) for ours, theirs in _FIELDS.items()},
        "feed_forward_proj": names[config.activation, config.gated],
        "dense_act_fn": _FUNCTIONS[config.activation],
        "is_gated_act": config.gated,
        "tie_word_embeddings": config.tied_embedding,
        "scale_decoder_outputs": config.scale_logits,
        "is_encoder_decoder": True,
        "use_cache": True,
        "initializer_factor": 1.0,
        "pad_token_id": 0,
        "eos_token_id": 1,
        "decoder_start_token_id": 0,
    }


def family_of(config: T5Config) -> str:
    """Returns the default model_type. mT5 is the same model, but its own model_type leads to its tokenizer."""
    return "t5"


def head_and_embedding(model_type: str) -> tuple[str, str]:
    """Returns the names of head and embedding in files."""
    return _HEAD, _EMBEDDING


def ignored(config: T5Config) -> tuple[str, ...]:
    """Returns tensors that a checkpoint may have but no model needs."""
    return _UNUSED


def tensors(config: T5Config, model_type: str) -> list[Tensor]:
    """Returns the table of the whole checkpoint, with one entry for each of our parameters."""
    table = (config.vocab_size, config.d_model)
    found = [Tensor(("embedding",), _EMBEDDING, table)]
    found += _stack("encoder", config, config.num_layers, ("attention", "mlp"))
    found += _stack("decoder", config, config.num_decoder_layers, ("attention", "cross", "mlp"))
    if not config.tied_embedding:
        found.append(Tensor(("head",), _HEAD, table, transpose=True))
    return found


def _stack(stack: str, config: T5Config, layers: int, parts: tuple[str, ...]) -> Iterator[Tensor]:
    model, heads, inner = config.d_model, config.num_heads, config.num_heads * config.head_dim
    linear = {"q": (inner, model), "k": (inner, model), "v": (inner, model), "o": (model, inner)}
    into = ("wi_0", "wi_1") if config.gated else ("wi",)
    mlp = dict.fromkeys(into, (config.d_ff, model)) | {"wo": (model, config.d_ff)}
    theirs = {"attention": "SelfAttention", "cross": "EncDecAttention", "mlp": "DenseReluDense"}
    for place, part in enumerate(parts):
        prefix = f"{stack}.block.{{}}.layer.{place}"
        yield Tensor((stack, "layers", f"{part}_norm"), f"{prefix}.layer_norm.weight", (model,), layers)
        for name, shape in (mlp if part == "mlp" else linear).items():
            path, full_name = (stack, "layers", part, name), f"{prefix}.{theirs[part]}.{name}.weight"
            yield Tensor(path, full_name, shape, layers, transpose=True)
    bias = f"{stack}.block.0.layer.0.SelfAttention.relative_attention_bias.weight"
    yield Tensor((stack, "relative_bias"), bias, (config.relative_buckets, heads))
    yield Tensor((stack, "norm"), f"{stack}.final_layer_norm.weight", (model,))


def _activation(source: Mapping[str, Any], path: Path) -> tuple[str, bool]:
    """Returns the activation, and whether the MLP is gated."""
    projection = source.get("feed_forward_proj") or ("gated-gelu" if source["model_type"] == "mt5" else "relu")
    if projection not in _ACTIVATIONS:
        raise ValueError(f"{path}: feed_forward_proj is {projection!r}, expected one of {sorted(_ACTIVATIONS)}")
    activation, gated = _ACTIVATIONS[projection]
    if (source.get("dense_act_fn") or _FUNCTIONS[activation]) != _FUNCTIONS[activation]:
        raise ValueError(f"{path}: dense_act_fn is {source['dense_act_fn']!r} but feed_forward_proj is {projection!r}")
    return activation, gated


def _scales_logits(source: Mapping[str, Any]) -> bool:
    """Whether logits are scaled, by the rule of transformers 5; its mT5 never scales."""
    default = source["model_type"] == "t5" and source.get("tie_word_embeddings") is not False
    given = source.get("scale_decoder_outputs")
    return default if given is None else given
