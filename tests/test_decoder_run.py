"""A decoder-only model from mixture to report: trained, continued, evaluated on held-out tasks, exported, trained further."""

import json

import jax
import pyarrow.parquet as pq
import pytest

from flanjax import run
from flanjax.cli import main
from flanjax.config import ConfigError, RunConfig, load_config

MIXTURE = """
from flanjax import Example, Mixture, StyleShares, Task, Template, conversation, rows

COLOURS = ("red", "green", "blue")
WORDS = ["sun", "moon", "star", "sky", "sea", "hill"]


def made(n):
    return [{"word": WORDS[i % 6], "colour": i * 7 % 3} for i in range(n)]


def colour(row):
    return Example({"word": row["word"], "shown": COLOURS[row["colour"]]}, COLOURS[row["colour"]], COLOURS)


def talk(row):
    say = [("user", "say " + row["word"]), ("assistant", row["word"]), ("user", "again"), ("assistant", row["word"])]
    return conversation([{"role": role, "content": content} for role, content in say])


def task(name, cluster, example, *templates):
    source = rows(name, train=made(60), test=made(9))
    return Task(name=name, cluster=cluster, source=source, example=example, templates=templates, evaluation="test")


toy = Mixture(
    name="toy",
    parts=[
        task("colour", "seeing", colour, Template("the {{ word }} is {{ shown }} : which colour ?")),
        task("talk", "talking", talk, Template("{{ conversation }}")),
        task("hidden", "hidden", colour, Template("say the colour : {{ shown }}")),
    ],
    styles=StyleShares(few_shot=0.3, max_shots=1),
)
"""
CHAT = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("decoder")
    (folder / "mixture.py").write_text(MIXTURE)
    return folder


@pytest.fixture(scope="module")
def tokenizer(home):
    """A directory with a tokenizer that has a chat template."""
    import tokenizers
    from tokenizers import decoders, models, pre_tokenizers, trainers

    from flanjax.data.tokenizer import HFTokenizer

    backend = tokenizers.Tokenizer(models.BPE())
    parts = tokenizers.Regex(r"\s*[\r\n]+| ?\p{L}+| ?[^\s\p{L}]+|\s+")
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(parts, "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    backend.decoder = decoders.ByteLevel()
    special = ["<|end|>", "<|im_start|>", "<|im_end|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=320, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    backend.train_from_iterator([MIXTURE], trainer)
    HFTokenizer(backend, {"eos_token": "<|end|>"}, CHAT).save(home / "tokenizer")
    return str(home / "tokenizer")


def config(home, tokenizer, **changes):
    features = {"layout": "causal", "inputs_length": 64, "targets_length": 32, **changes.pop("features", {})}
    return RunConfig.from_config_dict(
        {
            "name": "decoder",
            "mixture": f"{home / 'mixture.py'}:toy",
            "heldout": ("hidden",),
            "model": {
                "family": "qwen3",
                "qk_norm": True,
                "d_model": 32,
                "d_ff": 64,
                "num_layers": 2,
                "num_heads": 4,
                "num_kv_heads": 2,
                "head_dim": 8,
                **changes.pop("model", {}),
            },
            "tokenizer": {"path": tokenizer},
            "data": {"batch_size": 8, "num_streams": 4, "window": 32, "features": features},
            "train": {
                "steps": changes.pop("steps", 8),
                "log_every": 1,
                "tensorboard": False,
                "optimizer": {"name": "adamw", "learning_rate": 1e-2},
            },
            "checkpoint": {"every_steps": 4},
            "evaluation": {"items": 6, "batch_size": 8, "max_target_tokens": 8},
            **changes,
        }
    )


def losses(workdir):
    lines = [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]
    return [line["loss"] for line in lines if "loss" in line and line.get("kind", "train") == "train"]


@pytest.fixture(scope="module")
def trained(home, tokenizer):
    """The workdir of eight steps, stopped and gone on after four."""
    workdir = home / "run"
    run.train(config(home, tokenizer, steps=4), workdir, log=lambda line: None)
    run.train(config(home, tokenizer), workdir, log=lambda line: None)
    return workdir


def test_a_decoder_learns_and_goes_on_as_if_it_had_not_stopped(home, tokenizer, trained):
    run.train(config(home, tokenizer), home / "whole", log=lambda line: None)
    assert losses(trained) == losses(home / "whole")
    assert losses(trained)[-1] < losses(trained)[0] - 0.5
    record = json.loads((trained / "mixture.json").read_text())
    assert set(record["packing"]) == {"row_fill", "target_fill"}
    assert 0.5 < record["packing"]["row_fill"] <= 1


def test_it_is_evaluated_on_the_cluster_held_out(trained):
    report = run.evaluate(trained, log=lambda line: None)
    rows = pq.read_table(report.parent / "predictions.parquet").to_pylist()
    assert {r["task"] for r in rows} == {"hidden"}
    assert {r["model"] for r in rows} == {"trained", "untuned"}
    assert all(len(r["option_log_likelihoods"]) == 3 and max(r["option_log_likelihoods"]) < 0 for r in rows)
    assert report.exists()


def test_a_text_is_generated_for_a_task_without_options(trained):
    report = run.evaluate(trained, tasks=["talking"], changes={"untuned": False}, log=lambda line: None)
    rows = pq.read_table(report.parent / "predictions.parquet").to_pylist()
    assert {r["scorer"] for r in rows} == {"generate"}


def test_its_export_is_the_same_model_in_transformers_and_here(home, tokenizer, trained):
    import torch
    import transformers

    from flanjax import checkpoint, parts
    from flanjax import huggingface as hf
    from flanjax.models import functional
    from flanjax.parallel import sharding

    run.export(trained, home / "export", log=lambda line: None)
    theirs = transformers.AutoModelForCausalLM.from_pretrained(home / "export", attn_implementation="eager").eval()
    assert theirs.config.model_type == "qwen3"
    assert transformers.AutoTokenizer.from_pretrained(home / "export").chat_template == CHAT
    step, meta = checkpoint.read_meta(trained)
    model = functional.config_from(meta["model"])
    mesh = sharding.make_mesh(sharding.MeshConfig(), jax.devices()[:1])
    params = parts.read_params(trained, step, model, mesh)
    ids = torch.arange(1, 20)[None]
    batch = {"decoder_inputs": ids.numpy(), "segment_ids": (ids * 0 + 1).numpy(), "positions": (ids - 1).numpy()}
    with jax.default_matmul_precision("highest"), torch.no_grad():
        ours = functional.bind(model, params)({k: jax.numpy.asarray(v) for k, v in batch.items()})
        assert abs(ours - theirs(ids).logits.numpy()).max() < 2e-5
    again, said = config(home, tokenizer, steps=2).to_dict(), []
    again["data"]["features"]["layout"] = "auto"
    tuned = RunConfig.from_config_dict({**again, "model": {"init": str(home / "export"), "size": "t5_small"}})
    run.train(tuned, home / "tuned", log=said.append)
    (note,) = (line for line in said if line.startswith("note: "))  # the weights are a decoder, whatever the config says
    assert "model.size is t5_small, but the weights of" in note
    assert checkpoint.read_meta(home / "tuned")[1]["config"]["data"]["features"]["layout"] == "causal"
    assert losses(home / "tuned")[0] < losses(trained)[0] - 0.3
    assert hf.open_model(home / "export").model_type == "qwen3"


@pytest.mark.parametrize("features", [{"layout": "prefix"}, {"chat": True}], ids=["prefix", "chat"])
def test_other_layouts_train_and_answer_too(home, tokenizer, features):
    workdir = home / "-".join(features)
    run.train(config(home, tokenizer, features=features, steps=6), workdir, log=lambda line: None)
    assert losses(workdir)[-1] < losses(workdir)[0]
    assert run.evaluate(workdir, tasks=["hidden", "talking"], log=lambda line: None).exists()


def test_rows_laid_out_for_the_other_kind_of_model_are_refused(home, tokenizer, trained):
    with pytest.raises(ConfigError, match=r"the model is a decoder, but data\.features\.layout is 'encoder_decoder'"):
        config(home, tokenizer, features={"layout": "encoder_decoder"})
    t5 = RunConfig.from_config_dict(
        {
            **config(home, tokenizer).to_dict(),
            "model": {"init": str(trained)},
            "data": {"batch_size": 8, "num_streams": 4, "features": {"layout": "encoder_decoder"}},
        }
    )
    with pytest.raises(ConfigError, match="set it to 'causal' or 'prefix'"):
        run.train(t5, home / "mixed", log=lambda line: None)


def test_a_size_of_a_decoder_takes_its_own_fields_only(capsys, home):
    (home / "bad.py").write_text(
        "def get_config():\n    return dict(name='x', mixture='m.py:m', model={'size': 'llama3_8b', 'num_decoder_layers': 2})\n"
    )
    assert main(["train", "--config", str(home / "bad.py"), "--workdir", str(home / "bad")]) == 1
    assert "unknown config key model.num_decoder_layers" in capsys.readouterr().err


def test_the_shipped_decoder_configs_are_whole():
    for name, family in (("qwen3_0_6b", "qwen3"), ("llama3_8b", "llama")):
        shipped = load_config(f"configs/flan_decoder.py:{name}")
        assert shipped.model.build(1000).family == family
        assert shipped.data.features.layout == "causal"
