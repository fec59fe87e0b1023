"""libtpu for the tests that compile for TPUs: installed, or lying beside the environment (`make test` puts it there)."""

import importlib.util
import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PLACES = [os.environ.get("FLANJAX_LIBTPU", ""), f"{sys.prefix}/libtpu", f"{ROOT}/.venv/libtpu"]
PLACE = next((place for place in PLACES if place and (Path(place) / "libtpu" / "libtpu.so").exists()), "")

needed = pytest.mark.skipif(
    not PLACE and importlib.util.find_spec("libtpu") is None,
    reason="needs libtpu from the package index: installed, or in the directory that FLANJAX_LIBTPU names",
)


def environment() -> dict[str, str]:
    """Of a child process that compiles for TPUs on a CPU, whoever else does."""
    changes = {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": "", "ALLOW_MULTIPLE_LIBTPU_LOAD": "1", "TPU_SKIP_MDS_QUERY": "1"}
    changes["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), PLACE]))
    if PLACE:
        changes["TPU_LIBRARY_PATH"] = str(Path(PLACE) / "libtpu" / "libtpu.so")
    return {**os.environ, **changes}
