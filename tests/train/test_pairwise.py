"""The loss of pairs: in value and gradient by SPIN's formula in numpy, and by TRL's DPO on the same log-probabilities."""

import functools
import types
from collections import defaultdict

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
import trl

from flanjax.data.feature_config import FeatureConfig
from flanjax.data.layout import make_layout
from flanjax.data.packing import Encoded
from flanjax.data.preferences import REFERENCE
from flanjax.data.tokenizer import ByteTokenizer
from flanjax.models import functional
from flanjax.models.decoder import DecoderConfig
from flanjax.models.t5 import T5Config
from flanjax.train.objective import Hooks
from flanjax.train.pairwise import Pairwise

V, BETA = 40, 0.3
SHAPE = {"vocab_size": V, "d_model": 16, "d_ff": 32, "num_heads": 2, "head_dim": 8, "scan": False}
MODELS = {
    "encoder_decoder": T5Config(num_layers=1, num_decoder_layers=1, **SHAPE),
    "causal": DecoderConfig(family="llama", num_layers=1, num_kv_heads=1, **SHAPE),
}


class Fixed:
    """A model whose logits are given."""

    def __init__(self, logits):
        self.config, self._logits = types.SimpleNamespace(vocab_size=V), logits

    def hidden(self, batch, context):
        return self._logits, {}

    def logits(self, hidden, context):
        return hidden


def pair(rng, task=0, sizes=None):
    chosen, rejected = sizes or rng.integers(1, 6, 2)
    inputs = rng.integers(2, V, 4).astype(np.int32)
    return tuple(
        Encoded(
            inputs, rng.integers(2, V, size).astype(np.int32), 1.0, task, 0, 0, numbers={REFERENCE: -3.0 * rng.random() * size}
        )
        for size in (chosen, rejected)
    )


def batch_of(kind="encoder_decoder", seed=0):
    """Rows with two, no, one and three pairs."""
    rng = np.random.default_rng(seed)
    layout = make_layout(
        FeatureConfig(layout=kind, inputs_length=32, targets_length=32, separator=""), ByteTokenizer(), [REFERENCE]
    )
    groups = [[pair(rng, task) for task in tasks] for tasks in ((0, 2), (), (2,), (1, 0, 2))]
    rows = [layout.row([example for both in row for example in both], layout.lengths[0]) for row in groups]
    return groups, {name: np.stack([row[name] for row in rows]) for name in rows[0]}


def by_the_formula(batch, logits, beta):
    """SPIN's equation 4.7 and its gradient by the logits, answer by answer in float64; the loss of every pair."""
    logits = np.asarray(logits, np.float64)
    log_probs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    losses, gradient = [], np.zeros_like(logits)
    for row in range(len(logits)):
        segments = batch["segment_ids"][row]
        for first in range(1, segments.max() + 1, 2):
            t, places, gained = {}, {}, {}
            for answer in (first, first + 1):
                places[answer] = np.flatnonzero(segments == answer)
                t[answer] = batch["targets"][row, places[answer]]
                reference = float(batch[REFERENCE][row, places[answer][0]])
                gained[answer] = log_probs[row, places[answer], t[answer]].sum() - reference
            margin = beta * (gained[first] - gained[first + 1])
            losses.append(np.log1p(np.exp(-margin)))
            weight = -beta / (1 + np.exp(margin))  # of the better answer's log-probabilities
            for answer, sign in ((first, 1), (first + 1, -1)):
                at = places[answer]
                gradient[row, at] += sign * weight * (np.eye(V)[t[answer]] - np.exp(log_probs[row, at]))
    return losses, gradient


def objective_of(logits, batch, beta=BETA):
    return Pairwise(beta, 3)(Fixed(logits), batch, Hooks())


def test_loss_and_gradient_are_those_of_spins_formula():
    _, batch = batch_of()
    logits = np.random.default_rng(1).normal(0, 2, (*batch["targets"].shape, V)).astype(np.float32)
    (loss, sums), gradient = jax.value_and_grad(lambda x: (lambda s: (s.loss, s))(objective_of(x, batch)), has_aux=True)(logits)
    losses, expected = by_the_formula(batch, logits, BETA)
    assert len(losses) == sums.weight == 6
    assert loss == pytest.approx(sum(losses), rel=1e-5)
    np.testing.assert_allclose(gradient, expected, rtol=0, atol=5e-6)
    assert np.abs(expected).max() > 0.1
    # Rows: tasks 0 and 2; none; 2; 1, 0 and 2.
    by_task = [losses[0] + losses[4], losses[3], losses[1] + losses[2] + losses[5]]
    np.testing.assert_allclose(sums.by_task["loss"].total, by_task, rtol=1e-5)
    assert sums.by_task["loss"].weight.tolist() == [2, 1, 3]
    assert sums.metrics["win_rate"].total == sum(loss < np.log(2) for loss in losses)


def test_with_beta_0_there_is_no_gradient_at_all():
    _, batch = batch_of()
    logits = np.random.default_rng(1).normal(0, 2, (*batch["targets"].shape, V)).astype(np.float32)
    assert not np.any(jax.grad(lambda x: objective_of(x, batch, beta=0.0).loss)(logits))


def test_loss_and_rewards_are_those_of_trls_dpo_on_the_same_log_probabilities():
    _, batch = batch_of()
    logits = np.random.default_rng(1).normal(0, 2, (*batch["targets"].shape, V)).astype(np.float32)
    log_probs = np.take_along_axis(np.asarray(jax.nn.log_softmax(logits)), batch["targets"][..., None], axis=-1)[..., 0]
    answers = [(row, n) for row, segments in enumerate(batch["segment_ids"]) for n in range(1, segments.max() + 1)]
    answers.sort(key=lambda answer: answer[1] % 2 == 0)  # TRL takes the chosen ones, then the rejected ones
    at = [batch["segment_ids"][row] == n for row, n in answers]
    found = [log_probs[row, where] for (row, _), where in zip(answers, at, strict=True)]
    references = [float(batch[REFERENCE][row, where][0]) for (row, _), where in zip(answers, at, strict=True)]
    width = max(map(len, found))
    given = torch.tensor(np.stack([np.pad(each, (0, width - len(each))) for each in found]), requires_grad=True)
    mask = torch.tensor([[0] + [1] * len(each) + [0] * (width - len(each)) for each in found])
    trainer = trl_trainer()
    zeros = torch.zeros(given.shape)
    outputs = types.SimpleNamespace(log_probs=given * mask[:, 1:], entropy=zeros, mean_logits=zeros, is_top1=zeros > 0)
    halves = torch.tensor(references).chunk(2)
    inputs = {"completion_mask": mask, "input_ids": mask, "attention_mask": mask}
    inputs |= {"ref_chosen_logps": halves[0], "ref_rejected_logps": halves[1]}
    loss = trl.DPOTrainer._compute_loss(trainer, lambda **_: outputs, inputs, return_outputs=False)
    loss.backward()

    def mean_loss(log_probs):
        return Pairwise(BETA, 3).of_log_probs(batch, log_probs)[0] / (len(answers) // 2)

    value, slope = jax.value_and_grad(mean_loss)(log_probs)
    assert float(loss.detach()) == pytest.approx(float(value), rel=1e-5)
    for (row, _), where, theirs in zip(answers, at, given.grad.numpy(), strict=True):
        np.testing.assert_allclose(slope[row, where], theirs[: where.sum()], rtol=1e-4, atol=1e-7)
    sums, told = objective_of(logits, batch), {name: values[0] for name, values in trainer._metrics["train"].items()}
    ours = {name: float(mean.total / mean.weight) for name, mean in sums.metrics.items()}
    assert ours["win_rate"] == pytest.approx(told["rewards/accuracies"])
    assert ours["margin"] == pytest.approx(told["rewards/margins"], rel=1e-5)
    assert BETA * ours["gain_chosen"] == pytest.approx(told["rewards/chosen"], rel=1e-5)
    assert BETA * ours["gain_rejected"] == pytest.approx(told["rewards/rejected"], rel=1e-5)


def trl_trainer():
    """All of TRL's trainer that its loss reads; the loss itself is TRL's."""
    accelerator = types.SimpleNamespace(device="cpu", gather_for_metrics=lambda x: x, gather=lambda x: x)
    settings = {"beta": BETA, "loss_types": ["sigmoid"], "loss_weights": [1.0], "label_smoothing": 0.0, "ld_alpha": None}
    settings |= {"f_divergence_type": "reverse_kl", "precompute_ref_logps": True, "use_weighting": False}
    settings |= {"aux_loss_enabled": False, "_total_train_tokens": 0, "_tp_size": 1, "_metrics": {"train": defaultdict(list)}}
    return types.SimpleNamespace(accelerator=accelerator, model=types.SimpleNamespace(training=True), **settings)


@pytest.mark.parametrize("kind", MODELS)
def test_large_logits_in_chunks_and_the_log_likelihoods_of_answers_alone(kind):
    groups, batch = batch_of(kind)
    model = MODELS[kind]
    params = jax.jit(functional.init, static_argnums=0)(model, jax.random.key(0))

    @functools.partial(jax.jit, static_argnums=0)
    def of(chunk, params):
        objective = Pairwise(BETA, 3, chunk)
        bound = functional.bind(model, params)
        return objective(bound, batch, Hooks()).loss, objective.log_likelihoods(bound, batch, Hooks())

    (loss, each), gradient = jax.value_and_grad(lambda p: of(32, p), has_aux=True)(params)
    (chunked, of_chunks), by_chunks = jax.value_and_grad(lambda p: of(4, p), has_aux=True)(params)
    assert chunked == pytest.approx(float(loss), rel=1e-5)
    np.testing.assert_allclose(of_chunks, each, rtol=1e-5)
    jax.tree.map(functools.partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-6), by_chunks, gradient)
    assert max(float(jnp.abs(x).max()) for x in jax.tree.leaves(gradient)) > 1e-3

    (row, group) = next((row, group) for row, group in enumerate(groups) if len(group) == 3)
    layout = make_layout(
        FeatureConfig(layout=kind, inputs_length=32, targets_length=32, separator=""), ByteTokenizer(), [REFERENCE]
    )
    alone = [[layout.row([example], layout.lengths[0]) for example in pair] for pair in group]
    singles = {name: np.stack([single[name] for pair in alone for single in pair]) for name in batch}
    found = jax.jit(lambda p: Pairwise(BETA, 3).log_likelihoods(functional.bind(model, p), singles, Hooks()))(params)
    np.testing.assert_allclose(found[:, 0, 0].reshape(3, 2), each[row, :3], rtol=1e-5)
