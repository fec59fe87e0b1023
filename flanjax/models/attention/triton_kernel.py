"""Attention with T5's relative bias as kernels for NVIDIA's GPUs, in Triton: neither scores nor bias are ever written out,
forward or backward.

GPU libraries take a bias only as an array of the scores' size, with a gradient of that size. These kernels are given one number
a distance and look up a tile's part of them. Every tile on one diagonal of tiles has the same bias, so the bias' gradient is
found by a kernel that adds up such tiles: what it writes is linear in the length. Nothing is added atomically, so the same
arrays always give the same bits.

Rows are packed: the segments of a row count up, and padding, segment 0, is last. So the keys that a block of queries may see
lie in one range of blocks, and no other tile is computed (FlashAttention-2, arXiv:2307.08691, with a range for each block).

Axes: B batch, T queries, S keys, N query heads, K key and value heads, G = N / K, H head size, I and J blocks of queries and
keys, D diagonals of tiles.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton

from flanjax.models.attention.reference import MASKED
from flanjax.models.attention.relative_bias import RelativeBias

BIAS_AXES = ("heads", "distances")
BLOCK = 64  # queries and keys of a tile
# Padding counts as this segment. Queries and keys that are added here have the next two, so that neither sees anything.
_LAST = 2**30
_BATCH_PARTS = 4  # the gradient of the bias is added up over the rows of a batch in so many parts, for more programs to run


class _How(NamedTuple):
    biased: bool
    causal: bool
    window: int | None
    scale: float
    soft_cap: float | None
    interpret: bool


class _Refs(NamedTuple):
    """What the kernels read, all of it whole: what `read` is given, and what the backward pass has beside it."""

    query: Any  # [B, T, N, H]
    key: Any  # [B, S, K, H]
    value: Any  # [B, S, K, H]
    distances: Any  # float32 [N, T + S - 1], or [N, 1] without a bias
    query_segments: Any  # int32 [B, T]
    key_segments: Any  # int32 [B, S]
    key_range: Any  # int32 [B, I, 2], of each block of queries
    query_range: Any  # int32 [B, J, 2], of each block of keys
    gradient: Any = None  # [B, T, N, H], of the result
    log_sums: Any = None  # float32 [B, N, T], logarithms of the softmax's sums
    common: Any = None  # float32 [B, N, T], the sum of the result times its gradient

    @property
    def groups(self) -> int:
        return self.query.shape[2] // self.key.shape[2]


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
    """What `attend` gives: [B, T, N, H]. On arrays of one device; any lengths, multiples of 64 without copies."""
    length, num_keys = query.shape[1], key.shape[1]
    rows, columns = -length % BLOCK, -num_keys % BLOCK
    query, key, value = _padded(query, rows), _padded(key, columns), _padded(value, columns)
    query_segments = jnp.pad(query_segments, ((0, 0), (0, rows)), constant_values=_LAST + 1)
    key_segments = jnp.pad(key_segments, ((0, 0), (0, columns)), constant_values=_LAST + 2)
    how = _How(distances is not None, causal, window, scale, soft_cap, interpret)
    if distances is None:
        distances = jnp.zeros((query.shape[2], 1), jnp.float32)
    else:
        distances = jnp.pad(distances, ((0, 0), (rows, columns)))
    return _attention(how)(query, key, value, distances, query_segments, key_segments)[:, :length]


def bias_array(bias: jax.Array | RelativeBias, num_queries: int, num_keys: int) -> jax.Array:
    """The bias as `read` takes it: float32 [N, T + S - 1]."""
    del num_queries, num_keys
    assert isinstance(bias, RelativeBias), "choice.py gives this kernel no other bias"
    return bias.values


def tile_ranges(
    query_segments: jax.Array,  # int32 [B, T]
    key_segments: jax.Array,  # int32 [B, S]
    *,
    causal: bool = False,
    window: int | None = None,
    block: int = BLOCK,
) -> tuple[jax.Array, jax.Array]:
    """The tiles that hold all that is seen: for each block of queries the first block of keys and the one after the last,
    int32 [B, I, 2]; and for each block of keys likewise the blocks of queries, int32 [B, J, 2].

    >>> tile_ranges(jnp.array([[1, 1, 2, 2]]), jnp.array([[1, 2, 2, 2]]), block=2)[0]
    Array([[[0, 1],
            [0, 2]]], dtype=int32)
    """
    (low, high), (first, last) = (_ends(x, block) for x in (query_segments, key_segments))
    shared = (low[:, :, None] <= last[:, None, :]) & (first[:, None, :] <= high[:, :, None])  # [B, I, J]
    away = (jnp.arange(shared.shape[2])[None, :] - jnp.arange(shared.shape[1])[:, None]) * block
    if causal:
        shared &= away <= 0
    if window is not None:
        shared &= away > -window - block
    return _range(shared), _range(shared.swapaxes(1, 2))


def _ends(segments: jax.Array, block: int) -> tuple[jax.Array, jax.Array]:
    """The least and the greatest segment of each block, padding's as the last of all: int32 [B, I] each."""
    blocks = jnp.where(segments == 0, _LAST, segments).reshape(len(segments), -1, block)
    return blocks.min(axis=2), blocks.max(axis=2)


def _range(shared: jax.Array) -> jax.Array:
    """The first true place of the last axis and the one after the last: int32 [B, I, 2]; both 0 where none is true."""
    places = jnp.arange(shared.shape[2], dtype=jnp.int32)
    after = jnp.max(jnp.where(shared, places + 1, 0), axis=2)
    return jnp.stack([jnp.minimum(jnp.min(jnp.where(shared, places, shared.shape[2]), axis=2), after), after], axis=2)


def _padded(x: jax.Array, more: int) -> jax.Array:
    return jnp.pad(x, ((0, 0), (0, more), (0, 0), (0, 0)))


@functools.cache
def _attention(how: _How) -> Callable[..., jax.Array]:
    """(query [B, T, N, H], key, value [B, S, K, H], distances, segments [B, T], [B, S]) -> [B, T, N, H]."""

    @jax.custom_vjp
    def attention(*arrays: jax.Array) -> jax.Array:
        return forward(*arrays)[0]

    def forward(*arrays: jax.Array) -> tuple[jax.Array, Any]:
        key_range, query_range = tile_ranges(*arrays[-2:], causal=how.causal, window=how.window)
        refs = _Refs._make([*arrays, key_range, query_range, None, None, None])
        result, log_sums = _call(_read_block, how, refs, "query blocks", ["query", "row"])
        return result, (refs._replace(log_sums=log_sums), result)

    def backward(kept: tuple[_Refs, jax.Array], gradient: jax.Array) -> tuple[Any, ...]:
        refs, result = kept
        common = jnp.einsum("btnh,btnh->bnt", gradient, result, preferred_element_type=jnp.float32)
        refs = refs._replace(gradient=gradient, common=common)
        (of_query,) = _call(_query_gradient, how, refs, "query blocks", ["query"])
        of_key, of_value = _call(_key_gradients, how, refs, "key blocks", ["key", "key"])
        of_distances = None
        if how.biased:
            (tiles,) = _call(_bias_gradient, how, refs, "diagonals", ["tile"])
            of_distances = _sums_of_distances(tiles.sum(axis=0))
        return of_query, of_key, of_value, of_distances, None, None

    attention.defvjp(forward, backward)
    return attention


def _call(kernel: Callable[..., None], how: _How, refs: _Refs, grid: str, results: list[str]) -> list[jax.Array]:
    """Runs a kernel for each block of its grid, head and row; it loads what it needs of whole arrays."""
    batch, length, heads, size = refs.query.shape
    num_keys, key_heads = refs.key.shape[1:3]
    diagonals, parts = length // BLOCK + num_keys // BLOCK - 1, min(batch, _BATCH_PARTS)
    grids = {
        "query blocks": (length // BLOCK, heads, batch),
        "key blocks": (num_keys // BLOCK, key_heads, batch),
        "diagonals": (diagonals, heads, parts),
    }
    shapes = {
        "query": jax.ShapeDtypeStruct(refs.query.shape, refs.query.dtype),
        "key": jax.ShapeDtypeStruct(refs.key.shape, refs.key.dtype),
        "row": jax.ShapeDtypeStruct((batch, heads, length), jnp.float32),
        "tile": jax.ShapeDtypeStruct((parts, heads, diagonals, BLOCK, BLOCK), jnp.float32),
    }
    given = [array for array in refs if array is not None]
    call = pl.pallas_call(
        lambda *refs: kernel(how, _Refs(*refs[: len(given)]), *refs[len(given) :]),
        out_shape=[shapes[name] for name in results],
        grid=grids[grid],
        compiler_params=triton.CompilerParams(num_warps=4 if size <= 64 else 8, num_stages=2),
        interpret=how.interpret,
        name=f"triton_attention{kernel.__name__}",
    )
    return call(*given)


def _read_block(how: _How, refs: _Refs, result, log_sums) -> None:
    """A block of queries: what it reads, and the logarithms of its softmax's sums."""
    block, head, row = (pl.program_id(axis) for axis in range(3))
    scores_of = _scores(how, refs, row, head)

    def body(j, carry):
        most, total, read = carry
        scores, seen, _ = scores_of(block, j)
        higher = jnp.maximum(most, scores.max(axis=1))
        weights = jnp.where(seen, jnp.exp(scores - higher[:, None]), 0)
        shrink = jnp.exp(most - higher)
        values = triton.load(refs.value.at[row, _block(j), head // refs.groups, :])
        read = read * shrink[:, None] + _product(weights.astype(values.dtype), values)
        return higher, total * shrink + weights.sum(axis=1), read

    nothing = jnp.zeros((BLOCK, refs.query.shape[3]), jnp.float32)
    start = jnp.full(BLOCK, MASKED, jnp.float32), jnp.zeros(BLOCK, jnp.float32), nothing
    most, total, read = _over(refs.key_range, row, block, body, start)
    sums = jnp.where(total > 0, total, 1)
    triton.store(result.at[row, _block(block), head, :], (read / sums[:, None]).astype(result.dtype))
    triton.store(log_sums.at[row, head, _block(block)], most + jnp.log(sums))


def _query_gradient(how: _How, refs: _Refs, of_query) -> None:
    """The gradient of a block of queries."""
    block, head, row = (pl.program_id(axis) for axis in range(3))
    gradients_of = _score_gradients(how, refs, row, head)

    def body(j, total):
        _, of_products, _ = gradients_of(block, j)
        keys = triton.load(refs.key.at[row, _block(j), head // refs.groups, :])
        return total + _product(of_products.astype(keys.dtype), keys)

    total = _over(refs.key_range, row, block, body, jnp.zeros((BLOCK, refs.query.shape[3]), jnp.float32))
    triton.store(of_query.at[row, _block(block), head, :], total.astype(of_query.dtype))


def _key_gradients(how: _How, refs: _Refs, of_key, of_value) -> None:
    """The gradients of a block of keys and of their values, of all query heads that read them."""
    block, key_head, row = (pl.program_id(axis) for axis in range(3))
    totals = (jnp.zeros((BLOCK, refs.query.shape[3]), jnp.float32),) * 2
    for group in range(refs.groups):
        head = key_head * refs.groups + group
        gradients_of = _score_gradients(how, refs, row, head)

        def body(i, totals, head=head, gradients_of=gradients_of):
            weights, of_products, _ = gradients_of(i, block)
            queries, gradients = (triton.load(x.at[row, _block(i), head, :]) for x in (refs.query, refs.gradient))
            of_keys, of_values = totals
            of_keys += _product(of_products.astype(queries.dtype).T, queries)
            return of_keys, of_values + _product(weights.astype(gradients.dtype).T, gradients)

        totals = _over(refs.query_range, row, block, body, totals)
    for ref, total in zip((of_key, of_value), totals, strict=True):
        triton.store(ref.at[row, _block(block), key_head, :], total.astype(ref.dtype))


def _bias_gradient(how: _How, refs: _Refs, tile) -> None:
    """The sum of the gradients of the biases of all tiles on a diagonal, in a part of the batch's rows."""
    diagonal, head, part = (pl.program_id(axis) for axis in range(3))
    blocks, key_blocks, batch = refs.query.shape[1] // BLOCK, refs.key.shape[1] // BLOCK, refs.query.shape[0]
    offset = diagonal - (blocks - 1)  # of keys from queries, in blocks

    def of_row(r, total):
        row = part + r * pl.num_programs(2)
        gradients_of = _score_gradients(how, refs, row, head)

        def body(i, total):
            j = i + offset
            first, after = _ends_of(refs.key_range, row, i)
            runs = ((first <= j) & (j < after)).astype(jnp.int32)
            return jax.lax.fori_loop(0, runs, lambda _, total: total + gradients_of(i, j)[2], total)

        return jax.lax.fori_loop(jnp.maximum(0, -offset), jnp.minimum(blocks, key_blocks - offset), body, total)

    rows = (batch - part + pl.num_programs(2) - 1) // pl.num_programs(2)
    total = jax.lax.fori_loop(0, rows, of_row, jnp.zeros((BLOCK, BLOCK), jnp.float32))
    triton.store(tile.at[part, head, diagonal, :, :], total)


def _scores(how: _How, refs: _Refs, row, head) -> Callable[..., Any]:
    """(block of queries, block of keys) -> a tile's scores float32, MASKED where nothing is seen; what is seen; the slope of
    the scores in their scaled products, which a soft cap makes less than 1."""

    def tile(i, j):
        queries = triton.load(refs.query.at[row, _block(i), head, :])
        keys = triton.load(refs.key.at[row, _block(j), head // refs.groups, :])
        scores = how.scale * _product(queries, keys.T)
        slope = jnp.ones_like(scores)
        if how.soft_cap is not None:
            capped = jnp.tanh(scores / how.soft_cap)
            scores, slope = how.soft_cap * capped, 1 - capped * capped
        away = (j - i) * BLOCK + jnp.arange(BLOCK)[None, :] - jnp.arange(BLOCK)[:, None]  # of keys from queries
        if how.biased:
            scores += triton.load(refs.distances.at[head, away + refs.query.shape[1] - 1])
        of_queries = triton.load(refs.query_segments.at[row, _block(i)])
        of_keys = triton.load(refs.key_segments.at[row, _block(j)])
        seen = of_queries[:, None] == of_keys[None, :]
        if how.causal:
            seen &= away <= 0
        if how.window is not None:
            seen &= away > -how.window
        return jnp.where(seen, scores, MASKED), seen, slope

    return tile


def _score_gradients(how: _How, refs: _Refs, row, head) -> Callable[..., Any]:
    """(block of queries, block of keys) -> a tile's weights, and the gradients of its products of queries and keys, and of its
    biases; float32."""
    scores_of = _scores(how, refs, row, head)

    def tile(i, j):
        scores, seen, slope = scores_of(i, j)
        log_sums, common = (triton.load(x.at[row, head, _block(i)])[:, None] for x in (refs.log_sums, refs.common))
        weights = jnp.where(seen, jnp.exp(scores - log_sums), 0)
        gradients = triton.load(refs.gradient.at[row, _block(i), head, :])
        values = triton.load(refs.value.at[row, _block(j), head // refs.groups, :])
        of_scores = weights * (_product(gradients, values.T) - common)
        return weights, how.scale * slope * of_scores, of_scores

    return tile


def _over(ranges, row, block, body: Callable[[Any, Any], Any], start: Any) -> Any:
    """Runs `body` over the range that a block has."""
    return jax.lax.fori_loop(*_ends_of(ranges, row, block), body, start)


def _ends_of(ranges, row, block) -> tuple[jax.Array, jax.Array]:
    first, after = (triton.load(ranges.at[row, block, jnp.int32(end)]) for end in (0, 1))
    return first, after


def _block(number: Any) -> Any:
    return pl.ds(number * BLOCK, BLOCK)


def _product(a: jax.Array, b: jax.Array) -> jax.Array:
    return jnp.dot(a, b, preferred_element_type=jnp.float32)


def _sums_of_distances(tiles: jax.Array) -> jax.Array:
    """[N, D, 64, 64], the sums of the tiles on each diagonal, to the sums of each distance: [N, T + S - 1]."""
    heads, diagonals = tiles.shape[:2]
    # Rows from the last to the first, each moved on by one more: what has one distance is then in one column.
    moved = jnp.pad(tiles[:, :, ::-1], ((0, 0), (0, 0), (0, 0), (0, BLOCK))).reshape(heads, diagonals, -1)[..., :-BLOCK]
    sums = moved.reshape(heads, diagonals, BLOCK, 2 * BLOCK - 1).sum(axis=2)
    low, high = sums[..., :BLOCK], jnp.pad(sums[..., BLOCK:], ((0, 0), (0, 0), (0, 1)))
    both = jnp.pad(low, ((0, 0), (0, 1), (0, 0))) + jnp.pad(high, ((0, 0), (1, 0), (0, 0)))
    return both.reshape(heads, -1)[:, :-1]
