"""Reads and writes the files with a checkpoint's tensors: safetensors, one file or several with an index.

The safetensors library (https://github.com/huggingface/safetensors) reads any part of a tensor, but needs all tensors of a file
at once to write it; `write_file` holds only one. The format: eight bytes with the header's length, the header in JSON, and the
tensors' bytes, little-endian and without gaps.
"""

import contextlib
import json
import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np
from etils import epath
from safetensors import SafetensorError, safe_open

from flanjax.huggingface.settings import TABLE, TEXT, read_settings
from flanjax.huggingface.tensors import Region, Shape

WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
SHARDS = "model-{:05}-of-{:05}.safetensors"
DTYPES = {
    "F64": np.dtype(np.float64),
    "F32": np.dtype(np.float32),
    "F16": np.dtype(np.float16),
    "BF16": np.dtype(ml_dtypes.bfloat16),
}
_LENGTH_BYTES = 8
_BLOCKS_OF_AN_OPEN_FILE = 8
_BLOCK_BYTES = 2**19  # bytes copied or converted at a time, so that memory stays small and a transpose stays in the CPU's cache


class Entry(NamedTuple):
    """A tensor in its file."""

    dtype: str  # as the format writes it, such as BF16
    shape: Shape
    place: int  # in the order of the file's tensors


class WeightFile:
    """A safetensors file. Only its header is read at first, and the file is not kept open.

    Raises ValueError if the file does not match its header, as after an interrupted download, or if tensors overlap.
    """

    def __init__(self, path: Path):
        self.path = path
        self.entries: dict[str, Entry] = {}
        file = _opened(path)
        for place, name in enumerate(file.offset_keys()):
            tensor = file.get_slice(name)
            self.entries[name] = Entry(tensor.get_dtype(), tuple(tensor.get_shape()), place)

    def read(self, name: str, region: Region, into: np.ndarray) -> None:
        """Fills `into`, a float array of the region's shape in any memory order, with that part of a tensor."""
        entry = self.entries[name]
        if 0 in into.shape:
            return
        rows, columns = region[0], region[1:]
        row_bytes = DTYPES[entry.dtype].itemsize * math.prod(entry.shape[1:])
        step = max(1, _BLOCK_BYTES // row_bytes)
        for block, start in enumerate(range(rows.start, rows.stop, step)):
            # Reopened from time to time: while a file is open, the pages read from it count as this process's memory.
            if block % _BLOCKS_OF_AN_OPEN_FILE == 0:
                part = _opened(self.path).get_slice(name)
            stop = min(start + step, rows.stop)
            into[start - rows.start : stop - rows.start] = part[start:stop, *columns]


def weight_files(directory: Path) -> list[WeightFile]:
    """Returns the files of a checkpoint. Raises FileNotFoundError or ValueError naming what is missing or wrong."""
    if (directory / WEIGHTS).exists():
        return [WeightFile(directory / WEIGHTS)]
    if not (directory / INDEX).exists():
        others = sorted(path.name for path in directory.iterdir())
        raise FileNotFoundError(
            f"{directory} has neither {WEIGHTS} nor {INDEX}, only {others}; "
            "weights in another format are converted by transformers' from_pretrained(...).save_pretrained(...)"
        )
    names = _names_in_index(directory / INDEX)
    if missing := [name for name in names if not (directory / name).exists()]:
        raise FileNotFoundError(f"{directory / INDEX} names shards that are not there: {', '.join(missing)}")
    return [WeightFile(directory / name) for name in names]


def by_tensor(files: list[WeightFile]) -> dict[str, WeightFile]:
    """Returns tensor name -> its file. Raises ValueError for a tensor that is in two files."""
    found: dict[str, WeightFile] = {}
    for file in files:
        for name in file.entries:
            if name in found:
                raise ValueError(f"{name} is both in {found[name].path} and in {file.path}; expected it once")
            found[name] = file
    return found


def write_file(path: epath.Path, shapes: Mapping[str, Shape], dtype: str, tensors: Iterator[np.ndarray]) -> None:
    """Writes one safetensors file, taking exactly the tensors of `shapes`, one at a time and in that order.

    Args:
      dtype: type of all tensors in the file, in the format's notation.
    """
    file_dtype, offset = DTYPES[dtype], 0
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}  # transformers refuses files without it
    for name, shape in shapes.items():
        size = math.prod(shape) * file_dtype.itemsize
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [offset, offset + size]}
        offset += size
    encoded = json.dumps(header, separators=(",", ":")).encode()
    encoded += b" " * (-len(encoded) % _LENGTH_BYTES)  # so that the first tensor is aligned
    with path.open("wb") as file:
        file.write(len(encoded).to_bytes(_LENGTH_BYTES, "little") + encoded)
        for name, shape in shapes.items():
            tensor = next(tensors)
            assert tensor.shape == shape, (name, tensor.shape, shape)
            step = max(1, _BLOCK_BYTES // (file_dtype.itemsize * math.prod(shape[1:])))
            for start in range(0, shape[0], step):
                file.write(np.ascontiguousarray(tensor[start : start + step], file_dtype).view(np.uint8).data)
            del tensor
        file.flush()
        with contextlib.suppress(OSError):  # a file in a bucket has no descriptor
            os.fsync(file.fileno())


def _opened(path: Path) -> Any:
    try:
        return safe_open(path, framework="numpy")
    except SafetensorError as error:
        raise ValueError(f"{path} is not a whole safetensors file: {error}; is the download complete?") from error


def _names_in_index(path: Path) -> list[str]:
    """Returns the names of the shards. Each must be a file beside the index, so that no name leads to another folder."""
    index = read_settings(path, {"weight_map": TABLE})
    if not index.get("weight_map"):
        raise ValueError(f"{path} has no weight_map; expected the name of a file for each tensor")
    for tensor, name in index["weight_map"].items():
        if not TEXT.fits(name) or Path(name).name != name or not name.endswith(".safetensors"):
            raise ValueError(
                f"{path}: weight_map has {name!r} for {tensor}, expected the name of a .safetensors file beside the index"
            )
    return sorted(set(index["weight_map"].values()))
