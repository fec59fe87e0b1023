"""Hugging Face directories of every family we know, read and written without torch or transformers.

A directory holds config.json and model.safetensors, or shards of it with model.safetensors.index.json. What a family calls its
settings and its tensors stands in a module of its own (hf_t5.py, hf_decoder.py). Reading and writing are the same walk over its
table in two directions, and neither holds a model in host memory: a reader holds one device's shard of one parameter, a writer
one tensor.

    directory = find("google/flan-t5-base")  # downloaded once; a local directory is itself
    model = open_model(directory, dtype="bfloat16")  # the headers of the files, checked against config.json
    params = model.params(shardings_of(model.config))  # each process reads what its devices need
    save(another, model.config, params)
"""

import contextlib
import dataclasses
import functools
import itertools
import json
import math
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import huggingface_hub
import jax
import jax.numpy as jnp
import numpy as np
from etils import epath
from huggingface_hub.errors import HFValidationError
from jax.experimental import multihost_utils
from jax.sharding import NamedSharding, PartitionSpec, Sharding, SingleDeviceSharding

from flanjax.huggingface import decoder as hf_decoder
from flanjax.huggingface import t5 as hf_t5
from flanjax.huggingface.tensors import DTYPES, Region, Shape, Tensor, TensorFile, write_file
from flanjax.models.decoder_config import DecoderConfig
from flanjax.models.functional import Config
from flanjax.models.t5_config import T5Config

CONFIG, WEIGHTS, INDEX = "config.json", "model.safetensors", "model.safetensors.index.json"
SHARD_BYTES = 5 * 2**30
SAVED_DTYPES = {"float32": "F32", "bfloat16": "BF16"}  # as config.json and as the tensors' file call them

# The config's class -> the family's words.
_FAMILIES: Mapping[type, ModuleType] = {T5Config: hf_t5, DecoderConfig: hf_decoder}
_BY_TYPE = {model_type: family for family in _FAMILIES.values() for model_type in family.MODEL_TYPES}

_DOWNLOADED = [CONFIG, WEIGHTS, INDEX, "model-*.safetensors"]
_COMPARED_BYTES = 2**24
_MAX_LINES = 40  # of a difference


@dataclasses.dataclass(frozen=True)
class Model:
    """A model in a directory, its tensors known by name and shape and not yet read.

    Attributes:
      config: its shape, and how it is to be computed.
      model_type: as config.json has it.
    """

    config: Config
    model_type: str
    _tensors: list[Tensor]
    _files: Mapping[str, TensorFile]  # by tensor

    def params(self, shardings: Any = None) -> dict[str, Any]:
        """The parameters, a nested dict of float32 arrays.

        Args:
          shardings: the same nested dict of shardings; None places all on the first device.
        """
        params: dict[str, Any] = {}
        for path, value in self.read(shardings):
            _put(params, path, value)
        return params

    def read(self, shardings: Any = None) -> Iterator[tuple[tuple[str, ...], jax.Array]]:
        """(path, parameter) one by one, in the order in which they begin in the files."""
        alone = SingleDeviceSharding(jax.local_devices()[0])
        order = {id(file): i for i, file in enumerate(self._files.values())}

        def place(tensor: Tensor) -> tuple[int, int]:
            file = self._files[tensor.names[0]]
            return order[id(file)], file.entries[tensor.names[0]].offset

        for tensor in sorted(self._tensors, key=place):
            yield tensor.path, self._placed(tensor, alone if shardings is None else _get(shardings, tensor.path))

    def _placed(self, tensor: Tensor, sharding: Sharding) -> jax.Array:
        """A parameter on its devices; each part that this process needs is read once and let go before the next."""
        shape = tensor.our_shape
        devices: dict[tuple[tuple[int, int], ...], list[jax.Device]] = {}
        for device, index in sharding.addressable_devices_indices_map(shape).items():
            bounds = tuple(part.indices(size)[:2] for part, size in zip(index or (), shape, strict=True))
            devices.setdefault(bounds, []).append(device)
        shards: list[jax.Array] = []
        for bounds, holders in devices.items():
            part = tensor.join(tuple(slice(*bound) for bound in bounds), self._read_tensor)
            shards += jax.block_until_ready([jax.device_put(part, device) for device in holders])
            del part
        return jax.make_array_from_single_device_arrays(shape, sharding, shards, dtype=np.float32)

    def _read_tensor(self, name: str, region: Region, into: np.ndarray) -> None:
        self._files[name].read(name, region, into)


def find(name: str) -> Path:
    """The directory of a model: one that is here, or else the snapshot of a Hugging Face id, which is downloaded once.

    Args:
      name: a directory, or an id such as "google/flan-t5-base"; "id@revision" for a branch, tag or commit.

    Raises:
      FileNotFoundError: it is neither; with the hub's reason.
    """
    if Path(name).is_dir():
        return Path(name)
    repository, _, revision = name.partition("@")
    try:
        return Path(huggingface_hub.snapshot_download(repository, revision=revision or None, allow_patterns=_DOWNLOADED))
    except (OSError, HFValidationError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise FileNotFoundError(
            f"{name!r} is neither a directory here nor a model on the Hugging Face hub: {reason}"
        ) from error


def open_model(
    directory: str | os.PathLike,
    *,
    dtype: str = "float32",
    scan: bool = True,
    remat: str = "none",
    attention: str = "auto",
    dropout: float | None = None,
) -> Model:
    """A model saved by transformers or by `save`. Of its weights only the files' headers are read.

    `dropout` is the checkpoint's own unless given.

    Raises:
      FileNotFoundError: a file is missing.
      ValueError: the model is of no family that is known, or its tensors are not those of its config; all are named.
    """
    directory = Path(directory)
    source = _read_json(directory / CONFIG)
    family = _family(source.get("model_type"), directory / CONFIG)
    files = _by_tensor([TensorFile(path) for path in _weight_files(directory)])
    head, embedding = family.head_and_embedding(source["model_type"])
    if _are_equal(head, embedding, files):  # as some versions of transformers write a tied head
        del files[head]
    shapes = {name: file.entries[name].shape for name, file in files.items()}
    config = family.config_of(source, shapes, directory / CONFIG)
    tensors = family.tensors(config, source["model_type"])
    _check(tensors, family.ignored(config), files, directory)
    changes: dict[str, Any] = {"dtype": dtype, "scan": scan, "remat": remat, "attention": attention}
    if dropout is not None:
        changes["dropout"] = dropout
    return Model(dataclasses.replace(config, **changes), source["model_type"], tensors, files)


def load(directory: str | os.PathLike, shardings: Any = None, **computed: Any) -> tuple[Config, dict[str, Any]]:
    """The config and the parameters of a directory, where no shardings have to be made of the config in between."""
    model = open_model(directory, **computed)
    return model.config, model.params(shardings)


def save(
    directory: str | os.PathLike,
    config: Config,
    params: Mapping[str, Any],
    *,
    model_type: str | None = None,
    settings: Mapping[str, Any] | None = None,
    dtype: str = "float32",
    max_shard_bytes: int = SHARD_BYTES,
) -> None:
    """Writes config.json and the weights, which transformers 4 and 5 load as the same model.

    Every process that holds a part of the parameters has to call it; the first one writes. Files take their names when all of
    them are complete: a failure leaves what was there before.

    Args:
      params: a nested dict of arrays, of jax on any devices or of numpy.
      model_type: one of the config's family, such as "mt5"; None is the family's usual one.
      settings: entries of config.json that no config here has, such as a tokenizer's eos_token_id.
      dtype: of the files, "float32" or "bfloat16".
      max_shard_bytes: where weights are more, they go into several files with an index; a larger tensor has a file of its own.
    """
    family = _FAMILIES[type(config)]
    model_type = model_type or family.family_of(config)
    if model_type not in family.MODEL_TYPES:
        raise ValueError(f"model_type is {model_type!r}, expected one of {sorted(family.MODEL_TYPES)}")
    if dtype not in SAVED_DTYPES:
        raise ValueError(f"dtype is {dtype!r}, expected one of {sorted(SAVED_DTYPES)}")
    written = {**family.config_json(config, model_type), **(settings or {})}
    written |= {"dtype": dtype, "torch_dtype": dtype}  # for transformers 5 and 4
    tensors = family.tensors(config, model_type)
    _check_params(tensors, params)
    pieces = _pieces(tensors, params)
    if jax.process_index() == 0:
        files = _layout(tensors, DTYPES[SAVED_DTYPES[dtype]].itemsize, max_shard_bytes)
        _write(epath.Path(directory), files, SAVED_DTYPES[dtype], pieces, written)
    for _ in pieces:
        pass  # the other processes take part in gathering
    if jax.process_count() > 1:
        multihost_utils.sync_global_devices("hf.save")


def _family(model_type: Any, path: Path) -> ModuleType:
    if model_type not in _BY_TYPE:
        raise ValueError(f"{path}: model_type is {model_type!r}, expected one of {sorted(_BY_TYPE)}")
    return _BY_TYPE[model_type]


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


def _by_tensor(files: list[TensorFile]) -> dict[str, TensorFile]:
    found: dict[str, TensorFile] = {}
    for file in files:
        for name in file.entries:
            if name in found:
                raise ValueError(f"{name} is both in {found[name].path} and in {file.path}; expected it once")
            found[name] = file
    return found


def _are_equal(one: str, other: str, files: Mapping[str, TensorFile]) -> bool:
    """Whether two tables are both there and the same; read a piece at a time, up to the first difference."""
    if one not in files or other not in files:
        return False
    (dtype, shape, _), (other_dtype, other_shape, _) = (files[name].entries[name] for name in (one, other))
    if shape != other_shape or not {dtype, other_dtype} <= DTYPES.keys():
        return False
    step = max(1, _COMPARED_BYTES // (4 * math.prod(shape[1:])))
    for start in range(0, shape[0], step):
        region = (slice(start, min(start + step, shape[0])), *(slice(0, size) for size in shape[1:]))
        pieces = {name: np.empty([part.stop - part.start for part in region], np.float32) for name in (one, other)}
        for name, piece in pieces.items():
            files[name].read(name, region, piece)
        if not np.array_equal(pieces[one], pieces[other]):
            return False
    return True


def _check(tensors: list[Tensor], ignored: Iterable[str], files: Mapping[str, TensorFile], directory: Path) -> None:
    """Raises ValueError with the difference between the checkpoint's tensors and those that its config asks for."""
    expected = {name: tensor.shape for tensor in tensors for name in tensor.names}
    entries = {name: file.entries[name] for name, file in files.items()}
    lines = [("- missing  ", name, f" {expected[name]}") for name in expected if name not in entries]
    unknown = sorted(entries.keys() - expected.keys() - set(ignored))
    lines += [("+ unknown  ", name, f" {entries[name].shape}") for name in unknown]
    for name in expected.keys() & entries.keys():
        dtype, got, _ = entries[name]
        if got != expected[name]:
            lines.append(("~ shape    ", name, f": got {got}, expected {expected[name]}"))
        if dtype not in DTYPES:
            lines.append(("~ dtype    ", name, f": got {dtype}, expected one of {', '.join(DTYPES)}"))
    if lines:
        what = f"the tensors do not fit {CONFIG}, {len(lines)} differences"
        raise ValueError(f"{directory}: {what}:\n" + "\n".join(_short(_merged(lines))))


def _merged(lines: list[tuple[str, str, str]]) -> list[str]:
    """One line for all layers that have the same to say: x.{0..23}.y."""
    layers: dict[tuple[str, str, str], list[int]] = {}
    for kind, name, detail in lines:
        number = re.search(r"(?<=\.)\d+(?=\.)", name)
        pattern = f"{name[: number.start()]}{{}}{name[number.end() :]}" if number else name
        layers.setdefault((kind, pattern, detail), []).append(int(number[0]) if number else 0)
    return [kind + pattern.replace("{}", _ranges(numbers)) + detail for (kind, pattern, detail), numbers in layers.items()]


def _ranges(numbers: list[int]) -> str:
    """{0..3,7} of [0, 1, 2, 3, 7], and 5 of [5]."""
    if len(numbers) == 1:
        return str(numbers[0])
    runs = []
    for _, run in itertools.groupby(enumerate(sorted(numbers)), lambda pair: pair[1] - pair[0]):
        members = [number for _, number in run]
        runs.append(str(members[0]) if len(members) == 1 else f"{members[0]}..{members[-1]}")
    return f"{{{','.join(runs)}}}"


def _short(lines: list[str]) -> list[str]:
    return lines if len(lines) <= _MAX_LINES else [*lines[:_MAX_LINES], f"… and {len(lines) - _MAX_LINES} more lines"]


def _check_params(tensors: list[Tensor], params: Mapping[str, Any]) -> None:
    expected = {tensor.path: tensor.our_shape for tensor in tensors}
    got = dict(_leaves(params))
    lines = [
        f"parameter {'/'.join(path)} is {got.get(path)}, the config expects {expected.get(path)}"
        for path in sorted(expected.keys() | got.keys())
        if got.get(path) != expected.get(path)
    ]
    if lines:
        raise ValueError("\n".join(_short(lines)))


def _layout(tensors: list[Tensor], itemsize: int, max_bytes: int) -> dict[str, dict[str, Shape]]:
    """File name -> the shapes of its tensors, in the order in which parameters are gathered."""
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
    return {f"model-{i:05}-of-{len(files):05}.safetensors": file for i, file in enumerate(files, 1)}


def _pieces(tensors: list[Tensor], params: Mapping[str, Any]) -> Iterator[np.ndarray]:
    """The checkpoint's tensors one by one on the host."""
    for tensor in tensors:
        yield from tensor.split(_layers_of(_get(params, tensor.path)))


def _layers_of(value: Any) -> Callable[[int | None], np.ndarray]:
    """A function from a layer (None: all) of a parameter to a host array. Processes that share it have to call it together."""
    if not isinstance(value, jax.Array):
        return lambda i: np.asarray(value if i is None else value[i])
    if value.is_fully_addressable:
        return lambda i: np.asarray(_layer_to(None)(value, i))
    assert isinstance(value.sharding, NamedSharding), value.sharding
    everywhere = NamedSharding(value.sharding.mesh, PartitionSpec())
    return lambda i: np.asarray(_layer_to(everywhere)(value, i).addressable_data(0))


@functools.cache
def _layer_to(sharding: NamedSharding | None) -> Callable[[jax.Array, int | None], jax.Array]:
    # A copy, not x itself: jax keeps the host array of a parameter that was asked for it.
    layer = lambda x, i: jnp.copy(x) if i is None else jax.lax.dynamic_index_in_dim(x, i, keepdims=False)  # noqa: E731
    return jax.jit(layer, out_shardings=sharding)


def _write(
    directory: epath.Path,
    files: dict[str, dict[str, Shape]],
    dtype: str,
    pieces: Iterator[np.ndarray],
    settings: dict[str, Any],
) -> None:
    """All files of a directory under temporary names, and then under their own."""
    directory.mkdir(parents=True, exist_ok=True)
    texts = {CONFIG: settings}
    if len(files) > 1:
        sizes = [math.prod(shape) for shapes in files.values() for shape in shapes.values()]
        numbers = {"total_parameters": sum(sizes), "total_size": sum(sizes) * DTYPES[dtype].itemsize}
        places = {tensor: name for name, shapes in files.items() for tensor in shapes}
        texts = {INDEX: {"metadata": numbers, "weight_map": places}, **texts}
    with _renamed(directory, [*files, *texts]) as temporary:
        for name, shapes in files.items():
            write_file(temporary[name], shapes, dtype, pieces)
        for name, text in texts.items():
            temporary[name].write_text(json.dumps(text, indent=2, sort_keys=True) + "\n")


@contextlib.contextmanager
def _renamed(directory: epath.Path, names: list[str]) -> Iterator[dict[str, epath.Path]]:
    """Temporary paths that take their names, config.json last, when the block has succeeded; other weights there go."""
    temporary = {name: directory / f"{name}.tmp" for name in names}
    try:
        yield temporary
        # From here to the end a directory without config.json is one that was not finished.
        (directory / CONFIG).unlink(missing_ok=True)
        for path in {directory / WEIGHTS, directory / INDEX, *directory.glob("model-*-of-*.safetensors")}:
            if path.name not in names:
                path.unlink(missing_ok=True)
        for name, path in temporary.items():
            path.replace(directory / name)
    finally:
        for path in temporary.values():
            path.unlink(missing_ok=True)


def _read_json(path: Path) -> dict[str, Any]:
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist; expected a directory with {CONFIG} and {WEIGHTS} (or {INDEX})")
    return json.loads(path.read_text())


def _put(tree: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for name in path[:-1]:
        tree = tree.setdefault(name, {})
    tree[path[-1]] = value


def _get(tree: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    for name in path:
        tree = tree[name]
    return tree


def _leaves(tree: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Shape]]:
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, (*path, name))
        else:
            yield (*path, name), tuple(value.shape)
