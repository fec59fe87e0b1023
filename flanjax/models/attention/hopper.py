"""Attention by tokamax's Mosaic kernel for Hopper GPUs: of each query's keys only the range of its segment is read.

https://github.com/openxla/tokamax; an optional package, because few runs are on Hopper: pip install 'flanjax[hopper]'.
Its public function takes no ranges, so the kernel's class is called. No run of this file on a GPU has been seen yet: that it
compiles to Hopper's kernels is tested, and its numbers are, through tokamax's own reference of the same signature.

Axes: B batch, T queries, S keys, N query heads, K key and value heads, H head size.
"""

import importlib.util
from collections.abc import Callable

import jax
import jax.numpy as jnp
from absl import flags

from flanjax.models.attention.choice import padded
from flanjax.models.attention.relative_bias import RelativeBias

BIAS_AXES = ("heads", "length", "length")
_BEYOND = jnp.iinfo(jnp.int32).max


def installed() -> bool:
    """Whether there is a tokamax."""
    return importlib.util.find_spec("tokamax") is not None


def read(
    query: jax.Array,  # [B, T, N, H]
    key: jax.Array,  # [B, S, K, H]
    value: jax.Array,  # [B, S, K, H]
    query_segments: jax.Array,  # int32 [B, T]
    key_segments: jax.Array,  # int32 [B, S]
    bias: jax.Array | None = None,  # float32 [N, T, S]
    *,
    causal: bool = False,
    window: int | None = None,
    scale: float = 1.0,
    soft_cap: float | None = None,
    kernel: Callable[..., jax.Array] | None = None,
) -> jax.Array:
    """What `attend` gives: [B, T, N, H]. On arrays of one device.

    Args:
      kernel: of tokamax's DotProductAttention; the one for Hopper unless given.
    """
    try:
        from tokamax._src.ops.attention.base import Mask
        from tokamax._src.ops.attention.pallas_mosaic_gpu import PallasMosaicGpuFlashAttention
    except ImportError as error:
        raise ImportError("attention on Hopper needs tokamax: pip install 'flanjax[hopper]'") from error
    if not flags.FLAGS.is_parsed():
        flags.FLAGS(["flanjax"])  # tokamax would read this program's command line as its own

    length, num_keys = query.shape[1], key.shape[1]
    start, end = key_ranges(query_segments, key_segments, causal=causal, window=window)
    has_key = start < end
    # A query without keys reads the first one, and its result is dropped: an empty range would divide by nothing.
    start, end = jnp.where(has_key, start, 0), jnp.where(has_key, end, 1)
    rows, columns = padded(length) - length, padded(num_keys) - num_keys
    start, end = (jnp.pad(x, ((0, 0), (0, rows)), constant_values=fill) for x, fill in ((start, 0), (end, 1)))
    if bias is not None:
        bias = jnp.pad(bias, ((0, 0), (0, rows), (0, columns)))[None]
    kernel = kernel or PallasMosaicGpuFlashAttention(use_stable_softmax=True)
    attended = kernel(
        jnp.pad(query, ((0, 0), (0, rows), (0, 0), (0, 0))),
        *(jnp.pad(x, ((0, 0), (0, columns), (0, 0), (0, 0))) for x in (key, value)),
        logits_scale=scale,
        logits_soft_cap=soft_cap,
        bias=bias,
        mask=Mask(k_start=start[:, None], k_end=end[:, None]),
    )
    return jnp.where(has_key[:, :, None, None], attended[:, :length], 0).astype(query.dtype)


def bias_array(bias: jax.Array | RelativeBias, num_queries: int, num_keys: int) -> jax.Array:
    """The bias as `read` takes it: float32 [N, T, S]."""
    return bias.rows(0, num_queries, num_keys) if isinstance(bias, RelativeBias) else bias


def key_ranges(
    query_segments: jax.Array,  # int32 [B, T]
    key_segments: jax.Array,  # int32 [B, S]
    *,
    causal: bool = False,
    window: int | None = None,
) -> tuple[jax.Array, jax.Array]:
    """The keys that each query sees, from (inclusive) and to (exclusive): two of int32 [B, T]; none where they are equal.

    Rows are packed as everywhere here: the segments of a row count up, and padding, segment 0, is last.

    >>> key_ranges(jnp.array([[1, 1, 2, 3]]), jnp.array([[1, 1, 1, 3, 0]]))
    (Array([[0, 0, 3, 3]], dtype=int32), Array([[3, 3, 3, 4]], dtype=int32))
    """
    queries, keys = (jnp.where(x == 0, _BEYOND, x) for x in (query_segments, key_segments))
    start = jax.vmap(lambda k, q: jnp.searchsorted(k, q, side="left"))(keys, queries)
    end = jax.vmap(lambda k, q: jnp.searchsorted(k, q, side="right"))(keys, queries)
    positions = jnp.arange(queries.shape[1])
    if causal:
        end = jnp.minimum(end, positions + 1)
    if window is not None:
        start = jnp.maximum(start, positions - window + 1)
    return start, jnp.maximum(end, start)
