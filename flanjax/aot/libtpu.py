"""Finding libtpu, the compiler for TPUs, where it lies beside the environment.

Installed into the environment it would make jax look for a TPU at every start, which a machine without one pays for. So it lies
in a folder of its own, and only what compiles for TPUs looks there.
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
    """Lets jax compile for TPUs in this process, on the CPU.

    Raises:
      ConfigError: there is no libtpu; with the command that installs it.
    """
    os.environ.setdefault("TPU_SKIP_MDS_QUERY", "1")  # a machine without a TPU need not ask for one, minutes long
    os.environ.setdefault("ALLOW_MULTIPLE_LIBTPU_LOAD", "1")  # compiling opens no chip, so it may go on beside another process
    if "TPU_LIBRARY_PATH" not in os.environ and (library := _beside()):
        os.environ["TPU_LIBRARY_PATH"] = str(library)
        jax.config.update("jax_platforms", "cpu")  # else jax would look for the TPU that comes with a libtpu
    if "TPU_LIBRARY_PATH" not in os.environ and importlib.util.find_spec("libtpu") is None:
        raise ConfigError(f"compiling for TPUs needs libtpu, which is not here. One command installs it: {INSTALL}")


def _beside() -> Path | None:
    for folder in filter(None, (os.environ.get(VARIABLE), f"{sys.prefix}/libtpu")):
        library = Path(folder) / "libtpu" / "libtpu.so"
        if library.exists():
            return library
    return None
