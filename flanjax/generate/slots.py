"""The device's part of generation: a fixed number of texts in work, one a slot, and the jitted functions that move them on.

Letters: B slots, W prompts that move in at a time, T tokens of the history, V vocabulary.
"""

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from flanjax.generate.choose import NOTHING, Settings, choose, looking_back
from flanjax.generate.context import context_on
from flanjax.models import cache, functional
from flanjax.parallel.sharding import Mesh, constrain, replicated

BLOCK = 16  # the most steps between two looks at the texts


class Slots(NamedTuple):
    """The texts in work. A slot is free when it has no tokens left to write.

    Attributes:
      cache: of the model.
      next: int32 [B], the token that each slot's next step reads.
      left: int32 [B], how many tokens its text may still get.
      written: int32 [B], how many it has.
      history: int32 [B, T], its last tokens, after NOTHING; T is 0 where no sampler looks back.
    """

    cache: Any
    next: jax.Array
    left: jax.Array
    written: jax.Array
    history: jax.Array
    settings: Settings


class Arrivals(NamedTuple):
    """Texts that begin, W at a time.

    Attributes:
      sources: int32 [W], the row of what was begun that holds each one's prompt.
      rows: int32 [W], the slot that it gets; one beyond the last slot is nobody's.
      left: int32 [W], its limit.
      history: int32 [W, T], as in Slots.
    """

    sources: Any
    rows: Any
    left: Any
    history: Any
    settings: Settings


Begun = tuple[jax.Array, Any]  # the token that each text begins with, int32 [N], and a cache; one text a row


class Programs(NamedTuple):
    """The jitted functions of a model on a mesh. Each is compiled for every new shape of its arrays.

    Attributes:
      begin: (params, memory, *, room) -> (starts, cache), as in `functional.Model`; `room` is of the cache, for `resize`.
      admit: (slots, begun, arrivals) -> slots; `begun` is what `begin` returns.
      arrange: (slots, sources int32 [B'], *, room, history) -> slots: other slots, or room for other lengths; a source that is
        no slot gives a free one.
      decode: (params, slots, keep bool [B], steps, *, draws, limits, looks_back) -> slots, and the tokens of each step, int32
        [BLOCK, B], NOTHING where a slot has none. Texts that are not to be kept end before the first step.
      empty: (begun, *, num_slots, room, history) -> slots, all of them free.
    """

    begin: Any
    admit: Any
    arrange: Any
    decode: Any
    empty: Any


@functools.lru_cache(maxsize=8)
def programs(config: functional.Config, mesh: Mesh, stop_ids: Sequence[int]) -> Programs:
    """Returns the functions for a model whose texts end with any of `stop_ids`."""
    context, pin = context_on(config, mesh), constrain(mesh)
    architecture = functional.module(config)

    def begin(params: Any, memory: Any, *, room: tuple[int, ...]) -> Begun:
        starts, fresh = functional.bind(config, params).begin(memory, 1, context)
        return starts, architecture.resize(fresh, room)

    def empty(begun: Begun, *, num_slots: int, room: tuple[int, ...], history: int) -> Slots:
        free = jax.tree.map(lambda x: jnp.zeros((num_slots, *x.shape[1:]), x.dtype), begun[1])
        kept = architecture.resize(free, room)
        none, nought = jnp.zeros(num_slots, jnp.int32), jnp.zeros(num_slots, jnp.float32)
        settings = Settings(nought, none, nought, nought, nought, none, jnp.zeros((num_slots, 2), jnp.uint32))
        return _pinned(Slots(kept, none, none, none, jnp.full((num_slots, history), NOTHING), settings), pin)

    def admit(slots: Slots, begun: Begun, arrivals: Arrivals) -> Slots:
        starts, fresh = cache.take(begun, arrivals.sources)
        new = (starts, arrivals.left, jnp.zeros_like(arrivals.left), arrivals.history, arrivals.settings)
        rest = jax.tree.map(lambda old, x: old.at[arrivals.rows].set(x, mode="drop"), slots[1:], new)
        return _pinned(Slots(cache.put(slots.cache, arrivals.rows, fresh), *rest), pin)

    def arrange(slots: Slots, sources: jax.Array, *, room: tuple[int, ...], history: int) -> Slots:
        kept = architecture.resize(cache.take(slots.cache, sources), room)
        rest = jax.tree.map(lambda x: jnp.take(x, sources, axis=0, mode="fill", fill_value=0), slots._replace(cache=()))
        more = max(history - rest.history.shape[1], 0)
        tokens = jnp.pad(rest.history, ((0, 0), (more, 0)), constant_values=NOTHING)
        return _pinned(rest._replace(cache=kept, history=tokens[:, tokens.shape[1] - history :]), pin)

    def decode(
        params: Any, slots: Slots, keep: jax.Array, steps: jax.Array, *, draws: bool, limits: bool, looks_back: bool
    ) -> tuple[Slots, jax.Array]:
        model = functional.bind(config, params)
        apart = None if config.scan else model.stepper(context)
        stops = jnp.array(stop_ids, jnp.int32)

        def unfinished(carry: tuple) -> jax.Array:
            step, slots, _ = carry
            return (step < steps) & jnp.any(slots.left > 0)

        def body(carry: tuple) -> tuple:
            step, slots, tokens = carry
            logits, kept = (apart or model.stepper(context))(slots.next, slots.cache)
            if looks_back:
                logits = looking_back(logits, slots.history, slots.settings)
            chosen = choose(logits, slots.settings, slots.written, draws=draws, limits=limits)
            tokens = tokens.at[step].set(jnp.where(slots.left > 0, chosen, NOTHING))
            left = jnp.where(jnp.isin(chosen, stops), 0, jnp.maximum(slots.left - 1, 0))
            history = jnp.concatenate([slots.history, chosen[:, None]], axis=1)[:, 1:]
            return step + 1, Slots(kept, chosen, left, slots.written + 1, history, slots.settings), tokens

        slots = slots._replace(left=jnp.where(keep, slots.left, 0))
        nothing = jnp.full((BLOCK, len(slots.next)), NOTHING, jnp.int32)
        _, slots, tokens = jax.lax.while_loop(unfinished, body, (jnp.zeros((), jnp.int32), slots, nothing))
        return _pinned(slots, pin), tokens

    here = replicated(mesh)
    sizes = ("room", "history")
    return Programs(
        begin=jax.jit(begin, static_argnames="room"),
        admit=jax.jit(admit, donate_argnames="slots"),
        arrange=jax.jit(arrange, static_argnames=sizes),
        decode=jax.jit(
            decode,
            donate_argnames="slots",
            static_argnames=("draws", "limits", "looks_back"),
            out_shardings=(None, here),
        ),
        empty=jax.jit(empty, static_argnames=("num_slots", *sizes)),
    )


def settings_of(samplers: Sequence[Any], keys: Sequence[Any], rows: int) -> Settings:
    """Returns the settings of some texts as arrays of `rows` rows."""
    whole = {"top_k", "no_repeat_ngram"}

    def column(name: str) -> Any:
        values = np.zeros(rows, np.int32 if name in whole else np.float32)
        values[: len(samplers)] = [getattr(sampler, name) for sampler in samplers]
        return values

    noise: Any = np.zeros((rows, 2), np.uint32)
    noise[: len(keys)] = keys
    return Settings(**{name: column(name) for name in Settings._fields if name != "key"}, key=noise)


def _pinned(slots: Slots, pin: Any) -> Slots:
    """Returns the slots, each array split over the devices by its rows, and keys and values by their heads too."""

    def by_rows(x: jax.Array) -> jax.Array:
        heads = ["kv_heads"] if x.ndim == 4 else []
        return pin(x, ("batch", *heads, *["length"] * (x.ndim - 1 - len(heads))))

    return jax.tree.map(by_rows, slots)
