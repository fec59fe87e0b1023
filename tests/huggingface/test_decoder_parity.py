"""Parity with Hugging Face's decoders in torch, and the way between their settings and tensors and ours."""

import dataclasses
import functools
import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
import transformers
from safetensors.numpy import load_file, save_file

from flanjax.huggingface.decoder import MODEL_TYPES, config_json, config_of, family_of, head_and_embedding, ignored, tensors
from flanjax.models.decoder_config import SIZES, DecoderConfig
from flanjax.models.functional import abstract, bind

ATOL = 2e-5
QUICK = {"xla_backend_optimization_level": 0}
WINDOW = 40
LENGTHS = (150, 37, 5, 90)
ROWS = (((3, 0), (153, 1)), ((0, 2), (12, 3)))  # (start, example) in rows of 200: padding before, between and behind
ROW_LENGTH = 200

# With heads of 16 features, three frequencies are kept, one is between, and four are divided.
LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 10_000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 256,
}
SHAPE = {"vocab_size": 96, "hidden_size": 48, "intermediate_size": 80, "num_hidden_layers": 3}
HEADS = {"num_attention_heads": 6, "num_key_value_heads": 2, "head_dim": 16}  # inner size 96, other than hidden_size
CASES = {
    "llama": ("llama", {**HEADS, "rope_parameters": LLAMA3, "tie_word_embeddings": False}),
    "llama tied": ("llama", {**HEADS, "rms_norm_eps": 1e-3, "tie_word_embeddings": True}),
    "mistral": ("mistral", {**HEADS, "sliding_window": WINDOW, "rms_norm_eps": 1e-5}),
    "qwen2": ("qwen2", {**HEADS, "rope_parameters": {"rope_theta": 1e6, "rope_type": "default"}, "tie_word_embeddings": True}),
    "qwen3": ("qwen3", HEADS),
    "gemma": ("gemma", {**HEADS, "num_key_value_heads": 1}),
    "gemma2": ("gemma2", {**HEADS, "num_hidden_layers": 4, "sliding_window": WINDOW, "query_pre_attn_scalar": 20}),
    "gpt_neox": ("gpt_neox", {"num_attention_heads": 3, "rotary_pct": 0.25, "layer_norm_eps": 1e-3}),
    "gpt_neox sequential": ("gpt_neox", {"num_attention_heads": 3, "rotary_pct": 0.5, "use_parallel_residual": False}),
}
# So small that caps bend what they cap: scores and logits have a deviation near 1.
CAPS = {"attn_logit_softcapping": 2.0, "final_logit_softcapping": 1.5}


@pytest.fixture(autouse=True)
def exact_products():
    with jax.default_matmul_precision("highest"):
        yield


def randomize(model: torch.nn.Module):
    """Weights that keep activations near 1, yet with norms and biases that a mistake would not survive."""
    generator = torch.Generator().manual_seed(0)
    family = model.config.model_type
    for name, weight in model.named_parameters():
        noise = torch.randn(weight.shape, generator=generator)
        if "norm" in name and name.endswith("weight"):
            weight.data = 0.3 * noise + (0 if family.startswith("gemma") else 1)
        elif name.endswith("bias"):
            weight.data = 0.3 * noise
        elif "embed" in name and "embed_out" not in name and not model.config.tie_word_embeddings:
            weight.data = noise
        else:
            weight.data = noise * weight.shape[1] ** -0.5


def torch_model(case: str):
    family, changes = CASES[case]
    config = transformers.AutoConfig.for_model(family, **{**SHAPE, **changes, **(CAPS if family == "gemma2" else {})})
    config._attn_implementation = "eager"
    model = transformers.AutoModelForCausalLM.from_config(config, attn_implementation="eager").eval()
    randomize(model)
    return model


@functools.cache
def examples() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, SHAPE["vocab_size"], length) for length in LENGTHS]


def torch_logits(model, tokens: np.ndarray, **given) -> np.ndarray:
    with torch.no_grad():
        return model(torch.from_numpy(tokens)[None], **given).logits[0].numpy()


@pytest.fixture(scope="module", params=CASES)
def saved(request, tmp_path_factory):
    """A model, the directory it is saved in, and its logits of each example alone."""
    model = torch_model(request.param)
    directory = tmp_path_factory.mktemp("hf")
    model.save_pretrained(directory)
    return model, directory, [torch_logits(model, tokens) for tokens in examples()]


def load(directory: Path) -> tuple[DecoderConfig, dict]:
    """Config and parameters, by nothing but the table."""
    files = load_file(directory / "model.safetensors")
    shapes = {name: value.shape for name, value in files.items()}
    path = directory / "config.json"
    config = config_of(json.loads(path.read_text()), shapes, path)
    params: dict = {}
    used = set()
    for tensor in tensors(config, config.family):
        layers = [files[name].T if tensor.transpose else files[name] for name in tensor.names]
        assert all(files[name].shape == tensor.shape for name in tensor.names), tensor
        used |= set(tensor.names)
        node = params
        for name in tensor.path[:-1]:
            node = node.setdefault(name, {})
        node[tensor.path[-1]] = np.stack(layers) if tensor.layers else layers[0]
    assert files.keys() - used <= set(ignored(config))
    return config, params


def save(directory: Path, config: DecoderConfig, params: dict):
    files = {}
    for tensor in tensors(config, family_of(config)):
        value = functools.reduce(lambda node, name: node[name], tensor.path, params)
        assert value.shape == tensor.our_shape, tensor
        for name, layer in zip(tensor.names, value if tensor.layers else [value], strict=True):
            files[name] = np.ascontiguousarray(layer.T if tensor.transpose else layer)
    save_file(files, directory / "model.safetensors", metadata={"format": "pt"})
    (directory / "config.json").write_text(json.dumps(config_json(config, family_of(config))))


def packed_batch() -> dict[str, np.ndarray]:
    shape = (len(ROWS), ROW_LENGTH)
    batch = {name: np.zeros(shape, np.int32) for name in ("segment_ids", "positions")}
    batch["decoder_inputs"] = np.random.default_rng(1).integers(0, 96, shape, np.int32)
    for row, places in enumerate(ROWS):
        for segment, (start, example) in enumerate(places, start=1):
            at = slice(start, start + LENGTHS[example])
            batch["decoder_inputs"][row, at] = examples()[example]
            batch["segment_ids"][row, at] = segment
            batch["positions"][row, at] = np.arange(LENGTHS[example])
    return batch


@functools.partial(jax.jit, static_argnums=0, compiler_options=QUICK)
def forward(config: DecoderConfig, params, batch) -> jax.Array:
    return bind(config, params)(batch)


def test_packed_rows_of_loaded_weights_have_the_logits_of_torch_on_each_example_alone(saved):
    _, directory, expected = saved
    logits = np.asarray(forward(*load(directory), packed_batch()))
    for row, places in enumerate(ROWS):
        for start, example in places:
            assert 0.3 < expected[example].std() < 3.0
            got = logits[row, start : start + LENGTHS[example]]
            np.testing.assert_allclose(got, expected[example], rtol=0, atol=ATOL, err_msg=f"example {example}")


def test_exported_models_have_their_logits_in_torch(saved, tmp_path):
    model, directory, expected = saved
    config, params = load(directory)
    save(tmp_path, config, params)
    loaded, info = transformers.AutoModelForCausalLM.from_pretrained(
        tmp_path, attn_implementation="eager", output_loading_info=True
    )
    assert type(loaded) is type(model)
    assert not any(info.values()), info
    is_tied = loaded.get_output_embeddings().weight is loaded.get_input_embeddings().weight
    assert is_tied == config.tied_embedding == model.config.tie_word_embeddings
    for tokens, logits in zip(examples(), expected, strict=True):
        np.testing.assert_allclose(torch_logits(loaded.eval(), tokens), logits, rtol=0, atol=ATOL)
    assert load(tmp_path)[0] == config


def test_tables_name_the_parameters_of_the_module(saved):
    config, params = load(saved[1])
    assert jax.tree.map(np.shape, params) == jax.tree.map(np.shape, abstract(config)[1])


@pytest.mark.parametrize("case", ["llama", "gemma2"])
def test_prefixes_are_seen_both_ways_as_under_an_explicit_mask(case, tmp_path):
    model, tokens, prefix = torch_model(case), examples()[0], 60
    model.save_pretrained(tmp_path)
    queries, keys = np.arange(len(tokens))[:, None], np.arange(len(tokens))
    seen = (keys <= queries) | (keys < prefix)
    masks = {"full_attention": seen, "sliding_attention": seen & (keys > queries - WINDOW)}
    masks = {name: torch.from_numpy(np.where(mask, 0, -np.inf).astype(np.float32))[None, None] for name, mask in masks.items()}
    mask = masks if case == "gemma2" else masks["full_attention"]
    expected = torch_logits(model, tokens, attention_mask=mask)
    assert np.abs(expected - torch_logits(model, tokens)).max() > 0.1
    batch = {
        "decoder_inputs": tokens[None].astype(np.int32),
        "segment_ids": np.ones((1, len(tokens)), np.int32),
        "positions": keys[None].astype(np.int32),
        "prefix": (keys < prefix)[None],
    }
    np.testing.assert_allclose(forward(*load(tmp_path), batch)[0], expected, rtol=0, atol=ATOL)


@pytest.mark.parametrize("case", ["llama", "gemma2"])
def test_greedy_texts_are_those_of_generate(case, tmp_path):
    model, steps = torch_model(case), 12
    model.save_pretrained(tmp_path)
    config, params = load(tmp_path)
    prompts = [tokens[:length] for tokens, length in zip(examples(), (50, 1, 5, 33), strict=True)]
    padded, real = np.zeros((2, len(prompts), 56), np.int32)
    for row, seen, prompt in zip(padded, real, prompts, strict=True):
        row[: len(prompt)], seen[: len(prompt)] = prompt, 1
    batch = {"decoder_inputs": padded, "segment_ids": real, "positions": np.tile(np.arange(56), (len(prompts), 1))}

    @functools.partial(jax.jit, compiler_options=QUICK)
    def generate(params, batch):
        model = bind(config, params)
        step_of = model.stepper()

        def step(carry, _):
            logits, cache = step_of(*carry)
            chosen = jnp.argmax(logits, axis=-1).astype(jnp.int32)
            return (chosen, cache), chosen

        return jax.lax.scan(step, model.begin(model.read(batch), steps), None, length=steps)[1].T

    texts = generate(params, batch)
    options = {"do_sample": False, "max_new_tokens": steps, "min_new_tokens": steps, "eos_token_id": None, "pad_token_id": 0}
    for prompt, text in zip(prompts, texts, strict=True):
        expected = model.generate(torch.from_numpy(prompt)[None], attention_mask=torch.ones(1, len(prompt)), **options)
        np.testing.assert_array_equal(text, expected[0, len(prompt) :])


LLAMA_JSON = {**SHAPE, **HEADS, "model_type": "llama", "rms_norm_eps": 1e-5}
PATH = Path("there/config.json")


def test_both_forms_of_rope_settings_mean_the_same():
    scaling = {name: value for name, value in LLAMA3.items() if name != "rope_theta"}
    v5 = config_of({**LLAMA_JSON, "rope_parameters": {**LLAMA3, "rope_theta": 5e5}}, {}, PATH)
    v4 = config_of({**LLAMA_JSON, "rope_scaling": scaling, "rope_theta": 5e5}, {}, PATH)
    assert v4 == v5
    assert (v4.rope_theta, v4.rope_factor, v4.rope_original_positions) == (5e5, 8.0, 256)
    neox = {**SHAPE, "model_type": "gpt_neox", "num_attention_heads": 3}
    v5 = config_of({**neox, "rope_parameters": {"rope_theta": 1e5, "partial_rotary_factor": 0.5}}, {}, PATH)
    assert v5 == config_of({**neox, "rotary_emb_base": 1e5, "rotary_pct": 0.5}, {}, PATH)
    assert (v5.rope_theta, v5.rotary_dim) == (1e5, 8)


@pytest.mark.parametrize("family", MODEL_TYPES)
def test_a_config_that_is_silent_means_what_transformers_takes_it_for(family):
    silent = {**SHAPE, "model_type": family, "hidden_size": 256, "num_attention_heads": 32, "num_hidden_layers": 2}
    silent["max_position_embeddings"] = 64
    full = transformers.AutoConfig.for_model(**silent).to_dict()
    assert config_of(silent, {}, PATH) == config_of(full, {}, PATH)


@pytest.mark.parametrize("family", ["qwen2", "qwen3"])
def test_a_window_that_is_used_and_not_said_is_that_of_transformers(family):
    silent = {**SHAPE, "model_type": family, "hidden_size": 256, "num_attention_heads": 32, "num_hidden_layers": 2}
    silent |= {"max_position_embeddings": 64, "use_sliding_window": True, "max_window_layers": 0}
    full = transformers.AutoConfig.for_model(**silent).to_dict()
    assert config_of(silent, {}, PATH) == config_of(full, {}, PATH)
    assert full["sliding_window"] == 4096


def test_gemmas_first_name_of_its_activation_means_the_approximation():
    gemma = {**LLAMA_JSON, "model_type": "gemma", "hidden_act": "gelu", "hidden_activation": None}
    assert config_of(gemma, {}, PATH).activation == "gelu"
    neox = {**SHAPE, "model_type": "gpt_neox", "num_attention_heads": 3, "hidden_act": "gelu"}
    assert config_of(neox, {}, PATH).activation == "gelu_exact"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, (None, None)),
        ({"use_sliding_window": True, "max_window_layers": 0}, (64, None)),
        ({"use_sliding_window": True, "max_window_layers": 3}, (None, None)),
        ({"use_sliding_window": True, "layer_types": ["sliding_attention"] * 2 + ["full_attention"]}, (64, 3)),
        ({"use_sliding_window": False, "layer_types": ["full_attention"] * 3}, (None, None)),
    ],
)
def test_windows_of_layers_are_read_from_types_and_from_counts(change, expected):
    config = config_of({**LLAMA_JSON, "model_type": "qwen3", "sliding_window": 64, **change}, {}, PATH)
    assert (config.window, config.global_every) == expected


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model_type": "mixtral"}, r"there/config\.json: model_type is 'mixtral', expected one of"),
        ({"hidden_size": None}, r"has no hidden_size; a config of llama needs"),
        ({"rope_scaling": {"type": "linear", "factor": 2.0}}, "'linear'.* expected one for all layers"),
        ({"rope_parameters": {"full_attention": {"rope_theta": 1e4}}}, "expected one for all layers"),
        ({"rope_scaling": {"rope_type": "llama3", "factor": 2.0}}, "has no low_freq_factor, high_freq_factor"),
        ({"partial_rotary_factor": 0.5}, "partial_rotary_factor is 0.5"),
        ({"attention_bias": True}, "attention_bias is True"),
        ({"mlp_bias": True}, "mlp_bias is True"),
        ({"num_local_experts": 8}, "num_local_experts is 8"),
        ({"quantization_config": {"bits": 4}}, "quantization_config is"),
        ({"hidden_act": "relu2"}, "hidden_act is 'relu2', expected one of"),
        ({"model_type": "gpt_neox", "attention_bias": False}, "attention_bias is False"),
        ({"model_type": "gemma", "use_bidirectional_attention": True}, "use_bidirectional_attention is True"),
        (
            {"model_type": "qwen2", "use_sliding_window": True, "sliding_window": 64, "max_window_layers": 1},
            "all but every n-th",
        ),
        ({"num_attention_heads": 5}, "num_key_value_heads is 2, expected a divisor of num_attention_heads, 5"),
    ],
)
def test_a_model_that_we_cannot_be_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        config_of({**LLAMA_JSON, **change}, {}, PATH)


def test_the_head_in_the_files_decides_whether_it_is_tied():
    for family in ("llama", "gpt_neox"):
        source = {**LLAMA_JSON, "model_type": family}
        head, _ = head_and_embedding(family)
        untied = config_of({**source, "tie_word_embeddings": True}, {head: (96, 48)}, PATH)
        tied = config_of({**source, "tie_word_embeddings": False}, {}, PATH)
        assert (untied.tied_embedding, tied.tied_embedding) == (False, True)
        assert head in ignored(tied)
        assert head not in ignored(untied)


def test_a_model_is_not_written_as_a_family_that_it_is_not_of():
    config = dataclasses.replace(config_of(LLAMA_JSON, {}, PATH), qk_norm=True, window=8)
    with pytest.raises(ValueError, match="cannot be written as llama:\nwindow: 8, there None\nqk_norm: True, there False"):
        config_json(config, "llama")
    with pytest.raises(ValueError, match="cannot be written as mistral:\nqk_norm: True, there False"):
        config_json(config, "mistral")
    assert config_json(config, "qwen3")["layer_types"] == ["sliding_attention"] * 3


@pytest.mark.parametrize("name", SIZES)
def test_published_sizes_are_written_and_read_as_themselves(name):
    config = SIZES[name]
    written = config_json(config, config.family)
    head, _ = head_and_embedding(config.family)
    shapes = {} if config.tied_embedding else {head: (config.vocab_size, config.d_model)}
    assert config_of(written, shapes, PATH) == config
    again = transformers.AutoConfig.for_model(**written).to_dict()
    assert config_of(again, shapes, PATH) == config


@pytest.mark.parametrize(
    ("name", "parameters"),  # as the model cards, the papers or the files' index have it
    [
        ("llama2_7b", 6_738_415_616),
        ("llama3_8b", 8_030_261_248),
        ("llama3_1_8b", 8_030_261_248),
        ("llama3_2_1b", 1_235_814_400),
        ("llama3_2_3b", 3_212_749_824),
        ("mistral_7b", 7_241_732_096),
        ("qwen2_5_0_5b", 494_032_768),
        ("qwen2_5_1_5b", 1_543_714_304),
        ("qwen2_5_7b", 7_615_616_512),
        ("qwen3_0_6b", 596_049_920),
        ("qwen3_4b", 4_022_468_096),
        ("qwen3_8b", 8_190_735_360),
        ("gemma_2b", 2_506_172_416),
        ("gemma_7b", 8_537_680_896),
        ("gemma2_2b", 2_614_341_888),
        ("gemma2_9b", 9_241_705_984),
        ("pythia_70m", 70_426_624),
        ("pythia_160m", 162_322_944),
        ("pythia_410m", 405_334_016),
        ("pythia_1b", 1_011_781_632),
        ("pythia_1_4b", 1_414_647_808),
        ("pythia_2_8b", 2_775_208_960),
        ("pythia_6_9b", 6_857_302_016),
    ],
)
def test_published_sizes_have_their_published_number_of_parameters(name, parameters):
    assert sum(value.size for value in jax.tree.leaves(abstract(SIZES[name])[1])) == parameters
