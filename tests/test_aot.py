"""Compiling for a slice that is not there."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from flanjax import aot, sharding
from flanjax.config import ConfigError, RunConfig, load_config
from flanjax.data.layout import make_layout
from flanjax.data.tokenizer import ByteTokenizer
from flanjax.train.program import Program

ROOT = Path(__file__).resolve().parents[1]
TINY = {
    "name": "tiny",
    "mixture": str(ROOT / "mixtures" / "quickstart.py") + ":quickstart",
    "heldout": ("topic",),
    "model": {"d_model": 16, "d_ff": 32, "num_layers": 1, "num_decoder_layers": 1, "num_heads": 2, "head_dim": 8},
    "data": {"batch_size": 8, "num_streams": 4, "features": {"inputs_length": 32, "targets_length": 16}},
}


def test_the_shapes_compiled_for_are_those_of_a_real_batch():
    config = RunConfig.from_config_dict(TINY)
    shapes = aot.batch_shapes(config, sharding.make_mesh(config.mesh))
    row = make_layout(config.data.features, ByteTokenizer()).row([])
    assert {k: (v.shape[1:], v.dtype) for k, v in shapes.items()} == {k: (v.shape, v.dtype) for k, v in row.items()}
    assert {v.shape[0] for v in shapes.values()} == {8}


def test_the_program_of_training_compiles_from_shapes_alone_and_shards_its_state():
    config = RunConfig.from_config_dict(TINY)
    mesh = sharding.make_mesh(config.mesh)
    program = Program(config.train, aot.model_of(config), mesh, num_tasks=3)
    compiled = program.step.lower(program.state, aot.batch_shapes(config, mesh)).compile()
    found = aot.collectives(compiled.as_text())
    assert found  # eight devices cannot share a batch without talking
    whole = sum(int(np.prod(x.shape)) * x.dtype.itemsize for x in jax.tree.leaves(program.state))
    assert aot._bytes_per_device(program.state) < whole / 4


def test_collectives_are_counted_with_the_bytes_of_the_largest():
    text = """
      %ag = bf16[4,1024]{1,0} all-gather(%x), dimensions={0}
      %ar.1 = (f32[256]{0}, f32[2,8]{1,0}) all-reduce-start(%y, %z)
      %ar.2 = f32[] all-reduce(%w)
    """
    assert aot.collectives(text) == {"all-gather": (1, 8192), "all-reduce": (2, 1024)}


@pytest.mark.parametrize("topology", ["v5e", "v6:4x4", "h100:8"])
def test_an_unknown_topology_is_named_with_what_is_known(topology):
    with pytest.raises(ConfigError, match=r"v5e:4x4"):
        aot.compile_step(RunConfig.from_config_dict(TINY), topology)


def test_a_config_takes_an_argument_behind_a_colon():
    assert load_config(f"{ROOT}/configs/flan_t5.py:xl").model.size == "flan_t5_xl"
    with pytest.raises(ConfigError, match="huge"):
        load_config(f"{ROOT}/configs/flan_t5.py:huge")


@pytest.mark.skipif(importlib.util.find_spec("libtpu") is None, reason="needs libtpu from the package index")
def test_t5_base_compiles_for_a_v5e_slice_and_fits():
    command = [sys.executable, "-m", "flanjax.cli", "compile", "--config", "configs/flan_t5.py:base", "--topology", "v5e:4x4"]
    env = {**os.environ, "JAX_PLATFORMS": "cpu", "XLA_FLAGS": ""}
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=env)
    assert ran.returncode == 0, ran.stderr
    assert "247.6 million" in ran.stdout
    assert "GiB: fits" in ran.stdout
