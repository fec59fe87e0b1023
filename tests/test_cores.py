"""On a CPU every core gets a device, unless somebody says how many there are."""

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


@pytest.mark.parametrize(("flags", "expected"), [("", "3 3"), ("--xla_force_host_platform_device_count=5", "5 5")])
def test_every_core_gets_a_device_unless_somebody_said_how_many(flags, expected):
    env = {**os.environ, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}
    found = subprocess.run([sys.executable, "-c", COUNT], env=env, capture_output=True, text=True, check=True)
    assert found.stdout.split() == expected.split()
