"""LoRA, (IA)^3, soft tokens and prefixes beside Hugging Face's peft in torch: packed logits, gradients, files both ways."""

import functools
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import peft as hf_peft
import pytest
import torch
import transformers
from flax.nnx.traversals import flatten_mapping
from safetensors.torch import load_file, save_file

from flanjax import huggingface as hf
from flanjax.adapt import peft
from flanjax.adapt.methods import make_tuning
from flanjax.models import functional
from flanjax.models.params import Full, Params, plain

ATOL = 2e-5
VOCABULARY, TOKENS = 48, 3
# One row holds the first three, the other the last.
EXAMPLES = [np.random.default_rng(n).integers(2, VOCABULARY, (2, 3 + 4 * n)) for n in range(4)]  # inputs, decoder inputs
ROWS, LENGTH = ((0, 1, 2), (3,)), 48
MODELS = {
    "t5": transformers.T5Config(
        vocab_size=VOCABULARY, d_model=16, d_kv=6, d_ff=20, num_layers=3, num_decoder_layers=2, num_heads=2,
        feed_forward_proj="gated-gelu", tie_word_embeddings=False, dropout_rate=0.0, relative_attention_num_buckets=8,
        relative_attention_max_distance=12, decoder_start_token_id=0,
    ),
    "llama": transformers.LlamaConfig(
        vocab_size=VOCABULARY, hidden_size=16, intermediate_size=20, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, head_dim=6,
    ),
}  # fmt: skip
METHODS = {
    "lora": hf_peft.LoraConfig(r=3, lora_alpha=1, use_rslora=True, lora_dropout=0.0),
    "dora": hf_peft.LoraConfig(r=3, lora_alpha=2, use_dora=True, lora_dropout=0.0),
    "ia3": hf_peft.IA3Config(),
    "prompt": hf_peft.PromptTuningConfig(num_virtual_tokens=TOKENS),
    "prefix": hf_peft.PrefixTuningConfig(num_virtual_tokens=TOKENS, token_dim=12, num_attention_heads=2),
}
TARGETS = {
    ("lora", "t5"): {"target_modules": ["q", "v", "wi_0"]},
    ("dora", "t5"): {"target_modules": ["q", "wo"]},
    ("dora", "llama"): {"target_modules": ["q_proj", "down_proj"]},
    ("lora", "llama"): {"target_modules": ["q_proj", "v_proj", "gate_proj"]},
    ("ia3", "t5"): {"target_modules": ["k", "v", "wo"], "feedforward_modules": ["wo"]},
    ("ia3", "llama"): {"target_modules": ["k_proj", "v_proj", "down_proj"], "feedforward_modules": ["down_proj"]},
}
DAMAGES = {
    "lora": [
        (peft.CONFIG, lambda data: data[:-9], "adapter_config.json is not JSON"),
        (
            peft.CONFIG,
            lambda data: data.replace(b'"r": 3', b'"r": "3"'),
            'json: r is "3", expected a whole number',
        ),
        (peft.CONFIG, lambda data: data.replace(b'"r": 3', b'"r": null'), "adapter_config.json has no r, which LORA needs"),
        (peft.CONFIG, lambda data: data.replace(b'"LORA"', b'"LOHA"'), "peft_type is 'LOHA', expected one of"),
        (peft.WEIGHTS, lambda data: data[:-9], "adapter_model.safetensors is damaged"),
        (peft.WEIGHTS, lambda data: data.replace(b'"F32"', b'"I32"'), "has the type I32, expected one of F64, F32"),
        (
            peft.CONFIG,
            lambda data: data.replace(b'"init_lora_weights": true', b'"init_lora_weights": "pissa_niter_4"'),
            "init_lora_weights is 'pissa_niter_4', which changes the base's own weights",
        ),
        (
            peft.CONFIG,
            lambda data: data.replace(b'"alora_invocation_tokens": null', b'"alora_invocation_tokens": [7]'),
            r"alora_invocation_tokens is \[7\], which is not known here",
        ),
    ],
    "prompt": [(peft.CONFIG, lambda data: data.replace(b"virtual", b"real"), "has no num_virtual_tokens, which PROMPT_TUNING")],
}


@pytest.fixture(autouse=True)
def exact_products():
    with jax.default_matmul_precision("highest"):
        yield


def randomize(module, seed):
    generator = torch.Generator().manual_seed(seed)
    for name, weight in module.named_parameters():
        noise = torch.randn(weight.shape, generator=generator)
        size = (6 * weight.shape[-1] if name.endswith(".q.weight") else weight.shape[-1]) ** -0.5  # a T5 does not scale scores
        weight.data = 1 + 0.3 * noise if "norm" in name else noise * size


@pytest.fixture(scope="module", params=MODELS)
def base(request, tmp_path_factory):
    """The name of a base, and its folder."""
    config, folder = MODELS[request.param], tmp_path_factory.mktemp(request.param)
    auto = transformers.AutoModelForSeq2SeqLM if request.param == "t5" else transformers.AutoModelForCausalLM
    model = auto.from_config(config, attn_implementation="eager")
    randomize(model, 0)
    model.save_pretrained(folder)
    return request.param, folder


@pytest.fixture(scope="module", params=METHODS)
def adapted(request, base, tmp_path_factory):
    """A method, what it adapts, the torch model with random few weights, and these weights' folder."""
    method, (name, folder) = request.param, base
    changes = {"task_type": "SEQ_2_SEQ_LM" if name == "t5" else "CAUSAL_LM", **TARGETS.get((method, name), {})}
    settings = type(METHODS[method])(**{**METHODS[method].to_dict(), **changes})
    model = hf_peft.get_peft_model(torch_base(name, folder), settings)
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    few = {n: p for n, p in model.named_parameters() if any(k in n for k in ("lora_", "ia3_l", "prompt_encoder"))}
    generator = torch.Generator().manual_seed(1)
    for n, parameter in few.items():
        noise = 0.2 * torch.randn(parameter.shape, generator=generator)
        parameter.data = 1 + noise if "ia3" in n else noise
        parameter.requires_grad_(True)
    place = tmp_path_factory.mktemp(method)
    model.save_pretrained(place)
    return method, name, folder, model, place


def torch_base(name, folder):
    auto = transformers.AutoModelForSeq2SeqLM if name == "t5" else transformers.AutoModelForCausalLM
    return auto.from_pretrained(folder, attn_implementation="eager").eval()


def torch_logits(model, name):
    """Of every example alone, [T, V] each."""
    found = []
    for inputs, decoder_inputs in map(torch.from_numpy, EXAMPLES):
        if name == "t5":
            out = model(
                input_ids=inputs[None], attention_mask=torch.ones_like(inputs[None]), decoder_input_ids=decoder_inputs[None]
            )
        else:
            out = model(input_ids=inputs[None], attention_mask=torch.ones_like(inputs[None]))
        found.append(out.logits[0, -len(inputs) :])
    return found


def packed(name, reserved):
    """All examples in two rows, with places reserved before the inputs of each; and where each example's logits are."""
    names = ("inputs", "inputs_segment_ids", "reserved") if name == "t5" else ("decoder_inputs", "segment_ids", "reserved")
    batch = {n: np.zeros((2, LENGTH), np.int32) for n in (*names, "positions", "decoder_inputs", "segment_ids")}
    where = {}
    for row, members in enumerate(ROWS):
        at = t = 0
        for segment, number in enumerate(members, 1):
            inputs, decoder_inputs = EXAMPLES[number]
            begin, end = at + reserved, at + reserved + len(inputs)
            batch[names[0]][row, begin:end] = inputs
            batch[names[1]][row, at:end] = segment
            batch["reserved"][row, at:begin] = 1 + np.arange(reserved)
            where[number] = row, slice(begin, end)
            if name == "t5":
                where[number] = row, slice(t, t + len(inputs))
                batch["decoder_inputs"][where[number]], batch["segment_ids"][where[number]] = decoder_inputs, segment
                t += len(inputs)
            else:
                batch["positions"][row, at:end] = np.arange(end - at)
            at = end
    if not reserved:
        del batch["reserved"]
    return batch, [where[number] for number in range(len(EXAMPLES))]


def in_rows(method, name):
    """How many places each segment of a row keeps free."""
    return TOKENS if method == "prompt" or (method == "prefix" and name != "t5") else 0


def ours(method, name, folder, place):
    """Our model of a base and a folder of few weights: (config, tuning, pair). Llama's layers are scanned, T5's are not."""
    config, tree = hf.load(folder, scan=name == "llama")
    found = peft.load(place, config)
    assert found.method == ("lora" if method == "dora" else method)
    assert found.config.dora == (method == "dora")
    tuning = make_tuning(found.method, found.config, config, lambda text: [])
    return config, tuning, Params(found.trainable, tuning.split(tree, jax.random.key(0)).frozen)


SHARES = np.random.default_rng(9).normal(0, 0.03, (2, LENGTH, VOCABULARY)).astype(np.float32)


@functools.cache
def program(config, tuning):
    """The jitted function (trainable, frozen, batch) -> gradient of the sum of shares of the logits, and the logits."""

    def objective(trainable, frozen, batch):
        logits = functional.bind(config, tuning.join(Params(trainable, frozen)))(batch)
        return jnp.sum(logits * jnp.where(batch["asked"][..., None], SHARES, 0)), logits

    return jax.jit(jax.grad(objective, has_aux=True))


def asked(method, name):
    """The batch of all examples with the positions whose logits count, and where those of each example are."""
    batch, where = packed(name, in_rows(method, name))
    batch["asked"] = np.zeros((2, LENGTH), bool)
    for at in where:
        batch["asked"][at] = True
    return batch, where


def test_packed_rows_have_the_logits_and_gradients_that_peft_has_of_each_example_alone(adapted, tmp_path):
    method, name, folder, model, place = adapted
    config, tuning, pair = ours(method, name, folder, place)
    batch, where = asked(method, name)
    gradient, logits = jax.device_get(program(config, tuning)(*pair, batch))
    model.zero_grad()
    expected = torch_logits(model, name)
    sum((x * torch.from_numpy(SHARES[at])).sum() for x, at in zip(expected, where, strict=True)).backward()
    with torch.no_grad():
        untuned = torch_logits(torch_base(name, folder), name)
    for at, one, without in zip(where, expected, untuned, strict=True):
        np.testing.assert_allclose(logits[at], one.detach().numpy(), rtol=0, atol=ATOL)
        assert np.abs(logits[at] - without.numpy()).max() > 0.05  # the few weights matter

    kept = [(parameter, parameter.data) for parameter in model.parameters() if parameter.requires_grad]
    for parameter, _ in kept:  # peft's files then hold gradients, which are read as weights are
        parameter.data = parameter.grad
    model.save_pretrained(tmp_path)
    for parameter, data in kept:
        parameter.data = data
    got, expected = (flatten_mapping(tree) for tree in (gradient, peft.load(tmp_path, config).trainable))
    assert got.keys() == expected.keys()
    for path, value in got.items():
        np.testing.assert_allclose(value, expected[path], rtol=2e-5, atol=ATOL, err_msg=str(path))


def test_peft_reads_what_is_written(adapted, tmp_path):
    method, name, folder, _, place = adapted
    config, tuning, pair = ours(method, name, folder, place)
    batch, where = asked(method, name)
    noise = np.random.default_rng(5)  # as many different layers as there are
    trainable = jax.tree.map(lambda x: np.float32(noise.normal(0.2, 0.2, x.shape)), pair.trainable)
    peft.export(tmp_path, tuning, config, trainable, base=str(folder))
    model = hf_peft.PeftModel.from_pretrained(torch_base(name, folder), tmp_path).eval()
    _, logits = jax.device_get(program(config, tuning)(trainable, pair.frozen, batch))
    with torch.no_grad():
        for at, one in zip(where, torch_logits(model, name), strict=True):
            np.testing.assert_allclose(logits[at], one.numpy(), rtol=0, atol=ATOL)
    jax.tree.map(np.testing.assert_array_equal, peft.load(tmp_path, config).trainable, trainable)


def test_a_damaged_file_is_named_with_what_is_wrong(adapted, tmp_path):
    method, _, folder, _, place = adapted
    config, _ = hf.load(folder)
    for file, damaged, said in DAMAGES.get(method, ()):
        broken = shutil.copytree(place, tmp_path, dirs_exist_ok=True) / file
        before = broken.read_bytes()
        broken.write_bytes(damaged(before))
        assert broken.read_bytes() != before
        with pytest.raises(ValueError, match=said):
            peft.load(tmp_path, config)


def test_weights_in_bfloat16_are_read_as_float32(adapted, tmp_path):
    _, _, folder, _, place = adapted
    config, _ = hf.load(folder)
    rounded = {name: x.to(torch.bfloat16) for name, x in load_file(place / peft.WEIGHTS).items()}
    save_file(rounded, shutil.copytree(place, tmp_path, dirs_exist_ok=True) / peft.WEIGHTS)
    for found, whole in zip(*(jax.tree.leaves(peft.load(at, config).trainable) for at in (tmp_path, place)), strict=True):
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, whole.astype(jnp.bfloat16).astype(np.float32))


def test_merged_weights_have_the_same_logits(adapted):
    method, name, folder, _, place = adapted
    config, tuning, pair = ours(method, name, folder, place)
    if method in ("prompt", "prefix"):
        with pytest.raises(ValueError, match="cannot be merged into the model"):
            plain(tuning.join(pair))
        return
    batch, where = asked(method, name)
    _, expected = jax.device_get(program(config, tuning)(*pair, batch))
    _, merged = jax.device_get(program(config, Full())(plain(tuning.join(pair)), {}, batch))
    for at in where:
        np.testing.assert_allclose(merged[at], expected[at], rtol=0, atol=ATOL)


def test_a_text_that_is_written_step_by_step_is_scored_as_it_is_in_a_row(adapted):
    method, name, folder, _, place = adapted
    if method != "prefix":
        return  # a step does nothing that a row does not
    config, tuning, pair = ours(method, name, folder, place)
    reserved, inputs, text = in_rows(method, name), EXAMPLES[1][0], EXAMPLES[2][1][:2]
    ids, ones = np.zeros((1, reserved + len(inputs)), np.int32), np.ones((1, reserved + len(inputs)), np.int32)
    ids[0, reserved:] = inputs
    counted = np.arange(ids.shape[1])[None]
    places = {"reserved": np.where(counted < reserved, 1 + counted, 0)} if reserved else {}
    if name == "t5":
        prompts = {"inputs": ids, "inputs_segment_ids": ones, "starts": np.zeros(1, np.int32), **places}
    else:
        prompts = {"decoder_inputs": ids, "segment_ids": ones, "positions": counted, **places}

    @jax.jit
    def both(tree):
        model = functional.bind(config, tree)
        memory = model.read(prompts)
        twice = jnp.asarray([[*text, *text]], jnp.int32), jnp.asarray([[1, 1, 2, 2]], jnp.int32)
        scored, _ = model.score(memory, jnp.zeros(1, jnp.int32), *twice)
        token, cache = model.begin(memory, 4)
        step, found = model.stepper(), []
        for target in text:
            logits, cache = step(token, cache)
            found.append(jax.nn.log_softmax(logits)[0, target])
            token = jnp.asarray([target], jnp.int32)
        return scored[0], jnp.stack(found)

    scored, stepped = both(tuning.join(pair))
    np.testing.assert_allclose(scored, np.concatenate([stepped, stepped]), rtol=0, atol=ATOL)
