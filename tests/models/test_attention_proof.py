"""A kernel is taken unasked only after it has given what the reference gives on the device at hand."""

import functools

import jax
import jax.numpy as jnp
import pytest

from flanjax.models.attention import choice, proof, splash
from flanjax.models.attention.backend import make_attend
from flanjax.models.attention.choice import Need
from flanjax.models.attention.relative_kernel import read as relative_read

SELF = Need(1024, 1024, 16, "float32", causal=True)
BIASED = Need(512, 512, 16, "bfloat16", bias=True, relative=True)


def half_wrong(*arrays, interpret_read, **how):
    """Right forward, and the gradient of its queries halved."""
    result = interpret_read(*arrays, **how)
    return result / 2 + jax.lax.stop_gradient(result) / 2


@pytest.fixture
def kernels(monkeypatch):
    """TPU kernels on a CPU, through Pallas's interpreter; `use` puts another function in a kernel's place."""
    proof._flaw.cache_clear()
    monkeypatch.setattr(choice, "_KERNELS", {"cpu": ("splash", "relative")})
    monkeypatch.setattr(splash, "read", functools.partial(splash.read, interpret=True))
    monkeypatch.setattr("flanjax.models.attention.relative_kernel.read", functools.partial(relative_read, interpret=True))
    yield monkeypatch
    proof._flaw.cache_clear()


def chosen(need):
    return choice.choose("auto", need, platform="cpu", prove=proof.prove)


def test_a_kernel_that_computes_what_the_reference_does_is_taken(kernels):
    assert chosen(SELF).name == "splash"
    assert chosen(BIASED).name == "relative"


def test_a_kernel_with_a_wrong_gradient_or_an_error_is_passed_over_and_the_reason_said(kernels):
    kernels.setattr(splash, "read", functools.partial(half_wrong, interpret_read=splash.read))
    found = chosen(SELF)
    assert found.name != "splash"
    assert "splash differs from the reference on this device (the gradient of the queries by 0.5 of its norm)" in found.reason

    def broken(*arrays, **how):
        raise RuntimeError("Mosaic failed to compile\nand more")

    proof._flaw.cache_clear()
    kernels.setattr("flanjax.models.attention.relative_kernel.read", broken)
    found = chosen(BIASED)
    assert found.name == "xla"
    assert "relative failed its proof on this device (RuntimeError: Mosaic failed to compile)" in found.reason


def test_the_proof_is_computed_while_a_model_is_traced_and_once_for_all_lengths(kernels):
    runs = []

    def read(*arrays, interpret_read=splash.read, **how):
        runs.append(isinstance(arrays[0], jax.core.Tracer))
        return interpret_read(*arrays, **how)

    kernels.setattr(splash, "read", read)
    attend = make_attend("auto", platform="cpu", shard=lambda kernel, *axes: kernel, prove=proof.prove)

    @jax.jit
    def of_layers(x, ids):
        def layer(x, _):
            return x + attend(x, x, x, query_segments=ids, key_segments=ids, causal=True), None

        return jax.lax.scan(layer, x, length=2)[0]

    for length in (512, 1024):
        jax.eval_shape(of_layers, jnp.zeros((1, length, 2, 16)), jnp.ones((1, length), jnp.int32))
    assert proof._flaw.cache_info().misses == 1
    assert len(runs) == 3  # one proof, and one trace a length
