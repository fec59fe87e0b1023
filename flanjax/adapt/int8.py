"""A frozen kernel in eight bits: whole numbers from -128 to 127, and a scale for each column.

A column's scale maps its largest absolute value to 127.5, and each number becomes the nearest that there is, at most half a
step away. So does qwix (https://github.com/google/qwix) with a channel for each output; Dettmers et al. 2022
(https://arxiv.org/abs/2208.07339, section 2) map the largest to 127.

Axes: D in, M out, L layers.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp

from flanjax.models.kernels import Adapted, product

_LEAST, _MOST, _RANGE = -128, 127, 127.5


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Int8Kernel(Adapted):
    """A kernel of whole numbers, each column times its scale."""

    base: Any  # int8 [D, M]
    scale: Any  # float32 [M]

    def merged(self) -> jax.Array:
        return self.base.astype(jnp.float32) * self.scale[..., None, :]

    def project(self, x: jax.Array, bias: jax.Array | None) -> jax.Array:
        # The backward pass keeps the whole numbers, and casts them again.
        y = jax.checkpoint(lambda x, base: product(x, base, None))(x, self.base) * self.scale.astype(x.dtype)
        return y if bias is None else y + bias.astype(x.dtype)


def rounded(kernel: jax.Array) -> Int8Kernel:
    """Returns a kernel [D, M] or [L, D, M] in eight bits.

    >>> found = rounded(jnp.float32([[1.275, 0.0], [-0.5, 0.0]]))
    >>> found.base.tolist(), [round(x, 6) for x in found.scale.tolist()]
    ([[127, 0], [-50, 0]], [0.01, 1.0])
    """
    largest = jnp.max(jnp.abs(kernel), axis=-2)
    scale = jnp.where(largest > 0, largest / _RANGE, 1.0)
    steps = jnp.clip(jnp.round(kernel / scale[..., None, :]), _LEAST, _MOST)
    return Int8Kernel(steps.astype(jnp.int8), scale)


def axes_of(names: tuple[str, ...]) -> Int8Kernel:
    """Returns the logical axes of a kernel in eight bits, given those of the kernel."""
    *layers, _, out = names
    return Int8Kernel(names, (*layers, out))
