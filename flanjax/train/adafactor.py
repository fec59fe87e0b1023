"""Adafactor as T5X defines it. On stacked weights it works on each layer separately.

The rule is arXiv:1804.04235 with T5X's constants (adafactor.py of google-research/t5x), for a gradient g, a weight p
and the step t = 0, 1, ...:

    decay = 1 - (t + 1 - offset)^-0.8
    v     = decay * v + (1 - decay) * (g^2 + 1e-30)         kept as its means over columns (v_row) and rows (v_col)
    u     = g / sqrt(v),  v ~ v_row * v_col / mean(v_row)
    u     = u / max(1, RMS(u) / 1.0)
    p     = p - learning_rate * max(RMS(p), 1e-3) * u

FACTOR_RULES decides from the weights' logical axis names which axes are rows and which are columns. RMS, clipping and
factors never cross a BATCH axis, so a stacked [layers, ...] weight is updated exactly as its layers would be one by one.
`optax.adafactor` takes one RMS over the stack, which is off by 51x for the smallest of four layers, and keeps the full
moment of a [768, 12, 64] kernel. Weights of rank 2 or less per layer follow the older heuristic, as in T5X: both
dimensions are at least 128, or the weight is not factored. T5X applies that heuristic only to weights without a BATCH
axis. Here the shape of one layer decides: otherwise a small weight would be factored when stacked, but not alone.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

Axes = tuple[str | None, ...]
LearningRate = float | Callable[[jax.Array], Any]


class Factor(enum.Enum):
    """The role of a logical axis in the factored second moment."""

    ROW = "row"
    COLUMN = "column"
    BATCH = "batch"  # one matrix each: nothing is averaged over it
    NONE = "none"  # never factored


FACTOR_RULES: dict[str, Factor] = {
    "embed": Factor.ROW,
    "vocab": Factor.COLUMN,
    "mlp": Factor.COLUMN,
    "heads": Factor.COLUMN,
    "kv_heads": Factor.COLUMN,
    "kv": Factor.COLUMN,
    "layers": Factor.BATCH,
    "buckets": Factor.NONE,
    "relpos_heads": Factor.NONE,
    "soft_tokens": Factor.NONE,
}

_HEURISTIC_RANK = 2
_MIN_FACTORED_SIZE = 128


class Factoring(NamedTuple):
    """The axes of one weight: those inside a layer, and those of the factored moment (both empty: not factored)."""

    within: tuple[int, ...]
    rows: tuple[int, ...]
    columns: tuple[int, ...]


class AdafactorState(NamedTuple):
    """Adafactor's state: float32 trees with the weights' structure. A weight has None in the trees that it does not use."""

    step: jax.Array  # int32 [], steps taken
    v_row: Any  # factored: mean of v over the columns
    v_col: Any  # factored: mean of v over the rows
    v: Any  # not factored: the weight's own shape
    m: Any  # momentum: the weight's own shape


def adafactor(
    learning_rate: LearningRate,
    axes: Any,
    *,
    beta1: float | None = None,
    momentum_dtype: Any = jnp.float32,
    weight_decay: float = 0.0,
    weight_decay_lr_exponent: float = 0.0,
    decay_mask: Any = None,
    decay_rate: float = 0.8,
    step_offset: int = 0,
    clipping_threshold: float = 1.0,
    epsilon1: float = 1e-30,
    epsilon2: float = 1e-3,
) -> optax.GradientTransformation:
    """Returns T5X's Adafactor for weights whose logical axes are `axes`.

    axes: the weights' tree with a tuple of names for each, e.g. ("layers", "embed", "mlp").
    beta1: decay of the average of scaled updates, which costs one more copy of the weights in momentum_dtype; None is off.
    weight_decay: each step subtracts weight_decay * learning_rate ** weight_decay_lr_exponent times the weight. The
        exponent 0 ignores the learning rate; 1 is AdamW's weight decay.
    decay_mask: tree of bools that selects the weights to decay; None selects all.
    step_offset: the step at which a fine-tuning starts with fresh moments, where the step count goes on from pretraining.
    """

    def init(params: Any) -> AdafactorState:
        leaves, treedef, layouts = _flatten(params, axes)
        momentum = None if beta1 is None else momentum_dtype
        slots = [_init_slots(p.shape, layout, momentum) for p, layout in zip(leaves, layouts, strict=True)]
        return AdafactorState(jnp.zeros([], jnp.int32), *_columns(treedef, slots))

    def update(grads: Any, state: AdafactorState, params: Any = None) -> tuple[Any, AdafactorState]:
        if params is None:
            raise ValueError("Adafactor scales by the weights' RMS: call update(grads, state, params), got no params.")
        leaves, treedef, layouts = _flatten(params, axes)
        mask = [True] * len(leaves) if decay_mask is None else treedef.flatten_up_to(decay_mask)
        step_size = jnp.asarray(learning_rate(state.step) if callable(learning_rate) else learning_rate, jnp.float32)
        shrink = weight_decay * step_size**weight_decay_lr_exponent
        t = state.step.astype(jnp.float32) + 1.0 - step_offset
        decay = 1.0 - t**-decay_rate

        def one(grad: jax.Array, param: jax.Array, slots: Slots, layout: Factoring, decayed: bool) -> tuple[Any, Slots]:
            grad, param = grad.astype(jnp.float32), param.astype(jnp.float32)
            u, slots = _precondition(grad, slots, layout, decay, epsilon1)
            u = u / jnp.maximum(1.0, rms(u, layout.within) / clipping_threshold)
            u = step_size * jnp.maximum(rms(param, layout.within), epsilon2) * u
            if beta1 is not None:
                u = beta1 * slots.m.astype(jnp.float32) + (1.0 - beta1) * u
                slots = slots._replace(m=u.astype(momentum_dtype))
            if weight_decay and decayed:
                u = u + shrink * param
            return -u, slots

        old = zip(*(treedef.flatten_up_to(tree) for tree in state[1:]), strict=True)
        flat_grads = treedef.flatten_up_to(grads)
        per_weight = zip(flat_grads, leaves, map(Slots._make, old), layouts, mask, strict=True)
        new = [one(*arguments) for arguments in per_weight]
        trees = _columns(treedef, [slots for _, slots in new])
        return treedef.unflatten([u for u, _ in new]), AdafactorState(state.step + 1, *trees)

    return optax.GradientTransformation(init, update)


def state_axes(state: AdafactorState, params: Any, axes: Any) -> AdafactorState:
    """Returns the state's tree with a tuple of logical axes in place of each array; the step has (), which is replicated.

    `state` and `params` may be abstract. Map over both trees, because only the state tells an axes tuple from a container:
    `jax.tree.map(lambda array, names: ..., state, state_axes(state, params, axes))`.
    """
    _, treedef, layouts = _flatten(params, axes)
    slots = []
    for names, layout, m in zip(treedef.flatten_up_to(axes), layouts, treedef.flatten_up_to(state.m), strict=True):
        full = tuple(names)
        momentum = None if m is None else full
        if layout.rows:
            slots.append(Slots(_without(full, layout.columns), _without(full, layout.rows), None, momentum))
        else:
            slots.append(Slots(None, None, full, momentum))
    return AdafactorState((), *_columns(treedef, slots))  # type: ignore[arg-type]


def factoring_of(shape: Sequence[int], names: Axes) -> Factoring:
    """Returns the positions of the axes inside one layer, and of the rows and columns of its second moment.

    >>> factoring_of((24, 768, 12, 64), ("layers", "embed", "heads", "kv"))
    Factoring(within=(1, 2, 3), rows=(1,), columns=(2, 3))
    >>> factoring_of((32, 12), ("buckets", "relpos_heads"))
    Factoring(within=(0, 1), rows=(), columns=())
    """
    if len(shape) != len(names):
        raise ValueError(f"A weight of shape {tuple(shape)} needs {len(shape)} logical axes, got {tuple(names)}.")
    within = within_layer(names)
    if len(within) <= _HEURISTIC_RANK:
        factored = len(within) == _HEURISTIC_RANK and min(shape[i] for i in within) >= _MIN_FACTORED_SIZE
        return Factoring(within, within[:1], within[1:]) if factored else Factoring(within, (), ())
    kinds = {i: _factor(names[i], names) for i in within}
    rows = tuple(i for i in within if kinds[i] is Factor.ROW)
    columns = tuple(i for i in within if kinds[i] is Factor.COLUMN)
    if rows and columns and len(rows) + len(columns) < len(within):
        unfactored = [names[i] for i in within if kinds[i] is Factor.NONE]
        raise ValueError(f"Axes {tuple(names)} have rows and columns, but also {unfactored}, which are neither.")
    return Factoring(within, rows, columns) if rows and columns else Factoring(within, (), ())


def within_layer(names: Axes) -> tuple[int, ...]:
    """Returns the positions of the axes that are not BATCH: the shape of one layer."""
    return tuple(i for i, name in enumerate(names) if FACTOR_RULES.get(name or "") is not Factor.BATCH)


def rms(x: jax.Array, axis: tuple[int, ...]) -> jax.Array:
    """Returns the root mean square over `axis`, whose dimensions are kept with size 1."""
    return jnp.sqrt(jnp.mean(jnp.square(x), axis=axis, keepdims=True))


class Slots(NamedTuple):
    """One weight's share of the state."""

    v_row: Any
    v_col: Any
    v: Any
    m: Any


def _precondition(
    grad: jax.Array, slots: Slots, layout: Factoring, decay: jax.Array, epsilon1: float
) -> tuple[jax.Array, Slots]:
    """Returns grad / sqrt(v) and the slots with the new moments."""
    square = jnp.square(grad) + epsilon1
    rows, columns = layout.rows, layout.columns
    if not rows:
        v = decay * slots.v + (1.0 - decay) * square
        return grad * jax.lax.rsqrt(v), slots._replace(v=v)
    v_row = decay * slots.v_row + (1.0 - decay) * jnp.mean(square, axis=columns)
    v_col = decay * slots.v_col + (1.0 - decay) * jnp.mean(square, axis=rows)
    wide_row = jnp.expand_dims(v_row, columns)
    # Normalise before the root: the product of the two moments underflows float32 at 1e-30 each.
    row_factor = jax.lax.rsqrt(wide_row / jnp.mean(wide_row, axis=rows, keepdims=True))
    col_factor = jax.lax.rsqrt(jnp.expand_dims(v_col, rows))
    return grad * row_factor * col_factor, slots._replace(v_row=v_row, v_col=v_col)


def _init_slots(shape: tuple[int, ...], layout: Factoring, momentum_dtype: Any) -> Slots:
    def zeros(without: tuple[int, ...]) -> jax.Array:
        return jnp.zeros(_without(shape, without), jnp.float32)  # float32 whatever the weights are

    m = None if momentum_dtype is None else jnp.zeros(shape, momentum_dtype)
    if layout.rows:
        return Slots(zeros(layout.columns), zeros(layout.rows), None, m)
    return Slots(None, None, zeros(()), m)


def _flatten(params: Any, axes: Any) -> tuple[list[Any], Any, list[Factoring]]:
    """Returns the weights' leaves, their tree and their layouts; an error names the weight."""
    paths = jax.tree_util.tree_leaves_with_path(params)
    treedef: Any = jax.tree.structure(params)
    layouts = []
    for (path, param), names in zip(paths, treedef.flatten_up_to(axes), strict=True):
        try:
            layouts.append(factoring_of(param.shape, names))
        except ValueError as error:
            error.add_note(f"In the weight {jax.tree_util.keystr(path)}.")
            raise
    return [param for _, param in paths], treedef, layouts


def _columns(treedef: Any, slots: Sequence[Sequence[Any]]) -> list[Any]:
    """Returns the four trees v_row, v_col, v, m of the list of slots."""
    return [treedef.unflatten([slot[i] for slot in slots]) for i in range(len(Slots._fields))]


def _without(items: Sequence[Any], positions: tuple[int, ...]) -> tuple[Any, ...]:
    return tuple(item for i, item in enumerate(items) if i not in positions)


def _factor(name: str | None, names: Axes) -> Factor:
    if name is None:
        return Factor.NONE
    if name not in FACTOR_RULES:
        raise ValueError(
            f"No Adafactor rule for the logical axis {name!r} of {tuple(names)}; known are {sorted(FACTOR_RULES)}. "
            "Use one of these or add the name to FACTOR_RULES."
        )
    return FACTOR_RULES[name]
