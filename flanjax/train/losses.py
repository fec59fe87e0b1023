"""Token losses as sums: the step adds them up over microbatches and hosts, and divides once.

A mean inside each microbatch would give the tokens of a sparse microbatch more weight than those of a full one. So nothing
here divides by a token count: `cross_entropy` returns sums, and the step divides the grand total by `denominator`.

Letters: B batch, T target length, D model, V vocabulary.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp

from flanjax import fields
from flanjax.fields import Fraction, NonNegative, Positive, Whole
from flanjax.models.layers import is_token, likeliest
from flanjax.parallel.sharding import whole_batch

_CHUNK_BYTES = 64 * 2**20


@dataclass(frozen=True, kw_only=True)
class LossConfig:
    """The training objective: cross entropy, its two regularisers, and the number that the loss is divided by.

    Args:
      z_loss: coefficient of log(Z)^2, which is added to each token's loss; 0 is off.
      label_smoothing: the probability that is taken from the label and spread over the other tokens.
      normalizer: what the loss is divided by: "weights" is the sum of the loss weights; a number is used as it is (T5: 2048 *
        114).
      chunk: target positions of each row whose logits exist at a time; 0 takes as many as fit 64 MiB a row.
    """

    z_loss: NonNegative = 1e-4
    label_smoothing: Fraction = 0.0
    normalizer: Literal["weights"] | Positive = "weights"
    chunk: Whole = 0

    def __post_init__(self) -> None:
        fields.check(self)


class TokenLosses(NamedTuple):
    """The losses of one microbatch. The sums of two microbatches add up to those of the joint batch."""

    sum: jax.Array  # float32 [], weighted objective: cross entropy with smoothing, plus z-loss
    weight: jax.Array  # float32 [], sum of the loss weights
    nll: jax.Array  # float32 [B, T], -log p(target): no weights, no smoothing, no z-loss
    correct: jax.Array  # float32 [B, T], 1 where the most likely token is the target


def cross_entropy(
    logits: jax.Array,  # [B, T, V]
    targets: jax.Array,  # int32 [B, T]
    weights: jax.Array,  # float32 [B, T]
    config: LossConfig,
) -> TokenLosses:
    """Returns the sums of the objective and of the weights, and the unweighted loss of every token.

    Label smoothing is T5X's: the label keeps 1 - s, each other token gets s / (V - 1), and the entropy of that target is
    subtracted, so that a perfect prediction has loss 0 (losses.py of google-research/t5x).

    >>> logits, targets = jnp.zeros((1, 2, 4)), jnp.array([[3, 1]])
    >>> losses = cross_entropy(logits, targets, jnp.array([[1.0, 0.0]]), LossConfig(z_loss=0.0))
    >>> [round(float(x), 4) for x in (losses.sum, losses.weight, losses.nll[0, 1])]
    [1.3863, 1.0, 1.3863]
    """
    if logits.shape[:-1] != targets.shape or targets.shape != weights.shape:
        raise ValueError(
            f"cross_entropy expects logits [B, T, V], targets [B, T] and weights [B, T], got {logits.shape}, "
            f"{targets.shape} and {weights.shape}."
        )
    logits = logits.astype(jnp.float32)  # float32 from here: bfloat16 keeps 8 bits of a log-probability
    weights = weights.astype(jnp.float32)
    objective, nll = _token_losses(logits, targets, config.z_loss, config.label_smoothing)
    correct = (likeliest(logits) == targets).astype(jnp.float32)
    return TokenLosses(jnp.sum(objective * weights), jnp.sum(weights), nll, correct)


class Head(NamedTuple):
    """How a model computes logits from its hidden states, and on which devices.

    Attributes:
      logits: (hidden [B, t, D], kernel [D, V]) -> float32 [B, t, V].
      kernel_axes: the logical axes of the kernel.
      by_rows: sharding.by_rows of the mesh.
    """

    logits: Callable[[jax.Array, jax.Array], jax.Array]
    kernel_axes: tuple[str, str] = ("embed", "vocab")
    by_rows: Callable[..., Any] = whole_batch


@functools.partial(jax.custom_vjp, nondiff_argnums=(4, 5, 6))
def chunked_cross_entropy(
    hidden: jax.Array,  # [B, T, D]
    kernel: jax.Array,  # float32 [D, V]
    targets: jax.Array,  # int32 [B, T]
    weights: jax.Array,  # float32 [B, T]
    head: Head,
    config: LossConfig,
    chunk: int,
) -> TokenLosses:
    """Returns `cross_entropy` of the head's logits, computed for `chunk` positions of each row at a time.

    The float32 [B, T, V] logits never exist as a whole. Where a gradient is needed it is computed in the same pass, chunk by
    chunk, so that no logits are computed twice. Each device sums its own part of the kernel's gradient in float32, and the
    devices exchange that sum once. Only `sum` has a gradient.
    """
    return _chunked(hidden, kernel, targets, weights, head, config, chunk, with_gradient=False)[0]


def _chunked(
    hidden: jax.Array,
    kernel: jax.Array,
    targets: jax.Array,
    weights: jax.Array,
    head: Head,
    config: LossConfig,
    chunk: int,
    *,
    with_gradient: bool,
) -> tuple[TokenLosses, tuple[Any, Any]]:
    """Returns the losses, and the gradients of their sum with respect to the hidden states and the kernel."""

    def on_rows(kernel: jax.Array, rows: tuple[jax.Array, ...]) -> tuple[Any, Any, Any]:
        def split(x: jax.Array) -> jax.Array:  # [B, T, ...] -> [T / t, B, t, ...]
            return x.reshape(x.shape[0], -1, chunk, *x.shape[2:]).swapaxes(0, 1)

        def join(x: jax.Array) -> jax.Array:
            return x.swapaxes(0, 1).reshape(x.shape[1], -1, *x.shape[3:])

        def body(carry: Any, part: tuple[jax.Array, ...]) -> tuple[Any, Any]:
            (total, weight), gradient = carry
            some, some_targets, some_weights = part

            def of(some: jax.Array, kernel: jax.Array) -> tuple[jax.Array, TokenLosses]:
                losses = cross_entropy(head.logits(some, kernel), some_targets, some_weights, config)
                return losses.sum, losses

            back = None
            if with_gradient:
                (_, losses), (back, by_kernel) = jax.value_and_grad(of, (0, 1), has_aux=True)(some, kernel)
                gradient = gradient + by_kernel
            else:
                _, losses = of(some, kernel)
            return ((total + losses.sum, weight + losses.weight), gradient), (losses.nll, losses.correct, back)

        zero = jnp.zeros((), jnp.float32)
        start = ((zero, zero), jnp.zeros(kernel.shape, jnp.float32) if with_gradient else None)
        (sums, gradient), tokens = jax.lax.scan(body, start, jax.tree.map(split, rows))
        return sums, gradient, jax.tree.map(join, tokens)

    run = head.by_rows(on_rows, kernel, head.kernel_axes, hidden.dtype)
    (total, weight), by_kernel, (nll, correct, back) = run((hidden, targets, weights))
    return TokenLosses(total, weight, nll, correct), (back, by_kernel)


def _chunked_forward(hidden, kernel, targets, weights, head, config, chunk):
    return _chunked(hidden, kernel, targets, weights, head, config, chunk, with_gradient=True)


def _chunked_backward(head, config, chunk, gradients, cotangents):
    by_hidden, by_kernel = gradients
    scale = cotangents.sum
    return (scale * by_hidden).astype(by_hidden.dtype), scale * by_kernel, None, None


chunked_cross_entropy.defvjp(_chunked_forward, _chunked_backward)


def chunk_length(length: int, vocab_size: int, asked: int = 0) -> int:
    """Returns the largest divisor of `length` that is at most `asked`, or if that is 0, that keeps a row's logits in 64 MiB.

    >>> chunk_length(256, 32128), chunk_length(512, 128256), chunk_length(512, 128256, asked=100)
    (256, 128, 64)
    """
    most = asked or max(_CHUNK_BYTES // (4 * vocab_size), 1)
    return next(length // parts for parts in range(1, length + 1) if length % parts == 0 and length // parts <= most)


def denominator(config: LossConfig, weight: jax.Array) -> jax.Array:
    """Returns the number, float32 [], that the loss and its gradient are divided by, given the weight of the whole step.

    A step without any weighted token has loss 0 and is divided by 1.
    """
    if config.normalizer == "weights":
        return jnp.where(weight > 0, weight, 1.0)
    return jnp.asarray(config.normalizer, jnp.float32)


def per_task(
    values: jax.Array,  # [B, T]
    weights: jax.Array,  # [B, T]
    task_ids: jax.Array,  # int32 [B, T]
    num_tasks: int,
) -> tuple[jax.Array, jax.Array]:
    """Returns, for every task, the weighted sum of `values` and the sum of `weights`, both float32 [num_tasks].

    Tokens with an id outside [0, num_tasks) are left out.

    >>> sums, counts = per_task(jnp.array([[2.0, 4.0, 9.0]]), jnp.array([[1.0, 0.5, 0.0]]), jnp.array([[1, 1, 0]]), 2)
    >>> sums.tolist(), counts.tolist()
    ([0.0, 4.0], [0.0, 1.5])
    """
    weights = weights.astype(jnp.float32)
    is_task = jnp.arange(num_tasks) == task_ids[..., None]  # [B, T, tasks], which XLA does not write out

    def by_task(x: jax.Array) -> jax.Array:
        return jnp.sum(jnp.where(is_task, x[..., None], 0), axis=(0, 1))

    return by_task(values.astype(jnp.float32) * weights), by_task(weights)


# The derivative is written by hand: autodiff would keep several float32 [B, T, V] arrays (softmax, shifted logits, the
# scatter of the label), while this one keeps the logits and one number a token.
@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def _token_losses(logits: jax.Array, targets: jax.Array, z_loss: float, smoothing: float) -> tuple[jax.Array, jax.Array]:
    """Returns (objective, nll), both [B, T], without weights."""
    return _forward(logits, targets, z_loss, smoothing)[0]


def _forward(
    logits: jax.Array, targets: jax.Array, z_loss: float, smoothing: float
) -> tuple[tuple[jax.Array, jax.Array], tuple[jax.Array, jax.Array, jax.Array]]:
    label, other, minimum = _smoothed(smoothing, logits.shape[-1])
    log_z = jax.nn.logsumexp(logits, axis=-1)  # [B, T]
    nll = log_z - jnp.sum(jnp.where(is_token(logits, targets), logits, 0), axis=-1)
    objective = (label - other) * nll - minimum + z_loss * jnp.square(log_z)
    if smoothing:
        objective += other * logits.shape[-1] * (log_z - jnp.mean(logits, axis=-1))
    return (objective, nll), (logits, targets, log_z)


def _backward(
    z_loss: float,
    smoothing: float,
    residuals: tuple[jax.Array, jax.Array, jax.Array],
    cotangents: tuple[jax.Array, jax.Array],
) -> tuple[jax.Array, None]:
    logits, targets, log_z = residuals
    of_objective, of_nll = (g[..., None] for g in cotangents)  # [B, T, 1]
    label, other, _ = _smoothed(smoothing, logits.shape[-1])
    softmax = jnp.exp(logits - log_z[..., None])
    is_label = is_token(logits, targets)
    grad = of_objective * ((1 + 2 * z_loss * log_z[..., None]) * softmax - jnp.where(is_label, label, other))
    return grad + of_nll * (softmax - is_label), None


_token_losses.defvjp(_forward, _backward)


def _smoothed(smoothing: float, vocab_size: int) -> tuple[float, float, float]:
    """Returns the target probabilities of the label and of each other token, and the entropy of that target."""
    if not smoothing:
        return 1.0, 0.0, 0.0
    label, other = 1.0 - smoothing, smoothing / (vocab_size - 1)
    return label, other, -(label * math.log(label) + smoothing * math.log(other))
