"""Schedules at their key steps, AdamW with and without RMS scaling, decay, clipping, and the axes of the state."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from flanjax.train.optimizer import (
    DECAYING,
    NAMES,
    OptimizerConfig,
    bent_schedule,
    decay_mask,
    make_optimizer,
    schedule,
    state_axes,
)

AXES = {
    "layer": {"wi": ("layers", "embed", "mlp"), "q": ("layers", "embed", "heads", "kv"), "norm": ("layers", "embed")},
    "embedding": ("vocab", "embed"),
    "bias": ("buckets", "relpos_heads"),
}


def weights():
    rng = np.random.default_rng(0)
    shapes = {
        "layer": {"wi": (2, 128, 130), "q": (2, 128, 2, 4), "norm": (2, 128)},
        "embedding": (140, 128),
        "bias": (32, 2),
    }
    return jax.tree.map(
        lambda shape: jnp.asarray(rng.normal(size=shape), jnp.float32), shapes, is_leaf=lambda x: isinstance(x, tuple)
    )


def rates(steps, **settings):
    rate = schedule(OptimizerConfig(learning_rate=2.0, **settings), 1000)
    return [round(float(rate(step)), 4) for step in steps]


def test_every_schedule_warms_up_linearly_from_zero():
    for name in ("constant", "cosine", "linear", "rsqrt"):
        assert rates([0, 25, 100], schedule=name, warmup_steps=100) == [0.0, 0.5, 2.0]


def test_without_warm_up_every_schedule_starts_at_the_peak():
    for name in ("constant", "cosine", "linear", "rsqrt"):
        assert rates([0], schedule=name) == [2.0]


def test_the_length_of_a_decaying_schedule_can_be_fixed_apart_from_the_run():
    for name in ("cosine", "linear"):
        assert rates([50, 100, 1000], schedule=name, schedule_steps=100, end_factor=0.1) == [1.1, 0.2, 0.2]
    for wrong in ({"schedule": "constant", "schedule_steps": 100}, {"schedule": "cosine", "schedule_steps": 0}):
        with pytest.raises(ValueError, match=r"schedule_steps is (100, expected none|0, expected an integer of at least 1)"):
            OptimizerConfig(**wrong)


@pytest.mark.parametrize("name", ["constant", "rsqrt", "cosine", "linear"])
def test_a_schedule_is_bent_only_by_another_length_of_a_decay(name):
    def train(steps, schedule_steps=None):
        return {"steps": steps, "optimizer": {"schedule": name, "schedule_steps": schedule_steps}}

    old = {"steps": 1000, "optimizer": {"schedule": name}}  # of a version without the key
    for new in (train(1000), train(2000, 1000), train(500, 1000)):
        assert bent_schedule(old, new) == ""
    for bent, was in ((bent_schedule(old, train(2000)), 1000), (bent_schedule(train(9, 30), train(30, 20)), 30)):
        assert bool(bent) == (name in DECAYING)
        assert not bent or f"Set train.optimizer.schedule_steps={was} to keep it" in bent


def test_schedules_at_the_middle_the_end_and_after():
    steps = [550, 1000, 2000]
    assert rates(steps, schedule="constant", warmup_steps=100) == [2.0, 2.0, 2.0]
    assert rates(steps, schedule="cosine", warmup_steps=100, end_factor=0.1) == [1.1, 0.2, 0.2]
    assert rates(steps, schedule="linear", warmup_steps=100, end_factor=0.1) == [1.1, 0.2, 0.2]
    assert rates([400, 900], schedule="rsqrt", warmup_steps=100) == [1.0, 0.6667]
    assert rates([1, 4, 100], schedule="rsqrt") == [2.0, 1.0, 0.2]


@pytest.mark.parametrize("name", NAMES)
def test_one_step_of_each_optimizer_decreases_a_quadratic(name):
    params = weights()
    config = OptimizerConfig(name=name, learning_rate=1e-2, schedule="cosine", weight_decay=0.1, clip_norm=1.0)
    optimizer = make_optimizer(config, AXES, 100)

    def loss(params):
        return sum(jnp.sum(jnp.square(p - 3.0)) for p in jax.tree.leaves(params))

    @jax.jit
    def step(params, state):
        updates, state = optimizer.update(jax.grad(loss)(params), state, params)
        return optax.apply_updates(params, updates), state

    before = loss(params)
    for _ in range(2):
        after, _ = step(params, optimizer.init(params))
        assert loss(after) < before
        params, before = after, loss(after)


@pytest.mark.parametrize("name", NAMES)
def test_a_step_takes_donated_state_and_shardings_from_the_state_axes(name):
    params = weights()
    optimizer = make_optimizer(OptimizerConfig(name=name, beta1=0.9, clip_norm=1.0), AXES, 100)
    abstract = jax.eval_shape(lambda: params)
    names = state_axes(optimizer, abstract, AXES)
    mesh = Mesh(np.array(jax.devices()), ("fsdp",))
    state = optimizer.init(params)

    def sharding(array, leaf):
        assert len(leaf) in (0, array.ndim)
        return NamedSharding(mesh, PartitionSpec(*("fsdp" if axis == "embed" else None for axis in leaf)))

    shardings = jax.tree.map(sharding, state, names)
    step = jax.jit(
        lambda g, s, p: optimizer.update(g, s, p),
        in_shardings=(None, shardings, None),
        out_shardings=(None, shardings),
        donate_argnums=1,
    )
    _, new = step(params, jax.device_put(state, shardings), params)
    assert jax.tree.structure(new) == jax.tree.structure(state)


def test_state_axes_of_adafactor_are_the_rows_and_columns_of_the_weights():
    optimizer = make_optimizer(OptimizerConfig(beta1=0.9), AXES, 100)
    axes = state_axes(optimizer, jax.eval_shape(weights), AXES)
    assert axes.step == ()
    assert axes.v_row["layer"] == {"wi": ("layers", "embed"), "q": ("layers", "embed"), "norm": None}
    assert axes.v_col["layer"] == {"wi": ("layers", "mlp"), "q": ("layers", "heads", "kv"), "norm": None}
    assert axes.v["layer"] == {"wi": None, "q": None, "norm": ("layers", "embed")}
    assert axes.v["bias"] == ("buckets", "relpos_heads")
    assert axes.m == AXES


def test_state_axes_of_adamw_are_the_weights_own():
    optimizer = make_optimizer(OptimizerConfig(name="adamw_rms", clip_norm=1.0), AXES, 100)
    state = jax.eval_shape(optimizer.init, weights())
    found = []
    jax.tree.map(lambda array, names: found.append((array.ndim, names)), state, state_axes(optimizer, weights(), AXES))
    flat = jax.tree.leaves(AXES, is_leaf=lambda x: isinstance(x, tuple))
    assert found == [(0, ())] + 2 * [(len(names), names) for names in flat] + [(0, ())]


def test_an_array_of_another_shape_under_a_weights_path_is_replicated():
    params, axes = {"w": jnp.ones((128, 130))}, {"w": ("embed", "mlp")}
    factored = state_axes(optax.adafactor(0.1), params, axes)[0]
    assert (factored.v_row["w"], factored.v_col["w"], factored.v["w"]) == ((), (), ())
    traced = state_axes(optax.trace(0.9), params, axes)
    assert traced.trace == axes


def test_adamw_is_the_one_of_optax():
    params = weights()
    grads = jax.tree.map(jnp.sin, params)
    config = OptimizerConfig(name="adamw", learning_rate=1e-2, weight_decay=0.1, beta2=0.98, epsilon=1e-6)
    ours = make_optimizer(config, AXES, 100)
    theirs = optax.adamw(1e-2, b1=0.9, b2=0.98, eps=1e-6, weight_decay=0.1, mask=decay_mask(AXES))
    state, other = ours.init(params), theirs.init(params)
    for _ in range(3):
        updates, state = ours.update(grads, state, params)
        expected, other = theirs.update(grads, other, params)
        jax.tree.map(np.testing.assert_array_equal, updates, expected)
        params = optax.apply_updates(params, updates)


@pytest.mark.parametrize("name", NAMES)
def test_the_first_moment_can_be_kept_in_half_the_memory(name):
    params = weights()
    grads = jax.tree.map(jnp.cos, params)
    updates = {}
    for dtype in ("float32", "bfloat16"):
        optimizer = make_optimizer(OptimizerConfig(name=name, beta1=0.9, momentum_dtype=dtype), AXES, 100)
        state = optimizer.init(params)
        for _ in range(3):
            updates[dtype], state = jax.jit(optimizer.update)(grads, state, params)
        sizes = [x.nbytes for x in jax.tree.leaves(state) if x.dtype == jnp.bfloat16]
        assert sum(sizes) == (0 if dtype == "float32" else sum(p.nbytes for p in jax.tree.leaves(params)) // 2)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=0.02, atol=0.02 * float(jnp.abs(a).max())), *updates.values()
    )


def test_adamw_rms_follows_the_worked_example_layer_by_layer():
    rng = np.random.default_rng(1)
    scales = np.array([1e-5, 0.02, 1.0])[:, None, None]  # the first is under the floor of 1e-3
    params = (rng.normal(size=(3, 6, 8)) * scales).astype(np.float32)
    grads = rng.normal(size=(4, 3, 6, 8)).astype(np.float32)
    beta2 = 0.96875  # exact in float32: 1 - 0.999 is not, and optax corrects the bias in float32
    config = OptimizerConfig(name="adamw_rms", learning_rate=0.1, weight_decay=0.01, beta2=beta2)
    optimizer = make_optimizer(config, {"w": ("layers", "embed", "mlp")}, 100)

    ours, m, v = {"w": jnp.asarray(params)}, 0.0, 0.0
    state, expected = optimizer.init(ours), params.astype(np.float64)
    for t, grad in enumerate(grads, start=1):
        updates, state = optimizer.update({"w": jnp.asarray(grad)}, state, ours)
        ours = optax.apply_updates(ours, updates)
        m = 0.9 * m + 0.1 * grad
        v = beta2 * v + (1 - beta2) * np.square(grad, dtype=np.float64)
        adam = (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - beta2**t)) + 1e-8)
        size = np.maximum(np.sqrt(np.mean(expected**2, axis=(1, 2), keepdims=True)), 1e-3)
        expected = expected - 0.1 * (adam * size + 0.01 * expected)
        largest = np.abs(expected).max((1, 2), keepdims=True)
        np.testing.assert_allclose(ours["w"] / largest, expected / largest, rtol=0, atol=1e-6)


def test_matrices_decay_and_norms_and_biases_do_not():
    axes = {**AXES, "projection_bias": ("layers", "heads", "kv"), "adapter": ("embed", "rank")}
    mask = decay_mask(axes)
    assert mask["layer"] == {"wi": True, "q": True, "norm": False}
    assert (mask["embedding"], mask["adapter"], mask["bias"], mask["projection_bias"]) == (True, True, False, False)


@pytest.mark.parametrize("name", NAMES)
def test_decay_is_the_learning_rate_times_weight_decay_for_every_optimizer(name):
    params = weights()
    config = OptimizerConfig(name=name, learning_rate=0.01, weight_decay=0.5)
    optimizer = make_optimizer(config, AXES, 100)
    updates, _ = optimizer.update(jax.tree.map(jnp.zeros_like, params), optimizer.init(params), params)
    np.testing.assert_allclose(updates["layer"]["wi"], -0.01 * 0.5 * params["layer"]["wi"], rtol=1e-6)
    np.testing.assert_array_equal(updates["layer"]["norm"], 0.0)
    np.testing.assert_array_equal(updates["bias"], 0.0)


def test_clipping_bounds_the_global_norm_before_the_moments():
    params = weights()
    grads = jax.tree.map(lambda p: 100.0 * p, params)
    clipped = make_optimizer(OptimizerConfig(name="adamw", clip_norm=0.5), AXES, 100)
    plain = make_optimizer(OptimizerConfig(name="adamw"), AXES, 100)
    scale = 0.5 / optax.global_norm(grads)
    _, state = clipped.update(grads, clipped.init(params), params)
    _, expected = plain.update(jax.tree.map(lambda g: scale * g, grads), plain.init(params), params)
    moments, expected = (jax.tree.leaves(x, is_leaf=_is_adam) for x in (state, expected))
    assert _is_adam(moments[0])
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), moments[0].mu, expected[0].mu)


def _is_adam(node):
    return isinstance(node, optax.ScaleByAdamState)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "adamw-rms"}, "name is 'adamw-rms', expected .*; did you mean 'adamw_rms'"),
        ({"schedule": "cosinus"}, "schedule is 'cosinus', expected .*; did you mean 'cosine'"),
        ({"learning_rate": 0.0}, "learning_rate is 0.0, expected a number over 0"),
        ({"warmup_steps": -1}, "warmup_steps is -1, expected an integer of at least 0"),
        ({"beta1": 1.0}, "beta1 is 1.0, expected a number of at least 0 and below 1"),
        ({"name": "adamw", "epsilon": 0.0}, "epsilon is 0.0, expected a number over 0"),
        ({"name": "adafactor", "beta2": 0.9}, "beta2 is 0.9, expected none: it belongs to AdamW"),
    ],
)
def test_a_bad_config_is_named(changes, message):
    with pytest.raises(ValueError, match=message):
        OptimizerConfig(**changes)


def test_a_decay_needs_steps_after_the_warm_up():
    with pytest.raises(ValueError, match="got 100 and 100"):
        schedule(OptimizerConfig(schedule="linear", warmup_steps=100), 100)
