"""Reads a Hugging Face directory: the config from config.json and the files' headers, and the parameters onto a mesh."""

import dataclasses
import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import jax
import numpy as np
from jax.sharding import Sharding, SingleDeviceSharding

from flanjax.huggingface.differences import check_tensors
from flanjax.huggingface.families import family_of_type
from flanjax.huggingface.hub import CONFIG
from flanjax.huggingface.settings import read_settings
from flanjax.huggingface.tensors import Region, Tensor, get, put
from flanjax.huggingface.weight_files import DTYPES, INDEX, WEIGHTS, WeightFile, by_tensor, weight_files
from flanjax.models.functional import Config

_COMPARED_BYTES = 2**24


@dataclasses.dataclass(frozen=True)
class PublishedModel:
    """A model in a directory. Its tensors' names and shapes are known, but their values have not been read.

    Attributes:
      config: the model's shape, and how it is computed.
      model_type: the model_type in config.json.
    """

    config: Config
    model_type: str
    _tensors: list[Tensor]
    _files: Mapping[str, WeightFile]  # by tensor

    def params(self, shardings: Any = None) -> dict[str, Any]:
        """Returns the parameters, a nested dict of float32 arrays.

        Args:
          shardings: the same nested dict of shardings; None places all on the first device.
        """
        params: dict[str, Any] = {}
        for path, value in self.read(shardings):
            put(params, path, value)
        return params

    def read(self, shardings: Any = None) -> Iterator[tuple[tuple[str, ...], jax.Array]]:
        """Yields (path, parameter) one by one, in the order of their positions in the files."""
        alone = SingleDeviceSharding(jax.local_devices()[0])
        order = {id(file): i for i, file in enumerate(self._files.values())}

        def place(tensor: Tensor) -> tuple[int, int]:
            file = self._files[tensor.names[0]]
            return order[id(file)], file.entries[tensor.names[0]].place

        for tensor in sorted(self._tensors, key=place):
            yield tensor.path, self._placed(tensor, alone if shardings is None else get(shardings, tensor.path))

    def _placed(self, tensor: Tensor, sharding: Sharding) -> jax.Array:
        """Returns a parameter on its devices. Each part that this process needs is read once and freed before the next."""
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


def open_model(
    directory: str | os.PathLike,
    *,
    dtype: str = "float32",
    scan: bool = True,
    remat: str = "none",
    attention: str = "auto",
    dropout: float | None = None,
) -> PublishedModel:
    """Returns a model saved by transformers or by `save`. Only the headers of its weight files are read.

    `dropout` is the checkpoint's own unless it is given. A decoder checkpoint's own dropout acts in other places than ours, so
    for such a checkpoint `dropout` must be given.

    Raises:
      FileNotFoundError: a file is missing.
      ValueError: the model's family is unknown, or its tensors are not those of its config; all differences are named.
    """
    directory = Path(directory)
    path = directory / CONFIG
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist; expected a directory with {CONFIG} and {WEIGHTS} (or {INDEX})")
    source = read_settings(path, {})
    family = family_of_type(source.get("model_type"), path)
    files = _without_copied_head(by_tensor(weight_files(directory)), family, source, path)
    shapes = {name: file.entries[name].shape for name, file in files.items()}
    config = family.config_of(source, shapes, path, dropout=dropout)
    tensors = family.tensors(config, source["model_type"])
    check_tensors(tensors, family.ignored(config), files, directory)
    config = dataclasses.replace(config, dtype=dtype, scan=scan, remat=remat, attention=attention)
    return PublishedModel(config, source["model_type"], tensors, files)


def load(directory: str | os.PathLike, shardings: Any = None, **computed: Any) -> tuple[Config, dict[str, Any]]:
    """Returns the config and the parameters of a directory, for callers that need no shardings made from the config."""
    model = open_model(directory, **computed)
    return model.config, model.params(shardings)


def _without_copied_head(
    files: dict[str, WeightFile], family: ModuleType, source: Mapping[str, Any], path: Path
) -> dict[str, WeightFile]:
    """Returns the tensors without a head that is a copy of the embedding, which some versions of transformers write if tied.

    Raises ValueError if the head is missing although config.json says that it is not the embedding.
    """
    head, embedding = family.head_and_embedding(source["model_type"])
    if head not in files and family.says_untied(source):
        said = "is false" if "tie_word_embeddings" in source else f"is not set, which means false for {source['model_type']}"
        raise ValueError(
            f"{path}: tie_word_embeddings {said}, but the files have no {head}: the head is missing. "
            "Get the whole checkpoint; or set tie_word_embeddings to true if the head is the embedding"
        )
    return {n: file for n, file in files.items() if n != head} if _are_equal(head, embedding, files) else files


def _are_equal(one: str, other: str, files: Mapping[str, WeightFile]) -> bool:
    """Whether both tables exist and are equal. They are read in pieces, up to the first difference."""
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
