"""The attention that a model on certain devices is given: `attend` itself, or a kernel on each device's part of the arrays."""

import functools
from collections.abc import Callable
from typing import Protocol

import jax

from flanjax.models.attention import hopper as attention_hopper
from flanjax.models.attention import relative_kernel as attention_relative
from flanjax.models.attention import splash as attention_splash
from flanjax.models.attention.choice import Choice, Need, choose
from flanjax.models.attention.reference import Attend, attend, drop_keys
from flanjax.models.attention.relative_bias import RelativeBias

HEADS = ("batch", "length", "heads", "head_dim")
SEGMENTS = ("batch", "length")
BIAS = ("heads", "length", "length")
DISTANCES = ("heads", "distances")


class Shard(Protocol):
    """`kernel` on each device's part of its arguments, whose logical axes are given, and of its result."""

    def __call__(
        self, kernel: Callable[..., jax.Array], in_axes: tuple[tuple[str, ...], ...], out_axes: tuple[str, ...]
    ) -> Callable[..., jax.Array]: ...


def make_attend(
    backend: str, *, platform: str, shard: Shard, note: Callable[[Need, Choice], None] = lambda need, choice: None
) -> Attend:
    """What stands in for `attend` where `backend` is asked for on devices of this platform (see attention_choice.py).

    Args:
      note: called with every attention that is traced.
    """
    tokamax = attention_hopper.installed()

    def attend_here(
        query,
        key,
        value,
        *,
        query_segments,
        key_segments,
        bias=None,
        causal=False,
        prefix=None,
        window=None,
        scale=1.0,
        soft_cap=None,
        dropout_rate=0.0,
        dropout_key=None,
    ) -> jax.Array:
        need = Need(
            query.shape[1],
            key.shape[1],
            query.shape[3],
            str(query.dtype),
            causal=causal,
            window=window,
            bias=bias is not None,
            relative=isinstance(bias, RelativeBias),
            prefix=prefix is not None,
            soft_cap=soft_cap is not None,
            cross=query_segments is not key_segments,
        )
        choice = choose(backend, need, platform=platform, tokamax=tokamax)
        note(need, choice)
        how = {"causal": causal, "window": window, "scale": scale, "soft_cap": soft_cap}
        if choice.name == "xla":
            return attend(
                query,
                key,
                value,
                query_segments=query_segments,
                key_segments=key_segments,
                bias=bias,
                prefix=prefix,
                dropout_rate=dropout_rate,
                dropout_key=dropout_key,
                **how,
            )
        key, value = drop_keys(key, value, query.shape[2], dropout_rate, dropout_key)
        arrays, axes = [query, key, value, query_segments, key_segments], [HEADS, HEADS, HEADS, SEGMENTS, SEGMENTS]
        if choice.name == "relative":
            kernel = functools.partial(attention_relative.read, causal=causal, scale=scale)
            if bias is not None:
                arrays.append(bias.values)
                axes.append(DISTANCES)
        elif choice.name == "splash":
            kernel = functools.partial(attention_splash.read, **how)
        else:
            kernel = functools.partial(attention_hopper.read, **how)
            if bias is not None:
                arrays.append(bias.rows(0, query.shape[1], key.shape[1]) if isinstance(bias, RelativeBias) else bias)
                axes.append(BIAS)
        return shard(kernel, tuple(axes), HEADS)(*arrays)

    return attend_here
