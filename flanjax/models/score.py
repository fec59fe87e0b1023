"""Texts after prompts, several in a row: what a decoder reads of them, and their log-likelihoods.

Letters: O rows, T length of a row of texts, V vocabulary.
"""

import jax
import jax.numpy as jnp

from flanjax.models.layers import is_token


def shifted(texts: jax.Array, segment_ids: jax.Array, starts: jax.Array) -> jax.Array:
    """Returns what is read to predict each token of packed texts: the token before it, and `starts` before a text's first.

    >>> shifted(jnp.array([[5, 6, 7, 8]]), jnp.array([[1, 1, 2, 2]]), jnp.array([0]))
    Array([[0, 5, 0, 7]], dtype=int32)

    Args:
      texts, segment_ids: int32 [O, T]; the segments of a row are consecutive, and segment 0 is padding.
      starts: int32 [O].
    """
    first = jnp.diff(segment_ids, axis=1, prepend=0) != 0
    return jnp.where(first, starts[:, None], jnp.roll(texts, 1, axis=1))


def offsets(segment_ids: jax.Array) -> jax.Array:
    """Returns the place of each token within its segment, counted from 0: int32 [O, T].

    >>> offsets(jnp.array([[1, 1, 2, 2]]))
    Array([[0, 1, 0, 1]], dtype=int32)
    """
    places = jnp.arange(segment_ids.shape[1], dtype=jnp.int32)
    first = jnp.diff(segment_ids, axis=1, prepend=0) != 0
    return places - jax.lax.cummax(jnp.where(first, places, 0), axis=1)


def log_likelihoods(logits: jax.Array, texts: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Returns the log-likelihood of each token, float32 [O, T], in nats; and whether no other is likelier, bool [O, T].

    >>> found, best = log_likelihoods(jnp.log(jnp.array([[[0.5, 0.25, 0.25], [0.1, 0.1, 0.8]]])), jnp.array([[1, 2]]))
    >>> found.round(3).tolist(), best.tolist()  # log(0.25) and log(0.8)
    ([[-1.3860000371932983, -0.22300000488758087]], [[False, True]])

    Args:
      logits: float32 [O, T, V], of the token at each position, given those before it.
      texts: int32 [O, T].
    """
    chosen = jnp.sum(jnp.where(is_token(logits, texts), logits, 0), axis=-1)
    return chosen - jax.nn.logsumexp(logits, axis=-1), chosen >= jnp.max(logits, axis=-1)
