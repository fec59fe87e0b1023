"""The training step: a pure function of (state, batch), the same on any mesh and for any number of microbatches.

Letters: M microbatches, B global batch, T target length.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from flanjax.models import functional
from flanjax.models.attention.reference import Attend, attend
from flanjax.parallel.sharding import whole_batch
from flanjax.train.losses import Head, LossConfig, chunk_length, chunked_cross_entropy, cross_entropy, denominator, per_task

Batch = dict[str, jax.Array]
Constrain = Callable[[jax.Array, Any], jax.Array]


class TrainState(NamedTuple):
    """What a step changes."""

    step: jax.Array  # int32 [], steps done
    params: Any
    opt_state: Any


class Sums(NamedTuple):
    """What a microbatch adds to the step's figures; all float32."""

    loss: jax.Array  # [], the objective
    weight: jax.Array  # []
    correct: jax.Array  # [], weighted
    task_nll: jax.Array  # [tasks], weighted, in nats
    task_weight: jax.Array  # [tasks]


@dataclasses.dataclass(frozen=True)
class StepSpec:
    """Everything that a step is compiled from."""

    model: functional.Config
    loss: LossConfig
    optimizer: optax.GradientTransformation
    learning_rate: optax.Schedule
    num_tasks: int
    microbatches: int
    seed: int
    constrain: Constrain
    by_rows: Callable[..., Any] = whole_batch
    attend: Attend = attend  # or what stands in for it on the devices at hand


def init_state(spec: StepSpec, params: Any) -> TrainState:
    return TrainState(jnp.zeros((), jnp.int32), params, spec.optimizer.init(params))


def train_step(spec: StepSpec, state: TrainState, batch: Batch) -> tuple[TrainState, dict[str, jax.Array]]:
    """The state after one optimizer step on the global batch, and its figures.

    The objective is summed over all microbatches, its gradient too, and both are divided once by the weight of them all: how
    the batch is split changes nothing.
    """
    key = jax.random.fold_in(jax.random.key(spec.seed), state.step)
    grads, sums = _accumulate(spec, state.params, batch, key if spec.model.dropout else None)
    divisor = denominator(spec.loss, sums.weight)
    grads = jax.tree.map(lambda g: g / divisor, grads)
    updates, opt_state = spec.optimizer.update(grads, state.opt_state, state.params)
    figures = {
        "loss": sums.loss / divisor,
        "accuracy": sums.correct / jnp.maximum(sums.weight, 1e-9),
        "grad_norm": optax.global_norm(grads),
        "learning_rate": jnp.asarray(spec.learning_rate(state.step), jnp.float32),
        "task_nll": sums.task_nll,
        "task_weight": sums.task_weight,
    }
    return TrainState(state.step + 1, optax.apply_updates(state.params, updates), opt_state), figures


def validation_step(spec: StepSpec, params: Any, batch: Batch) -> Sums:
    """The sums of a batch without dropout."""
    return _sums(spec, params, batch, None)[1]


def _accumulate(spec: StepSpec, params: Any, batch: Batch, key: jax.Array | None) -> tuple[Any, Sums]:
    gradient = jax.grad(lambda p, b, k: _sums(spec, p, b, k), has_aux=True)
    if spec.microbatches == 1:
        return gradient(params, batch, key)

    def body(carry, step):
        micro, number = step
        found = gradient(params, micro, None if key is None else jax.random.fold_in(key, number))
        return jax.tree.map(jnp.add, carry, found), None

    shapes = jax.eval_shape(gradient, params, jax.tree.map(lambda x: x[0], _split(batch, spec.microbatches)), key)
    zeros = jax.tree.map(lambda s: jnp.zeros(s.shape, jnp.float32), shapes)  # float32 sums whatever the compute type
    total, _ = jax.lax.scan(body, zeros, (_split(batch, spec.microbatches), jnp.arange(spec.microbatches)))
    return total


def _split(batch: Batch, microbatches: int) -> Batch:
    """[B, ...] -> [M, B/M, ...], strided, so that every microbatch has rows of every device."""
    return jax.tree.map(lambda x: x.reshape(-1, microbatches, *x.shape[1:]).swapaxes(0, 1), batch)


def _sums(spec: StepSpec, params: Any, batch: Batch, key: jax.Array | None) -> tuple[jax.Array, Sums]:
    model = functional.bind(spec.model, params)
    hidden = model.hidden(batch, key=key, constrain=spec.constrain, attend=spec.attend)
    targets, weights = batch["targets"], batch["loss_weights"]
    chunk = chunk_length(targets.shape[1], spec.model.vocab_size, spec.loss.chunk)
    if chunk == targets.shape[1]:
        losses = cross_entropy(model.logits(hidden, spec.constrain), targets, weights, spec.loss)
    else:
        head = Head(functional.head_logits(spec.model), by_rows=spec.by_rows)
        losses = chunked_cross_entropy(hidden, model.head_kernel(), targets, weights, head, spec.loss, chunk)
    task_nll, task_weight = per_task(losses.nll, batch["loss_weights"], batch["task_ids"], spec.num_tasks)
    correct = jnp.sum(losses.correct * batch["loss_weights"])
    return losses.sum, Sums(losses.sum, losses.weight, correct, task_nll, task_weight)
