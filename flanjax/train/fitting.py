"""Decides what "auto" leaves open in a step: the smallest number of microbatches and the least recomputation with which it fits
a device's memory, by the compiler's analysis."""

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax

from flanjax.models import functional
from flanjax.models.stack import AUTO, REMAT
from flanjax.parallel import distributed, sharding
from flanjax.train.config import TrainConfig
from flanjax.train.program import Program

USABLE = 0.95  # share of a device's memory; the analysis omits the buffers of collectives and fragmentation


class Fit(NamedTuple):
    """A program that fits a device's memory.

    Attributes:
      microbatches: the number of microbatches of its step.
      remat: what its backward pass recomputes, a name of REMAT.
      reason: why these two, in words; "" if the config gives both.
    """

    program: Program
    microbatches: int
    remat: str
    reason: str


def fit_program(
    make: Callable[[TrainConfig, functional.Config], Program],
    config: TrainConfig,
    model: functional.Config,
    batch: Any,
    mesh: sharding.Mesh,
    limit_bytes: int | None = None,
) -> Fit:
    """Returns the program of a config, with what "auto" leaves open decided.

    train.microbatches="auto" is the smallest number with which the step fits, and model.remat="auto" the least recomputation
    with which it fits then. With both, the number is the smallest with which full recomputation fits.

    Args:
      batch: the global batch's ShapeDtypeStructs with shardings.
      limit_bytes: memory of a device; None asks the device. For a device that does not report its memory it is one microbatch
        and no recomputation.

    Raises:
      ValueError: the step does not fit, even with all that "auto" may choose.
    """
    policies = [*REMAT] if model.remat == AUTO else [model.remat]
    numbers = [*_numbers(batch, mesh)] if config.microbatches == AUTO else [int(config.microbatches)]

    def program_with(number: int, remat: str) -> Program:
        shape: Any = model  # a frozen dataclass, which a protocol cannot say
        return make(dataclasses.replace(config, microbatches=number), dataclasses.replace(shape, remat=remat))

    if AUTO not in (config.microbatches, model.remat):
        return Fit(program_with(numbers[0], policies[0]), numbers[0], policies[0], "")
    limit = limit_bytes or distributed.from_first(lambda: device_bytes(mesh))  # all processes must choose alike
    if limit is None:
        reason = "this device does not report its memory"
        return Fit(program_with(numbers[0], policies[0]), numbers[0], policies[0], reason)
    tried: list[str] = []

    def fit(number: int, remat: str) -> Fit | None:
        program = program_with(number, remat)
        found = program.compile(batch)
        need = f"{found.peak_bytes / 2**30:.2f} GiB" if found.peak_bytes else "more than the device has"
        if found.peak_bytes and found.peak_bytes <= limit:
            return Fit(program, number, remat, f"the step needs {need} of {limit / 2**30:.2f} GiB a device")
        tried.append(f"{number} with {remat} would need {need}")
        return None

    if not (most := next((found for number in numbers if (found := fit(number, policies[-1]))), None)):
        raise ValueError(
            f"train.microbatches={config.microbatches}, model.remat={model.remat}: the step does not fit "
            f"{limit / 2**30:.2f} GiB a device: {', '.join(tried)}. Try, in this order: train.microbatches=auto, "
            "model.remat=full, more devices, mesh.tensor=2, shorter rows"
        )
    chosen = next((found for remat in policies[:-1] if (found := fit(most.microbatches, remat))), most)
    return chosen._replace(reason="; ".join([chosen.reason, *tried]))


def device_bytes(mesh: sharding.Mesh) -> int | None:
    """Returns the bytes of a device's memory that a step may use; None if the device does not report its memory (CPUs)."""
    stats = mesh.local_devices[0].memory_stats() or {}
    return int(USABLE * stats["bytes_limit"]) if "bytes_limit" in stats else None


def _numbers(batch: Any, mesh: sharding.Mesh) -> Iterator[int]:
    """Yields the numbers of microbatches with which every device has whole rows, smallest first."""
    rows = jax.tree.leaves(batch)[0].shape[0] // sharding.num_batch_shards(mesh)
    return (number for number in range(1, rows + 1) if rows % number == 0)
