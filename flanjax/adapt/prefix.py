"""Prefix tuning: learned keys and values stand before those of every layer (Li and Liang 2021).

https://arxiv.org/abs/2101.00190. While training, an MLP makes them from vectors, unless its inner size is 0.
As in Hugging Face's peft, keys are not rotated, a T5 has them before its decoder's own, and texts begin after their places.
A decoder-only model has them at the places that a packed row keeps free in every segment (data/layout.py, `reserved`).

Axes: n places, M keys of all heads, H inner size of the MLP, L layers.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp

from flanjax.adapt.added import Learned
from flanjax.models.kernels import Adapted, whole


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class KernelAndPrefix(Adapted):
    """The output kernel of an attention, which carries the attention's prefix."""

    base: Any
    keys: jax.Array  # [n, M]
    values: jax.Array  # [n, M]

    can_merge = False

    def merged(self) -> jax.Array:
        return whole(self.base)

    @property
    def prefix(self) -> tuple[jax.Array, jax.Array]:
        return self.keys, self.values


@dataclasses.dataclass(frozen=True)
class Prefix:
    """The method (adapt/added.py).

    Attributes:
      size: of the keys of all heads.
      hidden: inner size of the MLP; 0 trains keys and values directly.
    """

    tokens: int
    size: int
    hidden: int

    def start(self, base: Any, key: jax.Array) -> Learned:
        layers = base.shape[0]

        def normal(number: int, *shape: int) -> jax.Array:
            return jax.random.normal(jax.random.fold_in(key, number), shape, jnp.float32)

        if not self.hidden:
            shape = (layers, self.tokens, self.size)
            return {"keys": normal(0, *shape), "values": normal(1, *shape)}
        made = layers * 2 * self.size
        return {
            "vectors": normal(0, self.tokens, self.size),
            "into": normal(1, self.size, self.hidden) * self.size**-0.5,
            "into_bias": jnp.zeros(self.hidden),
            "out": normal(2, self.hidden, made) * self.hidden**-0.5,
            "out_bias": jnp.zeros(made),
        }

    def axes(self, axes: tuple[str, ...]) -> Learned:
        layers, heads, _ = axes
        if not self.hidden:
            return dict.fromkeys(("keys", "values"), (layers, "soft_tokens", heads))
        kernels = {"vectors": ("soft_tokens", "kv"), "into": ("kv", "rank"), "out": ("rank", "kv")}
        return {**kernels, "into_bias": ("rank",), "out_bias": ("kv",)}

    def value(self, base: Any, learned: Learned, key: jax.Array | None) -> Adapted:
        return KernelAndPrefix(base, *self.keys_values(learned, base.shape[0]))

    def keys_values(self, learned: Learned, layers: int) -> tuple[jax.Array, jax.Array]:
        """Returns the keys and the values of all layers: [L, n, M] each."""
        if not self.hidden:
            return learned["keys"], learned["values"]
        inner = jnp.tanh(learned["vectors"] @ learned["into"] + learned["into_bias"])
        made = (inner @ learned["out"] + learned["out_bias"]).reshape(self.tokens, layers, 2, self.size)
        return made[:, :, 0].swapaxes(0, 1), made[:, :, 1].swapaxes(0, 1)

    def bias(self, base: jax.Array, learned: Learned) -> None:
        return None
