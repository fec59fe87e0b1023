"""Models that are loaded by name."""

import json
import types

import jax
import numpy as np
import pyarrow as pa
import pytest

from flanjax import huggingface as hf
from flanjax import parts, storage
from flanjax.config import ConfigError
from flanjax.data.tokenizer import ByteTokenizer, TokenizerConfig, train_tokenizer
from flanjax.models import functional
from flanjax.models.params import Params
from flanjax.models.t5 import T5Config
from flanjax.parts.tokenizer import saved_tokenizer
from flanjax.run import loaded, references

TINY = T5Config(vocab_size=384, d_model=16, d_ff=32, num_layers=1, num_decoder_layers=1, num_heads=2, head_dim=8)


def test_the_tokenizer_of_an_id_is_asked_for_by_the_id_since_only_weights_are_downloaded(tmp_path, monkeypatch):
    hf.save(tmp_path, TINY, functional.init(TINY, jax.random.key(0)))
    asked = []
    monkeypatch.setattr(loaded.hf, "find", lambda name: tmp_path)
    monkeypatch.setattr(loaded, "load_tokenizer", lambda path: asked.append(path) or ByteTokenizer())
    assert loaded.load_model("org/tiny@main").config.d_model == 16
    assert asked == ["org/tiny@main"]


def test_a_run_reads_its_own_copy_of_the_tokenizer_and_else_the_one_at_its_configs_path(tmp_path):
    config = types.SimpleNamespace(tokenizer=types.SimpleNamespace(path=str(tmp_path / "gone")))
    ByteTokenizer().save(tmp_path / "run" / "tokenizer")
    assert saved_tokenizer(tmp_path / "run", config, {"tokenizer": "bytes"}).fingerprint == "bytes"
    made = train_tokenizer(["a b c"], TokenizerConfig(kind="words", vocab_size=8))
    made.save(tmp_path / "gone")
    assert saved_tokenizer(tmp_path / "run", config, {"tokenizer": made.fingerprint}).fingerprint == made.fingerprint
    with pytest.raises(ValueError, match=rf"the tokenizer other, .*run/tokenizer \(bytes\) and .*gone \({made.fingerprint}"):
        saved_tokenizer(tmp_path / "run", config, {"tokenizer": "other"})


@pytest.mark.parametrize(
    ("base", "step"),
    [
        (None, None),
        ({"init": "scratch", "step": None}, None),
        ({"init": "run", "step": 20}, 20),
        ({"init": "run", "step": 10}, None),
        ({"init": "run", "step": 10, "fingerprint": "few weights are trained over these"}, 10),
        ({"init": "another", "step": 20}, None),
    ],
)
def test_a_run_goes_on_from_the_step_that_it_began_with_as_long_as_it_is_there(monkeypatch, base, step):
    monkeypatch.setattr("flanjax.parts.base.checkpoint.steps_of", lambda workdir: {"run": [20, 30]}[workdir])
    assert parts.base_step(base, "run") == step


def test_references_of_a_run_that_goes_on_are_its_own_and_its_first_weights_are_not_read(tmp_path, monkeypatch):
    config = types.SimpleNamespace(
        train=types.SimpleNamespace(seed=0, validate_every=0),
        data=types.SimpleNamespace(features=types.SimpleNamespace(length=8), seed=1),
    )
    record = {"weights": "gone", "tokenizer": "bytes", "features": {"length": 8}, "seed": 1, "validation_examples": 0}
    columns = {name: pa.array([0], kind) for name, kind in (("key", pa.uint64()), ("chosen", pa.float32()))}
    table = pa.table({**columns, "rejected": columns["chosen"]})
    storage.replace_table(tmp_path / "reference.parquet", table.replace_schema_metadata({b"flanjax": json.dumps(record)}))
    corpus = types.SimpleNamespace(tokenizer=ByteTokenizer(), _replace=lambda **made: made)
    weights = types.SimpleNamespace(make=lambda mesh: pytest.fail("the weights that it began with may be gone"))
    folder = types.SimpleNamespace(path=tmp_path)
    found = references.with_references(config, folder, corpus, None, weights, None, print, resumed=True)
    assert set(found) == {"make_features"}
    config.data.seed = 2
    with pytest.raises(ConfigError, match="another reference: seed"):
        references.with_references(config, folder, corpus, None, weights, None, print, resumed=True)


def test_references_are_of_the_weights_that_training_begins_with(tmp_path, monkeypatch):
    """Those of `adapt.init` among them."""

    class Told(Exception):
        pass

    def fingerprint(params):
        raise Told(params)

    monkeypatch.setattr(parts, "beginning", lambda config, model, trainable: {**trainable, "begun": True})
    monkeypatch.setattr(parts, "fingerprint", fingerprint)
    program = types.SimpleNamespace(split=lambda params, key: Params({"few": np.zeros(2)}, params))
    weights = types.SimpleNamespace(make=lambda mesh: {"base": np.ones(2)}, model=TINY)
    config = types.SimpleNamespace(train=types.SimpleNamespace(seed=0))
    with pytest.raises(Told) as told:
        references.with_references(config, types.SimpleNamespace(path=tmp_path), None, program, weights, None, print)
    assert set(told.value.args[0].trainable) == {"few", "begun"}
