"""Attention over packed rows, behind one function.

Axes: B batch, T queries, S keys, N query heads, K key and value heads, G = N / K queries a key head, H head size.
"""

import jax
import jax.numpy as jnp

from flanjax.models.layers import dropout

MASKED = -1e10  # finite, so that a query without any key stays finite


def attend(
    query: jax.Array,  # [B, T, N, H]
    key: jax.Array,  # [B, S, K, H]
    value: jax.Array,  # [B, S, K, H]
    *,
    query_segments: jax.Array,  # int32 [B, T]
    key_segments: jax.Array,  # int32 [B, S]
    bias: jax.Array | None = None,  # float32 [N, T, S]
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
    """
    mask = visible(query_segments, key_segments, causal=causal, prefix=prefix, window=window)[:, None, None]
    batch, length, heads, size = query.shape
    grouped = query.reshape(batch, length, key.shape[2], -1, size)
    scores = scale * jnp.einsum("btkgh,bskh->bkgts", grouped, key, preferred_element_type=jnp.float32)
    if soft_cap is not None:
        scores = soft_cap * jnp.tanh(scores / soft_cap)
    if bias is not None:
        scores += bias.reshape(key.shape[2], -1, *bias.shape[1:])
    weights = jax.nn.softmax(jnp.where(mask, scores, MASKED), axis=-1)
    weights = jnp.where(mask, weights, 0).astype(value.dtype)
    weights = dropout(weights, dropout_rate, dropout_key)
    return jnp.einsum("bkgts,bskh->btkgh", weights, value).reshape(batch, length, heads, size)


def visible(
    query_segments: jax.Array,  # int32 [B, T]
    key_segments: jax.Array,  # int32 [B, S]
    *,
    causal: bool = False,
    prefix: jax.Array | None = None,  # bool [B, S]
    window: int | None = None,
) -> jax.Array:
    """Which keys each query sees: bool [B, T, S]."""
    mask = query_segments[:, :, None] == key_segments[:, None, :]
    after = jnp.arange(key_segments.shape[1])[None, :] - jnp.arange(query_segments.shape[1])[:, None]  # key - query
    if causal:
        seen = after <= 0
        mask &= seen if prefix is None else seen | prefix[:, None, :]
    if window is not None:
        mask &= after > -window
    return mask
