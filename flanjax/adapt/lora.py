"""LoRA: a kernel's update as a product of two small factors (Hu et al. 2021, https://arxiv.org/abs/2106.09685).

DoRA (Liu et al. 2024, https://arxiv.org/abs/2402.09353) changes by them the direction of each of the kernel's columns alone,
and learns the length of each beside. A length is a constant in the gradient of its direction (section 4.3).

The factors begin as in the authors' code (https://github.com/microsoft/LoRA/blob/main/loralib/layers.py): the first uniform by
fan-in, the second zero, so that training begins at the base.

Axes: D in, M out, R rank, L layers.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp

from flanjax.adapt.added import Learned
from flanjax.models.kernels import Adapted, product, whole


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class LoraKernel(Adapted):
    """A kernel plus scale * a b, with columns of the length `magnitude` unless that is None.

    Attributes:
      key: data of the dropout key, uint32 [2] (of each layer); None is no dropout.
    """

    base: Any  # [D, M]
    a: jax.Array  # [D, R]
    b: jax.Array  # [R, M]
    magnitude: jax.Array | None  # [M]
    key: jax.Array | None
    scale: float = dataclasses.field(metadata={"static": True})
    dropout: float = dataclasses.field(metadata={"static": True})

    def merged(self) -> jax.Array:
        total = self._sum()
        return total if self.magnitude is None else total * self._stretch(total)[..., None, :]

    def project(self, x: jax.Array, bias: jax.Array | None) -> jax.Array:
        dropped = x
        if self.key is not None:
            kept = jax.random.bernoulli(jax.random.wrap_key_data(self.key), 1 - self.dropout, x.shape)
            dropped = jnp.where(kept, x / (1 - self.dropout), 0).astype(x.dtype)
        low = jnp.asarray(self.scale, x.dtype) * (dropped @ self.a.astype(x.dtype) @ self.b.astype(x.dtype))
        if self.magnitude is None:
            return product(x, self.base, bias) + low
        # Made again in the backward pass, which would keep base + scale * a b of every layer.
        stretch = jax.checkpoint(lambda kernel: kernel._stretch(kernel._sum()))(self)
        longer = (stretch - 1).astype(x.dtype)  # before it is rounded: lengths change by less than bfloat16 tells apart at 1
        straight = product(dropped, self.base, None)
        kept = straight if self.key is None else product(x, self.base, None)
        y = kept + longer * straight + stretch.astype(x.dtype) * low
        return y if bias is None else y + bias.astype(x.dtype)

    def _sum(self) -> jax.Array:
        return whole(self.base) + self.scale * (self.a @ self.b)

    def _stretch(self, total: jax.Array) -> jax.Array:
        """Returns by what each column of base + scale * a b, [D, M], is multiplied: [M]."""
        assert self.magnitude is not None
        length = jax.lax.stop_gradient(jnp.linalg.norm(total, axis=-2))
        return jnp.where(length > 0, self.magnitude / jnp.where(length > 0, length, 1), 1)


@dataclasses.dataclass(frozen=True)
class Lora:
    """The method (adapt/added.py)."""

    rank: int
    alpha: float
    rank_stabilized: bool = False
    dropout: float = 0.0
    dora: bool = False

    @property
    def scale(self) -> float:
        return self.alpha / (self.rank**0.5 if self.rank_stabilized else self.rank)

    def start(self, base: Any, key: jax.Array) -> Learned:
        *layers, size, out = base.shape
        a = jax.random.uniform(key, (*layers, size, self.rank), jnp.float32, -(size**-0.5), size**-0.5)
        learned = {"a": a, "b": jnp.zeros((*layers, self.rank, out), jnp.float32)}
        return {**learned, "magnitude": jnp.linalg.norm(whole(base), axis=-2)} if self.dora else learned

    def axes(self, axes: tuple[str, ...]) -> Learned:
        *layers, size, out = axes
        learned = {"a": (*layers, size, "rank"), "b": (*layers, "rank", out)}
        return {**learned, "magnitude": (*layers, out)} if self.dora else learned

    def value(self, base: Any, learned: Learned, key: jax.Array | None) -> Adapted:
        data = None
        if key is not None and self.dropout:
            data = jax.random.key_data(jax.random.split(key, base.shape[:-2]))
        return LoraKernel(base, learned["a"], learned["b"], learned.get("magnitude"), data, self.scale, self.dropout)

    def bias(self, base: jax.Array, learned: Learned) -> None:
        return None
