"""LoRA: a kernel's update as a product of two small factors (Hu et al. 2021, https://arxiv.org/abs/2106.09685).

The factors begin as in the authors' code (https://github.com/microsoft/LoRA/blob/main/loralib/layers.py): the first uniform by
fan-in, the second zero, so that training begins at the base.

Axes: D in, M out, R rank, L layers.
"""

import dataclasses

import jax
import jax.numpy as jnp

from flanjax.adapt.added import Learned
from flanjax.models.kernels import Adapted, product


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class LoraKernel(Adapted):
    """A kernel plus scale * a b.

    Attributes:
      key: data of the dropout key, uint32 [2] (of each layer); None is no dropout.
    """

    base: jax.Array  # [D, M]
    a: jax.Array  # [D, R]
    b: jax.Array  # [R, M]
    key: jax.Array | None
    scale: float = dataclasses.field(metadata={"static": True})
    dropout: float = dataclasses.field(metadata={"static": True})

    def merged(self) -> jax.Array:
        return self.base + self.scale * (self.a @ self.b)

    def project(self, x: jax.Array, bias: jax.Array | None) -> jax.Array:
        dropped = x
        if self.key is not None:
            kept = jax.random.bernoulli(jax.random.wrap_key_data(self.key), 1 - self.dropout, x.shape)
            dropped = jnp.where(kept, x / (1 - self.dropout), 0).astype(x.dtype)
        low = dropped @ self.a.astype(x.dtype) @ self.b.astype(x.dtype)
        return product(x, self.base, bias) + jnp.asarray(self.scale, x.dtype) * low


@dataclasses.dataclass(frozen=True)
class Lora:
    """The method (adapt/added.py)."""

    rank: int
    alpha: float
    rank_stabilized: bool = False
    dropout: float = 0.0

    @property
    def scale(self) -> float:
        return self.alpha / (self.rank**0.5 if self.rank_stabilized else self.rank)

    def start(self, base: jax.Array, key: jax.Array) -> Learned:
        *layers, size, out = base.shape
        a = jax.random.uniform(key, (*layers, size, self.rank), jnp.float32, -(size**-0.5), size**-0.5)
        return {"a": a, "b": jnp.zeros((*layers, self.rank, out), jnp.float32)}

    def axes(self, axes: tuple[str, ...]) -> Learned:
        *layers, size, out = axes
        return {"a": (*layers, size, "rank"), "b": (*layers, "rank", out)}

    def value(self, base: jax.Array, learned: Learned, key: jax.Array | None) -> Adapted:
        data = None
        if key is not None and self.dropout:
            data = jax.random.key_data(jax.random.split(key, base.shape[:-2]))
        return LoraKernel(base, learned["a"], learned["b"], data, self.scale, self.dropout)

    def bias(self, base: jax.Array, learned: Learned) -> None:
        return None
