"""Beam search finds what Hugging Face's finds, and with beams enough the best text that there is."""

import itertools

import jax
import numpy as np
import pytest
from tiny_models import EOS, MODELS, VOCABULARY, engine, layout, prompts, torch_text, weights

from flanjax.generate.request import Request
from flanjax.generate.sampler import HF_BEAM, T5X_BEAM, Beam
from flanjax.models.functional import bind

SETTINGS = [
    Beam(beams=2),
    Beam(beams=3, length_penalty=0.0),
    Beam(beams=4, length_penalty=1.6),
    Beam(beams=5, length_penalty=-0.5),
    Beam(beams=4, early_stopping=True),
]


@pytest.mark.parametrize(
    ("name", "beam"),
    [*(("t5 v1.1", beam) for beam in SETTINGS), *(("gemma2", beam) for beam in SETTINGS[1:3])],
    ids=lambda x: x if isinstance(x, str) else f"{x.beams} beams, {x.length_penalty}, {x.early_stopping}",
)
def test_texts_are_those_of_torch(name, beam):
    assert_those_of_torch(name, beam, prompts(8))


def assert_those_of_torch(name, beam, asked):
    found = engine(name, slots=8 * beam.beams).generate(Request(i, p, limit, beam) for i, (p, limit) in enumerate(asked))
    texts = {text.item: text.ids for text in found}
    how = {"num_beams": beam.beams, "length_penalty": beam.length_penalty, "early_stopping": beam.early_stopping}
    for item, (prompt, limit) in enumerate(asked):
        assert texts[item] == torch_text(name, prompt, limit, **how), item


@pytest.mark.parametrize("beam", [Beam(beams=700, penalty="t5x", length_penalty=0.6), Beam(beams=700, length_penalty=0.8)])
def test_with_beams_enough_the_best_of_all_texts_is_found(beam):
    """Of all texts of one and of two tokens, scored by the definition."""
    name, limit = "t5 v1.1", 2
    prompt = prompts(1)[0][0]
    config, params = MODELS[name], weights(name)
    arrays = {k: np.asarray(v) for k, v in layout(name).prompts([prompt] * VOCABULARY, VOCABULARY, 64).items()}

    @jax.jit
    def after_one(params):
        model = bind(config, params)
        starts, cache = model.begin(model.read(arrays), 2)
        first, cache = model.stepper()(starts, cache)
        second, _ = model.stepper()(jax.numpy.arange(VOCABULARY), cache)
        return jax.nn.log_softmax(first[0]), jax.nn.log_softmax(second)

    first, second = map(np.asarray, after_one(params))
    scores = {(EOS,): beam.score(first[EOS], 1)}
    for a, b in itertools.product(range(VOCABULARY), repeat=2):
        if a != EOS and (b == EOS or beam.penalty == "hf"):  # of T5X's only a text with its end is finished
            scores[a, b] = beam.score(first[a] + second[a, b], 2)
    best = max(scores, key=scores.get)
    (text,) = engine(name, slots=1).generate([Request(0, prompt, limit, beam)])
    assert tuple(text.ids) == tuple(token for token in best if token != EOS)


def test_searches_and_samplers_share_an_engine_and_presets_differ():
    asked = prompts(6)
    kinds = [HF_BEAM, T5X_BEAM]
    writer = engine("t5 v1.1", slots=3)  # one search at a time
    mixed = [Request(2 * i + k, p, limit, kinds[k]) for i, (p, limit) in enumerate(asked) for k in (0, 1)]
    plain = [Request(100 + i, p, limit) for i, (p, limit) in enumerate(asked)]
    found = {text.item: text.ids for text in writer.generate(mixed + plain)}
    assert len(found) == 18
    assert any(found[2 * i] != found[2 * i + 1] for i in range(6))
    assert any(found[2 * i] != found[100 + i] for i in range(6))
    with pytest.raises(ValueError, match="request 5: beam search gives one text, not 2"):
        writer.add(Request(5, [4], 3, HF_BEAM, samples=2))
