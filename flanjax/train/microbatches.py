"""How many microbatches a step needs: the fewest for which the compiler says that it fits the device's memory."""

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax

from flanjax.parallel import sharding
from flanjax.train.config import TrainConfig
from flanjax.train.program import Program

AUTO = "auto"
_USABLE = 0.95  # of what a device says it has: collectives' buffers and the allocator's fragments are in no analysis


class Fit(NamedTuple):
    """A program that fits.

    Attributes:
      microbatches: of its step.
      reason: what the compiler said of it and of the smaller numbers tried, in words.
    """

    program: Program
    microbatches: int
    reason: str


def fit_program(
    make: Callable[[TrainConfig], Program], config: TrainConfig, batch: Any, mesh: sharding.Mesh, limit_bytes: int | None = None
) -> Fit:
    """The program of a config, its "auto" replaced by the smallest number of microbatches that fits.

    Args:
      batch: the global batch's ShapeDtypeStructs with shardings.
      limit_bytes: memory of a device; None asks the device, and a device that does not tell takes one microbatch.

    Raises:
      ValueError: one row a device at a time does not fit either.
    """
    if config.microbatches != AUTO:
        return Fit(make(config), int(config.microbatches), "as configured")
    limit_bytes = limit_bytes or device_bytes(mesh)
    if limit_bytes is None:
        return Fit(make(dataclasses.replace(config, microbatches=1)), 1, "this device does not tell its memory")
    tried: list[str] = []
    for number in _numbers(batch, mesh):
        program = make(dataclasses.replace(config, microbatches=number))
        found = program.compile(batch)
        need = f"{found.peak_bytes / 2**30:.2f} GiB" if found.peak_bytes else "more than there is"
        if found.peak_bytes and found.peak_bytes <= limit_bytes:
            too_few = f"; {', '.join(tried)}" if tried else ""
            return Fit(program, number, f"the step needs {need} of {limit_bytes / 2**30:.2f} GiB a device{too_few}")
        tried.append(f"{number} would need {need}")
    raise ValueError(
        f"train.microbatches=auto: not even one row a device at a time fits {limit_bytes / 2**30:.2f} GiB: {', '.join(tried)}. "
        "What helps, in this order: model.remat=full, more devices, mesh.tensor=2, a shorter row"
    )


def device_bytes(mesh: sharding.Mesh) -> int | None:
    """What a step may use of a device's memory; None where the device does not tell, as CPUs do not."""
    stats = mesh.local_devices[0].memory_stats() or {}
    return int(_USABLE * stats["bytes_limit"]) if "bytes_limit" in stats else None


def _numbers(batch: Any, mesh: sharding.Mesh) -> Iterator[int]:
    """Numbers of microbatches that leave every device whole rows, the smallest first."""
    rows = jax.tree.leaves(batch)[0].shape[0] // sharding.num_batch_shards(mesh)
    return (number for number in range(1, rows + 1) if rows % number == 0)
