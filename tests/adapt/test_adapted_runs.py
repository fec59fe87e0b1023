"""Runs that train few weights over a base: trained, continued, evaluated, exported and asked; and what is refused."""

import contextlib
import dataclasses
import json
import shutil

import jax
import numpy as np
import orbax.checkpoint as ocp
import pyarrow.parquet as pq
import pytest
from tiny_base import KINDS, MIXTURE, STEPS, config_of, quiet, tuned

import flanjax
from flanjax.cli import main
from flanjax.config import ConfigError
from flanjax.config.run_config import RunConfig
from flanjax.parallel import sharding
from flanjax.run import evaluate_model

LORA = {"rank": 2, "dropout": 0.1}
MORE = {"prompt": {"tokens": 3, "words": "moon or sun"}, "prefix": {"tokens": 3, "hidden": 4}, "adapter": {"bottleneck": 3}}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with a base of each kind."""
    folder = tmp_path_factory.mktemp("few")
    with contextlib.chdir(folder):
        for kind, model in KINDS.items():
            quiet(config_of(model), f"{kind}_base").train()
        yield folder


@pytest.fixture(scope="module")
def lora(home):
    with contextlib.chdir(home):
        return tuned("t5_base", "lora", "lora", LORA).train()


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
    with contextlib.chdir(home):
        loaded, base = flanjax.load_model("lora"), flanjax.load_model("t5_base")
    kernel = loaded.params["decoder"]["layers"]["cross"]["q"]
    np.testing.assert_array_equal(kernel.b, kept["decoder"]["layers"]["cross"]["q"]["b"])
    frozen = jax.tree.map(lambda x: getattr(x, "base", x), loaded.params, is_leaf=lambda x: hasattr(x, "base"))
    jax.tree.map(np.testing.assert_array_equal, frozen, base.params)
    record = json.loads((lora.workdir / "config.json").read_text())
    assert record["size"]["trained"] == sum(x.size for x in paths.values())
    assert record["train"]["optimizer"]["name"] == "adamw"


def test_a_stopped_lora_goes_on_bit_for_bit(home, lora):
    with contextlib.chdir(home):
        tuned("t5_base", "stopped", "lora", LORA, steps=2).train()
        again = tuned("t5_base", "stopped", "lora", LORA).train()
    assert losses(again) == losses(lora)
    jax.tree.map(np.testing.assert_array_equal, kept_in(again.workdir), kept_in(lora.workdir))


def test_lora_is_trained_alike_in_microbatches_and_on_any_mesh(home, monkeypatch):
    make_mesh, found = sharding.make_mesh, {}
    meshes = {"one": (1, {}, 1), "parts": (1, {}, 4), "eight": (8, {"data": 2, "fsdp": 2, "tensor": 2}, 1)}
    for name, (devices, mesh, parts) in meshes.items():
        monkeypatch.setattr(sharding, "make_mesh", lambda config, n=devices: make_mesh(config, jax.devices()[:n]))
        with contextlib.chdir(home):
            run = tuned("t5_base", f"lora_{name}", "lora", {"rank": 2}, microbatches=parts)
            config = dataclasses.replace(run.config, mesh=sharding.MeshConfig(**mesh))
            found[name] = losses(dataclasses.replace(run, config=config).train())
    for other in (found["parts"], found["eight"]):
        np.testing.assert_allclose(other, found["one"], rtol=0, atol=2e-5)


OTHERS = [("decoder", "prefix"), ("t5", "prompt"), ("t5", "adapter"), ("decoder", "select")]


@pytest.mark.parametrize(("kind", "method"), OTHERS)
def test_every_other_method_trains_is_evaluated_and_is_asked(home, kind, method):
    with contextlib.chdir(home):
        run = tuned(f"{kind}_base", f"{kind}_{method}", method, MORE.get(method), steps=2)
        trained = run.train()
        model, base = flanjax.load_model(trained.workdir), flanjax.load_model(f"{kind}_base")
        scores = model.score("After sun", ["moon", "sun"])
        assert scores != pytest.approx(base.score("After sun", ["moon", "sun"]), abs=1e-3)
        assert len(model.generate(["After sun", "After the long rain"], max_tokens=3)) == 2
        found = likelihoods(run.evaluate("next").predictions)
        for name, label in ((trained.workdir, "trained"), (f"{kind}_base", "untuned")):
            alone = evaluate_model(name, MIXTURE, tasks=["next"], output=f"{label}_{method}", say=lambda line: None)
            expected = likelihoods(pq.read_table(alone.parent / "predictions.parquet"))
            assert len(expected) == 5
            for (_, prompt), values in expected.items():
                assert found[label, prompt] == pytest.approx(values, abs=1e-4)


def likelihoods(predictions):
    return {(p["model"], p["prompt"]): p["option_log_likelihoods"] for p in predictions.to_pylist()}


def test_what_lora_learned_is_merged_and_exported_and_read_from_peft_s_format(home, lora, capsys):
    with contextlib.chdir(home):
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
    with contextlib.chdir(home):
        shutil.copytree("t5_base", "moved")
        tuned("moved", "over_moved", "ia3", steps=1).train()
        shutil.rmtree("moved/checkpoints")
        quiet(config_of(KINDS["t5"], seed=7), "moved_2").train()
        shutil.copytree("moved_2/checkpoints", "moved/checkpoints")
        for use in (flanjax.load_model, lambda place: tuned("moved", place, "ia3", steps=2).train()):
            with pytest.raises(
                ConfigError, match=r"model\.init=moved are not those that this run's few weights were trained over"
            ):
                use("over_moved")
        shutil.rmtree("moved")
        with pytest.raises(ConfigError, match=r"model\.init: 'moved' is neither"):
            flanjax.load_model("over_moved")


OVER = {"init": "t5_base", "adapt": "lora"}
REFUSED = [
    ({"adapt": "lora"}, {}, "model.adapt=lora trains few weights over a model, but model.init is 'scratch'"),
    ({**OVER, "init": "lora"}, {}, "model.init=lora has trained only some weights"),
    (OVER, {"targets": ["attention/qq"]}, "'attention/qq' matches no parameter .* attention/q"),
    (OVER, {"tokens": 3}, "adapt.tokens is 3, expected none: it belongs to prompt, prefix, and model.adapt is lora"),
    ({"init": "t5_base"}, {"rank": 3}, "adapt.rank is 3, expected 8: it belongs to lora, and model.adapt is none"),
    (OVER, {"init": "t5_base"}, "adapt.init=t5_base is no directory in the format of peft"),
    ({"adapt": "lore"}, {}, "did you mean 'lora'"),
]


@pytest.mark.parametrize(("model", "adapt", "said"), REFUSED, ids=[said[-20:] for *_, said in REFUSED])
def test_what_cannot_be_adapted_is_refused_by_name(home, lora, model, adapt, said):
    with contextlib.chdir(home), pytest.raises(ValueError, match=said):
        quiet({**config_of({**(KINDS["t5"] if "init" not in model else {}), **model}), "adapt": adapt}, "refused").train()


def test_soft_tokens_lengthen_rows_and_leave_text_its_room():
    config = RunConfig.from_config_dict({**config_of({**KINDS["t5"], "adapt": "prompt"}), "adapt": {"tokens": 20}})
    assert (config.data.features.reserved, config.data.features.inputs_length) == (20, 116)
    assert RunConfig.from_config_dict(config.to_dict()) == config
