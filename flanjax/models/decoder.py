"""Decoder-only transformers: Llama, Mistral, Qwen, Gemma and GPT-NeoX as switches of one module.

Blocks are pre-norm; positions enter only as a rotation of queries and keys. The parameters of all layers lie in one array with
the layers first, whether they are scanned or unrolled; where layers with and without a window take turns, a turn is one step.
Rows may hold several packed examples: attention sees a position's own segment only, and segment 0 is padding.

A prompt is run once by `prefill`, after which `decode_step` goes on by a token a row, and `extend` runs whole texts, any number
after each prompt.

Axes: B batch, S prompt length, T target length, O texts after prompts, C slots of the cache, D model, N query heads, K key and
value heads, H head size, V vocabulary, L layers.
"""

import functools
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx

from flanjax.models.attention.reference import Attend, attend
from flanjax.models.decoder_config import SIZES, DecoderConfig
from flanjax.models.decoder_layers import Layer, Norm
from flanjax.models.layers import Constrain, dropout, fan_in, fold, parameter, unconstrained
from flanjax.models.rope import rotation
from flanjax.models.stack import run_layers

__all__ = ["SIZES", "Cache", "Decoder", "DecoderConfig"]

RESIDUAL = ("batch", "length", "embed")
LOGITS = ("batch", "length", "vocab")
PAST = ("batch", "length", "kv_heads", "head_dim")
TABLE = ("vocab", "features")  # of the embedding where it is read: whole features, for they go to rows of the batch
EMPTY = -1  # position of a slot that holds nothing


class Cache(NamedTuple):
    """Keys and values of what went before: the prompt's in slots of their own, then one slot for each step of all rows."""

    keys: jax.Array  # [L, B, C, K, H], rotated
    values: jax.Array  # [L, B, C, K, H]
    positions: jax.Array  # int32 [B, C], of the token in each slot; EMPTY: none
    next_positions: jax.Array  # int32 [B], of the next token of each row
    used: jax.Array  # int32 [], slots behind which all are free


class Decoder(nnx.Module):
    """A decoder-only transformer of any family.

    Initial values: kernels by fan-in, as in PaLM (https://arxiv.org/abs/2204.02311, section 5), from a truncated normal; the
    embedding's deviation is D^-0.5, near Hugging Face's 0.02 at common sizes, so that logits begin near 1 with a tied head
    too; norms and biases begin as if they were not there.
    Methods take a dropout `key`, without which they are deterministic; `constrain`, which they call on the embedding as it is
    read, on the residual stream and on the logits; and what stands in for `attend`. `hidden` and `logits` are apart so that a
    loss can take the logits of some positions at a time.
    """

    def __init__(self, config: DecoderConfig, rngs: nnx.Rngs):
        self.config = config
        table, d_model = (config.vocab_size, config.d_model), config.d_model
        self.embedding = parameter(rngs, jax.nn.initializers.normal(d_model**-0.5), table, ("vocab", "embed"))
        self.layers = Layer(config, rngs, config.num_layers)
        self.norm = Norm(config, rngs, d_model)
        if not config.tied_embedding:
            self.head = parameter(rngs, fan_in(), (d_model, config.vocab_size), ("embed", "vocab"))

    def __call__(
        self,
        batch: Mapping[str, jax.Array],
        *,
        key: jax.Array | None = None,
        constrain: Constrain = unconstrained,
        attend: Attend = attend,
    ) -> jax.Array:
        """Logits float32 [B, T, V] of a batch, which is as `hidden` takes it."""
        return self.logits(self.hidden(batch, key=key, constrain=constrain, attend=attend), constrain)

    def hidden(
        self,
        batch: Mapping[str, jax.Array],
        *,
        key: jax.Array | None = None,
        constrain: Constrain = unconstrained,
        attend: Attend = attend,
    ) -> jax.Array:
        """What `logits` takes, of every target of a batch: [B, T, D].

        Args:
          batch: int32 [B, L] each: decoder_inputs, segment_ids and positions, which may count from anywhere in a segment.
            prefix: bool [B, L], optional: positions that all of their segment see, the inputs of a prefix-LM.
            target_positions: int32 [B, T], optional: where in its row each target is predicted; without it, everywhere.
        """
        x, _ = self._run(batch, key, constrain, attend, keep=False)
        if "target_positions" in batch:  # before the norm, which is then of fewer positions
            x = pick(x, batch["target_positions"])
        return constrain(self._finish(x, fold(key, 1)), RESIDUAL)

    def logits(self, hidden: jax.Array, constrain: Constrain = unconstrained) -> jax.Array:
        """[..., T, D] -> [..., T, V], accumulated, capped and kept in float32, whatever the type of the factors."""
        return constrain(self.head_logits(self.config, hidden, self.head_kernel()), LOGITS)

    def head_kernel(self) -> jax.Array:
        """What `head_logits` takes: float32 [D, V]."""
        return self.embedding[...].T if self.config.tied_embedding else self.head[...]

    @staticmethod
    def head_logits(config: DecoderConfig, hidden: jax.Array, kernel: jax.Array) -> jax.Array:
        """`logits` by a kernel of any type, apart from the model: a loss may want it on some rows and positions at a time."""
        logits = jnp.matmul(hidden, kernel.astype(hidden.dtype), preferred_element_type=jnp.float32)
        cap = config.logits_soft_cap
        return logits if cap is None else cap * jnp.tanh(logits / cap)

    def prefill(
        self,
        tokens: jax.Array,  # int32 [B, S], one prompt a row, padded at its end
        lengths: jax.Array,  # int32 [B]
        max_length: int,
        *,
        prefix: bool = False,
        constrain: Constrain = unconstrained,
        attend: Attend = attend,
    ) -> tuple[jax.Array, Cache]:
        """Logits float32 [B, V] after each prompt, and the cache before the first of at most `max_length` steps.

        A cache that only `extend` reads needs no steps: max_length 0. With `prefix`, a prompt's tokens see all of it.
        """
        positions = jnp.broadcast_to(jnp.arange(tokens.shape[1], dtype=jnp.int32), tokens.shape)
        real = positions < lengths[:, None]
        batch = {"decoder_inputs": tokens, "segment_ids": real.astype(jnp.int32), "positions": positions}
        batch |= {"prefix": real} if prefix else {}
        x, (keys, values) = self._run(batch, None, constrain, attend, keep=True)
        last = pick(x, lengths[:, None] - 1)
        slots = [(0, 0), (0, 0), (0, max_length), (0, 0), (0, 0)]
        cache = Cache(
            jnp.pad(keys, slots),
            jnp.pad(values, slots),
            jnp.pad(jnp.where(real, positions, EMPTY), slots[1:3], constant_values=EMPTY),
            lengths.astype(jnp.int32),
            jnp.int32(tokens.shape[1]),
        )
        return self.logits(self._finish(last, None))[:, 0], cache

    def decode_step(self, tokens: jax.Array, cache: Cache) -> tuple[jax.Array, Cache]:
        """Logits float32 [B, V] after `tokens` int32 [B] at each row's next position, and the cache moved on by one.

        The caller stops after `max_length` steps: their number is traced and cannot be checked here.
        """
        hidden, new = self._continue(tokens[:, None], cache, None)
        at = (0, 0, cache.used, 0, 0)
        keys, values = (jax.lax.dynamic_update_slice(old, one, at) for old, one in zip(cache[:2], new, strict=True))
        positions = jax.lax.dynamic_update_slice(cache.positions, cache.next_positions[:, None], at[1:3])
        return self.logits(hidden)[:, 0], Cache(keys, values, positions, cache.next_positions + 1, cache.used + 1)

    def extend(self, tokens: jax.Array, cache: Cache, owners: jax.Array, *, constrain: Constrain = unconstrained) -> jax.Array:
        """What `logits` takes, of every token of texts that go on from cached prompts: [O, T, D].

        A prompt's keys and values are copied for its texts one layer at a time. Padding at the end of a text harms nothing.

        Args:
          tokens: int32 [O, T].
          owners: int32 [O], the row of the cache that each text follows.
        """
        return self._continue(tokens, cache, owners, constrain)[0]

    def _continue(
        self, tokens: jax.Array, cache: Cache, owners: jax.Array | None, constrain: Constrain = unconstrained
    ) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
        """The final residual of tokens [O, T] behind the cache, normed, and their keys and values [L, O, T, K, H]."""

        def of_owners(x: jax.Array) -> jax.Array:
            return x if owners is None else x[owners]

        positions = of_owners(cache.next_positions)[:, None] + jnp.arange(tokens.shape[1], dtype=jnp.int32)
        key_positions = jnp.concatenate([of_owners(cache.positions), positions], axis=1)
        turns = rotation(self.config, positions)

        def body(layer, x, past, kind):
            visible = _visible(positions, key_positions, self.config.windows[kind])

            def read(query, key, value, **how):
                olds = (constrain(of_owners(old), PAST) for old in past)
                keys, values = (jnp.concatenate([old, new], 1) for old, new in zip(olds, (key, value), strict=True))
                return _attend_where(visible, query, keys, values, **how)

            x, keys_values = layer(x, turns, read)
            return constrain(x, RESIDUAL), keys_values

        x = constrain(self._embed(tokens, constrain), RESIDUAL)
        x, new = run_layers(self.layers, body, x, cache[:2], **self._how)
        return self._finish(x, None), new

    def _run(
        self, batch: Mapping[str, jax.Array], key: jax.Array | None, constrain: Constrain, attend: Attend, *, keep: bool
    ) -> tuple[jax.Array, Any]:
        """The final residual of a batch, [B, L, D], and all layers' keys and values to `keep`, [L, B, L, K, H] each."""
        segments = batch["segment_ids"]
        turns = rotation(self.config, batch["positions"])
        visible: dict[str, Any] = {
            "query_segments": segments,
            "key_segments": segments,
            "causal": True,
            "prefix": batch.get("prefix"),
        }

        def body(layer, x, index, kind):
            read = functools.partial(attend, **visible, window=self.config.windows[kind])
            x, keys_values = layer(x, turns, read, key=fold(fold(key, 2), index))
            return constrain(x, RESIDUAL), keys_values if keep else None

        x = constrain(dropout(self._embed(batch["decoder_inputs"], constrain), self.config.dropout, fold(key, 0)), RESIDUAL)
        return run_layers(self.layers, body, x, jnp.arange(self.config.num_layers), **self._how)

    @property
    def _how(self) -> dict[str, Any]:
        return {"scan": self.config.scan, "remat": self.config.remat, "period": self.config.period}

    def _embed(self, tokens: jax.Array, constrain: Constrain = unconstrained) -> jax.Array:
        x = constrain(self.embedding[...], TABLE)[tokens].astype(self.config.dtype)
        # The root is rounded to the type of the computation: Gemma was trained so.
        return x * jnp.asarray(self.config.d_model**0.5, x.dtype) if self.config.scale_embedding else x

    def _finish(self, x: jax.Array, key: jax.Array | None) -> jax.Array:
        return dropout(self.norm(x), self.config.dropout, key)


def pick(x: jax.Array, positions: jax.Array) -> jax.Array:
    """`x` [B, L, D] at `positions` int32 [B, T] of its own row: [B, T, D].

    A product with one-hot rows, exact, because the gradient of a look-up is a scatter, which accelerators do slowly; beside a
    model of P parameters its share of the work is T * D / P.
    """
    one_hot = jax.nn.one_hot(positions, x.shape[1], dtype=x.dtype)
    return jnp.einsum("btl,bld->btd", one_hot, x, precision=jax.lax.Precision.HIGHEST)


def _visible(
    positions: jax.Array,  # int32 [O, T]
    key_positions: jax.Array,  # int32 [O, S]
    window: int | None,
) -> jax.Array:
    """Which keys each query sees: bool [O, T, S]."""
    queries, keys = positions[:, :, None], key_positions[:, None, :]
    seen = (keys != EMPTY) & (keys <= queries)
    return seen if window is None else seen & (keys > queries - window)


def _attend_where(visible: jax.Array, query: jax.Array, keys: jax.Array, values: jax.Array, **how: Any) -> jax.Array:
    """What each query [O, T, N, H] reads from the keys [O, S, K, H] that it sees.

    `attend` tells keys apart by their segments, the same for all queries of a row: so each query is a call of its own, mapped.
    """

    def one(visible, query):  # bool [O, S], [O, N, H]
        ones = jnp.ones((len(query), 1), jnp.int32)
        segments = visible.astype(jnp.int32)
        return attend(query[:, None], keys, values, query_segments=ones, key_segments=segments, **how)[:, 0]

    return jax.vmap(one, in_axes=1, out_axes=1)(visible, query)
