"""Compiling for GPUs that this machine does not have."""

import json
import logging
import subprocess
import sys

import gpu_compiler
import pytest
from jax.extend import backend
from test_aot import config

from flanjax.aot import compile as aot
from flanjax.aot import cuda, topology
from flanjax.cli import main
from flanjax.config import ConfigError
from flanjax.models.flops import StepFlops

SMALL = {"num_layers": 2, "num_decoder_layers": 1, "d_model": 128, "d_ff": 256, "num_heads": 2}
KERNELS = ("read_block", "query_gradient", "key_gradients", "bias_gradient")


def child(*command: str) -> str:
    ran = subprocess.run(
        [sys.executable, *command], cwd=gpu_compiler.ROOT, capture_output=True, text=True, env=gpu_compiler.environment()
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def attention_on(gpu: str, length: int) -> list[dict]:
    """What the kernels and the reference do."""
    return [json.loads(line.partition(" ")[2]) for line in child("tests/gpu_attention.py", gpu, str(length)).splitlines()]


@gpu_compiler.needed
@pytest.mark.parametrize("gpu", ["h100", "a100"])
def test_the_triton_kernels_compile_and_write_neither_scores_nor_bias(gpu):
    """The program for a step's self-attention of 4 rows of 1,024: what XLA makes of the reference, and what the kernels do."""
    kernels, reference = attention_on(gpu, 1024)
    assert kernels["custom_calls"] == {f"triton_attention_{name}": 1 for name in KERNELS}
    assert reference["custom_calls"] == {}
    scores = 4 * 4 * 1024 * 1024 * 4  # bytes, float32
    assert kernels["largest"] < scores / 4
    assert kernels["hbm_bytes"] < reference["hbm_bytes"] / 8
    assert kernels["temp_bytes"] < reference["temp_bytes"] / 3
    longer_kernels, longer_reference = attention_on(gpu, 2048)
    assert longer_kernels["hbm_bytes"] < 2.2 * kernels["hbm_bytes"]  # linear in the length
    assert longer_reference["hbm_bytes"] > 3 * reference["hbm_bytes"]


@gpu_compiler.needed
def test_a_config_is_compiled_for_gpus_that_are_not_here():
    small = [f"--config.model.{name}={value}" for name, value in SMALL.items()]
    small += ["--config.data.batch_size=8", "--config.data.num_streams=8", "--config.model.attention=triton"]
    small += ["--config.data.features.inputs_length=128", "--config.data.features.targets_length=64"]
    command = ["-m", "flanjax.cli", "compile", "--config", "configs/flan_t5.py:small", "--topology", "h100:8", *small]
    said = child(*command)
    assert "training step on h100:8: 8 chips" in said
    assert said.count("of the 59.2 GiB that jax takes of a GPU's 79 (XLA_PYTHON_CLIENT_MEM_FRACTION says how much): fits") == 2
    assert "self 128 x 128, bias: triton (asked for)" in said
    assert "triton_attention_bias_gradient x " in said
    assert "all-gather x " in said
    assert "not known" not in said


@gpu_compiler.needed
def test_a_step_whose_small_products_xla_cannot_tile_is_compiled_with_cublas():
    said = child("-m", "flanjax.cli", "compile", "--config", "configs/quickstart.py", "--topology", "h100:1")
    assert said.count("fits") == 2
    assert "no custom kernels" in said


def test_all_attention_is_hidden_where_triton_computes_it():
    flops = StepFlops(total=9.0, attention=4.0, unbiased=1.0)
    assert aot._hidden(flops, ['custom_call_target="__gpu$xla.gpu.triton", name = "triton_attention_read_block"']) == 4.0
    assert aot._hidden(flops, ['custom_call_target="tpu_custom_call"']) == 1.0


def test_what_is_asked_of_a_gpu_is_checked(monkeypatch):
    for wrong in ("h100:9", "h100:0", "h100:4x8", "h100:"):
        with pytest.raises(ConfigError, match=r"expected h100:1 to h100:8, the GPUs of one host"):
            topology.devices_of(wrong)
    with pytest.raises(ConfigError, match="did you mean 'h100'"):
        topology.devices_of("h10:8")
    monkeypatch.setenv(topology.MEMORY_FRACTION, "0.9")
    assert topology.memory_bytes("h200:1") == int(0.9 * 141 * 2**30)
    assert topology.memory_bytes("v5e:2x4") == 16 * 2**30
    monkeypatch.setenv(topology.MEMORY_FRACTION, "most")
    with pytest.raises(ConfigError, match="MEM_FRACTION is 'most', expected a number"):
        topology.memory_bytes("h200:1")


def test_without_the_plugin_the_command_says_how_to_install_it(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(cuda, "installed", lambda: "")
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.setenv(cuda.VARIABLE, str(tmp_path))
    assert main(["compile", "--config", "configs/flan_t5.py:small", "--topology", "h100:1"]) == 1
    said = capsys.readouterr().err
    assert "needs JAX's plugin for CUDA" in said
    assert "pip install --no-deps --target" in said
    assert "jax-cuda12-pjrt==" in said


def test_a_plugin_that_does_not_work_is_named_with_its_reason(monkeypatch, capsys):
    def broken(plugin):
        raise RuntimeError("PJRT API version 0.9 is not compatible\nand more")

    monkeypatch.setattr(cuda, "installed", lambda: "jax_plugins.xla_cuda12")
    monkeypatch.setattr(cuda, "_ready", broken)
    assert main(["compile", "--config", "configs/flan_t5.py:small", "--topology", "h100:1"]) == 1
    said = capsys.readouterr().err
    assert "does not work with jaxlib" in said
    assert "PJRT API version 0.9 is not compatible. One command installs the plugin for it" in said


def test_tokamax_sees_the_gpu_that_is_compiled_for_and_only_while_it_is(monkeypatch, eight_fake_chips):
    gpu, before, level = object(), backend.get_default_device(), logging.getLogger("absl").level
    seen = []
    monkeypatch.setattr(cuda, "devices", lambda chip, count: [gpu])
    monkeypatch.setattr(aot, "_compile_training", lambda *_: seen.append(backend.get_default_device()))
    monkeypatch.setattr(aot, "_compile_scoring", lambda *_: seen.append(backend.get_default_device()))
    for topology_of in ("h100:1", "v5e:2x4"):
        aot.compile_training(config(), topology_of)
        aot.compile_scoring(config(), topology_of)
    assert seen == [gpu, gpu, before, before]
    assert (backend.get_default_device(), logging.getLogger("absl").level) == (before, level)


def test_a_step_that_needs_more_than_jax_takes_of_a_gpu_is_refused(eight_fake_chips, monkeypatch):
    found = aot.compile_training(config(), "h100:8")
    monkeypatch.setenv(topology.MEMORY_FRACTION, str(0.9 * found.peak_bytes / (79 * 2**30)))
    with pytest.raises(ConfigError, match=r"does not fit a chip of h100:8"):
        aot.compile_training(config(), "h100:8")
