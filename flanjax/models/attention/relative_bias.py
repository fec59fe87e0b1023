"""T5's relative position bias: one learned number a head for each bucket of distances.

https://arxiv.org/abs/1910.10683, section 2.1. Half of the buckets are single distances, the others widen logarithmically up
to `max_distance`; further keys share the last bucket. An encoder gives half of the buckets to keys after the query.

Axes: T queries, S keys, N heads, R buckets.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np


@functools.cache
def _log_thresholds(exact: int, num_logarithmic: int, max_distance: int) -> np.ndarray:
    """The smallest distance of each logarithmic bucket but the first: int64 [num_logarithmic - 1].

    Bucket j begins where num_logarithmic * log(d / exact) / log(max_distance / exact) reaches j. Raised to a power that is a
    comparison of integers, so that no logarithm's last bit can move a boundary.
    """
    thresholds, distance = [], exact
    for j in range(1, num_logarithmic):
        bound = max_distance**j * exact ** (num_logarithmic - j)
        while distance**num_logarithmic < bound:
            distance += 1
        thresholds.append(distance)
    return np.array(thresholds, np.int64)


def relative_buckets(distance: np.ndarray, *, bidirectional: bool, num_buckets: int, max_distance: int) -> np.ndarray:
    """The bucket of each distance, key position - query position: int32 of the same shape.

    >>> relative_buckets(np.array([-200, -9, -1, 0, 1]), bidirectional=True, num_buckets=32, max_distance=128)
    array([15,  8,  1,  0, 17], dtype=int32)
    """
    side = num_buckets // 2 if bidirectional else num_buckets
    offset = np.where(distance > 0, side, 0) if bidirectional else 0
    away = np.abs(distance) if bidirectional else np.maximum(-distance, 0)
    exact = side // 2
    thresholds = _log_thresholds(exact, side - exact, max_distance)
    logarithmic = exact + np.searchsorted(thresholds, away, side="right")
    return (offset + np.where(away < exact, away, logarithmic)).astype(np.int32)


_ROWS = 16  # that a first round of slices makes: about the root of a usual number of rows


class RelativeBias(NamedTuple):
    """The bias of T queries on S keys, as one number a distance: rows of it are written out where they are read."""

    values: jax.Array  # float32 [N, T + S - 1], of key position - query position from 1 - T to S - 1

    def rows(self, first: int | jax.Array, num_queries: int, num_keys: int) -> jax.Array:
        """The bias of `num_queries` queries from position `first` on, of all keys: float32 [N, num_queries, S].

        Each row is the one before it, moved on by one. They are sixteen slices of the distances, then slices of those: no
        gather, whose gradient accelerators do slowly. Rows beyond the T queries mean nothing.
        """
        heads, distances = self.values.shape
        count = -(-num_queries // _ROWS) * _ROWS
        last = distances - num_keys - first  # T - 1 - first: where in `values` the row of the first query begins
        padded = jnp.pad(self.values, ((0, 0), (count - 1, 0)))
        near = jax.lax.dynamic_slice_in_dim(padded, last, count + num_keys - 1, axis=1)
        few = _moving(near, _ROWS, 1, axis=1)  # [N, 16, count - 16 + S]
        return _moving(few, count // _ROWS, _ROWS, axis=1).reshape(heads, count, num_keys)[:, :num_queries]


def _moving(x: jax.Array, count: int, step: int, axis: int) -> jax.Array:
    """`count` slices of the last axis of `x`, each begun `step` before the one before it, the last at 0; stacked on `axis`."""
    size = x.shape[-1] - (count - 1) * step
    return jnp.stack([jax.lax.slice_in_dim(x, i * step, i * step + size, axis=-1) for i in reversed(range(count))], axis)


def relative_bias(
    table: jax.Array,  # float32 [R, N]
    num_queries: int,
    num_keys: int,
    *,
    bidirectional: bool,
    max_distance: int,
) -> RelativeBias:
    """The bias of every query on every key.

    A product with one-hot buckets, because the gradient of a look-up is a scatter, which accelerators do slowly.
    """
    distance = np.arange(1 - num_queries, num_keys)
    buckets = relative_buckets(distance, bidirectional=bidirectional, num_buckets=table.shape[0], max_distance=max_distance)
    one_hot = jax.nn.one_hot(buckets, table.shape[0], dtype=table.dtype)  # [T + S - 1, R]
    return RelativeBias(jnp.einsum("dr,rn->nd", one_hot, table, precision=jax.lax.Precision.HIGHEST))


def causal_bias_at(
    table: jax.Array,  # float32 [R, N]
    positions: jax.Array,  # int32 [B]
    num_keys: int,
    *,
    max_distance: int,
) -> tuple[jax.Array, jax.Array]:
    """The bias of one query a row, at its position, on the keys before it, float32 [B, N, S]; and on itself, float32 [N]."""
    distances = -np.arange(num_keys + 1)
    buckets = relative_buckets(distances, bidirectional=False, num_buckets=table.shape[0], max_distance=max_distance)
    by_distance = table[jnp.asarray(buckets)]  # [S + 1, N]
    away = jnp.clip(positions[:, None] - jnp.arange(num_keys), 0, num_keys)
    return jnp.swapaxes(by_distance[away], 1, 2), by_distance[0]
