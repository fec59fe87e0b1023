"""Tokenizers behind one interface: SentencePiece models, Hugging Face tokenizers and bytes; and training a small one.

`encode` never adds special tokens; features add the end of sequence.
"""

import dataclasses
import functools
import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, Protocol

import sentencepiece
import tokenizers
from etils import epath
from tokenizers import decoders, models, normalizers, pre_tokenizers, processors, trainers

from flanjax import fields
from flanjax.data.tokenizer_files import (
    CONFIG,
    TOKENIZER,
    UnreadableTokenizer,
    check_backend,
    default_template,
    no_panic,
    read_backend,
    read_named,
)
from flanjax.fields import Count

IN_PARALLEL = "TOKENIZERS_PARALLELISM"  # "false" keeps all tokenizers to one thread, SentencePiece's too
EXTRA_IDS = 100  # T5's sentinels, after the pieces of its SentencePiece model
_PAD, _EOS, _UNK = "<pad>", "</s>", "<unk>"


class Tokenizer(Protocol):
    """Text to ids and back.

    Attributes:
      pad_id: the padding id, which also starts the decoder, as in T5.
      bos_id: the id with which every sequence of a decoder-only model begins; None if there is none.
      unk_id: the id of unknown tokens; -1 if there are none.
      vocab_size: all ids are below it.
      fingerprint: a hash that changes if any text would be encoded differently.
    """

    pad_id: int
    eos_id: int
    bos_id: int | None
    unk_id: int
    vocab_size: int
    fingerprint: str

    def encode(self, texts: Sequence[str]) -> list[list[int]]: ...
    def decode(self, ids: Sequence[int]) -> str: ...
    def save(self, directory: epath.PathLike) -> None: ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class TokenizerConfig:
    """The choice of a tokenizer.

    Args:
      path: a SentencePiece `.model`, a directory or Hugging Face id with a tokenizer ("id@revision" for a certain one), "bytes"
        (ByT5's), or "train": the one of the weights at model.init, or else one that is trained on the training mixture and kept
        in the workdir.
      vocab_size: vocabulary size of a trained tokenizer.
      kind: kind of a trained tokenizer: "unigram" for general text, "words" for a small closed vocabulary.
      train_examples: number of examples of the mixture on which a tokenizer is trained.
    """

    path: str = "train"
    vocab_size: Count = 8192
    kind: Literal["unigram", "words"] = "unigram"
    train_examples: Count = 20_000

    def __post_init__(self) -> None:
        fields.check(self)


class SentencePieceTokenizer:
    """A SentencePiece model called directly, several times as fast as the same vocabulary in a Hugging Face tokenizer.

    Attributes:
      proto: the model file's bytes.
    """

    def __init__(self, path: epath.PathLike, extra_ids: int = EXTRA_IDS):
        self.proto = epath.Path(path).read_bytes()
        try:
            self._model = sentencepiece.SentencePieceProcessor(model_proto=self.proto)
        except RuntimeError as error:
            raise ValueError(f"{path} is not a SentencePiece model, or not all of one: {error}") from error
        pieces = self._model.get_piece_size()
        if any(self._model.piece_to_id(piece) != self._model.unk_id() for piece in ("<extra_id_0>", "▁<extra_id_0>")):
            extra_ids = 0  # mT5's sentinels are among its pieces
        self.unk_id = self._model.unk_id()
        self.bos_id: int | None = self._model.bos_id() if self._model.bos_id() >= 0 else None
        missing = [i for i in (self._model.pad_id(), self._model.eos_id()) if i < 0]
        self.pad_id = self._model.pad_id() if self._model.pad_id() >= 0 else pieces + extra_ids
        self.eos_id = self._model.eos_id() if self._model.eos_id() >= 0 else pieces + extra_ids + len(missing) - 1
        self.vocab_size = pieces + extra_ids + len(missing)
        self._pieces = pieces
        self.fingerprint = _digest(self.proto, str(extra_ids).encode())

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        return self._model.encode(list(texts), num_threads=1 if os.environ.get(IN_PARALLEL) == "false" else -1)

    def decode(self, ids: Sequence[int]) -> str:
        return self._model.decode([int(i) for i in ids if i < self._pieces and i not in (self.pad_id, self.eos_id)])

    def save(self, directory: epath.PathLike) -> None:
        epath.Path(directory).mkdir(parents=True, exist_ok=True)
        (epath.Path(directory) / "spiece.model").write_bytes(self.proto)


class HFTokenizer:
    """A fast tokenizer of the `tokenizers` library, with the special tokens and the chat template that its directory names.

    Attributes:
      special: bos_token, eos_token and so on, as templates name them.
      special_ids: ids of all its special tokens.
      chat_template: Jinja2 text; "" if it has none.
    """

    def __init__(
        self, backend: tokenizers.Tokenizer, special: Mapping[str, str], chat_template: str = "", name: str = "trained here"
    ):
        self._backend = backend
        self._backend.no_padding()
        self._backend.no_truncation()
        self._backend.encode_special_tokens = True  # "</s>" in a text is text
        self.special, self.chat_template, self._name = dict(special), chat_template, name
        self.eos_id = self._id(special["eos_token"])
        # Padding is recognised by segment ids only, so any token may serve as padding.
        self.pad_id = self._id(special["pad_token"]) if special.get("pad_token") else self.eos_id
        self.unk_id = self._id(special["unk_token"]) if special.get("unk_token") else -1
        first = backend.encode("", add_special_tokens=True).ids
        self.bos_id: int | None = first[0] if first and first[0] != self.eos_id else None
        self.vocab_size = max(backend.get_vocab(with_added_tokens=True).values()) + 1
        added = backend.get_added_tokens_decoder()
        self.special_ids = frozenset(i for i, token in added.items() if token.special)
        self.fingerprint = _digest(_settled(backend).encode(), json.dumps(self._named()).encode(), chat_template.encode())

    @classmethod
    def load(cls, name: str) -> "HFTokenizer":
        """Returns the tokenizer of a directory with tokenizer.json, or of an id on the Hugging Face hub."""
        directory = epath.Path(name)
        if (directory / TOKENIZER).exists() and (directory / CONFIG).exists():
            backend = read_backend(directory / TOKENIZER)
            tokens, chat = read_named(directory)
        else:
            backend, tokens, chat = _from_transformers(name)
        if not tokens.get("eos_token"):
            raise ValueError(f"tokenizer {name}: eos_token is {tokens.get('eos_token')!r}; set it in tokenizer_config.json")
        with no_panic(f"tokenizer {name}"):
            return cls(backend, tokens, chat, name)

    def _id(self, token: str) -> int:
        found = self._backend.token_to_id(token)
        if found is None:
            raise ValueError(
                f"tokenizer {self._name}: special token {token!r} is not in the vocabulary of "
                f"{self._backend.get_vocab_size():,} tokens; "
                "add it to tokenizer.json, or name another one in tokenizer_config.json"
            )
        return found

    def _named(self) -> dict[str, str]:
        return {name: self.special[name] for name in ("pad_token", "eos_token", "unk_token") if self.special.get(name)}

    @functools.cached_property
    def _with_special(self) -> tokenizers.Tokenizer:
        copy = tokenizers.Tokenizer.from_str(self._backend.to_str())
        copy.encode_special_tokens = False
        return copy

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        return [e.ids for e in self._backend.encode_batch_fast(list(texts), add_special_tokens=False)]

    def encode_template(self, texts: Sequence[str]) -> list[list[int]]:
        """Returns ids as `encode` does, but special tokens that a text spells out become these tokens."""
        return [e.ids for e in self._with_special.encode_batch_fast(list(texts), add_special_tokens=False)]

    def tokens(self, ids: Sequence[int]) -> list[str]:
        return [self._backend.id_to_token(i) or "" for i in ids]

    def decode(self, ids: Sequence[int]) -> str:
        return self._backend.decode([int(i) for i in ids], skip_special_tokens=True)

    def surrounded(self, before: Sequence[int], after: Sequence[int]) -> "HFTokenizer":
        """Returns this tokenizer with a post-processor that puts exactly these ids around a text; `encode` adds none."""
        copy = tokenizers.Tokenizer.from_str(self._backend.to_str())
        if copy.encode("a").ids != [*before, *copy.encode("a", add_special_tokens=False).ids, *after]:
            texts = [[copy.id_to_token(i) for i in ids] for ids in (before, after)]
            single = [*texts[0], "$A", *texts[1]]
            named = dict(zip([*texts[0], *texts[1]], [*before, *after], strict=True))
            copy.post_processor = processors.TemplateProcessing(
                single=single, pair=[*single, *texts[0], "$B", *texts[1]], special_tokens=[*named.items()]
            )
        return HFTokenizer(copy, self.special, self.chat_template)

    def save(self, directory: epath.PathLike) -> None:
        """Writes a directory that `transformers.AutoTokenizer` loads; its post-processor is stored in tokenizer.json."""
        path = epath.Path(directory)
        path.mkdir(parents=True, exist_ok=True)
        (path / TOKENIZER).write_text(self._backend.to_str(pretty=True))
        config: dict[str, Any] = {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "model_max_length": 1 << 30,
            "model_input_names": ["input_ids", "attention_mask"],  # all inputs of the models here
            "clean_up_tokenization_spaces": False,
            **self.special,
        }
        if self.chat_template:
            config["chat_template"] = self.chat_template
        (path / CONFIG).write_text(json.dumps(config, indent=2))


class ByteTokenizer:
    """UTF-8 bytes with ByT5's ids: 0 pad, 1 end, 2 unknown, byte b is b + 3, 125 sentinels."""

    pad_id, eos_id, unk_id, vocab_size = 0, 1, -1, 384
    bos_id: int | None = None
    fingerprint = "bytes"

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        return [[b + 3 for b in text.encode()] for text in texts]

    def decode(self, ids: Sequence[int]) -> str:
        return bytes(int(i) - 3 for i in ids if 3 <= i < 259).decode(errors="replace")

    def save(self, directory: epath.PathLike) -> None:
        epath.Path(directory).mkdir(parents=True, exist_ok=True)
        (epath.Path(directory) / "bytes").write_text("")


def _adds_tokens(place: epath.Path) -> bool:
    """Whether a tokenizer.json has tokens besides the pieces of the spiece.model beside it and T5's sentinels."""
    if not ((place / TOKENIZER).exists() and (place / CONFIG).exists()):
        return False
    model = sentencepiece.SentencePieceProcessor(model_proto=(place / "spiece.model").read_bytes())
    pieces = {model.id_to_piece(i) for i in range(model.get_piece_size())}
    added = (token["content"] for token in check_backend(place / TOKENIZER).get("added_tokens") or [])
    return any(token not in pieces and not re.fullmatch(r"<extra_id_\d+>", token) for token in added)


def load_tokenizer(path: str) -> Tokenizer:
    """Returns the tokenizer at a path, or of a Hugging Face id. Raises FileNotFoundError naming what was not found."""
    if path == "bytes":
        return ByteTokenizer()
    place = epath.Path(path)
    if place.is_dir():
        if (place / "bytes").exists():
            return ByteTokenizer()
        if (place / "spiece.model").exists() and not _adds_tokens(place):
            return SentencePieceTokenizer(place / "spiece.model")
        return HFTokenizer.load(path)
    if path.endswith(".model"):
        if not place.exists():
            raise FileNotFoundError(f"tokenizer.path {path}: no such SentencePiece model")
        return SentencePieceTokenizer(place)
    if place.is_absolute() or path.startswith("."):
        raise FileNotFoundError(f"tokenizer.path {path}: no such directory; expected tokenizer.json or spiece.model in it")
    return HFTokenizer.load(path)


def train_tokenizer(texts: Iterable[str], config: TokenizerConfig) -> Tokenizer:
    """Returns a tokenizer trained on the texts with the `tokenizers` library, for runs without any download."""
    metaspace = pre_tokenizers.Metaspace(prepend_scheme="always")
    newline = pre_tokenizers.Split("\n", "isolated")
    special = [_PAD, _EOS, _UNK]
    if config.kind == "words":
        backend = tokenizers.Tokenizer(models.WordLevel(unk_token=_UNK))
        backend.pre_tokenizer = pre_tokenizers.Sequence([newline, metaspace, pre_tokenizers.Punctuation("isolated")])
        trainer: trainers.Trainer = trainers.WordLevelTrainer(
            vocab_size=config.vocab_size, special_tokens=special, show_progress=False
        )
    else:
        backend = tokenizers.Tokenizer(models.Unigram())
        backend.normalizer = normalizers.NFKC()
        digits = pre_tokenizers.Digits(individual_digits=True)
        backend.pre_tokenizer = pre_tokenizers.Sequence([newline, metaspace, digits])
        trainer = trainers.UnigramTrainer(
            vocab_size=config.vocab_size, special_tokens=special, unk_token=_UNK, show_progress=False
        )
    backend.decoder = decoders.Metaspace(prepend_scheme="always")
    backend.train_from_iterator(texts, trainer)
    backend.post_processor = processors.TemplateProcessing(
        single=f"$A {_EOS}", pair=f"$A {_EOS} $B {_EOS}", special_tokens=[(_EOS, backend.token_to_id(_EOS))]
    )
    return HFTokenizer(backend, {"pad_token": _PAD, "eos_token": _EOS, "unk_token": _UNK})


def survives(tokenizer: Tokenizer, text: str) -> bool:
    """Whether decoding a text's ids gives the text back. White space is ignored, so line breaks may become spaces."""
    return "".join(tokenizer.decode(tokenizer.encode([text])[0]).split()) == "".join(text.split())


# Any of these beside TOKENIZER makes a place hold a tokenizer, whatever its kind.
_OTHER_FILES = (
    "tokenizer_config.json", "spiece.model", "tokenizer.model", "sentencepiece.bpe.model", "vocab.json", "vocab.txt",
)  # fmt: skip


def _from_transformers(name: str) -> tuple[tokenizers.Tokenizer, dict[str, str], str]:
    # Takes 2 s to import, and only ids and unusual directories need it.
    from transformers import AutoTokenizer
    from transformers.utils import cached_file

    repository, _, revision = (name, "", "") if epath.Path(name).is_dir() else name.partition("@")
    quiet = {f"_raise_exceptions_for_{what}": False for what in ("gated_repo", "missing_entries", "connection_errors")}
    try:
        found = cached_file(repository, TOKENIZER, revision=revision or "main", **quiet)
        if found:
            check_backend(epath.Path(found))
        with no_panic(f"the tokenizer of {name}"):
            loaded = AutoTokenizer.from_pretrained(repository, revision=revision or "main")
    except UnreadableTokenizer:
        raise
    except (OSError, ValueError) as error:
        raise FileNotFoundError(
            f"tokenizer.path {name!r} is neither a directory here nor a tokenizer on the Hugging Face hub: {error}"
        ) from error
    except Exception as error:  # transformers raises many kinds of error for malformed files
        raise UnreadableTokenizer(f"transformers cannot read the tokenizer of {name}: {error}") from error
    others = (cached_file(repository, file, revision=revision or "main", **quiet) for file in _OTHER_FILES)
    if not found and not any(others):  # transformers then makes one without words, as the model's config says
        raise FileNotFoundError(f"{name} holds no tokenizer; set tokenizer.path to a directory or id with {TOKENIZER}")
    tokens = {k: getattr(loaded, k) for k in ("bos_token", "pad_token", "eos_token", "unk_token")}
    chat = default_template(loaded.chat_template or "", f"the chat template of {name}")
    return loaded.backend_tokenizer, {k: v for k, v in tokens.items() if v}, chat


def _settled(backend: tokenizers.Tokenizer) -> str:
    """Returns the tokenizer as JSON with rounded scores, because the library's own reader changes their last digit."""
    record = json.loads(backend.to_str())
    if record["model"]["type"] == "Unigram":
        record["model"]["vocab"] = [(piece, round(score, 6)) for piece, score in record["model"]["vocab"]]
    return json.dumps(record)


def _digest(*parts: bytes) -> str:
    return hashlib.blake2b(b"\x1f".join(parts), digest_size=8).hexdigest()
