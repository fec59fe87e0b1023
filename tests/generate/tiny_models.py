"""Small models with random weights whose texts differ by prompt and end at different lengths, here and in torch."""

import dataclasses
import functools
import tempfile

import jax
import numpy as np

from flanjax import huggingface as hf
from flanjax.data.feature_config import FeatureConfig
from flanjax.data.layout import make_layout
from flanjax.data.tokenizer import ByteTokenizer
from flanjax.generate.engine import Engine
from flanjax.models import functional
from flanjax.models.decoder import DecoderConfig
from flanjax.models.t5 import T5Config
from flanjax.parallel.sharding import MeshConfig, make_mesh

EOS, VOCABULARY = 1, 96
SHAPE = {"vocab_size": VOCABULARY, "d_model": 24, "d_ff": 40, "num_layers": 2}
V1_1 = T5Config(**SHAPE, num_decoder_layers=2, num_heads=2, head_dim=16)
LLAMA = DecoderConfig(**SHAPE, num_heads=4, num_kv_heads=2, head_dim=8)
MODELS = {
    "t5 v1.1": V1_1,
    "t5 v1.0": dataclasses.replace(V1_1, activation="relu", gated=False, tied_embedding=True, scale_logits=True),
    "llama": LLAMA,
    "mistral": dataclasses.replace(LLAMA, family="mistral", window=6),
    "qwen3": dataclasses.replace(LLAMA, family="qwen3", qk_norm=True),
    "gemma2": dataclasses.replace(
        LLAMA,
        family="gemma2",
        window=6,
        global_every=2,
        query_pre_attn_scalar=12,
        attention_soft_cap=2.0,
        logits_soft_cap=1.5,
        norm="rms_plus_one",
        post_norm=True,
        activation="gelu",
        tied_embedding=True,
        scale_embedding=True,
    ),
    "gpt_neox": dataclasses.replace(
        LLAMA,
        family="gpt_neox",
        num_kv_heads=4,
        rope_fraction=0.5,
        norm="layer",
        bias="all",
        gated=False,
        activation="gelu_exact",
        parallel_residual=True,
        fused_qkv=True,
        d_model=32,
    ),
}


@functools.cache
def weights(name):
    config = MODELS[name]
    params = jax.jit(functional.init, static_argnums=0)(config, jax.random.key(3))
    rng = np.random.default_rng(0)
    params = jax.tree.map(lambda x: np.asarray(x) * (1 + 0.2 * rng.normal(size=x.shape)).astype(np.float32), params)
    if config.kind == "t5":
        params["decoder"]["layers"]["cross"]["o"] *= 6  # attends to the input sharply, so that prompts matter
    if config.tied_embedding:
        params["embedding"][EOS] *= 2
    else:
        params["head"][:, EOS] *= 3
    return params


def layout(name):
    kind = "encoder_decoder" if MODELS[name].kind == "t5" else "causal"
    return make_layout(FeatureConfig(layout=kind), ByteTokenizer())


def engine(name, devices=1, **settings):
    mesh = make_mesh(MeshConfig(data=2, fsdp=2, tensor=2) if devices == 8 else MeshConfig(), jax.devices()[:devices])
    return Engine(MODELS[name], weights(name), mesh, layout(name), end_repetition=False, **settings)


@functools.cache
def in_torch(name):
    """The same model in torch."""
    import transformers  # late: processes that only write need neither

    with tempfile.TemporaryDirectory() as directory:
        hf.save(directory, MODELS[name], weights(name))
        kind = transformers.T5ForConditionalGeneration if MODELS[name].kind == "t5" else transformers.AutoModelForCausalLM
        return kind.from_pretrained(directory, attn_implementation="eager").eval()


def torch_text(name, prompt, max_tokens, **settings):
    """The ids that torch writes after one prompt, without the end."""
    import torch

    model, given = in_torch(name), torch.tensor([prompt])
    settings = {"do_sample": False, "num_beams": 1, **settings}
    ends = {"eos_token_id": EOS, "pad_token_id": 0}
    with torch.no_grad():
        written = model.generate(given, attention_mask=torch.ones_like(given), max_new_tokens=max_tokens, **ends, **settings)
    ids = written[0, 1 if model.config.is_encoder_decoder else len(prompt) :].tolist()
    return ids[: ids.index(EOS)] if EOS in ids else ids


def prompts(count, longest=17, seed=0):
    """Prompts of mixed lengths below `longest`, not in order, and a limit of tokens for each."""
    rng = np.random.default_rng(seed)
    lengths, limits = rng.integers(1, longest, count), rng.integers(1, 30, count)
    return [(rng.integers(2, VOCABULARY, n).tolist(), int(limit)) for n, limit in zip(lengths, limits, strict=True)]
