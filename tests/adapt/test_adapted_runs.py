"""Runs that train few weights over a base: trained, continued, evaluated, exported and asked; and what is refused."""

import contextlib
import json
from pathlib import Path

import jax
import numpy as np
import orbax.checkpoint as ocp
import pyarrow.parquet as pq
import pytest
import qwix
from tiny_base import KINDS, MIXTURE, STEPS, config_of, quiet, tuned

import flanjax
from flanjax import parts
from flanjax.adapt.config import METHODS
from flanjax.ask.models import open_models
from flanjax.cli import main
from flanjax.config import ConfigError
from flanjax.config.run_config import RunConfig
from flanjax.lab.ablate.finished import cost_of
from flanjax.parallel import sharding
from flanjax.run import evaluate_model
from flanjax.train.loop import Diverged
from flanjax.train.program import Program

LORA = {"rank": 2, "dropout": 0.1}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with a base."""
    folder = tmp_path_factory.mktemp("few")
    with contextlib.chdir(folder):
        quiet(config_of(KINDS["t5"]), "t5_base").train()
    return folder


@pytest.fixture(scope="module")
def decoder_base(home):
    with contextlib.chdir(home):
        quiet(config_of(KINDS["decoder"]), "decoder_base").train()


@pytest.fixture(scope="module")
def lora(home):
    with contextlib.chdir(home):
        return tuned("t5_base", "lora", "lora", LORA).train()


@pytest.fixture(autouse=True)
def here(home, monkeypatch):
    monkeypatch.chdir(home)


def losses(trained):
    return [record["loss"] for record in trained.metrics if "kind" not in record]


def kept_in(workdir, step=STEPS):
    with ocp.Checkpointer(ocp.StandardCheckpointHandler()) as checkpointer:
        return checkpointer.restore(workdir.absolute() / "checkpoints" / str(step) / "params")


def leaves(tree):
    return {jax.tree_util.keystr(path): np.asarray(x) for path, x in jax.tree_util.tree_leaves_with_path(tree)}


def test_lora_learns_and_only_its_factors_are_kept_and_changed(home, lora):
    assert losses(lora)[-1] < losses(lora)[0] - 0.02
    kept = kept_in(lora.workdir)
    paths = leaves(kept)
    assert {path.rpartition("[")[2] for path in paths} == {"'a']", "'b']"}
    assert len(paths) == 2 * 6  # queries and values of three attentions
    assert paths["['decoder']['layers']['cross']['q']['b']"].shape == (2, 2, 24)
    loaded, base = flanjax.load_model("lora"), flanjax.load_model("t5_base")
    kernel = loaded.params["decoder"]["layers"]["cross"]["q"]
    np.testing.assert_array_equal(kernel.b, kept["decoder"]["layers"]["cross"]["q"]["b"])
    frozen = jax.tree.map(lambda x: getattr(x, "base", x), loaded.params, is_leaf=lambda x: hasattr(x, "base"))
    jax.tree.map(np.testing.assert_array_equal, frozen, base.params)
    record = json.loads((lora.workdir / "config.json").read_text())
    assert record["size"]["trained"] == sum(x.size for x in paths.values())
    assert record["train"]["optimizer"]["name"] == "adamw"


def test_a_stopped_lora_goes_on_bit_for_bit(home, lora):
    tuned("t5_base", "stopped", "lora", LORA, steps=2).train()
    again = tuned("t5_base", "stopped", "lora", LORA).train()
    assert losses(again) == losses(lora)
    jax.tree.map(np.testing.assert_array_equal, kept_in(again.workdir), kept_in(lora.workdir))


def test_few_weights_over_a_base_in_eight_bits(home, capsys):
    """Its kernels are held and read so; the run goes on bit for bit; the rounded base is exported with what it learned."""
    settings = {**LORA, "int8": True}
    whole = tuned("t5_base", "eight", "lora", settings).train()
    assert losses(whole)[-1] < losses(whole)[0] - 0.02
    tuned("t5_base", "eight_stopped", "lora", settings, steps=2).train()
    again = tuned("t5_base", "eight_stopped", "lora", settings).train()
    assert losses(again) == losses(whole)
    jax.tree.map(np.testing.assert_array_equal, kept_in(again.workdir), kept_in(whole.workdir))
    loaded, base = flanjax.load_model("eight"), flanjax.load_model("t5_base")
    for adapted, kernel in (
        (loaded.params["decoder"]["layers"]["cross"]["q"].base, base.params["decoder"]["layers"]["cross"]["q"]),
        (loaded.params["encoder"]["layers"]["mlp"]["wo"], base.params["encoder"]["layers"]["mlp"]["wo"]),
    ):
        expected = qwix.quantize(kernel, "int8", channelwise_axes=(0, 2))
        assert adapted.base.dtype == np.int8
        np.testing.assert_array_equal(adapted.base, expected.qvalue)
        np.testing.assert_allclose(adapted.scale, expected.scale[:, 0], rtol=1e-6)
    np.testing.assert_array_equal(loaded.params["embedding"], base.params["embedding"])
    expected = loaded.score("After sun", ["moon", "star"])
    assert main(["export", "--workdir", "eight", "--output", "eight_merged"]) == 0
    assert flanjax.load_model("eight_merged").score("After sun", ["moon", "star"]) == pytest.approx(expected, abs=1e-4)
    assert "int8" in (whole.workdir / "sharding.txt").read_text()


@pytest.mark.parametrize("settings", [LORA, {**LORA, "int8": True}], ids=["float32", "eight bits"])
def test_no_step_changes_a_bit_of_what_stays(home, monkeypatch, settings):
    seen, step = [], Program.step

    def watched(program, state, frozen, batch):
        seen.append(parts.fingerprint(frozen))
        done = step(program, state, frozen, batch)
        seen.append(parts.fingerprint(frozen))
        return done

    monkeypatch.setattr(Program, "step", watched)
    run = tuned("t5_base", f"watched_{len(settings)}", "lora", settings).train()
    assert len(seen) == 2 * STEPS
    mesh = sharding.make_mesh(sharding.MeshConfig())
    saved = parts.open_saved(run.workdir)
    assert set(seen) == {parts.fingerprint(saved.tuning.split(saved.base_params(mesh), jax.random.key(0)).frozen)}


def test_what_a_way_costs_is_what_lies_in_its_run(home, lora):
    found, base = cost_of(lora.workdir), flanjax.load_model("t5_base")
    few = sum(x.size for x in leaves(kept_in(lora.workdir)).values())
    whole = sum(x.size for x in jax.tree.leaves(base.params))
    assert found.trained_share == pytest.approx(100 * few / (whole + few))
    files = Path(lora.workdir, "checkpoints", str(STEPS)).rglob("*")
    assert found.checkpoint_bytes == pytest.approx(sum(file.stat().st_size for file in files if file.is_file()), rel=0.05)
    assert found.held_bytes < 4 * (whole + 3 * few) + 100  # on one of the devices
    assert cost_of("t5_base").trained_share == 100


def test_models_over_one_base_hold_it_once_where_they_stand_side_by_side(home, lora):
    tuned("t5_base", "prefixed", "prefix", {"tokens": 2, "hidden": 0}, steps=1).train()
    first, other = (served.model.params for served in open_models(["lora", "prefixed"]))
    assert other["embedding"] is first["embedding"]
    assert other["decoder"]["layers"]["attention"]["o"].base is first["decoder"]["layers"]["attention"]["o"]
    assert other["decoder"]["layers"]["cross"]["q"] is first["decoder"]["layers"]["cross"]["q"].base


SMALL = {"adapter": {"bottleneck": 2}, "prefix": {"tokens": 2, "hidden": 4}, "prompt": {"tokens": 2}}


@pytest.mark.parametrize("method", sorted(METHODS))
def test_every_way_trains_a_decoder_and_goes_on_bit_for_bit(home, decoder_base, method):
    settings = SMALL.get(method, {})
    whole = tuned("decoder_base", f"{method}_whole", method, settings, steps=3).train()
    tuned("decoder_base", f"{method}_stopped", method, settings, steps=2).train()
    again = tuned("decoder_base", f"{method}_stopped", method, settings, steps=3).train()
    assert losses(again) == losses(whole)
    jax.tree.map(np.testing.assert_array_equal, kept_in(again.workdir, 3), kept_in(whole.workdir, 3))
    assert losses(whole)[-1] != losses(whole)[0]


def test_soft_tokens_are_read_where_they_were_trained_and_their_base_is_read_without(home):
    run = tuned("t5_base", "prompt", "prompt", {"tokens": 3, "words": "moon or sun"}, steps=2)
    model, base = flanjax.load_model(run.train().workdir), flanjax.load_model("t5_base")
    soft = model.params["embedding"].soft
    assert np.abs(soft - base.params["embedding"][np.array([*model.tokenizer.encode(["moon or sun"])[0][:3]])]).max() < 0.2
    found = likelihoods(run.evaluate("next").predictions)
    for name, label in (("prompt", "trained"), ("t5_base", "untuned")):
        alone = evaluate_model(name, MIXTURE, tasks=["next"], output=f"alone_{label}", log=lambda line: None)
        expected = likelihoods(pq.read_table(alone.parent / "predictions.parquet"))
        assert len(expected) >= 5
        for (_, prompt), values in expected.items():
            assert found[label, prompt] == pytest.approx(values, abs=1e-4)


def likelihoods(predictions):
    return {(p["model"], p["prompt"]): p["option_log_likelihoods"] for p in predictions.to_pylist()}


def test_what_lora_learned_is_merged_and_exported_and_read_from_peft_s_format(home, lora, capsys):
    expected = flanjax.load_model("lora").score("After sun", ["moon", "star"])
    assert main(["export", "--workdir", "lora", "--output", "merged"]) == 0
    assert flanjax.load_model("merged").score("After sun", ["moon", "star"]) == pytest.approx(expected, abs=1e-4)
    assert main(["export", "--workdir", "lora", "--output", "few", "--adapter"]) == 0
    assert flanjax.load_model("few").score("After sun", ["moon", "star"]) == pytest.approx(expected, abs=1e-5)
    begun = tuned("t5_base", "begun", "lora", {"rank": 2, "init": "few"}, steps=1)
    assert losses(begun.train())[0] < losses(lora)[0] - 0.02
    with pytest.raises(ConfigError, match=r"adapt\.init=few holds lora; .*adapt\.\* as there: .*rank=2"):
        tuned("t5_base", "other", "lora", {"rank": 3, "init": "few"}).train()


def test_a_base_that_changed_or_is_gone_is_refused_by_name(home, lora):
    quiet(config_of(KINDS["t5"], seed=7), "other").train()
    Path("t5_base").rename("kept")
    try:
        with pytest.raises(ConfigError, match=r"model\.init: 't5_base' is neither"):
            flanjax.load_model("lora")
        Path("other").rename("t5_base")
        for use in (flanjax.load_model, lambda place: tuned("t5_base", place, "lora", LORA, steps=8).train()):
            with pytest.raises(ConfigError, match=r"the weights of model\.init=t5_base are not those that this run's few"):
                use("lora")
    finally:
        Path("t5_base").rename("other") if Path("t5_base").exists() else None
        Path("kept").rename("t5_base")


OVER = {"init": "t5_base", "adapt": "lora"}
REFUSED = [
    ({"adapt": "lora"}, {}, "model.adapt=lora trains few weights over a model, but model.init is 'scratch'"),
    ({**OVER, "init": "lora"}, {}, "model.init=lora has trained only some weights"),
    (OVER, {"targets": ["attention/qq"]}, "'attention/qq' matches no parameter .* attention/q"),
    (OVER, {"tokens": 3}, "adapt.tokens is 3, expected none: it belongs to prompt, prefix, and model.adapt is lora"),
    ({"init": "t5_base"}, {"rank": 3}, "adapt.rank is 3, expected 8: it belongs to lora, and model.adapt is none"),
    (OVER, {"init": "t5_base"}, "adapt.init=t5_base is no directory in the format of peft"),
    (
        {**OVER, "adapt": "select"},
        {"int8": True},
        "adapt.int8 is true, expected false: it belongs to lora, ia3, adapter,",
    ),
    ({"adapt": "lore"}, {}, "did you mean 'lora'"),
]


@pytest.mark.parametrize(("model", "adapt", "said"), REFUSED, ids=[said[-20:] for *_, said in REFUSED])
def test_what_cannot_be_adapted_is_refused_by_name(home, lora, model, adapt, said):
    with pytest.raises(ValueError, match=said):
        quiet({**config_of({**(KINDS["t5"] if "init" not in model else {}), **model}), "adapt": adapt}, "refused").train()


def test_the_way_out_of_a_divergence_is_the_rate_that_is_used(home):
    with pytest.raises(Diverged, match=r"is not a number at step .* or with a lower --config\.adapt\.learning_rate"):
        tuned("t5_base", "diverged", "lora", {**LORA, "learning_rate": 1e38}, steps=3).train()


def test_soft_tokens_lengthen_rows_and_leave_text_its_room():
    config = RunConfig.from_config_dict({**config_of({**KINDS["t5"], "adapt": "prompt"}), "adapt": {"tokens": 20}})
    assert (config.data.features.reserved, config.data.features.inputs_length) == (20, 116)
    assert RunConfig.from_config_dict(config.to_dict()) == config
