"""The number of microbatches of a step: the smallest with which, by the compiler's analysis, it fits a device's memory."""

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax

from flanjax.parallel import sharding
from flanjax.train.config import TrainConfig
from flanjax.train.program import Program

AUTO = "auto"
_USABLE = 0.95  # share of a device's memory; the analysis omits the buffers of collectives and fragmentation


class Fit(NamedTuple):
    """A program that fits a device's memory.

    Attributes:
      microbatches: the number of microbatches of its step.
      reason: how much memory this number and the smaller ones need, in words.
    """

    program: Program
    microbatches: int
    reason: str


def fit_program(
    make: Callable[[TrainConfig], Program], config: TrainConfig, batch: Any, mesh: sharding.Mesh, limit_bytes: int | None = None
) -> Fit:
    """Returns the program of a config whose train.microbatches is "auto", with the smallest number of microbatches that fits.

    Args:
      batch: the global batch's ShapeDtypeStructs with shardings.
      limit_bytes: memory of a device; None asks the device. A device that does not report its memory gets one microbatch.

    Raises:
      ValueError: the step does not fit even with one row a device in each microbatch.
    """
    if config.microbatches != AUTO:
        return Fit(make(config), int(config.microbatches), "as configured")
    limit_bytes = limit_bytes or device_bytes(mesh)
    if limit_bytes is None:
        return Fit(make(dataclasses.replace(config, microbatches=1)), 1, "this device does not report its memory")
    tried: list[str] = []
    for number in _numbers(batch, mesh):
        program = make(dataclasses.replace(config, microbatches=number))
        found = program.compile(batch)
        need = f"{found.peak_bytes / 2**30:.2f} GiB" if found.peak_bytes else "more than the device has"
        if found.peak_bytes and found.peak_bytes <= limit_bytes:
            too_few = f"; {', '.join(tried)}" if tried else ""
            return Fit(program, number, f"the step needs {need} of {limit_bytes / 2**30:.2f} GiB a device{too_few}")
        tried.append(f"{number} would need {need}")
    raise ValueError(
        f"train.microbatches=auto: not even one row a device at a time fits {limit_bytes / 2**30:.2f} GiB: {', '.join(tried)}. "
        "Try, in this order: model.remat=full, more devices, mesh.tensor=2, shorter rows"
    )


def device_bytes(mesh: sharding.Mesh) -> int | None:
    """Returns the bytes of a device's memory that a step may use; None if the device does not report its memory (CPUs)."""
    stats = mesh.local_devices[0].memory_stats() or {}
    return int(_USABLE * stats["bytes_limit"]) if "bytes_limit" in stats else None


def _numbers(batch: Any, mesh: sharding.Mesh) -> Iterator[int]:
    """Yields the numbers of microbatches with which every device has whole rows, smallest first."""
    rows = jax.tree.leaves(batch)[0].shape[0] // sharding.num_batch_shards(mesh)
    return (number for number in range(1, rows + 1) if rows % number == 0)
