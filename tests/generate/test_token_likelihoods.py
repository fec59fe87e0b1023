"""Log-probabilities of single tokens (flanjax/ask/likelihoods.py), beside a plain pass over each row alone."""

import dataclasses

import jax
import numpy as np
import pytest
from tiny_models import MODELS, layout, weights

from flanjax.ask.likelihoods import TokenScorer
from flanjax.data.layout import make_layout
from flanjax.data.packing import Encoded
from flanjax.models import functional
from flanjax.parallel.sharding import MeshConfig, make_mesh

ROWS = [([5, 9, 2], [7, 1]), (list(range(3, 20)), [4, 4, 8]), ([6], [3])]
MESH = make_mesh(MeshConfig(), jax.devices()[:1])


def alone(name, arranged, row):
    """The log-probabilities of a row's second ids, from the logits of a row made for it."""
    model = functional.bind(MODELS[name], weights(name))
    read, written = (np.array(ids, np.int32) for ids in row)
    lengths = arranged.lengths[0]
    batch = {k: v[None] for k, v in arranged.row([Encoded(read, written, 1.0, 0, 0, 0)], lengths).items()}
    logits = np.asarray(jax.nn.log_softmax(model.logits(model.hidden(batch)[0])))[0]
    return logits[np.arange(len(written)), written], logits[: len(written)].argmax(-1)


@pytest.mark.parametrize("reserved", [0, 40])
@pytest.mark.parametrize("name", ["t5 v1.1", "llama"])
def test_each_token_has_the_log_probability_of_its_row_alone(name, reserved):
    arranged = layout(name)
    arranged = make_layout(dataclasses.replace(arranged.config, reserved=reserved, inputs_length=128), arranged.tokenizer)
    found = TokenScorer(MODELS[name], weights(name), MESH, arranged)(ROWS, top=2)
    for row, likelihoods in zip(ROWS, found, strict=True):
        values, best = alone(name, arranged, row)
        np.testing.assert_allclose(likelihoods.values, values, rtol=1e-4, atol=1e-5)
        assert [place[0][0] for place in likelihoods.alternatives] == best.tolist()
