"""Every implementation of attention against the reference in one product, on packed rows; and which is chosen where."""

import dataclasses
import functools
import types
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tpu_compiler
import tpu_kernels

from flanjax.models.attention import blocks as attention_blocks
from flanjax.models.attention import hopper as attention_hopper
from flanjax.models.attention import reference as attention
from flanjax.models.attention import relative_kernel as attention_relative
from flanjax.models.attention import splash as attention_splash
from flanjax.models.attention import triton_kernel as attention_triton
from flanjax.models.attention.backend import make_attend
from flanjax.models.attention.choice import Choice, Need, choose, relative_block, splash_block, summary
from flanjax.models.attention.reference import attend, block_of, visible
from flanjax.models.attention.relative_bias import RelativeBias, relative_bias, relative_buckets
from flanjax.models.t5_config import T5Config
from flanjax.parallel import sharding
from flanjax.train.config import TrainConfig
from flanjax.train.program import Program

ROOT = Path(__file__).resolve().parents[2]
QUICK = {"xla_backend_optimization_level": 0}  # these tests are all compilation
SELF = {"causal": True}
CASES = {
    "self": (128, 128, 2, 2, {}),
    "cross, other lengths": (128, 256, 2, 2, {}),
    "lengths between blocks": (100, 130, 2, 2, {}),
    "causal, two query heads a key head": (256, 256, 4, 2, SELF),
    "causal, one key head, window, soft cap": (128, 128, 4, 1, {"causal": True, "window": 40, "soft_cap": 2.0, "scale": 0.3}),
}


@pytest.fixture(autouse=True)
def exact_products():
    with jax.default_matmul_precision("highest"):
        yield


def segments(lengths: list[list[int]], total: int) -> jax.Array:
    """Rows of segments 1, 2, ... of these lengths, then padding."""
    rows = [np.repeat(np.arange(1, len(row) + 1), row) for row in lengths]
    return jnp.asarray(np.stack([np.pad(row, (0, total - len(row))) for row in rows]), jnp.int32)


def packed(num_queries: int, num_keys: int, causal: bool) -> dict[str, jax.Array]:
    """Two rows of several examples; the third of the first row has queries but no keys, unless it is self-attention."""
    shares = np.array([[0.2, 0.35, 0.1, 0.25], [0.4, 0.5, 0.0, 0.0]])
    queries = (shares * num_queries).astype(int)
    keys = (shares[:, [1, 0, 3, 2]] * num_keys).astype(int)
    keys[0, 2] = 0
    if causal:
        keys = queries
    return {"query_segments": segments(queries.tolist(), num_queries), "key_segments": segments(keys.tolist(), num_keys)}


def inputs(num_queries: int, num_keys: int, heads: int, kv_heads: int, size: int = 32) -> list[jax.Array]:
    rng = np.random.default_rng(0)
    shapes = [(2, num_queries, heads, size), (2, num_keys, kv_heads, size), (2, num_keys, kv_heads, size)]
    return [jnp.asarray(rng.standard_normal(shape) * size**-0.25, jnp.float32) for shape in shapes]


def result_and_gradients(implementation, arrays):
    """What is read, and the gradient of its product with something by queries, keys and values."""
    target = jnp.asarray(np.random.default_rng(1).standard_normal(arrays[0].shape), jnp.float32)

    @functools.partial(jax.jit, compiler_options=QUICK)
    def both(*arrays):
        read, back = jax.vjp(implementation, *arrays)
        return read, back(target.astype(read.dtype))

    read, gradients = both(*arrays)
    return [read, *gradients]


def in_one(monkeypatch, implementation, arrays):
    with monkeypatch.context() as patch:
        patch.setattr(attention, "LARGEST_BLOCK", 2**62)
        return result_and_gradients(implementation, arrays)


def assert_close(got, expected, atol):
    for name, a, b in zip(("read", "query", "key", "value", "bias"), got, expected, strict=False):
        np.testing.assert_allclose(np.asarray(a, np.float32), np.asarray(b, np.float32), rtol=1e-5, atol=atol, err_msg=name)


@pytest.mark.parametrize("case", CASES)
def test_splash_reads_what_the_reference_reads(monkeypatch, case):
    num_queries, num_keys, heads, kv_heads, how = CASES[case]
    arrays, rows = inputs(num_queries, num_keys, heads, kv_heads), packed(num_queries, num_keys, "causal" in how)

    def splash(*arrays):
        return attention_splash.read(*arrays, *rows.values(), **how, interpret=True)

    expected = in_one(monkeypatch, functools.partial(attend, **rows, **how), arrays)
    assert_close(result_and_gradients(splash, arrays), expected, atol=5e-6)


def test_splash_in_bfloat16_is_near_the_reference_in_float32(monkeypatch):
    arrays, rows = inputs(128, 256, 2, 2), packed(128, 256, False)
    expected = in_one(monkeypatch, functools.partial(attend, **rows), arrays)

    def splash(*arrays):
        return attention_splash.read(*arrays, *rows.values(), interpret=True)

    got = result_and_gradients(splash, [x.astype(jnp.bfloat16) for x in arrays])
    assert {x.dtype for x in got} == {jnp.dtype("bfloat16")}
    assert_close(got, expected, atol=0.05)


RELATIVE = {
    "self": (128, 128, 2, 2, {}),
    "self, several blocks": (640, 640, 1, 1, {}),
    "causal": (256, 256, 2, 2, SELF),
    "cross, fewer keys": (384, 256, 2, 2, {"scale": 0.7}),
    "lengths between blocks": (200, 300, 2, 2, {}),
    "causal, between blocks, two query heads a key head": (150, 150, 4, 2, SELF),
}


@pytest.mark.parametrize("case", RELATIVE)
@pytest.mark.parametrize("bias", [True, False])
def test_the_relative_kernel_reads_what_the_reference_reads(monkeypatch, case, bias):
    """Gradients of the bias table included, through distances that several heads, rows and blocks add to."""
    num_queries, num_keys, heads, kv_heads, how = RELATIVE[case]
    arrays, rows = inputs(num_queries, num_keys, heads, kv_heads), packed(num_queries, num_keys, "causal" in how)
    if bias:
        arrays.append(jnp.asarray(np.random.default_rng(2).standard_normal((32, heads)), jnp.float32))

    def distances(table):
        return relative_bias(table, num_queries, num_keys, bidirectional=True, max_distance=200) if bias else None

    def reference(query, key, value, table=None):
        return attend(query, key, value, **rows, **how, bias=distances(table))

    def kernel(query, key, value, table=None):
        values = distances(table).values if bias else None
        return attention_relative.read(query, key, value, *rows.values(), values, **how, interpret=True)

    assert_close(result_and_gradients(kernel, arrays), in_one(monkeypatch, reference, arrays), atol=5e-6)


TRITON = {
    **RELATIVE,
    "more rows than parts of the batch": (128, 192, 2, 2, {"rows": 5}),
    "causal, window, soft cap": (256, 256, 4, 2, {"causal": True, "window": 70, "soft_cap": 2.0, "scale": 0.3}),
    "window both ways": (320, 320, 1, 1, {"window": 65}),
}


@pytest.mark.parametrize("case", TRITON)
@pytest.mark.parametrize("bias", [True, False])
def test_the_triton_kernels_read_what_the_reference_reads(monkeypatch, case, bias):
    num_queries, num_keys, heads, kv_heads, how = TRITON[case]
    how = dict(how)
    arrays, rows = inputs(num_queries, num_keys, heads, kv_heads), packed(num_queries, num_keys, "causal" in how)
    if number := how.pop("rows", 0):
        arrays, rows = (
            [jnp.resize(x, (number, *x.shape[1:])) for x in arrays],
            {name: jnp.resize(x, (number, x.shape[1])) for name, x in rows.items()},
        )
    if bias:
        arrays.append(jnp.asarray(np.random.default_rng(2).standard_normal((heads, num_queries + num_keys - 1)), jnp.float32))

    def reference(query, key, value, distances=None):
        return attend(query, key, value, **rows, **how, bias=RelativeBias(distances) if bias else None)

    def kernel(query, key, value, distances=None):
        return attention_triton.read(query, key, value, *rows.values(), distances, **how, interpret=True)

    assert_close(result_and_gradients(kernel, arrays), in_one(monkeypatch, reference, arrays), atol=5e-6)


@pytest.mark.parametrize("how", [{}, SELF, {"window": 70}, {"causal": True, "window": 64}])
def test_the_triton_kernels_skip_the_tiles_in_which_nothing_is_seen(how):
    """No tile in which something is seen lies outside the ranges."""
    rows = packed(384, 320, False) if not how else packed(384, 384, True)
    tiles = visible(**rows, **how).reshape(2, 6, 64, -1, 64).any(axis=(2, 4))
    in_range = [attention_triton.tile_ranges(*rows.values(), **how)[axis] for axis in (0, 1)]
    for ranges, seen in zip(in_range, (tiles, tiles.swapaxes(1, 2)), strict=True):
        places = np.arange(seen.shape[2])
        inside = (ranges[..., :1] <= places) & (places < ranges[..., 1:])
        assert (np.asarray(inside) | ~np.asarray(seen)).all()
        assert inside.sum() < 0.8 * seen.size


@pytest.mark.parametrize("module", [attention_relative, attention_triton], ids=["relative", "triton"])
def test_a_kernel_with_a_bias_in_bfloat16_is_near_the_reference_in_float32(monkeypatch, module):
    arrays, rows = inputs(256, 256, 2, 2), packed(256, 256, True)
    table = jnp.asarray(np.random.default_rng(2).standard_normal((32, 2)), jnp.float32)

    def distances(table):
        return relative_bias(table, 256, 256, bidirectional=True, max_distance=128)

    def reference(query, key, value, table):
        return attend(query, key, value, **rows, bias=distances(table))

    def kernel(query, key, value, table):
        return module.read(query, key, value, *rows.values(), distances(table).values, interpret=True)

    got = result_and_gradients(kernel, [*(x.astype(jnp.bfloat16) for x in arrays), table])
    assert [str(x.dtype) for x in got] == ["bfloat16"] * 4 + ["float32"]
    expected = in_one(monkeypatch, reference, [*arrays, table])
    assert_close(got[:4], expected[:4], atol=0.05)
    assert np.abs(got[4] - expected[4]).max() < 0.02 * np.abs(expected[4]).max()


BLOCKS = {
    "self": (256, 256, 2, 2, {}),
    "cross, other lengths": (64, 256, 2, 2, {"scale": 0.7}),
    "lengths between blocks": (100, 130, 2, 2, {}),
    "causal, two query heads a key head": (256, 256, 4, 2, SELF),
    "causal, one key head, window, between blocks": (150, 150, 4, 1, {"causal": True, "window": 40, "scale": 0.3}),
}


def of_tokens(implementation, rows):
    """What is read by queries that are no padding."""
    tokens = (rows["query_segments"] > 0)[..., None, None]
    return lambda *arrays: jnp.where(tokens, implementation(*arrays), 0)


def in_blocks(rows, bias=lambda *table: None, **how):
    def read(query, key, value, *table):
        distances = bias(*table)
        return attention_blocks.read(query, key, value, *rows.values(), distances and distances.values, **how)

    return of_tokens(read, rows)


@pytest.mark.parametrize("case", BLOCKS)
@pytest.mark.parametrize("biased", [True, False])
def test_blocks_read_what_the_reference_reads(monkeypatch, case, biased):
    num_queries, num_keys, heads, kv_heads, how = BLOCKS[case]
    arrays, rows = inputs(num_queries, num_keys, heads, kv_heads), packed(num_queries, num_keys, "causal" in how)
    if biased:
        arrays.append(jnp.asarray(np.random.default_rng(2).standard_normal((32, heads)), jnp.float32))

    def bias(*table):
        return relative_bias(*table, num_queries, num_keys, bidirectional=True, max_distance=100) if table else None

    def reference(query, key, value, *table):
        return attend(query, key, value, **rows, **how, bias=bias(*table))

    expected = in_one(monkeypatch, of_tokens(reference, rows), arrays)
    assert_close(result_and_gradients(in_blocks(rows, bias, **how), arrays), expected, atol=5e-6)


def test_blocks_in_bfloat16_are_near_the_reference_in_float32(monkeypatch):
    arrays, rows = inputs(128, 256, 2, 2), packed(128, 256, False)
    expected = in_one(monkeypatch, of_tokens(functools.partial(attend, **rows), rows), arrays)
    got = result_and_gradients(in_blocks(rows), [x.astype(jnp.bfloat16) for x in arrays])
    assert {x.dtype for x in got} == {jnp.dtype("bfloat16")}
    assert_close(got, expected, atol=0.05)


@pytest.mark.parametrize(
    ("causal", "expected"),
    [
        (False, {(0, 0), (0, 1), (1, 0), (1, 1), (2, 2)}),  # segment 1 ends within the second block; the fourth is padding
        (True, {(0, 0), (1, 0), (1, 1), (2, 2)}),
    ],
)
def test_only_blocks_with_a_query_that_sees_a_key_are_computed(causal, expected):
    rows = segments([[100, 28, 64]], 256)
    arrays = attention_blocks._Arrays(None, None, None, rows, rows, None)
    blocks = attention_blocks._blocks(attention_blocks._How(causal, None, 1.0), arrays)
    found = [(int(r) // 64, int(c) // 64) for r, c in zip(blocks.row, blocks.column, strict=True)][: int(blocks.number)]
    assert sorted(found) == sorted(expected)


def test_a_row_of_padding_reads_nothing_and_moves_nothing():
    arrays, ids = inputs(64, 64, 2, 2), jnp.zeros((2, 64), jnp.int32)
    read, *gradients = result_and_gradients(lambda *a: attention_blocks.read(*a, ids, ids), arrays)
    assert not read.any()
    assert not any(x.any() for x in gradients)


@pytest.mark.parametrize("case", [*CASES, "bias"])
def test_reading_some_queries_at_a_time_changes_nothing(monkeypatch, case):
    num_queries, num_keys, heads, kv_heads, how = CASES.get(case, (100, 100, 2, 2, {"causal": True}))
    arrays, rows = inputs(num_queries, num_keys, heads, kv_heads), packed(num_queries, num_keys, "causal" in how)
    if case == "bias":
        arrays.append(jnp.asarray(np.random.default_rng(2).standard_normal((32, heads)), jnp.float32))

    def implementation(query, key, value, table=None):
        bias = None
        if table is not None:
            bias = relative_bias(table, num_queries, num_keys, bidirectional=True, max_distance=60)
        return attend(query, key, value, **rows, **how, bias=bias)

    expected = in_one(monkeypatch, implementation, arrays)
    monkeypatch.setattr(attention, "LARGEST_BLOCK", 24 * num_keys)
    assert block_of(num_queries, num_keys) == 24
    assert_close(result_and_gradients(implementation, arrays), expected, atol=2e-6)


def test_a_bias_given_whole_is_read_in_blocks_too(monkeypatch):
    arrays, rows = inputs(50, 70, 2, 2), packed(50, 70, False)
    bias = jnp.asarray(np.random.default_rng(2).standard_normal((2, 50, 70)), jnp.float32)
    implementation = functools.partial(attend, **rows)
    expected = in_one(monkeypatch, lambda q, k, v, bias: implementation(q, k, v, bias=bias), [*arrays, bias])
    monkeypatch.setattr(attention, "LARGEST_BLOCK", 16 * 70)
    assert_close(
        result_and_gradients(lambda q, k, v, bias: implementation(q, k, v, bias=bias), [*arrays, bias]), expected, 2e-6
    )


def test_long_rows_hold_no_scores_of_all_queries():
    shapes = [jax.ShapeDtypeStruct((1, 4096, 1, 8), jnp.float32)] * 3
    ones = jax.ShapeDtypeStruct((1, 4096), jnp.int32)

    def loss(query, key, value, ids, table):
        bias = relative_bias(table, 4096, 4096, bidirectional=True, max_distance=128)
        return attend(query, key, value, query_segments=ids, key_segments=ids, bias=bias).sum()

    table = jax.ShapeDtypeStruct((32, 1), jnp.float32)
    compiled = jax.jit(jax.grad(loss, argnums=(0, 1, 2, 4))).lower(*shapes, ones, table).compile()
    assert compiled.memory_analysis().temp_size_in_bytes < 4096 * 4096 * 4 / 4


def test_the_rows_of_a_relative_bias_are_those_of_its_buckets():
    table = jnp.asarray(np.random.default_rng(0).standard_normal((32, 3)), jnp.float32)
    bias = relative_bias(table, 40, 57, bidirectional=True, max_distance=30)
    distance = np.arange(57)[None, :] - np.arange(40)[:, None]
    buckets = relative_buckets(distance, bidirectional=True, num_buckets=32, max_distance=30)
    expected = np.asarray(table)[buckets].transpose(2, 0, 1)
    rows = jax.jit(bias.rows, static_argnums=(1, 2), compiler_options=QUICK)
    np.testing.assert_array_equal(rows(0, 40, 57), expected)
    for first in (0, 7, 23):
        np.testing.assert_array_equal(rows(first, 17, 57), expected[:, first : first + 17])
    np.testing.assert_array_equal(rows(30, 17, 57)[:, :10], expected[:, 30:])


def test_dropped_weights_are_dropped_for_all_queries_of_a_head():
    query, key, _ = inputs(24, 32, 4, 2, size=32)
    ones = {"query_segments": jnp.ones((2, 24), jnp.int32), "key_segments": jnp.ones((2, 32), jnp.int32)}
    identity = jnp.broadcast_to(jnp.eye(32)[None, :, None], (2, 32, 2, 32))  # values that show each weight
    read = jax.jit(functools.partial(attend, **ones), static_argnames="dropout_rate", compiler_options=QUICK)
    weights = read(query, key, identity)
    dropped = read(query, key, identity, dropout_rate=0.25, dropout_key=jax.random.key(0))
    kept = dropped != 0
    assert (kept == kept[:, :1]).all()
    assert 0.65 < kept.mean() < 0.85
    assert (kept[:, 0, 0] != kept[:, 0, 1]).any()  # two heads that share keys
    np.testing.assert_allclose(dropped, jnp.where(kept, weights / 0.75, 0), rtol=1e-5)


@pytest.mark.parametrize(
    ("length", "expected"), [(128, 128), (256, 256), (1024, 1024), (1536, 768), (2048, 1024), (1280, 640), (1408, 128)]
)
def test_blocks_divide_lengths(length, expected):
    assert splash_block(length) == expected


@pytest.mark.parametrize(("length", "expected"), [(128, 128), (512, 512), (640, 128), (1024, 256), (2048, 128)])
def test_blocks_of_the_relative_kernel_divide_lengths_and_hold_few_scores(length, expected):
    assert relative_block(length, length) == expected


@pytest.mark.parametrize(("causal", "window"), [(False, None), (True, None), (True, 5)])
def test_ranges_of_keys_are_what_each_query_sees(causal, window):
    rows = packed(60, 60 if causal else 85, causal)
    start, end = attention_hopper.key_ranges(*rows.values(), causal=causal, window=window)
    keys = np.arange(rows["key_segments"].shape[1])
    inside = (keys >= start[..., None]) & (keys < end[..., None])
    np.testing.assert_array_equal(inside, visible(**rows, causal=causal, window=window))
    assert causal or (~inside.any(-1)).any()  # a query without keys is among them


needs_tokamax = pytest.mark.skipif(not attention_hopper.installed(), reason="tokamax is not installed")


@needs_tokamax
@pytest.mark.parametrize("case", [*CASES, "bias"])
def test_the_hopper_call_reads_what_the_reference_reads(monkeypatch, case):
    """Through tokamax's own reference, which takes the arguments of its kernels."""
    from tokamax._src.ops.attention.base import DotProductAttention

    num_queries, num_keys, heads, kv_heads, how = CASES.get(case, (100, 100, 2, 2, {"causal": True}))
    arrays, rows = inputs(num_queries, num_keys, heads, kv_heads), packed(num_queries, num_keys, "causal" in how)
    if case == "bias":
        arrays.append(jnp.asarray(np.random.default_rng(2).standard_normal((heads, num_queries, num_keys)), jnp.float32))

    def hopper(query, key, value, bias=None):
        return attention_hopper.read(query, key, value, *rows.values(), bias, **how, kernel=DotProductAttention())

    expected = in_one(monkeypatch, lambda q, k, v, bias=None: attend(q, k, v, **rows, **how, bias=bias), arrays)
    assert_close(result_and_gradients(hopper, arrays), expected, atol=5e-6)


@needs_tokamax
def test_the_hopper_call_lowers_to_hopper_kernels(monkeypatch):
    class Hopper:
        platform, device_kind, compute_capability, core_count = "gpu", "NVIDIA H100 80GB HBM3", "9.0", 132

    monkeypatch.setattr("jax.extend.backend.get_default_device", lambda *a, **k: Hopper())

    def loss(*arrays):
        return attention_hopper.read(*arrays, causal=True, window=100, soft_cap=50.0).astype(jnp.float32).sum()

    shapes = [jax.ShapeDtypeStruct((2, 256, heads, 128), jnp.bfloat16) for heads in (8, 2, 2)]
    ids = [jax.ShapeDtypeStruct((2, 256), jnp.int32)] * 2
    with jax.default_matmul_precision("default"):
        lowered = jax.jit(jax.grad(loss, argnums=(0, 1, 2))).trace(*shapes, *ids).lower(lowering_platforms=("cuda",))
    assert lowered.as_text().count("@mosaic_gpu") == 3  # forward, the queries' gradient, the keys' and values'


CROSS = Need(256, 1024, 64, "bfloat16", cross=True)
BIASED = Need(1024, 1024, 64, "bfloat16", bias=True, relative=True)
CAUSAL = Need(2048, 2048, 128, "bfloat16", causal=True, window=512, soft_cap=True)
LOCAL = BIASED._replace(causal=True, window=5)
F32_ON_HOPPER = "xla (hopper computes in bfloat16, not in float32; triton computes in bfloat16, not in float32)"
STEP = Need(1, 1024, 64, "bfloat16", bias=True)


@pytest.mark.parametrize(
    ("backend", "need", "platform", "expected"),
    [
        ("auto", CROSS, "tpu", "splash (blocks of 256 x 1024)"),
        ("auto", CAUSAL, "tpu", "splash (blocks of 1024 x 1024)"),
        ("auto", BIASED, "tpu", "relative (blocks of 256 x 1024)"),
        ("auto", BIASED._replace(num_queries=200), "tpu", "xla (splash takes no bias; lengths are no multiples of 128)"),
        ("auto", BIASED._replace(num_keys=4096), "tpu", "xla (splash takes no bias; relative takes at most 2,048 keys)"),
        ("auto", BIASED, "gpu", "xla (triton is taken only when asked for: it has not been timed on a GPU yet)"),
        ("auto", CROSS._replace(prefix=True), "tpu", "xla (splash takes no prefix; relative takes no prefix)"),
        ("auto", CROSS._replace(num_queries=200), "tpu", "xla (lengths are no multiples of 128)"),
        ("auto", CROSS._replace(num_keys=128), "tpu", "xla (short)"),
        ("auto", CROSS, "cpu", "blocks (those that packing allows)"),
        ("auto", BIASED, "cpu", "blocks (those that packing allows)"),
        ("auto", BIASED._replace(relative=False), "cpu", "xla (blocks takes no bias but that of distances)"),
        ("auto", CAUSAL, "cpu", "xla (blocks takes no soft cap)"),
        ("auto", CROSS._replace(num_queries=15), "cpu", "xla (short)"),
        ("auto", CROSS, "neuron", "xla (no kernel for neuron)"),
        ("auto", CROSS, "hopper", "hopper (key ranges from segments)"),
        ("auto", CROSS._replace(dtype="float32"), "hopper", F32_ON_HOPPER),
        ("xla", CROSS, "tpu", "xla (asked for)"),
        ("splash", CROSS._replace(num_queries=200), "tpu", "splash (asked for)"),
        ("splash", STEP, "tpu", "xla (a single query)"),
        ("relative", CROSS, "tpu", "relative (asked for)"),
        ("hopper", BIASED, "hopper", "hopper (asked for)"),
        ("triton", BIASED, "hopper", "triton (asked for)"),
        ("triton", CAUSAL, "gpu", "triton (asked for)"),
    ],
)
def test_the_backend_is_chosen_by_the_platform_and_the_need(backend, need, platform, expected):
    assert str(choose(backend, need, platform=platform, tokamax=True)) == expected


@pytest.mark.parametrize(
    ("backend", "need", "platform", "message"),
    [
        ("splash", BIASED, "tpu", r"cannot serve self 1024 x 1024, bias: splash takes no bias"),
        ("splash", CAUSAL, "cpu", r"causal self 2048 x 2048, window 512, soft cap: splash needs a TPU, and the mesh is of cpu"),
        ("splash", CAUSAL._replace(num_keys=4096), "tpu", "only where there are as many keys"),
        ("relative", LOCAL, "tpu", "relative takes neither window nor soft cap"),
        ("relative", BIASED._replace(relative=False), "tpu", "relative takes no bias but that of distances"),
        ("relative", BIASED, "cpu", "relative needs a TPU, and the mesh is of cpu"),
        ("blocks", CROSS, "tpu", "blocks needs a CPU, and the mesh is of tpu"),
        ("triton", CROSS, "tpu", "triton needs a GPU, and the mesh is of tpu"),
        ("triton", BIASED._replace(relative=False), "gpu", "triton takes no bias but that of distances"),
        ("triton", CROSS._replace(dtype="float32"), "gpu", "triton computes in bfloat16, not in float32"),
        ("triton", CROSS._replace(head_dim=96), "gpu", "heads of a power of two, 16 to 256, not of 96"),
        ("hopper", CROSS, "hopper", r"needs tokamax: pip install 'flanjax\[hopper\]'"),
        ("hopper", BIASED._replace(soft_cap=True), "hopper", "caps the bias"),
        ("flash", CROSS, "tpu", "attention is 'flash', expected one of"),
    ],
)
def test_a_backend_asked_for_that_cannot_serve_says_why(backend, need, platform, message):
    with pytest.raises(ValueError, match=message):
        choose(backend, need, platform=platform)


def test_what_was_chosen_is_one_line():
    line = summary({BIASED: Choice("xla", "splash takes no bias"), CROSS: Choice("splash", "blocks of 256 x 1024")})
    assert line == (
        "attention: self 1024 x 1024, bias: xla (splash takes no bias); cross 256 x 1024: splash (blocks of 256 x 1024)"
    )


def test_a_program_says_what_its_attentions_run_on():
    mesh = sharding.make_mesh(sharding.MeshConfig())
    model = T5Config(vocab_size=64, d_model=16, d_ff=32, num_layers=1, num_decoder_layers=1, num_heads=2, head_dim=8)
    long, short = (jax.ShapeDtypeStruct((8, length), jnp.int32) for length in (32, 16))
    batch = {"inputs": long, "inputs_segment_ids": long}
    batch |= dict.fromkeys(("decoder_inputs", "targets", "segment_ids", "positions", "task_ids"), short)
    batch["loss_weights"] = jax.ShapeDtypeStruct((8, 16), jnp.float32)
    line = Program(TrainConfig(), model, mesh, num_tasks=1).attention(batch)
    assert line == "attention: " + "; ".join(
        f"{kind}: xla (short)" for kind in ("self 32 x 32, bias", "causal self 16 x 16, bias", "cross 16 x 32")
    )
    asked = Program(TrainConfig(), dataclasses.replace(model, attention="splash"), mesh, num_tasks=1)
    with pytest.raises(ValueError, match=r"'splash', which cannot serve self 32 x 32, bias: .*; splash takes no bias"):
        asked.attention(batch)


@pytest.mark.parametrize(
    ("device", "expected"),
    [
        ({"platform": "cpu"}, "cpu"),
        ({"platform": "tpu"}, "tpu"),
        ({"platform": "gpu", "compute_capability": "9.0"}, "hopper"),
        ({"platform": "gpu", "compute_capability": "8.0"}, "gpu"),
        ({"platform": "gpu", "compute_capability": "gfx90a"}, "gpu"),
    ],
)
def test_the_platform_is_that_of_the_meshs_devices(device, expected):
    mesh = types.SimpleNamespace(devices=np.array([types.SimpleNamespace(**device)]))
    assert sharding.platform(mesh) == expected


@pytest.mark.parametrize(
    ("backend", "platform", "dtype", "atol"),
    [("relative", "tpu", "float32", 5e-6), ("triton", "gpu", "bfloat16", 0.05), ("blocks", "cpu", "float32", 5e-6)],
)
def test_a_kernel_with_a_bias_on_parts_of_a_mesh_reads_what_the_reference_reads(monkeypatch, backend, platform, dtype, atol):
    """The gradient of the bias is added up over the parts."""
    for module in (attention_relative, attention_triton):
        monkeypatch.setattr(module, "read", functools.partial(module.read, interpret=True))
    mesh = sharding.make_mesh(sharding.MeshConfig(data=1, fsdp=2, tensor=2), jax.devices()[:4])
    attend_there = make_attend(backend, platform=platform, shard=sharding.shard(mesh))
    arrays, rows = [x.astype(dtype) for x in inputs(128, 128, 4, 4)], packed(128, 128, True)
    arrays.append(jnp.asarray(np.random.default_rng(2).standard_normal((32, 4)), jnp.float32))

    def implementation(function):
        def call(query, key, value, table):
            bias = relative_bias(table, 128, 128, bidirectional=False, max_distance=60)
            return function(query, key, value, **rows, causal=True, bias=bias)

        return of_tokens(call, rows)

    got = result_and_gradients(implementation(attend_there), arrays)
    assert_close(got, in_one(monkeypatch, implementation(attend), arrays), atol=atol)


@pytest.mark.parametrize(("heads", "kv_heads"), [(4, 2), (4, 1)])
def test_a_kernel_on_parts_of_a_mesh_reads_what_the_reference_reads(monkeypatch, heads, kv_heads):
    """With a bias and dropped weights. The kernel is the reference itself, in the place of Hopper's."""

    def kernel(query, key, value, query_segments, key_segments, bias, **how):
        parts.append((query.shape[0], query.shape[2], key.shape[2]))
        return attend(query, key, value, query_segments=query_segments, key_segments=key_segments, bias=bias, **how)

    parts: list[tuple[int, ...]] = []
    monkeypatch.setattr(attention_hopper, "read", kernel)
    monkeypatch.setattr(attention_hopper, "installed", lambda: True)
    mesh = sharding.make_mesh(sharding.MeshConfig(data=1, fsdp=2, tensor=2), jax.devices()[:4])
    attend_there = make_attend("hopper", platform="hopper", shard=sharding.shard(mesh))
    rows = packed(32, 32, True)
    arrays = [x.astype(jnp.bfloat16) for x in inputs(32, 32, heads, kv_heads)]
    table = jnp.asarray(np.random.default_rng(2).standard_normal((32, heads)), jnp.float32)

    def implementation(function):
        def call(query, key, value, table):
            bias = relative_bias(table, 32, 32, bidirectional=True, max_distance=60)
            how = {"dropout_rate": 0.1, "dropout_key": jax.random.key(0)} if kv_heads == 1 else {}
            return function(query, key, value, **rows, causal=True, bias=bias, **how)

        return call

    got, expected = (result_and_gradients(implementation(f), [*arrays, table]) for f in (attend_there, attend))
    assert_close(got, expected, atol=0.05)
    assert 0 < np.abs(got[4] - expected[4]).max() + 1e-9 < 0.01 * np.abs(expected[4]).max()  # of the bias table, in float32
    assert set(parts) == {(1, 2, 1 if kv_heads == 2 else 2)}


@tpu_compiler.needed
def test_the_kernels_in_use_compile_for_a_tpu_slice():
    """A v4 has the smallest fast memory. `make study` compiles all for both."""
    tpu_kernels.assert_compiled({"v4:2x2x1": 6, "v5e:2x2": 2})
