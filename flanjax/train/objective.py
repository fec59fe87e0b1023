"""What a step minimises, as sums: the contract, and cross entropy of the targets.

An objective returns sums over the examples that it is given. The step adds them up over microbatches and hosts and divides
once, so that how a batch is split changes nothing.
"""

import dataclasses
from collections.abc import Mapping
from typing import NamedTuple, Protocol

import jax
import jax.numpy as jnp

from flanjax.models import functional
from flanjax.models.context import Context
from flanjax.parallel.sharding import ByRows, whole_batch
from flanjax.train.losses import (
    Head,
    LossConfig,
    chunk_length,
    chunked_cross_entropy,
    cross_entropy,
    denominator,
    per_task,
)

Batch = Mapping[str, jax.Array]


class Mean(NamedTuple):
    """A mean that is still to be divided: totals and weights of two batches add up to those of both. float32, of any shape."""

    total: jax.Array
    weight: jax.Array


class Sums(NamedTuple):
    """What a microbatch adds to a step; all float32.

    Attributes:
      loss: [], what is minimised.
      weight: [], what `Objective.divisor` turns into what the loss is divided by.
      metrics: name -> Mean of [], shown beside the loss.
      by_task: name -> Mean of [tasks], shown for each task and cluster.
    """

    loss: jax.Array
    weight: jax.Array
    metrics: Mapping[str, Mean]
    by_task: Mapping[str, Mean]


class Hooks(NamedTuple):
    """What the mesh makes of the objective's and the model's mathematics: see Context and sharding.by_rows."""

    context: Context = Context()
    by_rows: ByRows = whole_batch


class Objective(Protocol):
    """What training minimises. Traced; the model is bound to its parameters, trained and frozen ones joined."""

    def __call__(self, model: functional.Model, batch: Batch, hooks: Hooks) -> Sums:
        """The sums of a microbatch. Without a key in the context they are those of validation: no dropout."""
        ...

    def divisor(self, weight: jax.Array) -> jax.Array:
        """What the loss is divided by, float32 [], from the weight of the whole step."""
        ...


@dataclasses.dataclass(frozen=True)
class CrossEntropy:
    """Cross entropy of the targets, by their loss weights; the logits some positions at a time where all would not fit."""

    config: LossConfig
    num_tasks: int

    def __call__(self, model: functional.Model, batch: Batch, hooks: Hooks) -> Sums:
        hidden, auxiliary = model.hidden(batch, hooks.context)
        targets, weights = batch["targets"], batch["loss_weights"]
        chunk = chunk_length(targets.shape[1], model.config.vocab_size, self.config.chunk)
        if chunk == targets.shape[1]:
            losses = cross_entropy(model.logits(hidden, hooks.context), targets, weights, self.config)
        else:
            head = Head(functional.head_logits(model.config), by_rows=hooks.by_rows)
            losses = chunked_cross_entropy(hidden, model.head_kernel(), targets, weights, head, self.config, chunk)
        correct = Mean(jnp.sum(losses.correct * weights), losses.weight)
        by_task = Mean(*per_task(losses.nll, weights, batch["task_ids"], self.num_tasks))
        loss = losses.sum + sum(auxiliary.values())
        extra = {name: Mean(total, losses.weight) for name, total in auxiliary.items()}
        return Sums(loss, losses.weight, {"accuracy": correct, **extra}, {"loss": by_task})

    def divisor(self, weight: jax.Array) -> jax.Array:
        return denominator(self.config, weight)
