"""The optimizer of a config: T5X's Adafactor, AdamW with RMS-scaled updates, or plain AdamW; schedule, decay and clipping.

Plain AdamW diverges when it starts from T5's initialisation, whose weights differ in scale by orders of magnitude. With
updates scaled by each weight's RMS it matches or beats Adafactor (nanoT5, arXiv:2309.02373: 1.953 against 1.993 on C4).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import jax
import jax.numpy as jnp
import optax

from flanjax import fields
from flanjax.fields import Count, Fraction, NonNegative, Positive, Whole
from flanjax.train import adafactor

DECAYING = ("cosine", "linear")  # schedules with a last step: its number changes every rate before it
Name = Literal["adafactor", "adamw_rms", "adamw"]
NAMES: tuple[str, ...] = get_args(Name)
_MIN_SCALE = 1e-3  # of a weight's RMS: zero-initialised weights must be able to leave zero


@dataclass(frozen=True, kw_only=True)
class OptimizerConfig:
    """An optimizer, its learning rate over time, decay and clipping.

    The learning rates of adafactor and adamw_rms are relative to each weight's RMS: 1e-3 to 2e-2 is usual. adamw needs
    1e-5 to 1e-3.

    Args:
      name: "adafactor" is T5X's, "adamw_rms" is AdamW with updates scaled by each weight's RMS, "adamw" is plain AdamW.
      learning_rate: the peak learning rate.
      schedule: the schedule of the learning rate after the warm-up.
      warmup_steps: steps in which the learning rate rises linearly from 0 to the peak.
      schedule_steps: the step, counted from the first, at which cosine and linear reach their last learning rate; none is
        train.steps.
      end_factor: the last learning rate of cosine and linear, as a fraction of the peak.
      beta1: decay of the first moment; none is no momentum for adafactor and 0.9 for AdamW.
      beta2: decay of AdamW's second moment; none is 0.999.
      epsilon: AdamW's epsilon; none is 1e-8.
      weight_decay: each step subtracts weight_decay * learning rate times the weight, from matrices only, with any optimizer.
      clip_norm: the largest norm of the global gradient; 0 is off.
      momentum_dtype: type of the first moment; "bfloat16" halves its memory.
    """

    name: Name = "adafactor"
    learning_rate: Positive = 1e-3
    schedule: Literal["constant", "cosine", "linear", "rsqrt"] = "constant"
    warmup_steps: Whole = 0
    schedule_steps: Count | None = None
    end_factor: NonNegative = 0.0
    beta1: Fraction | None = None
    beta2: Fraction | None = None
    epsilon: Positive | None = None
    weight_decay: NonNegative = 0.0
    clip_norm: NonNegative = 0.0
    momentum_dtype: Literal["float32", "bfloat16"] = "float32"

    def __post_init__(self) -> None:
        fields.check(self)
        decays = self.schedule_steps is None or self.schedule in DECAYING
        fields.require(decays, self, "schedule_steps", f"none: only a schedule of {' or '.join(DECAYING)} has a last step")
        for name in ("beta2", "epsilon"):
            unset = self.name != "adafactor" or getattr(self, name) is None
            fields.require(unset, self, name, "none: it belongs to AdamW, and adafactor's decay and floors are those of T5X")


def schedule(config: OptimizerConfig, total_steps: int) -> optax.Schedule:
    """Returns the function step -> learning rate: linear from 0 during the warm-up, then by `config.schedule`.

    cosine and linear reach end_factor * peak at schedule_steps (total_steps if that is None) and stay there. rsqrt is
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
    """Returns why a resumed run may not change the length of its decaying schedule; "" if every rate stays the same.

    Args:
      old, new: the section `train` of the two configs, as a checkpoint stores it.
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

    Its update needs the weights: update(grads, state, params). With every optimizer, weight decay subtracts learning_rate *
    weight_decay times each matrix; norms, biases and T5's relative bias are never decayed.
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
    """Returns a tree of bools: whether a weight decays. Matrices do, judged by their axes within a layer.

    Excluded are norms (rank 1), the relative bias (its axes are never factored) and biases of projections (columns only).

    >>> decay_mask({"wi": ("layers", "embed", "mlp"), "norm": ("layers", "embed"), "bias": ("buckets", "relpos_heads")})
    {'bias': False, 'norm': False, 'wi': True}
    """

    def is_matrix(names: adafactor.Axes) -> bool:
        kinds = [adafactor.FACTOR_RULES.get(names[i] or "") for i in adafactor.within_layer(names)]
        unfactored = adafactor.Factor.NONE in kinds
        return len(kinds) >= 2 and not unfactored and any(kind is not adafactor.Factor.COLUMN for kind in kinds)

    return jax.tree.map(is_matrix, axes, is_leaf=lambda x: isinstance(x, tuple))


def state_axes(optimizer: optax.GradientTransformation, params_abstract: Any, axes: Any) -> Any:
    """Returns the optimizer state's tree with a tuple of logical axes in place of each array.

    An array under a weight's path with the weight's shape (AdamW's moments) has the weight's axes. Adafactor's rows and
    columns have those of the weight's axes that they keep. Everything else has (), which is replicated. The state's
    containers are tuples too, so map over both trees: `jax.tree.map(lambda array, names: ..., state, state_axes(...))`.
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
    """Returns the function steps since the end of the warm-up -> peak * sqrt(warmup / step), constant before step 1."""
    start = max(warmup, 1)
    return lambda steps_after: peak * jnp.sqrt(start / jnp.maximum(steps_after + warmup, start))


def _or(value: float | None, default: float) -> float:
    return default if value is None else value
