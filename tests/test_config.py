"""Building RunConfig from nested dicts and config files: what is accepted, and the errors for what is not."""

import dataclasses
import pathlib
from pathlib import Path

import ml_collections
import pytest

from flanjax.config import ConfigError, ModelConfig, RunConfig, differences, load_config, reference, same_mixture
from flanjax.models.decoder import DecoderConfig
from flanjax.models.t5 import SIZES, T5Config
from flanjax.tasks.user_code import UserCodeError

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
        (
            {"evaluation": {"preset": "flann"}},
            "evaluation.preset is 'flann', expected 'flan', 't0' or 'lm_eval'; did you mean 'flan'",
        ),
    ],
)
def test_a_misspelt_name_is_answered_with_the_near_ones(changes, said):
    with pytest.raises(ConfigError) as raised:
        build(**changes)
    assert said in str(raised.value)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"train": {"steps": "many"}}, "train.steps is 'many', expected an integer of at least 1"),
        ({"train": {"steps": 1.5}}, "train.steps is 1.5, expected an integer of at least 1"),
        ({"train": {"steps": True}}, "train.steps is True, expected an integer of at least 1"),
        ({"train": {"tensorboard": 1}}, "train.tensorboard is 1, expected true or false"),
        (
            {"train": {"optimizer": {"learning_rate": "high"}}},
            "train.optimizer.learning_rate is 'high', expected a number over 0",
        ),
        ({"heldout": (1, 2)}, "heldout is (1, 2), expected a list, each text"),
        ({"train": 3}, "train is 3, expected a group of keys"),
        ({"evaluation": {"shots": ("a",)}}, "evaluation.shots is ('a',), expected a list, each an integer from 0 to 256"),
    ],
)
def test_a_value_of_the_wrong_type_is_named_with_what_was_expected(changes, said):
    with pytest.raises(ConfigError) as raised:
        build(**changes)
    assert said in str(raised.value)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"train": {"steps": 0}}, "train.steps is 0, expected an integer of at least 1"),
        ({"data": {"batch_size": 10, "num_streams": 4}}, "data.num_streams is 4, expected a divisor of batch_size=10"),
        ({"data": {"features": {"weighting": "rows"}}}, "data.features.weighting is 'rows', expected 'tokens' or 'examples'"),
        ({"data": {"batch_size": 64}, "train": {"microbatches": 3}}, "does not divide into train.microbatches=3"),
        ({"mesh": {"data": -1, "fsdp": -1}}, "at most one may be -1"),
        ({"checkpoint": {"keep": 0}}, "checkpoint.keep is 0, expected an integer of at least 1"),
        ({"train": {"optimizer": {"name": "adam"}}}, "train.optimizer.name is 'adam', expected 'adafactor'"),
        (
            {"train": {"loss": {"normalizer": "tokens"}}},
            "train.loss.normalizer is 'tokens', expected 'weights' or a number over 0",
        ),
        (
            {"objective": {"name": "dpo"}, "data": {"features": {"lengths": ((256, 32), (512, 128))}}},
            "objective.name=dpo takes rows of one length",
        ),
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
    with pytest.raises(ConfigError, match=r"must give the whole shape; missing: d_ff"):
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
        ("heldout=topic,reading", lambda c: c.heldout, ("topic", "reading")),
        ("evaluation.shots=0,2", lambda c: c.evaluation.shots, (0, 2)),
        ("name=3", lambda c: c.name, "3"),
        ("model.remat=full", lambda c: c.model.fields.get("remat"), "full"),
        ("data.prepared=none.rows", lambda c: c.data.prepared, "none.rows"),
        ("train.microbatches=auto", lambda c: c.train.microbatches, "auto"),
        ("mesh.fsdp=1", lambda c: c.mesh.fsdp, 1),
        ("evaluation.chain_of_thought", lambda c: c.evaluation.chain_of_thought, True),
        ("data.features.separator=", lambda c: c.data.features.separator, ""),
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
        ("train.steps", "override train.steps has no value (expected an integer of at least 1)"),
        ("train.steps=", "override train.steps has an empty value, expected an integer of at least 1"),
        ("train.stepz", "override train.stepz has no value"),
        ("train=3", "train is 3, expected a group of keys"),
        ("name.steps=1", "name is a value, not a group of keys"),
        ("train.steps=1.5", "expected an integer"),
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


def test_a_misspelt_variant_is_answered_with_those_of_the_file():
    root = Path(__file__).resolve().parents[1] / "configs"
    assert load_config(f"{root}/flan_t5.py:xl").model.size == "flan_t5_xl"
    for path, known in (
        ("flan_t5.py:bse", "no variant 'bse'; did you mean 'base'? known: base, large, small, xl, xxl"),
        ("flan_decoder.py:qwen3_8", "did you mean 'qwen3_8b'"),
        ("quickstart.py:decodr", "did you mean 'decoder'"),
        ("flan_mini.py:base", "takes none"),
    ):
        with pytest.raises(ConfigError) as raised:
            load_config(f"{root}/{path}")
        assert known in str(raised.value)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("def get_config(:\n", r"broken\.py:1: SyntaxError"),
        ("import nothing_of_this_name\n", r"broken\.py:1: ModuleNotFoundError: .*nothing_of_this_name"),
        ("def get_config():\n    return dict(steps=STEPS)\n", r"broken\.py:2: NameError: .*STEPS"),
        ("import sys\nsys.exit(3)\n", r"broken\.py:2: the file calls sys\.exit\(3\)"),
        ("def get_config():\n    pass\n", r"broken\.py:1: get_config\(\) returned None, expected an ml_collections.ConfigDict"),
    ],
)
def test_an_error_in_a_config_file_is_one_line_with_its_place(tmp_path, code, said):
    (tmp_path / "broken.py").write_text(code)
    with pytest.raises((ConfigError, UserCodeError), match=said) as raised:
        load_config(str(tmp_path / "broken.py"))
    assert "\n" not in str(raised.value)


def test_a_mixture_is_found_from_here_beside_the_config_or_in_the_folder_above(tmp_path, monkeypatch):
    for folder in ("here", "repository/configs", "repository/mixtures"):
        (tmp_path / folder).mkdir(parents=True)
    path = tmp_path / "repository/configs/c.py"
    path.write_text("def get_config():\n    return {'name': 'c', 'mixture': 'mixtures/m.py:m'}\n")
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(ConfigError, match=rf"no file mixtures/m\.py in {tmp_path}/here, .*/configs, .*/repository; .*absolute"):
        load_config(str(path))

    (tmp_path / "repository/mixtures/m.py").touch()
    above = load_config(str(path)).mixture
    assert above == f"{tmp_path}/repository/mixtures/m.py:m"
    (tmp_path / "repository/configs/mixtures").mkdir()
    (tmp_path / "repository/configs/mixtures/m.py").touch()
    assert load_config(str(path)).mixture == f"{tmp_path}/repository/configs/mixtures/m.py:m"
    (tmp_path / "here/mixtures").mkdir()
    (tmp_path / "here/mixtures/m.py").touch()
    assert load_config(str(path)).mixture == "mixtures/m.py:m"  # what lies here goes first
    assert same_mixture(above, "mixtures/m.py:m")
    assert not same_mixture(above, "mixtures/m.py:other")


def test_the_layout_follows_from_the_model_and_a_contradiction_is_named():
    decoder = {"family": "llama", "num_kv_heads": 1, **{k: v for k, v in SHAPE.items() if k != "num_decoder_layers"}}
    assert build(model=SHAPE).data.features.layout == "encoder_decoder"
    assert build(model=decoder).data.features.layout == "causal"
    assert build(model={"size": "pythia_70m"}, data={"features": {"layout": "prefix"}}).data.features.layout == "prefix"
    with pytest.raises(ConfigError, match=r"a t5, but data\.features\.layout is 'causal'; set it to 'encoder_decoder'"):
        build(model=SHAPE, data={"features": {"layout": "causal"}})

    open_yet = build(model={"init": "dir"}, data={"features": {"chat": True}})  # weights tell when they are opened
    assert open_yet.data.features.layout == "auto"
    assert open_yet.for_model(DecoderConfig).data.features.layout == "causal"
    with pytest.raises(ConfigError, match=r"data\.features\.chat is true"):
        open_yet.for_model(T5Config)


def test_weights_decide_the_shape_and_what_contradicts_them_is_named():
    weights = SIZES["t5_small"]
    assert ModelConfig(init="dir", size="t5_small", fields={"dropout": 0.3}).overruled(weights) == []
    (line,) = ModelConfig(init="dir", size="t5_base", fields={"scan": False}).overruled(weights)
    assert "model.size is t5_base, but the weights of dir have another shape: d_model, d_ff, num_layers" in line
    other_kind, field = ModelConfig(init="dir", size="pythia_70m", fields={"num_kv_heads": 8}).overruled(weights)
    assert "it is a DecoderConfig, they are a T5Config" in other_kind
    assert "model.num_kv_heads is 8, but the weights of dir have None" in field


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"checkpoint": {"best_by": "nil"}, "train": {"heldout_every": 5}}, "best_by is 'nil', expected 'validation_loss' or"),
        ({"checkpoint": {"best_by": "nli"}}, "train.heldout_every is 0, expected a divisor of checkpoint.every_steps=500"),
        ({"checkpoint": {"best_by": "nli"}, "train": {"heldout_every": 300}}, "train.heldout_every is 300"),
        ({"checkpoint": {"best_by": "nli"}, "train": {"heldout_every": 250}}, ""),
    ],
)
def test_the_best_checkpoints_are_those_of_a_cluster_that_is_scored_with_each(changes, said):
    if not said:
        assert build(model=SHAPE, heldout=("nli",), **changes).checkpoint.best_by == "nli"
        return
    with pytest.raises(ConfigError, match=said):
        build(model=SHAPE, heldout=("nli",), **changes)


@pytest.mark.parametrize(
    ("validated", "saved", "steps", "keep_best", "noted"),
    [
        (300, 400, 1200, 1, True),
        (300, 400, 2400, 1, False),
        (200, 400, 1200, 1, False),
        (300, 400, 1200, 0, False),
        (0, 400, 1200, 1, False),
        (300, 1200, 1200, 1, False),
    ],
)
def test_validations_and_checkpoints_that_meet_at_the_end_only_are_noted(validated, saved, steps, keep_best, noted):
    made = build(
        model=SHAPE,
        train={"steps": steps, "validate_every": validated},
        checkpoint={"every_steps": saved, "keep_best": keep_best},
    )
    assert [note.partition(" keeps")[0] for note in made.notes()] == ["checkpoint.keep_best=1"] * noted


def test_scores_of_no_held_out_cluster_are_noted():
    (note,) = build(model=SHAPE, train={"heldout_every": 5}).notes()
    assert "no cluster is held out" in note
    assert not build(model=SHAPE, heldout=("nli",), train={"heldout_every": 5}).notes()


def test_every_key_is_explained_and_docs_config_md_is_current():
    keys = {key.name: key for group in reference.groups() for key in group.keys}
    assert set(reference.flat(build(model=SHAPE).to_dict())) <= keys.keys()
    assert all(key.meaning and key.takes for key in keys.values())
    assert keys["train.steps"] == ("train.steps", "an integer of at least 1", "1000", keys["train.steps"].meaning)
    written = (Path(__file__).resolve().parents[1] / "docs/config.md").read_text()
    assert reference.markdown() == written, "write it anew: python -m flanjax.config.reference > docs/config.md"
    beside = reference.text(build(model=SHAPE, train={"steps": 7}))
    assert "train.steps = 1000   [7 in this config]" in beside
    assert "train.seed = 0\n" in beside


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
