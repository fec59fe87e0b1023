"""What prompts begin with is read once, and their texts and scores are those of prompts that are read whole."""

import dataclasses

import jax
import numpy as np
import pytest
from tiny_models import MODELS, VOCABULARY, engine, layout, torch_text, weights

from flanjax.generate.reading import Reader
from flanjax.generate.request import Request
from flanjax.generate.scorer import Scorer
from flanjax.parallel.sharding import MeshConfig, make_mesh


def alike(count, shared, seed=0):
    """Prompts that begin with the same tokens and go on for 1 to 20 others."""
    rng = np.random.default_rng(seed)
    beginning = rng.integers(2, VOCABULARY, shared).tolist()
    return [[*beginning, *rng.integers(2, VOCABULARY, rng.integers(1, 21)).tolist()] for _ in range(count)]


@pytest.mark.parametrize(("name", "devices"), [("llama", 1), ("mistral", 1), ("gemma2", 1), ("llama", 8)])
def test_texts_after_a_shared_beginning_are_those_of_torch(name, devices):
    prompts, writer = alike(10, 100), engine(name, slots=8, devices=devices)
    texts = {text.item: text.ids for text in writer.generate(Request(i, prompt, 12) for i, prompt in enumerate(prompts))}
    for item, prompt in enumerate(prompts):
        assert texts[item] == torch_text(name, prompt, 12), item
    shards = 4 if devices == 8 else 1
    assert writer._reader.tokens == 96 * shards + sum(len(prompt) - 96 for prompt in prompts)


@pytest.mark.parametrize("name", ["llama", "gemma2", "t5 v1.1"])
def test_scores_after_a_shared_beginning_are_those_of_each_prompt_alone(name):
    mesh = make_mesh(MeshConfig(), jax.devices()[:1])
    scorer = Scorer(MODELS[name], weights(name), mesh, layout(name), batch_size=8)
    prompts = alike(8, 70) + alike(3, 5, seed=1)
    options = [[[3, 4, 5], [9]], [[7]]] * 5 + [[[8, 8]]]
    together = scorer.log_likelihoods(prompts, options)
    read = scorer._reader.tokens
    assert read == sum(map(len, prompts)) - (7 * 64 if name != "t5 v1.1" else 0)
    for prompt, those, found in zip(prompts, options, together, strict=True):
        np.testing.assert_allclose(found, scorer.log_likelihoods([prompt], [those])[0], rtol=1e-5)


@pytest.mark.parametrize(
    ("prompts", "shared"),
    [
        (alike(3, 63), 0),
        (alike(3, 64), 64),
        (alike(3, 95), 64),
        (alike(3, 130), 128),
        (alike(1, 130), 0),
        ([[2] * 64, [2] * 80], 0),  # something is left to read
        ([[2] * 65, [2] * 80], 64),
    ],
)
def test_the_beginning_that_is_shared_is_as_long_as_a_bucket_and_leaves_a_token(prompts, shared):
    mesh = make_mesh(MeshConfig(), jax.devices()[:1])
    reader = Reader(MODELS["llama"], weights("llama"), mesh, layout("llama"))
    assert reader._shared(prompts) == shared


@pytest.mark.parametrize("changes", [{"layout": "prefix"}, {"reserved": 2}])
def test_nothing_is_shared_where_a_beginning_depends_on_what_follows_or_holds_soft_tokens(changes):
    plain = layout("llama")
    other = type(plain)(dataclasses.replace(plain.config, **changes), plain.tokenizer)
    mesh = make_mesh(MeshConfig(), jax.devices()[:1])
    assert Reader(MODELS["llama"], weights("llama"), mesh, plain)._shared(alike(3, 70)) == 64
    assert Reader(MODELS["llama"], weights("llama"), mesh, other)._shared(alike(3, 70)) == 0


def test_other_parameters_read_the_beginning_anew():
    mesh = make_mesh(MeshConfig(), jax.devices()[:1])
    other = jax.tree.map(lambda x: x * 1.1, weights("llama"))
    scorer = Scorer(MODELS["llama"], weights("llama"), mesh, layout("llama"), batch_size=4)
    fresh = Scorer(MODELS["llama"], other, mesh, layout("llama"), batch_size=4)
    prompts, options = alike(4, 70), [[[3, 4]]] * 4
    before = scorer.log_likelihoods(prompts, options)
    scorer.use(other)
    assert scorer.log_likelihoods(prompts, options) == fresh.log_likelihoods(prompts, options) != before
