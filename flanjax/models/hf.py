"""T5 checkpoints of Hugging Face, read and written without torch or transformers.

A directory holds config.json and model.safetensors, or shards of it with model.safetensors.index.json. `_tensors` is the one
table between its names and our paths; reading and writing are the same walk over it in two directions. A Hugging Face Linear is
[out, in], our kernels are [in, out], and the tensors of a stack's layers are one array here.

Which head a checkpoint has cannot be read off `tie_word_embeddings`: transformers 5 writes true for untied models too, and real
v1.1 files say false. The presence of lm_head.weight decides, and `scale_decoder_outputs` where a config has it.
"""

import contextlib
import dataclasses
import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file

from flanjax.models.t5_config import T5Config

CONFIG, WEIGHTS, INDEX = "config.json", "model.safetensors", "model.safetensors.index.json"
HEAD, EMBEDDING = "lm_head.weight", "shared.weight"

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
_REQUIRED = ("vocab_size", "d_model", "d_ff", "num_layers", "num_heads", "d_kv")
_MODELS = {"t5": "T5ForConditionalGeneration", "mt5": "MT5ForConditionalGeneration"}

# Written by some versions of transformers: copies of shared.weight, and a table in cross-attention that no model uses.
_UNUSED = (
    "encoder.embed_tokens.weight",
    "decoder.embed_tokens.weight",
    "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight",
)

Shape = tuple[int, ...]
Read = Callable[[str], np.ndarray]


class _Tensor(NamedTuple):
    """One of our parameters as it lies in a checkpoint: one tensor, or one for each layer."""

    path: tuple[str, ...]  # in the nested dict
    name: str  # with {} for the number of the layer, if there are layers
    shape: Shape  # of each tensor in the checkpoint
    layers: int | None = None
    transpose: bool = False

    @property
    def names(self) -> list[str]:
        return [self.name.format(i) for i in range(self.layers or 1)]

    @property
    def our_shape(self) -> Shape:
        shape = self.shape[::-1] if self.transpose else self.shape
        return (self.layers, *shape) if self.layers else shape

    def join(self, read: Read) -> np.ndarray:
        """Our float32 array from the checkpoint's tensors, one of them in memory at a time."""
        joined = np.empty(self.our_shape, np.float32)
        for name, layer in zip(self.names, joined if self.layers else [joined], strict=True):
            tensor = read(name)
            layer[...] = tensor.T if self.transpose else tensor
        return joined

    def split(self, value: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
        """The checkpoint's (name, tensor) pairs of our array: the inverse of `join`."""
        if value.shape != self.our_shape:
            raise ValueError(f"parameter {'/'.join(self.path)} is {value.shape}, the config expects {self.our_shape}")
        for name, layer in zip(self.names, value if self.layers else [value], strict=True):
            yield name, np.ascontiguousarray(layer.T if self.transpose else layer, np.float32)


def load_t5(
    directory: str | os.PathLike,
    *,
    dtype: str = "float32",
    scan: bool = True,
    remat: str = "none",
    dropout: float | None = None,
) -> tuple[T5Config, dict[str, Any]]:
    """The config and the parameters, a nested dict of float32 numpy arrays, of a T5 saved by transformers or by `save_t5`.

    `dropout` is the checkpoint's own unless given. Raises FileNotFoundError, and ValueError on what this model cannot be.
    """
    directory = Path(directory)
    source = _read_json(directory / CONFIG)
    with contextlib.ExitStack() as files:
        read, shapes = _open(directory, files)
        config = _config(source, _is_tied(read, shapes), directory / CONFIG)
        _check(config, shapes, directory)
        params: dict[str, Any] = {}
        for tensor in _tensors(config):
            _put(params, tensor.path, tensor.join(read))
    changes: dict[str, Any] = {"dtype": dtype, "scan": scan, "remat": remat}
    if dropout is not None:
        changes["dropout"] = dropout
    return dataclasses.replace(config, **changes), params


def save_t5(directory: str | os.PathLike, config: T5Config, params: Mapping[str, Any], *, model_type: str = "t5") -> None:
    """Writes config.json and model.safetensors, which transformers 4 and 5 load as the same model.

    `model_type` is "t5" or "mt5": the same model, but mT5's tokenizer is found through it.
    """
    if model_type not in _MODELS:
        raise ValueError(f"model_type is {model_type!r}, expected one of {sorted(_MODELS)}")
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    tensors: dict[str, np.ndarray] = {}
    for tensor in _tensors(config):
        tensors.update(tensor.split(np.asarray(_get(params, tensor.path))))
    with _renamed(directory / WEIGHTS) as path:
        save_file(tensors, path, metadata={"format": "pt"})
    with _renamed(directory / CONFIG) as path:
        path.write_text(json.dumps(_config_json(config, model_type), indent=2, sort_keys=True) + "\n")


def _tensors(config: T5Config) -> list[_Tensor]:
    """The whole checkpoint, one entry for each of our parameters."""
    table = (config.vocab_size, config.d_model)
    tensors = [_Tensor(("embedding",), EMBEDDING, table)]
    tensors += _stack("encoder", config, config.num_layers, ("attention", "mlp"))
    tensors += _stack("decoder", config, config.num_decoder_layers, ("attention", "cross", "mlp"))
    if not config.tied_embedding:
        tensors.append(_Tensor(("head",), HEAD, table, transpose=True))
    return tensors


def _stack(stack: str, config: T5Config, layers: int, parts: tuple[str, ...]) -> Iterator[_Tensor]:
    model, heads, inner = config.d_model, config.num_heads, config.num_heads * config.head_dim
    linear = {"q": (inner, model), "k": (inner, model), "v": (inner, model), "o": (model, inner)}
    into = ("wi_0", "wi_1") if config.gated else ("wi",)
    mlp = dict.fromkeys(into, (config.d_ff, model)) | {"wo": (model, config.d_ff)}
    theirs = {"attention": "SelfAttention", "cross": "EncDecAttention", "mlp": "DenseReluDense"}
    for place, part in enumerate(parts):
        prefix = f"{stack}.block.{{}}.layer.{place}"
        yield _Tensor((stack, "layers", f"{part}_norm"), f"{prefix}.layer_norm.weight", (model,), layers)
        for name, shape in (mlp if part == "mlp" else linear).items():
            path, full_name = (stack, "layers", part, name), f"{prefix}.{theirs[part]}.{name}.weight"
            yield _Tensor(path, full_name, shape, layers, transpose=True)
    bias = f"{stack}.block.0.layer.0.SelfAttention.relative_attention_bias.weight"
    yield _Tensor((stack, "relative_bias"), bias, (config.relative_buckets, heads))
    yield _Tensor((stack, "norm"), f"{stack}.final_layer_norm.weight", (model,))


def _config(source: dict[str, Any], tied: bool, path: Path) -> T5Config:
    if source.get("model_type") not in _MODELS:
        raise ValueError(f"{path}: model_type is {source.get('model_type')!r}, expected one of {sorted(_MODELS)}")
    if missing := [key for key in _REQUIRED if key not in source]:
        raise ValueError(f"{path} has no {', '.join(missing)}; a T5 config needs {', '.join(_REQUIRED)}")
    given = {ours: source[theirs] for ours, theirs in _FIELDS.items() if source.get(theirs) is not None}
    projection = source.get("feed_forward_proj", "gated-gelu" if source["model_type"] == "mt5" else "relu")
    if projection not in _ACTIVATIONS:
        raise ValueError(f"{path}: feed_forward_proj is {projection!r}, expected one of {sorted(_ACTIVATIONS)}")
    activation, gated = _ACTIVATIONS[projection]
    if source.get("dense_act_fn", _FUNCTIONS[activation]) != _FUNCTIONS[activation]:
        raise ValueError(f"{path}: dense_act_fn is {source['dense_act_fn']!r} but feed_forward_proj is {projection!r}")
    given.setdefault("num_decoder_layers", source["num_layers"])
    scale = _scales_logits(source)
    return T5Config(**given, activation=activation, gated=gated, tied_embedding=tied, scale_logits=scale)


def _scales_logits(source: dict[str, Any]) -> bool:
    """As transformers 5 decides; its mT5 never scales."""
    default = source["model_type"] == "t5" and source.get("tie_word_embeddings") is not False
    return bool(source.get("scale_decoder_outputs", default))


def _config_json(config: T5Config, model_type: str) -> dict[str, Any]:
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
        "dtype": "float32",
        "torch_dtype": "float32",  # the same for transformers 4
    }


def _open(directory: Path, files: contextlib.ExitStack) -> tuple[Read, dict[str, Shape]]:
    """A function that reads one tensor by name, and the shapes of all; nothing else is read."""
    opened = {}
    for path in _weight_files(directory):
        file = files.enter_context(safe_open(path, framework="np"))
        opened.update(dict.fromkeys(file.keys(), file))
    shapes = {name: tuple(file.get_slice(name).get_shape()) for name, file in opened.items()}
    return lambda name: opened[name].get_tensor(name), shapes


def _weight_files(directory: Path) -> list[Path]:
    if (directory / WEIGHTS).exists():
        return [directory / WEIGHTS]
    if not (directory / INDEX).exists():
        others = sorted(path.name for path in directory.iterdir())
        raise FileNotFoundError(
            f"{directory} has neither {WEIGHTS} nor {INDEX}, only {others}; "
            "weights in another format are converted by transformers' from_pretrained(...).save_pretrained(...)"
        )
    paths = [directory / name for name in sorted(set(_read_json(directory / INDEX)["weight_map"].values()))]
    if missing := [path.name for path in paths if not path.exists()]:
        raise FileNotFoundError(f"{directory / INDEX} names shards that are not there: {', '.join(missing)}")
    return paths


def _is_tied(read: Read, shapes: dict[str, Shape]) -> bool:
    """Whether the head is the embedding: there is none of its own, or it is a copy."""
    if HEAD not in shapes or EMBEDDING not in shapes:
        return HEAD not in shapes
    return shapes[HEAD] == shapes[EMBEDDING] and np.array_equal(read(HEAD), read(EMBEDDING))


def _check(config: T5Config, shapes: dict[str, Shape], directory: Path):
    """Raises ValueError with the difference between the checkpoint's tensors and those that its config asks for."""
    expected = {name: tensor.shape for tensor in _tensors(config) for name in tensor.names}
    ignored = {*_UNUSED, *([HEAD] if config.tied_embedding else [])}
    lines = [f"- missing  {name} {expected[name]}" for name in expected if name not in shapes]
    lines += [f"+ unknown  {name} {shapes[name]}" for name in sorted(shapes.keys() - expected.keys() - ignored)]
    for name, shape in expected.items():
        if shapes.get(name, shape) != shape:
            lines.append(f"~ shape    {name}: got {shapes[name]}, expected {shape}")
    if lines:
        raise ValueError(f"{directory}: the tensors do not fit {CONFIG}, {len(lines)} differences:\n" + "\n".join(lines))


def _read_json(path: Path) -> dict[str, Any]:
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist; expected a directory with {CONFIG} and {WEIGHTS} (or {INDEX})")
    return json.loads(path.read_text())


@contextlib.contextmanager
def _renamed(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` that takes its name when the block has succeeded."""
    temporary = path.with_name(path.name + ".tmp")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _put(tree: dict[str, Any], path: tuple[str, ...], value: np.ndarray):
    for name in path[:-1]:
        tree = tree.setdefault(name, {})
    tree[path[-1]] = value


def _get(tree: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    for name in path:
        tree = tree[name]
    return tree
