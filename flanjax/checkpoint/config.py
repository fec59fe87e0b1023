"""When checkpoints are written and which are kept."""

import dataclasses

from flanjax import fields
from flanjax.fields import Count, Whole

VALIDATION_LOSS = "validation_loss"


@dataclasses.dataclass(frozen=True, kw_only=True)
class CheckpointConfig:
    """When checkpoints are written and which are kept.

    Args:
      every_steps: steps between checkpoints; the last step always has one.
      keep: how many of the newest checkpoints are kept.
      keep_best: how many of the best checkpoints are kept in addition.
      best_by: what the best ones have: the lowest loss on evaluation rows of the training tasks (validation_loss), or the
        highest score of the held-out cluster that it names. That cluster's score then helped to choose: report others.
      asynchronous: write checkpoints while training goes on.
    """

    every_steps: Count = 500
    keep: Count = 2
    keep_best: Whole = 1
    best_by: str = VALIDATION_LOSS
    asynchronous: bool = True

    def __post_init__(self) -> None:
        fields.check(self)
