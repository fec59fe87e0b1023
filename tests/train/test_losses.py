"""The loss against a naive one-hot implementation, in value and gradient."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import NamedSharding
from jax.test_util import check_grads

from flanjax.aot import hlo
from flanjax.parallel import sharding
from flanjax.train.losses import Head, LossConfig, chunk_length, chunked_cross_entropy, cross_entropy, denominator, per_task

CONFIGS = [LossConfig(z_loss=z_loss, label_smoothing=smoothing) for z_loss in (0.0, 1e-4, 0.1) for smoothing in (0.0, 0.1, 0.4)]


def batch(seed=0, shape=(3, 5), vocab_size=11):
    rng = np.random.default_rng(seed)
    logits = jnp.asarray(rng.normal(0, 3, (*shape, vocab_size)), jnp.float32)
    targets = jnp.asarray(rng.integers(0, vocab_size, shape), jnp.int32)
    weights = jnp.asarray(rng.choice([0.0, 0.5, 1.0], shape), jnp.float32)
    return logits, targets, weights


def naive_objective(logits, targets, weights, config):
    """T5X's formula with soft targets of the full [B, T, V]."""
    vocab_size = logits.shape[-1]
    other = config.label_smoothing / (vocab_size - 1)
    soft = jax.nn.one_hot(targets, vocab_size) * (1 - config.label_smoothing - other) + other
    minimum = -jnp.sum(jnp.where(soft > 0, soft * jnp.log(jnp.where(soft > 0, soft, 1.0)), 0.0), axis=-1)
    losses = -jnp.sum(soft * jax.nn.log_softmax(logits), axis=-1) - minimum
    losses += config.z_loss * jnp.log(jnp.sum(jnp.exp(logits), axis=-1)) ** 2
    return jnp.sum(losses * weights)


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_objective_and_gradient_equal_the_one_hot_ones(config):
    logits, targets, weights = batch()
    ours = jax.jit(jax.value_and_grad(lambda x: cross_entropy(x, targets, weights, config).sum))(logits)
    naive = jax.value_and_grad(naive_objective)(logits, targets, weights, config)
    np.testing.assert_allclose(ours[0], naive[0], rtol=2e-6)
    np.testing.assert_allclose(ours[1], naive[1], rtol=2e-5, atol=1e-6)


def test_gradient_is_that_of_finite_differences():
    config = LossConfig(z_loss=0.05, label_smoothing=0.2)
    logits, targets, weights = batch(vocab_size=4, shape=(1, 3))

    def objective(x):
        return cross_entropy(x, targets, weights + 0.25, config).sum

    check_grads(objective, (logits,), order=1, modes=["rev"], atol=2e-2, rtol=2e-2)


def test_the_plain_losses_have_a_gradient_of_their_own():
    logits, targets, weights = batch()
    config = LossConfig(z_loss=0.05, label_smoothing=0.2)
    ours = jax.grad(lambda x: jnp.sum(weights * cross_entropy(x, targets, weights, config).nll))(logits)
    naive = jax.grad(naive_objective)(logits, targets, weights, LossConfig(z_loss=0.0))
    np.testing.assert_allclose(ours, naive, rtol=2e-5, atol=1e-6)


def test_a_perfect_prediction_costs_nothing_under_smoothing():
    vocab_size, smoothing = 50, 0.1
    best = np.full((1, 1, vocab_size), np.log(smoothing / (vocab_size - 1)), np.float32)
    best[0, 0, 7] = np.log(1 - smoothing)
    config = LossConfig(z_loss=0.0, label_smoothing=smoothing)
    assert cross_entropy(jnp.asarray(best), jnp.array([[7]]), jnp.ones((1, 1)), config).sum == pytest.approx(0.0, abs=1e-6)
    worse = jnp.asarray(best).at[0, 0, 7].add(3.0)
    assert cross_entropy(worse, jnp.array([[7]]), jnp.ones((1, 1)), config).sum > 0.1


def test_token_values_are_free_of_weights_smoothing_and_z_loss():
    logits, targets, weights = batch()
    losses = cross_entropy(logits, targets, weights, LossConfig(z_loss=0.5, label_smoothing=0.3))
    log_probs = np.asarray(jax.nn.log_softmax(logits))
    np.testing.assert_allclose(
        losses.nll, -np.take_along_axis(log_probs, np.asarray(targets)[..., None], -1)[..., 0], rtol=1e-5
    )
    np.testing.assert_array_equal(losses.correct, np.argmax(logits, -1) == np.asarray(targets))
    assert losses.weight == np.sum(weights)


def test_bfloat16_logits_are_summed_in_float32():
    logits, targets, weights = batch()
    losses = cross_entropy(logits.astype(jnp.bfloat16), targets, weights, LossConfig())
    assert {x.dtype for x in losses} == {jnp.dtype("float32")}
    exact = cross_entropy(logits.astype(jnp.bfloat16).astype(jnp.float32), targets, weights, LossConfig())
    assert losses.sum == exact.sum


def test_sums_of_uneven_microbatches_are_those_of_the_batch():
    logits, targets, _ = batch(shape=(4, 100))
    weights = (jnp.arange(100) < jnp.array([100, 10, 10, 10])[:, None]).astype(jnp.float32)
    whole = cross_entropy(logits, targets, weights, LossConfig())
    parts = [cross_entropy(*(x[i : i + 1] for x in (logits, targets, weights)), LossConfig()) for i in range(4)]
    np.testing.assert_allclose(sum(p.sum for p in parts), whole.sum, rtol=1e-6)
    assert sum(p.weight for p in parts) == whole.weight == 130


def test_no_array_over_the_vocabulary_but_the_logits_outlives_the_forward():
    shape = (4, 8, 1024)
    targets, weights = jnp.zeros(shape[:2], jnp.int32), jnp.ones(shape[:2])
    _, pullback = jax.vjp(lambda x: cross_entropy(x, targets, weights, LossConfig(label_smoothing=0.1)).sum, jnp.zeros(shape))
    assert sum(x.shape == shape for x in jax.tree.leaves(pullback)) == 1


def product(hidden, kernel):
    return jnp.matmul(hidden, kernel.astype(hidden.dtype), preferred_element_type=jnp.float32)


def chunked_batch():
    rng = np.random.default_rng(0)
    hidden, kernel = (jnp.asarray(rng.normal(size=s), jnp.float32) for s in ((8, 12, 64), (64, 256)))
    return hidden, kernel, *batch(shape=(8, 12))[1:]


ANYWHERE = sharding.whole_batch


def objective(hidden, kernel, targets, weights, chunk, by_rows=ANYWHERE):
    config = LossConfig(z_loss=0.1, label_smoothing=0.1)
    if chunk == targets.shape[1]:
        losses = cross_entropy(product(hidden, kernel), targets, weights, config)
    else:
        losses = chunked_cross_entropy(hidden, kernel, targets, weights, Head(product, by_rows=by_rows), config, chunk)
    return 3 * losses.sum, losses


@pytest.mark.parametrize("chunk", [1, 4, 6])
def test_a_chunked_loss_and_its_gradients_are_those_of_the_whole(chunk):
    graded = jax.jit(jax.value_and_grad(objective, (0, 1), has_aux=True), static_argnums=4)
    whole, parts = (graded(*chunked_batch(), c) for c in (12, chunk))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5), whole, parts)
    plain = jax.jit(objective, static_argnums=4)(*chunked_batch(), chunk)  # without a gradient
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5), whole[0], plain)


@pytest.mark.parametrize("shape", [(1, 8, 1), (2, 2, 2), (8, 1, 1)], ids=str)
def test_a_chunked_loss_is_the_same_on_a_mesh_and_the_kernel_travels_once(shape):
    mesh = sharding.make_mesh(sharding.MeshConfig(**dict(zip(("data", "fsdp", "tensor"), shape, strict=True))))
    axes = [("batch", "length", "embed"), ("embed", "vocab"), ("batch", "length"), ("batch", "length")]
    arrays = chunked_batch()
    placed = [NamedSharding(mesh, sharding.partition_spec(a, x.shape, mesh)) for a, x in zip(axes, arrays, strict=True)]

    def compiled(chunk):
        graded = jax.value_and_grad(
            functools.partial(objective, chunk=chunk, by_rows=sharding.by_rows(mesh)), (0, 1), has_aux=True
        )
        return jax.jit(graded, in_shardings=placed).lower(*arrays).compile()

    got = compiled(3)(*map(jax.device_put, arrays, placed))
    expected = jax.jit(jax.value_and_grad(objective, (0, 1), has_aux=True), static_argnums=4)(*arrays, 12)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5), expected, got)
    few, many = (hlo.count(compiled(chunk).as_text()).received_bytes for chunk in (6, 1))
    assert many - few < arrays[1].nbytes / 4  # twelve chunks instead of two: the kernel travels as often
    assert few < 4 * arrays[1].nbytes


def test_a_chunked_loss_never_holds_all_logits():
    hidden, kernel = jnp.zeros((2, 64, 8)), jnp.zeros((8, 5000))
    targets, weights = jnp.zeros((2, 64), jnp.int32), jnp.ones((2, 64))

    def compiled(chunk):
        graded = jax.grad(functools.partial(objective, chunk=chunk), (0, 1), has_aux=True)
        return jax.jit(graded).lower(hidden, kernel, targets, weights).compile()

    assert "f32[2,64,5000]" in compiled(64).as_text()
    assert "5000]" in compiled(8).as_text()
    assert "64,5000]" not in compiled(8).as_text()
    assert compiled(8).memory_analysis().temp_size_in_bytes < 2 * 64 * 5000 * 4


def test_chunks_are_chosen_by_the_vocabulary():
    assert chunk_length(256, 32128) == 256
    assert chunk_length(1024, 256_000) == 64
    assert chunk_length(7, 10**9) == 1
    assert chunk_length(96, 10, asked=40) == 32


def test_the_denominator_is_the_weight_or_the_constant():
    assert denominator(LossConfig(), jnp.float32(12.0)) == 12
    assert denominator(LossConfig(), jnp.float32(0.0)) == 1
    assert denominator(LossConfig(normalizer=2048 * 114), jnp.float32(12.0)) == 233_472


def test_per_task_sums_every_task_apart_and_leaves_out_foreign_ids():
    values, weights = jnp.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]), jnp.array([[1.0, 0.5, 0.0], [1.0, 1.0, 1.0]])
    sums, counts = jax.jit(per_task, static_argnums=3)(values, weights, jnp.array([[0, 2, 2], [2, -1, 4]]), 4)
    assert sums.tolist() == [1, 0, 5, 0]
    assert counts.tolist() == [1, 0, 1.5, 0]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"z_loss": -1.0}, "z_loss is -1.0, expected a number of at least 0"),
        ({"label_smoothing": 1.0}, "label_smoothing is 1.0, expected a number of at least 0 and below 1"),
        ({"normalizer": "tokens"}, "normalizer is 'tokens', expected 'weights' or a number over 0"),
        ({"normalizer": 0.0}, "normalizer is 0.0, expected 'weights' or a number over 0"),
    ],
)
def test_a_bad_config_is_named(changes, message):
    with pytest.raises(ValueError, match=message):
        LossConfig(**changes)


def test_mismatched_shapes_are_named():
    logits, targets, weights = batch()
    with pytest.raises(ValueError, match=r"got \(3, 5, 11\), \(3, 5\) and \(3, 4\)"):
        cross_entropy(logits, targets, weights[:, 1:], LossConfig())
