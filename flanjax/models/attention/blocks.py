"""Attention for CPUs: only those blocks of scores are computed in which some query sees some key.

Packing forbids most of the scores of a row, and what a block of 64 queries and 64 keys needs stays in a core's cache, while the
scores of whole rows would go through memory a dozen times a layer. A loop runs over the blocks that are left, in plain XLA: the
softmax is kept up to date from block to block, and the backward pass computes the weights again (https://arxiv.org/abs/2205.14135).

A loop is the work of one core: several cores share a batch as so many devices (parallel/cores.py).

Axes: B batch, T queries, S keys, N query heads, K key and value heads, G = N / K, H head size, Q = C = 64 queries and keys of a
block, R = G * Q, D = T + S - 1 distances.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from flanjax.models.attention.reference import MASKED, visible
from flanjax.models.attention.relative_bias import RelativeBias

BIAS_AXES = ("heads", "distances")
BLOCK = 64


class _How(NamedTuple):
    causal: bool
    window: int | None
    scale: float


class _Arrays(NamedTuple):
    """What attention reads, all lengths multiples of BLOCK."""

    query: jax.Array  # [B, K, G, T, H]
    key: jax.Array  # [B, K, S, H]
    value: jax.Array  # [B, K, S, H]
    query_segments: jax.Array  # int32 [B, T]
    key_segments: jax.Array  # int32 [B, S]
    bias: jax.Array | None  # float32 [K, G, Q, D - Q + 1], as `_windows` makes it


class _Block(NamedTuple):
    """Where a block of scores is: int32 [] each."""

    batch: jax.Array
    row: jax.Array  # its first query
    column: jax.Array  # its first key


class _Blocks(NamedTuple):
    """The blocks to compute: int32 [P] each, of which the first `number` mean something."""

    batch: jax.Array
    row: jax.Array
    column: jax.Array
    number: jax.Array

    def at(self, number: jax.Array) -> _Block:
        return _Block(self.batch[number], self.row[number], self.column[number])


def read(
    query: jax.Array,  # [B, T, N, H]
    key: jax.Array,  # [B, S, K, H]
    value: jax.Array,  # [B, S, K, H]
    query_segments: jax.Array,  # int32 [B, T]
    key_segments: jax.Array,  # int32 [B, S]
    distances: jax.Array | None = None,  # float32 [N, D], as in RelativeBias
    *,
    causal: bool = False,
    window: int | None = None,
    scale: float = 1.0,
    soft_cap: float | None = None,
) -> jax.Array:
    """What `attend` gives: [B, T, N, H]; but nothing is promised of padding, the queries of segment 0.

    On arrays of one device; any lengths, multiples of 64 without copies.
    """
    assert soft_cap is None, "choice.py gives this kernel no soft cap"
    batch, length, heads, size = query.shape
    rows, columns = (-x.shape[1] % BLOCK for x in (query, key))

    def by_head(x: jax.Array, more: int) -> jax.Array:
        return jnp.pad(x.swapaxes(1, 2), ((0, 0), (0, 0), (0, more), (0, 0)))

    key, value = by_head(key, columns), by_head(value, columns)
    query = by_head(query, rows).reshape(batch, key.shape[1], -1, length + rows, size)
    bias = None
    if distances is not None:
        bias = _windows(jnp.pad(distances, ((0, 0), (rows, columns)))).reshape(*query.shape[1:3], BLOCK, -1)
    query_segments, key_segments = (jnp.pad(x, ((0, 0), (0, n))) for x, n in ((query_segments, rows), (key_segments, columns)))
    attended = _attention(_How(causal, window, scale))(_Arrays(query, key, value, query_segments, key_segments, bias))
    return attended.reshape(batch, heads, -1, size).swapaxes(1, 2)[:, :length].astype(value.dtype)


def bias_array(bias: jax.Array | RelativeBias, num_queries: int, num_keys: int) -> jax.Array:
    """The bias as `read` takes it: float32 [N, D]."""
    del num_queries, num_keys
    assert isinstance(bias, RelativeBias), "choice.py gives this kernel no other bias"
    return bias.values


def _windows(distances: jax.Array) -> jax.Array:
    """[N, D] as [N, Q, D - Q + 1]: row q begins at distance Q - 1 - q, so that a block's bias is a slice of columns.

    The distances, repeated, are written in lines one longer than they are: each line begins one further on than the last.
    """
    heads, count = distances.shape
    repeated = jnp.tile(distances, (1, BLOCK + 1))[:, : BLOCK * (count + 1)]
    return repeated.reshape(heads, BLOCK, count + 1)[:, ::-1, : count - BLOCK + 1]


@functools.cache
def _attention(how: _How) -> Callable[[_Arrays], jax.Array]:
    """arrays -> float32 [B, K, G, T, H]."""

    @jax.custom_vjp
    def attention(arrays: _Arrays) -> jax.Array:
        return forward(arrays)[0]

    def forward(arrays: _Arrays) -> tuple[jax.Array, Any]:
        blocks = _blocks(how, arrays)
        attended, log_total = _read(how, arrays, blocks)
        return attended, (arrays, blocks, attended, log_total)

    def backward(kept: Any, gradient: jax.Array) -> tuple[_Arrays]:
        arrays, blocks, attended, log_total = kept
        return (_gradients(how, arrays, blocks, attended, log_total, gradient),)

    attention.defvjp(forward, backward)
    return attention


def _blocks(how: _How, arrays: _Arrays) -> _Blocks:
    """The blocks in which a query that is no padding sees a key, row by row."""
    queries, keys = arrays.query_segments, arrays.key_segments
    seen = visible(queries, keys, causal=how.causal, window=how.window) & (queries > 0)[:, :, None]
    any_seen = seen.reshape(len(queries), -1, BLOCK, keys.shape[1] // BLOCK, BLOCK).any((2, 4))
    batch, row, column = jnp.nonzero(any_seen, size=any_seen.size, fill_value=0)
    return _Blocks(batch, row * BLOCK, column * BLOCK, any_seen.sum(dtype=jnp.int32))


def _read(how: _How, arrays: _Arrays, blocks: _Blocks) -> tuple[jax.Array, jax.Array]:
    """What is read, float32 [B, K, G, T, H], and the logarithm of each query's sum of exponentials, float32 [B, K, G, T]."""
    shape = arrays.query.shape

    def body(number, sums):
        block = blocks.at(number)
        read, total, top = (_rows(x, block) for x in sums)
        scores = _scores(how, arrays, block)
        new_top = jnp.maximum(top, scores.max(-1))
        weights, shrunk = jnp.exp(scores - new_top[..., None]), jnp.exp(top - new_top)
        values = _keys(arrays.value, block)
        read = read * shrunk[..., None] + _einsum("krc,kch->krh", weights.astype(values.dtype), values)
        new = read, total * shrunk + weights.sum(-1), new_top
        return tuple(_with_rows(x, block, y) for x, y in zip(sums, new, strict=True))

    empty = jnp.zeros(shape, jnp.float32), jnp.zeros(shape[:-1], jnp.float32), jnp.full(shape[:-1], MASKED, jnp.float32)
    read, total, top = jax.lax.fori_loop(0, blocks.number, body, empty)
    none = top <= MASKED  # a query without any key, whose masked scores weighed 1 each
    read = jnp.where(none[..., None], 0, read / jnp.where(none, 1, total)[..., None])
    return read, jnp.where(none, 0, top + jnp.log(jnp.where(none, 1, total)))


def _gradients(
    how: _How, arrays: _Arrays, blocks: _Blocks, attended: jax.Array, log_total: jax.Array, gradient: jax.Array
) -> _Arrays:
    """The gradients of the arrays, given that of the result; None for segments."""
    query, key, value, _, _, bias = arrays
    along = (attended * gradient).sum(-1)  # [B, K, G, T]: the weighted mean of each query's gradients of weights

    def body(number, sums):
        block = blocks.at(number)
        of_query, of_key, of_value, of_bias = sums
        queries, keys, values = _rows(query, block), _keys(key, block), _keys(value, block)
        scores, of_read = _scores(how, arrays, block), _rows(gradient, block).astype(value.dtype)
        weights = jnp.exp(scores - _rows(log_total, block)[..., None])
        of_weights = _einsum("krh,kch->krc", of_read, values)
        of_scores = weights * (of_weights - _rows(along, block)[..., None])
        scaled = (how.scale * of_scores).astype(query.dtype)
        of_query = _with_rows(of_query, block, _rows(of_query, block) + _einsum("krc,kch->krh", scaled, keys))
        of_key = _with_keys(of_key, block, _keys(of_key, block) + _einsum("krc,krh->kch", scaled, queries))
        of_value = _with_keys(
            of_value, block, _keys(of_value, block) + _einsum("krc,krh->kch", weights.astype(value.dtype), of_read)
        )
        if of_bias is not None:
            new = (_bias(of_bias, arrays, block) + of_scores).reshape(*of_bias.shape[:3], BLOCK)
            of_bias = jax.lax.dynamic_update_slice(of_bias, new, _bias_at(arrays, block))
        return of_query, of_key, of_value, of_bias

    zeros = [None if x is None else jnp.zeros(x.shape, jnp.float32) for x in (query, key, value, bias)]
    of_query, of_key, of_value, of_bias = jax.lax.fori_loop(0, blocks.number, body, tuple(zeros))
    of_query, of_key, of_value = (x.astype(like.dtype) for x, like in ((of_query, query), (of_key, key), (of_value, value)))
    nothing: Any = None
    return _Arrays(of_query, of_key, of_value, nothing, nothing, of_bias)


def _scores(how: _How, arrays: _Arrays, block: _Block) -> jax.Array:
    """float32 [K, R, C]; MASKED where a query does not see a key."""
    scores = how.scale * _einsum("krh,kch->krc", _rows(arrays.query, block), _keys(arrays.key, block))
    if arrays.bias is not None:
        scores += _bias(arrays.bias, arrays, block)
    queries = jax.lax.dynamic_slice(arrays.query_segments, (block.batch, block.row), (1, BLOCK))
    keys = jax.lax.dynamic_slice(arrays.key_segments, (block.batch, block.column), (1, BLOCK))
    seen = visible(queries, keys, causal=how.causal, window=how.window, first=block.row - block.column)[0]
    return jnp.where(jnp.tile(seen, (arrays.query.shape[2], 1)), scores, MASKED)


def _einsum(product: str, a: jax.Array, b: jax.Array) -> jax.Array:
    return jnp.einsum(product, a, b, preferred_element_type=jnp.float32)


def _bias_at(arrays: _Arrays, block: _Block) -> tuple[Any, ...]:
    return 0, 0, 0, arrays.query.shape[3] - BLOCK - block.row + block.column


def _bias(bias: jax.Array, arrays: _Arrays, block: _Block) -> jax.Array:
    """A block of `bias` or of its gradient: [K, R, C]."""
    return jax.lax.dynamic_slice(bias, _bias_at(arrays, block), (*bias.shape[:3], BLOCK)).reshape(len(bias), -1, BLOCK)


def _rows(x: jax.Array, block: _Block) -> jax.Array:
    """The block's queries of [B, K, G, T, ...]: [K, R, ...]."""
    sizes = (1, *x.shape[1:3], BLOCK, *x.shape[4:])
    return jax.lax.dynamic_slice(x, _rows_at(x, block), sizes).reshape(x.shape[1], -1, *x.shape[4:])


def _with_rows(x: jax.Array, block: _Block, rows: jax.Array) -> jax.Array:
    rows = rows.reshape(1, *x.shape[1:3], BLOCK, *x.shape[4:])
    return jax.lax.dynamic_update_slice(x, rows, _rows_at(x, block))


def _rows_at(x: jax.Array, block: _Block) -> tuple[Any, ...]:
    return block.batch, 0, 0, block.row, *(0,) * (x.ndim - 4)


def _keys(x: jax.Array, block: _Block) -> jax.Array:
    """The block's keys of [B, K, S, H]: [K, C, H]."""
    return jax.lax.dynamic_slice(x, (block.batch, 0, block.column, 0), (1, x.shape[1], BLOCK, x.shape[3]))[0]


def _with_keys(x: jax.Array, block: _Block, keys: jax.Array) -> jax.Array:
    return jax.lax.dynamic_update_slice(x, keys[None], (block.batch, 0, block.column, 0))
