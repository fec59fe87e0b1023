"""Exports tokenizers so that `transformers.AutoTokenizer` gives the same ids as flanjax.

Every kind becomes a tokenizer.json of the `tokenizers` library. It adds to a text the special tokens that the layout of
training adds: the end of sequence after the input of an encoder-decoder, or the beginning of sequence before the prompt of a
decoder-only model, after which no token may follow.
"""

import tokenizers
from etils import epath
from tokenizers import decoders, models

from flanjax.data.layout import Layout
from flanjax.data.tokenizer import ByteTokenizer, HFTokenizer, SentencePieceTokenizer, Tokenizer

# Texts that show differences in normalization, unknown characters and white space.
_PROBES = (
    "The quick brown fox, no. 365, jumped!", "  two  spaces ", "a\nline\n\nbreak\tand a tab", "naïve ﬁ ½ é e\u0301 \u200b",
    "日本語 🙂🙂 Ω",
    "▁ already escaped", "{braces} <tags> \\ `code`",
)  # fmt: skip


def export_tokenizer(tokenizer: Tokenizer, directory: epath.PathLike, layout: Layout) -> None:
    """Writes the tokenizer into a directory, for prompts of a layout.

    Raises ValueError if transformers would not give the same ids.
    """
    exported = as_hf(tokenizer)
    for probe in _PROBES:
        ours, theirs = tokenizer.encode([probe])[0], exported.encode([probe])[0]
        if ours != theirs:
            raise ValueError(
                f"this {type(tokenizer).__name__} cannot be written as a tokenizer.json: {probe!r} is {ours} here and would be "
                f"{theirs} there. Export with the tokenizer's own files instead"
            )
    exported.surrounded(*around(layout)).save(directory)


def as_hf(tokenizer: Tokenizer) -> HFTokenizer:
    """Returns the same tokenizer in the form of the `tokenizers` library."""
    if isinstance(tokenizer, HFTokenizer):
        return tokenizer
    if isinstance(tokenizer, SentencePieceTokenizer):
        return _of_sentencepiece(tokenizer)
    if isinstance(tokenizer, ByteTokenizer):
        return _of_bytes(tokenizer)
    raise TypeError(f"{type(tokenizer).__name__} has no form of the tokenizers library")


def around(layout: Layout) -> tuple[list[int], list[int]]:
    """Returns the special ids before and after a text that a model reads. A separator or a chat template is text, not ids."""
    if layout.config.layout == "encoder_decoder":
        return [], layout.inputs([])
    if layout.chat:
        return ([] if layout.tokenizer.bos_id is None else [layout.tokenizer.bos_id]), []
    text = -1
    ids = layout.inputs([text])
    return ids[: ids.index(text)], []


def _of_bytes(tokenizer: ByteTokenizer) -> HFTokenizer:
    """Returns a tokenizer with ByT5's ids: it knows no characters, so every text falls back to its bytes."""
    special = {"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
    vocabulary = {token: i for i, token in enumerate(special.values())} | {f"<0x{b:02X}>": b + 3 for b in range(256)}
    backend = tokenizers.Tokenizer(models.BPE(vocab=vocabulary, merges=[], unk_token="<unk>", byte_fallback=True))
    backend.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Fuse()])
    backend.add_special_tokens([*special.values(), *(f"<extra_id_{i}>" for i in range(tokenizer.vocab_size - len(vocabulary)))])
    return HFTokenizer(backend, special)


def _of_sentencepiece(tokenizer: SentencePieceTokenizer) -> HFTokenizer:
    """Returns the pieces with their ids, then T5's sentinels in descending order; adds padding and end if they are missing."""
    # Takes 2 s to import, and only this function needs it.
    from transformers.convert_slow_tokenizer import SpmConverter
    from transformers.utils import sentencepiece_model_pb2_new as protobuf

    proto = protobuf.ModelProto.FromString(tokenizer.proto)  # type: ignore[attr-defined]  # made by its import
    pieces = [(piece.piece, piece.score) for piece in proto.pieces]
    is_unigram = proto.trainer_spec.model_type == proto.trainer_spec.UNIGRAM
    vocabulary = pieces if is_unigram else {piece: i for i, (piece, _) in enumerate(pieces)}
    backend = SpmConverter.build_tokenizer_from_spm_proto(proto, vocabulary)
    control = [p.piece for p in proto.pieces if p.type in (p.UNKNOWN, p.CONTROL)]
    behind = {i: token for token, i in (("<pad>", tokenizer.pad_id), ("</s>", tokenizer.eos_id)) if i >= len(pieces)}
    sentinels = tokenizer.vocab_size - len(pieces) - len(behind)
    names = [f"<extra_id_{i}>" for i in reversed(range(sentinels))] + [behind[i] for i in sorted(behind)]
    backend.add_special_tokens([*control, *names])
    ids = {"pad_token": tokenizer.pad_id, "eos_token": tokenizer.eos_id, "unk_token": tokenizer.unk_id}
    if tokenizer.bos_id is not None:
        ids["bos_token"] = tokenizer.bos_id
    return HFTokenizer(backend, {name: backend.id_to_token(i) for name, i in ids.items()})
