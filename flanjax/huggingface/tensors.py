"""How the tensors of a Hugging Face checkpoint map to our parameters, without file access.

`Tensor` is one row of the table between the two. A Hugging Face Linear is [out, in], while our kernels are [in, out], and the
tensors of a stack's layers are one array here. Parameters are a nested dict of arrays; a path in it is a tuple of names.
"""

import math
import mmap
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

Shape = tuple[int, ...]
Path = tuple[str, ...]
Region = tuple[slice, ...]  # a slice with start and stop for each dimension
Read = Callable[[str, Region, np.ndarray], None]  # (name, region, into): fills `into` with that part of a tensor


class Tensor(NamedTuple):
    """One of our parameters as it is stored in a checkpoint: one tensor, or one for each layer."""

    path: Path  # in the nested dict
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
        """Returns the part `index` of our float32 array; reads only the needed parts of the checkpoint's tensors."""
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
        """Yields the checkpoint's tensors in the order of `names`; the inverse of `join`.

        Args:
          layer_of: returns one layer of our array; for None, the whole of an array without layers.
        """
        for i in range(self.layers) if self.layers else [None]:
            layer = layer_of(i)
            yield layer.T if self.transpose else layer


def put(tree: dict[str, Any], path: Path, value: Any) -> None:
    """Sets the value at a path of a nested dict, creating missing inner dicts."""
    for name in path[:-1]:
        tree = tree.setdefault(name, {})
    tree[path[-1]] = value


def get(tree: Mapping[str, Any], path: Path) -> Any:
    """Returns the value at a path of a nested dict."""
    for name in path:
        tree = tree[name]
    return tree


def leaf_shapes(tree: Mapping[str, Any], path: Path = ()) -> Iterator[tuple[Path, Shape]]:
    """Yields (path, shape) of every array in a nested dict."""
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from leaf_shapes(value, (*path, name))
        else:
            yield (*path, name), tuple(value.shape)


def _empty(shape: Sequence[int]) -> np.ndarray:
    """Returns an empty float32 array in its own memory pages, which return to the system when it is freed. malloc would keep
    up to 32 MB of each array."""
    size = math.prod(shape) * np.dtype(np.float32).itemsize
    pages = mmap.mmap(-1, max(size, 1), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    return np.frombuffer(pages, np.float32, math.prod(shape)).reshape(shape)
