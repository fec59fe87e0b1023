"""The names of tensors in decoder-only checkpoints, without file access. All families but GPT-NeoX have Llama's names."""

from collections.abc import Iterator

from flanjax.huggingface.tensors import Shape, Tensor
from flanjax.models.decoder_config import DecoderConfig


def tensors(config: DecoderConfig, model_type: str) -> list[Tensor]:
    """Returns the table of the whole checkpoint, with one entry for each of our parameters."""
    table = (config.vocab_size, config.d_model)
    head, embedding = head_and_embedding(model_type)
    body, norm = ("gpt_neox", "final_layer_norm") if is_neox(model_type) else ("model", "norm")
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
    """Returns names in files that are ignored: masks and frequencies that old versions saved, and a tied head."""
    buffers = ["self_attn.rotary_emb.inv_freq"]
    if is_neox(config.family):
        buffers = ["attention.bias", "attention.masked_bias", "attention.rotary_emb.inv_freq"]
    body = "gpt_neox" if is_neox(config.family) else "model"
    names = [f"{body}.layers.{i}.{buffer}" for i in range(config.num_layers) for buffer in buffers]
    return (*names, *([head_and_embedding(config.family)[0]] if config.tied_embedding else []))


def head_and_embedding(model_type: str) -> tuple[str, str]:
    """Returns the names of head and embedding in files. transformers 5 renames GPT-NeoX's head in memory only."""
    if is_neox(model_type):
        return "embed_out.weight", "gpt_neox.embed_in.weight"
    return "lm_head.weight", "model.embed_tokens.weight"


def is_neox(model_type: str) -> bool:
    """Whether a family is GPT-NeoX, which has other names for nearly everything."""
    return model_type == "gpt_neox"


def _attention(config: DecoderConfig, model_type: str) -> Iterator[Tensor]:
    model, inner, kv_inner = config.d_model, config.num_heads * config.head_dim, config.num_kv_heads * config.head_dim
    if is_neox(model_type):
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
    if is_neox(model_type):
        names = {"wi": "mlp.dense_h_to_4h", "wo": "mlp.dense_4h_to_h"}
    body = "gpt_neox" if is_neox(model_type) else "model"
    for ours, theirs in names.items():
        shape = (config.d_model, config.d_ff) if ours == "wo" else (config.d_ff, config.d_model)
        yield from _linear(config, ("mlp", ours), f"{body}.layers.{{}}.{theirs}", shape, config.bias == "all")


def _norms(config: DecoderConfig) -> dict[str, str]:
    """Returns our name -> their name of a layer's norms. Gemma 2 uses Llama's second name for another norm."""
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
