"""What must hold of a T5 whatever its weights: packing, caches, scanning, dropout, types and names."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from flanjax.models.attention.reference import attend
from flanjax.models.context import Context
from flanjax.models.functional import abstract, bind, init, logical_axes
from flanjax.models.t5 import RESIDUAL, T5Config

V1_1 = T5Config(vocab_size=64, d_model=32, d_ff=48, num_layers=2, num_decoder_layers=3, num_heads=3, head_dim=8)
V1_0 = dataclasses.replace(V1_1, activation="relu", gated=False, tied_embedding=True, scale_logits=True)
ATOL = 2e-5
QUICK = {"xla_backend_optimization_level": 0}  # these tests are all compilation

# (inputs, targets) lengths of examples; one has an empty input
LENGTHS = [(5, 4), (0, 6), (9, 3), (4, 7)]


@pytest.fixture(autouse=True)
def exact_products():
    with jax.default_matmul_precision("highest"):
        yield


@functools.cache
def params_of(config: T5Config):
    """Weights that keep activations near 1, with norms away from 1 and bias tables that matter."""
    rng = np.random.default_rng(0)

    def draw(path, value):
        name, noise = path[-1].key, rng.standard_normal(value.shape).astype(np.float32)
        if "norm" in name:
            return 1 + 0.3 * noise
        fan_in = {"embedding": 1, "relative_bias": 1, "q": config.d_model * config.head_dim}
        return noise * fan_in.get(name, value.shape[-2]) ** -0.5

    return jax.tree.map_with_path(draw, abstract(config)[1])


@functools.partial(jax.jit, static_argnums=0, compiler_options=QUICK)
def forward(config: T5Config, params, batch, key=None) -> jax.Array:
    return bind(config, params)(batch, Context(key=key))


@functools.partial(jax.jit, static_argnums=0, compiler_options=QUICK)
def gradient(config: T5Config, params, batch):
    """The gradient of the summed log-likelihood of each real position's own token, and the logits."""

    def score(params):
        logits = bind(config, params)(batch)
        scores = jnp.take_along_axis(jax.nn.log_softmax(logits), batch["decoder_inputs"][..., None], axis=-1)[..., 0]
        return jnp.sum(jnp.where(batch["segment_ids"] > 0, scores, 0)), logits

    return jax.grad(score, has_aux=True)(params)


def examples() -> list[tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(0)
    return [(rng.integers(1, 64, s), rng.integers(1, 64, t)) for s, t in LENGTHS]


def pack(rows: list[list[tuple]], source_length: int, target_length: int, filler: int = 0) -> dict[str, jax.Array]:
    """A batch with each row's examples one after another; padding holds `filler`."""
    inputs, inputs_segments = np.full((2, len(rows), source_length), [[[filler]], [[0]]], np.int32)
    targets, segments = np.full((2, len(rows), target_length), [[[filler]], [[0]]], np.int32)
    for row, packed in enumerate(rows):
        s = t = 0
        for segment, (source, target) in enumerate(packed, start=1):
            inputs[row, s : s + len(source)], inputs_segments[row, s : s + len(source)] = source, segment
            targets[row, t : t + len(target)], segments[row, t : t + len(target)] = target, segment
            s, t = s + len(source), t + len(target)
    arrays = {"inputs": inputs, "inputs_segment_ids": inputs_segments, "decoder_inputs": targets, "segment_ids": segments}
    return {name: jnp.asarray(value) for name, value in arrays.items()}


def packed_batch(filler: int = 0):
    return pack([examples()], 20, 22, filler)


def single_batch():
    return pack([[example] for example in examples()], 12, 8)


def split_row(logits: jax.Array) -> list[np.ndarray]:
    """The logits of a packed row, example by example."""
    ends = np.cumsum([target for _, target in LENGTHS])
    return np.split(np.asarray(logits), ends)[:-1]


def assert_close(got, expected, atol=ATOL):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=atol), got, expected)


@pytest.mark.parametrize("config", [V1_0, V1_1], ids=["v1.0", "v1.1"])
def test_packed_rows_score_like_single_rows(config):
    packed = forward(config, params_of(config), packed_batch())[0]
    alone = forward(config, params_of(config), single_batch())
    for example, (got, (_, length)) in enumerate(zip(split_row(packed), LENGTHS, strict=True)):
        np.testing.assert_allclose(got, alone[example, :length], atol=ATOL, rtol=0, err_msg=f"example {example}")


def test_the_gradient_of_a_packed_row_is_the_sum_of_its_examples_gradients():
    packed, _ = gradient(V1_1, params_of(V1_1), packed_batch())
    singles = [gradient(V1_1, params_of(V1_1), pack([[example]], 12, 8))[0] for example in examples()]
    assert_close(packed, jax.tree.map(lambda *each: sum(each), *singles), atol=1e-4)


def test_tokens_in_padding_are_never_seen():
    clean, dirty = (forward(V1_1, params_of(V1_1), packed_batch(filler))[0] for filler in (0, 7))
    np.testing.assert_array_equal(np.concatenate(split_row(clean)), np.concatenate(split_row(dirty)))


def test_token_0_within_a_segment_is_seen():
    batch = packed_batch()
    changed = {**batch, "inputs": batch["inputs"].at[0, 2].set(0)}
    difference = forward(V1_1, params_of(V1_1), batch) - forward(V1_1, params_of(V1_1), changed)
    first, *others = split_row(difference[0])
    assert np.abs(first).max() > 1e-3
    assert np.abs(np.concatenate(others)).max() == 0.0


def test_the_decoder_does_not_see_what_follows():
    batch = single_batch()
    changed = {**batch, "decoder_inputs": batch["decoder_inputs"].at[0, 3].add(1)}
    difference = forward(V1_1, params_of(V1_1), batch) - forward(V1_1, params_of(V1_1), changed)
    assert np.abs(difference[0, :3]).max() == 0.0
    assert np.abs(difference[0, 3]).max() > 1e-3


def test_a_query_without_keys_reads_zeros_and_has_a_finite_gradient():
    def read(x):
        segments = jnp.array([[1, 2]])
        return attend(x, x, x, query_segments=segments, key_segments=jnp.array([[1, 1]]))

    x = jax.random.normal(jax.random.key(0), (1, 2, 3, 4))
    assert np.abs(read(x)[0, 1]).max() == 0.0
    assert np.isfinite(jax.grad(lambda x: jnp.sum(read(x) ** 2))(x)).all()


@pytest.mark.parametrize("scan", [True, False], ids=["scan", "unrolled"])
@pytest.mark.parametrize("version", [V1_0, V1_1], ids=["v1.0", "v1.1"])
def test_decoding_by_steps_equals_teacher_forcing(version, scan):
    config = dataclasses.replace(version, scan=scan)
    params, max_length = params_of(version), 140  # past the last relative bucket
    batch = single_batch()
    tokens = jax.random.randint(jax.random.key(3), (4, max_length), 1, 64)
    ones = jnp.ones_like(tokens)

    @functools.partial(jax.jit, compiler_options=QUICK)
    def by_steps(params):
        model = bind(config, params)
        _, cache = model.begin(model.read({**batch, "starts": tokens[:, 0]}), max_length)
        step_of = model.stepper()

        def step(cache, token):
            logits, cache = step_of(token, cache)
            return cache, logits

        cache, logits = jax.lax.scan(step, cache, tokens.T)
        return cache.positions, logits.swapaxes(0, 1)

    positions, logits = by_steps(params)
    np.testing.assert_array_equal(positions, max_length)
    expected = forward(config, params, {**batch, "decoder_inputs": tokens, "segment_ids": ones})
    np.testing.assert_allclose(logits, expected, atol=ATOL, rtol=0)


@pytest.mark.parametrize(
    ("scan", "remat"), [(True, "none"), *((scan, r) for scan in (True, False) for r in ("full", "dots", "attention"))]
)
def test_scan_and_remat_change_no_logit_and_no_gradient(scan, remat):
    config = dataclasses.replace(V1_1, scan=scan, remat=remat)
    plain = dataclasses.replace(V1_1, scan=False)
    params, batch = params_of(V1_1), packed_batch()
    (grads, logits), (plain_grads, plain_logits) = (gradient(c, params, batch) for c in (config, plain))
    np.testing.assert_allclose(logits, plain_logits, atol=ATOL, rtol=0)
    assert_close(grads, plain_grads, atol=1e-4)


@pytest.mark.parametrize("remat", ["full", "none"])
def test_dropout_is_the_same_scanned_and_unrolled(remat):
    key, batch = jax.random.key(7), packed_batch()
    scanned = dataclasses.replace(V1_1, dropout=0.3, remat=remat)
    unrolled = dataclasses.replace(scanned, scan=False, remat="none")
    got, expected = (forward(config, params_of(V1_1), batch, key) for config in (scanned, unrolled))
    np.testing.assert_allclose(got, expected, atol=ATOL, rtol=0)


def test_dropout_needs_a_key_and_follows_it():
    config, params, batch = dataclasses.replace(V1_1, dropout=0.3), params_of(V1_1), packed_batch()
    without = forward(config, params, batch)
    np.testing.assert_array_equal(without, forward(V1_1, params, batch))
    one, same, other = (forward(config, params, batch, jax.random.key(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert min(np.abs(one - other).mean(), np.abs(one - without).mean()) > 0.05


def test_each_layer_drops_other_features():
    config = dataclasses.replace(V1_1, dropout=0.5, scan=False, num_layers=3)
    params = params_of(config)
    mute = {name: jnp.zeros_like(value) for name, value in params["encoder"]["layers"]["attention"].items()}
    layers = {**params["encoder"]["layers"], "attention": mute}  # so that a layer adds only its MLP's dropped output
    params = {**params, "encoder": {**params["encoder"], "layers": layers}}

    @functools.partial(jax.jit, compiler_options=QUICK)
    def residual_streams(params):
        streams = []
        batch = packed_batch()
        bind(config, params).encode(
            batch["inputs"],
            batch["inputs_segment_ids"],
            Context(jax.random.key(0), lambda x, axes: (streams.append(x) if axes == RESIDUAL else None) or x),
        )
        return jnp.stack(streams[:4])  # after the embedding and after each layer

    dropped = np.diff(residual_streams(params)[:, 0], axis=0) == 0  # [3, S, D]
    assert (dropped == dropped[:, :1]).all()
    assert 0.3 < dropped.mean() < 0.7
    assert all((one != other).any() for one, other in [(dropped[0], dropped[1]), (dropped[1], dropped[2])])


def test_dropout_zeros_features_along_the_whole_length_and_keeps_the_mean():
    dropped = np.asarray(Context(jax.random.key(0)).dropout(jnp.ones((64, 5, 64)), 0.25))
    assert (dropped == dropped[:, :1]).all()
    assert set(np.unique(dropped)) == {0.0, np.float32(1 / 0.75)}
    assert dropped.mean() == pytest.approx(1.0, abs=0.03)


def test_bfloat16_keeps_float32_logits_and_parameters():
    config = dataclasses.replace(V1_1, dtype="bfloat16")
    params, batch = params_of(V1_1), packed_batch()
    low, full = forward(config, params, batch), forward(V1_1, params, batch)
    assert low.dtype == jnp.float32
    assert {value.dtype for value in jax.tree.leaves(abstract(config)[1])} == {jnp.dtype("float32")}
    assert 1e-4 < np.abs(low - full).mean() < 0.05  # logits have deviation 1
    grads, _ = gradient(config, params, batch)
    assert all(g.dtype == jnp.float32 and np.isfinite(g).all() for g in jax.tree.leaves(grads))


def is_axes(node) -> bool:
    return isinstance(node, tuple)


@pytest.mark.parametrize("config", [V1_0, V1_1], ids=["v1.0", "v1.1"])
def test_every_parameter_names_each_of_its_axes(config):
    shapes, axes = abstract(config)[1], logical_axes(config)
    assert jax.tree.structure(shapes) == jax.tree.structure(axes, is_leaf=is_axes)
    sizes = {"vocab": 64, "embed": 32, "mlp": 48, "heads": 24, "buckets": 32, "relpos_heads": 3}
    for (path, value), names in zip(jax.tree.leaves_with_path(shapes), jax.tree.leaves(axes, is_leaf=is_axes), strict=True):
        layers = {"encoder": 2, "decoder": 3}.get(path[0].key, 0)
        assert value.shape == tuple({**sizes, "layers": layers}[name] for name in names), path
        assert (names[0] == "layers") == any(key.key == "layers" for key in path), path


def test_constrain_sees_the_residual_stream_and_the_logits():
    seen = []

    def constrain(x, axes):
        assert x.ndim == len(axes)
        seen.append(axes)
        return x

    config = dataclasses.replace(V1_1, scan=False)
    jax.eval_shape(lambda params: bind(config, params)(packed_batch(), Context(constrain=constrain)), params_of(V1_1))
    places = (2 + config.num_layers) + (2 + config.num_decoder_layers)
    assert seen.count(("vocab", "features")) == 2  # the table, where inputs and targets are looked up
    assert [s for s in seen if "features" not in s] == [("batch", "length", "embed")] * places + [("batch", "length", "vocab")]


@pytest.mark.parametrize("config", [V1_0, V1_1], ids=["v1.0", "v1.1"])
def test_an_untrained_model_is_healthy(config):
    wide = dataclasses.replace(config, d_model=256, d_ff=512, num_layers=6, num_decoder_layers=6, head_dim=64, vocab_size=512)
    params = jax.jit(init, static_argnums=0, compiler_options=QUICK)(wide, jax.random.key(0))
    attention = params["decoder"]["layers"]["cross"]
    assert float(attention["q"].std()) == pytest.approx((256 * 64) ** -0.5, rel=0.02)
    assert float(attention["o"].std()) == pytest.approx((3 * 64) ** -0.5, rel=0.02)
    first, second = attention["k"][:2]
    assert float((first - second).std()) == pytest.approx((2 / 256) ** 0.5, rel=0.05)  # layers are drawn apart
    assert 0.5 < forward(wide, params, packed_batch()).std() < 2.0


def test_parameters_of_another_config_are_listed():
    params = params_of(V1_1)
    wrong = {**params, "embedding": jnp.zeros((65, 32)), "adapter": jnp.zeros(3)}
    with pytest.raises(ValueError, match=r"adapter: got \(3,\), expected None\nembedding: got \(65, 32\), expected \(64, 32\)"):
        bind(V1_1, wrong)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_heads": 0}, "num_heads is 0, expected an integer of at least 1"),
        ({"relative_buckets": 30}, "relative_buckets is 30, expected a positive multiple of 4"),
        ({"relative_max_distance": 16}, "relative_max_distance is 16, expected over 16"),
        ({"activation": "silu"}, "activation is 'silu', expected 'gelu' or 'relu'"),
        ({"dtype": "float16"}, "dtype is 'float16', expected 'float32' or 'bfloat16'"),
        ({"dropout": 1.0}, r"dropout is 1\.0, expected a number of at least 0 and below 1"),
        ({"epsilon": 0.0}, r"epsilon is 0\.0, expected a number over 0"),
    ],
)
def test_a_config_checks_its_values(change, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(V1_1, **change)
