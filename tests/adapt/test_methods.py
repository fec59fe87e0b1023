"""What takes a kernel's place, beside direct computations in numpy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from flanjax.adapt.adapter import Bottleneck
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
