"""Compiled programs kept beside the runs, so that a restarted run, or another of the same shapes, does not compile again.

jax's persistent cache does the work. Its key holds the program, the compiler's options and versions, and the devices, so one
folder serves all runs beside each other; it may be deleted at any time.
"""

from typing import Any

import jax
from etils import epath
from jax.experimental.compilation_cache import compilation_cache

FOLDER = ".flanjax_cache"


def enable(workdir: epath.PathLike) -> str:
    """The folder where compiled programs are kept from now on: beside the workdir, on a bucket too.

    JAX_COMPILATION_CACHE_DIR names another one, and JAX_ENABLE_COMPILATION_CACHE=false keeps none; then "" comes back. A folder
    that cannot be read or written costs a warning of jax's, never the run.
    """
    config: Any = jax.config  # its options are not in its type
    if not config.jax_enable_compilation_cache:
        return ""
    if config.jax_compilation_cache_dir:
        return config.jax_compilation_cache_dir
    path = epath.Path(workdir)
    folder = str((path if "://" in str(workdir) else path.resolve()).parent / FOLDER)
    compilation_cache.reset_cache()  # what was compiled before has told jax that there is no cache
    compilation_cache.set_cache_dir(folder)
    return folder
