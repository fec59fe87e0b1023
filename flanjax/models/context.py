"""The values that all layers of a forward pass share: the dropout key, and how arrays and attention run on the devices."""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import jax

from flanjax.models.attention.reference import Attend, attend

Constrain: TypeAlias = Callable[[jax.Array, tuple[str, ...]], jax.Array]  # fixes an array's sharding by its logical axes


def unconstrained(x: jax.Array, axes: tuple[str, ...]) -> jax.Array:
    """Returns `x` unchanged. A model without a mesh calls this where a sharding could be fixed."""
    del axes
    return x


class Context(NamedTuple):
    """One value for a whole forward pass. The default is a deterministic pass on one device, in plain XLA.

    Attributes:
      key: the dropout key; None makes the pass deterministic.
      constrain: called on embeddings, on the residual stream and on the logits.
      attend: the attention function: `attention.reference.attend` or a kernel that replaces it on these devices.
    """

    key: jax.Array | None = None
    constrain: Constrain = unconstrained
    attend: Attend = attend

    def fold(self, index: int | jax.Array) -> "Context":
        """Returns the context of one part of the model, whose dropout is independent of that of the other parts."""
        return self if self.key is None else self._replace(key=jax.random.fold_in(self.key, index))

    def dropout(self, x: jax.Array, rate: float) -> jax.Array:
        """Returns `x` [..., T, _] after dropout: the same features along the whole length T, as in T5X. Without a key, `x`.

        https://github.com/google-research/t5x/blob/main/t5x/examples/t5/layers.py (broadcast_dims=(-2,))
        """
        if self.key is None or rate == 0.0:
            return x
        kept = jax.random.bernoulli(self.key, 1.0 - rate, (*x.shape[:-2], 1, x.shape[-1]))
        return jax.numpy.where(kept, x / (1.0 - rate), 0).astype(x.dtype)


Batch: TypeAlias = Any  # Mapping[str, jax.Array], as flanjax/data/layout.py makes it
