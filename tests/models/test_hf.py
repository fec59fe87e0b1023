"""Parity with Hugging Face's T5 in torch, and the way between its directories and our parameters."""

import json

import jax
import numpy as np
import pytest
import torch
import transformers
from safetensors.numpy import load_file, save_file
from transformers.models.t5.modeling_t5 import T5Attention

from flanjax.models.functional import abstract, bind
from flanjax.models.hf import load_t5, save_t5
from flanjax.models.relative import relative_buckets
from flanjax.models.t5 import SIZES, T5Config

VERSIONS = ("v1.0", "v1.1", "mt5")
SOURCE_LENGTH, TARGET_LENGTH = 170, 150  # both past the last relative bucket
ATOL = 2e-5  # wrong epsilon moves a logit by 5e-5, the other gelu by 1e-3


@pytest.fixture(autouse=True)
def exact_products():
    with jax.default_matmul_precision("highest"):
        yield


def randomize(model: torch.nn.Module):
    """Weights that keep activations near 1, yet with norms and bias tables that a mistake would not survive."""
    generator = torch.Generator().manual_seed(0)
    for name, weight in model.named_parameters():
        noise = torch.randn(weight.shape, generator=generator)
        if "norm" in name:
            weight.data = 1 + 0.3 * noise
        elif "shared" in name or "relative" in name:
            weight.data = noise
        else:
            head_dim = model.config.d_kv if name.endswith("Attention.q.weight") else 1
            weight.data = noise * (weight.shape[1] * head_dim) ** -0.5


def torch_model(version: str):
    """An inner size, 80, other than d_model; untied by hand, since transformers 5 ties at construction."""
    tied = version == "v1.0"
    shape = {"vocab_size": 96, "d_model": 64, "d_ff": 112, "num_layers": 2, "num_decoder_layers": 3, "num_heads": 5, "d_kv": 16}
    config_type, model_type = transformers.T5Config, transformers.T5ForConditionalGeneration
    if version == "mt5":
        config_type, model_type = transformers.MT5Config, transformers.MT5ForConditionalGeneration
    config = config_type(
        **shape,
        feed_forward_proj="relu" if tied else "gated-gelu",
        tie_word_embeddings=tied,
        decoder_start_token_id=0,
        attn_implementation="eager",
    )
    model = model_type(config).eval()
    if not tied:
        model.config.tie_word_embeddings = False
        model.lm_head.weight = torch.nn.Parameter(torch.zeros(96, 64))
    randomize(model)
    return model


@pytest.fixture(scope="module", params=VERSIONS)
def saved(request, tmp_path_factory):
    model = torch_model(request.param)
    directory = tmp_path_factory.mktemp("hf")
    model.save_pretrained(directory)
    return model, directory


def batch() -> dict[str, np.ndarray]:
    """Two rows; the second has padding on both sides, of tokens that are not 0."""
    rng = np.random.default_rng(0)
    inputs_segment_ids = np.ones((2, SOURCE_LENGTH), np.int32)
    segment_ids = np.ones((2, TARGET_LENGTH), np.int32)
    inputs_segment_ids[1, 140:] = 0
    segment_ids[1, 135:] = 0
    return {
        "inputs": rng.integers(0, 96, (2, SOURCE_LENGTH), np.int32),
        "inputs_segment_ids": inputs_segment_ids,
        "decoder_inputs": rng.integers(0, 96, (2, TARGET_LENGTH), np.int32),
        "segment_ids": segment_ids,
    }


def torch_logits(model) -> np.ndarray:
    given = {name: torch.from_numpy(value).long() for name, value in batch().items()}
    with torch.no_grad():
        return model(
            input_ids=given["inputs"],
            attention_mask=given["inputs_segment_ids"],
            decoder_input_ids=given["decoder_inputs"],
            decoder_attention_mask=given["segment_ids"],
        ).logits.numpy()


def our_logits(config: T5Config, params) -> np.ndarray:
    return np.asarray(jax.jit(lambda params, batch: bind(config, params)(batch))(params, batch()))


def assert_same_logits(got: np.ndarray, expected: np.ndarray):
    real = batch()["segment_ids"] > 0
    assert 0.3 < expected[real].std() < 3.0
    np.testing.assert_allclose(got[real], expected[real], rtol=0, atol=ATOL)


@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize(("num_buckets", "max_distance"), [(32, 128), (16, 64), (32, 256)])
def test_relative_buckets_are_those_of_transformers(bidirectional, num_buckets, max_distance):
    distance = np.arange(-1000, 1001)
    ours = relative_buckets(distance, bidirectional=bidirectional, num_buckets=num_buckets, max_distance=max_distance)
    theirs = T5Attention._relative_position_bucket(torch.tensor(distance), bidirectional, num_buckets, max_distance)
    np.testing.assert_array_equal(ours, theirs.numpy())


def test_loaded_model_has_the_logits_of_torch(saved):
    model, directory = saved
    config, params = load_t5(directory)
    assert config.tied_embedding == config.scale_logits == (not config.gated)
    assert_same_logits(our_logits(config, params), torch_logits(model))


def test_exported_model_has_its_logits_in_torch(saved, tmp_path):
    model, directory = saved
    config, params = load_t5(directory)
    save_t5(tmp_path, config, params, model_type=model.config.model_type)
    loaded = type(model).from_pretrained(tmp_path, attn_implementation="eager").eval()
    is_tied = torch.equal(loaded.lm_head.weight, loaded.shared.weight)
    assert is_tied == config.tied_embedding
    assert loaded.config.decoder_start_token_id == 0
    assert_same_logits(torch_logits(loaded), torch_logits(model))


def test_export_carries_the_flags_by_which_transformers_4_ties_and_scales(saved, tmp_path):
    save_t5(tmp_path, *load_t5(saved[1]))
    config = json.loads((tmp_path / "config.json").read_text())
    is_v1_0 = config["feed_forward_proj"] == "relu"
    assert config["tie_word_embeddings"] == config["scale_decoder_outputs"] == is_v1_0
    assert ("lm_head.weight" in load_file(tmp_path / "model.safetensors")) == (not is_v1_0)


def test_export_is_read_back_bit_for_bit(saved, tmp_path):
    config, params = load_t5(saved[1])
    save_t5(tmp_path, config, params)
    again, params_again = load_t5(tmp_path)
    assert again == config
    jax.tree.map(np.testing.assert_array_equal, params_again, params)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.json", "model.safetensors"]


def test_loaded_parameters_have_the_structure_of_the_module(saved):
    config, params = load_t5(saved[1])
    shapes = jax.tree.map(lambda value: (value.shape, value.dtype), params)
    assert shapes == jax.tree.map(lambda value: (value.shape, value.dtype), abstract(config)[1])


def test_sharded_checkpoints_load_as_one(saved, tmp_path):
    model, directory = saved
    model.save_pretrained(tmp_path, max_shard_size="200KB")
    assert len(list(tmp_path.glob("*.safetensors"))) > 1
    jax.tree.map(np.testing.assert_array_equal, load_t5(tmp_path)[1], load_t5(directory)[1])


def test_bfloat16_checkpoints_load_as_float32(tmp_path):
    model = torch_model("v1.1").to(torch.bfloat16)
    model.save_pretrained(tmp_path)
    _, params = load_t5(tmp_path)
    assert params["embedding"].dtype == np.float32
    np.testing.assert_array_equal(params["embedding"], model.shared.weight.detach().float().numpy())


@pytest.mark.parametrize(
    ("flags", "scaled"),
    [
        ({"tie_word_embeddings": False}, False),  # the published v1.1 and Flan-T5
        ({"tie_word_embeddings": True, "scale_decoder_outputs": False}, False),  # the same, saved again by transformers 5
        ({"tie_word_embeddings": True}, True),
        ({}, True),  # the published v1.0
    ],
)
def test_scaling_is_decided_as_transformers_decides_it(flags, scaled, tmp_path):
    torch_model("v1.1").save_pretrained(tmp_path)
    edit_config(tmp_path, drop=("tie_word_embeddings", "scale_decoder_outputs"), **flags)
    config, _ = load_t5(tmp_path)
    assert config.scale_logits == scaled == transformers.T5Config.from_pretrained(tmp_path).scale_decoder_outputs
    assert not config.tied_embedding


def test_a_head_that_copies_the_embedding_is_tied(saved, tmp_path):
    config, params = load_t5(saved[1])
    save_t5(tmp_path, config, params)
    edit_tensors(tmp_path, lambda tensors: tensors.update({"lm_head.weight": tensors["shared.weight"]}))
    loaded, params = load_t5(tmp_path)
    assert loaded.tied_embedding
    assert "head" not in params


def test_overrides_change_only_how_the_model_is_computed(saved):
    config, _ = load_t5(saved[1], dtype="bfloat16", scan=False, remat="full", dropout=0.25)
    assert (config.dtype, config.scan, config.remat, config.dropout) == ("bfloat16", False, "full", 0.25)
    assert load_t5(saved[1])[0].dropout == 0.1


def test_wrong_tensors_are_listed_in_one_error(saved, tmp_path):
    save_t5(tmp_path, *load_t5(saved[1]))

    def spoil(tensors):
        del tensors["decoder.block.2.layer.1.EncDecAttention.k.weight"]
        tensors["adapter.weight"] = np.zeros((2, 2), np.float32)
        tensors["encoder.final_layer_norm.weight"] = np.ones(63, np.float32)

    edit_tensors(tmp_path, spoil)
    with pytest.raises(ValueError, match="3 differences") as raised:
        load_t5(tmp_path)
    message = str(raised.value)
    assert "- missing  decoder.block.2.layer.1.EncDecAttention.k.weight (80, 64)" in message
    assert "+ unknown  adapter.weight (2, 2)" in message
    assert "~ shape    encoder.final_layer_norm.weight: got (63,), expected (64,)" in message


def test_tensors_that_no_model_uses_are_passed_over(saved, tmp_path):
    save_t5(tmp_path, *load_t5(saved[1]))
    unused = "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight"
    edit_tensors(tmp_path, lambda tensors: tensors.update({unused: np.zeros((32, 5), np.float32)}))
    load_t5(tmp_path)


def test_a_directory_without_a_config_says_what_is_expected(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"config\.json does not exist; expected .*model\.safetensors"):
        load_t5(tmp_path)


def test_a_directory_without_safetensors_says_what_it_has(saved, tmp_path):
    save_t5(tmp_path, *load_t5(saved[1]))
    (tmp_path / "model.safetensors").rename(tmp_path / "pytorch_model.bin")
    with pytest.raises(FileNotFoundError, match=r"pytorch_model\.bin.*save_pretrained"):
        load_t5(tmp_path)


def test_a_missing_shard_is_named(saved, tmp_path):
    saved[0].save_pretrained(tmp_path, max_shard_size="200KB")
    lost = min(tmp_path.glob("*.safetensors"))
    lost.unlink()
    with pytest.raises(FileNotFoundError, match=lost.name):
        load_t5(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model_type": "bart"}, "model_type is 'bart'"),
        ({"feed_forward_proj": "gated-silu"}, "feed_forward_proj is 'gated-silu'"),
        ({"dense_act_fn": "gelu"}, "dense_act_fn is 'gelu'"),
        ({"layer_norm_epsilon": -1.0}, "epsilon is -1.0"),
    ],
)
def test_a_config_of_another_model_is_an_error(change, message, saved, tmp_path):
    save_t5(tmp_path, *load_t5(saved[1]))
    edit_config(tmp_path, **change)
    with pytest.raises(ValueError, match=message):
        load_t5(tmp_path)


def test_a_config_without_sizes_is_an_error(saved, tmp_path):
    save_t5(tmp_path, *load_t5(saved[1]))
    edit_config(tmp_path, drop=("d_kv", "d_ff"))
    with pytest.raises(ValueError, match="has no d_ff, d_kv"):
        load_t5(tmp_path)


def test_a_failed_save_leaves_the_old_files(saved, tmp_path):
    config, params = load_t5(saved[1])
    save_t5(tmp_path, config, params)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(ValueError, match=r"parameter embedding is \(3, 64\), the config expects \(96, 64\)"):
        save_t5(tmp_path, config, {**params, "embedding": np.zeros((3, 64), np.float32)})
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize(
    ("name", "millions"),  # as the model cards and papers have it
    [
        ("t5_small", 60.5),
        ("t5_base", 222.9),
        ("t5_3b", 2851.6),
        ("flan_t5_base", 247.6),
        ("flan_t5_xl", 2849.8),
        ("mt5_small", 300.2),
    ],
)
def test_published_sizes_have_their_published_number_of_parameters(name, millions):
    count = sum(value.size for value in jax.tree.leaves(abstract(SIZES[name])[1]))
    assert count / 1e6 == pytest.approx(millions, abs=0.06)


def edit_config(directory, drop=(), **changes):
    path = directory / "config.json"
    config = {key: value for key, value in json.loads(path.read_text()).items() if key not in drop}
    path.write_text(json.dumps(config | changes))


def edit_tensors(directory, edit):
    path = directory / "model.safetensors"
    tensors = load_file(path)
    edit(tensors)
    save_file(tensors, path, metadata={"format": "pt"})
