"""The layer of a decoder-only transformer, with the switches by which the families differ.

A layer module holds the parameters of all layers, layers first, and is called on one slice after another. It knows neither mask
nor cache: it passes queries, keys and values to an attention function, which differs between packed rows and cached prompts.

Axes: B batch, T length, D model, N query heads, K key and value heads, H head size, L layers.
"""

from typing import Protocol

import jax
import jax.numpy as jnp
from flax import nnx

from flanjax.models.context import Context
from flanjax.models.decoder_config import DecoderConfig
from flanjax.models.kernels import prefix, project
from flanjax.models.layers import MLP, bias_term, fan_in, layer_norm, parameter, rms_norm
from flanjax.models.rope import Rotation, rotate
from flanjax.models.stack import keep_attended


class Read(Protocol):
    """An attention function: queries [B, T, N, H], keys and values -> output [B, T, N, H]. The rest is as in `attend`."""

    def __call__(
        self,
        query: jax.Array,  # [B, T, N, H]
        key: jax.Array,  # [B, T, K, H]
        value: jax.Array,  # [B, T, K, H]
        *,
        scale: float,
        soft_cap: float | None,
        dropout_rate: float,
        dropout_key: jax.Array | None,
    ) -> jax.Array: ...


class Norm(nnx.Module):
    """A norm of the kind `config.norm` over the last axis, of length `size`; its initial scale is 1."""

    def __init__(self, config: DecoderConfig, rngs: nnx.Rngs, size: int, axis: str = "embed", layers: int | None = None):
        self.config = config
        ones, zeros = jax.nn.initializers.ones, jax.nn.initializers.zeros
        self.scale = parameter(rngs, zeros if config.norm == "rms_plus_one" else ones, (size,), (axis,), layers)
        self.bias = bias_term(rngs, size, axis, layers) if config.norm == "layer" else None

    def __call__(self, x: jax.Array) -> jax.Array:
        scale, epsilon = self.scale[...], self.config.epsilon
        if self.bias is not None:
            return layer_norm(x, scale, self.bias[...], epsilon)
        if self.config.norm == "rms_plus_one":  # scaled in float32: bfloat16 would lose most of it in 1 + scale
            return rms_norm(x.astype(jnp.float32), 1 + scale, epsilon).astype(x.dtype)
        return rms_norm(x, scale, epsilon)


class SelfAttention(nnx.Module):
    """The projections of self-attention with grouped keys and values (https://arxiv.org/abs/2305.13245)."""

    def __init__(self, config: DecoderConfig, rngs: nnx.Rngs, layers: int):
        self.config = config
        inner, kv_inner = config.num_heads * config.head_dim, config.num_kv_heads * config.head_dim

        def into(size: int, axis: str) -> tuple[nnx.Param, nnx.Param | None]:
            kernel = parameter(rngs, fan_in(), (config.d_model, size), ("embed", axis), layers)
            return kernel, None if config.bias == "none" else bias_term(rngs, size, axis, layers)

        if config.fused_qkv:
            self.qkv, self.qkv_bias = into(3 * inner, "heads")
        else:
            self.q, self.q_bias = into(inner, "heads")
            self.k, self.k_bias = into(kv_inner, "kv_heads")
            self.v, self.v_bias = into(kv_inner, "kv_heads")
        self.o = parameter(rngs, fan_in(), (inner, config.d_model), ("heads", "embed"), layers)
        self.o_bias = bias_term(rngs, config.d_model, "embed", layers) if config.bias == "all" else None
        if config.qk_norm:
            self.q_norm = Norm(config, rngs, config.head_dim, "kv", layers)
            self.k_norm = Norm(config, rngs, config.head_dim, "kv", layers)

    def queries_keys_values(
        self, x: jax.Array, rotation: Rotation, reserved: jax.Array | None
    ) -> tuple[jax.Array, jax.Array, jax.Array]:
        """Returns the queries [B, T, N, H], keys and values [B, T, K, H] of `x` [B, T, D]; queries and keys are rotated.

        At the positions that `reserved` int32 [B, T] counts from 1, keys and values are those of the prefix, if there is one.
        """
        if self.config.fused_qkv:
            by_head = project(x, self.qkv, self.qkv_bias).reshape(*x.shape[:-1], -1, 3, self.config.head_dim)
            q, k, v = jnp.unstack(by_head, axis=-2)
        else:
            q = self._heads(project(x, self.q, self.q_bias))
            k = self._heads(project(x, self.k, self.k_bias))
            v = self._heads(project(x, self.v, self.v_bias))
        if self.config.qk_norm:
            q, k = self.q_norm(q), self.k_norm(k)
        q, k = rotate(q, rotation), rotate(k, rotation)
        if reserved is not None and (found := prefix(self.o)):
            places, (keys, values) = reserved[..., None, None], found
            k = jnp.where(places > 0, self._heads(keys[reserved - 1]).astype(k.dtype), k)
            v = jnp.where(places > 0, self._heads(values[reserved - 1]).astype(v.dtype), v)
        return q, k, v

    def output(self, attended: jax.Array) -> jax.Array:
        """Returns the projection [B, T, D] of the heads' outputs [B, T, N, H]."""
        return project(keep_attended(attended.reshape(*attended.shape[:-2], -1)), self.o, self.o_bias)

    def _heads(self, x: jax.Array) -> jax.Array:
        return x.reshape(*x.shape[:-1], -1, self.config.head_dim)


class Layer(nnx.Module):
    """Self-attention and the MLP: one after the other, or side by side."""

    def __init__(self, config: DecoderConfig, rngs: nnx.Rngs, layers: int):
        self.config = config
        self.attention_norm = Norm(config, rngs, config.d_model, layers=layers)
        self.attention = SelfAttention(config, rngs, layers)
        self.mlp_norm = Norm(config, rngs, config.d_model, layers=layers)
        self.mlp = MLP(
            config.d_model,
            config.d_ff,
            activation=config.activation,
            gated=config.gated,
            dropout_rate=config.dropout,
            bias=config.bias == "all",
            rngs=rngs,
            layers=layers,
        )
        if config.post_norm:
            self.attention_post_norm = Norm(config, rngs, config.d_model, layers=layers)
            self.mlp_post_norm = Norm(config, rngs, config.d_model, layers=layers)

    def __call__(
        self, x: jax.Array, rotation: Rotation, read: Read, context: Context, reserved: jax.Array | None = None
    ) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
        """Returns the new residual [B, T, D] for `x` [B, T, D], and the positions' keys and values, [B, T, K, H] each."""
        config = self.config
        queries, keys, values = self.attention.queries_keys_values(self.attention_norm(x), rotation, reserved)
        attended = read(
            queries,
            keys,
            values,
            scale=config.score_scale,
            soft_cap=config.attention_soft_cap,
            dropout_rate=config.dropout,
            dropout_key=context.fold(0).key,
        )
        update = self.attention.output(attended)
        if config.post_norm:
            update = self.attention_post_norm(update)
        after = x + context.fold(1).dropout(update, config.dropout)
        update = self.mlp(self.mlp_norm(x if config.parallel_residual else after), context.fold(2))
        if config.post_norm:
            update = self.mlp_post_norm(update)
        return after + context.fold(3).dropout(update, config.dropout), (keys, values)
