"""Describes the devices that a config is compiled for: TPU slices and the GPUs of a host, none of which need be here."""

import contextlib
import os
from collections.abc import Iterable

import jax
from jax.experimental import topologies

from flanjax.aot import cuda, libtpu
from flanjax.config import ConfigError
from flanjax.names import nearest
from flanjax.parallel.hardware import CHIPS, Chip

_AS_ONE_DEVICE = {"v4": {"chip_config_name": "megacore"}}  # without this its two cores would be two devices
MEMORY_FRACTION = "XLA_PYTHON_CLIENT_MEM_FRACTION"  # of a GPU's memory, that jax takes at its start


def find_compilers(wanted: Iterable[str]) -> None:
    """Prepares jax in this process to compile for topologies, on the CPU.

    Raises:
      ConfigError: a compiler is missing, and the message has the command that installs it; or a topology is unknown.
    """
    kinds = {cuda.is_gpu(chip_name(topology)) for topology in wanted}
    if True in kinds:
        cuda.find()
    if False in kinds:
        libtpu.find()


def devices_of(topology: str) -> list[jax.Device]:
    """Returns the devices of a slice such as "v5e:4x4" or of a host such as "h100:8".

    Raises:
      ConfigError: there is no such slice or host.
    """
    kind = chip_name(topology)
    grid = topology.partition(":")[2]
    if cuda.is_gpu(kind):
        return cuda.devices(kind, grid)
    os.environ.setdefault("TPU_SKIP_MDS_QUERY", "1")  # without it, a machine without a TPU queries for one for minutes
    try:
        return list(topologies.get_topology_desc(topology, "tpu", **_AS_ONE_DEVICE.get(kind, {})).devices)
    except Exception as error:
        raise ConfigError(
            f"libtpu cannot describe {topology!r}: {str(error)[:300]}. Check the grid; `{libtpu.INSTALL}` installs libtpu"
        ) from error


def seen_as_here(topology: str) -> contextlib.AbstractContextManager[None]:
    """Returns a context for tracing what is compiled for a topology."""
    if cuda.is_gpu(chip_name(topology)):
        return cuda.default_device(devices_of(topology)[0])
    return contextlib.nullcontext()


def chip_of(topology: str) -> Chip:
    """Returns the chip of a topology. Raises ConfigError if it is unknown."""
    return CHIPS[chip_name(topology)]


def chip_name(topology: str) -> str:
    """Returns the name of a topology's chip. Raises ConfigError if it is unknown."""
    kind = topology.partition(":")[0]
    if kind not in CHIPS or ":" not in topology:
        raise ConfigError(
            f"topology is {topology!r}, expected a TPU and its grid such as v5e:4x4, or a GPU and how many such as h100:8; "
            f"{nearest(kind, CHIPS)}"
        )
    return kind


def memory_bytes(topology: str) -> int:
    """Returns how many bytes of a chip's memory a program may take: of a GPU, what jax takes at its start.

    Raises:
      ConfigError: the environment names no such fraction.
    """
    memory = chip_of(topology).hbm_gib * 2**30
    if not cuda.is_gpu(chip_name(topology)):
        return memory
    given = os.environ.get(MEMORY_FRACTION, "0.75")  # jax's own default
    try:
        return int(float(given) * memory)
    except ValueError as error:
        raise ConfigError(f"{MEMORY_FRACTION} is {given!r}, expected a number such as 0.9") from error


def memory_words(topology: str) -> str:
    """Returns what `memory_bytes` counts, in words."""
    whole = chip_of(topology).hbm_gib
    if not cuda.is_gpu(chip_name(topology)):
        return f"{whole} GiB a chip"
    return f"the {memory_bytes(topology) / 2**30:.1f} GiB that jax takes of a GPU's {whole} ({MEMORY_FRACTION} says how much)"
