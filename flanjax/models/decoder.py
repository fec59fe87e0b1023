"""Decoder-only transformers: Llama, Mistral, Qwen, Gemma and GPT-NeoX as switches of one module.

Blocks are pre-norm; positions enter only as a rotation of queries and keys. The parameters of all layers are stacked in one
array with the layers first, whether they are scanned or unrolled. If layers with and without a window alternate, the scan takes
one period of them at a time.
Rows may hold several packed examples: attention sees a position's own segment only, and segment 0 is padding.

A prompt is read once. After that, `step` continues each row by one token, and `score` runs whole texts, any number of them
after each prompt.

Axes: B batch, S prompt length, T target length, O rows of texts to score, M places of the cache, D model, N query heads, K key
and value heads, H head size, V vocabulary, L layers.
"""

import functools
import itertools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from flanjax.models import flops
from flanjax.models.attention.one_query import attend_one
from flanjax.models.attention.reference import attend_where
from flanjax.models.cache import extended, resized, take
from flanjax.models.context import Context
from flanjax.models.decoder_config import SIZES, DecoderConfig
from flanjax.models.decoder_layers import Layer, Norm
from flanjax.models.kernels import look_up, merged
from flanjax.models.layers import fan_in, parameter
from flanjax.models.rope import rotation
from flanjax.models.score import log_likelihoods, offsets, shifted
from flanjax.models.stack import apart, run_layers

__all__ = ["SIZES", "Cache", "Decoder", "DecoderConfig"]

RESIDUAL = ("batch", "length", "embed")
LOGITS = ("batch", "length", "vocab")
KEPT = ("batch", "kv_heads", "length", "head_dim")
TABLE = ("vocab", "features")  # the embedding's axes when it is read: features stay whole, as the batch's rows are split


class Memory(NamedTuple):
    """Keys and values of prompts that were read: one prompt a row, and an array for each layer."""

    keys: tuple[jax.Array, ...]  # [B, S, K, H] each, rotated
    values: tuple[jax.Array, ...]  # [B, S, K, H]
    lasts: jax.Array  # int32 [B], the last token of each prompt, which is fed again to get the logits after it
    positions: jax.Array  # int32 [B], of that token


class Cache(NamedTuple):
    """Keys and values of a prompt and of the text so far, one row each, and an array for each layer."""

    keys: tuple[jax.Array, ...]  # [B, K, M, H] each, rotated; a token's place is its position
    values: tuple[jax.Array, ...]  # [B, K, M, H]
    positions: jax.Array  # int32 [B], of each row's next token


class Decoder(nnx.Module):
    """A decoder-only transformer of any family.

    Initial values: kernels by fan-in, as in PaLM (https://arxiv.org/abs/2204.02311, section 5), from a truncated normal; the
    embedding's standard deviation is D^-0.5, near Hugging Face's 0.02 at common sizes, so that logits start near 1 with a tied
    head too; norms and biases start without effect (scale 1, bias 0).
    """

    def __init__(self, config: DecoderConfig, rngs: nnx.Rngs):
        self.config = config
        table, d_model = (config.vocab_size, config.d_model), config.d_model
        self.embedding = parameter(rngs, jax.nn.initializers.normal(d_model**-0.5), table, ("vocab", "embed"))
        self.layers = Layer(config, rngs, config.num_layers)
        self.norm = Norm(config, rngs, d_model)
        if not config.tied_embedding:
            self.head = parameter(rngs, fan_in(), (d_model, config.vocab_size), ("embed", "vocab"))

    def __call__(self, batch: Mapping[str, jax.Array], context: Context = Context()) -> jax.Array:
        """Returns the logits, float32 [B, T, V], of a batch as `hidden` takes it."""
        return self.logits(self.hidden(batch, context)[0], context)

    def hidden(self, batch: Mapping[str, jax.Array], context: Context = Context()) -> tuple[jax.Array, Mapping[str, jax.Array]]:
        """Returns the input of `logits` for every target of a batch, [B, T, D]; and auxiliary losses, here none.

        Args:
          batch: int32 [B, L] each: decoder_inputs, segment_ids and positions, which may count from anywhere in a segment.
            prefix: bool [B, L], optional: positions that the whole segment may attend to, the inputs of a prefix-LM.
            target_positions: int32 [B, T], optional: where in its row each target is predicted; without it, everywhere.
            reserved: int32 [B, L], optional: places of soft tokens or of a prefix.
        """
        x, _ = self._run(batch, context, keep=False)
        if "target_positions" in batch:  # before the norm, which then runs on fewer positions
            x = pick(x, batch["target_positions"])
        return context.constrain(self._finish(x, context), RESIDUAL), {}

    def logits(self, hidden: jax.Array, context: Context = Context()) -> jax.Array:
        """Returns the logits [..., T, V] of hidden states [..., T, D]: summed, capped and kept in float32."""
        return context.constrain(self.head_logits(self.config, hidden, self.head_kernel()), LOGITS)

    def head_kernel(self) -> jax.Array:
        """Returns the kernel that `head_logits` takes: float32 [D, V]."""
        return merged(self.embedding).T if self.config.tied_embedding else merged(self.head)

    @staticmethod
    def head_logits(config: DecoderConfig, hidden: jax.Array, kernel: jax.Array) -> jax.Array:
        """Returns `logits` computed with a given kernel of any type, so that a loss can run it on some positions at a time."""
        logits = jnp.matmul(hidden, kernel.astype(hidden.dtype), preferred_element_type=jnp.float32)
        cap = config.logits_soft_cap
        return logits if cap is None else cap * jnp.tanh(logits / cap)

    @staticmethod
    def step_flops(config: DecoderConfig, batch: Mapping[str, np.ndarray]) -> float:
        """Returns the model FLOPs of a training step on a batch (flops.py)."""
        num_targets = int(np.count_nonzero(batch["loss_weights"]))
        return flops.decoder_step_flops(config, flops.segment_lengths(batch["segment_ids"]), num_targets)

    @staticmethod
    def step_flops_of(config: DecoderConfig, inputs: np.ndarray, targets: np.ndarray) -> flops.StepFlops:
        """Returns the model FLOPs of a training step on segments of these lengths, int [N] each."""
        lengths = inputs + targets
        total = flops.decoder_step_flops(config, lengths, int(targets.sum()))
        attention = flops.decoder_attention_flops(config, lengths)
        return flops.StepFlops(total, attention, attention)

    def read(self, prompts: Mapping[str, jax.Array], context: Context = Context(), beginning: Memory | None = None) -> Memory:
        """Returns what `score` and `begin` need of prompts, one a row, each padded at its end.

        Args:
          prompts: int32 [B, S] each: decoder_inputs, segment_ids (1 on the prompt, 0 on padding) and positions, which count
            from 0; prefix and reserved, optional, as in `hidden`.
          beginning: as in `functional.Model`.
        """
        tokens, segments = prompts["decoder_inputs"], prompts["segment_ids"]
        lasts = jnp.maximum(jnp.sum(segments > 0, axis=1, dtype=jnp.int32) - 1, 0)
        positions = lasts
        if beginning is None:
            _, (keys, values) = self._run(prompts, context, keep=True)
        else:
            shared = take(beginning, jnp.zeros_like(lasts))
            past = jnp.stack(shared.keys), jnp.stack(shared.values)
            _, new = self._run_after(past, shared.positions + 1, tokens, segments, context, keep=True)
            keys, values = (jnp.concatenate(both, axis=2) for both in zip(past, new, strict=True))
            positions = shared.positions + 1 + lasts
        last_tokens = jnp.take_along_axis(tokens, lasts[:, None], axis=1)[:, 0]
        return Memory(tuple(jnp.unstack(keys)), tuple(jnp.unstack(values)), last_tokens, positions)

    def score(
        self,
        memory: Memory,
        prompt_index: jax.Array,  # int32 [O], the row of the memory that the texts of each row follow
        texts: jax.Array,  # int32 [O, T]
        segment_ids: jax.Array,  # int32 [O, T]
        context: Context = Context(),
    ) -> tuple[jax.Array, jax.Array]:
        """Returns `log_likelihoods` of texts after prompts (models/score.py)."""
        kept = take(memory, prompt_index)
        past = jnp.stack(kept.keys), jnp.stack(kept.values)
        inputs = shifted(texts, segment_ids, kept.lasts)  # a prompt's last token is fed again: it is not among the past
        x, _ = self._run_after(past, kept.positions, inputs, segment_ids, context, keep=False)
        return log_likelihoods(self.logits(self._finish(x, context), context), texts)

    def _run_after(
        self,
        past: tuple[jax.Array, jax.Array],  # [L, B, S, K, H] each
        counts: jax.Array,  # int32 [B], how many of the S places are in use
        tokens: jax.Array,  # int32 [B, T]
        segment_ids: jax.Array,  # int32 [B, T]
        context: Context,
        *,
        keep: bool,
    ) -> tuple[jax.Array, Any]:
        """Returns the final residual of texts that all go on from their row's past, [B, T, D]; if `keep`, also all layers' new
        keys and values, [L, B, T, K, H]."""
        positions, size = counts[:, None] + offsets(segment_ids), past[0].shape[2]
        turns = rotation(self.config, positions)
        key_positions = jnp.concatenate([_places(size, positions), positions], axis=1)
        known = jnp.arange(size) < counts[:, None]
        known = jnp.broadcast_to(known[:, None], (*segment_ids.shape, size))
        mine = (segment_ids[:, :, None] == segment_ids[:, None, :]) & (positions[:, :, None] >= positions[:, None, :])
        visible = jnp.concatenate([known, mine], axis=2)

        def body(layer, x, past, kind):
            seen = visible & _near(positions[:, :, None], key_positions[:, None, :], self.config.windows[kind])

            def read(query, key, value, **how):
                keys, values = (jnp.concatenate(both, axis=1) for both in zip(past, (key, value), strict=True))
                return attend_where(query, keys, values, seen, scale=how["scale"], soft_cap=how["soft_cap"])

            x, keys_values = layer(x, turns, read, context)
            return context.constrain(x, RESIDUAL), keys_values if keep else None

        return run_layers(self.layers, body, self._embed(tokens, context), past, **self._how)

    def begin(self, memory: Memory, max_tokens: int, context: Context = Context()) -> tuple[jax.Array, Cache]:
        """Returns the token that each text begins with, int32 [B], and a cache with room for `max_tokens` steps."""
        places = memory.keys[0].shape[1] + max_tokens - 1

        def kept(x: jax.Array) -> jax.Array:
            return context.constrain(resized(jnp.swapaxes(x, 1, 2), 2, places), KEPT)

        return memory.lasts, Cache(tuple(map(kept, memory.keys)), tuple(map(kept, memory.values)), memory.positions)

    def stepper(self, context: Context = Context()) -> Callable[[jax.Array, Cache], tuple[jax.Array, Cache]]:
        """Returns the function (tokens int32 [B], cache) -> (logits float32 [B, V], cache), as in `functional.Model`."""
        layers, windows = apart(self.layers, self.config.num_layers), itertools.cycle(self.config.windows)

        def step(tokens: jax.Array, cache: Cache) -> tuple[jax.Array, Cache]:
            places, positions = jnp.arange(cache.keys[0].shape[2]), cache.positions[:, None]
            turns, before = rotation(self.config, positions), places < positions
            x, new = self._embed(tokens[:, None], context), list[tuple[jax.Array, jax.Array]]()
            for layer, keys, values, window in zip(layers, cache.keys, cache.values, windows, strict=False):
                seen = before & _near(positions, places, window)

                def read(query, key, value, keys=keys, values=values, seen=seen, **how):
                    own, scores = (key[:, 0], value[:, 0]), {"scale": how["scale"], "soft_cap": how["soft_cap"]}
                    return attend_one(query[:, 0], keys, values, seen, own=own, **scores)[:, None]

                x, keys_values = layer(x, turns, read, context)
                x = context.constrain(x, RESIDUAL)
                new.append(keys_values)
            logits = self.logits(self._finish(x, context), context)[:, 0]
            return logits, Cache(*extended(cache.keys, cache.values, cache.positions, new, x), cache.positions + 1)

        return step

    @staticmethod
    def reorder(cache: Cache, rows: jax.Array) -> Cache:
        """Returns the cache whose row i goes on from the text of row `rows[i]`, int32 [B]."""
        return take(cache, rows)

    @staticmethod
    def room(inputs: int, tokens: int) -> tuple[int, ...]:
        """Returns the sizes that `resize` takes for prompts of `inputs` tokens and texts of `tokens`."""
        return (inputs + tokens - 1,)

    @staticmethod
    def resize(cache: Cache, room: tuple[int, ...]) -> Cache:
        """Returns the cache with another number of places, among which all that is in use must find room."""
        keys, values = (tuple(resized(x, 2, room[0]) for x in each) for each in cache[:2])
        return Cache(keys, values, cache.positions)

    def _run(self, batch: Mapping[str, jax.Array], context: Context, *, keep: bool) -> tuple[jax.Array, Any]:
        """Returns the final residual of a batch, [B, L, D]; if `keep`, also all layers' keys and values, [L, B, L, K, H]."""
        segments, reserved = batch["segment_ids"], batch.get("reserved")
        turns = rotation(self.config, batch["positions"])
        visible: dict[str, Any] = {
            "query_segments": segments,
            "key_segments": segments,
            "causal": True,
            "prefix": batch.get("prefix"),
        }

        def body(layer, x, index, kind):
            read = functools.partial(context.attend, **visible, window=self.config.windows[kind])
            x, keys_values = layer(x, turns, read, context.fold(2).fold(index), reserved)
            return context.constrain(x, RESIDUAL), keys_values if keep else None

        x = self._embed(batch["decoder_inputs"], context, reserved)
        return run_layers(self.layers, body, x, jnp.arange(self.config.num_layers), **self._how)

    @property
    def _how(self) -> dict[str, Any]:
        return {"scan": self.config.scan, "remat": self.config.remat, "period": self.config.period}

    def _embed(self, tokens: jax.Array, context: Context, reserved: jax.Array | None = None) -> jax.Array:
        x = look_up(self.embedding, tokens, reserved, place=lambda table: context.constrain(table, TABLE))
        x = x.astype(self.config.dtype)
        # The square root is rounded to the computation's type, because Gemma was trained that way.
        x = x * jnp.asarray(self.config.d_model**0.5, x.dtype) if self.config.scale_embedding else x
        return context.constrain(context.fold(0).dropout(x, self.config.dropout), RESIDUAL)

    def _finish(self, x: jax.Array, context: Context) -> jax.Array:
        return context.fold(1).dropout(self.norm(x), self.config.dropout)


def pick(x: jax.Array, positions: jax.Array) -> jax.Array:
    """Returns `x` [B, L, D] at `positions` int32 [B, T] of the same row: [B, T, D].

    It is computed exactly, as a product with one-hot rows: the gradient of a look-up would be a scatter, which is slow on
    accelerators. In a model of P parameters the product's share of the work is T * D / P.
    """
    one_hot = jax.nn.one_hot(positions, x.shape[1], dtype=x.dtype)
    return jnp.einsum("btl,bld->btd", one_hot, x, precision=jax.lax.Precision.HIGHEST)


def _places(count: int, like: jax.Array) -> jax.Array:
    """Returns 0, 1, ..., count - 1 for each row of `like`: int32 [O, count]."""
    return jnp.broadcast_to(jnp.arange(count, dtype=jnp.int32), (len(like), count))


def _near(positions: jax.Array, key_positions: jax.Array, window: int | None) -> jax.Array:
    """Returns whether keys are within the window of queries, if there is one; positions broadcast against each other."""
    return jnp.ones((), bool) if window is None else key_positions > positions - window
