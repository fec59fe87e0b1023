"""The step gives the same result for any microbatches, mesh and packing; and what its metrics mean."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from flanjax.data.feature_config import FeatureConfig
from flanjax.data.layout import make_layout
from flanjax.data.packing import Encoded
from flanjax.data.tokenizer import ByteTokenizer
from flanjax.data.windows import pack
from flanjax.models import functional
from flanjax.models.context import Context
from flanjax.models.t5 import T5Config
from flanjax.parallel import sharding
from flanjax.tasks.draws import Draws
from flanjax.train.losses import LossConfig
from flanjax.train.objective import CrossEntropy, Hooks
from flanjax.train.optimizer import OptimizerConfig, make_optimizer, schedule, state_axes
from flanjax.train.step import StepSpec, TrainState, init_state, read_rows, train_step, validation_step

S, T, TASKS, ROWS = 24, 12, 3, 8
LAYOUT = make_layout(FeatureConfig(inputs_length=S, targets_length=T), ByteTokenizer())
MODEL = T5Config(vocab_size=64, d_model=16, d_ff=32, num_layers=1, num_decoder_layers=1, num_heads=2, head_dim=8, scan=False)
# Adafactor factors from 128 on: its rows and columns are split too.
WIDE = dataclasses.replace(MODEL, d_model=128, d_ff=128)
PLAIN = LossConfig()


@pytest.fixture(autouse=True)
def exact_products():
    with jax.default_matmul_precision("highest"):
        yield


def example(rng, source, target, task=0, weight=1.0):
    return Encoded(
        rng.integers(2, 64, source).astype(np.int32), rng.integers(2, 64, target).astype(np.int32), weight, task, 0, 0
    )


def batch_of(rows):
    """A batch of eight rows whatever their number, so that all share a compilation."""
    rows = [*rows, *([[]] * (ROWS - len(rows)))]
    packed = [LAYOUT.row(examples, LAYOUT.lengths[0]) for examples in rows]
    return {name: np.stack([row[name] for row in packed]) for name in packed[0]}


def uneven_batch(seed=0):
    """Rows of 1 to T target tokens, of three tasks, each token of its own weight."""
    rng = np.random.default_rng(seed)
    lengths = [T, 1, 1, 1, 7, 2, 1, T]
    return batch_of([[example(rng, 5 + i % 7, n, i % TASKS, 0.25 + i % 3)] for i, n in enumerate(lengths)])


@functools.cache
def spec_of(*, microbatches=1, dropout=0.0, loss=PLAIN, seed=0):
    model = dataclasses.replace(MODEL, dropout=dropout)
    return StepSpec(
        model=model,
        objective=CrossEntropy(loss, TASKS),
        optimizer=optax.sgd(1.0),
        learning_rate=lambda step: 1.0,
        microbatches=microbatches,
        seed=seed,
    )


@functools.cache
def compiled(spec):
    return jax.jit(functools.partial(train_step, spec))


def one_step(spec, batch, step=0):
    """The gradient (by plain gradient descent at rate one) and the figures."""
    state = init_state(spec, weights())._replace(step=jnp.asarray(step, jnp.int32))
    after, metrics = compiled(spec)(state, {}, batch)
    values, by_task = jax.device_get(metrics)
    figures = {**values, "task_nll": by_task["loss"].total, "task_weight": by_task["loss"].weight}
    return jax.tree.map(lambda old, new: np.asarray(old - new), weights(), after.params), figures


def summed(rows):
    """The summed objective of rows, and its gradient."""
    return one_step(spec_of(loss=LossConfig(normalizer=1.0)), batch_of(rows))


@functools.cache
def weights():
    return jax.jit(functional.init, static_argnums=0)(MODEL, jax.random.key(1))


def assert_alike(got, expected, atol):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=atol), got, expected)


def test_microbatches_change_nothing_however_uneven_their_targets():
    batch = uneven_batch()
    gradient, figures = one_step(spec_of(), batch)
    got, got_figures = one_step(spec_of(microbatches=4), batch)
    assert float(figures["grad_norm"]) > 0.01
    assert_alike(got, gradient, 1e-6)
    assert_alike(got_figures, figures, 1e-6)
    # The mean of the microbatches' own means is another number, which this tolerance would not let pass.
    parts = [{**batch, "loss_weights": batch["loss_weights"] * (np.arange(ROWS) % 4 == i)[:, None]} for i in range(4)]
    means = [one_step(spec_of(), part)[1]["loss"] for part in parts]
    assert abs(np.mean(means) - figures["loss"]) > 10 * 1e-5 * figures["loss"]


def losses_on(mesh, name, steps=20):
    """The losses of some steps on a mesh, with everything placed as a run places it."""
    model = WIDE
    axes = functional.logical_axes(model)
    config = OptimizerConfig(name=name, learning_rate=1e-2, schedule="cosine", warmup_steps=3, weight_decay=0.01, clip_norm=1.0)
    optimizer = make_optimizer(config, axes, steps)
    hooks = Hooks(Context(constrain=sharding.constrain(mesh)))
    spec = dataclasses.replace(spec_of(), model=model, optimizer=optimizer, hooks=hooks)
    _, shapes = functional.abstract(model)
    state_shapes = jax.eval_shape(functools.partial(init_state, spec), shapes)
    names = TrainState((), axes, state_axes(optimizer, shapes, axes))
    placed = sharding.shardings(state_shapes, names, mesh)
    start = jax.jit(functional.init, static_argnums=0)(model, jax.random.key(1))
    state = jax.device_put(init_state(spec, start), placed)
    step = jax.jit(
        functools.partial(train_step, spec),
        in_shardings=(placed, {}, sharding.batch_sharding(mesh)),
        out_shardings=(placed, sharding.replicated(mesh)),
    )
    losses = []
    for number in range(steps):
        state, metrics = step(state, {}, sharding.to_global(uneven_batch(number % 3), mesh))
        losses.append(float(metrics.values["loss"]))
    return losses


@pytest.mark.parametrize("name", ["adafactor", "adamw_rms"])
def test_every_mesh_gives_the_losses_of_one_device(name):
    alone = losses_on(sharding.make_mesh(sharding.MeshConfig(), jax.devices()[:1]), name)
    assert alone[-1] < alone[0] - 0.5
    for data, fsdp, tensor in ((2, 2, 2), (1, 4, 2)):
        mesh = sharding.make_mesh(sharding.MeshConfig(data=data, fsdp=fsdp, tensor=tensor))
        np.testing.assert_allclose(losses_on(mesh, name), alone, rtol=0, atol=1e-5)


def test_packed_rows_score_as_their_examples_alone_do():
    rng = np.random.default_rng(2)
    lengths = [(7, 3), (0, 2), (9, 4), (1, 1)]  # the second has no input at all
    examples = [example(rng, s, t, task=i % TASKS, weight=0.5 + i) for i, (s, t) in enumerate(lengths)]
    gradient, figures = summed([examples])
    alone_gradient, alone = summed([[e] for e in examples])
    assert_alike(gradient, alone_gradient, 2e-5)
    np.testing.assert_allclose(figures["loss"], alone["loss"], rtol=1e-6)
    np.testing.assert_allclose(figures["task_nll"], alone["task_nll"], rtol=1e-5)


def test_a_target_counts_the_same_in_batches_of_short_and_of_long_rows():
    """Over a round of batches the gradient is that of all examples alone, over the weight of an average batch."""
    rng = np.random.default_rng(4)
    config = FeatureConfig(inputs_length=S, targets_length=T, lengths=((S, 8), (S, T)))
    layout = make_layout(config, ByteTokenizer())
    examples = [example(rng, 5 + i % 9, (2, 3, 11)[i % 3], task=i % TASKS, weight=0.5 + i % 2) for i in range(ROWS)]
    packed = pack([(e,) for e in examples], layout, config.pairs, Draws(0))
    gradients = []
    for pair in range(2):
        rows = packed[pair::2]
        batch = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
        gradients.append(one_step(spec_of(), batch)[0])
    mean = sum(e.weight * len(e.targets) for e in examples) / 2
    expected, _ = summed([[e] for e in examples])
    assert_alike(jax.tree.map(lambda a, b: (a + b) * mean, *gradients), expected, 2e-5)
    assert len({row["targets"].shape for row in packed}) == 2


def test_examples_of_a_row_do_not_see_each_other():
    rng = np.random.default_rng(3)
    kept, other = example(rng, 7, 3, task=0), example(rng, 6, 4, task=1)
    changed = other._replace(inputs=(other.inputs + 1) % 60 + 2, targets=(other.targets + 1) % 60 + 2)
    for order in (0, 1):
        before, after = (summed([[kept, x] if order else [x, kept]])[1] for x in (other, changed))
        np.testing.assert_allclose(after["task_nll"][0], before["task_nll"][0], rtol=1e-6)
        assert abs(after["task_nll"][1] - before["task_nll"][1]) > 1e-2


def test_dropout_is_a_function_of_seed_and_step():
    batch = uneven_batch()

    def loss(seed, step, dropout=0.3):
        return float(one_step(spec_of(dropout=dropout, seed=seed), batch, step)[1]["loss"])

    assert loss(0, 5) == loss(0, 5)
    assert len({loss(0, 5), loss(0, 6), loss(1, 5), loss(0, 5, dropout=0.0)}) == 4


def test_microbatches_of_a_step_have_dropouts_of_their_own():
    row = [example(np.random.default_rng(5), 6, 4)]
    batch = batch_of([row] * ROWS)
    batch["task_ids"] = np.repeat(np.arange(ROWS, dtype=np.int32)[:, None] % 2, T, axis=1)  # of its microbatch
    _, figures = one_step(spec_of(dropout=0.3, microbatches=2), batch)
    assert abs(figures["task_nll"][0] - figures["task_nll"][1]) > 1e-3


def test_validation_has_no_dropout():
    batch = uneven_batch()
    sums = jax.jit(functools.partial(validation_step, spec_of(dropout=0.3)))(weights(), {}, batch)
    np.testing.assert_allclose(sums.loss / sums.weight, one_step(spec_of(), batch)[1]["loss"], rtol=1e-6)


def test_validation_and_readings_take_the_microbatches_of_a_step_and_give_the_same():
    batch = uneven_batch()
    whole, parts = (jax.jit(functools.partial(validation_step, spec_of(microbatches=n)))(weights(), {}, batch) for n in (1, 4))
    assert_alike(parts, whole, 1e-6)
    rows = {"n": jnp.arange(8)}
    for count in (1, 2, 4):
        seen = []
        found = read_rows(spec_of(microbatches=count), lambda b, seen=seen: (seen.append(b["n"].shape), b["n"] * 10)[1], rows)
        assert found.tolist() == [10 * n for n in range(8)]
        assert set(seen) == {(8 // count,)}


def test_losses_of_the_tasks_sum_to_the_loss_of_the_batch():
    batch = uneven_batch()
    _, figures = one_step(spec_of(loss=LossConfig(z_loss=0.0)), batch)
    assert figures["task_nll"].shape == (TASKS,)
    assert (figures["task_nll"] > 0).all()
    np.testing.assert_allclose(figures["task_weight"].sum(), batch["loss_weights"].sum(), rtol=1e-6)
    np.testing.assert_allclose(figures["task_nll"].sum() / figures["task_weight"].sum(), figures["loss"], rtol=1e-6)
    for task in range(TASKS):
        alone = {**batch, "loss_weights": batch["loss_weights"] * (batch["task_ids"] == task)}
        np.testing.assert_allclose(
            one_step(spec_of(loss=LossConfig(z_loss=0.0)), alone)[1]["loss"],
            figures["task_nll"][task] / figures["task_weight"][task],
            rtol=1e-5,
        )


def test_a_constant_normalizer_divides_loss_and_gradient_by_it():
    batch = uneven_batch()
    weight = float(batch["loss_weights"].sum())
    gradient, figures = one_step(spec_of(), batch)
    by_constant, constant_figures = one_step(spec_of(loss=LossConfig(normalizer=7.0)), batch)
    assert_alike(by_constant, jax.tree.map(lambda g: g * weight / 7.0, gradient), 1e-5)
    np.testing.assert_allclose(constant_figures["loss"], figures["loss"] * weight / 7.0, rtol=1e-5)
    np.testing.assert_allclose(constant_figures["accuracy"], figures["accuracy"], rtol=1e-6)


def test_weights_of_examples_weigh_their_gradients():
    rng = np.random.default_rng(4)
    one, two = example(rng, 6, 4), example(rng, 6, 2)
    gradients = [summed([[e]])[0] for e in (one, two)]
    both, _ = summed([[one._replace(weight=0.25)], [two._replace(weight=3.0)]])
    assert_alike(both, jax.tree.map(lambda a, b: 0.25 * a + 3.0 * b, *gradients), 2e-5)


def test_the_learning_rate_reported_is_the_one_used():
    rate = schedule(OptimizerConfig(learning_rate=0.1, schedule="linear"), 10)
    spec = dataclasses.replace(spec_of(), optimizer=optax.sgd(rate), learning_rate=rate)
    state = init_state(spec, weights())
    step = jax.jit(functools.partial(train_step, spec))
    for _ in range(3):
        before = state.params
        state, metrics = step(state, {}, uneven_batch())
        figures = metrics.values
        moved = optax.global_norm(jax.tree.map(jnp.subtract, before, state.params))
        np.testing.assert_allclose(moved, figures["learning_rate"] * figures["grad_norm"], rtol=1e-4)
    np.testing.assert_allclose(figures["learning_rate"], 0.08, rtol=1e-6)
    assert int(state.step) == 3
