"""Adafactor against a worked example in float64, layer by layer, and against optax where their maths agree."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from flanjax.models import functional
from flanjax.models.decoder_config import DecoderConfig
from flanjax.train import adafactor
from flanjax.train.optimizer import decay_mask

STEPS = 4
LAYER_SCALES = (0.01, 0.05, 0.2, 1.0)


def worked_example(param, grads, *, rows, columns, learning_rate, beta1=None, weight_decay=0.0):
    """The published rule in float64 for one layer: all parameters after each step. rows = () is unfactored."""
    param = np.asarray(param, np.float64)
    v_row = v_col = v = m = 0.0
    history = []
    for t, grad in enumerate(np.asarray(grads, np.float64)):
        decay = 1 - (t + 1.0) ** -0.8
        square = grad**2 + 1e-30
        if rows:
            v_row = decay * v_row + (1 - decay) * square.mean(axis=columns, keepdims=True)
            v_col = decay * v_col + (1 - decay) * square.mean(axis=rows, keepdims=True)
            v_estimate = v_row * v_col / v_row.mean(axis=rows, keepdims=True)
        else:
            v = v_estimate = decay * v + (1 - decay) * square
        u = grad / np.sqrt(v_estimate)
        u = u / max(1.0, np.sqrt(np.mean(u**2)) / 1.0)
        u = learning_rate * max(np.sqrt(np.mean(param**2)), 1e-3) * u
        if beta1 is not None:
            u = m = beta1 * m + (1 - beta1) * u
        param = param - weight_decay * param - u
        history.append(param)
    return np.stack(history)


def run(optimizer, params, grads):
    """All parameters after each step; grads has the steps in front."""
    state, history = optimizer.init(params), []
    step = jax.jit(optimizer.update)
    for t in range(STEPS):
        updates, state = step(jax.tree.map(lambda g, t=t: g[t], grads), state, params)
        params = optax.apply_updates(params, updates)
        history.append(params)
    return jax.tree.map(lambda *xs: np.stack(xs), *history), state


def stacked(shape, seed=0):
    """Layers whose weights differ in scale, as T5's do, and gradients [STEPS, L, ...] that differ in it too."""
    rng = np.random.default_rng(seed)
    layers = len(LAYER_SCALES)
    scales = np.reshape(LAYER_SCALES, (layers, *[1] * len(shape)))
    params = rng.normal(size=(layers, *shape)) * scales
    grads = rng.normal(size=(STEPS, layers, *shape)) * rng.lognormal(0, 2, (STEPS, layers, *shape)) * scales[::-1]
    return params.astype(np.float32), grads.astype(np.float32)


CASES = {
    "factored": ((128, 160), ("embed", "mlp"), (0,), (1,)),
    "factored heads": ((24, 6, 8), ("embed", "heads", "kv"), (0,), (1, 2)),
    "factored out-projection": ((6, 8, 24), ("heads", "kv", "embed"), (2,), (0, 1)),
    "small matrix": ((64, 200), ("embed", "mlp"), (), ()),
    "norm": ((32,), ("embed",), (), ()),
    "relative bias": ((32, 4), ("buckets", "relpos_heads"), (), ()),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("options", [{}, {"beta1": 0.9}, {"weight_decay": 0.01}], ids=["plain", "momentum", "decay"])
def test_every_layer_of_a_stack_follows_the_worked_example(case, options):
    shape, names, rows, columns = CASES[case]
    params, grads = stacked(shape)
    optimizer = adafactor.adafactor(0.1, {"w": ("layers", *names)}, **options)
    history, state = run(optimizer, {"w": jnp.asarray(params)}, {"w": grads})
    assert (state.v_row["w"] is not None) == bool(rows)
    for layer in range(len(LAYER_SCALES)):
        expected = worked_example(params[layer], grads[:, layer], rows=rows, columns=columns, learning_rate=0.1, **options)
        moved = np.abs(expected - params[layer]).max()
        np.testing.assert_allclose(history["w"][:, layer], expected, rtol=2e-6, atol=2e-6 * moved)


@pytest.mark.parametrize("case", CASES)
def test_stacked_and_separate_layers_move_alike(case):
    shape, names, _, _ = CASES[case]
    params, grads = stacked(shape, seed=1)
    layers = range(len(LAYER_SCALES))
    together, _ = run(adafactor.adafactor(0.1, {"w": ("layers", *names)}), {"w": jnp.asarray(params)}, {"w": grads})
    apart, _ = run(
        adafactor.adafactor(0.1, {str(i): names for i in layers}),
        {str(i): jnp.asarray(params[i]) for i in layers},
        {str(i): grads[:, i] for i in layers},
    )
    for i in layers:
        moved = np.abs(apart[str(i)] - params[i]).max()
        np.testing.assert_allclose(together["w"][:, i], apart[str(i)], rtol=1e-6, atol=1e-6 * moved)


def test_one_matrix_moves_as_under_optax():
    params, grads = stacked((128, 160))
    params, grads = {"w": jnp.asarray(params[2])}, {"w": grads[:, 2]}
    ours, _ = run(adafactor.adafactor(0.1, {"w": ("embed", "mlp")}), params, grads)
    theirs, _ = run(optax.adafactor(0.1), params, grads)
    np.testing.assert_allclose(ours["w"], theirs["w"], rtol=1e-6, atol=1e-7)


def test_optax_moves_the_layers_of_a_stack_by_one_common_scale():
    params, grads = stacked((128, 160))
    params = {"w": jnp.asarray(params)}
    grads = {"w": np.broadcast_to(grads[:, 2:3], grads.shape)}  # one gradient: the layers differ in their weights only

    def first_step_rms(optimizer):
        updates, _ = optimizer.update({"w": jnp.asarray(grads["w"][0])}, optimizer.init(params), params)
        return np.sqrt(np.mean(np.square(updates["w"]), axis=(1, 2)))

    ours = first_step_rms(adafactor.adafactor(0.1, {"w": ("layers", "embed", "mlp")}))
    theirs = first_step_rms(optax.adafactor(0.1))
    np.testing.assert_allclose(ours / ours[-1], LAYER_SCALES, rtol=0.02)
    np.testing.assert_allclose(theirs / theirs[-1], np.ones(4), rtol=1e-5)
    assert theirs[0] / ours[0] > 40


def test_weights_of_zero_move_as_if_their_rms_were_the_floor():
    params, grads = {"w": jnp.zeros((4, 4))}, {"w": jnp.ones((4, 4))}
    optimizer = adafactor.adafactor(0.1, {"w": ("embed", "mlp")})
    updates, _ = optimizer.update(grads, optimizer.init(params), params)
    np.testing.assert_allclose(updates["w"], -0.1 * 1e-3, rtol=1e-6)


def test_moments_stay_float32_for_bfloat16_weights():
    params = {"w": jnp.ones((128, 128), jnp.bfloat16), "norm": jnp.ones(128, jnp.bfloat16)}
    optimizer = adafactor.adafactor(0.1, {"w": ("embed", "mlp"), "norm": ("embed",)}, beta1=0.9)
    state = optimizer.init(params)
    updates, state = optimizer.update(params, state, params)
    assert {x.dtype for x in jax.tree.leaves(state._replace(step=None))} == {jnp.dtype("float32")}
    assert optax.apply_updates(params, updates)["w"].dtype == jnp.bfloat16


def test_a_heads_kernel_keeps_rows_and_columns_instead_of_a_full_moment():
    state = adafactor.adafactor(0.1, {"q": ("embed", "heads", "kv")}).init({"q": jnp.ones((768, 12, 64))})
    assert state.v_row["q"].shape == (768,)
    assert state.v_col["q"].shape == (12, 64)
    assert state.v["q"] is None


def test_every_axis_of_a_decoder_has_a_rule_and_its_matrices_alone_are_factored_and_decay():
    config = DecoderConfig(
        vocab_size=256, d_model=128, d_ff=256, num_layers=2, num_heads=4, num_kv_heads=2, head_dim=64, bias="qkv", qk_norm=True
    )
    axes, shapes = functional.logical_axes(config), functional.abstract(config)[1]
    masks = jax.tree.leaves(decay_mask(axes))
    names = jax.tree.leaves(axes, is_leaf=lambda x: isinstance(x, tuple))
    for (path, value), of_value, decays in zip(jax.tree.leaves_with_path(shapes), names, masks, strict=True):
        is_matrix = not path[-1].key.endswith(("scale", "bias"))
        assert set(of_value) <= adafactor.FACTOR_RULES.keys(), path
        assert bool(adafactor.factoring_of(value.shape, of_value).rows) == is_matrix == decays, path
    assert sum(masks) == 2 + 4 + 3  # two tables, attention, MLP


def test_weight_decay_follows_the_exponent_and_the_mask():
    params = {"w": jnp.full((4, 4), 2.0), "norm": jnp.full(4, 2.0)}
    optimizer = adafactor.adafactor(
        0.1,
        {"w": ("embed", "mlp"), "norm": ("embed",)},
        weight_decay=0.5,
        weight_decay_lr_exponent=2.0,
        decay_mask={"w": True, "norm": False},
    )
    updates, _ = optimizer.update(jax.tree.map(jnp.zeros_like, params), optimizer.init(params), params)
    np.testing.assert_allclose(updates["w"], -0.5 * 0.1**2 * 2.0, rtol=1e-6)
    np.testing.assert_array_equal(updates["norm"], 0.0)


def test_the_offset_restarts_the_decay():
    params, grads = {"w": jnp.ones((4, 4))}, {"w": jnp.arange(16.0).reshape(4, 4)}
    optimizer = adafactor.adafactor(0.1, {"w": ("embed", "mlp")}, step_offset=1000)
    late = optimizer.init(params)._replace(step=jnp.int32(1000), v={"w": jnp.full((4, 4), 1e6)})
    _, state = optimizer.update(grads, late, params)
    np.testing.assert_allclose(state.v["w"], grads["w"] ** 2, atol=1e-6)


@pytest.mark.parametrize(
    ("shape", "names", "message"),
    [
        ((4, 4, 4), ("embed", "mlp"), r"shape \(4, 4, 4\) needs 3 logical axes, got \('embed', 'mlp'\)"),
        ((4, 4, 4), ("embed", "haeds", "kv"), "No Adafactor rule for the logical axis 'haeds'"),
        ((4, 4, 4), ("embed", "mlp", "buckets"), r"but also \['buckets'\]"),
    ],
)
def test_bad_axes_are_an_error_that_names_the_weight(shape, names, message):
    with pytest.raises(ValueError, match=message) as error:
        adafactor.adafactor(0.1, {"block": {"q": names}}).init({"block": {"q": jnp.ones(shape)}})
    assert "['block']['q']" in error.value.__notes__[0]


def test_an_update_without_the_weights_says_how_to_call():
    optimizer = adafactor.adafactor(0.1, {"w": ("embed",)})
    with pytest.raises(ValueError, match=r"update\(grads, state, params\)"):
        optimizer.update({"w": jnp.ones(4)}, optimizer.init({"w": jnp.ones(4)}))
