"""Writes parameters as a Hugging Face directory that transformers 4 and 5 load as the same model."""

import contextlib
import functools
import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from etils import epath
from jax.experimental import multihost_utils
from jax.sharding import NamedSharding, PartitionSpec

from flanjax.huggingface.differences import check_params
from flanjax.huggingface.families import family_of
from flanjax.huggingface.hub import CONFIG
from flanjax.huggingface.tensors import Shape, Tensor, get
from flanjax.huggingface.weight_files import DTYPES, INDEX, SHARDS, WEIGHTS, write_file
from flanjax.models.functional import Config

SHARD_BYTES = 5 * 2**30
SAVED_DTYPES = {"float32": "F32", "bfloat16": "BF16"}  # as config.json and as the tensors' file call them
_SHARD = r"model-\d+-of-\d+\.safetensors"


def save(
    directory: epath.PathLike,
    config: Config,
    params: Mapping[str, Any],
    *,
    model_type: str | None = None,
    settings: Mapping[str, Any] | None = None,
    others: Mapping[str, str] | None = None,
    dtype: str = "float32",
    max_shard_bytes: int = SHARD_BYTES,
) -> None:
    """Writes config.json and the weights, which transformers 4 and 5 load as the same model.

    Every process that holds a part of the parameters must call it; process 0 writes. Files get their final names when all of
    them are complete, so a failure leaves the previous files unchanged.

    Args:
      params: a nested dict of arrays, of jax on any devices or of numpy.
      model_type: one of the config's family, such as "mt5"; None is the family's usual one.
      settings: additional entries of config.json, such as a tokenizer's eos_token_id.
      others: file name -> text of additional files, such as a model card.
      dtype: type of the tensors in the files, "float32" or "bfloat16".
      max_shard_bytes: larger weights are split into several files with an index; a larger tensor gets its own file.
    """
    family = family_of(config)
    model_type = model_type or family.family_of(config)
    if model_type not in family.MODEL_TYPES:
        raise ValueError(f"model_type is {model_type!r}, expected one of {sorted(family.MODEL_TYPES)}")
    if dtype not in SAVED_DTYPES:
        raise ValueError(f"dtype is {dtype!r}, expected one of {sorted(SAVED_DTYPES)}")
    written = {**family.config_json(config, model_type), **(settings or {})}
    written |= {"dtype": dtype, "torch_dtype": dtype}  # for transformers 5 and 4
    tensors = family.tensors(config, model_type)
    check_params(tensors, params)
    pieces = _pieces(tensors, params)
    if jax.process_index() == 0:
        files = _layout(tensors, DTYPES[SAVED_DTYPES[dtype]].itemsize, max_shard_bytes)
        texts = {**(others or {}), CONFIG: as_json(written)}
        _write(epath.Path(directory), files, SAVED_DTYPES[dtype], pieces, texts)
    for _ in pieces:
        pass  # the other processes take part in gathering
    if jax.process_count() > 1:
        multihost_utils.sync_global_devices("hf.save")


def _layout(tensors: list[Tensor], itemsize: int, max_bytes: int) -> dict[str, dict[str, Shape]]:
    """Returns file name -> the shapes of its tensors, in the order in which parameters are gathered."""
    files: list[dict[str, Shape]] = [{}]
    room = max_bytes
    for tensor in tensors:
        size = math.prod(tensor.shape) * itemsize
        for name in tensor.names:
            if size > room and files[-1]:
                files.append({})
                room = max_bytes
            files[-1][name] = tensor.shape
            room -= size
    if len(files) == 1:
        return {WEIGHTS: files[0]}
    return {SHARDS.format(i, len(files)): file for i, file in enumerate(files, 1)}


def _pieces(tensors: list[Tensor], params: Mapping[str, Any]) -> Iterator[np.ndarray]:
    """Yields the checkpoint's tensors one by one, on the host."""
    for tensor in tensors:
        yield from tensor.split(_layers_of(get(params, tensor.path)))


def _layers_of(value: Any) -> Callable[[int | None], np.ndarray]:
    """Returns a function from a layer (None: all) of a parameter to a host array. Processes that share the parameter must call
    it together."""
    if not isinstance(value, jax.Array):
        return lambda i: np.asarray(value if i is None else value[i])
    if value.is_fully_addressable:
        return lambda i: np.asarray(_layer_to(None)(value, i))
    assert isinstance(value.sharding, NamedSharding), value.sharding
    everywhere = NamedSharding(value.sharding.mesh, PartitionSpec())
    return lambda i: np.asarray(_layer_to(everywhere)(value, i).addressable_data(0))


@functools.cache
def _layer_to(sharding: NamedSharding | None) -> Callable[[jax.Array, int | None], jax.Array]:
    # A copy, not x itself, because jax keeps the host copy of an array once it was requested.
    layer = lambda x, i: jnp.copy(x) if i is None else jax.lax.dynamic_index_in_dim(x, i, keepdims=False)  # noqa: E731
    return jax.jit(layer, out_shardings=sharding)


def _write(
    directory: epath.Path, files: dict[str, dict[str, Shape]], dtype: str, pieces: Iterator[np.ndarray], texts: dict[str, str]
) -> None:
    """Writes all files of a directory under temporary names and then renames them."""
    directory.mkdir(parents=True, exist_ok=True)
    if len(files) > 1:
        sizes = [math.prod(shape) for shapes in files.values() for shape in shapes.values()]
        numbers = {"total_parameters": sum(sizes), "total_size": sum(sizes) * DTYPES[dtype].itemsize}
        places = {tensor: name for name, shapes in files.items() for tensor in shapes}
        texts = {INDEX: as_json({"metadata": numbers, "weight_map": places}), **texts}
    with _renamed(directory, [*files, *texts]) as temporary:
        for name, shapes in files.items():
            write_file(temporary[name], shapes, dtype, pieces)
        for name, text in texts.items():
            temporary[name].write_text(text)


@contextlib.contextmanager
def _renamed(directory: epath.Path, names: list[str]) -> Iterator[dict[str, epath.Path]]:
    """Yields temporary paths, which get their final names, config.json last, if the block succeeds; old weights are removed."""
    temporary = {name: directory / f"{name}.tmp" for name in names}
    try:
        yield temporary
        # From here to the end, a directory without config.json is unfinished.
        (directory / CONFIG).unlink(missing_ok=True)
        for path in list(directory.iterdir()):
            if path.name not in names and (path.name in (WEIGHTS, INDEX) or re.fullmatch(_SHARD, path.name)):
                path.unlink()
        for name, path in temporary.items():
            path.replace(directory / name)
    finally:
        for path in temporary.values():
            path.unlink(missing_ok=True)


def as_json(settings: Mapping[str, Any]) -> str:
    """Returns the text of a settings file."""
    return json.dumps(settings, indent=2, sort_keys=True) + "\n"
