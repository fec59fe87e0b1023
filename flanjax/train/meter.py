"""Throughput of real work only: the tokens of examples and the FLOPs that their lengths need, without padding."""

import dataclasses
import time
from collections.abc import Mapping

import jax
import numpy as np

from flanjax.models import functional
from flanjax.models.flops import paired_lengths, segment_lengths
from flanjax.parallel.hardware import measured_matmul_flops, peak_flops
from flanjax.train.goodput import Goodput


@dataclasses.dataclass(frozen=True)
class Work:
    """The work in one or more batches.

    Attributes:
      filled: name -> (tokens, positions) for each part of a row: the tokens in it, and the positions that it has.
    """

    examples: int = 0
    input_tokens: int = 0
    target_tokens: int = 0
    flops: float = 0.0
    filled: Mapping[str, tuple[int, int]] = dataclasses.field(default_factory=dict)

    def __add__(self, other: "Work") -> "Work":
        none = (0, 0)
        return Work(
            self.examples + other.examples,
            self.input_tokens + other.input_tokens,
            self.target_tokens + other.target_tokens,
            self.flops + other.flops,
            {
                name: (self.filled.get(name, none)[0] + tokens, self.filled.get(name, none)[1] + positions)
                for name, (tokens, positions) in other.filled.items()
            },
        )


def work_of(batch: Mapping[str, np.ndarray], model: functional.Config) -> Work:
    """Returns the work in a batch of either layout (flanjax/data/layout.py)."""
    flops = functional.step_flops(model, batch)
    if "inputs" in batch:
        inputs, targets = paired_lengths(batch["inputs_segment_ids"], batch["segment_ids"])
        read, written = int(inputs.sum()), int(targets.sum())
        filled = {"encoder_fill": (read, batch["inputs"].size), "decoder_fill": (written, batch["targets"].size)}
        return Work(len(targets), read, written, flops, filled)
    lengths, written = segment_lengths(batch["segment_ids"]), int(np.count_nonzero(batch["loss_weights"]))
    used = int(lengths.sum())
    filled = {"row_fill": (used, batch["decoder_inputs"].size), "target_fill": (written, batch["targets"].size)}
    # An example of n tokens takes n - 1 positions: its last token is only a target.
    return Work(len(lengths), used + len(lengths) - written, written, flops, filled)


class Meter:
    """Measures throughput since the last reading; the first one starts with `begin`.

    Args:
      hosts: number of hosts. Each sees only its share of the batch; the rates are those of all hosts together.
      goodput: the goodput of the run until now.
    """

    def __init__(self, hosts: int, goodput: Goodput | None = None):
        device = jax.devices()[0]
        peak = peak_flops(device)
        self.limit, self.limit_named = peak or measured_matmul_flops()
        # All CPU "devices" of a process share the same cores, whose FLOP/s were measured together.
        self._limit = self.limit * (jax.process_count() if device.platform == "cpu" else jax.device_count())
        self._hosts = hosts
        self._goodput = goodput or Goodput()
        self._compiling = 0.0
        self._work = Work()
        self.begin()

    def begin(self) -> None:
        """Begins the first reading: what was done until now, such as waiting for the first batch, is no part of it."""
        self._began = time.perf_counter()

    def add(self, work: Work) -> None:
        self._work += work

    def pause(self, seconds: float) -> None:
        """Leaves time that was spent on something else, such as an evaluation, out of the reading."""
        self._began += seconds

    def compiled(self, seconds: float) -> None:
        """Counts time of the coming steps as compilation: it lowers their rates, but does not count as time in steps."""
        self._compiling += seconds

    def read(self, steps: int) -> dict[str, float]:
        """Returns the metrics of the steps since the last reading, and starts the next reading."""
        now = time.perf_counter()
        seconds, work = max(now - self._began, 1e-9), self._work
        self._goodput.add(max(seconds - self._compiling, 0.0))
        self._began, self._work, self._compiling = now, Work(), 0.0
        return {
            **self._goodput.read(),
            "seconds": seconds / max(steps, 1),
            "target_tokens_per_second": work.target_tokens * self._hosts / seconds,
            "input_tokens_per_second": work.input_tokens * self._hosts / seconds,
            "examples_per_second": work.examples * self._hosts / seconds,
            "flops_per_second": work.flops * self._hosts / seconds,
            "mfu": work.flops * self._hosts / seconds / self._limit,
            **{name: tokens / max(positions, 1) for name, (tokens, positions) in work.filled.items()},
        }
