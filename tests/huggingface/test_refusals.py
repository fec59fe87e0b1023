"""Directories that contradict their config, or need what our models lack, are refused with the file's and the key's name."""

import json

import jax
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from flanjax.huggingface import load, open_model, save
from flanjax.models.decoder_config import DecoderConfig
from flanjax.models.functional import abstract
from flanjax.models.t5_config import T5Config

SHAPE = {"vocab_size": 40, "d_model": 16, "d_ff": 24, "num_layers": 2, "num_heads": 2, "head_dim": 8}
HEAD, EMBEDDING = "lm_head.weight", {"t5": "shared.weight", "llama": "model.embed_tokens.weight"}


def written(directory, family="t5", *, shards=False, **changes):
    """A small model of our own in a directory, whose config.json is then changed; None takes a key out."""
    if family in ("t5", "mt5"):
        config = T5Config(num_decoder_layers=2, **SHAPE)
    else:
        config = DecoderConfig(family=family, num_kv_heads=1, **SHAPE, **({"bias": "qkv"} if family == "qwen2" else {}))
    rng = np.random.default_rng(0)
    params = jax.tree.map(lambda x: rng.standard_normal(x.shape, np.float32), abstract(config)[1])
    save(directory, config, params, model_type=family, max_shard_bytes=4000 if shards else 2**30)
    edit(directory / "config.json", changes)
    return directory


def edit(path, changes):
    config = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({key: value for key, value in config.items() if value is not None}))


def without_head(directory):
    tensors = load_file(directory / "model.safetensors")
    del tensors[HEAD]
    save_file(tensors, directory / "model.safetensors", metadata={"format": "pt"})
    return directory


@pytest.mark.parametrize(
    ("family", "tied", "message"),
    [
        ("t5", False, r"config\.json: tie_word_embeddings is false, but the files have no lm_head\.weight"),  # v1.1, Flan-T5
        ("mt5", False, "tie_word_embeddings is false"),
        ("mt5", None, "tie_word_embeddings is not set, which means false for mt5"),
        ("llama", False, "tie_word_embeddings is false"),
        ("qwen2", None, "tie_word_embeddings is not set, which means false for qwen2"),
    ],
)
def test_an_untied_config_without_its_head_is_refused(family, tied, message, tmp_path):
    written(tmp_path, family, tie_word_embeddings=tied)
    assert not load(tmp_path)[0].tied_embedding
    with pytest.raises(ValueError, match=message):
        open_model(without_head(tmp_path))


@pytest.mark.parametrize(
    ("family", "tied"),
    [
        ("t5", None),  # v1.0
        ("t5", True),
        ("mt5", True),  # as transformers 5 builds and saves one
        ("llama", True),
        ("gemma", None),
    ],
)
def test_a_config_that_ties_needs_no_head(family, tied, tmp_path):
    if family == "gemma":
        config = DecoderConfig(
            family="gemma",
            norm="rms_plus_one",
            scale_embedding=True,
            activation="gelu",
            tied_embedding=True,
            num_kv_heads=1,
            **SHAPE,
        )
        save(tmp_path, config, jax.tree.map(lambda x: np.zeros(x.shape, np.float32), abstract(config)[1]))
        edit(tmp_path / "config.json", {"tie_word_embeddings": tied})
    else:
        without_head(written(tmp_path, family, tie_word_embeddings=tied))
    config, params = load(tmp_path)
    assert config.tied_embedding
    assert "head" not in params


@pytest.mark.parametrize(
    ("family", "change", "message"),
    [
        ("t5", {"num_layers": "12"}, r'config\.json: num_layers is "12", expected a whole number'),
        ("t5", {"d_model": 64.5}, r"d_model is 64\.5, expected a whole number"),
        ("t5", {"d_kv": True}, "d_kv is true, expected a whole number"),
        ("t5", {"vocab_size": 2**31}, "vocab_size is 2147483648, expected a whole number, at least 1 and below"),
        ("t5", {"num_layers": 10**9}, "num_layers is 1000000000, expected a whole number from 1 to 10,000"),
        ("t5", {"dropout_rate": "0.1"}, 'dropout_rate is "0.1", expected a number'),
        ("t5", {"dropout_rate": 1.5}, r"config\.json: dropout_rate is 1\.5, expected a number of at least 0 and below 1"),
        ("t5", {"layer_norm_epsilon": float("nan")}, "layer_norm_epsilon is NaN, expected a number"),
        ("t5", {"relative_attention_num_buckets": 5}, "relative_attention_num_buckets is 5, expected a positive multiple of 4"),
        ("t5", {"feed_forward_proj": ["relu"]}, r'feed_forward_proj is \["relu"\], expected a text'),
        ("t5", {"tie_word_embeddings": "false"}, 'tie_word_embeddings is "false", expected true or false'),
        ("t5", {"scale_decoder_outputs": 0}, "scale_decoder_outputs is 0, expected true or false"),
        ("t5", {"model_type": ["t5"]}, r"model_type is \['t5'\], expected one of"),
        ("llama", {"hidden_size": [16]}, r"config\.json: hidden_size is \[16\], expected a whole number"),
        ("llama", {"num_attention_heads": 0}, "num_attention_heads is 0, expected a whole number, at least 1"),
        (
            "llama",
            {"num_attention_heads": 3, "num_key_value_heads": 2},
            "num_key_value_heads is 2, expected a divisor of num_attention",
        ),
        ("llama", {"rms_norm_eps": "1e-6"}, 'rms_norm_eps is "1e-6", expected a number'),
        ("llama", {"rope_theta": {}, "rope_parameters": None}, "rope_theta is {}, expected a number"),
        ("llama", {"rope_parameters": [1]}, r"rope_parameters is \[1\], expected an object"),
        ("llama", {"rope_parameters": {"rope_theta": "1"}}, r'rope_parameters\.rope_theta is "1", expected a number'),
        ("llama", {"hidden_act": 1}, "hidden_act is 1, expected a text"),
        ("llama", {"attention_dropout": "no"}, 'attention_dropout is "no", expected a number'),
        ("mistral", {"sliding_window": 2.5}, r"sliding_window is 2\.5, expected a whole number"),
        ("qwen3", {"layer_types": [1, 2]}, r"layer_types is \[1, 2\], expected a list of texts"),
    ],
)
def test_a_setting_of_the_wrong_kind_is_refused_by_its_own_name(family, change, message, tmp_path):
    directory = cached(family, tmp_path)
    edit(directory / "config.json", change)
    with pytest.raises(ValueError, match=message):
        open_model(directory)


def cached(family, directory):
    if family in ("t5", "llama"):
        return written(directory, family)
    extra = {"qk_norm": True} if family == "qwen3" else {}
    config = DecoderConfig(family=family, num_kv_heads=1, **SHAPE, **extra)
    save(directory, config, jax.tree.map(lambda x: np.zeros(x.shape, np.float32), abstract(config)[1]))
    return directory


@pytest.mark.parametrize(
    "text", ["[]", "{", '"config"', "[" * 100_000, "\ud800"], ids=["list", "half", "text", "deep", "surrogate"]
)
def test_a_config_that_is_no_object_is_refused_by_its_name(text, tmp_path):
    written(tmp_path)
    (tmp_path / "config.json").write_text(text, errors="surrogatepass")
    with pytest.raises(ValueError, match=r"config\.json"):
        open_model(tmp_path)


@pytest.mark.parametrize(
    "name",
    ["/etc/passwd.safetensors", "../model-00001.safetensors", "sub/model.safetensors", "..", "model.bin", 7, None],
    ids=str,
)
def test_an_index_leads_nowhere_but_to_files_beside_it(name, tmp_path):
    written(tmp_path / "model", shards=True)
    index = tmp_path / "model" / "model.safetensors.index.json"
    weights = json.loads(index.read_text())["weight_map"]
    (tmp_path / "model-00001.safetensors").write_bytes((tmp_path / "model" / min(weights.values())).read_bytes())
    edit(index, {"weight_map": weights | {"shared.weight": name}})
    with pytest.raises(
        ValueError, match=r"index\.json: weight_map has .* for shared\.weight, expected the name of a .safetensors"
    ):
        open_model(tmp_path / "model")


@pytest.mark.parametrize("weights", [[], "x", 3, {}], ids=str)
def test_an_index_without_a_map_is_refused(weights, tmp_path):
    written(tmp_path, shards=True)
    edit(tmp_path / "model.safetensors.index.json", {"weight_map": weights})
    with pytest.raises(ValueError, match=r"index\.json.* weight_map"):
        open_model(tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        lambda entry, other: entry.update(data_offsets=other["data_offsets"]),
        lambda entry, other: entry.update(data_offsets=[entry["data_offsets"][0] - 4, entry["data_offsets"][1]]),
        lambda entry, other: entry.update(data_offsets=[0, 2**63]),
        lambda entry, other: entry.update(shape=[2**40, 2**40]),
        lambda entry, other: entry.update(shape="16"),
        lambda entry, other: entry.pop("dtype"),
    ],
    ids=["the same bytes", "overlapping by four", "far behind the end", "endless", "a shape of text", "no dtype"],
)
def test_tensors_that_overlap_or_lie_elsewhere_are_refused(change, tmp_path):
    path = written(tmp_path) / "model.safetensors"
    whole = path.read_bytes()
    length = int.from_bytes(whole[:8], "little")
    header = json.loads(whole[8 : 8 + length])
    change(header["encoder.final_layer_norm.weight"], header["decoder.final_layer_norm.weight"])
    encoded = json.dumps(header).encode()
    path.write_bytes(len(encoded).to_bytes(8, "little") + encoded + whole[8 + length :])
    with pytest.raises(ValueError, match=r"model\.safetensors is not a whole safetensors file"):
        open_model(tmp_path)


@pytest.mark.parametrize(("family", "key"), [("llama", "attention_dropout"), ("gpt_neox", "hidden_dropout")])
def test_a_decoders_own_dropout_is_refused_unless_one_is_given(family, key, tmp_path):
    extra = {"norm": "layer", "fused_qkv": True, "bias": "all", "gated": False, "activation": "gelu_exact"}
    kv_heads = 2 if family == "gpt_neox" else 1
    config = DecoderConfig(family=family, num_kv_heads=kv_heads, **SHAPE, **(extra if family == "gpt_neox" else {}))
    save(tmp_path, config, jax.tree.map(lambda x: np.zeros(x.shape, np.float32), abstract(config)[1]))
    assert open_model(tmp_path).config.dropout == 0.0
    edit(tmp_path / "config.json", {key: 0.1})
    with pytest.raises(ValueError, match=rf"config\.json: {key} is 0\.1, .* Set model\.dropout to"):
        open_model(tmp_path)
    assert open_model(tmp_path, dropout=0.2).config.dropout == 0.2
    assert open_model(tmp_path, dropout=0.0).config.dropout == 0.0
