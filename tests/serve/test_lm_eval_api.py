"""lm-evaluation-harness through the endpoint gives what its own Hugging Face class gives on an export."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from compiling import flags

from flanjax.data.tokenizer import TokenizerConfig, train_tokenizer

pytest.importorskip("tenacity", reason="lm-eval's API models need lm-eval[api]")

ROOT = Path(__file__).parents[2]
WORDS = ("sun", "moon", "star", "rain", "wind", "snow")
PROMPTS = [f"Say {word} and {other} again :" for word in WORDS for other in WORDS[:2]]


@pytest.fixture(scope="module")
def export(tmp_path_factory):
    """A Llama of transformers' with random weights, which prefers some tokens clearly to others."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    folder = tmp_path_factory.mktemp("lm_eval") / "hf"
    tokenizer = train_tokenizer(PROMPTS, TokenizerConfig(kind="words", vocab_size=64))
    torch.manual_seed(0)
    shape = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    ids = {"pad_token_id": tokenizer.pad_id, "eos_token_id": tokenizer.eos_id, "bos_token_id": None}
    config = LlamaConfig(vocab_size=tokenizer.vocab_size, initializer_range=0.3, tie_word_embeddings=False, **shape, **ids)
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.surrounded([tokenizer.eos_id], []).save(folder)  # as an export of a run without a separator has it
    return folder


@pytest.fixture(scope="module")
def address(export):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "XLA_FLAGS": flags(1)}
    command = [sys.executable, "-m", "flanjax.cli", "serve", str(export), "--port", "0"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        first = process.stdout.readline()
        yield re.search(r"http://127\.0\.0\.1:\d+", first)[0]
    finally:
        process.terminate()
        process.communicate(timeout=60)


def test_likelihoods_and_greedy_texts_are_those_of_lm_evals_own_class(export, address):
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
        add_bos_token=True,  # whatever the tokenizer puts before a text, as the other class does without being told
        max_retries=1,
    )
    until = {"until": ["star"], "max_gen_toks": 6}
    generate = [Instance("generate_until", {}, (prompt, until), n) for n, prompt in enumerate(PROMPTS)]
    texts = theirs.generate_until(generate)
    assert len(set(texts)) > 2
    assert [text.strip() for text in ours.generate_until(generate)] == [text.strip() for text in texts]

    asked = [(prompt, f" {word}") for prompt in PROMPTS for word in ("sun", "moon", "star rain", "snow again :")]
    asked += [(prompt, f" {text.split()[0]}") for prompt, text in zip(PROMPTS, texts, strict=True) if text.strip()]
    requests = [Instance("loglikelihood", {}, pair, n) for n, pair in enumerate(asked)]
    expected, found = theirs.loglikelihood(requests), ours.loglikelihood(requests)
    assert {greedy for _, greedy in expected} == {True, False}
    for (value, greedy), (got, is_greedy) in zip(expected, found, strict=True):
        assert got == pytest.approx(value, rel=1e-5, abs=1e-5)
        assert is_greedy is greedy
