"""The two kinds of layer of a T5, and a stack of them with its relative bias table.

A layer module holds the parameters of all layers of its stack, layers first, and is called on one slice after another. A
decoder layer knows neither mask nor cache: it passes queries, keys and values to functions, which differ between rows of whole
texts and texts that grow by one token a step.

Axes: B batch, S source length, T target length, D model, N heads, H head size, R buckets, L layers.
"""

from typing import Any, Generic, Protocol, TypeAlias, TypeVar

import jax
from flax import nnx

from flanjax.models.context import Context
from flanjax.models.kernels import prefix
from flanjax.models.layers import MLP, Attention, norm_scale, parameter, rms_norm
from flanjax.models.t5_config import T5Config

KeysValues: TypeAlias = tuple[jax.Array, jax.Array]


class ReadSelf(Protocol):
    """What self-attention reads: queries, keys and values [B, T, N, H] -> [B, T, N, H]. Dropout is as in `attend`.

    Before the keys and values may be learned ones, `before`: [n, N, H] each.
    """

    def __call__(
        self, query: jax.Array, key: jax.Array, value: jax.Array, *, before: KeysValues | None = None, **dropout: Any
    ) -> jax.Array: ...


class ReadInputs(Protocol):
    """What attention to the encoded inputs reads: queries [B, T, N, H] -> [B, T, N, H]. Dropout is as in `attend`."""

    def __call__(self, query: jax.Array, **dropout: Any) -> jax.Array: ...


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
        self, x: jax.Array, read_self: ReadSelf, read_inputs: ReadInputs, context: Context
    ) -> tuple[jax.Array, KeysValues]:
        """Returns the new residual [B, T, D] for `x` [B, T, D], and the positions' keys and values, [B, T, N, H] each."""
        rate, epsilon = self.config.dropout, self.config.epsilon
        normed = rms_norm(x, self.attention_norm[...], epsilon)
        keys_values = self.attention.keys_values(normed)
        queries = self.attention.queries(normed)
        learned = prefix(self.attention.o)
        before = None if learned is None else (self.attention.split_heads(learned[0]), self.attention.split_heads(learned[1]))
        attended = read_self(queries, *keys_values, before=before, dropout_rate=rate, dropout_key=context.fold(0).key)
        x = x + context.fold(1).dropout(self.attention.output(attended), rate)
        queries = self.cross.queries(rms_norm(x, self.cross_norm[...], epsilon))
        attended = read_inputs(queries, dropout_rate=rate, dropout_key=context.fold(2).key)
        x = x + context.fold(3).dropout(self.cross.output(attended), rate)
        normed = rms_norm(x, self.mlp_norm[...], epsilon)
        return x + context.fold(5).dropout(self.mlp(normed, context.fold(4)), rate), keys_values


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
