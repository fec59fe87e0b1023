"""What a model makes of prompts: read once, scored against any number of options, gone on from greedily.

Of an encoder-decoder's prompt the encoder's output remains, of a decoder-only model's its keys and values and the logits
after it. Prompts and options are padded at their ends; their lengths say where.

Letters: B prompts, S prompt length, O options at a time, T option length, D model, V vocabulary.
"""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from flanjax.models import functional
from flanjax.models.attention.reference import Attend, attend
from flanjax.models.layers import Constrain, is_token, unconstrained
from flanjax.models.t5 import RESIDUAL, T5Config


class Reading:
    """The functions of one model; pure, to be jitted.

    Args:
      start_id: what an encoder-decoder begins its text with.
      prefix: whether a decoder-only model sees a prompt both ways.
      constrain, attend: what the devices at hand make of them.
    """

    def __init__(
        self,
        config: functional.Config,
        *,
        start_id: int,
        prefix: bool,
        constrain: Constrain = unconstrained,
        attend: Attend = attend,
    ):
        self._config, self._start_id, self._prefix, self._constrain = config, start_id, prefix, constrain
        self._placed: dict[str, Any] = {"constrain": constrain, "attend": attend}

    def read(self, params: Any, prompts: jax.Array, lengths: jax.Array) -> Any:
        """What `score` needs of prompts, int32 [B, S] of lengths int32 [B]."""
        if isinstance(self._config, T5Config):
            segments = _real(prompts, lengths)
            return functional.bind(self._config, params).encode(prompts, segments, **self._placed), segments
        return functional.bind(self._config, params).prefill(prompts, lengths, 0, prefix=self._prefix, **self._placed)

    def score(self, params: Any, memory: Any, owners: jax.Array, options: jax.Array, lengths: jax.Array) -> jax.Array:
        """Summed log-likelihoods float32 [O] of options int32 [O, T], each after the prompt that `owners` int32 [O] names."""
        if isinstance(self._config, T5Config):
            t5, (encoded, segments) = functional.bind(self._config, params), memory
            starts = jnp.full((len(options), 1), self._start_id, jnp.int32)
            inputs = jnp.concatenate([starts, options[:, :-1]], axis=1)
            mine = self._constrain(encoded[owners], RESIDUAL)
            hidden = t5.decode(inputs, _real(options, lengths), mine, segments[owners], **self._placed)
            logits = t5.logits(hidden, self._constrain)
        else:
            decoder, (first, cache) = functional.bind(self._config, params), memory
            hidden = decoder.extend(options, cache, owners, constrain=self._constrain)
            after = decoder.logits(hidden, self._constrain)
            logits = jnp.concatenate([first[owners][:, None], after[:, :-1]], axis=1)
        chosen = jnp.sum(jnp.where(is_token(logits, options), logits, 0), axis=-1)
        picked = chosen - jax.nn.logsumexp(logits, axis=-1)
        return jnp.sum(jnp.where(_real(options, lengths), picked, 0), axis=-1)

    def generate(
        self, params: Any, prompts: jax.Array, lengths: jax.Array, *, max_tokens: int, stop_ids: Sequence[int]
    ) -> jax.Array:
        """Greedy tokens int32 [B, max_tokens]; what follows one of `stop_ids` means nothing."""
        model, stops = functional.bind(self._config, params), jnp.array(stop_ids)
        logits, cache = self._begin(params, prompts, lengths, max_tokens)

        def unfinished(carry):
            step, _, done, _, _ = carry
            return (step < max_tokens) & ~jnp.all(done)

        def body(carry):
            step, logits, done, written, cache = carry
            token = jnp.where(done, stops[0], jnp.argmax(logits, axis=-1).astype(jnp.int32))
            logits, cache = model.decode_step(token, cache)
            return step + 1, logits, done | jnp.isin(token, stops), written.at[:, step].set(token), cache

        # A padding row has no prompt: it counts as done from the start.
        written = jnp.full((len(prompts), max_tokens), stops[0], jnp.int32)
        start = (jnp.zeros((), jnp.int32), logits, lengths == 0, written, cache)
        return jax.lax.while_loop(unfinished, body, start)[3]

    def _begin(self, params: Any, prompts: jax.Array, lengths: jax.Array, max_tokens: int) -> tuple[jax.Array, Any]:
        """The logits of each prompt's first token [B, V], and the cache before it."""
        if isinstance(self._config, T5Config):
            t5, segments = functional.bind(self._config, params), _real(prompts, lengths)
            cache = t5.init_cache(t5.encode(prompts, segments, **self._placed), segments, max_tokens + 1)
            return t5.decode_step(jnp.full(len(prompts), self._start_id, jnp.int32), cache)
        return functional.bind(self._config, params).prefill(prompts, lengths, max_tokens, prefix=self._prefix, **self._placed)


def _real(tokens: jax.Array, lengths: jax.Array) -> jax.Array:
    """1 on the tokens of each row and 0 on its padding, int32 [B, S]."""
    return (jnp.arange(tokens.shape[1]) < lengths[:, None]).astype(jnp.int32)
