"""What decides a training run besides its data and model."""

import dataclasses
from typing import Literal

from flanjax import fields
from flanjax.fields import Count, Seed, Whole
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

    steps: Count = 1000
    seed: Seed = 0
    microbatches: Count | Literal["auto"] = 1
    log_every: Count = 10
    validate_every: Whole = 0
    validation_examples: Count = 64
    heldout_every: Whole = 0
    heldout_items: Count = 50
    tensorboard: bool = True
    loss: LossConfig = dataclasses.field(default_factory=LossConfig)
    optimizer: OptimizerConfig = dataclasses.field(default_factory=OptimizerConfig)

    def __post_init__(self) -> None:
        fields.check(self)
