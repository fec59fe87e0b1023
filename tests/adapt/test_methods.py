"""What takes a kernel's place, beside direct computations in numpy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import qwix

from flanjax.adapt.adapter import Bottleneck
from flanjax.adapt.ia3 import IA3
from flanjax.adapt.int8 import rounded
from flanjax.adapt.lora import Lora
from flanjax.adapt.targets import chosen, matches
from flanjax.models.params import share
from flanjax.parts.base import fingerprint

RNG = np.random.default_rng(0)
X, KERNEL, BIAS = (RNG.normal(size=shape).astype(np.float32) for shape in ((2, 3, 5), (5, 4), (4,)))


def test_an_adapter_adds_a_small_mlp_of_the_kernel_s_output():
    method = Bottleneck(6)
    learned = method.start(jnp.asarray(KERNEL), jax.random.key(0))
    assert {name: x.shape for name, x in learned.items()} == {"down": (4, 6), "up": (6, 4), "down_bias": (6,), "up_bias": (4,)}
    assert max(float(jnp.abs(x).max()) for x in learned.values()) <= 0.02
    learned = {name: RNG.normal(size=x.shape).astype(np.float32) for name, x in learned.items()}
    y = X @ KERNEL + BIAS
    inner = y @ learned["down"] + learned["down_bias"]
    gelu = 0.5 * inner * (1 + np.tanh(np.sqrt(2 / np.pi) * (inner + 0.044715 * inner**3)))
    expected = y + gelu @ learned["up"] + learned["up_bias"]
    got = method.value(jnp.asarray(KERNEL), learned, None).project(X, BIAS)
    np.testing.assert_allclose(got, expected, rtol=0, atol=2e-5)


def test_lora_drops_inputs_of_its_update_alone_and_only_with_a_key():
    method = Lora(3, 6.0, dropout=0.5)
    learned = method.start(jnp.asarray(KERNEL), jax.random.key(0))
    assert not learned["b"].any()
    learned["b"] = jnp.ones_like(learned["b"])
    whole = method.value(jnp.asarray(KERNEL), learned, None).project(X, BIAS)
    np.testing.assert_allclose(whole, X @ KERNEL + BIAS + 2 * X @ np.asarray(learned["a"] @ learned["b"]), rtol=0, atol=2e-5)
    draws = [method.value(jnp.asarray(KERNEL), learned, jax.random.key(n)).project(X, BIAS) for n in range(400)]
    assert np.abs(draws[0] - whole).max() > 0.05
    np.testing.assert_allclose(np.mean(draws, axis=0), whole, rtol=0, atol=0.35)


def test_dora_learns_the_lengths_of_columns_beside_their_directions():
    """At the start it is the kernel. Its gradient in the directions takes each column's length as a constant."""
    method, base = Lora(3, 6.0, dora=True), jnp.asarray(KERNEL)
    learned = method.start(base, jax.random.key(0))
    np.testing.assert_allclose(method.value(base, learned, None).project(X, BIAS), X @ KERNEL + BIAS, rtol=0, atol=2e-6)
    learned = {name: jnp.asarray(RNG.normal(size=x.shape), jnp.float32) for name, x in learned.items()}
    a, b, magnitude = (np.asarray(learned[name], np.float64) for name in ("a", "b", "magnitude"))
    whole = KERNEL + 2 * a @ b
    length = np.sqrt((whole**2).sum(axis=0))
    value = method.value(base, learned, None)
    np.testing.assert_allclose(value.project(X, BIAS), X @ (whole * magnitude / length) + BIAS, rtol=0, atol=2e-5)
    np.testing.assert_allclose(value.merged(), whole * magnitude / length, rtol=0, atol=2e-5)

    def total(learned):
        return method.value(base, learned, None).project(X, BIAS).sum()

    got = jax.grad(total)(learned)
    inputs = X.reshape(-1, 5).sum(axis=0, dtype=np.float64)
    of_whole = np.outer(inputs, magnitude / length)  # of the sum of the outputs in base + 2 a b, the lengths fixed
    np.testing.assert_allclose(got["b"], 2 * a.T @ of_whole, rtol=0, atol=2e-4)
    np.testing.assert_allclose(got["a"], 2 * of_whole @ b.T, rtol=0, atol=2e-4)
    np.testing.assert_allclose(got["magnitude"], inputs @ whole / length, rtol=0, atol=2e-4)


def test_dora_drops_inputs_of_what_it_adds_alone():
    method, base = Lora(3, 6.0, dropout=0.5, dora=True), jnp.asarray(KERNEL)
    learned = method.start(base, jax.random.key(0))
    for n in range(3):  # at the start nothing is added, so nothing is dropped
        np.testing.assert_allclose(
            method.value(base, learned, jax.random.key(n)).project(X, BIAS), X @ KERNEL + BIAS, rtol=0, atol=2e-6
        )
    learned["magnitude"] = 3 * learned["magnitude"]
    whole = method.value(base, learned, None).project(X, BIAS)
    draws = [method.value(base, learned, jax.random.key(n)).project(X, BIAS) for n in range(400)]
    assert np.abs(draws[0] - whole).max() > 0.05
    np.testing.assert_allclose(np.mean(draws, axis=0), whole, rtol=0, atol=0.7)


def test_dora_in_bfloat16_tells_lengths_apart_as_finely_as_its_outputs():
    method, base = Lora(3, 6.0, dora=True), jnp.asarray(KERNEL)
    learned = method.start(base, jax.random.key(0))
    x = jnp.asarray(X, jnp.bfloat16)
    before = method.value(base, learned, None).project(x, None).astype(np.float32)
    for longer in (1.004, 0.996, 1.01):
        value = method.value(base, {**learned, "magnitude": longer * learned["magnitude"]}, None)
        ratio = np.mean(value.project(x, None).astype(np.float32) / before)
        assert abs(ratio - longer) < 0.002


def test_dora_of_a_column_of_zeros_stays_finite():
    method, base = Lora(3, 6.0, dora=True), jnp.asarray(KERNEL).at[:, 1].set(0)
    learned = method.start(base, jax.random.key(0))
    value, gradient = jax.value_and_grad(lambda some: method.value(base, some, None).project(X, BIAS).sum())(learned)
    np.testing.assert_allclose(value, (X @ np.asarray(base) + BIAS).sum(), rtol=1e-5)
    assert all(np.isfinite(x).all() for x in gradient.values())
    assert np.abs(gradient["b"][:, 1]).max() > 0


@pytest.mark.parametrize("dora", [False, True])
def test_the_backward_pass_keeps_a_base_in_eight_bits_as_it_is(dora):
    """And does not make whole kernels of what LoRA learned, one for each layer."""
    layers = jnp.ones((6, 256, 256))
    method, x = Lora(2, 2.0, dora=dora), jnp.ones((4, 256))

    def used(base):
        learned = method.start(base, jax.random.key(0))

        def loss(learned, base):
            def layer(h, kernel):
                return jnp.tanh(kernel.project(h, None)), None

            return jax.lax.scan(layer, x, method.value(base, learned, None))[0].sum()

        return jax.jit(jax.grad(loss)).lower(learned, base).compile().memory_analysis()

    plain, eight = used(layers), used(rounded(layers))
    one = layers.nbytes / 6
    assert eight.argument_size_in_bytes < 0.3 * plain.argument_size_in_bytes
    assert eight.temp_size_in_bytes < plain.temp_size_in_bytes + one
    assert eight.temp_size_in_bytes < 4 * one


def test_a_kernel_in_eight_bits_is_that_of_qwix():
    layers = RNG.normal(size=(3, 5, 4)).astype(np.float32)
    layers[1, :, 2] = 0
    for kernel, axes in ((KERNEL, (1,)), (layers, (0, 2))):
        expected = qwix.quantize(jnp.asarray(kernel), jnp.int8, channelwise_axes=axes)
        found = rounded(jnp.asarray(kernel))
        assert found.base.dtype == jnp.int8
        np.testing.assert_array_equal(found.base, expected.qvalue)
        np.testing.assert_allclose(found.merged(), qwix.dequantize(expected), rtol=1e-6, atol=0)
        assert np.abs(found.merged() - kernel).max() <= 0.5 * np.abs(kernel).max() / 127.5 + 1e-6


WAYS = {
    "lora": Lora(3, 6.0),
    "dora": Lora(3, 6.0, dora=True),
    "ia3": IA3(inputs=False),
    "ia3, inputs": IA3(inputs=True),
    "adapter": Bottleneck(2),
}


@pytest.mark.parametrize("name", WAYS)
def test_a_way_over_a_kernel_in_eight_bits_is_that_over_the_rounded_kernel(name):
    method, held = WAYS[name], rounded(jnp.asarray(KERNEL))
    learned = method.start(held, jax.random.key(0))
    jax.tree.map(np.testing.assert_array_equal, learned, method.start(held.merged(), jax.random.key(0)))
    learned = jax.tree.map(lambda x: x + RNG.normal(size=x.shape).astype(np.float32), learned)
    found, expected = (method.value(base, learned, None) for base in (held, held.merged()))
    np.testing.assert_allclose(found.project(X, BIAS), expected.project(X, BIAS), rtol=0, atol=2e-5)
    if found.can_merge:
        np.testing.assert_allclose(found.merged(), expected.merged(), rtol=0, atol=2e-6)
    else:
        assert found.base is held


def test_patterns_match_the_ends_of_paths():
    paths = [("encoder", "layers", "attention", "q"), ("decoder", "layers", "cross", "q"), ("decoder", "layers", "mlp", "wo")]
    assert chosen(("q",), paths, each=True) == tuple(paths[:2])
    assert chosen(("decoder/*/*/q",), paths, each=True) == (paths[1],)
    assert not matches(("uery",), ("attention", "query"))
    with pytest.raises(ValueError, match=r"'attention/k' matches no parameter .* attention/q"):
        chosen(("q", "attention/k"), paths, each=True)


def test_a_fingerprint_depends_on_every_bit_and_place():
    tree = {"a": X, "b": {"c": KERNEL}}
    same = {"b": {"c": jnp.asarray(KERNEL)}, "a": jnp.asarray(X)}
    assert fingerprint(tree) == fingerprint(same)
    swapped, flipped = X.copy(), X.copy()
    swapped[0, 0, [0, 1]] = X[0, 0, [1, 0]]
    flipped[1, 2, 4] = np.nextafter(X[1, 2, 4], np.float32(9))
    moved = {"a": X, "b": {"d": KERNEL}}
    assert len({fingerprint(t) for t in (tree, {**tree, "a": swapped}, {**tree, "a": flipped}, moved)}) == 4


def test_models_over_one_base_hold_it_once():
    base = jnp.asarray(KERNEL)
    learned = Lora(2, 2.0).start(base, jax.random.key(0))
    first, other = (
        {"k": base, "bias": jnp.ones(3)},
        {"k": Lora(2, 2.0).value(jnp.asarray(KERNEL), learned, None), "bias": jnp.zeros(3)},
    )
    shared = share(first, other)
    assert shared["k"].base is base
    assert shared["k"].a is learned["a"]
    assert shared["bias"] is other["bias"]


def test_models_over_one_base_in_eight_bits_hold_it_once():
    held, again = rounded(jnp.asarray(KERNEL)), rounded(jnp.asarray(KERNEL))
    learned = Lora(2, 2.0).start(held, jax.random.key(0))
    shared = share(
        {"k": held, "v": held}, {"k": Lora(2, 2.0).value(again, learned, None), "v": rounded(jnp.asarray(KERNEL + 1))}
    )
    assert shared["k"].base.base is held.base
    assert shared["k"].a is learned["a"]
    assert shared["v"].base is not held.base
