"""lm-evaluation-harness gives for our model what its own class gives for the export; and for our tasks, what we score."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import tokenizers
import torch
import transformers
import yaml

from flanjax import run
from flanjax.cli import main
from flanjax.config import RunConfig

pytestmark = pytest.mark.usefixtures("one_device")

pytest.importorskip("lm_eval")
pytest.importorskip("accelerate", reason="lm_eval's HFLM needs accelerate: pip install lm-eval[hf]")

MIXTURE = """
from flanjax import Example, Mixture, Task, Template, rows

COLOURS = ("red", "green", "dark blue")
WORDS = ["sun", "moon", "star", "sky", "sea", "hill"]


def made(n):
    return [{"word": WORDS[i % 6], "colour": i * 7 % 3, "size": i % 5} for i in range(n)]


def colour(row):
    return Example({"word": row["word"], "shown": COLOURS[row["colour"]]}, COLOURS[row["colour"]], COLOURS)


def several(row):
    return colour(row)._replace(answer=(COLOURS[row["colour"]], "Red"))


def size(row):
    return Example({"word": row["word"], "size": "very " * row["size"] + "big"}, "very " * row["size"] + "big")


def task(name, cluster, templates, example, **settings):
    source = rows(name, train=made(60), test=made(24))
    templates = [Template(text, name=name) for name, text in templates.items()]
    return Task(name=name, cluster=cluster, source=source, example=example, templates=templates, evaluation="test", **settings)


toy = Mixture(
    name="toy",
    parts=[
        task("seeing", "seeing", {"Ask it": "Is the {{ word }} {{ shown }}?\\nWhich?", "say": "Colour: {{ shown }}"}, colour),
        task("hidden", "hidden", {"name it": "Name the colour of the {{ word }}: {{ shown }}"}, several),
        task("sizes", "sizes", {"say": "How big is the {{ word }}? {{ size }}"}, size, metrics=("exact_match", "rougeL")),
    ],
)
"""
# v1.0, tied: transformers 5 and lm-eval tie a T5 whatever its files say.
T5 = {"d_model": 32, "d_ff": 64, "num_layers": 2, "num_decoder_layers": 2, "num_heads": 4, "head_dim": 8}
T5 |= {"activation": "relu", "gated": False, "tied_embedding": True, "scale_logits": True}
LLAMA = {"family": "llama", "d_model": 32, "d_ff": 64, "num_layers": 2, "num_heads": 4, "num_kv_heads": 2, "head_dim": 8}
LLAMA |= {"max_positions": 48}

# The three kinds of lm-eval's tasks, as its own YAML files have them.
CHOICE = {
    "task": "toy_choice",
    "output_type": "multiple_choice",
    "doc_to_text": "Is the {{word}} {{shown}}?",
    "doc_to_choice": ["red", "green", "dark blue"],
    "doc_to_target": "colour",
    "num_fewshot": 2,
    "fewshot_config": {"sampler": "first_n"},
    "metric_list": [{"metric": name, "aggregation": "mean", "higher_is_better": True} for name in ("acc", "acc_norm")],
}
WRITTEN = {
    "task": "toy_written",
    "output_type": "generate_until",
    "doc_to_text": "How big is the {{word}}? {{shown}} ",
    "doc_to_target": "{{shown}}",
    "generation_kwargs": {"until": ["\n", "blue"], "max_gen_toks": 24, "do_sample": False},
    "metric_list": [{"metric": "exact_match", "aggregation": "mean", "higher_is_better": True}],
}
ROLLING = {
    "task": "toy_rolling",
    "output_type": "loglikelihood_rolling",
    "doc_to_text": "",
    "doc_to_target": "{{text}}",
    "metric_list": [{"metric": name} for name in ("word_perplexity", "byte_perplexity", "bits_per_byte")],
}


class Trained(NamedTuple):
    """A run, its export, and lm-eval's own class on the export."""

    kind: str
    home: Path
    workdir: Path
    theirs: Any

    def ours(self, **settings):
        from flanjax.harness.language_model import FlanjaxLM

        return FlanjaxLM(str(self.workdir), **{"batch_size": 5, **settings})


@pytest.fixture(scope="module", params=["t5", "llama"])
def trained(request, tmp_path_factory):
    from lm_eval.models.huggingface import HFLM

    torch.set_num_threads(1)  # more of them wait for each other where tests share the cores
    home = tmp_path_factory.mktemp(request.param)
    (home / "mixture.py").write_text(MIXTURE)
    write_tokenizer(home / "tokenizer")
    layout = "causal" if request.param == "llama" else "encoder_decoder"
    config = RunConfig.from_config_dict(
        {
            "name": f"toy_{request.param}",
            "mixture": f"{home / 'mixture.py'}:toy",
            "model": LLAMA if request.param == "llama" else T5,
            "tokenizer": {"path": str(home / "tokenizer")},
            "data": {
                "batch_size": 8, "num_streams": 4, "window": 32,
                "features": {"layout": layout, "inputs_length": 96, "targets_length": 16},
            },
            "train": {
                "seed": 1, "steps": 40, "log_every": 20, "tensorboard": False,
                "optimizer": {"name": "adamw", "learning_rate": 1e-2},
            },
            "checkpoint": {"every_steps": 40},
        }
    )  # fmt: skip
    run.train(config, home / "run", log=lambda line: None)
    run.export(home / "run", home / "hf", log=lambda line: None)
    write_rows(home / "tasks")
    return Trained(request.param, home, home / "run", HFLM(pretrained=str(home / "hf"), batch_size=1, device="cpu"))


def write_tokenizer(folder):
    """Pieces and their scores are written down: to train them gives others every time, and with them another model."""
    letters = "▁" + "".join(chr(code) for code in range(32, 127)) + "\n"
    words = "▁the ▁is ▁red ▁green ▁dark ▁blue ▁big ▁very ▁sun ▁moon ▁star ▁sky ▁sea ▁hill ▁Is ▁How ▁Name ▁of ▁colour "
    words += "▁Colour Which"
    scores = dict.fromkeys(("<pad>", "</s>", "<unk>"), 0.0) | dict.fromkeys(letters, -6.0) | dict.fromkeys(words.split(), -3.0)
    tokenizer = tokenizers.Tokenizer(tokenizers.models.Unigram(list(scores.items()), unk_id=2))
    tokenizer.pre_tokenizer, tokenizer.decoder = tokenizers.pre_tokenizers.Metaspace(), tokenizers.decoders.Metaspace()
    special = {"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
    transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special).save_pretrained(folder)


def write_rows(folder):
    """The local data of the three tasks, and their YAML files."""
    folder.mkdir()
    colours, words = ("red", "green", "dark blue"), ("sun", "moon", "star", "sky", "sea", "hill")
    rows = [{"word": words[i % 6], "shown": colours[i * 7 % 3], "colour": i * 7 % 3} for i in range(12)]
    texts = [" ".join(f"the {words[(i + j) % 6]} is {colours[j % 3]}" for j in range(1 + i * 3)) for i in range(5)]
    for task, data in ((CHOICE, rows), (WRITTEN, rows), (ROLLING, [{"text": text} for text in texts])):
        file = folder / f"{task['task']}.jsonl"
        file.write_text("".join(json.dumps(row) + "\n" for row in data))
        read = {"dataset_path": "json", "dataset_kwargs": {"data_files": {"test": str(file)}}, "test_split": "test"}
        read |= {"fewshot_split": "test"} if task is CHOICE else {}
        (folder / f"{task['task']}.yaml").write_text(yaml.safe_dump({**task, **read}))


def evaluated(model, folder, task):
    """lm-eval's results and samples of a task."""
    from lm_eval.evaluator import simple_evaluate
    from lm_eval.tasks import TaskManager

    manager = TaskManager(include_path=str(folder), include_defaults=False)
    found = simple_evaluate(model=model, tasks=[task], task_manager=manager, bootstrap_iters=0)
    return found["results"][task], sorted(found["samples"][task], key=lambda sample: sample["doc_id"])


def answers(samples):
    return [answer[0] if isinstance(answer, list) else answer for sample in samples for answer in sample["resps"]]


@pytest.fixture(scope="module")
def both(trained):
    """task -> (ours, theirs), each as (results, samples)."""
    ours = trained.ours()
    names = [task["task"] for task in (CHOICE, WRITTEN, ROLLING)]
    return {n: tuple(evaluated(m, trained.home / "tasks", n) for m in (ours, trained.theirs)) for n in names}


@pytest.mark.parametrize("task", ["toy_choice", "toy_rolling"])
def test_log_likelihoods_are_those_of_lm_evals_class_on_the_export(both, task):
    (results, samples), (their_results, their_samples) = both[task]
    ours, theirs = answers(samples), answers(their_samples)
    assert [s["arguments"] for s in samples] == [s["arguments"] for s in their_samples]
    if task == "toy_choice":
        assert [greedy for _, greedy in ours] == [greedy for _, greedy in theirs]
        assert {greedy for _, greedy in ours} == {True, False}
        ours, theirs = ([score for score, _ in found] for found in (ours, theirs))
    assert len(set(np.round(theirs, 3))) >= min(len(theirs), 10)
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=0)
    numbers = [name for name, value in their_results.items() if isinstance(value, float)]
    assert len(numbers) > 1
    assert {n: results[n] for n in numbers} == pytest.approx({n: their_results[n] for n in numbers}, rel=1e-5)


def test_greedy_texts_are_those_of_lm_evals_class_on_the_export(both):
    (results, samples), (their_results, their_samples) = both["toy_written"]
    ours, theirs = answers(samples), answers(their_samples)
    # Their encoder-decoder counts the prompt's tokens as room for the text: its texts may go on beyond the limit.
    assert all(b == a or b.startswith(a) for a, b in zip(ours, theirs, strict=True))
    assert len(set(theirs)) > 1
    assert all(text.strip() for text in theirs)
    if ours == theirs:
        assert results["exact_match,none"] == their_results["exact_match,none"]


def test_an_empty_context_trailing_spaces_and_long_texts_are_treated_as_there(trained):
    from lm_eval.api.instance import Instance

    long = "the sun is red and " * 20
    pairs = [("", "the sun"), ("the sun is ", "red"), ("the sun is", " red"), (long, "red"), ("", long.strip())][
        : 4 if trained.kind == "llama" else 5
    ]
    requests = [Instance("loglikelihood", {}, pair, i) for i, pair in enumerate(pairs)]
    ours, theirs = (model.loglikelihood(requests, disable_tqdm=True) for model in (trained.ours(), trained.theirs))
    np.testing.assert_allclose([s for s, _ in ours], [s for s, _ in theirs], rtol=1e-5)
    assert [greedy for _, greedy in ours] == [greedy for _, greedy in theirs]


def until(model, text, **settings):
    from lm_eval.api.instance import Instance

    return model.generate_until([Instance("generate_until", {}, (text, settings), 0)], disable_tqdm=True)[0]


def test_stop_strings_and_limits_are_those_of_lm_evals_class(trained):
    ours, prompt = trained.ours(), "How big is the sun? very very big\n"
    whole = until(trained.theirs, prompt, until=[], max_gen_toks=24)
    assert len(whole) > 8
    for stop in ([whole[3:6]], whole[5], [whole[6:], whole[3:5]]):
        assert until(ours, prompt, until=stop, max_gen_toks=24) == until(trained.theirs, prompt, until=stop, max_gen_toks=24)
    assert whole.startswith(until(ours, prompt, until=["nowhere"], max_gen_toks=24))
    short = until(ours, prompt, until=[], max_gen_toks=2)
    assert 0 < len(short) < len(whole)
    theirs = until(trained.theirs, prompt, until=[], max_gen_toks=2)
    # Their encoder-decoder counts the prompt's tokens as room for the text.
    assert theirs == short if trained.kind == "llama" else theirs.startswith(short) and len(theirs) > len(short)


def test_what_cannot_be_met_is_refused_by_name(trained):
    ours = trained.ours()
    with pytest.raises(ValueError, match=r"generation_kwargs.num_beams=4 is not supported"):
        until(ours, "a", until=[], num_beams=4)
    with pytest.raises(ValueError, match=r"the model flanjax has no argument 'batch_sise'; did you mean 'batch_size'"):
        trained.ours(batch_sise=3)
    if trained.kind == "llama":
        with pytest.raises(ValueError, match="max_gen_toks is 48, and the model reads 48 tokens, context included"):
            until(ours, "a", until=[], max_gen_toks=48)


def test_our_tasks_written_for_lm_eval_score_there_as_here(trained, tmp_path, capsys):
    """The accuracy of choices under the preset lm_eval, and every mean of texts, by our command and by lm-eval's own class."""
    if trained.kind == "llama":
        pytest.skip("the tiny decoder reads 48 tokens, fewer than the tasks' limit of 64 for a text")
    address, tasks = f"{trained.home / 'mixture.py'}:toy", tmp_path / "tasks"
    assert main(["lm-eval", "--write-tasks", address, "--output", str(tasks), "--model", str(trained.workdir)]) == 0
    assert "4 tasks written" in capsys.readouterr().out
    tasks = tasks.rename(tmp_path / "moved")  # the files find each other
    changes = {"preset": "lm_eval", "items": 0, "max_target_tokens": 64}
    report = run.evaluate_model(trained.workdir, address, output=tmp_path / "ours", changes=changes, log=lambda line: None)
    ours = {row["task"]: row for row in json.loads((report.parent / "results.json").read_text())["tasks"]}
    command = ["lm-eval", "--model", str(trained.workdir), "--include-path", str(tasks), "--output", str(tmp_path / "out")]
    assert main([*command, "--log-samples", "--tasks", "flanjax_seeing", "flanjax_hidden", "flanjax_sizes"]) == 0
    assert "flanjax_seeing_ask_it" in capsys.readouterr().out
    found = json.loads((tmp_path / "out" / "results.json").read_text())["results"]
    scores = {t["template"]: t["mean"] for t in ours["seeing"]["template_scores"]}
    expected = {
        "flanjax_seeing_ask_it": {"acc": scores["Ask it"]},
        "flanjax_seeing_say": {"acc": scores["say"]},
        "flanjax_hidden_name_it": {"acc": ours["hidden"]["metrics"]["accuracy"]["mean"]},
        "flanjax_sizes_say": {name: ours["sizes"]["metrics"][name]["mean"] for name in ("exact_match", "rougeL")},
    }
    for task, metrics in expected.items():
        for name, mean in metrics.items():
            assert 100 * found[task][f"{name},none"] == pytest.approx(mean, abs=1e-4), (task, name)
    theirs, samples = evaluated(trained.theirs, tasks, "flanjax_hidden_name_it")
    assert theirs["acc,none"] == pytest.approx(found["flanjax_hidden_name_it"]["acc,none"])
    assert len(samples) == len((tmp_path / "out" / "samples_flanjax_hidden_name_it.jsonl").read_text().splitlines()) == 24


def test_a_task_that_lm_eval_lacks_is_named_with_the_nearest(trained, capsys):
    if trained.kind == "llama":
        pytest.skip("no model is opened, and to look through all of lm-eval's tasks takes long")
    tasks = trained.home / "tasks"
    command = ["lm-eval", "--model", str(trained.workdir), "--include-path", str(tasks), "--tasks"]
    assert main([*command, "toy_choise"]) == 1
    assert "lm-eval has no task 'toy_choise'; did you mean 'toy_choice'" in capsys.readouterr().err
