"""The contract of an objective, which is what a step minimises, and the default one: cross entropy of the targets.

An objective returns sums over the examples that it is given. The step adds them up over microbatches and hosts and divides
once, so the result does not depend on how a batch is split.
"""

import dataclasses
from collections.abc import Mapping
from typing import NamedTuple, Protocol

import jax
import jax.numpy as jnp

from flanjax.data.layout import ROW_WEIGHTS
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
    """A mean before its division, float32 of any shape. Totals and weights of two batches add up to those of both."""

    total: jax.Array
    weight: jax.Array


class Sums(NamedTuple):
    """The sums of one microbatch; all float32.

    Attributes:
      loss: [], what is minimised.
      weight: [], from which `Objective.divisor` computes what the loss is divided by.
      metrics: name -> Mean of [], shown beside the loss.
      by_task: name -> Mean of [tasks], shown for each task and cluster.
      typical: [], the weight of such a number of rows on average, if batches have rows of several lengths and so weigh more or
        less than each other. The gradient is divided by what follows from it, so that a target counts the same in all of them.
    """

    loss: jax.Array
    weight: jax.Array
    metrics: Mapping[str, Mean]
    by_task: Mapping[str, Mean]
    typical: jax.Array | None = None


class Hooks(NamedTuple):
    """How the objective and the model run on a mesh: see Context and sharding.by_rows."""

    context: Context = Context()
    by_rows: ByRows = whole_batch


class Objective(Protocol):
    """What training minimises. It is traced; the model is bound to its parameters, trainable and frozen ones joined."""

    def __call__(self, model: functional.Model, batch: Batch, hooks: Hooks) -> Sums:
        """Returns the sums of a microbatch. Without a key in the context there is no dropout, as in validation."""
        ...

    def divisor(self, weight: jax.Array) -> jax.Array:
        """Returns what the loss is divided by, float32 [], given the weight of the whole step."""
        ...


@dataclasses.dataclass(frozen=True)
class CrossEntropy:
    """Cross entropy of the targets with their loss weights. Large logits are computed for some positions at a time."""

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
        typical = jnp.sum(batch[ROW_WEIGHTS]) if ROW_WEIGHTS in batch else None
        return Sums(loss, losses.weight, {"accuracy": correct, **extra}, {"loss": by_task}, typical)

    def divisor(self, weight: jax.Array) -> jax.Array:
        return denominator(self.config, weight)
