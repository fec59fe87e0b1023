"""Attention over packed rows, behind one function.

`attend` here is the reference, in plain XLA, on every platform and for every model; choice.py says where a kernel
takes its place. Long rows are read some queries at a time, and the scores of a block are computed again in the backward pass:
memory is then linear in the length, and the result is the same.

Axes: B batch, T queries, S keys, N query heads, K key and value heads, G = N / K queries a key head, H head size.
"""

from collections.abc import Callable
from typing import TypeAlias

import jax
import jax.numpy as jnp

from flanjax.models.attention.relative_bias import RelativeBias

MASKED = -1e10  # finite, so that a query without any key stays finite
LARGEST_BLOCK = 2**18  # scores of a head that are held at a time: 256 queries on 1,024 keys

Attend: TypeAlias = Callable[..., jax.Array]  # of the signature of `attend`


def attend(
    query: jax.Array,  # [B, T, N, H]
    key: jax.Array,  # [B, S, K, H]
    value: jax.Array,  # [B, S, K, H]
    *,
    query_segments: jax.Array,  # int32 [B, T]
    key_segments: jax.Array,  # int32 [B, S]
    bias: jax.Array | RelativeBias | None = None,  # float32 [N, T, S]
    causal: bool = False,
    prefix: jax.Array | None = None,  # bool [B, S]
    window: int | None = None,
    scale: float = 1.0,
    soft_cap: float | None = None,
    dropout_rate: float = 0.0,
    dropout_key: jax.Array | None = None,
) -> jax.Array:
    """What each query reads from the keys of its own segment: [B, T, N, H]; zeros where it has none.

    Scores and softmax are float32. Any other implementation of attention stands behind this signature.

    Args:
      causal: a query sees no later key, except that it sees all keys marked by `prefix`: the inputs of a prefix-LM.
      window: a query sees itself and the `window` - 1 keys before it (sliding window).
      scale: of the scores; T5 folds it into the initial query kernel and has 1.
      soft_cap: scores become soft_cap * tanh(score / soft_cap), as in Gemma 2.
      dropout_rate: of the weights; a key is dropped for all queries of a head at once (see `drop_keys`).
    """
    key, value = drop_keys(key, value, query.shape[2], dropout_rate, dropout_key)

    def read(query, query_segments, key, value, bias, first):
        mask = visible(query_segments, key_segments, causal=causal, prefix=prefix, window=window, first=first)
        return _read(query, key, value, mask, bias, scale, soft_cap)

    length, num_keys = query.shape[1], key.shape[1]
    if (block := block_of(length, num_keys)) < length:
        return _read_in_blocks(read, query, query_segments, key, value, bias, block)
    whole = bias.rows(0, length, num_keys) if isinstance(bias, RelativeBias) else bias
    return read(query, query_segments, key, value, whole, 0)


def attend_where(
    query: jax.Array,  # [B, T, N, H]
    key: jax.Array,  # [B, S, K, H]
    value: jax.Array,  # [B, S, K, H]
    mask: jax.Array,  # bool [B, T, S]
    *,
    bias: jax.Array | None = None,  # float32 [B, N, T, S]
    scale: float = 1.0,
    soft_cap: float | None = None,
) -> jax.Array:
    """What each query reads from the keys that a mask shows it: [B, T, N, H]; zeros where it shows none."""
    return _read(query, key, value, mask, bias, scale, soft_cap)


def block_of(num_queries: int, num_keys: int) -> int:
    """How many queries are read at a time: all, unless their scores are over LARGEST_BLOCK.

    >>> block_of(512, 512), block_of(1024, 1024), block_of(1000, 8192)
    (512, 256, 32)
    """
    if num_queries * num_keys <= LARGEST_BLOCK:
        return num_queries
    return max(LARGEST_BLOCK // num_keys // 8 * 8, 8)


def drop_keys(
    key: jax.Array,  # [B, S, K, H]
    value: jax.Array,  # [B, S, K, H]
    num_heads: int,
    rate: float,
    dropout_key: jax.Array | None,
) -> tuple[jax.Array, jax.Array]:
    """Keys and values as attention with dropped weights reads them; themselves without a `dropout_key`.

    T5X drops the same weights for all queries: https://github.com/google-research/t5x/blob/main/t5x/examples/t5/layers.py
    (dot_product_attention, broadcast_dropout). A dropped weight is then a dropped value, whatever computes the weights: no
    kernel needs to know. Where query heads share a key head, each has values of its own.
    """
    if dropout_key is None or rate == 0.0:
        return key, value
    if (repeats := num_heads // key.shape[2]) > 1:
        key, value = (jnp.repeat(x, repeats, axis=2) for x in (key, value))
    kept = jax.random.bernoulli(dropout_key, 1.0 - rate, (*value.shape[:-1], 1))
    return key, jnp.where(kept, value / (1.0 - rate), 0).astype(value.dtype)


def visible(
    query_segments: jax.Array,  # int32 [B, T]
    key_segments: jax.Array,  # int32 [B, S]
    *,
    causal: bool = False,
    prefix: jax.Array | None = None,  # bool [B, S]
    window: int | None = None,
    first: int | jax.Array = 0,
) -> jax.Array:
    """Which keys each query sees: bool [B, T, S]. The first of the queries stands at the position `first` of the row."""
    mask = query_segments[:, :, None] == key_segments[:, None, :]
    positions = first + jnp.arange(query_segments.shape[1])
    after = jnp.arange(key_segments.shape[1])[None, :] - positions[:, None]  # key - query
    if causal:
        seen = after <= 0
        mask &= seen if prefix is None else seen | prefix[:, None, :]
    if window is not None:
        mask &= after > -window
    return mask


def _read(
    query: jax.Array,  # [B, T, N, H]
    key: jax.Array,  # [B, S, K, H]
    value: jax.Array,  # [B, S, K, H]
    mask: jax.Array,  # bool [B, T, S]
    bias: jax.Array | None,  # float32 [N, T, S], or [B, N, T, S]
    scale: float,
    soft_cap: float | None,
) -> jax.Array:
    """[B, T, N, H], by one product with all keys and one with all values."""
    mask = mask[:, None, None]
    batch, length, heads, size = query.shape
    grouped = query.reshape(batch, length, key.shape[2], -1, size)
    scores = scale * jnp.einsum("btkgh,bskh->bkgts", grouped, key, preferred_element_type=jnp.float32)
    if soft_cap is not None:
        scores = soft_cap * jnp.tanh(scores / soft_cap)
    if bias is not None:
        scores += bias.reshape(*bias.shape[:-3], key.shape[2], -1, *bias.shape[-2:])
    weights = jax.nn.softmax(jnp.where(mask, scores, MASKED), axis=-1)
    weights = jnp.where(mask, weights, 0).astype(value.dtype)
    return jnp.einsum("bkgts,bskh->btkgh", weights, value).reshape(batch, length, heads, size)


def _read_in_blocks(
    read: Callable[..., jax.Array],
    query: jax.Array,  # [B, T, N, H]
    query_segments: jax.Array,  # int32 [B, T]
    key: jax.Array,  # [B, S, K, H]
    value: jax.Array,  # [B, S, K, H]
    bias: jax.Array | RelativeBias | None,
    block: int,
) -> jax.Array:
    """What `read` gives, `block` queries at a time; only what a block starts from is kept for the backward pass."""
    batch, length, heads, size = query.shape
    count = -(-length // block)
    rest = count * block - length
    query = jnp.pad(query, ((0, 0), (0, rest), (0, 0), (0, 0)))
    query_segments = jnp.pad(query_segments, ((0, 0), (0, rest)), constant_values=-1)  # the segment of no key
    if isinstance(bias, jax.Array):
        bias = jnp.pad(bias, ((0, 0), (0, rest), (0, 0)))
    # In float32 outside of the loop, because there the gradients of all blocks are added up.
    wide = key.astype(jnp.float32), value.astype(jnp.float32)

    def body(_, step):
        queries, segments, first = step
        rows = bias
        if isinstance(bias, RelativeBias):
            rows = bias.rows(first, block, key.shape[1])
        elif bias is not None:
            rows = jax.lax.dynamic_slice_in_dim(bias, first, block, axis=1)
        return None, read(queries, segments, wide[0].astype(key.dtype), wide[1].astype(value.dtype), rows, first)

    queries = query.reshape(batch, count, block, heads, size).swapaxes(0, 1)
    segments = query_segments.reshape(batch, count, block).swapaxes(0, 1)
    steps = queries, segments, jnp.arange(count) * block
    _, blocks = jax.lax.scan(jax.checkpoint(body, prevent_cse=False), None, steps)
    return blocks.swapaxes(0, 1).reshape(batch, -1, heads, size)[:, :length]
