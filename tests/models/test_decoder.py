"""What must hold of a decoder whatever its weights: packing, prefixes, caches, scanning, dropout, types and names."""

import dataclasses
import functools
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from jax.sharding import NamedSharding, PartitionSpec

from flanjax.models.attention.reference import attend
from flanjax.models.context import Context
from flanjax.models.decoder import Decoder, DecoderConfig, pick
from flanjax.models.decoder_layers import Norm
from flanjax.models.functional import abstract, bind, init, logical_axes
from flanjax.models.rope import Rotation, frequencies, rotate, rotation
from flanjax.models.t5 import T5, T5Config

SHAPE = {"vocab_size": 64, "d_model": 24, "d_ff": 40, "num_layers": 4, "num_heads": 4, "num_kv_heads": 2, "head_dim": 8}
LLAMA = DecoderConfig(**SHAPE)
GEMMA2 = DecoderConfig(
    **SHAPE,
    window=6,
    global_every=2,
    query_pre_attn_scalar=12,
    attention_soft_cap=2.0,
    logits_soft_cap=1.5,
    norm="rms_plus_one",
    post_norm=True,
    qk_norm=True,
    activation="gelu",
    tied_embedding=True,
    scale_embedding=True,
)
NEOX = DecoderConfig(
    **{**SHAPE, "num_kv_heads": 4},
    rope_fraction=0.5,
    window=6,
    norm="layer",
    parallel_residual=True,
    fused_qkv=True,
    bias="all",
    activation="gelu_exact",
    gated=False,
)
KINDS = {"llama": LLAMA, "gemma2": GEMMA2, "neox": NEOX}
each_kind = pytest.mark.parametrize("config", KINDS.values(), ids=KINDS)
ATOL = 2e-5
QUICK = {"xla_backend_optimization_level": 0}  # these tests are all compilation

# (prompt, answer) lengths of examples; in a prefix-LM the first sees itself both ways
LENGTHS = [(5, 4), (1, 12), (9, 3), (0, 7)]


@pytest.fixture(autouse=True)
def exact_products():
    with jax.default_matmul_precision("highest"):
        yield


@functools.cache
def params_of(config: DecoderConfig):
    """Weights that keep activations near 1, with norms and biases that matter."""
    rng = np.random.default_rng(0)

    def draw(path, value):
        noise = rng.standard_normal(value.shape).astype(np.float32)
        names = [key.key for key in path]
        if names[-1] == "scale":
            return (0 if config.norm == "rms_plus_one" else 1) + 0.3 * noise
        if names[-1].endswith("bias"):
            return 0.3 * noise
        if names[-1] == "embedding":
            return noise * (config.d_model**-0.5 if config.tied_embedding else 1)
        return noise * value.shape[-2] ** -0.5

    return jax.tree.map_with_path(draw, abstract(config)[1])


@functools.partial(jax.jit, static_argnums=0, compiler_options=QUICK)
def forward(config: DecoderConfig, params, batch, key=None) -> jax.Array:
    return bind(config, params)(batch, Context(key=key))


@functools.partial(jax.jit, static_argnums=0, compiler_options=QUICK)
def gradient(config: DecoderConfig, params, batch):
    """The gradient of the summed log-likelihood of each real position's own token, and the logits."""

    def score(params):
        logits = bind(config, params)(batch)
        scores = jnp.take_along_axis(jax.nn.log_softmax(logits), batch["decoder_inputs"][..., None], axis=-1)[..., 0]
        return jnp.sum(jnp.where(batch["segment_ids"] > 0, scores, 0)), logits

    return jax.grad(score, has_aux=True)(params)


@functools.cache
def examples() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.integers(1, 64, prompt + answer) for prompt, answer in LENGTHS]


def pack(rows: list[list[int]], length: int, gap: int = 0, filler: int = 0, prefix: bool = True) -> dict[str, jax.Array]:
    """A batch of rows of examples, `gap` of padding before each; padding holds `filler`."""
    shape = (len(rows), length)
    batch = {"decoder_inputs": np.full(shape, filler, np.int32), "segment_ids": np.zeros(shape, np.int32)}
    batch |= {"positions": np.zeros(shape, np.int32), "prefix": np.zeros(shape, bool)}
    for row, packed in enumerate(rows):
        at = 0
        for segment, example in enumerate(packed, start=1):
            at += gap
            tokens = examples()[example]
            here = slice(at, at + len(tokens))
            batch["decoder_inputs"][row, here] = tokens
            batch["segment_ids"][row, here] = segment
            batch["positions"][row, here] = np.arange(len(tokens))
            batch["prefix"][row, at : at + LENGTHS[example][0]] = prefix
            at += len(tokens)
    return {name: jnp.asarray(value) for name, value in batch.items()}


def packed_batch(filler: int = 0, **kind):
    """Two rows of four hold examples; alone, each has one, so that both layouts share a compilation."""
    return pack([[0, 1, 2], [3], [], []], 43, gap=2, filler=filler, **kind)


def single_batch(**kind):
    return pack([[0], [1], [2], [3]], 43, **kind)


def by_example(batch, values) -> list[np.ndarray]:
    """What a packed batch has of each example."""
    segments = np.asarray(batch["segment_ids"])
    found = [(row, segment) for row in range(len(segments)) for segment in range(1, segments[row].max() + 1)]
    return [np.asarray(values)[row, segments[row] == segment] for row, segment in found]


def assert_close(got, expected, atol=ATOL):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=atol), got, expected)


@pytest.mark.parametrize("prefix", [False, True], ids=["causal", "prefix"])
@each_kind
def test_packed_rows_score_like_single_rows(config, prefix):
    packed, alone = packed_batch(prefix=prefix), single_batch(prefix=prefix)
    got, expected = (by_example(batch, forward(config, params_of(config), batch)) for batch in (packed, alone))
    for example, (one, other) in enumerate(zip(got, expected, strict=True)):
        np.testing.assert_allclose(one, other, atol=ATOL, rtol=0, err_msg=f"example {example}")


@each_kind
def test_the_gradient_of_packed_rows_is_the_sum_of_their_examples_gradients(config):
    packed, alone = (gradient(config, params_of(config), batch)[0] for batch in (packed_batch(), single_batch()))
    assert_close(packed, alone, atol=1e-4)


@each_kind
def test_tokens_in_padding_are_never_seen(config):
    clean, dirty = (by_example(b, forward(config, params_of(config), b)) for b in (packed_batch(), packed_batch(filler=7)))
    np.testing.assert_array_equal(np.concatenate(clean), np.concatenate(dirty))


def test_positions_may_count_from_anywhere():
    batch = packed_batch()
    moved = {**batch, "positions": batch["positions"] + 100 * batch["segment_ids"] + 17}
    got, expected = (by_example(b, forward(LLAMA, params_of(LLAMA), b)) for b in (moved, batch))
    np.testing.assert_allclose(np.concatenate(got), np.concatenate(expected), atol=5e-5, rtol=0)


def test_what_a_position_sees():
    """By which tokens move which logits, in one row of 13; the prefix is 9 long, the window 6 in every second layer."""

    @functools.partial(jax.jit, static_argnums=0, compiler_options=QUICK)
    def moved(config, params, batch):
        def one(at):
            changed = {**batch, "decoder_inputs": batch["decoder_inputs"].at[0, at].add(1)}
            return jnp.abs(bind(config, params)(changed) - bind(config, params)(batch))[0].max(axis=-1)

        return jax.lax.map(one, jnp.arange(12)).T > 0  # [T, S]

    queries, keys = np.arange(12)[:, None], np.arange(12)
    for config, seen in [
        (dataclasses.replace(LLAMA, num_layers=1), keys <= queries),
        (dataclasses.replace(LLAMA, num_layers=1, window=3), (keys <= queries) & (keys > queries - 3)),
        (dataclasses.replace(LLAMA, num_layers=2, window=3), (keys <= queries) & (keys > queries - 5)),
        (dataclasses.replace(LLAMA, num_layers=2, window=3, global_every=2), keys <= queries),
    ]:
        causal, prefix = pack([[2]], 12, prefix=False), pack([[2]], 12)
        np.testing.assert_array_equal(moved(config, params_of(config), causal), seen)
        if config.num_layers == 1:
            recent = True if config.window is None else keys > queries - config.window
            np.testing.assert_array_equal(moved(config, params_of(config), prefix), (seen | (keys < 9)) & recent)


@pytest.mark.parametrize("config", [GEMMA2, NEOX], ids=["gemma2", "neox"])
def test_logits_at_target_positions_are_those_of_the_whole_row(config):
    batch = packed_batch()
    at = jnp.array([[3, 9, 0, 0], [42, 5, 5, 1]] * 2)
    whole = forward(config, params_of(config), batch)
    picked = forward(config, params_of(config), {**batch, "target_positions": at})
    np.testing.assert_allclose(picked, jnp.take_along_axis(whole, at[..., None], axis=1), atol=ATOL, rtol=0)


def test_the_gradient_through_target_positions_is_that_of_the_whole_row():
    batch, at = packed_batch(), jnp.array([[3, 9, 0, 0], [42, 5, 5, 1]] * 2)
    weights = jax.random.normal(jax.random.key(0), (4, 4, 64))

    @functools.partial(jax.jit, compiler_options=QUICK)
    def grads(params):
        def score(params, gather):
            model = bind(LLAMA, params)
            if gather:
                return jnp.sum(weights * model({**batch, "target_positions": at}))
            return jnp.sum(weights * jnp.take_along_axis(model(batch), at[..., None], axis=1))

        return [jax.grad(score)(params, gather) for gather in (True, False)]

    assert_close(*grads(params_of(LLAMA)), atol=1e-4)


def test_target_positions_are_gathered_without_leaving_a_device():
    mesh = jax.make_mesh((8,), ("rows",), axis_types=(jax.sharding.AxisType.Auto,))
    rows = NamedSharding(mesh, PartitionSpec("rows"))
    x = jax.ShapeDtypeStruct((8, 32, 24), jnp.float32, sharding=rows)
    at = jax.ShapeDtypeStruct((8, 4), jnp.int32, sharding=rows)
    compiled = jax.jit(jax.grad(lambda x, at: jnp.sum(pick(x, at) ** 2))).lower(x, at).compile()
    assert compiled.output_shardings.is_equivalent_to(rows, 3)
    assert not re.search("all-gather|all-to-all|collective-permute|all-reduce", compiled.as_text())


def prompts(length: int) -> tuple[jax.Array, jax.Array]:
    tokens, lengths = np.full((len(LENGTHS), length), 9, np.int32), []
    for row, (tokens_of, (prompt, _)) in enumerate(zip(examples(), LENGTHS, strict=True)):
        lengths.append(max(prompt, 1))
        tokens[row, : lengths[-1]] = tokens_of[: lengths[-1]]
    return jnp.asarray(tokens), jnp.asarray(lengths)


def as_read(tokens, lengths, prefix=False):
    positions = jnp.broadcast_to(jnp.arange(tokens.shape[1]), tokens.shape)
    real = positions < lengths[:, None]
    batch = {"decoder_inputs": tokens, "segment_ids": real.astype(jnp.int32), "positions": positions}
    return batch | ({"prefix": real} if prefix else {})


@pytest.mark.parametrize(
    ("config", "scan", "prefix"),
    [(LLAMA, True, True), (GEMMA2, True, True), (GEMMA2, False, False), (NEOX, True, False)],
    ids=["llama-scan-prefix", "gemma2-scan-prefix", "gemma2-unrolled", "neox-scan"],
)
def test_decoding_by_steps_equals_teacher_forcing(config, scan, prefix):
    """From prompts of four lengths, over the window in the prompt and after it."""
    computed = dataclasses.replace(config, scan=scan)
    params, (tokens, lengths) = params_of(config), prompts(11)
    answers = jax.random.randint(jax.random.key(3), (4, 15), 1, 64)

    @functools.partial(jax.jit, compiler_options=QUICK)
    def by_steps(params):
        model = bind(computed, params)
        starts, cache = model.begin(model.read(as_read(tokens, lengths, prefix)), 16)
        step_of = model.stepper()

        def step(cache, token):
            logits, cache = step_of(token, cache)
            return cache, logits

        cache, logits = jax.lax.scan(step, cache, jnp.concatenate([starts[None], answers.T]))
        return cache, logits.swapaxes(0, 1)

    cache, got = by_steps(params)
    np.testing.assert_array_equal(cache.positions, lengths + 15)
    assert [keys.shape for keys in cache.keys] == [(4, config.num_kv_heads, 26, 8)] * 4
    for row, length in enumerate(lengths):
        whole = jnp.concatenate([tokens[row, :length], answers[row]])[None]
        places = jnp.arange(26)
        batch = {
            "decoder_inputs": jnp.pad(whole, ((0, 0), (0, 26 - whole.shape[1]))),
            "segment_ids": (places < whole.shape[1]).astype(jnp.int32)[None],
            "positions": places[None],
            "prefix": (places < (length if prefix else 0))[None],
        }
        expected = forward(config, params, batch)[0, length - 1 : length + 15]
        np.testing.assert_allclose(got[row], expected, atol=ATOL, rtol=0, err_msg=f"row {row}")


@pytest.mark.parametrize(("config", "prefix"), [(LLAMA, False), (GEMMA2, True), (NEOX, False)], ids=KINDS)
def test_texts_after_cached_prompts_score_as_in_packed_rows(config, prefix):
    """Seven options of 1 to 9 tokens, of prompts in any order, against each prompt and option in a segment of its own."""
    params, (tokens, lengths) = params_of(config), prompts(11)
    owners, sizes = [2, 0, 2, 3, 1, 2, 0], [9, 1, 4, 9, 2, 7, 5]
    options = np.asarray(jax.random.randint(jax.random.key(5), (7, 9), 1, 64))
    texts, segments = np.zeros((2, 5, 14), np.int32)
    prompt_index, in_row = jnp.array([2, 0, 3, 1, 2]), [[0, 2], [1, 6], [3], [4], [5]]
    where = {}
    for row, numbers in enumerate(in_row):
        at = 0
        for segment, i in enumerate(numbers, start=1):
            where[i] = (row, slice(at, at + sizes[i]))
            texts[where[i]], segments[where[i]] = options[i, : sizes[i]], segment
            at += sizes[i]

    @functools.partial(jax.jit, compiler_options=QUICK)
    def score(params):
        model = bind(config, params)
        memory = model.read(as_read(tokens, lengths, prefix))
        return model.score(memory, prompt_index, jnp.asarray(texts), jnp.asarray(segments))

    found, best = score(params)
    batch = {name: np.zeros((2, 70), np.int32) for name in ("decoder_inputs", "segment_ids", "positions")}
    batch["prefix"] = np.zeros((2, 70), bool)
    places, ends = [], [0, 0]
    for i, (owner, size) in enumerate(zip(owners, sizes, strict=True)):
        row, length = i % 2, int(lengths[owner])
        at = slice(ends[row], ends[row] + length + size)
        batch["decoder_inputs"][row, at] = [*tokens[owner, :length], *options[i, :size]]
        batch["segment_ids"][row, at] = i + 1
        batch["positions"][row, at] = np.arange(length + size)
        batch["prefix"][row, at.start : at.start + length] = prefix
        places.append((row, at.start + length))
        ends[row] = at.stop
    expected = forward(config, params, batch)
    for i, (row, at) in enumerate(places):
        before = jax.nn.log_softmax(expected[row, at - 1 : at - 1 + sizes[i]])
        own = np.take_along_axis(before, options[i, : sizes[i], None], axis=1)[:, 0]
        np.testing.assert_allclose(found[where[i]], own, atol=ATOL, rtol=0, err_msg=f"option {i}")
        np.testing.assert_array_equal(best[where[i]], np.argmax(before, axis=1) == options[i, : sizes[i]])


@pytest.mark.parametrize(("scan", "remat"), [(True, "none"), (True, "attention"), (False, "full")])
def test_scan_and_remat_change_no_logit_and_no_gradient(scan, remat):
    config = dataclasses.replace(GEMMA2, scan=scan, remat=remat)
    plain = dataclasses.replace(GEMMA2, scan=False)
    params, batch = params_of(GEMMA2), packed_batch()
    (grads, logits), (plain_grads, plain_logits) = (gradient(c, params, batch) for c in (config, plain))
    np.testing.assert_allclose(logits, plain_logits, atol=ATOL, rtol=0)
    assert_close(grads, plain_grads, atol=1e-4)


def test_dropout_is_the_same_scanned_and_unrolled():
    key, batch = jax.random.key(7), packed_batch()
    scanned = dataclasses.replace(GEMMA2, dropout=0.3, remat="full")
    unrolled = dataclasses.replace(scanned, scan=False, remat="none")
    got, expected = (forward(config, params_of(GEMMA2), batch, key) for config in (scanned, unrolled))
    np.testing.assert_allclose(got, expected, atol=ATOL, rtol=0)


def test_dropout_needs_a_key_and_follows_it():
    config, params, batch = dataclasses.replace(LLAMA, dropout=0.3), params_of(LLAMA), packed_batch()
    without = forward(config, params, batch)
    np.testing.assert_array_equal(without, forward(LLAMA, params, batch))
    one, same, other = (forward(config, params, batch, jax.random.key(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert min(np.abs(one - other).mean(), np.abs(one - without).mean()) > 0.05


@pytest.mark.parametrize("config", [GEMMA2, NEOX], ids=["gemma2", "neox"])
def test_bfloat16_keeps_float32_logits_and_parameters(config):
    low_config = dataclasses.replace(config, dtype="bfloat16")
    params, batch = params_of(config), packed_batch()
    grads, low = gradient(low_config, params, batch)
    assert low.dtype == jnp.float32
    assert all(g.dtype == jnp.float32 and np.isfinite(g).all() for g in jax.tree.leaves(grads))
    low, full = (np.concatenate(by_example(batch, x)) for x in (low, forward(config, params, batch)))
    assert 1e-4 < np.abs(low - full).mean() < 0.05  # logits have a deviation near 1
    cache = jax.eval_shape(lambda p: bind(low_config, p).read(as_read(*prompts(11))), params)
    assert cache.keys[0].dtype == cache.values[0].dtype == jnp.bfloat16


def test_scales_near_1_are_not_rounded_in_bfloat16():
    """Of 1.0039 bfloat16 keeps nothing but the 1."""
    norm = Norm(dataclasses.replace(GEMMA2, epsilon=1e-12), nnx.Rngs(0), 24)
    norm.scale[...] = jnp.full(24, 0.0039)
    x = jnp.linspace(1, 2, 24, dtype=jnp.bfloat16)
    x32 = np.asarray(x, np.float32)
    expected = jnp.asarray(x32 / np.sqrt(np.mean(x32**2)) * 1.0039, jnp.bfloat16)
    np.testing.assert_array_equal(norm(x), expected)
    assert (expected != jnp.asarray(x32 / np.sqrt(np.mean(x32**2)), jnp.bfloat16)).any()


def test_rotation_turns_pairs_by_the_difference_of_positions():
    x, y = jax.random.normal(jax.random.key(0), (2, 1, 1, 3, 8))

    def product(first, second):
        at = [rotation(NEOX, jnp.array([[position]])) for position in (first, second)]
        return jnp.sum(rotate(x, at[0]) * rotate(y, at[1]), axis=-1)

    np.testing.assert_allclose(product(5, 2), product(105, 102), atol=1e-4)
    assert np.abs(product(5, 2) - product(5, 3)).max() > 0.01
    turned = rotate(x, rotation(NEOX, jnp.array([[7]])))
    np.testing.assert_array_equal(turned[..., 4:], x[..., 4:])  # half of a head is rotated
    np.testing.assert_allclose(jnp.linalg.norm(turned, axis=-1), jnp.linalg.norm(x, axis=-1), rtol=1e-6)
    right_angle = Rotation(jnp.zeros((1, 1, 1, 2)), jnp.ones((1, 1, 1, 2)))
    expected = jnp.concatenate([-x[..., 2:4], x[..., :2], x[..., 4:]], axis=-1)
    np.testing.assert_array_equal(rotate(x, right_angle), expected)


def test_scaled_frequencies_keep_the_fast_and_divide_the_slow():
    plain = dataclasses.replace(LLAMA, head_dim=128, rope_theta=5e5)
    scaled = dataclasses.replace(plain, rope_factor=8.0)
    ratio = frequencies(scaled) / frequencies(plain)
    turns = 8192 * frequencies(plain) / (2 * np.pi)
    np.testing.assert_array_equal(ratio[turns > 4], 1)
    np.testing.assert_allclose(ratio[turns < 1], 1 / 8, rtol=1e-6)
    between = ratio[(turns > 1) & (turns < 4)]
    assert len(between) > 3
    assert (np.diff(between) < 0).all()
    assert frequencies(scaled).dtype == np.float32


def is_axes(node) -> bool:
    return isinstance(node, tuple)


def test_what_stands_in_for_attend_is_asked_once_a_kind_of_layer():
    windows = []

    def stand_in(*arrays, query_segments, key_segments, **how):
        assert query_segments is key_segments
        windows.append(how["window"])
        return attend(*arrays, query_segments=query_segments, key_segments=key_segments, **how)

    jax.eval_shape(lambda params: bind(GEMMA2, params)(packed_batch(), Context(attend=stand_in)), params_of(GEMMA2))
    assert windows == [6, None]
    jax.eval_shape(lambda params: bind(GEMMA2, params).read(as_read(*prompts(11)), Context(attend=stand_in)), params_of(GEMMA2))
    assert windows == [6, None] * 2


@each_kind
def test_every_parameter_names_each_of_its_axes(config):
    shapes, axes = abstract(config)[1], logical_axes(config)
    assert jax.tree.structure(shapes) == jax.tree.structure(axes, is_leaf=is_axes)
    sizes = {"vocab": 64, "embed": 24, "mlp": 40, "heads": 32, "kv_heads": 16, "kv": 8, "layers": 4}
    for (path, value), names in zip(jax.tree.leaves_with_path(shapes), jax.tree.leaves(axes, is_leaf=is_axes), strict=True):
        fused = 3 if "qkv" in path[-1].key else 1
        assert value.shape == tuple(sizes[name] * (fused if name == "heads" else 1) for name in names), path
        assert (names[0] == "layers") == (path[0].key == "layers"), path


def test_constrain_sees_the_table_the_residual_stream_and_the_logits():
    seen = []

    def constrain(x, axes):
        assert x.ndim == len(axes)
        seen.append(axes)
        return x

    config = dataclasses.replace(LLAMA, scan=False)
    jax.eval_shape(lambda params: bind(config, params)(packed_batch(), Context(constrain=constrain)), params_of(LLAMA))
    residual = [("batch", "length", "embed")] * (2 + config.num_layers)
    assert seen == [("vocab", "features"), *residual, ("batch", "length", "vocab")]


@pytest.mark.parametrize("config", [LLAMA, GEMMA2], ids=["llama", "gemma2"])
def test_an_untrained_model_is_healthy(config):
    wide = dataclasses.replace(config, d_model=256, d_ff=512, num_layers=6, head_dim=64, vocab_size=512, logits_soft_cap=None)
    params = jax.jit(init, static_argnums=0, compiler_options=QUICK)(wide, jax.random.key(0))
    attention = params["layers"]["attention"]
    for kernel in [attention["o"], params["layers"]["mlp"]["wo"], attention["k"]]:
        assert float(kernel.std()) == pytest.approx(kernel.shape[1] ** -0.5, rel=0.02)
    first, second = attention["o"][:2]
    assert float((first - second).std()) == pytest.approx((2 / 256) ** 0.5, rel=0.05)  # layers are drawn apart
    assert 0.5 < forward(wide, params, packed_batch()).std() < 2.0


def test_a_config_gets_the_module_of_its_family():
    t5 = T5Config(vocab_size=16, d_model=8, d_ff=8, num_layers=1, num_decoder_layers=1, num_heads=1, head_dim=8)

    def bound(config):
        kinds = []
        jax.eval_shape(lambda params: kinds.append(type(bind(config, params))), abstract(config)[1])
        return kinds[0]

    assert (bound(t5), bound(LLAMA)) == (T5, Decoder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_heads": 0}, "num_heads is 0, expected an integer of at least 1"),
        ({"num_kv_heads": 3}, "num_kv_heads is 3, expected a divisor of num_heads, 4"),
        ({"head_dim": 7}, "head_dim is 7, expected such that an even part of it is rotated"),
        ({"rope_fraction": 0.1}, "head_dim is 8, expected such that an even part of it is rotated"),
        ({"rope_fraction": 1.5}, r"rope_fraction is 1\.5, expected a number of at most 1 and over 0"),
        ({"rope_factor": 0.5}, r"rope_factor is 0\.5, expected a number of at least 1"),
        ({"window": 0}, "window is 0, expected an integer of at least 1 or none"),
        ({"global_every": 2}, "global_every is 2, expected none without a window"),
        ({"window": 4, "global_every": 3}, "global_every is 3, expected a divisor of num_layers, 4"),
        ({"fused_qkv": True}, "num_kv_heads is 2, expected num_heads if qkv are fused"),
        ({"bias": "all"}, "bias is 'all', expected 'none' or 'qkv' if the MLP is gated"),
        ({"norm": "batch"}, "norm is 'batch', expected '"),
        ({"family": "gpt2"}, "family is 'gpt2', expected '"),
        ({"activation": "relu"}, "activation is 'relu', expected '"),
        ({"attention": "flash"}, "attention is 'flash', expected '"),
        ({"remat": "some"}, "remat is 'some', expected '"),
        ({"dtype": "float16"}, "dtype is 'float16', expected '"),
        ({"dropout": 1.0}, r"dropout is 1\.0, expected a number of at least 0 and below 1"),
        ({"epsilon": 0.0}, r"epsilon is 0\.0, expected a number over 0"),
    ],
)
def test_a_config_checks_its_values(change, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(LLAMA, **change)
