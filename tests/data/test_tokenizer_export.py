"""Exported tokenizers: transformers' AutoTokenizer gives the ids that a layout's model reads; malformed ones are refused."""

import json

import pytest
from test_tokenizer import SENTENCES, spiece
from transformers import AutoTokenizer

from flanjax.data.feature_config import FeatureConfig
from flanjax.data.layout import make_layout
from flanjax.data.tokenizer import (
    ByteTokenizer,
    HFTokenizer,
    SentencePieceTokenizer,
    TokenizerConfig,
    load_tokenizer,
    train_tokenizer,
)
from flanjax.data.tokenizer_export import export_tokenizer

TEXTS = [*SENTENCES[:40], "", "  a  cat ", "the\n\nred\thouse", "naïve 日本 🙂", "▁x ﬁ ½"]
KINDS = ("unigram", "words", "spiece", "spiece without padding", "bpe spiece", "bytes")


@pytest.fixture(scope="module", params=KINDS)
def tokenizer(request, tmp_path_factory):
    kind = request.param
    if kind == "bytes":
        return ByteTokenizer()
    if kind in ("unigram", "words"):
        return train_tokenizer(SENTENCES, TokenizerConfig(kind=kind, vocab_size=300))
    t5s = {"pad_id": 0, "eos_id": 1, "unk_id": 2, "bos_id": -1}
    options = {"spiece": t5s, "spiece without padding": {}, "bpe spiece": {"model_type": "bpe"}}
    return SentencePieceTokenizer(spiece(tmp_path_factory.mktemp("spiece"), **options[kind]))


@pytest.mark.parametrize(
    "features",
    [{}, {"input_eos": False}, {"layout": "causal"}, {"layout": "causal", "separator": ""}],
    ids=["encoder_decoder", "no input_eos", "causal", "no separator"],
)
def test_transformers_reads_an_exported_tokenizer_to_the_ids_of_the_layout(tokenizer, features, tmp_path):
    layout = make_layout(FeatureConfig(**features), tokenizer)
    export_tokenizer(tokenizer, tmp_path, layout)
    # As beside a model: transformers chooses by its type where it can.
    model_type = "llama" if "layout" in features else "t5"
    (tmp_path / "config.json").write_text(json.dumps({"model_type": model_type}))
    theirs = AutoTokenizer.from_pretrained(tmp_path)
    assert theirs(TEXTS, add_special_tokens=False)["input_ids"] == tokenizer.encode(TEXTS)
    end = features.get("separator", "\n") if "layout" in features else ""
    read = [layout.inputs(ids) for ids in tokenizer.encode(TEXTS)]
    assert theirs([text + end for text in TEXTS])["input_ids"] == read
    assert (theirs.pad_token_id, theirs.eos_token_id, len(theirs)) == (tokenizer.pad_id, tokenizer.eos_id, tokenizer.vocab_size)
    assert sorted(theirs("a")) == ["attention_mask", "input_ids"]
    for ids in read[:40]:
        assert theirs.decode(ids, skip_special_tokens=True).split() == tokenizer.decode(ids).split()

    again = load_tokenizer(str(tmp_path))
    assert again.encode(TEXTS) == tokenizer.encode(TEXTS)
    assert [make_layout(FeatureConfig(**features), again).inputs(ids) for ids in again.encode(TEXTS)] == read


def test_a_tokenizer_with_a_beginning_keeps_it_and_its_chat_template(tmp_path):
    backend = train_tokenizer(SENTENCES, TokenizerConfig(kind="words", vocab_size=300))._backend
    backend.add_special_tokens(["<s>"])
    special = {"bos_token": "<s>", "eos_token": "</s>"}
    chat = "{% for m in messages %}<s>{{ m.content }}</s>{% endfor %}{% if add_generation_prompt %}<s>{% endif %}"
    tokenizer = HFTokenizer(backend, special, chat).surrounded([backend.token_to_id("<s>")], [])
    assert tokenizer.bos_id == backend.token_to_id("<s>")
    for name, features in {"plain": {}, "chat": {"chat": True}}.items():
        export_tokenizer(tokenizer, tmp_path / name, make_layout(FeatureConfig(layout="causal", **features), tokenizer))
        theirs = AutoTokenizer.from_pretrained(tmp_path / name)
        assert theirs("the cat")["input_ids"] == [tokenizer.bos_id, *tokenizer.encode(["the cat"])[0]]
        assert theirs.chat_template == chat
    # The same tokenizer before an encoder: its end, and no beginning.
    export_tokenizer(tokenizer, tmp_path / "t5", make_layout(FeatureConfig(), tokenizer))
    ids = AutoTokenizer.from_pretrained(tmp_path / "t5")("the cat")["input_ids"]
    assert ids == [*tokenizer.encode(["the cat"])[0], tokenizer.eos_id]


def test_tokens_that_were_added_beside_a_sentencepiece_model_are_read(tmp_path):
    path = spiece(tmp_path, pad_id=0, eos_id=1, unk_id=2, bos_id=-1)
    ours, saved = load_tokenizer(str(path)), tmp_path / "saved"
    export_tokenizer(ours, saved, make_layout(FeatureConfig(), ours))
    path.rename(saved / "spiece.model")
    assert isinstance(load_tokenizer(str(saved)), SentencePieceTokenizer)
    theirs = AutoTokenizer.from_pretrained(saved)
    theirs.add_tokens(["{", "}"])
    theirs.save_pretrained(saved)
    read = theirs("the {cat}", add_special_tokens=False)["input_ids"]
    assert load_tokenizer(str(saved)).encode(["the {cat}"]) == [read] != ours.encode(["the {cat}"])


def test_a_tokenizer_that_would_give_other_ids_is_not_exported(tmp_path, monkeypatch):
    tokenizer = SentencePieceTokenizer(spiece(tmp_path, pad_id=0, eos_id=1, unk_id=2, bos_id=-1))
    monkeypatch.setattr(tokenizer, "encode", lambda texts: [[5] for _ in texts])
    with pytest.raises(ValueError, match=r"SentencePieceTokenizer cannot be written as a tokenizer\.json: 'The quick"):
        export_tokenizer(tokenizer, tmp_path / "export", make_layout(FeatureConfig(), tokenizer))
    assert not (tmp_path / "export").exists()


TOKEN = {
    "id": 7,
    "content": "<x>",
    "single_word": False,
    "lstrip": False,
    "rstrip": False,
    "normalized": False,
    "special": True,
}
CHARSMAP = {"type": "Precompiled", "precompiled_charsmap": "////"}
NAMELESS = {
    "type": "TemplateProcessing",
    "single": [{"SpecialToken": {"id": "[X]", "type_id": 0}}],
    "pair": [],
    "special_tokens": {},
}
ENDLESS = {"strategy": {"Fixed": 2**40}, "direction": "Right", "pad_to_multiple_of": None, "pad_id": 0, "pad_type_id": 0}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"vocab": {"</s>": 0, "<unk>": 2**31}},
            r'tokenizer\.json: model\.vocab gives "<unk>" the id 2147483648, expected .* 0 to',
        ),
        ({"vocab": {"</s>": 0, "<unk>": -1}}, r'model\.vocab gives "<unk>" the id -1'),
        ({"vocab": {"</s>": 0, "<unk>": "1"}}, r'model\.vocab gives "<unk>" the id "1"'),
        ({"vocab": []}, r"model\.vocab is \[\], expected"),
        ({"vocab": {"a": 0}}, r"special token '</s>' is not in the vocabulary of 1 tokens"),
        ({"pre_tokenizer": {"type": "Nothing"}}, r"tokenizer\.json is no tokenizer that the tokenizers library reads"),
        ({"added_tokens": [{**TOKEN, "id": 2**31}]}, r'added_tokens gives "<x>" the id 2147483648'),
        ({"added_tokens": {"a": 1}}, r"added_tokens is .*, expected a list of objects"),
        ({"model": None}, r"model is null, expected an object"),
        ({"normalizer": CHARSMAP}, r"tokenizer\.json is no tokenizer that .*precompiled_charsmap"),
        ({"post_processor": NAMELESS}, r"is no tokenizer that the tokenizers library reads"),
        ({"eos_token": 5}, r"tokenizer_config\.json: eos_token is 5, expected a text"),
        ({"eos_token": "<nowhere>"}, r"special token '<nowhere>' is not in the vocabulary of 2 tokens"),
        ({"chat_template": 7}, r"tokenizer_config\.json: chat_template is 7, expected a text"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_malformed_tokenizer_is_refused_with_its_file_and_key(change, message, tmp_path):
    write_words(tmp_path, change)
    with pytest.raises(ValueError, match=message):
        load_tokenizer(str(tmp_path))
    if "_token" not in next(iter(change)) and "chat" not in next(iter(change)):
        (tmp_path / "tokenizer_config.json").unlink()  # then transformers would read it, and must not either
        (tmp_path / "config.json").write_text('{"model_type": "t5"}')
        with pytest.raises((ValueError, OSError), match="tokenizer"):
            load_tokenizer(str(tmp_path))


def test_padding_that_a_file_asks_for_is_not_made(tmp_path):
    write_words(tmp_path, {"padding": {**ENDLESS, "pad_token": "</s>"}})
    assert load_tokenizer(str(tmp_path)).encode(["cat"]) == [[1]]


def test_a_text_that_is_no_tokenizer_is_refused_with_its_file(tmp_path):
    write_words(tmp_path, {})
    for name in ("tokenizer.json", "tokenizer_config.json"):
        whole = (tmp_path / name).read_text()
        for text in ("[]", whole[:-3]):
            (tmp_path / name).write_text(text)
            with pytest.raises(ValueError, match=name):
                load_tokenizer(str(tmp_path))
        (tmp_path / name).write_text(whole)
    (tmp_path / "half.model").write_bytes(b"garbage")
    with pytest.raises(ValueError, match=r"half\.model is not a SentencePiece model"):
        load_tokenizer(str(tmp_path / "half.model"))


def write_words(directory, change):
    """A tokenizer of two words; a change is of its model's vocab, of its other parts, or of its config."""
    change = dict(change)
    model = {"type": "WordLevel", "vocab": change.pop("vocab", {"</s>": 0, "<unk>": 1}), "unk_token": "<unk>"}
    parts = ("truncation", "padding", "normalizer", "pre_tokenizer", "post_processor", "decoder")
    record = {"version": "1.0", "added_tokens": [], **dict.fromkeys(parts), "model": model}
    config = {"eos_token": "</s>"} | {key: change.pop(key) for key in [*change] if key in ("eos_token", "chat_template")}
    (directory / "tokenizer.json").write_text(json.dumps(record | change))
    (directory / "tokenizer_config.json").write_text(json.dumps(config))
