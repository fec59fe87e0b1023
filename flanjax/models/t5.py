"""T5: an encoder-decoder in which every task is text to text (https://arxiv.org/abs/1910.10683).

One module covers T5 (v1.0), T5 v1.1, Flan-T5 and mT5. Blocks are pre-norm with RMSNorm and no biases; positions enter only as a
relative bias on self-attention scores, one table a stack, computed once and given to every layer; cross-attention has none.
The parameters of all layers are stacked in one array with the layers first, whether they are scanned or unrolled.
Rows may hold several packed examples: attention sees a position's own segment only, and segment 0 is padding.

Axes: B batch, S source length, T target length, O rows of texts to score, M places of the cache, D model, N heads, H head size,
V vocabulary, R buckets, L layers.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from flanjax.models import flops
from flanjax.models.attention.after_prefix import attend_after, attend_one_after
from flanjax.models.attention.one_query import attend_one
from flanjax.models.attention.relative_bias import RelativeBias, causal_bias_at, relative_bias
from flanjax.models.cache import extended, resized, take
from flanjax.models.context import Context
from flanjax.models.kernels import look_up, merged
from flanjax.models.layers import fan_in, parameter, rms_norm
from flanjax.models.score import log_likelihoods, shifted
from flanjax.models.stack import apart, run_layers
from flanjax.models.t5_config import SIZES, T5Config
from flanjax.models.t5_layers import DecoderLayer, EncoderLayer, Stack

__all__ = ["SIZES", "T5", "Cache", "T5Config"]

RESIDUAL = ("batch", "length", "embed")
LOGITS = ("batch", "length", "vocab")
KEPT = ("batch", "heads", "length", "head_dim")
TABLE = ("vocab", "features")  # the embedding's axes when it is read: features stay whole, as the batch's rows are split


class Memory(NamedTuple):
    """What later steps need of prompts that were read, one a row."""

    encoded: jax.Array  # [B, S, D]
    inputs_segment_ids: jax.Array  # int32 [B, S]
    starts: jax.Array  # int32 [B], the token with which each text begins


class Cache(NamedTuple):
    """Keys and values of the inputs, and of the texts so far: one text a row, and an array for each layer."""

    keys: tuple[jax.Array, ...]  # [B, N, M, H] each; the first `positions` of the M places are in use
    values: tuple[jax.Array, ...]  # [B, N, M, H]
    cross_keys: tuple[jax.Array, ...]  # [B, N, S, H]
    cross_values: tuple[jax.Array, ...]  # [B, N, S, H]
    inputs: jax.Array  # int32 [B], how many of the S places hold an input
    positions: jax.Array  # int32 [B], of each row's next token


class T5(nnx.Module):
    """A T5 of any version.

    Initial values are T5X's (https://github.com/google-research/t5x/blob/main/t5x/examples/t5/network.py): the embedding's
    standard deviation is 1, kernels are fan-in, bias tables are uniform by fan-average, norms are 1. The residual stream and
    the logits start near 1.
    """

    def __init__(self, config: T5Config, rngs: nnx.Rngs):
        self.config = config
        table, d_model = (config.vocab_size, config.d_model), config.d_model
        self.embedding = parameter(rngs, jax.nn.initializers.normal(1.0), table, ("vocab", "embed"))
        self.encoder = Stack(config, EncoderLayer, config.num_layers, rngs)
        self.decoder = Stack(config, DecoderLayer, config.num_decoder_layers, rngs)
        if not config.tied_embedding:
            self.head = parameter(rngs, fan_in(), (d_model, config.vocab_size), ("embed", "vocab"))

    def __call__(self, batch: Mapping[str, jax.Array], context: Context = Context()) -> jax.Array:
        """Returns the logits, float32 [B, T, V], of a batch as `hidden` takes it."""
        return self.logits(self.hidden(batch, context)[0], context)

    def hidden(self, batch: Mapping[str, jax.Array], context: Context = Context()) -> tuple[jax.Array, Mapping[str, jax.Array]]:
        """Returns the input of `logits` for every target of a batch, [B, T, D]; and auxiliary losses, of which a T5 has none.

        Args:
          batch: decoder_inputs, segment_ids int32 [B, T]; inputs, inputs_segment_ids int32 [B, S]; reserved int32 [B, S],
            optional: soft tokens of the inputs.
        """
        sources = batch["inputs_segment_ids"]
        encoded = self.encode(batch["inputs"], sources, context, reserved=batch.get("reserved"))
        return self.decode(batch["decoder_inputs"], batch["segment_ids"], encoded, sources, context), {}

    def logits(self, hidden: jax.Array, context: Context = Context()) -> jax.Array:
        """Returns the logits [..., T, V] of hidden states [..., T, D]: summed and kept in float32 for any input type."""
        return context.constrain(self.head_logits(self.config, hidden, self.head_kernel()), LOGITS)

    def head_kernel(self) -> jax.Array:
        """Returns the kernel that `head_logits` takes: float32 [D, V]."""
        return merged(self.embedding).T if self.config.tied_embedding else merged(self.head)

    @staticmethod
    def head_logits(config: T5Config, hidden: jax.Array, kernel: jax.Array) -> jax.Array:
        """Returns `logits` computed with a given kernel of any type, so that a loss can run it on some positions at a time."""
        if config.scale_logits:
            hidden = hidden * config.d_model**-0.5
        return jnp.matmul(hidden, kernel.astype(hidden.dtype), preferred_element_type=jnp.float32)

    @staticmethod
    def step_flops(config: T5Config, batch: Mapping[str, np.ndarray]) -> float:
        """Returns the model FLOPs of a training step on a batch (flops.py)."""
        return flops.t5_step_flops(config, *flops.paired_lengths(batch["inputs_segment_ids"], batch["segment_ids"]))

    @staticmethod
    def step_flops_of(config: T5Config, inputs: np.ndarray, targets: np.ndarray) -> flops.StepFlops:
        """Returns the model FLOPs of a training step on segments of these lengths, int [N] each."""
        total = flops.t5_step_flops(config, inputs, targets)
        return flops.StepFlops(total, *flops.t5_attention_flops(config, inputs, targets))

    def encode(
        self,
        inputs: jax.Array,  # int32 [B, S]
        inputs_segment_ids: jax.Array,  # int32 [B, S]
        context: Context = Context(),
        *,
        reserved: jax.Array | None = None,  # int32 [B, S]
    ) -> jax.Array:
        """Returns the encoder's output, [B, S, D]."""
        config, context = self.config, context.fold(0)
        length = inputs.shape[1]
        bias = self._bias(self.encoder, length, bidirectional=True)

        def body(layer, x, index, _):
            x = layer(x, inputs_segment_ids, bias, context.fold(2).fold(index))
            return context.constrain(x, RESIDUAL), None

        x = self._embed(inputs, context, reserved)
        x, _ = run_layers(self.encoder.layers, body, x, jnp.arange(config.num_layers), **self._how)
        return context.constrain(self._finish(self.encoder, x, context), RESIDUAL)

    def decode(
        self,
        decoder_inputs: jax.Array,  # int32 [B, T]
        segment_ids: jax.Array,  # int32 [B, T]
        encoded: jax.Array,  # [B, S, D]
        inputs_segment_ids: jax.Array,  # int32 [B, S]
        context: Context = Context(),
    ) -> jax.Array:
        """Returns the input of `logits` for every position: [B, T, D]."""
        return self._decode(decoder_inputs, segment_ids, encoded, segment_ids, inputs_segment_ids, context)

    def _decode(
        self,
        decoder_inputs: jax.Array,  # int32 [B, T]
        segment_ids: jax.Array,  # int32 [B, T]
        encoded: jax.Array,  # [B, S, D]
        read_segments: jax.Array,  # int32 [B, T], the segment of the inputs that each position reads
        inputs_segment_ids: jax.Array,  # int32 [B, S]
        context: Context,
    ) -> jax.Array:
        config, context = self.config, context.fold(1)
        length = decoder_inputs.shape[1]
        bias = self._bias(self.decoder, length, bidirectional=False)

        segments = {"query_segments": segment_ids, "key_segments": segment_ids}

        def read_self(query, key, value, *, before=None, **dropout):
            if before is None:
                return context.attend(query, key, value, **segments, bias=bias, causal=True, **dropout)
            table = self.decoder.relative_bias[...]
            return attend_after(before, query, key, value, segment_ids, table, config.relative_max_distance, **dropout)

        def body(layer, x, index, _):
            keys, values = layer.cross.keys_values(encoded)
            across = {"query_segments": read_segments, "key_segments": inputs_segment_ids}
            read_inputs = functools.partial(context.attend, key=keys, value=values, **across)
            x, _ = layer(x, read_self, read_inputs, context.fold(2).fold(index))
            return context.constrain(x, RESIDUAL), None

        x = self._embed(decoder_inputs, context)
        x, _ = run_layers(self.decoder.layers, body, x, jnp.arange(config.num_decoder_layers), **self._how)
        return context.constrain(self._finish(self.decoder, x, context), RESIDUAL)

    def read(self, prompts: Mapping[str, jax.Array], context: Context = Context(), beginning: None = None) -> Memory:
        """Returns what `score` and `begin` need of prompts, one a row, each padded at its end.

        Args:
          prompts: inputs and inputs_segment_ids (1 on the prompt, 0 on padding), int32 [B, S]; starts, int32 [B]; reserved,
            optional, as in `hidden`.
        """
        assert beginning is None, "an encoder reads both ways"
        sources = prompts["inputs_segment_ids"]
        encoded = self.encode(prompts["inputs"], sources, context, reserved=prompts.get("reserved"))
        return Memory(encoded, sources, prompts["starts"])

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
        inputs = shifted(texts, segment_ids, kept.starts)
        encoded = context.constrain(kept.encoded, RESIDUAL)
        # All texts of a row read the same inputs: to them, the inputs are of their own segment.
        hidden = self._decode(inputs, segment_ids, encoded, jnp.minimum(segment_ids, 1), kept.inputs_segment_ids, context)
        return log_likelihoods(self.logits(hidden, context), texts)

    def begin(self, memory: Memory, max_tokens: int, context: Context = Context()) -> tuple[jax.Array, Cache]:
        """Returns the token that each text begins with, int32 [B], and a cache with room for `max_tokens` steps.

        The inputs' keys and values are computed here: XLA would not hoist them out of a decoding loop.
        """
        rows, encoded = len(memory.encoded), memory.encoded
        empty = jnp.zeros((rows, self.config.num_heads, max_tokens, self.config.head_dim), encoded.dtype)
        empties = (empty,) * self.config.num_decoder_layers

        def by_heads(x: jax.Array) -> jax.Array:
            return context.constrain(jnp.swapaxes(x, 1, 2), KEPT)

        cross = [layer.cross.keys_values(encoded) for layer in apart(self.decoder.layers, self.config.num_decoder_layers)]
        keys, values = (tuple(map(by_heads, each)) for each in zip(*cross, strict=True))
        inputs = jnp.sum(memory.inputs_segment_ids > 0, axis=1, dtype=jnp.int32)
        return memory.starts, Cache(empties, empties, keys, values, inputs, jnp.zeros_like(inputs))

    def stepper(self, context: Context = Context()) -> Callable[[jax.Array, Cache], tuple[jax.Array, Cache]]:
        """Returns the function (tokens int32 [B], cache) -> (logits float32 [B, V], cache), as in `functional.Model`."""
        layers = apart(self.decoder.layers, self.config.num_decoder_layers)
        table, max_distance = self.decoder.relative_bias[...], self.config.relative_max_distance

        def step(tokens: jax.Array, cache: Cache) -> tuple[jax.Array, Cache]:
            places = cache.keys[0].shape[2]
            bias, own_bias = causal_bias_at(table, cache.positions, places, max_distance=max_distance)
            written = jnp.arange(places) < cache.positions[:, None]
            known = jnp.arange(cache.cross_keys[0].shape[2]) < cache.inputs[:, None]
            x, new = self._embed(tokens[:, None], context), list[tuple[jax.Array, jax.Array]]()
            for layer, keys, values, cross_keys, cross_values in zip(layers, *cache[:4], strict=True):

                def read_self(query, key, value, *, before=None, keys=keys, values=values, **_):
                    own = key[:, 0], value[:, 0]
                    if before is not None:
                        kept = keys, values
                        return attend_one_after(before, query[:, 0], kept, own, cache.positions, table, max_distance)[:, None]
                    return attend_one(query[:, 0], keys, values, written, own=own, bias=bias, own_bias=own_bias)[:, None]

                def read_inputs(query, keys=cross_keys, values=cross_values, **_):
                    return attend_one(query[:, 0], keys, values, known)[:, None]

                x, keys_values = layer(x, read_self, read_inputs, context)
                x = context.constrain(x, RESIDUAL)
                new.append(keys_values)
            logits = self.logits(self._finish(self.decoder, x, context), context)[:, 0]
            grown = extended(cache.keys, cache.values, cache.positions, new, x)
            return logits, cache._replace(keys=grown[0], values=grown[1], positions=cache.positions + 1)

        return step

    @staticmethod
    def reorder(cache: Cache, rows: jax.Array) -> Cache:
        """Returns the cache whose row i goes on from the text of row `rows[i]`, int32 [B], which has the same inputs."""
        keys, values, positions = take((cache.keys, cache.values, cache.positions), rows)
        return cache._replace(keys=keys, values=values, positions=positions)

    @staticmethod
    def room(inputs: int, tokens: int) -> tuple[int, ...]:
        """Returns the sizes that `resize` takes for prompts of `inputs` tokens and texts of `tokens`."""
        return inputs, tokens

    @staticmethod
    def resize(cache: Cache, room: tuple[int, ...]) -> Cache:
        """Returns the cache with other sizes, in which all that is in use must find room."""
        inputs, tokens = room
        keys, values = (tuple(resized(x, 2, tokens) for x in each) for each in cache[:2])
        cross_keys, cross_values = (tuple(resized(x, 2, inputs) for x in each) for each in cache[2:4])
        return cache._replace(keys=keys, values=values, cross_keys=cross_keys, cross_values=cross_values)

    @property
    def _how(self) -> dict[str, Any]:
        return {"scan": self.config.scan, "remat": self.config.remat}

    def _embed(self, tokens: jax.Array, context: Context, reserved: jax.Array | None = None) -> jax.Array:
        x = look_up(self.embedding, tokens, reserved, place=lambda table: context.constrain(table, TABLE))
        return context.constrain(context.fold(0).dropout(x.astype(self.config.dtype), self.config.dropout), RESIDUAL)

    def _bias(self, stack: Stack, length: int, *, bidirectional: bool) -> RelativeBias:
        max_distance = self.config.relative_max_distance
        return relative_bias(stack.relative_bias[...], length, length, bidirectional=bidirectional, max_distance=max_distance)

    def _finish(self, stack: Stack, x: jax.Array, context: Context) -> jax.Array:
        return context.fold(1).dropout(rms_norm(x, stack.norm[...], self.config.epsilon), self.config.dropout)
