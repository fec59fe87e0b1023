"""LoRA, (IA)^3, soft tokens and prefixes beside Hugging Face's peft in torch: packed logits, gradients, files both ways."""

import jax
import jax.numpy as jnp
import numpy as np
import peft as hf_peft
import pytest
import torch
import transformers
from flax.nnx.traversals import flatten_mapping

from flanjax import huggingface as hf
from flanjax.adapt import peft
from flanjax.adapt.methods import make_tuning
from flanjax.models import functional
from flanjax.models.params import Params, plain

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
    "lora": hf_peft.LoraConfig(r=3, lora_alpha=5, use_rslora=True, lora_dropout=0.0),
    "ia3": hf_peft.IA3Config(),
    "prompt": hf_peft.PromptTuningConfig(num_virtual_tokens=TOKENS),
    "prefix": hf_peft.PrefixTuningConfig(num_virtual_tokens=TOKENS),
}
TARGETS = {
    ("lora", "t5"): {"target_modules": ["q", "v", "wi_0"]},
    ("lora", "llama"): {"target_modules": ["q_proj", "v_proj", "gate_proj"]},
    ("ia3", "t5"): {"target_modules": ["k", "v", "wo"], "feedforward_modules": ["wo"]},
    ("ia3", "llama"): {"target_modules": ["k_proj", "v_proj", "down_proj"], "feedforward_modules": ["down_proj"]},
}


@pytest.fixture(autouse=True)
def exact_products():
    with jax.default_matmul_precision("highest"):
        yield


def randomize(module, seed):
    generator = torch.Generator().manual_seed(seed)
    for name, weight in module.named_parameters():
        noise = torch.randn(weight.shape, generator=generator)
        weight.data = 1 + 0.3 * noise if "norm" in name or "ia3" in name else noise * weight.shape[-1] ** -0.5


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
        noise = 0.5 * torch.randn(parameter.shape, generator=generator)
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


def ours(method, name, folder, place, **computed):
    """Our model of a base and a folder of few weights: (config, tuning, params, batch, where)."""
    config, tree = hf.load(folder, **computed)
    found = peft.load(place, config)
    assert found.method == method
    tuning = make_tuning(method, found.config, config, lambda text: [])
    pair = Params(jax.tree.map(jnp.asarray, found.trainable), tuning.split(tree, jax.random.key(0)).frozen)
    in_rows = method == "prompt" or (method == "prefix" and name != "t5")
    return config, tuning, pair, *packed(name, TOKENS if in_rows else 0)


def logits_of(config, tree, batch, where):
    found = jax.jit(lambda tree, batch: functional.bind(config, tree)(batch))(tree, batch)
    return [np.asarray(found[at]) for at in where]


def test_packed_rows_have_the_logits_that_peft_has_of_each_example_alone(adapted):
    method, name, folder, model, place = adapted
    with torch.no_grad():
        expected = torch_logits(model, name)
        plain_ones = torch_logits(torch_base(name, folder), name)
    for scan in (True, False):
        config, tuning, pair, batch, where = ours(method, name, folder, place, scan=scan)
        for got, one, without in zip(logits_of(config, tuning.join(pair), batch, where), expected, plain_ones, strict=True):
            np.testing.assert_allclose(got, one.numpy(), rtol=0, atol=ATOL)
            assert np.abs(got - without.numpy()).max() > 0.05  # the few weights matter


def test_the_gradients_of_the_few_weights_are_those_of_peft(adapted, tmp_path):
    method, name, folder, model, place = adapted
    config, tuning, pair, batch, where = ours(method, name, folder, place)
    shares = [np.random.default_rng(9).normal(0, 0.1, (len(inputs), VOCABULARY)).astype(np.float32) for inputs, _ in EXAMPLES]

    def objective(trainable):
        logits = functional.bind(config, tuning.join(Params(trainable, pair.frozen)))(batch)
        return sum(jnp.sum(logits[at] * share) for at, share in zip(where, shares, strict=True))

    got = flatten_mapping(jax.jit(jax.grad(objective))(pair.trainable))
    model.zero_grad()
    sum((x * torch.from_numpy(share)).sum() for x, share in zip(torch_logits(model, name), shares, strict=True)).backward()
    for parameter in model.parameters():  # peft's files then hold gradients, which are read as weights are
        if parameter.requires_grad:
            parameter.data, parameter.grad = parameter.grad, None
    model.save_pretrained(tmp_path)
    expected = flatten_mapping(peft.load(tmp_path, config).trainable)
    assert got.keys() == expected.keys()
    if method == "prefix" and name == "t5":  # peft's two layers share a block, whose gradient is the sum of theirs
        got = {path: np.broadcast_to(np.sum(value, axis=0), value.shape) for path, value in got.items()}
    for path, value in got.items():
        np.testing.assert_allclose(value, expected[path], rtol=2e-5, atol=ATOL, err_msg=str(path))


def test_peft_reads_what_is_written(adapted, tmp_path):
    method, name, folder, _, place = adapted
    config, tuning, pair, batch, where = ours(method, name, folder, place)
    noise = np.random.default_rng(5)  # as many different layers as there are
    trainable = jax.tree.map(lambda x: np.float32(noise.normal(1, 0.5, x.shape)), pair.trainable)
    peft.export(tmp_path, tuning, config, trainable, base=str(folder))
    model = hf_peft.PeftModel.from_pretrained(torch_base(name, folder), tmp_path).eval()
    with torch.no_grad():
        expected = torch_logits(model, name)
    for got, one in zip(logits_of(config, tuning.join(Params(trainable, pair.frozen)), batch, where), expected, strict=True):
        np.testing.assert_allclose(got, one.numpy(), rtol=0, atol=2 * ATOL)
    again = peft.load(tmp_path, config)
    jax.tree.map(np.testing.assert_array_equal, again.trainable, trainable)


def test_merged_weights_have_the_same_logits(adapted):
    method, name, folder, _, place = adapted
    config, tuning, pair, batch, where = ours(method, name, folder, place)
    joined = tuning.join(pair)
    if method in ("prompt", "prefix"):
        with pytest.raises(ValueError, match="cannot be merged into the model"):
            plain(joined)
        return
    for got, one in zip(*(logits_of(config, tree, batch, where) for tree in (plain(joined), joined)), strict=True):
        np.testing.assert_allclose(got, one, rtol=0, atol=ATOL)


def test_a_text_that_is_written_step_by_step_is_scored_as_it_is_in_a_row(adapted):
    method, name, folder, _, place = adapted
    config, tuning, pair, _, _ = ours(method, name, folder, place)
    reserved = TOKENS if method == "prompt" or (method == "prefix" and name != "t5") else 0
    inputs, text = EXAMPLES[1][0], EXAMPLES[2][1][:5]
    ids, ones = np.zeros((1, reserved + len(inputs)), np.int32), np.ones((1, reserved + len(inputs)), np.int32)
    ids[0, reserved:] = inputs
    places = (
        {"reserved": np.where(np.arange(ids.shape[1]) < reserved, 1 + np.arange(ids.shape[1]), 0)[None]} if reserved else {}
    )
    if name == "t5":
        prompts = {"inputs": ids, "inputs_segment_ids": ones, "starts": np.zeros(1, np.int32), **places}
    else:
        prompts = {"decoder_inputs": ids, "segment_ids": ones, "positions": np.arange(ids.shape[1])[None], **places}

    @jax.jit
    def both(tree):
        model = functional.bind(config, tree)
        memory = model.read(prompts)
        rows = jnp.asarray([np.concatenate([text, text])], jnp.int32), jnp.asarray([[1] * 5 + [2] * 5], jnp.int32)
        scored, _ = model.score(memory, jnp.zeros(1, jnp.int32), *rows)
        token, cache = model.begin(memory, 8)
        step, found = model.stepper(), []
        for target in text:
            logits, cache = step(token, cache)
            found.append(jax.nn.log_softmax(logits)[0, target])
            token = jnp.asarray([target], jnp.int32)
        return scored[0], jnp.stack(found)

    scored, stepped = both(tuning.join(pair))
    np.testing.assert_allclose(scored[:5], stepped, rtol=0, atol=ATOL)
    np.testing.assert_allclose(scored[5:], stepped, rtol=0, atol=ATOL)
