"""200 prompts a family, of mixed lengths and limits: texts are those of Hugging Face's models; how many change in bfloat16.
20 of them by beam search too, with every setting.

pytest -s tests/study/study_texts_of_torch.py
"""

import dataclasses
import sys
from pathlib import Path

import jax
import pytest

from flanjax.generate.engine import Engine
from flanjax.generate.request import Request
from flanjax.parallel.sharding import MeshConfig, make_mesh

sys.path.insert(0, str(Path(__file__).parents[1] / "generate"))

from test_beam import SETTINGS, assert_those_of_torch
from tiny_models import MODELS, engine, layout, prompts, torch_text, weights


@pytest.mark.parametrize("name", MODELS)
def test_200_texts_equal_those_of_torch(name):
    asked = prompts(200, longest=120, seed=5)
    requests = [Request(item, prompt, limit) for item, (prompt, limit) in enumerate(asked)]
    writer = engine(name, slots=16)
    texts = {text.item: text.ids for text in writer.generate(requests)}
    for item, (prompt, limit) in enumerate(asked):
        assert texts[item] == torch_text(name, prompt, limit), item
    half = dataclasses.replace(MODELS[name], dtype="bfloat16")
    mesh = make_mesh(MeshConfig(), jax.devices()[:1])
    low = Engine(half, weights(name), mesh, layout(name), slots=16, end_repetition=False)
    flips = sum(text.ids != texts[text.item] for text in low.generate(requests))
    share = writer.useful_steps / writer.slot_steps
    print(f"\n{name}: 200 of 200 as in torch, slots used {share:.0%}; in bfloat16 {flips} of 200 texts differ from float32's")
    assert flips < 200


@pytest.mark.parametrize("beam", SETTINGS, ids=str)
@pytest.mark.parametrize("name", ["t5 v1.1", "gemma2"])
def test_searches_equal_those_of_torch(name, beam):
    assert_those_of_torch(name, beam, prompts(20, longest=60, seed=5))
