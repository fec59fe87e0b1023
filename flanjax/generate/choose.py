"""The next token of each row, by settings that differ between rows. Letters: B rows, V vocabulary, T tokens of a text."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from flanjax.generate.sampler import LONGEST_NGRAM
from flanjax.models.layers import likeliest

NOTHING = -1  # fills up the histories
_NOISE = "threefry2x32"


class Settings(NamedTuple):
    """A sampler for each row; see Sampler for what they mean."""

    temperature: jax.Array  # float32 [B]
    top_k: jax.Array  # int32 [B]
    top_p: jax.Array  # float32 [B]
    min_p: jax.Array  # float32 [B]
    repetition_penalty: jax.Array  # float32 [B]
    no_repeat_ngram: jax.Array  # int32 [B]
    key: jax.Array  # uint32 [B, 2], of a row's noise


def choose(
    logits: jax.Array,  # float32 [B, V]
    settings: Settings,
    positions: jax.Array,  # int32 [B], how many tokens each text has
    *,
    draws: bool,
    limits: bool,
) -> jax.Array:
    """Returns the next token of each row, int32 [B].

    Args:
      draws: whether any row's temperature is over 0; otherwise the most likely tokens are taken.
      limits: whether any such row limits its tokens.
    """
    best = likeliest(logits)
    if not draws:
        return best
    hot = settings.temperature > 0
    scaled = logits / jnp.where(hot, settings.temperature, 1)[:, None]
    if limits:
        scaled = jnp.where(_allowed(scaled, settings), scaled, -jnp.inf)
    keys = jax.vmap(jax.random.fold_in)(jax.random.wrap_key_data(settings.key, impl=_NOISE), positions)
    noise = jax.vmap(lambda key: jax.random.gumbel(key, logits.shape[1:], jnp.float32))(keys)
    return jnp.where(hot, likeliest(scaled + noise), best)


def row_key(seed: int, item: int, sample: int) -> jax.Array:
    """Returns the key data of a text's noise, uint32 [2]."""
    key = jax.random.key(seed, impl=_NOISE)
    for number in (item, sample):
        key = jax.random.fold_in(key, number)
    return jax.random.key_data(key)


def _allowed(logits: jax.Array, settings: Settings) -> jax.Array:
    """Returns which tokens each row draws from, bool [B, V]."""
    ranks = _ordered(logits)
    everything = jnp.zeros(len(logits), jnp.uint32)
    wanted = settings.top_k[:, None].astype(jnp.float32)
    kth = _highest(ranks, lambda kept: jnp.sum(kept, axis=-1, keepdims=True, dtype=jnp.int32) >= wanted)
    allowed = ranks >= jnp.where(settings.top_k > 0, kth, everything)[:, None]
    probabilities = jax.nn.softmax(jnp.where(allowed, logits, -jnp.inf), axis=-1)

    def has_mass(kept: jax.Array) -> jax.Array:
        return jnp.sum(jnp.where(kept, probabilities, 0), axis=-1, keepdims=True) >= settings.top_p[:, None]

    nucleus = jnp.where(settings.top_p < 1, _highest(ranks, has_mass), everything)
    allowed &= ranks >= nucleus[:, None]
    floor = settings.min_p[:, None] * jnp.max(probabilities, axis=-1, keepdims=True)
    return allowed & (probabilities >= floor)


def _ordered(x: jax.Array) -> jax.Array:
    """Returns uint32 numbers in the order of float32 ones."""
    bits = jax.lax.bitcast_convert_type(x, jnp.uint32)
    negative = bits >> 31 == 1
    return jnp.where(negative, ~bits, bits | jnp.uint32(1 << 31))


def _highest(ranks: jax.Array, enough: Callable[[jax.Array], jax.Array]) -> jax.Array:
    """Returns each row's highest threshold, uint32 [B], for which the tokens of at least that rank are enough.

    The threshold is found bit by bit, exactly, in 32 sums over the vocabulary: sorting it would take longer on every device.

    Args:
      ranks: uint32 [B, V].
      enough: from the tokens that a threshold keeps, bool [B, V], to whether they are enough, bool [B, 1].
    """

    def with_bit(at: jax.Array, threshold: jax.Array) -> jax.Array:
        higher = threshold | jnp.uint32(1) << (31 - at).astype(jnp.uint32)
        return jnp.where(enough(ranks >= higher), higher, threshold)

    return jax.lax.fori_loop(0, 32, with_bit, jnp.zeros((len(ranks), 1), jnp.uint32))[:, 0]


def looking_back(logits: jax.Array, history: jax.Array, settings: Settings) -> jax.Array:
    """Returns the logits [B, V] as a row's earlier tokens change them: repetition penalty and repeated n-grams.

    Args:
      history: int32 [B, T], the tokens of each text at the end of its row, after NOTHING.
    """
    rows = jnp.arange(len(logits))[:, None]
    tokens = jnp.where(history == NOTHING, logits.shape[1], history)
    had = jnp.zeros(logits.shape, bool).at[rows, tokens].set(True, mode="drop")
    penalty = settings.repetition_penalty[:, None]
    logits = jnp.where(had, jnp.where(logits > 0, logits / penalty, logits * penalty), logits)

    # same[i]: how many tokens before place i are the last tokens of the text, counted back from its end.
    def longer(same: jax.Array, back: jax.Array) -> tuple[jax.Array, None]:
        last = jnp.take(history, history.shape[1] - back, axis=1)[:, None]
        before = jnp.roll(history, back, axis=1)
        matches = (before == last) & (before != NOTHING) & (jnp.arange(history.shape[1]) >= back)
        return jnp.where((same == back - 1) & matches, back, same), None

    same, _ = jax.lax.scan(longer, jnp.zeros_like(history), jnp.arange(1, LONGEST_NGRAM))
    size = settings.no_repeat_ngram[:, None]
    banned = (size > 0) & (same >= size - 1) & (history != NOTHING)
    forbidden = jnp.zeros(logits.shape, bool).at[rows, jnp.where(banned, tokens, logits.shape[1])].set(True, mode="drop")
    return jnp.where(forbidden, -jnp.inf, logits)
