"""On a CPU every core gets a device, unless somebody says how many there are; each has all parameters of a small model."""

import os
import subprocess
import sys

import pytest

COUNT = """
import jax
from flanjax.parallel import cores
cores.cores = lambda: 3
cores.a_device_each(12)
print(jax.device_count())
cores.a_device_each(2)  # too late
print(jax.device_count())
"""
SHAPES = """
import jax
from flanjax import parts
from flanjax.models.t5_config import T5Config
from flanjax.parallel import cores
from flanjax.parallel.sharding import MeshConfig
cores.cores = lambda: 4
cores.a_device_each(12)
small = T5Config(vocab_size=64, d_model=16, d_ff=32, num_layers=1, num_decoder_layers=1, num_heads=2, head_dim=8)
large = T5Config(vocab_size=64_000, d_model=1024, d_ff=32, num_layers=1, num_decoder_layers=1, num_heads=2, head_dim=8)
for config, model in ((MeshConfig(), small), (MeshConfig(), large), (MeshConfig(fsdp=2, data=2), small)):
    print(*parts.mesh_for(config, model).shape.values())
"""


def printed(code, flags):
    env = {**os.environ, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}
    found = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    return found.stdout.split("\n")[:-1]


@pytest.mark.parametrize(("flags", "expected"), [("", ["3", "3"]), ("--xla_force_host_platform_device_count=5", ["5", "5"])])
def test_every_core_gets_a_device_unless_somebody_said_how_many(flags, expected):
    assert printed(COUNT, flags) == expected


@pytest.mark.parametrize(
    ("flags", "expected"),
    [("", ["4 1 1", "1 4 1", "2 2 1"]), ("--xla_force_host_platform_device_count=4", ["1 4 1", "1 4 1", "2 2 1"])],
)
def test_cores_have_all_parameters_of_a_small_model_each_unless_somebody_said_how(flags, expected):
    assert printed(SHAPES, flags) == expected
