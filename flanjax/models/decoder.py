"""Decoder-only transformers: Llama, Mistral, Qwen, Gemma and GPT-NeoX as switches of one module.

Blocks are pre-norm; positions enter only as a rotation of queries and keys. The parameters of all layers are stacked in one
array with the layers first, whether they are scanned or unrolled. If layers with and without a window alternate, the scan takes
one period of them at a time.
Rows may hold several packed examples: attention sees a position's own segment only, and segment 0 is padding.

A prompt is read once. After that, `step` continues each row by one token, and `extend` runs whole texts, any number of them
after each prompt.

Axes: B batch, S prompt length, T target length, O texts after prompts, C slots of the cache, D model, N query heads, K key and
value heads, H head size, V vocabulary, L layers.
"""

import functools
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from flanjax.models import flops
from flanjax.models.attention.reference import attend
from flanjax.models.context import Context
from flanjax.models.decoder_config import SIZES, DecoderConfig
from flanjax.models.decoder_layers import Layer, Norm
from flanjax.models.kernels import look_up, merged
from flanjax.models.layers import fan_in, parameter
from flanjax.models.rope import rotation
from flanjax.models.score import summed_log_likelihoods
from flanjax.models.stack import run_layers

__all__ = ["SIZES", "Cache", "Decoder", "DecoderConfig"]

RESIDUAL = ("batch", "length", "embed")
LOGITS = ("batch", "length", "vocab")
PAST = ("batch", "length", "kv_heads", "head_dim")
TABLE = ("vocab", "features")  # the embedding's axes when it is read: features stay whole, as the batch's rows are split
EMPTY = -1  # position of a slot that holds nothing


class Cache(NamedTuple):
    """Keys and values of earlier tokens: first the slots of the prompts, then one slot for each step of all rows."""

    keys: jax.Array  # [L, B, C, K, H], rotated
    values: jax.Array  # [L, B, C, K, H]
    positions: jax.Array  # int32 [B, C], of the token in each slot; EMPTY: none
    next_positions: jax.Array  # int32 [B], of the next token of each row
    used: jax.Array  # int32 [], number of slots in use; all later ones are free


class Memory(NamedTuple):
    """What later steps need of prompts that were read, one a row."""

    first: jax.Array  # float32 [B, V], the logits after each prompt
    cache: Cache


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
            reserved: int32 [B, L], optional: soft tokens.
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
        return flops.StepFlops(total, flops.decoder_kernel_flops(config, lengths))

    def read(self, prompts: Mapping[str, jax.Array], context: Context = Context()) -> Memory:
        """Returns what `score` and `begin` need of prompts, one a row, each padded at its end.

        Args:
          prompts: int32 [B, S] each: decoder_inputs, segment_ids (1 on the prompt, 0 on padding) and positions, which count
            from 0; prefix and reserved, optional, as in `hidden`.
        """
        x, (keys, values) = self._run(prompts, context, keep=True)
        real = prompts["segment_ids"] > 0
        lengths = jnp.sum(real, axis=1, dtype=jnp.int32)
        positions = jnp.where(real, prompts["positions"], EMPTY)
        last = self._finish(pick(x, lengths[:, None] - 1), context)
        used = jnp.int32(keys.shape[2])
        return Memory(self.logits(last, context)[:, 0], Cache(keys, values, positions, lengths, used))

    def score(
        self,
        memory: Memory,
        prompt_index: jax.Array,  # int32 [O], the row of the memory that each option follows
        options: jax.Array,  # int32 [O, T]
        lengths: jax.Array,  # int32 [O]
        context: Context = Context(),
    ) -> jax.Array:
        """Returns the summed log-likelihood of each option after its prompt: float32 [O], in nats."""
        after = self.logits(self.extend(options, memory.cache, prompt_index, context), context)
        logits = jnp.concatenate([memory.first[prompt_index][:, None], after[:, :-1]], axis=1)
        return summed_log_likelihoods(logits, options, lengths)

    def begin(self, memory: Memory, max_tokens: int, context: Context = Context()) -> tuple[jax.Array, Cache]:
        """Returns the logits, float32 [B, V], of each text's first token, and a cache with room for `max_tokens` steps."""
        del context
        keys, values, positions, next_positions, used = memory.cache
        slots = [(0, 0), (0, 0), (0, max_tokens), (0, 0), (0, 0)]
        positions = jnp.pad(positions, slots[1:3], constant_values=EMPTY)
        return memory.first, Cache(jnp.pad(keys, slots), jnp.pad(values, slots), positions, next_positions, used)

    def step(self, tokens: jax.Array, cache: Cache, context: Context = Context()) -> tuple[jax.Array, Cache]:
        """Returns the logits, float32 [B, V], after `tokens` int32 [B] at each row's next position, and the advanced cache.

        The caller stops after `max_tokens` steps: their number is traced and cannot be checked here.
        """
        hidden, new = self._continue(tokens[:, None], cache, None, context)
        at = (0, 0, cache.used, 0, 0)
        keys, values = (jax.lax.dynamic_update_slice(old, one, at) for old, one in zip(cache[:2], new, strict=True))
        positions = jax.lax.dynamic_update_slice(cache.positions, cache.next_positions[:, None], at[1:3])
        moved = Cache(keys, values, positions, cache.next_positions + 1, cache.used + 1)
        return self.logits(hidden, context)[:, 0], moved

    @staticmethod
    def reorder(cache: Cache, rows: jax.Array) -> Cache:
        """Returns the cache whose row i is row `rows[i]` of the given one, int32 [B], for beam search."""
        keys, values = cache.keys[:, rows], cache.values[:, rows]
        return Cache(keys, values, cache.positions[rows], cache.next_positions[rows], cache.used)

    def extend(self, tokens: jax.Array, cache: Cache, prompt_index: jax.Array, context: Context = Context()) -> jax.Array:
        """Returns the input of `logits` for every token of texts that continue cached prompts: [O, T, D].

        A prompt's keys and values are copied for its texts one layer at a time. Texts may be padded at their end.

        Args:
          tokens: int32 [O, T].
          prompt_index: int32 [O], the row of the cache that each text follows.
        """
        return self._continue(tokens, cache, prompt_index, context)[0]

    def _continue(
        self, tokens: jax.Array, cache: Cache, prompt_index: jax.Array | None, context: Context
    ) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
        """Returns the normed final residual [O, T, D] of tokens after the cache, and their keys and values [L, O, T, K, H]."""

        def of_prompts(x: jax.Array) -> jax.Array:
            return x if prompt_index is None else x[prompt_index]

        positions = of_prompts(cache.next_positions)[:, None] + jnp.arange(tokens.shape[1], dtype=jnp.int32)
        key_positions = jnp.concatenate([of_prompts(cache.positions), positions], axis=1)
        turns = rotation(self.config, positions)

        def body(layer, x, past, kind):
            visible = _visible(positions, key_positions, self.config.windows[kind])

            def read(query, key, value, **how):
                olds = (context.constrain(of_prompts(old), PAST) for old in past)
                keys, values = (jnp.concatenate([old, new], 1) for old, new in zip(olds, (key, value), strict=True))
                return _attend_where(visible, query, keys, values, **how)

            x, keys_values = layer(x, turns, read, context)
            return context.constrain(x, RESIDUAL), keys_values

        x = self._embed(tokens, context)
        x, new = run_layers(self.layers, body, x, cache[:2], **self._how)
        return self._finish(x, context), new

    def _run(self, batch: Mapping[str, jax.Array], context: Context, *, keep: bool) -> tuple[jax.Array, Any]:
        """Returns the final residual of a batch, [B, L, D]; if `keep`, also all layers' keys and values, [L, B, L, K, H]."""
        segments = batch["segment_ids"]
        turns = rotation(self.config, batch["positions"])
        visible: dict[str, Any] = {
            "query_segments": segments,
            "key_segments": segments,
            "causal": True,
            "prefix": batch.get("prefix"),
        }

        def body(layer, x, index, kind):
            read = functools.partial(context.attend, **visible, window=self.config.windows[kind])
            x, keys_values = layer(x, turns, read, context.fold(2).fold(index))
            return context.constrain(x, RESIDUAL), keys_values if keep else None

        x = self._embed(batch["decoder_inputs"], context, batch.get("reserved"))
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


def _visible(
    positions: jax.Array,  # int32 [O, T]
    key_positions: jax.Array,  # int32 [O, S]
    window: int | None,
) -> jax.Array:
    """Returns which keys each query sees: bool [O, T, S]."""
    queries, keys = positions[:, :, None], key_positions[:, None, :]
    seen = (keys != EMPTY) & (keys <= queries)
    return seen if window is None else seen & (keys > queries - window)


def _attend_where(visible: jax.Array, query: jax.Array, keys: jax.Array, values: jax.Array, **how: Any) -> jax.Array:
    """Returns the attention output of each query [O, T, N, H] over the keys [O, S, K, H] that it sees.

    The reference masks keys by segments, which are the same for all queries of a row. So the reference is mapped over the
    queries, one call for each.
    """

    def one(visible, query):  # bool [O, S], [O, N, H]
        ones = jnp.ones((len(query), 1), jnp.int32)
        segments = visible.astype(jnp.int32)
        return attend(query[:, None], keys, values, query_segments=ones, key_segments=segments, **how)[:, 0]

    return jax.vmap(one, in_axes=1, out_axes=1)(visible, query)
