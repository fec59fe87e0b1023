"""From a trained run to transformers: what the model card's code prints and what lm-eval scores is what flanjax makes of it."""

import contextlib
import io
import json
import re
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
import pytest
from etils import epath
from safetensors.numpy import load_file

from flanjax import checkpoint, parts, run
from flanjax.cli import main
from flanjax.config import RunConfig
from flanjax.data.layout import Layout, make_layout
from flanjax.data.tokenizer import load_tokenizer
from flanjax.evaluate.predict import predict
from flanjax.evaluate.questions import ask, scoring_layout
from flanjax.generate.scorer import Scorer
from flanjax.huggingface.export import Card, SpecialIds, model_card, special_ids
from flanjax.huggingface.weight_files import DTYPES, write_file
from flanjax.models import functional
from flanjax.parallel.sharding import MeshConfig, make_mesh

MIXTURE = """
from flanjax import Example, Mixture, Task, Template, rows

COLOURS = ("red", "green", "blue")
WORDS = ["sun", "moon", "star", "sky", "sea", "hill"]


def made(n):
    return [{"word": WORDS[i % 6], "colour": i * 7 % 3} for i in range(n)]


def colour(row):
    return Example({"word": row["word"], "shown": COLOURS[row["colour"]]}, COLOURS[row["colour"]], COLOURS)


def task(name, cluster, template):
    source = rows(name, train=made(60), test=made(9))
    return Task(name=name, cluster=cluster, source=source, example=colour, templates=[Template(template)], evaluation="test")


toy = Mixture(
    name="toy",
    parts=[
        task("seeing", "seeing", "Is the {{ word }} {{ shown }}?\\nWhich colour?"),
        task("hidden", "hidden", "Name the colour of the {{ word }}: {{ shown }}"),
    ],
)
"""
# v1.0, tied: transformers 5 and lm-eval tie a T5 whatever its files say.
T5 = {"d_model": 32, "d_ff": 64, "num_layers": 2, "num_decoder_layers": 2, "num_heads": 4, "head_dim": 8}
T5 |= {"activation": "relu", "gated": False, "tied_embedding": True, "scale_logits": True}
LLAMA = {"family": "llama", "d_model": 32, "d_ff": 64, "num_layers": 2, "num_heads": 4, "num_kv_heads": 2, "head_dim": 8}


class Exported(NamedTuple):
    """An exported run: its folder, and what generates and scores it here."""

    config: RunConfig
    directory: Path
    layout: Layout
    scorer: Scorer


@pytest.fixture(scope="module", params=["t5", "llama"])
def exported(request, tmp_path_factory):
    home = tmp_path_factory.mktemp("export")
    (home / "mixture.py").write_text(MIXTURE)
    layout = "causal" if request.param == "llama" else "encoder_decoder"
    config = RunConfig.from_config_dict(
        {
            "name": f"toy_{request.param}",
            "mixture": f"{home / 'mixture.py'}:toy",
            "heldout": ("hidden",),
            "model": LLAMA if request.param == "llama" else T5,
            "tokenizer": {"path": "train", "kind": "unigram", "vocab_size": 150},
            "data": {
                "batch_size": 8, "num_streams": 4, "window": 32,
                "features": {"layout": layout, "inputs_length": 96, "targets_length": 16},
            },
            "train": {"steps": 12, "log_every": 4, "tensorboard": False, "optimizer": {"name": "adamw", "learning_rate": 1e-2}},
            "checkpoint": {"every_steps": 12},
            "evaluation": {"items": 4, "batch_size": 8, "preset": "lm_eval", "untuned": False},
        }
    )  # fmt: skip
    run.train(config, home / "run", log=lambda line: None)
    command = ["export", "--workdir", str(home / "run"), "--output", str(home / "hf"), "--licence", "apache-2.0"]
    assert main(command) == 0
    step, meta = checkpoint.read_meta(home / "run")
    model, mesh = functional.config_from(meta["model"]), make_mesh(MeshConfig(), jax.devices()[:1])
    tokenizer = load_tokenizer(str(home / "run" / "tokenizer"))
    layout = make_layout(config.data.features, tokenizer)
    scorer = Scorer(model, parts.read_params(home / "run", step, model, mesh), mesh, layout, batch_size=4)
    return Exported(config, home / "hf", layout, scorer)


def test_the_code_of_the_model_card_prints_our_own_greedy_text(exported):
    card = (exported.directory / "README.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", card, re.DOTALL)
    prompt = "Is the sky blue?"
    assert prompt in code
    assert prompt not in MIXTURE
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(code.replace("DIRECTORY", str(exported.directory)), {})
    tokenizer = exported.layout.tokenizer
    (ours,) = exported.scorer.generate([exported.layout.inputs(tokenizer.encode([prompt])[0])], 64)
    assert len(ours.ids) > 0
    assert printed.getvalue().strip() == tokenizer.decode(ours.ids).strip()


def test_lm_eval_with_its_default_settings_scores_as_we_do(exported):
    pytest.importorskip("accelerate", reason="lm_eval's HFLM needs accelerate: pip install lm-eval[hf]")
    from lm_eval.api.instance import Instance
    from lm_eval.models.huggingface import HFLM

    layout = scoring_layout(exported.config.data.features, exported.config.evaluation, exported.layout.tokenizer)
    asked = ask(parts.split_of(exported.config).heldout, exported.config.evaluation, layout)
    rows = predict(asked, exported.config.evaluation, layout, exported.scorer, model="trained", step=12).to_pylist()
    ours = [score for row in rows for score in row["option_log_likelihoods"]]
    harness = HFLM(pretrained=str(exported.directory), batch_size=4, device="cpu")
    # The separator is ours; lm-eval, which moves white space out of the prompt, counts it with the option.
    between = exported.layout.config.separator if exported.layout.config.layout == "causal" else ""
    pairs = [(row["prompt"], between + option) for row in rows for option in row["options"]]
    theirs = scores(harness, Instance, pairs)
    if between:
        theirs -= scores(harness, Instance, [(prompt, between) for prompt, _ in pairs])
    assert np.std(theirs) > 0.01  # a hundred times what they may differ by
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-4)


def scores(harness, instance, pairs):
    requests = [instance("loglikelihood", {}, pair, i) for i, pair in enumerate(pairs)]
    return np.array([score for score, _ in harness.loglikelihood(requests, disable_tqdm=True)])


def test_what_generation_has_to_know_stands_beside_the_weights(exported):
    import transformers

    found = transformers.GenerationConfig.from_pretrained(exported.directory)
    tokenizer = exported.layout.tokenizer
    assert (found.eos_token_id, found.pad_token_id, found.bos_token_id) == (tokenizer.eos_id, tokenizer.pad_id, None)
    is_decoder = exported.layout.config.layout == "causal"
    assert found.decoder_start_token_id == (None if is_decoder else tokenizer.pad_id)
    config = json.loads((exported.directory / "config.json").read_text())
    assert {key: config.get(key) for key in ("eos_token_id", "pad_token_id")} == {"eos_token_id": 1, "pad_token_id": 0}


def test_the_model_card_says_where_the_model_comes_from(exported):
    card = (exported.directory / "README.md").read_text()
    header = card.split("---")[1]
    assert 'license: "apache-2.0"' in header
    assert "base_model" not in header
    for words in ("none, trained from random weights", "`mixture.py:toy`", "| hidden |", "| 12 |", "| apache-2.0 |"):
        assert words in card
    assert str(exported.directory.parent) not in card


def test_a_card_names_its_base_its_chat_template_and_an_unknown_licence():
    card = Card(name="x", base="Qwen/Qwen3-0.6B@main", mixture="m.py:m", step=1000, chat=True, reads_both_ways=True)
    text = model_card(card, "qwen3", "AutoModelForCausalLM", 596_000_000)
    assert 'license: "unknown"' in text
    assert 'base_model: "Qwen/Qwen3-0.6B"' in text
    for words in (
        "qwen3, 596.0M parameters",
        "| Qwen/Qwen3-0.6B@main |",
        "| 1,000 |",
        "apply_chat_template",
        "prefix language model",
    ):
        assert words in text
    compile(re.findall(r"```python\n(.*?)```", text, re.DOTALL)[0], "card", "exec")


def test_several_ends_of_a_text_are_a_list():
    assert special_ids(SpecialIds(5, (1, 2), 1), starts=False) == {"bos_token_id": 5, "eos_token_id": [1, 2], "pad_token_id": 1}


@pytest.mark.parametrize("dtype", ["F32", "BF16"])
def test_tensors_larger_than_what_is_copied_at_a_time_are_written_whole(tmp_path, dtype):
    shapes = {"long": (5000, 300), "wide": (3, 400_000), "vector": (300_000,)}
    made = {name: np.random.default_rng(0).standard_normal(shape, np.float32) for name, shape in shapes.items()}
    write_file(epath.Path(tmp_path / "model.safetensors"), shapes, dtype, iter(made.values()))
    found = load_file(tmp_path / "model.safetensors")
    assert {name: x.shape for name, x in found.items()} == shapes
    for name, written in made.items():
        np.testing.assert_array_equal(found[name], written.astype(DTYPES[dtype]), err_msg=name)
