"""Tokenizers: text comes back, directories load again as the same thing, and others read them alike."""

import json
import random

import pytest
import sentencepiece

from flanjax.data.tokenizer import (
    EXTRA_IDS,
    ByteTokenizer,
    SentencePieceTokenizer,
    TokenizerConfig,
    load_tokenizer,
    survives,
    train_tokenizer,
)

SHELF = ("the", "red", "green", "blue", "cat", "dog", "house", "runs", "sleeps", "sees", "under", "near", "what", "why", "is")


def sentences(n=400):
    draw = random.Random(0)
    for i in range(n):
        words = [draw.choice(SHELF) for _ in range(draw.randrange(4, 12))]
        yield f"{' '.join(words).capitalize()}, no. {i}?\nOptions:\n(A) yes\n(B) no {draw.randrange(1000)}."


SENTENCES = list(sentences())


@pytest.fixture(scope="module", params=["words", "unigram", "sentencepiece", "bytes"])
def tokenizer(request, tmp_path_factory):
    if request.param == "bytes":
        return ByteTokenizer()
    if request.param == "sentencepiece":
        return SentencePieceTokenizer(spiece(tmp_path_factory.mktemp("spiece"), pad_id=0, eos_id=1, unk_id=2, bos_id=-1))
    return train_tokenizer(SENTENCES, TokenizerConfig(kind=request.param, vocab_size=2000 if request.param == "words" else 300))


def spiece(folder, **options):
    (folder / "text.txt").write_text("\n".join(line for s in SENTENCES for line in s.split("\n")))
    sentencepiece.SentencePieceTrainer.train(
        input=str(folder / "text.txt"),
        model_prefix=str(folder / "toy"),
        vocab_size=200,
        hard_vocab_limit=False,
        character_coverage=1.0,
        minloglevel=2,
        **options,
    )
    return folder / "toy.model"


def test_known_text_comes_back_from_its_ids(tokenizer):
    assert all(survives(tokenizer, s) for s in SENTENCES)
    sentence = "What is the red house near 365?"
    assert tokenizer.decode(tokenizer.encode([sentence])[0]).split() == sentence.split()


def test_every_id_is_below_the_vocabulary_and_none_is_special(tokenizer):
    ids = {i for text in tokenizer.encode(SENTENCES) for i in text}
    assert max(ids) < tokenizer.vocab_size
    assert max(tokenizer.pad_id, tokenizer.eos_id) < tokenizer.vocab_size
    assert tokenizer.pad_id != tokenizer.eos_id
    assert not ids & {tokenizer.pad_id, tokenizer.eos_id, tokenizer.unk_id}


def test_a_batch_is_encoded_as_one_at_a_time(tokenizer):
    assert tokenizer.encode(SENTENCES[:20]) == [tokenizer.encode([s])[0] for s in SENTENCES[:20]]
    assert tokenizer.encode([]) == []
    assert tokenizer.encode([""]) == [[]]


def test_decoding_passes_over_what_is_no_text(tokenizer):
    ids = tokenizer.encode(["the cat"])[0]
    assert tokenizer.decode([tokenizer.pad_id, *ids, tokenizer.eos_id, tokenizer.pad_id]).strip() == "the cat"
    assert isinstance(tokenizer.decode([tokenizer.vocab_size - 1]), str)


def test_a_saved_tokenizer_is_the_same_when_loaded(tokenizer, tmp_path):
    tokenizer.save(tmp_path / "saved")
    loaded = load_tokenizer(str(tmp_path / "saved"))
    assert loaded.fingerprint == tokenizer.fingerprint
    assert loaded.encode(SENTENCES) == tokenizer.encode(SENTENCES)
    loaded.save(tmp_path / "again")
    assert load_tokenizer(str(tmp_path / "again")).fingerprint == tokenizer.fingerprint
    for name in ("pad_id", "eos_id", "unk_id", "vocab_size"):
        assert getattr(loaded, name) == getattr(tokenizer, name)


def test_training_on_words_is_repeatable_and_other_texts_make_another_tokenizer():
    config = TokenizerConfig(kind="words", vocab_size=300)
    prints = [train_tokenizer(texts, config).fingerprint for texts in (SENTENCES, SENTENCES, SENTENCES[:200])]
    assert prints[0] == prints[1] != prints[2]


@pytest.mark.parametrize("kind", ["words", "unigram"])
def test_transformers_reads_a_trained_tokenizer_alike_and_appends_the_end(kind, tmp_path):
    from transformers import AutoTokenizer

    ours = train_tokenizer(SENTENCES, TokenizerConfig(kind=kind, vocab_size=300))
    ours.save(tmp_path)
    theirs = AutoTokenizer.from_pretrained(tmp_path)
    assert theirs(SENTENCES)["input_ids"] == [[*ids, ours.eos_id] for ids in ours.encode(SENTENCES)]
    assert (theirs.pad_token_id, theirs.eos_token_id, len(theirs)) == (ours.pad_id, ours.eos_id, ours.vocab_size)


def test_a_sentencepiece_model_gives_the_pieces_ids_and_room_for_the_sentinels(tmp_path):
    path = spiece(tmp_path, pad_id=0, eos_id=1, unk_id=2, bos_id=-1)
    reference = sentencepiece.SentencePieceProcessor(model_file=str(path))
    ours = load_tokenizer(str(path))
    assert ours.encode(SENTENCES) == [reference.encode(s) for s in SENTENCES]
    assert (ours.pad_id, ours.eos_id, ours.unk_id) == (0, 1, 2)
    assert ours.vocab_size == reference.get_piece_size() + EXTRA_IDS


def test_sentinels_among_the_pieces_get_no_further_room(tmp_path):
    symbols = [f"<extra_id_{i}>" for i in range(3)]
    path = spiece(tmp_path, pad_id=0, eos_id=1, unk_id=2, bos_id=-1, user_defined_symbols=symbols)
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(path)).get_piece_size()
    assert load_tokenizer(str(path)).vocab_size == pieces


def test_a_sentencepiece_model_without_padding_gets_ids_behind_its_pieces(tmp_path):
    path = spiece(tmp_path)  # the library's default: no padding
    ours, pieces = load_tokenizer(str(path)), sentencepiece.SentencePieceProcessor(model_file=str(path)).get_piece_size()
    assert ours.pad_id == pieces + EXTRA_IDS == ours.vocab_size - 1
    assert ours.eos_id < pieces


def test_bytes_are_byt5s():
    from transformers import ByT5Tokenizer

    theirs, ours, texts = ByT5Tokenizer(), ByteTokenizer(), ["hello", "naïve 日本\n", ""]
    assert [[*ids, ours.eos_id] for ids in ours.encode(texts)] == theirs(texts)["input_ids"]
    assert (ours.pad_id, ours.eos_id, ours.vocab_size) == (theirs.pad_token_id, theirs.eos_token_id, len(theirs))
    assert [ours.decode(i) for i in ours.encode(texts)] == texts


def test_what_does_not_survive_is_told_from_what_does():
    words = train_tokenizer(SENTENCES, TokenizerConfig(kind="words", vocab_size=2000))
    assert survives(words, "the red\n\ncat")
    assert not survives(words, "the zebra")
    assert survives(ByteTokenizer(), "{the} zebra\t日本")


@pytest.mark.parametrize("path", ["/nowhere/tokenizer", "./nowhere", "nowhere/spiece.model"])
def test_a_path_that_is_not_there_is_named(path):
    with pytest.raises(FileNotFoundError, match=path.replace(".", r"\.")):
        load_tokenizer(path)


def test_a_directory_without_an_end_of_sequence_says_so(tmp_path):
    train_tokenizer(SENTENCES[:50], TokenizerConfig(kind="words")).save(tmp_path)
    config = json.loads((tmp_path / "tokenizer_config.json").read_text())
    del config["eos_token"]
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match="eos_token is None"):
        load_tokenizer(str(tmp_path))
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({**config, "eos_token": "<end>"}))
    with pytest.raises(ValueError, match="'<end>' is not in the vocabulary"):
        load_tokenizer(str(tmp_path))


def test_padding_may_be_any_token_because_segment_ids_tell_it(tmp_path):
    train_tokenizer(SENTENCES[:50], TokenizerConfig(kind="words")).save(tmp_path)
    config = json.loads((tmp_path / "tokenizer_config.json").read_text())
    del config["pad_token"]
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    loaded = load_tokenizer(str(tmp_path))
    assert loaded.pad_id == loaded.eos_id


def test_an_empty_directory_and_an_unknown_id_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=tmp_path.name):
        load_tokenizer(str(tmp_path))
    with pytest.raises(FileNotFoundError, match="no-such-owner/no-such-tokenizer"):
        load_tokenizer("no-such-owner/no-such-tokenizer")


def test_an_unknown_kind_is_named():
    with pytest.raises(ValueError, match="'bpe'"):
        TokenizerConfig(kind="bpe")
