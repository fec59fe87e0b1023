"""The logistic loss of pairs: of two answers to a prompt, the better one is to gain more on a frozen reference than the other.

It is the loss of DPO (Rafailov et al. 2023, https://arxiv.org/abs/2305.18290, equation 7) and of self-play fine-tuning (SPIN,
Chen et al. 2024, https://arxiv.org/abs/2401.01335, equation 4.7), which calls beta lambda and whose worse answers are the
reference model's own texts:

    -log sigmoid(beta * ((log p(y) - log p_ref(y)) - (log p(y') - log p_ref(y'))))

The two answers of a pair are consecutive segments of a packed row, 2k + 1 and 2k + 2, each with its log-likelihood under the
reference as a number of the batch.

Letters: B batch, T target length, P pairs that a row can have.
"""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp

from flanjax.data.preferences import REFERENCE
from flanjax.models import functional
from flanjax.train.losses import Head, LossConfig, chunk_length, chunked_cross_entropy, cross_entropy
from flanjax.train.objective import Batch, Hooks, Mean, Sums

_PLAIN = LossConfig(z_loss=0.0)


@dataclasses.dataclass(frozen=True)
class Pairwise:
    """The logistic loss of pairs, a mean over pairs. Large logits are computed for some positions at a time.

    Attributes:
      beta: how much a gain counts; a larger one holds the model closer to the reference.
      num_tasks: that loss and win rate are told of.
      chunk: as `LossConfig.chunk`.
    """

    beta: float
    num_tasks: int
    chunk: int = 0

    def __call__(self, model: functional.Model, batch: Batch, hooks: Hooks) -> Sums:
        hidden, auxiliary = model.hidden(batch, hooks.context)
        nll = jax.lax.stop_gradient(_nll(model, batch, hidden, _written(batch), hooks, self.chunk)[1])
        # A token's log-probability is all of the model that the loss depends on. So the loss's derivative by it is the weight
        # with which cross entropy has the loss's gradient, and the chunks of large logits serve here too.
        (loss, pairs), slope = jax.value_and_grad(lambda nll: self.of_log_probs(batch, -nll), has_aux=True)(nll)
        surrogate, _ = _nll(model, batch, hidden, slope, hooks, self.chunk)
        loss = surrogate + jax.lax.stop_gradient(loss - surrogate)
        count = jnp.sum(pairs.real)
        told = {"win_rate": pairs.wins, "margin": pairs.margins, "gain_chosen": pairs.gains[..., 0]}
        told |= {"gain_rejected": pairs.gains[..., 1]}
        metrics = {name: Mean(jnp.sum(values * pairs.real), count) for name, values in told.items()}
        metrics |= {name: Mean(total, count) for name, total in auxiliary.items()}
        by_task = {
            "loss": self._by_task(batch, pairs.losses, pairs.real),
            "win_rate": self._by_task(batch, pairs.wins, pairs.real),
        }
        return Sums(loss + sum(auxiliary.values()), count, metrics, by_task)

    def of_log_probs(self, batch: Batch, log_probs: jax.Array) -> tuple[jax.Array, "Pairs"]:
        """Returns the summed loss of a batch's pairs, given the log-probabilities of its targets, float32 [B, T]."""
        at = _of_segment(batch)
        before = jnp.pad(at, ((0, 0), (1, 0), (0, 0), (0, 0)))[:, :-1]
        reference = _summed(batch[REFERENCE], at & ~before)  # once a segment, though it stands at each of its tokens
        gains = _summed(log_probs, at) - reference
        real = at.any(axis=1)[..., 0].astype(jnp.float32)
        margins = self.beta * (gains[..., 0] - gains[..., 1])
        losses = -jax.nn.log_sigmoid(margins)
        wins = 0.5 * (1 + jnp.sign(margins))
        return jnp.sum(losses * real), Pairs(losses, margins, wins, gains, real)

    def divisor(self, weight: jax.Array) -> jax.Array:
        return jnp.where(weight > 0, weight, 1.0)

    def log_likelihoods(self, model: functional.Model, batch: Batch, hooks: Hooks) -> jax.Array:
        """Returns the log-likelihood of each answer after its prompt, float32 [B, P, 2], in nats; 0 where a row has no pair."""
        hidden, _ = model.hidden(batch, hooks.context)
        nll = _nll(model, batch, hidden, _written(batch), hooks, self.chunk)[1]
        return _summed(-nll, _of_segment(batch))

    def _by_task(self, batch: Batch, values: jax.Array, real: jax.Array) -> Mean:
        """Returns values [B, P] summed over the pairs of each task."""
        at = _of_segment(batch)[..., 0]  # [B, T, P], of each pair's first answer
        tasks = jnp.max(jnp.where(at, batch["task_ids"][..., None], -1), axis=1)
        is_task = (tasks[..., None] == jnp.arange(self.num_tasks)) & (real[..., None] > 0)  # [B, P, tasks]
        total, weight = (jnp.sum(jnp.where(is_task, x[..., None], 0), axis=(0, 1)) for x in (values, real))
        return Mean(total, weight)


class Pairs(NamedTuple):
    """What is known of each pair of a batch, float32 [B, P] unless said.

    Attributes:
      margins: beta times how much more the better answer gained.
      wins: 1 where the better answer gained more, 1/2 where both gained the same.
      gains: [B, P, 2], of both answers on their reference, in nats.
      real: 1, or 0 where a row has no pair.
    """

    losses: jax.Array
    margins: jax.Array
    wins: jax.Array
    gains: jax.Array
    real: jax.Array


def _summed(values: jax.Array, at: jax.Array) -> jax.Array:
    return jnp.sum(jnp.where(at, values[..., None, None], 0), axis=1)


def _of_segment(batch: Batch) -> jax.Array:
    """Returns which target is of which answer, bool [B, T, P, 2]; XLA does not write it out."""
    segments = batch["segment_ids"]
    if "target_positions" in batch:
        segments = jnp.take_along_axis(segments, batch["target_positions"], axis=1)
    segments = jnp.where(batch["loss_weights"] > 0, segments, 0)
    numbers = 1 + jnp.arange(2 * (segments.shape[1] // 2)).reshape(-1, 2)
    return segments[..., None, None] == numbers


def _written(batch: Batch) -> jax.Array:
    return (batch["loss_weights"] > 0).astype(jnp.float32)


def _nll(
    model: functional.Model, batch: Batch, hidden: jax.Array, weights: jax.Array, hooks: Hooks, chunk: int
) -> tuple[jax.Array, jax.Array]:
    """Returns the weighted sum of -log p(target), which has a gradient, and each -log p(target), float32 [B, T]."""
    targets = batch["targets"]
    length = chunk_length(targets.shape[1], model.config.vocab_size, chunk)
    if length == targets.shape[1]:
        losses = cross_entropy(model.logits(hidden, hooks.context), targets, weights, _PLAIN)
    else:
        head = Head(functional.head_logits(model.config), by_rows=hooks.by_rows)
        losses = chunked_cross_entropy(hidden, model.head_kernel(), targets, weights, head, _PLAIN, length)
    return losses.sum, losses.nll
