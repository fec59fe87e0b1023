"""Attention of one new position of each row over the keys and values that are kept of earlier ones.

Letters: B rows, N query heads, K key and value heads, M places of the cache, H head size.
"""

import jax
import jax.numpy as jnp

from flanjax.models.attention.reference import MASKED


def attend_one(
    query: jax.Array,  # [B, N, H]
    keys: jax.Array,  # [B, K, M, H]
    values: jax.Array,  # [B, K, M, H]
    seen: jax.Array,  # bool [B, M]
    *,
    own: tuple[jax.Array, jax.Array] | None = None,  # [B, K, H] each
    bias: jax.Array | None = None,  # float32 [B, N, M]
    own_bias: jax.Array | None = None,  # float32 [N]
    scale: float = 1.0,
    soft_cap: float | None = None,
) -> jax.Array:
    """Returns what each row's query reads: [B, N, H]; zeros if it sees nothing. Scores and softmax are float32.

    Args:
      seen: the places that hold a key which the query may see.
      own: the key and the value of the query's own position, which it always sees. They are given apart, so that the cache
        need not be copied to hold them.
      scale, soft_cap: as in `reference.attend`.
    """
    rows, heads, size = query.shape
    kv_heads, places = keys.shape[1:3]
    grouped = query.reshape(rows, kv_heads, -1, size)  # [B, K, G, H]
    scores = scale * jnp.einsum("bkgh,bkmh->bkgm", grouped, keys, preferred_element_type=jnp.float32)
    biases = None if bias is None else bias.reshape(rows, kv_heads, -1, places)
    if own is not None:
        one = scale * jnp.einsum("bkgh,bkh->bkg", grouped, own[0], preferred_element_type=jnp.float32)
        scores = jnp.concatenate([scores, one[..., None]], axis=-1)
        seen = jnp.pad(seen, ((0, 0), (0, 1)), constant_values=True)
        if biases is not None and own_bias is not None:
            last = jnp.broadcast_to(own_bias.reshape(kv_heads, -1, 1), (*one.shape, 1))
            biases = jnp.concatenate([biases, last], axis=-1)
    if soft_cap is not None:
        scores = soft_cap * jnp.tanh(scores / soft_cap)
    if biases is not None:
        scores += biases
    visible = seen[:, None, None]
    weights = jax.nn.softmax(jnp.where(visible, scores, MASKED), axis=-1)
    weights = jnp.where(visible, weights, 0).astype(values.dtype)
    read = jnp.einsum("bkgm,bkmh->bkgh", weights[..., :places], values)
    if own is not None:
        read += weights[..., places:] * own[1][:, :, None]
    return read.reshape(rows, heads, size)
