"""Finds libtpu, the compiler for TPUs, in a folder beside the environment.

If it were installed in the environment, jax would look for a TPU at every start, which is slow on a machine without one. So it
has a folder of its own, and only commands that compile for TPUs look there.
"""

import importlib.util
import os
import sys
from pathlib import Path

import jax

from flanjax.config import ConfigError

VARIABLE = "FLANJAX_LIBTPU"  # names another folder
INSTALL = f"{sys.executable} -m pip install --no-deps --target {Path(sys.prefix) / 'libtpu'} libtpu"


def find() -> None:
    """Prepares jax in this process to compile for TPUs, on the CPU.

    Raises:
      ConfigError: there is no libtpu; the message has the command that installs it.
    """
    os.environ.setdefault("TPU_SKIP_MDS_QUERY", "1")  # without it, a machine without a TPU queries for one for minutes
    os.environ.setdefault("ALLOW_MULTIPLE_LIBTPU_LOAD", "1")  # compiling opens no chip, so several processes may
    if "TPU_LIBRARY_PATH" not in os.environ and (library := _beside()):
        os.environ["TPU_LIBRARY_PATH"] = str(library)
        jax.config.update("jax_platforms", "cpu")  # otherwise jax would look for a TPU because there is a libtpu
    if "TPU_LIBRARY_PATH" not in os.environ and importlib.util.find_spec("libtpu") is None:
        raise ConfigError(f"compiling for TPUs needs libtpu, which is not installed. One command installs it: {INSTALL}")


def _beside() -> Path | None:
    for folder in filter(None, (os.environ.get(VARIABLE), f"{sys.prefix}/libtpu")):
        library = Path(folder) / "libtpu" / "libtpu.so"
        if library.exists():
            return library
    return None
