"""Products in eight bits: the numbers of their formula in numpy, and where in a run they are used."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import qwix

from flanjax.config import ConfigError
from flanjax.config.run_config import RunConfig
from flanjax.models import functional
from flanjax.models.decoder import DecoderConfig
from flanjax.models.t5 import T5Config
from flanjax.parallel import sharding
from flanjax.train import quantization
from flanjax.train.config import TrainConfig
from flanjax.train.optimizer import OptimizerConfig
from flanjax.train.program import Program

RNG = np.random.default_rng(0)
X, KERNEL, GRADIENT = (RNG.normal(size=shape).astype(np.float32) for shape in ((6, 5), (5, 4), (6, 4)))
SIZES = {"vocab_size": 40, "d_model": 16, "d_ff": 24, "num_layers": 2, "num_heads": 2, "head_dim": 8}
MODELS = {"t5": T5Config(**SIZES, num_decoder_layers=2), "decoder": DecoderConfig(**SIZES, num_kv_heads=1, scan=False)}


def rounded(x, axis):
    """To the nearest of 256 steps, by the largest value along the axis."""
    values = qwix.dequantize(qwix.quantize(jnp.asarray(x), jnp.int8, channelwise_axes=(1 - axis,)))
    assert np.abs(values - x).max() <= 0.501 * np.abs(x).max() / 127.5
    return np.asarray(values)


def test_a_product_and_its_gradients_are_those_of_the_formula():
    got, back = jax.vjp(lambda x, w: quantization.product(x, w, "int8"), X, KERNEL)
    np.testing.assert_allclose(got, rounded(X, 1) @ rounded(KERNEL, 0), rtol=0, atol=2e-5)
    of_x, of_kernel = back(GRADIENT)
    np.testing.assert_allclose(of_x, rounded(GRADIENT, 1) @ rounded(KERNEL.T, 0), rtol=0, atol=2e-5)
    np.testing.assert_allclose(of_kernel, X.T @ GRADIENT, rtol=0, atol=2e-5)


@pytest.mark.parametrize(("kind", "share"), [("int8", 0.02), ("fp8", 0.08)])
def test_it_is_near_the_exact_product_in_the_type_of_its_input(kind, share):
    kernel = quantization.QuantizedKernel(jnp.asarray(KERNEL), kind)
    for dtype in (jnp.float32, jnp.bfloat16):
        got = kernel.project(jnp.asarray(X.reshape(2, 3, 5), dtype), jnp.ones(4))
        assert (got.shape, got.dtype) == ((2, 3, 4), dtype)
        error = np.asarray(got, np.float32).reshape(6, 4) - 1 - X @ KERNEL
        assert 1e-4 < np.sqrt((error**2).mean()) < share * np.sqrt(((X @ KERNEL) ** 2).mean())


def batch_of(kind):
    rows = {name: RNG.integers(2, 40, (8, 12)).astype(np.int32) for name in ("decoder_inputs", "targets", "inputs")}
    ones = np.ones((8, 12), np.int32)
    rows |= {"segment_ids": ones, "loss_weights": ones.astype(np.float32), "task_ids": 0 * ones, "inputs_segment_ids": ones}
    if kind == "decoder":
        del rows["inputs"], rows["inputs_segment_ids"]
        rows |= {"positions": np.cumsum(ones, axis=1) - 1, "target_positions": np.cumsum(ones, axis=1) - 1}
    return rows


def program_of(model, kind):
    optimizer = OptimizerConfig(name="adamw", schedule="constant", warmup_steps=0, learning_rate=0.01)
    config = TrainConfig(quantization=kind, optimizer=optimizer)
    return Program(config, model, sharding.make_mesh(sharding.MeshConfig()), num_tasks=1)


@pytest.mark.parametrize("kind", MODELS)
def test_the_step_alone_multiplies_in_eight_bits_and_learns(kind):
    model = MODELS[kind]
    batch = batch_of(kind)
    found = {}
    for name in ("none", "int8"):
        program = program_of(model, name)
        on_mesh = sharding.to_global(batch, sharding.make_mesh(sharding.MeshConfig()))
        text = program.compile(on_mesh).executable.as_text()
        assert ("s8[" in text) == (name == "int8")
        pair = program.split(functional.init(model, jax.random.key(0)), jax.random.key(1))
        validated = program.validate(pair.trainable, {}, on_mesh)
        state, losses = program.init(pair.trainable), []
        for _ in range(12):
            state, metrics = program.step(state, {}, on_mesh)
            losses.append(float(metrics.values["loss"]))
        found[name] = float(validated.loss), losses
    assert found["int8"][0] == found["none"][0]
    assert found["int8"][1][0] != found["none"][1][0]
    np.testing.assert_allclose(found["int8"][1], found["none"][1], rtol=0.05)
    assert found["int8"][1][-1] < found["int8"][1][0] - 0.3


def test_without_the_package_or_with_few_weights_it_says_what_to_do(monkeypatch):
    config = {"name": "x", "mixture": "m.py:m", "model": {"init": "base", "adapt": "lora"}, "train": {"quantization": "int8"}}
    with pytest.raises(ConfigError, match=r"train\.quantization=int8 is for training all weights; .* adapt\.int8"):
        RunConfig.from_config_dict(config)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(RuntimeError, match=r"needs the package qwix: pip install 'flanjax\[quantization\]'"):
        program_of(MODELS["t5"], "int8")
