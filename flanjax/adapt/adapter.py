"""Bottleneck adapters: a small MLP with a residual connection after each part of a layer (Houlsby et al. 2019).

https://arxiv.org/abs/1902.00751: on the output of attention and of the MLP, before it is added to the residual;
the norms are trained too. As in the authors' code (https://github.com/google-research/adapter-bert), the activation
is gelu, and kernels begin near zero: a normal distribution of deviation 0.01 cut off at two deviations.

Axes: D in, M out, R bottleneck, L layers.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp

from flanjax.adapt.added import Learned
from flanjax.models.kernels import Adapted, product

_DEVIATION = 1e-2


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class KernelAndAdapter(Adapted):
    """A kernel, and what is added to its output y: gelu(y down + down_bias) up + up_bias."""

    base: Any  # [D, M]
    down: jax.Array  # [M, R]
    down_bias: jax.Array  # [R]
    up: jax.Array  # [R, M]
    up_bias: jax.Array  # [M]

    can_merge = False

    def project(self, x: jax.Array, bias: jax.Array | None) -> jax.Array:
        y = product(x, self.base, bias)
        return y + product(jax.nn.gelu(product(y, self.down, self.down_bias)), self.up, self.up_bias)


@dataclasses.dataclass(frozen=True)
class Bottleneck:
    """The method (adapt/added.py)."""

    size: int

    def start(self, base: Any, key: jax.Array) -> Learned:
        *layers, _, out = base.shape

        def small(number: int, *shape: int) -> jax.Array:
            own = jax.random.fold_in(key, number)
            return _DEVIATION * jax.random.truncated_normal(own, -2, 2, (*layers, *shape), jnp.float32)

        zeros = {"down_bias": jnp.zeros((*layers, self.size)), "up_bias": jnp.zeros((*layers, out))}
        return {"down": small(0, out, self.size), "up": small(1, self.size, out), **zeros}

    def axes(self, axes: tuple[str, ...]) -> Learned:
        *layers, _, out = axes
        kernels = {"down": (*layers, out, "rank"), "up": (*layers, "rank", out)}
        return {**kernels, "down_bias": (*layers, "rank"), "up_bias": (*layers, out)}

    def value(self, base: Any, learned: Learned, key: jax.Array | None) -> Adapted:
        return KernelAndAdapter(base, **learned)

    def bias(self, base: jax.Array, learned: Learned) -> None:
        return None
