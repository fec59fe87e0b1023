"""The two kinds of layer of a T5, and a stack of them with its relative bias table.

A layer module holds the parameters of all layers of its stack, layers first, and is called on one slice after another.

Axes: B batch, S source length, T target length, D model, N heads, H head size, R buckets, L layers.
"""

from typing import Generic, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
from flax import nnx

from flanjax.models.context import Context
from flanjax.models.layers import MLP, Attention, norm_scale, parameter, rms_norm
from flanjax.models.t5_config import T5Config


class Past(NamedTuple):
    """One layer's part of the cache."""

    keys: jax.Array  # [B, max_length, N, H]
    values: jax.Array
    position: jax.Array  # int32 []

    def extend(self, keys: jax.Array, values: jax.Array) -> "Past":
        """Returns the past extended by the keys and values of one more position, each [B, 1, N, H]."""
        at = (0, self.position, 0, 0)
        update = jax.lax.dynamic_update_slice
        return Past(update(self.keys, keys, at), update(self.values, values, at), self.position)


class EncoderLayer(nnx.Module):
    """Self-attention, then the MLP."""

    def __init__(self, config: T5Config, rngs: nnx.Rngs, layers: int):
        self.config = config
        self.attention_norm = norm_scale(rngs, config.d_model, layers)
        self.attention = _attention(config, rngs, layers)
        self.mlp_norm = norm_scale(rngs, config.d_model, layers)
        self.mlp = _mlp(config, rngs, layers)

    def __call__(self, x, segment_ids, bias, context: Context) -> jax.Array:
        """Returns the new residual [B, S, D] for `x` [B, S, D], segment ids int32 [B, S] and bias float32 [N, S, S]."""
        rate, epsilon = self.config.dropout, self.config.epsilon
        normed = rms_norm(x, self.attention_norm[...], epsilon)
        attended = context.attend(
            self.attention.queries(normed),
            *self.attention.keys_values(normed),
            query_segments=segment_ids,
            key_segments=segment_ids,
            bias=bias,
            dropout_rate=rate,
            dropout_key=context.fold(0).key,
        )
        x = x + context.fold(1).dropout(self.attention.output(attended), rate)
        normed = rms_norm(x, self.mlp_norm[...], epsilon)
        return x + context.fold(3).dropout(self.mlp(normed, context.fold(2)), rate)


class DecoderLayer(nnx.Module):
    """Causal self-attention, attention to the encoded inputs, then the MLP."""

    def __init__(self, config: T5Config, rngs: nnx.Rngs, layers: int):
        self.config = config
        self.attention_norm = norm_scale(rngs, config.d_model, layers)
        self.attention = _attention(config, rngs, layers)
        self.cross_norm = norm_scale(rngs, config.d_model, layers)
        self.cross = _attention(config, rngs, layers)
        self.mlp_norm = norm_scale(rngs, config.d_model, layers)
        self.mlp = _mlp(config, rngs, layers)

    def __call__(
        self, x, segment_ids, bias, cross_keys_values, inputs_segment_ids, context: Context, past: Past | None = None
    ) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
        """Returns the new residual [B, T, D] for `x` [B, T, D], and the keys and values of these positions, [B, T, N, H] each.

        With a `past`, T is 1: the one position is `past.position`, and each row holds one example.
        """
        x, keys_values = self._attend_self(x, segment_ids, bias, context, past)
        rate, epsilon = self.config.dropout, self.config.epsilon
        attended = context.attend(
            self.cross.queries(rms_norm(x, self.cross_norm[...], epsilon)),
            *cross_keys_values,
            query_segments=segment_ids,
            key_segments=inputs_segment_ids,
            dropout_rate=rate,
            dropout_key=context.fold(2).key,
        )
        x = x + context.fold(3).dropout(self.cross.output(attended), rate)
        normed = rms_norm(x, self.mlp_norm[...], epsilon)
        return x + context.fold(5).dropout(self.mlp(normed, context.fold(4)), rate), keys_values

    def _attend_self(self, x, segment_ids, bias, context: Context, past: Past | None):
        normed = rms_norm(x, self.attention_norm[...], self.config.epsilon)
        keys_values = self.attention.keys_values(normed)
        keys, values, key_segments = *keys_values, segment_ids
        if past is not None:
            keys, values, position = past.extend(keys, values)
            seen = jnp.arange(keys.shape[1]) <= position
            key_segments = jnp.where(seen, segment_ids, 0)  # [B, 1] -> [B, max_length]
        attended = context.attend(
            self.attention.queries(normed),
            keys,
            values,
            query_segments=segment_ids,
            key_segments=key_segments,
            bias=bias,
            causal=past is None,
            dropout_rate=self.config.dropout,
            dropout_key=context.fold(0).key,
        )
        return x + context.fold(1).dropout(self.attention.output(attended), self.config.dropout), keys_values


Layer = TypeVar("Layer", EncoderLayer, DecoderLayer)


class Stack(nnx.Module, Generic[Layer]):
    """The parameters of the encoder or of the decoder: its bias table, its layers and its last norm."""

    def __init__(self, config: T5Config, layer: type[Layer], num_layers: int, rngs: nnx.Rngs):
        uniform = jax.nn.initializers.variance_scaling(1.0, "fan_avg", "uniform")
        table = (config.relative_buckets, config.num_heads)
        self.relative_bias = parameter(rngs, uniform, table, ("buckets", "relpos_heads"))
        self.layers: Layer = layer(config, rngs, num_layers)
        self.norm = norm_scale(rngs, config.d_model)


def _attention(config: T5Config, rngs: nnx.Rngs, layers: int) -> Attention:
    return Attention(config.d_model, config.num_heads, config.head_dim, rngs=rngs, layers=layers)


def _mlp(config: T5Config, rngs: nnx.Rngs, layers: int) -> MLP:
    return MLP(
        config.d_model,
        config.d_ff,
        activation=config.activation,
        gated=config.gated,
        dropout_rate=config.dropout,
        rngs=rngs,
        layers=layers,
    )
