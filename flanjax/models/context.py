"""What is the same for every layer of a forward pass: the dropout key, and what the devices make of the mathematics."""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import jax

from flanjax.models.attention.reference import Attend, attend

Constrain: TypeAlias = Callable[[jax.Array, tuple[str, ...]], jax.Array]  # fixes where an array lies, by its logical axes


def unconstrained(x: jax.Array, axes: tuple[str, ...]) -> jax.Array:
    """`x` itself: what a model without a mesh does at each place where a sharding could be fixed."""
    del axes
    return x


class Context(NamedTuple):
    """One value for a whole forward pass. The default is a deterministic pass on one device, in plain XLA.

    Attributes:
      key: of dropout; None makes the pass deterministic.
      constrain: called on embeddings, on the residual stream and on the logits.
      attend: the attention; `attention.reference.attend` or what stands in for it on the devices at hand.
    """

    key: jax.Array | None = None
    constrain: Constrain = unconstrained
    attend: Attend = attend

    def fold(self, index: int | jax.Array) -> "Context":
        """The context of one part of the model: its dropout is drawn apart from that of the other parts."""
        return self if self.key is None else self._replace(key=jax.random.fold_in(self.key, index))

    def dropout(self, x: jax.Array, rate: float) -> jax.Array:
        """`x` [..., T, _] with features dropped, the same ones along the whole length T, as T5X does; `x` without a key.

        https://github.com/google-research/t5x/blob/main/t5x/examples/t5/layers.py (broadcast_dims=(-2,))
        """
        if self.key is None or rate == 0.0:
            return x
        kept = jax.random.bernoulli(self.key, 1.0 - rate, (*x.shape[:-2], 1, x.shape[-1]))
        return jax.numpy.where(kept, x / (1.0 - rate), 0).astype(x.dtype)


Batch: TypeAlias = Any  # Mapping[str, jax.Array], as flanjax/data/layout.py makes it
