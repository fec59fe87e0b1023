"""Greedy decoding: always takes the most likely next token. Letters: B prompts, V vocabulary."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from flanjax.models.context import Context
from flanjax.models.functional import Arrays, Model


def greedy(
    model: Model, prompts: Arrays, context: Context, *, max_tokens: int, stop_ids: Sequence[int], lengths: jax.Array
) -> jax.Array:
    """Returns the greedy tokens, int32 [B, max_tokens]; ignore those after the first of `stop_ids`.

    Args:
      prompts: as `Model.read` takes them.
      lengths: int32 [B], the prompts' lengths; a row of length 0 has no prompt and does not delay the end.
    """
    stops = jnp.array(stop_ids)
    logits, cache = model.begin(model.read(prompts, context), max_tokens, context)

    def unfinished(carry):
        step, _, done, _, _ = carry
        return (step < max_tokens) & ~jnp.all(done)

    def body(carry):
        step, logits, done, written, cache = carry
        token = jnp.where(done, stops[0], jnp.argmax(logits, axis=-1).astype(jnp.int32))
        logits, cache = model.step(token, cache, context)
        return step + 1, logits, done | jnp.isin(token, stops), written.at[:, step].set(token), cache

    written = jnp.full((len(lengths), max_tokens), stops[0], jnp.int32)
    start = (jnp.zeros((), jnp.int32), logits, lengths == 0, written, cache)
    return jax.lax.while_loop(unfinished, body, start)[3]
