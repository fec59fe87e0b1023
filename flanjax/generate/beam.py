"""Beam search over some prompts at a time. Letters: B prompts, K beams, C candidates, T tokens of a text, V vocabulary."""

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from flanjax.generate.context import context_on
from flanjax.generate.sampler import Beam
from flanjax.models import cache, functional
from flanjax.parallel.sharding import Mesh, replicated

_NEVER = -1e9  # the score of a text that must not be chosen


class Found(NamedTuple):
    """The best text of each prompt."""

    tokens: jax.Array  # int32 [B, T], the end token included
    lengths: jax.Array  # int32 [B]
    scores: jax.Array  # float32 [B]


class _Texts(NamedTuple):
    """Some texts of each prompt, [B, K, ...]."""

    tokens: jax.Array  # int32 [B, K, T]
    lengths: jax.Array  # int32 [B, K]
    scores: jax.Array  # float32 [B, K]; of texts in work their log-likelihoods

    def take(self, chosen: jax.Array) -> "_Texts":
        """Returns the texts `chosen`, int32 [B, N], of each prompt."""
        tokens = jnp.take_along_axis(self.tokens, chosen[..., None], axis=1)
        return _Texts(tokens, *(jnp.take_along_axis(x, chosen, axis=1) for x in self[1:]))

    def best(self, count: int) -> "_Texts":
        return self.take(jax.lax.top_k(self.scores, count)[1])


class _State(NamedTuple):
    step: jax.Array  # int32 []
    cache: Any  # of B * K rows
    work: _Texts  # in work, best first
    done: _Texts  # finished, best first; _NEVER where there are none yet
    active: jax.Array  # bool [B], whether a text in work may still become the best


@functools.lru_cache(maxsize=16)
def search_program(config: functional.Config, mesh: Mesh, stop_ids: Sequence[int], beam: Beam) -> Any:
    """Returns the jitted function (params, memory, limits int32 [B], *, room) -> Found. `room` is the largest limit.

    With the penalty "hf" it follows Hugging Face's `generate` (transformers, generation/utils.py, `_beam_search`): a text at
    its limit is finished, only the K best candidates of a step may finish, and a prompt is done when no text in work would
    enter the finished ones by its present score. With "t5x" it follows T5X (t5x/decoding.py, `beam_search`): any candidate
    may finish, a text in work counts by the score that it would have at the limit, and unfinished texts are taken only where
    none has finished.
    """
    context, beams, like_hf = context_on(config, mesh), beam.beams, beam.penalty == "hf"
    candidates = max(2, 1 + len(stop_ids)) * beams  # as many go on as there are beams, even if all of the best end
    stops = jnp.array(stop_ids, jnp.int32)

    def search(params: Any, memory: Any, limits: jax.Array, *, room: int) -> Found:
        model = functional.bind(config, params)
        apart = None if config.scan else model.stepper(context)
        rows, prompts = len(limits), jnp.arange(len(limits))[:, None]
        starts, kept = model.begin(cache.take(memory, jnp.repeat(jnp.arange(rows), beams)), room, context)
        empty = _Texts(
            jnp.zeros((rows, beams, room), jnp.int32), jnp.zeros((rows, beams), jnp.int32), jnp.full((rows, beams), _NEVER)
        )
        first = empty._replace(scores=empty.scores.at[:, 0].set(0))  # all beams begin alike: one of them is enough

        def body(state: _State) -> _State:
            step, work = state.step, state.work
            read = jnp.where(step > 0, work.tokens[:, :, step - 1].reshape(-1), starts)
            logits, kept = (apart or model.stepper(context))(read, state.cache)
            likelihoods = jax.nn.log_softmax(logits).reshape(rows, beams, -1) + work.scores[..., None]
            size = likelihoods.shape[-1]
            scores, chosen = jax.lax.top_k(likelihoods.reshape(rows, -1), candidates)
            parents, tokens = chosen // size, (chosen % size).astype(jnp.int32)
            grown = work.take(parents)
            grown = _Texts(grown.tokens.at[:, :, step].set(tokens), grown.lengths + 1, scores)

            at_end, at_limit = jnp.isin(tokens, stops), (step + 1 >= limits)[:, None]
            ends = at_end | at_limit if like_hf else at_end
            going = grown._replace(scores=grown.scores + jnp.where(ends, _NEVER, 0))
            which = jax.lax.top_k(going.scores, beams)[1]
            work = going.take(which)
            rows_of = (prompts * beams + jnp.take_along_axis(parents, which, axis=1)).reshape(-1)

            may_end = ends & state.active[:, None]
            if like_hf:
                may_end &= jnp.arange(candidates) < beams
            ended = grown._replace(scores=jnp.where(may_end, beam.score(grown.scores, step + 1), _NEVER))
            done = _Texts(*(jnp.concatenate(both, axis=1) for both in zip(state.done, ended, strict=True))).best(beams)
            full = jnp.all(done.scores > _NEVER / 2, axis=1)
            hoped = beam.score(work.scores[:, 0], step + 1 if like_hf else limits)
            worst = jnp.where(full, done.scores[:, -1], _NEVER)
            active = state.active & (hoped > worst) & ~at_limit[:, 0]
            if beam.early_stopping:
                active &= ~full
            if not like_hf:  # of a prompt that is done nothing may change, as it is decided below what is its best
                work = jax.tree.map(lambda new, old: jnp.where(_wide(state.active, new), new, old), work, state.work)
            return _State(step + 1, model.reorder(kept, rows_of), work, done, active)

        def unfinished(state: _State) -> jax.Array:
            return jnp.any(state.active) & (state.step < room)

        begun = _State(jnp.zeros((), jnp.int32), kept, first, empty, limits > 0)
        state = jax.lax.while_loop(unfinished, body, begun)
        any_done = state.done.scores[:, :1] > _NEVER / 2
        best = jax.tree.map(lambda d, w: jnp.where(_wide(any_done[:, 0], d), d, w)[:, 0], state.done, state.work)
        return Found(*best)

    return jax.jit(search, static_argnames="room", out_shardings=replicated(mesh))


def _wide(x: jax.Array, like: jax.Array) -> jax.Array:
    """Returns `x` [B] with as many axes as `like`."""
    return x.reshape(-1, *[1] * (like.ndim - 1))
