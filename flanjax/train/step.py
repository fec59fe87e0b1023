"""The training step: a pure function of (state, frozen, batch), the same on any mesh and for any number of microbatches.

Letters: M microbatches, B global batch.
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from flanjax.models import functional
from flanjax.models.params import Full, Params, Tuning
from flanjax.train.objective import Batch, Hooks, Mean, Objective, Sums

_TUNING = 1 << 16  # larger than any number that the model itself folds into its key


class TrainState(NamedTuple):
    """The state that a training step updates."""

    step: jax.Array  # int32 [], steps done
    params: Any  # the trainable ones
    opt_state: Any


class StepMetrics(NamedTuple):
    """The metrics of a step; all float32.

    Attributes:
      values: name -> [], `loss` and `grad_norm` among them.
      by_task: name -> Mean of [tasks].
    """

    values: Mapping[str, jax.Array]
    by_task: Mapping[str, Mean]


@dataclasses.dataclass(frozen=True)
class StepSpec:
    """Everything that a step is compiled from."""

    model: Any
    objective: Objective
    optimizer: optax.GradientTransformation
    learning_rate: optax.Schedule
    microbatches: int
    seed: int
    tuning: Tuning = Full()
    hooks: Hooks = Hooks()


def init_state(spec: StepSpec, trainable: Any) -> TrainState:
    return TrainState(jnp.zeros((), jnp.int32), trainable, spec.optimizer.init(trainable))


def train_step(spec: StepSpec, state: TrainState, frozen: Any, batch: Batch) -> tuple[TrainState, StepMetrics]:
    """Returns the state after one optimizer step on the global batch, and the step's metrics.

    The objective and its gradient are summed over all microbatches and divided once, so the result does not depend on how the
    batch is split.
    """
    key = jax.random.fold_in(jax.random.key(spec.seed), state.step)
    grads, sums = _accumulate(spec, state.params, frozen, batch, key)
    divisor = spec.objective.divisor(sums.weight)
    typical = divisor if sums.typical is None else spec.objective.divisor(sums.typical)
    grads = jax.tree.map(lambda g: g / typical, grads)
    updates, opt_state = spec.optimizer.update(grads, state.opt_state, state.params)
    values = {
        "loss": sums.loss / divisor,
        **{name: mean.total / jnp.maximum(mean.weight, 1e-9) for name, mean in sums.metrics.items()},
        "grad_norm": optax.global_norm(grads),
        "learning_rate": jnp.asarray(spec.learning_rate(state.step), jnp.float32),
    }
    new = TrainState(state.step + 1, optax.apply_updates(state.params, updates), opt_state)
    return new, StepMetrics(values, sums.by_task)


def validation_step(spec: StepSpec, trainable: Any, frozen: Any, batch: Batch) -> Sums:
    """Returns the sums of a batch, without dropout. It takes the microbatches of a step, and so no more memory than that."""
    if spec.microbatches == 1:
        return _sums(spec, trainable, frozen, batch, None)[1]
    each = jax.lax.map(lambda micro: _sums(spec, trainable, frozen, micro, None)[1], _split(batch, spec.microbatches))
    sums: Sums = jax.tree.map(lambda x: x.sum(axis=0), each)
    return sums


def read_rows(spec: StepSpec, function: Callable[[Batch], jax.Array], batch: Batch) -> jax.Array:
    """Returns [B, ...], what a function gives for each row of a batch, in the microbatches of a step."""
    if spec.microbatches == 1:
        return function(batch)
    each = jax.lax.map(function, _split(batch, spec.microbatches))
    return each.swapaxes(0, 1).reshape(-1, *each.shape[2:])


def _accumulate(spec: StepSpec, trainable: Any, frozen: Any, batch: Batch, key: jax.Array) -> tuple[Any, Sums]:
    """Returns the gradient of the summed objective with respect to the trainable parameters, and the sums."""
    gradient = jax.grad(lambda t, b, k: _sums(spec, t, frozen, b, k), has_aux=True)
    if spec.microbatches == 1:
        return gradient(trainable, batch, key)

    def body(carry: Any, part: tuple[Batch, jax.Array]) -> tuple[Any, None]:
        micro, number = part
        return jax.tree.map(jnp.add, carry, gradient(trainable, micro, jax.random.fold_in(key, number))), None

    parts = _split(batch, spec.microbatches)
    shapes = jax.eval_shape(gradient, trainable, jax.tree.map(lambda x: x[0], parts), key)
    zeros = jax.tree.map(lambda s: jnp.zeros(s.shape, jnp.float32), shapes)  # float32 sums whatever the compute type
    total, _ = jax.lax.scan(body, zeros, (parts, jnp.arange(spec.microbatches)))
    return total


def _split(batch: Batch, microbatches: int) -> Batch:
    """Reshapes [B, ...] to [M, B/M, ...]. The split is strided, so that every microbatch has rows of every device."""
    return jax.tree.map(lambda x: x.reshape(-1, microbatches, *x.shape[1:]).swapaxes(0, 1), batch)


def _sums(spec: StepSpec, trainable: Any, frozen: Any, batch: Batch, key: jax.Array | None) -> tuple[jax.Array, Sums]:
    # The tuning's own dropout is drawn apart from the model's.
    joined = spec.tuning.join(Params(trainable, frozen), None if key is None else jax.random.fold_in(key, _TUNING))
    hooks = spec.hooks._replace(context=spec.hooks.context._replace(key=key))
    sums = spec.objective(functional.bind(spec.model, joined), batch, hooks)
    return sums.loss, sums
