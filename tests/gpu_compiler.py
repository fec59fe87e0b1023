"""JAX's plugin for CUDA for the tests that compile for GPUs: installed, or lying beside the environment, by `make test`."""

import os
import sys
from pathlib import Path

import pytest

from flanjax.aot import cuda

ROOT = Path(__file__).resolve().parents[1]
PLACES = [os.environ.get(cuda.VARIABLE, ""), f"{sys.prefix}/cuda", f"{ROOT}/.venv/cuda"]
PLACE = next((place for place in PLACES if place and (Path(place) / "jax_plugins").is_dir()), "")

needed = pytest.mark.skipif(
    not PLACE and not cuda.installed(),
    reason=f"needs JAX's plugin for CUDA from the package index: installed, or in the directory that {cuda.VARIABLE} names",
)


def environment() -> dict[str, str]:
    """Of a child process that compiles for GPUs on a CPU: as a user's who has installed the plugin and set nothing."""
    kept = {
        name: value for name, value in os.environ.items() if name not in ("JAX_PLATFORMS", "XLA_PYTHON_CLIENT_MEM_FRACTION")
    }
    return {**kept, "XLA_FLAGS": "", "PYTHONPATH": str(ROOT), **({cuda.VARIABLE: PLACE} if PLACE else {})}
