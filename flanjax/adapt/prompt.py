"""Prompt tuning: learned vectors stand before the inputs of every example (Lester et al. 2021).

https://arxiv.org/abs/2104.08691. They begin as embeddings: of given words, such as class labels, or of tokens drawn from the
first 5,000 ids of the vocabulary, which SentencePiece orders by frequency. In a packed row every segment
has its own places for them (data/layout.py, `reserved`). A T5 has them before its encoder's inputs.

Axes: n soft tokens, V vocabulary, D model.
"""

import dataclasses

import jax
import jax.numpy as jnp

from flanjax.adapt.added import Learned
from flanjax.models.kernels import Adapted

_FREQUENT = 5000


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class SoftTokens(Adapted):
    """An embedding table that gives learned vectors at the reserved positions."""

    base: jax.Array  # [V, D]
    soft: jax.Array  # [n, D]

    can_merge = False

    def merged(self) -> jax.Array:
        return self.base

    def look_up(self, tokens: jax.Array, reserved: jax.Array | None) -> jax.Array:
        plain = self.base[tokens]
        return plain if reserved is None else jnp.where(reserved[..., None] > 0, self.soft[reserved - 1], plain)


@dataclasses.dataclass(frozen=True)
class Prompt:
    """The method (adapt/added.py).

    Attributes:
      ids: the tokens whose embeddings it begins with, repeated as often as it takes; empty draws them.
    """

    tokens: int
    ids: tuple[int, ...] = ()

    def start(self, base: jax.Array, key: jax.Array) -> Learned:
        if self.ids:
            found = jnp.resize(jnp.array(self.ids), (self.tokens,))
        else:
            frequent = min(_FREQUENT, len(base))
            found = jax.random.choice(key, frequent, (self.tokens,), replace=self.tokens > frequent)
        return {"soft": base[found]}

    def axes(self, axes: tuple[str, ...]) -> Learned:
        return {"soft": ("soft_tokens", axes[-1])}

    def value(self, base: jax.Array, learned: Learned, key: jax.Array | None) -> Adapted:
        return SoftTokens(base, learned["soft"])

    def bias(self, base: jax.Array, learned: Learned) -> None:
        return None
