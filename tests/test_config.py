"""The door from nested dicts and config files to RunConfig: what comes through, and what is said of what does not."""

import dataclasses
import pathlib
from pathlib import Path

import ml_collections
import pytest

from flanjax.config import ConfigError, ModelConfig, RunConfig, differences, load_config
from flanjax.models.t5 import SIZES

SHAPE = {"d_model": 16, "d_ff": 32, "num_layers": 1, "num_decoder_layers": 1, "num_heads": 2, "head_dim": 8}


def config(**changes):
    return {"name": "toy", "mixture": "toy.py:toy", **changes}


def build(**changes):
    return RunConfig.from_config_dict(config(**changes))


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "toy.py"
    path.write_text(
        "from ml_collections import ConfigDict\n\n"
        "def get_config():\n"
        f"    return ConfigDict({config(model={'size': 't5_small', **SHAPE}, train={'steps': 7})!r})\n"
    )
    return path


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"mixtur": "x"}, "unknown config key mixtur; did you mean 'mixture'"),
        ({"train": {"stepz": 3}}, "unknown config key train.stepz; did you mean 'steps'"),
        ({"train": {"optimizer": {"learning_rat": 3}}}, "unknown config key train.optimizer.learning_rat; did you mean"),
        ({"data": {"features": {"input_length": 64}}}, "unknown config key data.features.input_length; did you mean"),
        ({"model": {"d_modle": 64}}, "unknown config key model.d_modle; did you mean 'd_model'"),
        ({"model": {"size": "flan_t5_bse"}}, "model.size is 'flan_t5_bse'; did you mean 'flan_t5_base'"),
        ({"evaluation": {"preset": "flann"}}, "evaluation.preset is 'flann'; did you mean 'flan'"),
    ],
)
def test_a_misspelt_name_is_answered_with_the_near_ones(changes, said):
    with pytest.raises(ConfigError) as raised:
        build(**changes)
    assert said in str(raised.value)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"train": {"steps": "many"}}, "config key train.steps is 'many' (str), expected int"),
        ({"train": {"steps": 1.5}}, "config key train.steps is 1.5 (float), expected int"),
        ({"train": {"steps": True}}, "config key train.steps is True (bool), expected int"),
        ({"train": {"tensorboard": 1}}, "config key train.tensorboard is 1 (int), expected bool"),
        ({"train": {"optimizer": {"learning_rate": "high"}}}, "config key train.optimizer.learning_rate is 'high'"),
        ({"heldout": (1, 2)}, "config key heldout is (1, 2) (tuple)"),
        ({"train": 3}, "config key train is 3, expected a group of keys"),
        ({"evaluation": {"shots": ("a",)}}, "config key evaluation.shots is ('a',)"),
    ],
)
def test_a_value_of_the_wrong_type_is_named_with_what_was_expected(changes, said):
    with pytest.raises(ConfigError) as raised:
        build(**changes)
    assert said in str(raised.value)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"train": {"steps": 0}}, "train.steps is 0, expected at least 1"),
        ({"data": {"batch_size": 10, "num_streams": 4}}, "data.num_streams is 4, expected a divisor of data.batch_size=10"),
        ({"data": {"features": {"weighting": "rows"}}}, "features.weighting is 'rows'"),
        ({"data": {"batch_size": 64}, "train": {"microbatches": 3}}, "does not divide into train.microbatches=3"),
        ({"mesh": {"data": -1, "fsdp": -1}}, "at most one of them -1"),
        ({"checkpoint": {"keep": 0}}, "expected every_steps and keep of at least 1"),
        ({"train": {"optimizer": {"name": "adam"}}}, "got 'adam'"),
        ({"train": {"loss": {"normalizer": "tokens"}}}, "normalizer must be 'weights' or a positive number"),
    ],
)
def test_a_value_that_means_nothing_is_named(changes, said):
    with pytest.raises(ConfigError) as raised:
        build(**changes)
    assert said in str(raised.value)


def test_what_must_be_given_is_asked_for():
    with pytest.raises(ConfigError, match="the config lacks name, mixture"):
        RunConfig.from_config_dict({})


def test_a_config_comes_back_from_its_dict():
    for changes in (
        {},
        {"model": {**SHAPE, "dropout": 0.1}, "heldout": ("nli", "qa"), "train": {"loss": {"normalizer": 100.0}}},
        {"model": {"size": "flan_t5_base", "remat": "full"}, "evaluation": {"shots": [0, 2]}, "mesh": {"tensor": 2}},
    ):
        built = build(**changes)
        assert RunConfig.from_config_dict(built.to_dict()) == built


def test_whole_numbers_stand_for_floats_and_one_name_for_several():
    built = build(heldout="nli", train={"optimizer": {"learning_rate": 1}, "loss": {"normalizer": 5}})
    assert built.heldout == ("nli",)
    assert isinstance(built.train.optimizer.learning_rate, float)
    assert built.train.loss.normalizer == 5.0


def test_a_config_dict_of_ml_collections_is_taken_as_a_dict():
    assert RunConfig.from_config_dict(ml_collections.ConfigDict(config(model=SHAPE))) == build(model=SHAPE)


def test_a_size_gives_the_shape_and_fields_change_it():
    model = ModelConfig(size="flan_t5_base", fields={"dropout": 0.1})
    assert model.build(32100) == dataclasses.replace(SIZES["flan_t5_base"], vocab_size=32128, dropout=0.1)


def test_a_vocabulary_is_the_tokenizers_rounded_up_and_never_smaller():
    assert ModelConfig(fields=SHAPE).build(129).vocab_size == 256
    assert ModelConfig(fields={**SHAPE, "vocab_size": 130}).build(129).vocab_size == 130
    with pytest.raises(ConfigError, match="vocab_size is 128, but the tokenizer has 129 ids"):
        ModelConfig(fields={**SHAPE, "vocab_size": 128}).build(129)


def test_a_model_without_size_and_shape_says_what_is_missing():
    with pytest.raises(ConfigError, match=r"must give the whole shape: .*'d_ff'"):
        ModelConfig(fields={"d_model": 8}).build(100)


@pytest.mark.parametrize(
    ("override", "read", "value"),
    [
        ("train.steps=100", lambda c: c.train.steps, 100),
        ("train.optimizer.learning_rate=2e-3", lambda c: c.train.optimizer.learning_rate, 2e-3),
        ("train.tensorboard=false", lambda c: c.train.tensorboard, False),
        ("train.optimizer.clip_norm=1", lambda c: c.train.optimizer.clip_norm, 1.0),
        ("model.size=none", lambda c: c.model.size, None),
        ("heldout=('nli','qa')", lambda c: c.heldout, ("nli", "qa")),
        ("heldout=nli", lambda c: c.heldout, ("nli",)),
        ("name=a=b", lambda c: c.name, "a=b"),
        ("model.dropout=0.5", lambda c: c.model.fields.get("dropout"), 0.5),
        ("mesh.tensor=2", lambda c: c.mesh.tensor, 2),
    ],
)
def test_an_override_sets_its_key_and_no_other(file, override, read, value):
    plain, changed = load_config(str(file)), load_config(str(file), [override])
    assert read(plain) != value
    assert read(changed) == value
    assert len(differences(plain.to_dict(), changed.to_dict())) == 1


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("train.stepz=1", "did you mean 'steps'"),
        ("train.steps", "train.steps"),
        ("name.steps=1", "name is a value, not a group of keys"),
        ("train.steps=1.5", "expected int"),
    ],
)
def test_an_override_that_fits_nothing_is_named(file, override, said):
    with pytest.raises(ConfigError) as raised:
        load_config(str(file), [override])
    assert said in str(raised.value)


def test_a_missing_file_is_answered_with_its_neighbours(file):
    with pytest.raises(ConfigError, match=r"no config file .*tpy\.py; did you mean 'toy\.py'"):
        load_config(str(file.parent / "tpy.py"))
    with pytest.raises(ConfigError, match="no folder"):
        load_config(str(file.parent / "nowhere" / "toy.py"))


def test_a_file_without_get_config_says_what_it_must_define(tmp_path):
    (tmp_path / "bare.py").write_text("config = {}\n")
    with pytest.raises(ConfigError, match=r"has no get_config\(\)"):
        load_config(str(tmp_path / "bare.py"))


def test_differences_name_the_keys_with_both_values():
    old, new = {"a": {"b": 1, "c": 2}, "d": [1, 2]}, {"a": {"b": 1, "c": 3}, "d": [1, 2], "e": 5}
    found = differences(old, new)
    assert len(found) == 2
    assert any(line.startswith("a.c") and "2" in line and "3" in line for line in found)
    assert any(line.startswith("e") and "5" in line for line in found)
    assert differences(new, new) == []


@pytest.mark.parametrize("path", sorted(pathlib.Path(__file__).parents[1].glob("configs/*.py")), ids=lambda p: p.stem)
def test_every_shipped_config_is_one(path):
    assert load_config(str(path)).mixture


def test_remat_can_be_turned_off_on_the_command_line():
    path = str(Path(__file__).resolve().parents[1] / "configs/flan_t5.py") + ":base"
    assert load_config(path, ["model.remat=none"]).model.build(100).remat == "none"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("def get_config(:\n", r"bad\.py:1: SyntaxError: invalid syntax: def get_config\(:"),
        ("import sys\nsys.exit(2)\n", r"bad\.py:2: the file calls sys\.exit\(2\)"),
        ("def get_config():\n    return nosuchname\n", r"bad\.py:2: NameError: name 'nosuchname' is not defined"),
        ("def get_config():\n    pass\n", r"bad\.py:1: get_config\(\) returned None, expected an ml_collections.ConfigDict"),
        ("def get_config():\n    return [1]\n", r"bad\.py:1: get_config\(\) returned \[1\]"),
        ("\ndef get_config(size):\n    return {}\n", r"bad\.py:2: TypeError: get_config\(\) missing 1 required"),
        ("get_config = 3\n", r"bad\.py has no get_config\(\)"),
    ],
)
def test_an_error_in_a_config_file_is_one_line_with_file_and_line(tmp_path, monkeypatch, content, message):
    (tmp_path / "bad.py").write_text(content)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=f"^{message}") as caught:
        load_config("bad.py")
    assert "\n" not in str(caught.value)
