"""Keeps compiled programs beside the runs, so that a restarted run, or another of the same shapes, need not compile again.

jax's persistent cache does the work. Its key covers the program, the compiler's options and versions, and the devices, so all
runs in a folder can share one cache. The cache may be deleted at any time.
"""

from typing import Any

import jax
from etils import epath
from jax.experimental.compilation_cache import compilation_cache

FOLDER = ".flanjax_cache"


def enable(workdir: epath.PathLike) -> str:
    """Turns the cache on and returns its folder, which lies beside the workdir, also on a bucket; "" if the cache is off.

    JAX_COMPILATION_CACHE_DIR names another folder, and JAX_ENABLE_COMPILATION_CACHE=false turns the cache off. If the folder
    cannot be read or written, jax warns and the run goes on without it.
    """
    config: Any = jax.config  # the type of jax.config lacks these options
    if not config.jax_enable_compilation_cache:
        return ""
    if config.jax_compilation_cache_dir:
        return config.jax_compilation_cache_dir
    path = epath.Path(workdir)
    folder = str((path if "://" in str(workdir) else path.resolve()).parent / FOLDER)
    compilation_cache.reset_cache()  # jax decides at its first compilation whether there is a cache; this makes it decide again
    compilation_cache.set_cache_dir(folder)
    return folder
