"""lm-evaluation-harness through the endpoint gives what its own Hugging Face class gives on an export."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import flanjax
from flanjax import Example, Mixture, Task, Template, rows

ROOT = Path(__file__).parents[2]
WORDS = [{"word": word} for word in ("sun", "moon", "star", "rain", "wind", "snow")]
CONFIG = {
    "name": "toy",
    "model": {"family": "llama", "d_model": 32, "d_ff": 64, "num_layers": 2, "num_heads": 2, "num_kv_heads": 1, "head_dim": 16},
    "tokenizer": {"kind": "words", "vocab_size": 64, "train_examples": 50},
    "data": {"batch_size": 8, "window": 64, "features": {"inputs_length": 32, "targets_length": 16, "separator": ""}},
    "train": {"steps": 30, "log_every": 10, "optimizer": {"name": "adamw", "learning_rate": 1e-2, "warmup_steps": 3}},
}


@pytest.fixture(scope="module")
def export(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lm_eval")
    task = Task(
        name="say",
        cluster="copying",
        source=rows("say", train=WORDS, test=WORDS),
        example=lambda row: Example({"word": row["word"]}, answer=row["word"]),
        templates=[Template("Say {{ word }} and {{ word }} again :")],
        evaluation="test",
        metrics=["exact_match"],
    )
    run = flanjax.open_run(CONFIG, Mixture(name="toy", parts=[task]), workdir=folder / "run", say=lambda line: None)
    run.train()
    run.export(folder / "hf")
    return folder / "hf"


@pytest.fixture(scope="module")
def address(export):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "XLA_FLAGS": "--xla_force_host_platform_device_count=1"}
    command = [sys.executable, "-m", "flanjax.cli", "serve", str(export), "--port", "0"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        first = process.stdout.readline()
        yield re.search(r"http://127\.0\.0\.1:\d+", first)[0]
    finally:
        process.terminate()
        process.communicate(timeout=60)


def test_likelihoods_and_greedy_texts_are_those_of_lm_evals_own_class(export, address, monkeypatch):
    from lm_eval.api.instance import Instance
    from lm_eval.models.huggingface import HFLM
    from lm_eval.models.openai_completions import LocalCompletionsAPI

    theirs = HFLM(pretrained=str(export), device="cpu", dtype="float32", batch_size=4)
    ours = LocalCompletionsAPI(
        base_url=f"{address}/v1/completions",
        model=str(export),
        tokenizer=str(export),
        tokenizer_backend="huggingface",
        batch_size=4,
        max_retries=1,
    )
    prompts = [f"Say {row['word']} and {row['word']} again :" for row in WORDS]
    asked = [(prompt, f" {word}") for prompt in prompts for word in ("sun", "moon", "star rain", "snow again :")]
    requests = [Instance("loglikelihood", {}, pair, n) for n, pair in enumerate(asked)]
    expected, found = theirs.loglikelihood(requests), ours.loglikelihood(requests)
    assert len({round(value, 3) for value, _ in expected}) > 10
    assert {greedy for _, greedy in expected} == {True, False}
    for (value, greedy), (got, is_greedy) in zip(expected, found, strict=True):
        assert got == pytest.approx(value, rel=1e-5, abs=1e-5)
        assert is_greedy is greedy

    until = [
        Instance("generate_until", {}, (prompt, {"until": ["star"], "max_gen_toks": 6}), n) for n, prompt in enumerate(prompts)
    ]
    texts = theirs.generate_until(until)
    assert len(set(texts)) > 2
    assert [text.strip() for text in ours.generate_until(until)] == [text.strip() for text in texts]
