"""Log-likelihoods and greedy texts equal Hugging Face's for any batch size, mesh and order of prompts."""

import dataclasses
import functools

import jax
import numpy as np
import pytest
import torch
import transformers

from flanjax import huggingface as hf
from flanjax.data.feature_config import FeatureConfig
from flanjax.data.layout import make_layout
from flanjax.data.tokenizer import ByteTokenizer
from flanjax.generate.scorer import Scorer
from flanjax.models import functional
from flanjax.models.decoder import DecoderConfig
from flanjax.models.t5 import T5Config
from flanjax.parallel.sharding import MeshConfig, make_mesh

EOS, VOCABULARY, MAX_TOKENS = 1, 96, 12
DONE = []  # progress that decoders report
V1_1 = T5Config(vocab_size=VOCABULARY, d_model=24, d_ff=40, num_layers=2, num_decoder_layers=2, num_heads=2, head_dim=16)
V1_0 = dataclasses.replace(V1_1, activation="relu", gated=False, tied_embedding=True, scale_logits=True)
LLAMA = DecoderConfig(vocab_size=VOCABULARY, d_model=24, d_ff=40, num_layers=2, num_heads=4, num_kv_heads=2, head_dim=8)
WINDOWED = dataclasses.replace(LLAMA, family="mistral", window=6)
MODELS = {"v1.1": V1_1, "v1.0": V1_0, "llama": LLAMA, "mistral": WINDOWED}
DECODERS = ("llama", "mistral")


@functools.cache
def weights(version):
    """Weights whose greedy texts differ by prompt and end at different lengths."""
    config = MODELS[version]
    params = jax.jit(functional.init, static_argnums=0)(config, jax.random.key(3))
    rng = np.random.default_rng(0)
    params = jax.tree.map(lambda x: np.asarray(x) * (1 + 0.2 * rng.normal(size=x.shape)).astype(np.float32), params)
    if version in DECODERS:
        params["head"][:, EOS] *= 3
        return params
    # The decoder attends to the input sharply, so that prompts matter.
    params["decoder"]["layers"]["cross"]["o"] *= 6
    if config.tied_embedding:
        params["embedding"][EOS] *= 2
    else:
        params["head"][:, EOS] *= 3
    return params


@functools.cache
def scorer(version, batch_size=4, devices=1):
    mesh = make_mesh(MeshConfig(data=2, fsdp=2, tensor=2) if devices == 8 else MeshConfig(), jax.devices()[:devices])
    layout = make_layout(FeatureConfig(layout="causal" if version in DECODERS else "encoder_decoder"), ByteTokenizer())
    return Scorer(MODELS[version], weights(version), mesh, layout, batch_size=batch_size, progress=DONE.append)


@functools.cache
def prompts():
    """Nine prompts of 1 to 16 tokens, not in order of length."""
    rng = np.random.default_rng(1)
    return tuple(tuple(rng.integers(2, VOCABULARY, n).tolist()) for n in (3, 16, 1, 7, 8, 15, 2, 12, 5))


@functools.cache
def options():
    """One to seven options a prompt, of 1 to 8 tokens; seven are more than fit one batch of four."""
    rng = np.random.default_rng(2)
    return tuple(
        tuple(tuple(rng.integers(1, VOCABULARY, 1 + (i + j) % 8).tolist()) for j in range(1 + i * 3 % 7))
        for i in range(len(prompts()))
    )


@pytest.fixture(scope="module", params=MODELS)
def exported(request, tmp_path_factory):
    """(version, the same model in torch)."""
    directory = tmp_path_factory.mktemp("export")
    hf.save(directory, MODELS[request.param], weights(request.param))
    kind = transformers.AutoModelForCausalLM if request.param in DECODERS else transformers.T5ForConditionalGeneration
    return request.param, kind.from_pretrained(directory, attn_implementation="eager").eval()


def torch_log_likelihood(model, prompt, option):
    with torch.no_grad():
        if model.config.is_encoder_decoder:
            logits = model(input_ids=torch.tensor([prompt]), decoder_input_ids=torch.tensor([[0, *option[:-1]]])).logits[0]
        else:
            logits = model(input_ids=torch.tensor([[*prompt, *option[:-1]]])).logits[0, len(prompt) - 1 :]
    return logits.double().log_softmax(-1)[torch.arange(len(option)), torch.tensor(option)].sum().item()


def torch_greedy(model, prompt):
    given = torch.tensor([prompt])
    written = model.generate(
        given,
        attention_mask=torch.ones_like(given),
        do_sample=False,
        num_beams=1,
        max_new_tokens=MAX_TOKENS,
        eos_token_id=EOS,
        pad_token_id=0,
    )[0].tolist()[1 if model.config.is_encoder_decoder else len(prompt) :]
    return written[: written.index(EOS)] if EOS in written else written


@functools.cache
def our_scores(version, batch_size=4, devices=1):
    return scorer(version, batch_size, devices).log_likelihoods(prompts(), options())


@functools.cache
def our_texts(version, batch_size=4, devices=1):
    return scorer(version, batch_size, devices).generate(prompts(), MAX_TOKENS)


def test_log_likelihoods_of_options_are_those_of_torch(exported):
    version, model = exported
    scores = our_scores(version)
    assert [len(s) for s in scores] == [len(o) for o in options()]
    for prompt, asked, found in zip(prompts(), options(), scores, strict=True):
        np.testing.assert_allclose(found, [torch_log_likelihood(model, prompt, o) for o in asked], rtol=0, atol=1e-4)


def test_options_are_told_apart_by_more_than_the_tolerance():
    spread = [max(s) - min(s) for s in our_scores("v1.1") if len(s) > 1]
    assert min(spread) > 0.1
    same = scorer("v1.1").log_likelihoods(prompts(), [options()[6]] * len(prompts()))
    assert np.std(same, axis=0).min() > 0.01


def test_greedy_texts_are_those_of_torch(exported):
    version, model = exported
    texts = our_texts(version)
    assert [t.ids for t in texts] == [torch_greedy(model, p) for p in prompts()]
    assert len({tuple(t.ids) for t in texts}) > len(texts) // 2


def test_a_text_says_why_it_ended():
    texts = [t for version in ("v1.1", "v1.0") for t in our_texts(version)]
    assert {t.stop for t in texts} == {"eos", "length"}
    for text in texts:
        assert EOS not in text.ids
        assert (text.stop == "length") == (len(text.ids) == MAX_TOKENS)


def test_a_shorter_limit_cuts_the_same_text():
    short = scorer("v1.1").generate(prompts(), 3)
    assert [t.ids for t in short] == [t.ids[:3] for t in our_texts("v1.1")]


@pytest.mark.parametrize(("version", "batch_size", "devices"), [("v1.1", 1, 1), ("v1.1", 3, 8), ("llama", 3, 8)])
def test_neither_the_batch_nor_the_mesh_changes_a_result(version, batch_size, devices):
    for found, expected in zip(our_scores(version, batch_size, devices), our_scores(version), strict=True):
        np.testing.assert_allclose(found, expected, rtol=0, atol=2e-5)
    assert our_texts(version, batch_size, devices) == our_texts(version)


def test_an_option_that_is_the_greedy_text_has_the_best_likelihood_token_by_token():
    """Scoring and generating agree: no other first token beats the one that was generated."""
    firsts = [[[token] for token in range(VOCABULARY)]] * len(prompts())
    for scores, text in zip(scorer("v1.1").log_likelihoods(prompts(), firsts), our_texts("v1.1"), strict=True):
        np.testing.assert_allclose(np.logaddexp.reduce(scores), 0, atol=1e-4)
        assert int(np.argmax(scores)) == (text.ids[0] if text.ids else EOS)


def test_progress_counts_every_prompt_once():
    asked = scorer("v1.1")
    DONE.clear()
    asked.log_likelihoods(prompts(), options())
    assert sum(DONE) == len(prompts())
    asked.generate(prompts(), MAX_TOKENS)
    assert sum(DONE) == 2 * len(prompts())


def test_other_parameters_can_be_used_with_what_is_compiled():
    one = scorer("v1.1")
    before = one.log_likelihoods(prompts()[:2], options()[:2])
    one.use({**weights("v1.1"), "head": weights("v1.1")["head"] * 0.5})
    after = one.log_likelihoods(prompts()[:2], options()[:2])
    assert abs(before[1][0] - after[1][0]) > 1e-3
    one.use(weights("v1.1"))
    assert one.log_likelihoods(prompts()[:2], options()[:2]) == before


def test_nothing_to_ask_is_nothing_to_answer():
    assert scorer("v1.1").log_likelihoods([], []) == []
    assert scorer("v1.1").generate([], 4) == []
    assert scorer("v1.1").log_likelihoods([[2, 3]], [[]]) == [[]]
