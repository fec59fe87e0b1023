"""What decides a training run besides its data and model."""

import dataclasses
from typing import Literal

from flanjax.train.losses import LossConfig
from flanjax.train.optimizer import OptimizerConfig


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """The length of a run and its cadence.

    Args:
      steps: optimizer steps of the whole run, counted from its initial weights.
      seed: of initial weights and dropout.
      microbatches: into how many parts a global batch is split to save memory; changes no result. "auto" takes the fewest
        that fit, by the compiler's analysis of the step.
      log_every: steps between lines of metrics.jsonl.
      validate_every: steps between validation losses on evaluation rows of the training tasks; 0 for none.
      validation_examples: rows of each task in it.
      heldout_every: steps between scores of the held-out clusters during training; 0 for none.
      heldout_items: items of each held-out task in them.
      tensorboard: also write event files.
    """

    steps: int = 1000
    seed: int = 0
    microbatches: int | Literal["auto"] = 1
    log_every: int = 10
    validate_every: int = 0
    validation_examples: int = 64
    heldout_every: int = 0
    heldout_items: int = 50
    tensorboard: bool = True
    loss: LossConfig = dataclasses.field(default_factory=LossConfig)
    optimizer: OptimizerConfig = dataclasses.field(default_factory=OptimizerConfig)

    def __post_init__(self) -> None:
        if isinstance(self.microbatches, str) and self.microbatches != "auto":
            raise ValueError(f"train.microbatches is {self.microbatches!r}, expected a number or 'auto'")
        for name in ("steps", "microbatches", "log_every"):
            if getattr(self, name) != "auto" and getattr(self, name) < 1:
                raise ValueError(f"train.{name} is {getattr(self, name)}, expected at least 1")
        for name in ("validate_every", "heldout_every"):
            if getattr(self, name) < 0:
                raise ValueError(f"train.{name} is {getattr(self, name)}, expected 0 (never) or more")
