"""The tensors of a Hugging Face checkpoint: how they map to our parameters, and the files in which they lie.

`Tensor` is one row of the table between the two. A Hugging Face Linear is [out, in], our kernels are [in, out], and the tensors
of a stack's layers are one array here.

`TensorFile` reads and `write_file` writes the safetensors format (https://github.com/huggingface/safetensors#format): eight
bytes with the header's length, the header in JSON, and the tensors as they are, little-endian and without holes. Its own
library reads whole tensors and writes whole files; these read any part of a tensor and hold one tensor while writing.
"""

import contextlib
import json
import math
import mmap
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np
from etils import epath

Shape = tuple[int, ...]
Region = tuple[slice, ...]  # a slice with start and stop for each dimension
Read = Callable[[str, Region, np.ndarray], None]  # (name, region, into): fills `into` with that part of a tensor

DTYPES = {
    "F64": np.dtype(np.float64),
    "F32": np.dtype(np.float32),
    "F16": np.dtype(np.float16),
    "BF16": np.dtype(ml_dtypes.bfloat16),
}
_LENGTH_BYTES = 8
_MAX_HEADER_BYTES = 100_000_000  # what the safetensors library refuses, too
_BLOCK_BYTES = 2**20  # mapped or converted at a time: nothing more is held, and a transpose stays in the cache


class Tensor(NamedTuple):
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

    def join(self, index: Region, read: Read) -> np.ndarray:
        """The part `index` of our float32 array, made of just the parts of the checkpoint's tensors that it needs."""
        joined = _empty([part.stop - part.start for part in index])
        names = self.names[index[0]] if self.layers else self.names
        region = index[1:] if self.layers else index
        for name, layer in zip(names, joined if self.layers else [joined], strict=True):
            if self.transpose:
                read(name, region[::-1], layer.T)
            else:
                read(name, region, layer)
        return joined

    def split(self, layer_of: Callable[[int | None], np.ndarray]) -> Iterator[np.ndarray]:
        """The checkpoint's tensors in the order of `names`: the inverse of `join`.

        Args:
          layer_of: gives one layer of our array, and all of an array without layers for None.
        """
        for i in range(self.layers) if self.layers else [None]:
            layer = layer_of(i)
            yield layer.T if self.transpose else layer


class Entry(NamedTuple):
    """Where a tensor lies in its file."""

    dtype: str  # as the format writes it, such as BF16
    shape: Shape
    offset: int  # in bytes, from the file's beginning


class TensorFile:
    """A safetensors file. Only the header is read at first, and nothing is kept open.

    Raises ValueError when the file is not what its header says, as after a download that broke off.
    """

    def __init__(self, path: Path):
        self.path = path
        with path.open("rb") as file:
            length = int.from_bytes(file.read(_LENGTH_BYTES), "little")
            if length > min(_MAX_HEADER_BYTES, path.stat().st_size - _LENGTH_BYTES):
                raise ValueError(f"{path} is not a whole safetensors file: a header of {length} bytes does not fit")
            header = _parsed(path, file.read(length))
        begin = _LENGTH_BYTES + length
        size = max([begin, *(begin + entry["data_offsets"][1] for entry in header.values())])
        if path.stat().st_size != size:
            raise ValueError(f"{path} has {path.stat().st_size} bytes, its header says {size}; is the download complete?")
        self.entries = {
            name: Entry(entry["dtype"], tuple(entry["shape"]), begin + entry["data_offsets"][0])
            for name, entry in header.items()
        }

    def read(self, name: str, region: Region, into: np.ndarray) -> None:
        """Fills `into`, a float array of the region's shape in any memory order, with that part of a tensor."""
        entry = self.entries[name]
        if 0 in into.shape:
            return
        dtype, (rows, columns) = DTYPES[entry.dtype], (region[0], region[1:])
        row_bytes = dtype.itemsize * math.prod(entry.shape[1:])
        step = max(1, _BLOCK_BYTES // row_bytes)
        with self.path.open("rb") as file:
            for start in range(rows.start, rows.stop, step):
                stop = min(start + step, rows.stop)
                shape = (stop - start, *entry.shape[1:])
                block: np.ndarray = np.memmap(file, dtype, "r", offset=entry.offset + start * row_bytes, shape=shape)
                into[start - rows.start : stop - rows.start] = block[:, *columns]


def write_file(path: epath.Path, shapes: Mapping[str, Shape], dtype: str, tensors: Iterator[np.ndarray]) -> None:
    """Writes one safetensors file, taking tensors one at a time, in the order of `shapes`, and no more of them.

    Args:
      dtype: of all of them in the file, as the format writes it.
    """
    file_dtype, offset = DTYPES[dtype], 0
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}  # transformers refuses files without
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


def _empty(shape: Sequence[int]) -> np.ndarray:
    """A float32 array in pages of its own: they go back to the system with it, of which malloc would keep up to 32 MB each."""
    size = math.prod(shape) * np.dtype(np.float32).itemsize
    pages = mmap.mmap(-1, max(size, 1), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    return np.frombuffer(pages, np.float32, math.prod(shape)).reshape(shape)


def _parsed(path: Path, encoded: bytes) -> dict[str, Any]:
    try:
        header = json.loads(encoded)
    except ValueError as error:
        raise ValueError(f"{path} is not a safetensors file: its header is not JSON") from error
    header.pop("__metadata__", None)
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        dtype = DTYPES.get(entry["dtype"])
        if dtype is not None and end - begin != math.prod(entry["shape"]) * dtype.itemsize:
            raise ValueError(f"{path}: {name} is {entry['dtype']} {entry['shape']}, but has {end - begin} bytes")
    return header
