"""Parity with Hugging Face's models in torch, and the way between their directories and our parameters."""

import json
import os
import resource
import socket
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
import pytest
import torch
import transformers
from compiling import flags
from safetensors import safe_open
from safetensors.numpy import load_file, save_file
from transformers.models.t5.modeling_t5 import T5Attention

from flanjax.huggingface import decoder as hf_decoder
from flanjax.huggingface import load, open_model, save
from flanjax.huggingface.weight_files import WeightFile
from flanjax.models.attention.relative_bias import relative_buckets
from flanjax.models.functional import abstract, bind, logical_axes
from flanjax.models.t5 import SIZES, T5Config
from flanjax.parallel import sharding

VERSIONS = ("v1.0", "v1.1", "mt5")
SOURCE_LENGTH, TARGET_LENGTH = 170, 150  # both past the last relative bucket
MESHES = [(1, 8, 1), (2, 2, 2)]  # data, fsdp, tensor
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


class PartRead(NamedTuple):
    file: WeightFile
    name: str
    size: int


@pytest.fixture
def reads(monkeypatch) -> list[PartRead]:
    """What is read of files, part by part."""
    found, whole = [], WeightFile.read

    def read(file, name, region, into):
        assert into.shape == tuple(part.stop - part.start for part in region)
        found.append(PartRead(file, name, into.size))
        whole(file, name, region, into)

    monkeypatch.setattr(WeightFile, "read", read)
    return found


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
    config, params = load(directory)
    assert config.tied_embedding == config.scale_logits == (not config.gated)
    assert_same_logits(our_logits(config, params), torch_logits(model))


def test_exported_model_has_its_logits_in_torch(saved, tmp_path):
    model, directory = saved
    config, params = load(directory)
    save(tmp_path, config, params, model_type=model.config.model_type)
    loaded = type(model).from_pretrained(tmp_path, attn_implementation="eager").eval()
    is_tied = torch.equal(loaded.lm_head.weight, loaded.shared.weight)
    assert is_tied == config.tied_embedding
    assert loaded.config.decoder_start_token_id == 0
    assert_same_logits(torch_logits(loaded), torch_logits(model))


def test_export_carries_the_flags_by_which_transformers_4_ties_and_scales(saved, tmp_path):
    save(tmp_path, *load(saved[1]))
    config = json.loads((tmp_path / "config.json").read_text())
    is_v1_0 = config["feed_forward_proj"] == "relu"
    assert config["tie_word_embeddings"] == config["scale_decoder_outputs"] == is_v1_0
    assert ("lm_head.weight" in load_file(tmp_path / "model.safetensors")) == (not is_v1_0)


def test_export_is_read_back_bit_for_bit(saved, tmp_path):
    config, params = load(saved[1])
    save(tmp_path, config, params)
    again, params_again = load(tmp_path)
    assert again == config
    jax.tree.map(np.testing.assert_array_equal, params_again, params)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.json", "model.safetensors"]


def test_loaded_parameters_have_the_structure_of_the_module(saved):
    config, params = load(saved[1])
    shapes = jax.tree.map(lambda value: (value.shape, value.dtype), params)
    assert shapes == jax.tree.map(lambda value: (value.shape, value.dtype), abstract(config)[1])


def test_sharded_checkpoints_load_as_one(saved, tmp_path):
    model, directory = saved
    model.save_pretrained(tmp_path, max_shard_size="200KB")
    assert len(list(tmp_path.glob("*.safetensors"))) > 1
    jax.tree.map(np.testing.assert_array_equal, load(tmp_path)[1], load(directory)[1])


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_checkpoints_load_as_float32(dtype, tmp_path):
    model = torch_model("v1.1").to(dtype)
    model.save_pretrained(tmp_path)
    _, params = load(tmp_path)
    assert {value.dtype for value in jax.tree.leaves(params)} == {np.dtype(np.float32)}
    np.testing.assert_array_equal(params["embedding"], model.shared.weight.detach().float().numpy())
    wo = [block.layer[-1].DenseReluDense.wo.weight.detach().float().numpy().T for block in model.decoder.block]
    np.testing.assert_array_equal(params["decoder"]["layers"]["mlp"]["wo"], wo)


@pytest.mark.parametrize("shape", MESHES)
def test_parameters_read_onto_a_mesh_are_those_read_onto_one_device(saved, shape):
    model = open_model(saved[1])
    placed = shardings(model.config, shape)
    params = model.params(placed)
    assert jax.tree.all(jax.tree.map(lambda value, expected: value.sharding == expected, params, placed))
    jax.tree.map(np.testing.assert_array_equal, params, model.params())


@pytest.mark.parametrize("shape", MESHES)
def test_every_element_is_read_once_and_by_shards(saved, shape, reads):
    """Neither does a device's shard read a whole tensor, nor is what several devices hold read for each of them."""
    model = open_model(saved[1])
    reads.clear()
    params = model.params(shardings(model.config, shape))
    assert sum(read.size for read in reads) == sum(value.size for value in jax.tree.leaves(params))
    largest = {read.name: read.size for read in sorted(reads, key=lambda read: read.size)}
    assert largest["shared.weight"] == 96 * 64 // (shape[1] * shape[2])
    assert largest["encoder.block.1.layer.0.SelfAttention.o.weight"] == 64 * 80 // (shape[1] * shape[2])


def test_what_we_saved_is_read_front_to_back(saved, tmp_path, reads):
    save(tmp_path, *load(saved[1]), max_shard_bytes=100_000)
    model = open_model(tmp_path)
    reads.clear()
    model.params()
    places = [(read.file.path.name, read.file.entries[read.name].place) for read in reads]
    assert len({name for name, _ in places}) > 3
    assert places == sorted(places)


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
    config, _ = load(tmp_path)
    assert config.scale_logits == scaled == transformers.T5Config.from_pretrained(tmp_path).scale_decoder_outputs
    assert not config.tied_embedding


@pytest.mark.parametrize("flags", [{"tie_word_embeddings": True}, {"tie_word_embeddings": False}, {}], ids=str)
def test_mt5_never_scales_what_its_head_reads(flags, tmp_path):
    """transformers 5 writes tie_word_embeddings=true for it, which scales a T5."""
    model = torch_model("mt5")
    model.save_pretrained(tmp_path)
    edit_config(tmp_path, drop=("tie_word_embeddings", "scale_decoder_outputs"), **flags)
    config, params = load(tmp_path)
    assert not config.scale_logits
    assert not config.tied_embedding
    assert_same_logits(our_logits(config, params), torch_logits(model))


def test_a_model_that_scales_is_not_written_as_an_mt5(tmp_path):
    config, params = load_tiny(torch_model("v1.0"), tmp_path / "t5")
    with pytest.raises(ValueError, match="no mT5 does; write it with model_type 't5'"):
        save(tmp_path / "mt5", config, params, model_type="mt5")


def test_a_head_that_copies_the_embedding_is_tied(saved, tmp_path):
    config, params = load(saved[1])
    save(tmp_path, config, params)
    edit_tensors(tmp_path, lambda tensors: tensors.update({"lm_head.weight": tensors["shared.weight"]}))
    loaded, params = load(tmp_path)
    assert loaded.tied_embedding
    assert "head" not in params


def test_overrides_change_only_how_the_model_is_computed(saved):
    config, _ = load(saved[1], dtype="bfloat16", scan=False, remat="full", dropout=0.25)
    assert (config.dtype, config.scan, config.remat, config.dropout) == ("bfloat16", False, "full", 0.25)
    assert load(saved[1])[0].dropout == 0.1


def test_wrong_tensors_are_listed_in_one_error(saved, tmp_path):
    save(tmp_path, *load(saved[1]))

    def spoil(tensors):
        del tensors["decoder.block.2.layer.1.EncDecAttention.k.weight"]
        tensors["adapter.weight"] = np.zeros((2, 2), np.float32)
        tensors["encoder.final_layer_norm.weight"] = np.ones(63, np.float32)

    edit_tensors(tmp_path, spoil)
    with pytest.raises(ValueError, match="3 differences") as raised:
        load(tmp_path)
    message = str(raised.value)
    assert "- missing  decoder.block.2.layer.1.EncDecAttention.k.weight (80, 64)" in message
    assert "+ unknown  adapter.weight (2, 2)" in message
    assert "~ shape    encoder.final_layer_norm.weight: got (63,), expected (64,)" in message


def test_layers_that_are_wrong_alike_share_a_line(saved, tmp_path, reads):
    saved[0].save_pretrained(tmp_path, max_shard_size="200KB")
    edit_config(tmp_path, num_layers=6, d_model=72)
    with pytest.raises(ValueError, match="differences") as raised:
        load(tmp_path)
    lines = str(raised.value).splitlines()
    assert "- missing  encoder.block.{2..5}.layer.0.SelfAttention.q.weight (80, 72)" in lines
    assert "~ shape    decoder.block.{0..2}.layer.1.EncDecAttention.q.weight: got (80, 64), expected (80, 72)" in lines
    assert len(lines) < 40
    assert {read.name for read in reads} <= {"shared.weight", "lm_head.weight"}  # whether the head is a copy decides the config


def test_a_long_difference_is_cut(saved, tmp_path):
    save(tmp_path, *load(saved[1]))
    edit_tensors(tmp_path, lambda tensors: tensors.update({f"extra{i}": np.zeros(1, np.float32) for i in range(1000)}))
    with pytest.raises(ValueError, match="1000 differences") as raised:
        load(tmp_path)
    assert str(raised.value).endswith("… and 960 more lines")


def test_quantised_tensors_are_refused_by_name(saved, tmp_path):
    save(tmp_path, *load(saved[1]))
    name = "encoder.block.1.layer.0.SelfAttention.q.weight"
    edit_tensors(tmp_path, lambda tensors: tensors.update({name: tensors[name].astype(np.int8)}))
    with pytest.raises(ValueError, match=f"~ dtype    {name}: got I8, expected one of F64, F32, F16, BF16"):
        load(tmp_path)


def test_tensors_that_no_model_uses_are_passed_over(saved, tmp_path):
    save(tmp_path, *load(saved[1]))
    unused = "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight"
    edit_tensors(tmp_path, lambda tensors: tensors.update({unused: np.zeros((32, 5), np.float32)}))
    load(tmp_path)


def test_a_directory_without_a_config_says_what_is_expected(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"config\.json does not exist; expected .*model\.safetensors"):
        load(tmp_path)


def test_a_directory_without_safetensors_says_what_it_has(saved, tmp_path):
    save(tmp_path, *load(saved[1]))
    (tmp_path / "model.safetensors").rename(tmp_path / "pytorch_model.bin")
    with pytest.raises(FileNotFoundError, match=r"pytorch_model\.bin.*save_pretrained"):
        load(tmp_path)


def test_a_missing_shard_is_named(saved, tmp_path):
    saved[0].save_pretrained(tmp_path, max_shard_size="200KB")
    lost = min(tmp_path.glob("*.safetensors"))
    lost.unlink()
    with pytest.raises(FileNotFoundError, match=lost.name):
        load(tmp_path)


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
    save(tmp_path, *load(saved[1]))
    edit_config(tmp_path, **change)
    with pytest.raises(ValueError, match=message):
        load(tmp_path)


def test_a_half_downloaded_file_is_named(saved, tmp_path):
    save(tmp_path, *load(saved[1]))
    path = tmp_path / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(ValueError, match=r"model\.safetensors is not a whole safetensors file: .*; is the download complete"):
        load(tmp_path)
    path.write_bytes(b"version https://git-lfs.github.com/spec/v1")
    with pytest.raises(ValueError, match=r"model\.safetensors is not a whole safetensors file"):
        load(tmp_path)


def test_a_tensor_in_two_files_is_an_error(saved, tmp_path):
    saved[0].save_pretrained(tmp_path, max_shard_size="200KB")
    first, second = sorted(tmp_path.glob("*.safetensors"))[:2]
    tensors = load_file(second)
    name = min(tensors)
    save_file({**load_file(first), name: tensors[name]}, first)
    with pytest.raises(ValueError, match=f"{name} is both in .*{first.name} and in .*{second.name}"):
        load(tmp_path)


def test_an_unknown_family_is_named_with_the_known_ones(saved, tmp_path):
    save(tmp_path, *load(saved[1]))
    edit_config(tmp_path, model_type="bart")
    with pytest.raises(ValueError, match=r"model_type is 'bart', expected one of \[.*'mt5', .*'t5'"):
        load(tmp_path)


def test_a_config_without_sizes_is_an_error(saved, tmp_path):
    save(tmp_path, *load(saved[1]))
    edit_config(tmp_path, drop=("d_kv", "d_ff"))
    with pytest.raises(ValueError, match="has no d_ff, d_kv"):
        load(tmp_path)


def test_parameters_of_another_shape_are_not_saved(saved, tmp_path):
    config, params = load(saved[1])
    save(tmp_path, config, params)
    before = contents(tmp_path)
    with pytest.raises(ValueError, match=r"parameter embedding is \(3, 64\), the config expects \(96, 64\)"):
        save(tmp_path, config, {**params, "embedding": np.zeros((3, 64), np.float32)})
    with pytest.raises(ValueError, match=r"parameter adapter/a is \(2,\), the config expects None"):
        save(tmp_path, config, {**params, "adapter": {"a": np.zeros(2, np.float32)}})
    assert contents(tmp_path) == before


def test_a_full_disk_leaves_the_old_files(saved, tmp_path):
    config, params = load(saved[1])
    save(tmp_path, config, params, max_shard_bytes=100_000)
    before = contents(tmp_path)
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, unlimited[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            save(tmp_path, config, jax.tree.map(jax.numpy.zeros_like, params))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
    assert contents(tmp_path) == before


def test_a_save_in_shards_is_loaded_by_transformers_and_by_us(saved, tmp_path):
    model, directory = saved
    config, params = load(directory)
    save(tmp_path, config, params, model_type=model.config.model_type, max_shard_bytes=100_000)
    files = sorted(path.name for path in tmp_path.glob("*.safetensors"))
    assert files[0] == f"model-00001-of-{len(files):05}.safetensors"
    assert len(files) > 3
    assert all((tmp_path / name).stat().st_size < 110_000 for name in files)
    loaded = transformers.AutoModelForSeq2SeqLM.from_pretrained(tmp_path)
    expected = model.state_dict()
    assert all(torch.equal(value, expected[name]) for name, value in loaded.state_dict().items())
    again, params_again = load(tmp_path)
    assert again == config
    jax.tree.map(np.testing.assert_array_equal, params_again, params)


def test_the_index_counts_what_transformers_counts(saved, tmp_path):
    model, directory = saved
    save(tmp_path / "ours", *load(directory), model_type=model.config.model_type, max_shard_bytes=100_000)
    model.save_pretrained(tmp_path / "theirs", max_shard_size=100_000)
    ours, theirs = (json.loads((tmp_path / n / "model.safetensors.index.json").read_text()) for n in ("ours", "theirs"))
    assert ours["metadata"]["total_size"] == theirs["metadata"]["total_size"]
    assert ours["weight_map"].keys() == theirs["weight_map"].keys()


def test_a_later_save_leaves_no_file_of_an_earlier_one(saved, tmp_path):
    config, params = load(saved[1])
    save(tmp_path, config, params, max_shard_bytes=100_000)
    (tmp_path / "tokenizer.json").write_text("{}")
    save(tmp_path, config, params)
    assert sorted(contents(tmp_path)) == ["config.json", "model.safetensors", "tokenizer.json"]
    save(tmp_path, config, params, max_shard_bytes=300_000)
    assert "model.safetensors" not in contents(tmp_path)
    jax.tree.map(np.testing.assert_array_equal, load(tmp_path)[1], params)


def test_a_save_in_bfloat16_is_loaded_in_bfloat16(saved, tmp_path):
    model, directory = saved
    save(tmp_path, *load(directory), dtype="bfloat16", model_type=model.config.model_type, settings={"eos_token_id": 7})
    with safe_open(tmp_path / "model.safetensors", framework="pt") as file:
        assert file.metadata() == {"format": "pt"}
        assert {file.get_slice(name).get_dtype() for name in file.keys()} == {"BF16"}  # noqa: SIM118
    loaded = type(model).from_pretrained(tmp_path)
    assert loaded.dtype == torch.bfloat16
    assert loaded.config.eos_token_id == loaded.generation_config.eos_token_id == 7
    assert torch.equal(loaded.shared.weight, model.shared.weight.to(torch.bfloat16))
    with pytest.raises(ValueError, match="dtype is 'int8', expected one of"):
        save(tmp_path, *load(directory), dtype="int8")


def test_parameters_on_a_mesh_are_saved_as_those_of_one_device(saved, tmp_path):
    model = open_model(saved[1])
    save(tmp_path / "one", model.config, model.params())
    save(tmp_path / "mesh", model.config, model.params(shardings(model.config, (1, 4, 2))))
    save(tmp_path / "host", model.config, jax.device_get(model.params()))
    assert contents(tmp_path / "one") == contents(tmp_path / "mesh") == contents(tmp_path / "host")


SHARED = """
import sys
import jax
from flanjax.parallel import distributed, sharding
from flanjax.models import functional
from flanjax import huggingface as hf

source, target, port, index = sys.argv[1:]
distributed.start(coordinator=f"127.0.0.1:{port}", num_processes=2, process_id=int(index), timeout_seconds=60)
model = hf.open_model(source)
axes, (_, shapes) = functional.logical_axes(model.config), functional.abstract(model.config)
mesh = sharding.make_mesh(sharding.MeshConfig(data=1, fsdp=4, tensor=1))
params = model.params(sharding.shardings(shapes, axes, mesh))
assert not params["embedding"].is_fully_addressable
hf.save(target, model.config, params, max_shard_bytes=100_000)
"""


@pytest.mark.parametrize("saved", ["v1.1"], indirect=True)
def test_two_processes_read_and_save_together(saved, tmp_path):
    save(tmp_path / "alone", *load(saved[1]), max_shard_bytes=100_000)
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    environment = {**os.environ, "XLA_FLAGS": flags(2)}
    command = [sys.executable, "-c", SHARED, str(saved[1]), str(tmp_path / "together"), str(port)]
    root = Path(__file__).parents[2]
    processes = [subprocess.Popen([*command, str(i)], env=environment, cwd=root) for i in range(2)]
    assert [process.wait(120) for process in processes] == [0, 0]
    assert contents(tmp_path / "together") == contents(tmp_path / "alone")


@pytest.mark.parametrize("family", hf_decoder.MODEL_TYPES)
def test_decoders_come_back_from_a_mesh_and_our_files(family, tmp_path):
    model = torch_decoder(family)
    model.save_pretrained(tmp_path / "theirs", max_shard_size=100_000)
    opened = open_model(tmp_path / "theirs", scan=False)
    assert opened.model_type == family
    params = opened.params(shardings(opened.config, (2, 2, 2)))
    tokens = np.random.default_rng(0).integers(0, 96, (1, 140))
    batch = {"decoder_inputs": tokens, "segment_ids": np.ones_like(tokens), "positions": np.arange(140)[None]}
    logits = jax.jit(lambda params: bind(opened.config, params)(batch))(jax.device_get(params))
    with torch.no_grad():
        expected = model(torch.from_numpy(tokens)).logits.numpy()
    assert expected.std() > 0.3
    np.testing.assert_allclose(logits, expected, rtol=0, atol=ATOL)

    save(tmp_path / "ours", opened.config, params, max_shard_bytes=100_000)
    loaded, info = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "ours", output_loading_info=True)
    assert type(loaded) is type(model)
    assert not any(info.values()), info
    states = model.state_dict(), loaded.state_dict()
    assert states[0].keys() == states[1].keys()
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert load(tmp_path / "ours", scan=False)[0] == opened.config


def torch_decoder(family: str):
    shape = {"vocab_size": 96, "hidden_size": 64, "intermediate_size": 112, "num_hidden_layers": 4, "num_attention_heads": 4}
    heads = {} if family == "gpt_neox" else {"num_key_value_heads": 2, "head_dim": 24}
    config = transformers.AutoConfig.for_model(family, **shape, **heads)
    model = transformers.AutoModelForCausalLM.from_config(config, attn_implementation="eager").eval()
    generator = torch.Generator().manual_seed(0)
    mean = 0 if family.startswith("gemma") else 1  # whose norms add 1
    for weight in model.parameters():
        noise = torch.randn(weight.shape, generator=generator)
        weight.data = noise * weight.shape[1] ** -0.5 if weight.ndim == 2 else mean + 0.3 * noise
    return model


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


def load_tiny(model, directory):
    model.save_pretrained(directory)
    return load(directory)


def shardings(config, shape):
    mesh = sharding.make_mesh(sharding.MeshConfig(**dict(zip(sharding.AXES, shape, strict=True))))
    return sharding.shardings(abstract(config)[1], logical_axes(config), mesh)


def contents(directory) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def edit_config(directory, drop=(), **changes):
    path = directory / "config.json"
    config = {key: value for key, value in json.loads(path.read_text()).items() if key not in drop}
    path.write_text(json.dumps(config | changes))


def edit_tensors(directory, edit):
    path = directory / "model.safetensors"
    tensors = load_file(path)
    edit(tensors)
    save_file(tensors, path, metadata={"format": "pt"})
