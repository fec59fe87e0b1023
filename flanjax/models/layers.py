"""The parts of transformer layers.

Modules hold the parameters of one layer, or of `layers` layers stacked on a leading axis; they are called on one layer's slice.
Functions do the mathematics. Parameters are float32 and are cast to the type of the activations where they are used.

Axes: B batch, T queries, S keys, D model, F mlp, N heads, H head size, M = N * H, L layers.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import jax
import jax.numpy as jnp
from flax import nnx
from jax.nn.initializers import Initializer

from flanjax.models.context import Context
from flanjax.models.kernels import project
from flanjax.models.stack import keep_attended

FUNCTIONS: Mapping[str, Callable[[jax.Array], jax.Array]] = {
    "relu": jax.nn.relu,
    "silu": jax.nn.silu,
    "gelu": lambda x: jax.nn.gelu(x, approximate=True),
    "gelu_exact": lambda x: jax.nn.gelu(x, approximate=False),
}


def fan_in(scale: float = 1.0, distribution: Literal["normal", "truncated_normal"] = "truncated_normal") -> Initializer:
    """Returns an initializer of variance scale / fan-in, for a kernel [in, out] or a stack of kernels [L, in, out]."""

    def initialize(key, shape, dtype=jnp.float32, out_sharding=None):
        layer_axes = tuple(range(len(shape) - 2))
        init = jax.nn.initializers.variance_scaling(scale, "fan_in", distribution, batch_axis=layer_axes)
        return init(key, shape, dtype, out_sharding)

    return initialize


def parameter(
    rngs: nnx.Rngs,
    initializer: Initializer,
    shape: Sequence[int],
    axes: tuple[str, ...],
    layers: int | None = None,
) -> nnx.Param:
    """Returns a float32 parameter that carries its logical axes; its shape is [L, *shape] if `layers` is given."""
    if layers is not None:
        shape, axes = (layers, *shape), ("layers", *axes)
    return nnx.Param(initializer(rngs.params(), tuple(shape), jnp.float32), axes=axes)


def norm_scale(rngs: nnx.Rngs, size: int, layers: int | None = None) -> nnx.Param:
    """Returns the initial scale of `rms_norm`: ones, [D]."""
    return parameter(rngs, jax.nn.initializers.ones, (size,), ("embed",), layers)


def bias_term(rngs: nnx.Rngs, size: int, axis: str, layers: int | None = None) -> nnx.Param:
    """Returns the initial bias of a projection: zeros, [size]."""
    return parameter(rngs, jax.nn.initializers.zeros, (size,), (axis,), layers)


def rms_norm(x: jax.Array, scale: jax.Array, epsilon: float) -> jax.Array:
    """Returns `x` [..., D] divided by its root mean square, times `scale` [D]; the statistics are float32.

    https://arxiv.org/abs/1910.07467
    """
    x32 = x.astype(jnp.float32)
    normed = x32 * jax.lax.rsqrt(jnp.mean(jnp.square(x32), axis=-1, keepdims=True) + epsilon)
    return normed.astype(x.dtype) * scale.astype(x.dtype)


def layer_norm(x: jax.Array, scale: jax.Array, bias: jax.Array, epsilon: float) -> jax.Array:
    """Returns `x` [..., D] minus its mean, divided by its standard deviation, times `scale`, plus `bias` [D]; in float32.

    https://arxiv.org/abs/1607.06450
    """
    x32 = x.astype(jnp.float32)
    centred = x32 - jnp.mean(x32, axis=-1, keepdims=True)
    normed = centred * jax.lax.rsqrt(jnp.mean(jnp.square(centred), axis=-1, keepdims=True) + epsilon)
    return (normed * scale + bias).astype(x.dtype)


class Attention(nnx.Module):
    """The four projections of multi-head attention, kept two-dimensional: [D, M] and [M, D].

    Initial values as in T5X: fan-in normal, with attention's 1 / sqrt(H) folded into the query
    (https://github.com/google-research/t5x/blob/main/t5x/examples/t5/layers.py, MultiHeadDotProductAttention).
    """

    def __init__(self, d_model: int, num_heads: int, head_dim: int, *, rngs: nnx.Rngs, layers: int | None = None):
        self.head_dim = head_dim
        inner = num_heads * head_dim
        normal = fan_in(distribution="normal")
        self.q = parameter(rngs, fan_in(1 / head_dim, "normal"), (d_model, inner), ("embed", "heads"), layers)
        self.k = parameter(rngs, normal, (d_model, inner), ("embed", "heads"), layers)
        self.v = parameter(rngs, normal, (d_model, inner), ("embed", "heads"), layers)
        self.o = parameter(rngs, normal, (inner, d_model), ("heads", "embed"), layers)

    def split_heads(self, x: jax.Array) -> jax.Array:
        """Returns `x` [..., M] reshaped to [..., N, H]."""
        return x.reshape(*x.shape[:-1], -1, self.head_dim)

    def queries(self, x: jax.Array) -> jax.Array:
        """Returns the queries [B, T, N, H] of `x` [B, T, D]."""
        return self.split_heads(project(x, self.q))

    def keys_values(self, x: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Returns the keys and values, each [B, S, N, H], of `x` [B, S, D]."""
        return self.split_heads(project(x, self.k)), self.split_heads(project(x, self.v))

    def output(self, attended: jax.Array) -> jax.Array:
        """Returns the projection [B, T, D] of the heads' outputs [B, T, N, H]."""
        return project(keep_attended(attended.reshape(*attended.shape[:-2], -1)), self.o)


class MLP(nnx.Module):
    """The MLP: act(x wi) wo, or (act(x wi_0) * x wi_1) wo if gated (https://arxiv.org/abs/2002.05202). Initial values: fan-in.

    Only an MLP that is not gated may have biases.
    """

    def __init__(
        self,
        d_model: int,
        d_ff: int,
        *,
        activation: str,
        gated: bool,
        dropout_rate: float,
        bias: bool = False,
        rngs: nnx.Rngs,
        layers: int | None = None,
    ):
        assert not (gated and bias)
        self.activation, self.gated, self.dropout_rate = activation, gated, dropout_rate
        into: tuple = (rngs, fan_in(), (d_model, d_ff), ("embed", "mlp"), layers)
        if gated:
            self.wi_0 = parameter(*into)
            self.wi_1 = parameter(*into)
        else:
            self.wi = parameter(*into)
        self.wo = parameter(rngs, fan_in(), (d_ff, d_model), ("mlp", "embed"), layers)
        self.wi_bias = bias_term(rngs, d_ff, "mlp", layers) if bias else None
        self.wo_bias = bias_term(rngs, d_model, "embed", layers) if bias else None

    def __call__(self, x: jax.Array, context: Context) -> jax.Array:
        """`x` [B, T, D] -> [B, T, D]."""
        activate = FUNCTIONS[self.activation]
        if self.gated:
            hidden = activate(project(x, self.wi_0)) * project(x, self.wi_1)
        else:
            hidden = activate(project(x, self.wi, self.wi_bias))
        return project(context.dropout(hidden, self.dropout_rate), self.wo, self.wo_bias)


def is_token(logits: jax.Array, tokens: jax.Array) -> jax.Array:
    """Returns a one-hot mask, bool [..., V], of the tokens int32 [...] among logits [..., V].

    It picks the tokens' logits as a masked sum over V. A look-up would write all logits to memory, and some TPUs would run it
    on another core.
    """
    return jax.lax.broadcasted_iota(jnp.int32, logits.shape, logits.ndim - 1) == tokens[..., None]


def likeliest(logits: jax.Array) -> jax.Array:
    """Returns the first of the highest logits [..., V], int32 [...]. XLA's argmax takes four times as long on a CPU."""
    highest, size = jnp.max(logits, axis=-1, keepdims=True), logits.shape[-1]
    places = jax.lax.broadcasted_iota(jnp.int32, logits.shape, logits.ndim - 1)
    return jnp.min(jnp.where(logits == highest, places, size - 1), axis=-1)
