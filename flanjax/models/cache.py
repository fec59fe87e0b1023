"""What a model keeps of prompts and of texts that it is writing: named tuples of arrays with one row for each of them.

`row_axes` of such a class says which axis of each array counts the rows. Rows can then be taken, and put in the place of
others, whatever the architecture.
"""

from typing import Any, TypeVar

import jax
import jax.numpy as jnp

Kept = TypeVar("Kept", bound=Any)  # a NamedTuple of arrays with a method row_axes


def take(kept: Kept, rows: jax.Array) -> Kept:
    """Returns rows of `kept`: its row `rows[i]`, int32 [N], as row i; zeros where that is beyond the last row."""
    return type(kept)(
        *(jnp.take(x, rows, axis, mode="fill", fill_value=0) for x, axis in zip(kept, kept.row_axes(), strict=True))
    )


def put(kept: Kept, rows: jax.Array, new: Kept) -> Kept:
    """Returns `kept` with row i of `new` as its row `rows[i]`, int32 [N]; one beyond the last row is left out.

    The arrays of `new` may be shorter, but for their rows: then the end of a row keeps what it held.
    """

    def placed(old: jax.Array, fresh: jax.Array, axis: int) -> jax.Array:
        at = tuple(rows if a == axis else slice(0, size) for a, size in enumerate(fresh.shape))
        return old.at[at].set(fresh.astype(old.dtype), mode="drop")

    return type(kept)(*map(placed, kept, new, kept.row_axes()))


def resized(x: jax.Array, axis: int, size: int) -> jax.Array:
    """Returns `x` with `size` places on an axis: cut off, or filled up with zeros, at its end."""
    if size <= x.shape[axis]:
        return jax.lax.slice_in_dim(x, 0, size, axis=axis)
    return jnp.pad(x, [(0, size - n if a == axis else 0) for a, n in enumerate(x.shape)])


def append(kept: jax.Array, positions: jax.Array, new: jax.Array) -> jax.Array:
    """Returns cached keys or values [L, B, K, M, H] with `new` [L, B, 1, K, H] at the place `positions` int32 [B] of each row.

    A position beyond the last place is left out: its row has ended.
    """
    rows = jnp.arange(len(positions))
    # Between two lists of indices a slice would put the rows first: so heads and layers stay slices on their own sides.
    return kept.at[:, rows, :, positions].set(jnp.moveaxis(new[:, :, 0], 1, 0), mode="drop")
