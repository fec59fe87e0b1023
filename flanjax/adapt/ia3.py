"""(IA)^3: keys, values and the MLP's inner activations are scaled by learned vectors (Liu et al. 2022).

https://arxiv.org/abs/2205.05638. A vector that scales the MLP's inner activations scales the inputs of its last
kernel; the others scale a kernel's outputs, bias included. All begin at one.

Axes: D in, M out, L layers.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp

from flanjax.adapt.added import Learned
from flanjax.models.kernels import Adapted, product, whole


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class ScaledKernel(Adapted):
    """A kernel whose outputs are scaled."""

    base: Any  # [D, M]
    scale: jax.Array  # [M]

    def merged(self) -> jax.Array:
        return whole(self.base) * self.scale[..., None, :]

    def project(self, x: jax.Array, bias: jax.Array | None) -> jax.Array:
        y = product(x, self.base, None) * self.scale.astype(x.dtype)
        return y if bias is None else y + bias.astype(x.dtype)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class ScaledInputs(Adapted):
    """A kernel whose inputs are scaled."""

    base: Any  # [D, M]
    scale: jax.Array  # [D]

    def merged(self) -> jax.Array:
        return whole(self.base) * self.scale[..., None]

    def project(self, x: jax.Array, bias: jax.Array | None) -> jax.Array:
        return product(x * self.scale.astype(x.dtype), self.base, bias)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class ScaledBias(Adapted):
    """The bias of a kernel whose outputs are scaled."""

    base: Any  # [M]
    scale: jax.Array  # [M]

    def merged(self) -> jax.Array:
        return self.base * self.scale


@dataclasses.dataclass(frozen=True)
class IA3:
    """The method (adapt/added.py): it scales inputs if `inputs`, else outputs."""

    inputs: bool

    def start(self, base: Any, key: jax.Array) -> Learned:
        *layers, size, out = base.shape
        return {"scale": jnp.ones((*layers, size if self.inputs else out), jnp.float32)}

    def axes(self, axes: tuple[str, ...]) -> Learned:
        *layers, size, out = axes
        return {"scale": (*layers, size if self.inputs else out)}

    def value(self, base: Any, learned: Learned, key: jax.Array | None) -> Adapted:
        return ScaledInputs(base, learned["scale"]) if self.inputs else ScaledKernel(base, learned["scale"])

    def bias(self, base: jax.Array, learned: Learned) -> Adapted | None:
        return None if self.inputs else ScaledBias(base, learned["scale"])
