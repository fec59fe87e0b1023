"""Optimizers by config: T5X's Adafactor, AdamW with RMS-scaled updates, plain AdamW; with schedule, decay and clipping.

Plain AdamW diverges from T5's initialisation, whose weights differ in scale by orders of magnitude; scaled by each
weight's RMS it matches or beats Adafactor (nanoT5, arXiv:2309.02373: 1.953 against 1.993 on C4).
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import optax

from flanjax.train import adafactor

NAMES = ("adafactor", "adamw_rms", "adamw")
SCHEDULES = ("constant", "cosine", "linear", "rsqrt")
DECAYING = ("cosine", "linear")  # towards a last step, on whose number every rate before it depends
_MIN_SCALE = 1e-3  # of a weight's RMS: zero-initialised weights must be able to leave zero


@dataclass(frozen=True, kw_only=True)
class OptimizerConfig:
    """An optimizer, its learning rate over time, decay and clipping.

    The learning rates of adafactor and adamw_rms are relative to each weight's RMS: 1e-3 to 2e-2 is usual, where adamw
    needs 1e-5 to 1e-3.
    """

    name: str = "adafactor"
    learning_rate: float = 1e-3  # the peak
    schedule: str = "constant"
    warmup_steps: int = 0  # linear from 0 at step 0
    schedule_steps: int | None = None  # cosine, linear: steps until the last learning rate; None is train.steps
    end_factor: float = 0.0  # cosine, linear: last learning rate as a fraction of the peak
    beta1: float | None = None  # None: no momentum for adafactor, 0.9 for AdamW
    beta2: float | None = None  # AdamW only; None is 0.999
    epsilon: float | None = None  # AdamW only; None is 1e-8
    weight_decay: float = 0.0  # times the learning rate, of matrices only, whatever the optimizer
    clip_norm: float = 0.0  # of the global gradient; 0 is off
    momentum_dtype: str = "float32"  # of the first moment: "bfloat16" halves it

    def __post_init__(self) -> None:
        _one_of("name", self.name, NAMES)
        _one_of("schedule", self.schedule, SCHEDULES)
        _one_of("momentum_dtype", self.momentum_dtype, ("float32", "bfloat16"))
        if not self.learning_rate > 0:
            raise ValueError(f"learning_rate must be positive, got {self.learning_rate}.")
        for field in ("warmup_steps", "end_factor", "weight_decay", "clip_norm"):
            if getattr(self, field) < 0:
                raise ValueError(f"{field} must be at least 0, got {getattr(self, field)}; 0 turns it off.")
        if self.schedule_steps is not None and (self.schedule not in DECAYING or self.schedule_steps < 1):
            raise ValueError(
                f"schedule_steps is {self.schedule_steps} with schedule={self.schedule!r}, expected at least 1 step of one of "
                f"{list(DECAYING)}; None takes train.steps."
            )
        for field in ("beta1", "beta2"):
            beta = getattr(self, field)
            if beta is not None and not 0 <= beta < 1:
                raise ValueError(f"{field} must be in [0, 1), got {beta}; None takes the optimizer's default.")
        if self.epsilon is not None and not self.epsilon > 0:
            raise ValueError(f"epsilon must be positive, got {self.epsilon}; None takes the optimizer's default.")
        if self.name == "adafactor" and (self.beta2 is not None or self.epsilon is not None):
            raise ValueError(
                f"beta2 and epsilon belong to AdamW, got {self.beta2} and {self.epsilon} with name='adafactor', whose "
                "decay and floors are fixed as in T5X. Leave them None, or choose 'adamw_rms'."
            )


def schedule(config: OptimizerConfig, total_steps: int) -> optax.Schedule:
    """Returns step -> learning rate: linear from 0 over the warm-up, then by `config.schedule`.

    cosine and linear reach end_factor * peak at schedule_steps (total_steps where it is None) and stay; rsqrt is
    peak * sqrt(warmup / step).

    >>> rate = schedule(OptimizerConfig(learning_rate=1.0, schedule="rsqrt", warmup_steps=100), 1000)
    >>> [round(float(rate(step)), 3) for step in (0, 50, 100, 400)]
    [0.0, 0.5, 1.0, 0.5]
    """
    peak, warmup = config.learning_rate, config.warmup_steps
    total_steps = config.schedule_steps or total_steps
    if config.schedule in DECAYING and total_steps <= warmup:
        raise ValueError(
            f"The {config.schedule} schedule decays from warmup_steps to total_steps and needs warmup_steps < "
            f"total_steps, got {warmup} and {total_steps}. Train longer or warm up less."
        )
    decay_steps = total_steps - warmup
    if config.schedule == "constant":
        after = optax.schedules.constant_schedule(peak)
    elif config.schedule == "cosine":
        after = optax.schedules.cosine_decay_schedule(peak, decay_steps, alpha=config.end_factor)
    elif config.schedule == "linear":
        after = optax.schedules.linear_schedule(peak, peak * config.end_factor, decay_steps)
    else:
        after = _rsqrt(peak, warmup)
    if not warmup:
        return after
    return optax.schedules.join_schedules([optax.schedules.linear_schedule(0.0, peak, warmup), after], [warmup])


def bent_schedule(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """What is wrong where a run goes on with another length of a decaying schedule; "" where all rates stay as they were.

    Args:
      old, new: `train` of the two configs, as a checkpoint has it.
    """
    optimizer = new["optimizer"]
    if optimizer["schedule"] not in DECAYING:
        return ""
    was, now = (train["optimizer"].get("schedule_steps") or train["steps"] for train in (old, new))
    if was == now:
        return ""
    return (
        f"the {optimizer['schedule']} schedule is {was} steps long and would be {now} (train.steps: {old['steps']} -> "
        f"{new['steps']}), which changes the learning rate of every step. Set train.optimizer.schedule_steps={was} to keep it: "
        "the rate stays at its end after that step"
    )


def make_optimizer(config: OptimizerConfig, axes: Any, total_steps: int) -> optax.GradientTransformation:
    """Returns the optimizer for weights whose logical axes are `axes`, a tree of tuples of names.

    Its update needs the weights: update(grads, state, params). Weight decay is learning_rate * weight_decay of each
    matrix for every name; norms, biases and T5's relative bias are never decayed.
    """
    rate = schedule(config, total_steps)
    mask = decay_mask(axes)
    if config.name == "adafactor":
        core = adafactor.adafactor(
            rate,
            axes,
            beta1=config.beta1 or None,
            momentum_dtype=config.momentum_dtype,
            weight_decay=config.weight_decay,
            weight_decay_lr_exponent=1.0,
            decay_mask=mask,
        )
    else:
        b1, b2, eps = _or(config.beta1, 0.9), _or(config.beta2, 0.999), _or(config.epsilon, 1e-8)
        core = optax.chain(
            optax.scale_by_adam(b1=b1, b2=b2, eps=eps, mu_dtype=config.momentum_dtype),
            scale_by_layer_rms(axes) if config.name == "adamw_rms" else optax.identity(),
            optax.add_decayed_weights(config.weight_decay, mask=mask),
            optax.scale_by_learning_rate(rate),
        )
    return optax.chain(optax.clip_by_global_norm(config.clip_norm), core) if config.clip_norm else core


def scale_by_layer_rms(axes: Any) -> optax.GradientTransformation:
    """Returns a transformation that multiplies each update by max(RMS of its weight, 1e-3), layer by layer."""

    def scale(updates: Any, params: Any) -> Any:
        if params is None:
            raise ValueError("RMS scaling needs the weights: call update(grads, state, params), got no params.")
        return jax.tree.map(one, updates, params, axes)

    def one(update: jax.Array, param: jax.Array, names: adafactor.Axes) -> jax.Array:
        size = adafactor.rms(param.astype(jnp.float32), adafactor.within_layer(names))
        return update * jnp.maximum(size, _MIN_SCALE)

    return optax.stateless(scale)


def decay_mask(axes: Any) -> Any:
    """Returns the tree of bools that says which weights decay: matrices, by their axes within a layer.

    Out are norms (rank 1), the relative bias (its axes are never factored) and biases of projections (columns alone).

    >>> decay_mask({"wi": ("layers", "embed", "mlp"), "norm": ("layers", "embed"), "bias": ("buckets", "relpos_heads")})
    {'bias': False, 'norm': False, 'wi': True}
    """

    def is_matrix(names: adafactor.Axes) -> bool:
        kinds = [adafactor.FACTOR_RULES.get(names[i] or "") for i in adafactor.within_layer(names)]
        unfactored = adafactor.Factor.NONE in kinds
        return len(kinds) >= 2 and not unfactored and any(kind is not adafactor.Factor.COLUMN for kind in kinds)

    return jax.tree.map(is_matrix, axes, is_leaf=lambda x: isinstance(x, tuple))


def state_axes(optimizer: optax.GradientTransformation, params_abstract: Any, axes: Any) -> Any:
    """Returns the optimizer state's tree with a tuple of logical axes for each array.

    An array that lies under a weight's path and has its shape (AdamW's moments) takes the weight's axes, Adafactor's
    rows and columns take what is left of them, the rest (), which is replicated. Since the state's containers are
    tuples too, read it together with the state: `jax.tree.map(lambda array, names: ..., state, state_axes(...))`.
    """
    state = jax.eval_shape(optimizer.init, params_abstract)
    leaves = jax.tree_util.tree_leaves_with_path(params_abstract)
    treedef: Any = jax.tree.structure(params_abstract)
    names = treedef.flatten_up_to(axes)
    weights = {path: (param.shape, tuple(leaf)) for (path, param), leaf in zip(leaves, names, strict=True)}

    def one(path: tuple[Any, ...], leaf: Any) -> Any:
        if isinstance(leaf, adafactor.AdafactorState):
            return adafactor.state_axes(leaf, params_abstract, axes)
        for start in range(len(path) + 1):
            shape, found = weights.get(path[start:], (None, ()))
            if shape == leaf.shape:
                return found
        return ()

    return jax.tree_util.tree_map_with_path(one, state, is_leaf=lambda x: isinstance(x, adafactor.AdafactorState))


def _rsqrt(peak: float, warmup: int) -> optax.Schedule:
    """Returns, of the steps since the end of the warm-up, peak * sqrt(warmup / step), flat before step 1."""
    start = max(warmup, 1)
    return lambda steps_after: peak * jnp.sqrt(start / jnp.maximum(steps_after + warmup, start))


def _or(value: float | None, default: float) -> float:
    return default if value is None else value


def _one_of(field: str, value: str, names: Sequence[str]) -> None:
    if value in names:
        return
    near = difflib.get_close_matches(str(value), names, n=1, cutoff=0.0)
    raise ValueError(f"{field} must be one of {list(names)}, got {value!r}; the nearest is {near[0]!r}.")
