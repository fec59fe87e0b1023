"""Log-likelihoods of given texts, from logits. Letters: O options, T option length, V vocabulary."""

import jax
import jax.numpy as jnp

from flanjax.models.layers import is_token


def summed_log_likelihoods(
    logits: jax.Array,  # float32 [O, T, V], of the token at each position, given those before it
    options: jax.Array,  # int32 [O, T]
    lengths: jax.Array,  # int32 [O]
) -> jax.Array:
    """Returns the log-likelihood of each option, summed over its first `lengths` tokens: float32 [O], in nats.

    >>> logits = jnp.log(jnp.array([[[0.5, 0.25, 0.25], [0.1, 0.1, 0.8]]]))
    >>> round(float(summed_log_likelihoods(logits, jnp.array([[0, 2]]), jnp.array([2]))[0]), 4)  # log(0.5 * 0.8)
    -0.9163
    """
    chosen = jnp.sum(jnp.where(is_token(logits, options), logits, 0), axis=-1)
    picked = chosen - jax.nn.logsumexp(logits, axis=-1)
    real = jnp.arange(options.shape[1]) < lengths[:, None]
    return jnp.sum(jnp.where(real, picked, 0), axis=-1)
