"""One row of the table between our parameters and a Hugging Face checkpoint's tensors.

A Hugging Face Linear is [out, in], our kernels are [in, out], and the tensors of a stack's layers are one array here.
"""

from typing import NamedTuple

Shape = tuple[int, ...]


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
