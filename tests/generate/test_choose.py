"""Draws follow the distribution that the settings define, and limits are those of Hugging Face's logits processors."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
import transformers
from scipy import stats

from flanjax.fields import FieldError
from flanjax.generate.choose import NOTHING, choose, looking_back, row_key
from flanjax.generate.sampler import Beam, Sampler
from flanjax.generate.slots import settings_of

ROWS, SIZE = 40, 300
LOGITS = (3 * np.random.default_rng(0).normal(size=(ROWS, SIZE))).astype(np.float32)


def settings(sampler, rows, items=None):
    keys = [np.asarray(row_key(sampler.seed, item, 0)) for item in (items or range(rows))]
    return jax.tree.map(jnp.asarray, settings_of([sampler] * rows, keys, rows))


@pytest.mark.parametrize(
    ("sampler", "probabilities"),
    [
        (Sampler(temperature=1.0), [0.4, 0.3, 0.15, 0.1, 0.05]),
        (Sampler(temperature=1.0, top_k=3), np.array([0.4, 0.3, 0.15, 0, 0]) / 0.85),
        (Sampler(temperature=1.0, top_p=0.6), np.array([0.4, 0.3, 0, 0, 0]) / 0.7),
        (Sampler(temperature=1.0, min_p=0.3), np.array([0.4, 0.3, 0.15, 0, 0]) / 0.85),
        (Sampler(temperature=0.5), np.array([0.4, 0.3, 0.15, 0.1, 0.05]) ** 2 / 0.285),
        (Sampler(temperature=1.0, top_k=4, top_p=0.75), np.array([0.4, 0.3, 0.15, 0, 0]) / 0.85),
    ],
    ids=lambda value: str(value) if isinstance(value, Sampler) else "",
)
def test_tokens_are_drawn_as_often_as_the_settings_say(sampler, probabilities):
    """A chi-squared test of 4,000 draws; and tokens of no probability are never drawn."""
    count = 4000
    logits = jnp.log(jnp.tile(jnp.array([[0.4, 0.3, 0.15, 0.1, 0.05]]), (count, 1)))
    keys = jax.vmap(lambda n: row_key(3, n, 0))(jnp.arange(count))
    given = settings(sampler, 1)
    given = jax.tree.map(lambda x: jnp.repeat(x, count, axis=0), given)._replace(key=keys)
    drawn = np.asarray(choose(logits, given, jnp.zeros(count, jnp.int32), draws=True, limits=sampler.limits))
    seen, expected = np.bincount(drawn, minlength=5), count * np.asarray(probabilities)
    assert (seen[expected == 0] == 0).all()
    assert stats.chisquare(seen[expected > 0], expected[expected > 0]).pvalue > 1e-3


def test_noise_follows_seed_item_sample_and_position():
    def draws(seed=0, item=0, sample=0, positions=range(64)):
        key = jnp.tile(row_key(seed, item, sample)[None], (len(positions), 1))
        given = settings(Sampler(temperature=1.0), len(positions))._replace(key=key)
        logits = jnp.zeros((len(positions), 1000))
        return choose(logits, given, jnp.asarray(positions), draws=True, limits=False).tolist()

    first = draws()
    assert draws() == first
    assert draws(positions=range(10, 20)) == first[10:20]
    others = [draws(seed=1), draws(item=1), draws(sample=1), draws(positions=range(1, 65))]
    for other in others:
        assert sum(a == b for a, b in zip(first, other, strict=True)) < 5


@pytest.mark.parametrize(
    ("sampler", "processors"),
    [
        (Sampler(temperature=0.7, top_k=9), [transformers.TopKLogitsWarper(9)]),
        (Sampler(temperature=0.7, top_p=0.8), [transformers.TopPLogitsWarper(0.8)]),
        (Sampler(temperature=0.7, min_p=0.05), [transformers.MinPLogitsWarper(0.05)]),
        (
            Sampler(temperature=1.3, top_k=30, top_p=0.7, min_p=0.1),
            [transformers.TopKLogitsWarper(30), transformers.TopPLogitsWarper(0.7), transformers.MinPLogitsWarper(0.1)],
        ),
    ],
    ids=lambda value: str(value) if isinstance(value, Sampler) else "",
)
def test_the_same_tokens_are_left_as_in_transformers(sampler, processors):
    scores = torch.from_numpy(LOGITS) / sampler.temperature
    for processor in processors:
        scores = processor(None, scores)
    allowed = {(row, token) for row, token in torch.argwhere(scores > -torch.inf).tolist()}
    found, given = set(), settings(sampler, ROWS)
    draw = jax.jit(lambda at: choose(jnp.asarray(LOGITS), given, at, draws=True, limits=True))
    for position in range(400):
        found |= set(enumerate(draw(jnp.full(ROWS, position)).tolist()))
    assert found <= allowed
    likely = {(row, token) for row, token in torch.argwhere(scores.softmax(-1) > 0.03).tolist()}
    assert likely <= found


@pytest.mark.parametrize(
    ("sampler", "processor"),
    [
        (Sampler(repetition_penalty=1.8), transformers.RepetitionPenaltyLogitsProcessor(1.8)),
        *((Sampler(no_repeat_ngram=n), transformers.NoRepeatNGramLogitsProcessor(n)) for n in (1, 2, 3, 8)),
    ],
    ids=lambda value: str(value) if isinstance(value, Sampler) else "",
)
def test_looking_back_changes_logits_as_in_transformers(sampler, processor):
    history = np.random.default_rng(1).integers(0, 3, (ROWS, 24))  # of three tokens, so that much comes again
    history[:, -9:] = history[:, :9]
    expected = processor(torch.from_numpy(history), torch.from_numpy(LOGITS.copy())).numpy()
    padded = np.concatenate([np.full((ROWS, 5), NOTHING), history], axis=1)
    found = looking_back(jnp.asarray(LOGITS), jnp.asarray(padded, jnp.int32), settings(sampler, ROWS))
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert (expected != LOGITS).any(axis=1).mean() > 0.5


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Sampler(temperature=-1), "Sampler.temperature is -1"),
        (lambda: Sampler(top_p=0.0), "Sampler.top_p is 0.0, expected a share over 0"),
        (lambda: Sampler(top_k="5"), "Sampler.top_k is '5'"),
        (lambda: Sampler(no_repeat_ngram=9), "Sampler.no_repeat_ngram is 9, expected"),
        (lambda: Beam(beams=1), r"Beam.beams is 1, expected at least 2; one beam is Sampler\(\)"),
        (lambda: Beam(penalty="gnmt"), "Beam.penalty is 'gnmt'"),
    ],
)
def test_settings_that_make_no_sense_are_refused(make, message):
    with pytest.raises(FieldError, match=message):
        make()
