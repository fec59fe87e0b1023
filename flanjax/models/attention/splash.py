"""Attention by JAX's splash kernel for TPUs: neither scores nor masks ever leave the chip's fast memory.

https://github.com/jax-ml/jax/tree/main/jax/experimental/pallas/ops/tpu/splash_attention

Axes: B batch, T queries, S keys, N query heads, K key and value heads, H head size.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jax.experimental.pallas.ops.tpu.splash_attention import splash_attention_kernel, splash_attention_mask

from flanjax.models.attention.choice import padded, splash_block, splash_largest
from flanjax.models.attention.reference import visible

BIAS_AXES: tuple[str, ...] = ()
_MOST_KEYS_FUSED = 4096  # the fused backward pass writes one gradient of the queries for each block of keys


def read(
    query: jax.Array,  # [B, T, N, H]
    key: jax.Array,  # [B, S, K, H]
    value: jax.Array,  # [B, S, K, H]
    query_segments: jax.Array,  # int32 [B, T]
    key_segments: jax.Array,  # int32 [B, S]
    bias: None = None,
    *,
    causal: bool = False,
    window: int | None = None,
    scale: float = 1.0,
    soft_cap: float | None = None,
    interpret: bool = False,
) -> jax.Array:
    """What `attend` gives: [B, T, N, H]. On arrays of one device; any lengths, multiples of 128 without copies.

    The kernel knows no scale, and it reads keys of other segments where a query has none of its own.
    """
    assert bias is None, "choice.py gives this kernel no bias"
    length, num_heads = query.shape[1:3]
    num_queries, num_keys = padded(length), padded(key.shape[1])
    has_key = jnp.any(visible(query_segments, key_segments, causal=causal, window=window), axis=-1)
    kernel = splash_attention_kernel.make_splash_mha(
        splash_attention_mask.MultiHeadMask([_mask(num_queries, num_keys, causal, window)] * num_heads),
        block_sizes=_blocks(num_queries, num_keys, query.dtype.itemsize * query.shape[-1]),
        attn_logits_soft_cap=soft_cap,
        head_shards=1,
        q_seq_shards=1,
        interpret=interpret,
    )
    segments = splash_attention_kernel.SegmentIds(
        _pad(query_segments, num_queries, constant_values=-1), _pad(key_segments, num_keys, constant_values=-2)
    )
    queries = _by_head(_pad((query * scale).astype(query.dtype), num_queries))
    keys, values = (_by_head(_pad(x, num_keys)) for x in (key, value))
    attended = _by_head(jax.vmap(kernel)(queries, keys, values, segments))[:, :length]
    return jnp.where(has_key[:, :, None, None], attended, 0)


def bias_array(bias: Any, num_queries: int, num_keys: int) -> Any:
    """The bias as `read` takes it: it takes none."""
    raise NotImplementedError(f"splash takes no bias, got {bias} of {num_queries} queries on {num_keys} keys")


def _mask(num_queries: int, num_keys: int, causal: bool, window: int | None) -> splash_attention_mask.Mask:
    shape = (num_queries, num_keys)
    if window is not None:
        return splash_attention_mask.LocalMask(shape, (window - 1, 0 if causal else None), 0)
    return splash_attention_mask.CausalMask(shape) if causal else splash_attention_mask.FullMask(shape)


def _blocks(num_queries: int, num_keys: int, head_bytes: int) -> splash_attention_kernel.BlockSizes:
    """Square blocks as large as fit, the scores of 512 keys at a time; backward in one pass over both unless keys are many."""
    largest = splash_largest(head_bytes)
    queries, keys = splash_block(num_queries, largest), splash_block(num_keys, largest)
    scored = splash_block(keys, 512)
    fused = num_keys <= _MOST_KEYS_FUSED
    return splash_attention_kernel.BlockSizes(
        block_q=queries,
        block_kv=keys,
        block_kv_compute=scored,
        block_q_dkv=queries,
        block_kv_dkv=keys,
        block_kv_dkv_compute=scored,
        block_q_dq=None if fused else queries,
        block_kv_dq=None if fused else scored,
        use_fused_bwd_kernel=fused,
    )


def _pad(x: jax.Array, length: int, constant_values: int = 0) -> jax.Array:
    """`x` [B, _, ...] made `length` long."""
    rest = [(0, 0)] * x.ndim
    rest[1] = (0, length - x.shape[1])
    return jnp.pad(x, rest, constant_values=constant_values)


def _by_head(x: jax.Array) -> jax.Array:
    """[B, T, N, H] as [B, N, T, H], and back."""
    return x.swapaxes(1, 2)
