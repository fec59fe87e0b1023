"""Attention with T5's relative bias as a kernel for TPUs: neither the scores nor the bias ever leave the chip's fast memory.

JAX's own kernels for TPUs take no bias, or take it written out, as large as the scores and with a gradient of that size. This
one is given one number a distance. It spreads a block's part of them over the diagonals of its scores by rotating rows; the
gradient of a number is the sum of its diagonal, found the same way backwards. A block of queries sees all keys at once, so that
its softmax is done in one go, and the backward pass does it again from the arguments of the forward pass alone.

Axes: B batch, T queries, S keys, N heads, K key and value heads, H head size, D = T + S distances.
"""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import tpu as pltpu

from flanjax.models.attention.choice import padded, relative_block
from flanjax.models.attention.reference import MASKED
from flanjax.models.attention.relative_bias import RelativeBias

BIAS_AXES = ("heads", "distances")
_SUBLANES = 8  # rows of a tile of float32
_VMEM_BYTES = 64 * 2**20  # what a kernel may take of it; it takes some times the scores of a block


class _How(NamedTuple):
    block: int  # queries
    causal: bool
    scale: float
    interpret: bool


def read(
    query: jax.Array,  # [B, T, N, H]
    key: jax.Array,  # [B, S, K, H]
    value: jax.Array,  # [B, S, K, H]
    query_segments: jax.Array,  # int32 [B, T]
    key_segments: jax.Array,  # int32 [B, S]
    distances: jax.Array | None = None,  # float32 [N, T + S - 1], as in RelativeBias
    *,
    causal: bool = False,
    window: int | None = None,
    scale: float = 1.0,
    soft_cap: float | None = None,
    interpret: bool = False,
) -> jax.Array:
    """What `attend` gives: [B, T, N, H]. On arrays of one device; any lengths, multiples of 128 without copies."""
    assert window is None, "choice.py gives this kernel no window"
    assert soft_cap is None, "choice.py gives this kernel no soft cap"
    length, num_keys, heads = query.shape[1], key.shape[1], query.shape[2]
    rows, columns = padded(length) - length, padded(num_keys) - num_keys
    if distances is None:
        distances = jnp.zeros((heads, length + num_keys - 1), jnp.float32)
    if (repeats := heads // key.shape[2]) > 1:
        key, value = (jnp.repeat(x, repeats, axis=2) for x in (key, value))

    def by_head(x: jax.Array, more: int) -> jax.Array:
        return jnp.pad(x.swapaxes(1, 2), ((0, 0), (0, 0), (0, more), (0, 0)))

    attended = _attention(_How(relative_block(length + rows, num_keys + columns), causal, scale, interpret))(
        by_head(query, rows),
        by_head(key, columns),
        by_head(value, columns),
        _moved(jnp.pad(distances, ((0, 0), (rows, columns + 1)))),
        jnp.pad(query_segments, ((0, 0), (0, rows)), constant_values=-1)[:, :, None],
        jnp.pad(key_segments, ((0, 0), (0, columns)), constant_values=-2)[:, None],
    )
    return attended.swapaxes(1, 2)[:, :length]


def bias_array(bias: jax.Array | RelativeBias, num_queries: int, num_keys: int) -> jax.Array:
    """The bias as `read` takes it: float32 [N, T + S - 1]."""
    del num_queries, num_keys
    assert isinstance(bias, RelativeBias), "choice.py gives this kernel no other bias"
    return bias.values


def _moved(distances: jax.Array) -> jax.Array:
    """[N, D] as [N, 8, D], in which every row is one place further to the left than the next: what `_diagonals` takes."""
    return jnp.stack([jnp.roll(distances, -places, axis=1) for places in reversed(range(_SUBLANES))], axis=1)


@functools.cache
def _attention(how: _How) -> Callable[..., jax.Array]:
    """(query [B, N, T, H], key, value [B, N, S, H], distances [N, 8, D], segments [B, T, 1], [B, 1, S]) -> [B, N, T, H]."""

    @jax.custom_vjp
    def attention(*arrays: jax.Array) -> jax.Array:
        return _call(_read_block, 2, how, arrays, ["queries"])[0]

    def backward(arrays, gradient):
        results = ["queries", "keys", "keys", "distances"]
        return *_call(_gradients_of_block, 5, how, (*arrays, gradient), results), None, None

    attention.defvjp(lambda *arrays: (attention(*arrays), arrays), backward)
    return attention


def _call(
    kernel: Callable[..., None], products: int, how: _How, arrays: tuple[jax.Array, ...], results: list[str]
) -> list[jax.Array]:
    """Runs a kernel of so many products for each head, row and block of queries, in this order.

    A result stays in fast memory, to be added to, until the block of it that the next run has is another.
    """
    query, key, _, distances, *_ = arrays
    batch, heads, length, size = query.shape
    num_keys, shapes = key.shape[2], {"queries": query, "keys": key, "distances": distances}
    blocks = {
        "queries": pl.BlockSpec((None, None, how.block, size), lambda n, b, i: (b, n, i, 0)),
        "keys": pl.BlockSpec((None, None, num_keys, size), lambda n, b, i: (b, n, 0, 0)),
        "distances": pl.BlockSpec((None, *distances.shape[1:]), lambda n, b, i: (n, 0, 0)),
        "query segments": pl.BlockSpec((None, how.block, 1), lambda n, b, i: (b, i, 0)),
        "key segments": pl.BlockSpec((None, 1, num_keys), lambda n, b, i: (b, 0, 0)),
    }
    given = ["queries", "keys", "keys", "distances", "query segments", "key segments", "queries"][: len(arrays)]
    sums = [pltpu.VMEM((num_keys, size), jnp.float32)] * results.count("keys")
    call = pl.pallas_call(
        functools.partial(kernel, how),
        out_shape=[jax.ShapeDtypeStruct(shapes[name].shape, shapes[name].dtype) for name in results],
        grid=(heads, batch, length // how.block),
        in_specs=[blocks[name] for name in given],
        out_specs=[blocks[name] for name in results],
        scratch_shapes=sums,
        compiler_params=pltpu.CompilerParams(
            dimension_semantics=("parallel", "arbitrary", "arbitrary"), vmem_limit_bytes=_VMEM_BYTES
        ),
        cost_estimate=pl.CostEstimate(
            flops=products * 2 * query.size * num_keys,
            transcendentals=query.size // size * num_keys,
            bytes_accessed=sum(x.nbytes for x in arrays) + sum(shapes[name].nbytes for name in results),
        ),
        interpret=how.interpret,
        name=f"relative_attention{kernel.__name__}",
    )
    return call(*arrays)


def _read_block(how: _How, query, key, value, distances, query_segments, key_segments, read) -> None:
    weights = _weights(how, query[...], key[...], distances, query_segments[...], key_segments[...])
    read[...] = _product(weights.astype(value.dtype), value[...], (1, 0)).astype(read.dtype)


def _gradients_of_block(
    how: _How,
    query,
    key,
    value,
    distances,
    query_segments,
    key_segments,
    gradient,
    of_query,
    of_key,
    of_value,
    of_distances,
    sum_of_key,
    sum_of_value,
) -> None:
    row, block = pl.program_id(1), pl.program_id(2)

    @pl.when(block == 0)
    def _begin_row():
        sum_of_key[...] = jnp.zeros_like(sum_of_key)
        sum_of_value[...] = jnp.zeros_like(sum_of_value)

    @pl.when((block == 0) & (row == 0))
    def _begin_head():
        of_distances[...] = jnp.zeros_like(of_distances)

    weights = _weights(how, query[...], key[...], distances, query_segments[...], key_segments[...])
    of_weights = _product(gradient[...], value[...], (1, 1))
    of_scores = weights * (of_weights - (weights * of_weights).sum(axis=1, keepdims=True))
    scaled = (how.scale * of_scores).astype(query.dtype)
    of_query[...] = _product(scaled, key[...], (1, 0)).astype(of_query.dtype)
    sum_of_key[...] += _product(scaled, query[...], (0, 0))
    sum_of_value[...] += _product(weights.astype(gradient.dtype), gradient[...], (0, 0))
    of_distances[:, _window(how, key)] += _sums_of_diagonals(of_scores)

    @pl.when(block == pl.num_programs(2) - 1)
    def _end_row():
        of_key[...] = sum_of_key[...].astype(of_key.dtype)
        of_value[...] = sum_of_value[...].astype(of_value.dtype)


def _weights(how: _How, query, key, distances, query_segments, key_segments) -> jax.Array:
    """float32 [block, S]; zeros where nothing is seen."""
    scores = how.scale * _product(query, key, (1, 1)) + _diagonals(distances[:, _window(how, key)], how.block)
    seen = query_segments == key_segments
    if how.causal:
        first = pl.program_id(2) * how.block
        rows, columns = (jax.lax.broadcasted_iota(jnp.int32, scores.shape, axis) for axis in (0, 1))
        seen &= columns <= first + rows
    scores = jnp.where(seen, scores, MASKED)
    weights = jnp.exp(scores - scores.max(axis=1, keepdims=True))
    return jnp.where(seen, weights / weights.sum(axis=1, keepdims=True), 0)


def _product(a: jax.Array, b: jax.Array, axes: tuple[int, int]) -> jax.Array:
    return jax.lax.dot_general(a, b, (((axes[0],), (axes[1],)), ((), ())), preferred_element_type=jnp.float32)


def _window(how: _How, key):
    """The distances of a block of queries: the last query's to the first key, up to the first query's to the last key."""
    blocks_after = pl.num_programs(2) - 1 - pl.program_id(2)
    return pl.ds(pl.multiple_of(blocks_after * how.block, how.block), how.block + key.shape[0])


def _diagonals(distances: jax.Array, count: int) -> jax.Array:
    """[8, count + S], as `_moved` gives it, to [count, S], in which every row is one place further to the left than the next.

    What comes round from the left end lies beyond S.
    """
    rows = distances
    while len(rows) < count:
        rows = jnp.concatenate([pltpu.roll(rows, rows.shape[1] - len(rows), 1), rows])
    return rows[:, : rows.shape[1] - count]


def _sums_of_diagonals(x: jax.Array) -> jax.Array:
    """The transpose of `_diagonals`: [count, S] to [8, count + S]."""
    rows = jnp.pad(x, ((0, 0), (0, len(x))))
    while (half := len(rows) // 2) >= _SUBLANES:
        rows = pltpu.roll(rows[:half], half, 1) + rows[half:]
    return rows
