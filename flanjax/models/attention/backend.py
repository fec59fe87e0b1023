"""The attention that a model on certain devices is given: `attend` itself, or a kernel on each device's part of the arrays."""

import functools
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import jax

from flanjax.models.attention import blocks, hopper, relative_kernel, splash, triton_kernel
from flanjax.models.attention.choice import Choice, Need, Prove, choose, unproven
from flanjax.models.attention.reference import Attend, attend, drop_keys
from flanjax.models.attention.relative_bias import RelativeBias

HEADS = ("batch", "length", "heads", "head_dim")
SEGMENTS = ("batch", "length")


class Kernel(Protocol):
    """A module that computes attention on arrays of one device.

    read: (query [B, T, N, H], key, value [B, S, K, H], query_segments [B, T], key_segments [B, S], bias, *, causal, window,
      scale, soft_cap) -> [B, T, N, H], as `attend` defines them.
    bias_array: (bias of `attend`, T, S) -> the bias as `read` takes it, whose logical axes are BIAS_AXES.
    """

    read: Callable[..., jax.Array]
    bias_array: Callable[[Any, int, int], jax.Array]
    BIAS_AXES: tuple[str, ...]


KERNELS: Mapping[str, Any] = {
    "splash": splash,
    "relative": relative_kernel,
    "hopper": hopper,
    "triton": triton_kernel,
    "blocks": blocks,
}  # modules, each a Kernel


class Shard(Protocol):
    """`kernel` on each device's part of its arguments, whose logical axes are given, and of its result."""

    def __call__(
        self, kernel: Callable[..., jax.Array], in_axes: tuple[tuple[str, ...], ...], out_axes: tuple[str, ...]
    ) -> Callable[..., jax.Array]: ...


def make_attend(
    backend: str,
    *,
    platform: str,
    shard: Shard,
    note: Callable[[Need, Choice], None] = lambda need, choice: None,
    prove: Prove = unproven,
) -> Attend:
    """What stands in for `attend` where `backend` is asked for on devices of this platform (choice.py).

    Args:
      note: called with every attention that is traced.
      prove: whether a kernel may be chosen unasked; proof.py where the devices are here.
    """
    installed = hopper.installed()

    def attend_here(
        query: jax.Array,
        key: jax.Array,
        value: jax.Array,
        *,
        query_segments: jax.Array,
        key_segments: jax.Array,
        bias: jax.Array | RelativeBias | None = None,
        prefix: jax.Array | None = None,
        dropout_rate: float = 0.0,
        dropout_key: jax.Array | None = None,
        **how: Any,
    ) -> jax.Array:
        need = _need(query, key, how, bias, prefix, cross=query_segments is not key_segments)
        choice = choose(backend, need, platform=platform, tokamax=installed, prove=prove)
        note(need, choice)
        segments: dict[str, Any] = {"query_segments": query_segments, "key_segments": key_segments}
        if choice.name == "xla":
            drop: dict[str, Any] = {"dropout_rate": dropout_rate, "dropout_key": dropout_key}
            return attend(query, key, value, **segments, bias=bias, prefix=prefix, **drop, **how)
        key, value = drop_keys(key, value, query.shape[2], dropout_rate, dropout_key)
        kernel = KERNELS[choice.name]
        arrays, axes = [query, key, value, *segments.values()], [HEADS, HEADS, HEADS, SEGMENTS, SEGMENTS]
        if bias is not None:
            arrays.append(kernel.bias_array(bias, query.shape[1], key.shape[1]))
            axes.append(kernel.BIAS_AXES)
        return shard(functools.partial(kernel.read, **how), tuple(axes), HEADS)(*arrays)

    return attend_here


def _need(
    query: jax.Array, key: jax.Array, how: Mapping[str, Any], bias: Any, prefix: jax.Array | None, *, cross: bool
) -> Need:
    return Need(
        query.shape[1],
        key.shape[1],
        query.shape[3],
        str(query.dtype),
        causal=how.get("causal", False),
        window=how.get("window"),
        bias=bias is not None,
        relative=isinstance(bias, RelativeBias),
        prefix=prefix is not None,
        soft_cap=how.get("soft_cap") is not None,
        cross=cross,
    )
