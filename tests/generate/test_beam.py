"""Beam search finds what Hugging Face's finds, and with beams enough the best text that there is."""

import functools
import itertools

import jax
import numpy as np
import pytest
from tiny_models import EOS, MODELS, VOCABULARY, engine, layout, prompts, torch_text, weights

from flanjax.generate.request import Request
from flanjax.generate.sampler import HF_BEAM, T5X_BEAM, Beam
from flanjax.models.functional import bind

LIMIT = 14  # tokens of a text whose search is written out
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


@pytest.mark.parametrize(
    ("beam", "stops"),
    [
        (Beam(beams=2, penalty="t5x", length_penalty=0.6), (EOS,)),
        (Beam(beams=3, penalty="t5x", length_penalty=2.0), (EOS,)),
        (Beam(beams=3, penalty="t5x", length_penalty=4.0), (EOS,)),  # a longer text may always become the best
        (Beam(beams=2, penalty="t5x", length_penalty=0.6), (EOS, 7, 9)),
    ],
    ids=["2 beams", "3 beams", "long texts", "three ends"],
)
def test_texts_are_those_of_t5xs_search_written_out(beam, stops):
    name, asked = "t5 v1.1", [prompt for prompt, _ in prompts(24)]
    limits = [LIMIT - 3 * (i % 4) for i in range(len(asked))]
    requests = [Request(i, prompt, limit, beam) for i, (prompt, limit) in enumerate(zip(asked, limits, strict=True))]
    found = engine(name, slots=8 * beam.beams, stop_ids=stops).generate(requests)
    texts = {text.item: tuple(text.ids) for text in found}
    expected = [written_out(name, prompt, limit, beam, stops) for prompt, limit in zip(asked, limits, strict=True)]
    assert [texts[i] for i in range(len(asked))] == [text for text, _ in expected]
    early = [steps < limit for (_, steps), limit in zip(expected, limits, strict=True)]
    assert any(early) is (beam.length_penalty < 4), "whether a search ends before its limit"


@functools.cache
def likelihoods(name):
    """The jitted function (params, prompts, tokens int32 [K, T]) -> log-likelihoods of the next token after each beginning,
    [T, K, V]."""

    @jax.jit
    def told(params, arrays, tokens):
        model = bind(MODELS[name], params)
        read, cache = model.begin(model.read(arrays), tokens.shape[1])
        after = []
        for step in range(tokens.shape[1]):
            logits, cache = model.stepper()(read, cache)
            after.append(jax.nn.log_softmax(logits))
            read = tokens[:, step]
        return jax.numpy.stack(after)

    return told


def written_out(name, prompt, limit, beam, stops):
    """The text that T5X's search finds (t5x/decoding.py, `beam_search`), and after how many steps it ends."""
    arrays = {k: np.asarray(v) for k, v in layout(name).prompts([prompt] * beam.beams, beam.beams, 64).items()}
    work, done = [((), 0.0)], []
    for step in range(limit):
        tokens = np.zeros((beam.beams, LIMIT), np.int32)
        for i, (text, _) in enumerate(work):
            tokens[i, :step] = text
        after = np.asarray(likelihoods(name)(weights(name), arrays, tokens))[step]
        grown = [((*text, t), score + after[i, t]) for i, (text, score) in enumerate(work) for t in range(VOCABULARY)]
        grown.sort(key=lambda one: -one[1])
        best = grown[: max(2, 1 + len(stops)) * beam.beams]
        done += [(text[:-1], beam.score(score, step + 1)) for text, score in best if text[-1] in stops]
        done = sorted(done, key=lambda one: -one[1])[: beam.beams]
        work = [one for one in best if one[0][-1] not in stops][: beam.beams]
        if len(done) == beam.beams and beam.score(work[0][1], limit) <= done[-1][1]:
            break
    return (done or work)[0][0], step + 1
