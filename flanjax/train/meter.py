"""Throughput that counts real work only: tokens of examples and the FLOPs that their lengths need, never padding."""

import dataclasses
import time
from collections.abc import Mapping

import jax
import numpy as np

from flanjax.train.flops import T5Dims, measured_matmul_flops, paired_lengths, peak_flops, t5_step_flops


@dataclasses.dataclass(frozen=True)
class Work:
    """What some batches held."""

    examples: int = 0
    input_tokens: int = 0
    target_tokens: int = 0
    input_positions: int = 0
    target_positions: int = 0
    flops: float = 0.0

    def __add__(self, other: "Work") -> "Work":
        return Work(**{k: v + getattr(other, k) for k, v in vars(self).items()})


def work_of(batch: Mapping[str, np.ndarray], dims: T5Dims) -> Work:
    """The work in a batch (arrays [B, S] and [B, T])."""
    inputs, targets = paired_lengths(batch["inputs_segment_ids"], batch["segment_ids"])
    return Work(
        len(targets),
        int(inputs.sum()),
        int(targets.sum()),
        batch["inputs"].size,
        batch["targets"].size,
        t5_step_flops(dims, inputs, targets),
    )


class Meter:
    """Rates since the last reading.

    Args:
      hosts: each sees its share of the batch; rates are of all.
    """

    def __init__(self, hosts: int):
        device = jax.devices()[0]
        peak = peak_flops(device)
        self.limit, self.limit_named = peak or measured_matmul_flops()
        # CPU "devices" share the cores that the limit was measured on.
        self._limit = self.limit * (1 if peak is None else jax.device_count())
        self._hosts = hosts
        self._work = Work()
        self._began = time.perf_counter()

    def add(self, work: Work) -> None:
        self._work += work

    def pause(self, seconds: float) -> None:
        """Takes time that went into something else, such as an evaluation, out of the reading."""
        self._began += seconds

    def read(self, steps: int) -> dict[str, float]:
        """Figures over the steps since the last reading, and starts the next."""
        now = time.perf_counter()
        seconds, work = max(now - self._began, 1e-9), self._work
        self._began, self._work = now, Work()
        return {
            "seconds": seconds / max(steps, 1),
            "target_tokens_per_second": work.target_tokens * self._hosts / seconds,
            "input_tokens_per_second": work.input_tokens * self._hosts / seconds,
            "examples_per_second": work.examples * self._hosts / seconds,
            "mfu": work.flops * self._hosts / seconds / self._limit,
            "encoder_fill": work.input_tokens / max(work.input_positions, 1),
            "decoder_fill": work.target_tokens / max(work.target_positions, 1),
        }
