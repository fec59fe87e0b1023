"""On a CPU: a device for each core.

XLA gives one device all cores, but runs loops and small operations on one of them. As many devices as cores share the rows of a
batch, and each works through its program alone. On two cores a step of flan_mini takes 2.7 s instead of 3.6 s, one of the
quickstart 0.10 s instead of 0.12 s.
"""

import contextlib
import math
import os
from typing import Any

import jax

from flanjax.parallel.sharding import MeshConfig

_MOST = 8  # devices: each has small shares of the rows
_MOST_HELD = 200_000_000  # parameters of all replicas: with gradients and AdamW's moments 3.2 GB


def a_device_each(rows: int) -> None:
    """Gives jax a CPU device for each core, as many as divide `rows`, unless somebody said how many.

    Call it before anything touches a device; afterwards, and in one of several processes, it does nothing.
    """
    config: Any = jax.config  # the type of jax.config lacks this option
    asked = config.jax_num_cpu_devices != -1 or "xla_force_host_platform_device_count" in os.environ.get("XLA_FLAGS", "")
    if not asked and not jax.distributed.is_initialized():
        with contextlib.suppress(RuntimeError):  # there are devices already
            jax.config.update("jax_num_cpu_devices", devices_for(rows, cores()))


def replicas(config: MeshConfig, num_parameters: int) -> MeshConfig:
    """Returns the mesh on which each core has all parameters, if cores are the devices, nobody chose a mesh and they are few.

    Nothing is gathered then: a step of the quickstart takes 0.075 s, and 0.09 s with the parameters split between two cores.
    """
    ours = jax.config.jax_num_cpu_devices != -1 and jax.default_backend() == "cpu"  # type: ignore[attr-defined]
    few = num_parameters * jax.device_count() <= _MOST_HELD
    return MeshConfig(data=-1, fsdp=1) if ours and few and config == MeshConfig() else config


def cores() -> int:
    """Returns how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def devices_for(rows: int, cores: int) -> int:
    """Returns the largest number of devices, at most one a core, over which the rows of a batch can be split evenly.

    >>> devices_for(32, 2), devices_for(32, 12), devices_for(9, 2), devices_for(24, 64)
    (2, 8, 1, 8)
    """
    return max(n for n in range(1, min(cores, _MOST) + 1) if math.gcd(rows, n) == n)
