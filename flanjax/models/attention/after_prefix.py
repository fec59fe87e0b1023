"""A T5 decoder's self-attention over packed rows, in which learned keys stand before those of every segment.

In a packed row they are kept once and seen by all segments: for each, they are at the places before its first token.

Axes: B batch, T queries and keys, n learned keys, N heads, H head size, R buckets.
"""

import jax
import jax.numpy as jnp

from flanjax.models.attention.one_query import attend_one
from flanjax.models.attention.reference import attend_where, drop_keys, visible
from flanjax.models.attention.relative_bias import causal_bias_at, relative_bias
from flanjax.models.score import offsets


def attend_after(
    before: tuple[jax.Array, jax.Array],  # [n, N, H] each
    query: jax.Array,  # [B, T, N, H]
    key: jax.Array,  # [B, T, N, H]
    value: jax.Array,  # [B, T, N, H]
    segment_ids: jax.Array,  # int32 [B, T]
    table: jax.Array,  # float32 [R, N]
    max_distance: int,
    *,
    dropout_rate: float = 0.0,
    dropout_key: jax.Array | None = None,
) -> jax.Array:
    """Returns what each query reads from the learned keys and from those of its own segment up to itself: [B, T, N, H]."""
    (rows, length, heads, _), count = query.shape, len(before[0])
    keys, values = (jnp.concatenate([by_rows(b, rows, x), x], axis=1) for b, x in zip(before, (key, value), strict=True))
    keys, values = drop_keys(keys, values, heads, dropout_rate, dropout_key)
    own = relative_bias(table, length, length, bidirectional=False, max_distance=max_distance).rows(0, length, length)
    places = (offsets(segment_ids) + count).reshape(-1)
    learned, _ = causal_bias_at(table, places, count + length, max_distance=max_distance)
    learned = learned[..., :count].reshape(rows, length, heads, count).swapaxes(1, 2)
    bias = jnp.concatenate([learned, jnp.broadcast_to(own, (rows, *own.shape))], axis=-1)
    mask = jnp.pad(visible(segment_ids, segment_ids, causal=True), ((0, 0), (0, 0), (count, 0)), constant_values=True)
    return attend_where(query, keys, values, mask, bias=bias)


def attend_one_after(
    before: tuple[jax.Array, jax.Array],  # [n, N, H] each
    query: jax.Array,  # [B, N, H]
    kept: tuple[jax.Array, jax.Array],  # [B, N, M, H] each
    own: tuple[jax.Array, jax.Array],  # [B, N, H] each
    positions: jax.Array,  # int32 [B], of the queries: so many of the M places are in use
    table: jax.Array,  # float32 [R, N]
    max_distance: int,
) -> jax.Array:
    """Returns what one query of each row reads from the learned keys, those that are kept, and its own: [B, N, H]."""
    rows, places, count = len(query), kept[0].shape[2], len(before[0])
    keys, values = (jnp.concatenate([by_rows(b, rows, x).swapaxes(1, 2), x], axis=2) for b, x in zip(before, kept, strict=True))
    bias, own_bias = causal_bias_at(table, positions + count, count + places, max_distance=max_distance)
    seen = jnp.arange(count + places) < positions[:, None] + count
    return attend_one(query, keys, values, seen, own=own, bias=bias, own_bias=own_bias)


def by_rows(learned: jax.Array, rows: int, like: jax.Array) -> jax.Array:
    """Returns learned keys or values [n, N, H] once for each row: [B, n, N, H]."""
    return jnp.broadcast_to(learned.astype(like.dtype), (rows, *learned.shape))
