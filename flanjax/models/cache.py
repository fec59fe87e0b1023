"""What a model keeps of prompts and of texts that it is writing: trees of arrays whose first axis counts them, one row each."""

from typing import Any, TypeVar

import jax
import jax.numpy as jnp

Kept = TypeVar("Kept", bound=Any)


def take(kept: Kept, rows: jax.Array) -> Kept:
    """Returns rows of `kept`: its row `rows[i]`, int32 [N], as row i; zeros where that is beyond the last row."""
    return jax.tree.map(lambda x: jnp.take(x, rows, axis=0, mode="fill", fill_value=0), kept)


def put(kept: Kept, rows: jax.Array, new: Kept) -> Kept:
    """Returns `kept` with row i of `new` as its row `rows[i]`, int32 [N]; one beyond the last row is left out.

    The arrays of `new` may be shorter, but for their rows: then the end of a row keeps what it held.
    """

    def placed(old: jax.Array, fresh: jax.Array) -> jax.Array:
        return old.at[(rows, *map(slice, fresh.shape[1:]))].set(fresh.astype(old.dtype), mode="drop")

    return jax.tree.map(placed, kept, new)


def resized(x: jax.Array, axis: int, size: int) -> jax.Array:
    """Returns `x` with `size` places on an axis: cut off, or filled up with zeros, at its end."""
    if size <= x.shape[axis]:
        return jax.lax.slice_in_dim(x, 0, size, axis=axis)
    return jnp.pad(x, [(0, size - n if a == axis else 0) for a, n in enumerate(x.shape)])


Layers = tuple[jax.Array, ...]


def extended(
    keys: Layers,  # [B, K, M, H] each
    values: Layers,  # [B, K, M, H] each
    positions: jax.Array,  # int32 [B]
    new: list[tuple[jax.Array, jax.Array]],  # [B, 1, K, H] each
    result: jax.Array,
) -> tuple[Layers, Layers]:
    """Returns the keys and values of all layers with those of one more token in each row, at its place `positions`.

    A position beyond the last place is left out: its row has ended. So is a row whose result is not finite: where to write then
    depends on the result, which therefore is computed before the present keys and values are overwritten. Without this
    dependence XLA copies them all in every step (a barrier is no help: it is gone before XLA decides what to copy).

    Args:
      result: what was computed from the present keys and values, [B, ...].
    """
    rows = jnp.arange(len(positions))
    finite = jnp.all(jnp.isfinite(result), axis=tuple(range(1, result.ndim)))
    positions = jnp.where(finite, positions, keys[0].shape[2])

    def with_one(kept: jax.Array, one: jax.Array) -> jax.Array:
        return kept.at[rows, :, positions].set(one[:, 0], mode="drop")

    return (
        tuple(with_one(kept, key) for kept, (key, _) in zip(keys, new, strict=True)),
        tuple(with_one(kept, value) for kept, (_, value) in zip(values, new, strict=True)),
    )
