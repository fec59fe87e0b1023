"""Texts into passages, and documents into those that are trained on and those that are held out.

The splitter is ours: by paragraphs, and where one is too long by sentences, as flanjax.evaluate.entailment finds them. Kept
libraries either load a model to split sentences (nltk) or bring a framework along.
"""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import xxhash

from flanjax.evaluate.entailment import sentences
from flanjax.lab.documents.files import Document, Refused
from flanjax.lab.documents.recipe import Recipe
from flanjax.lab.writing.likeness import words_of
from flanjax.lab.writing.rows import spread

LEAST_WORDS = 15  # of a passage
TRAIN, HELDOUT = "train", "heldout"
_HEADING = re.compile(r"#{1,6}[ \t]")


class Passage(NamedTuple):
    """A part of a document.

    Attributes:
      id: the document's name, and the passage's number in it from 1: "a/b.md#3".
      split: train or heldout; all passages of a document have the same.
    """

    id: str
    document: str
    text: str
    split: str


class Read(NamedTuple):
    """What a folder gave.

    Attributes:
      refused: files without passages, with the reason.
      notes: of documents of which a part was left out, with the reason.
    """

    passages: list[Passage]
    refused: list[Refused]
    notes: list[Refused]


def split_of(name: str, heldout: float) -> str:
    """Returns the split of a document, by a hash of its name: another file in the folder changes nothing."""
    return HELDOUT if xxhash.xxh3_64(name.encode("utf-8", "surrogateescape")).intdigest() < heldout * 2**64 else TRAIN


def read_passages(documents: Iterable[Document | Refused], recipe: Recipe) -> Read:
    """Returns the passages of documents.

    A passage that a held-out document has too is no passage of a training document, and none is there twice.
    """
    found, refused, notes = list[Passage](), list[Refused](), list[Refused]()
    heldout = dict[str, str]()  # of all passages of held-out documents, those beside the sample included: text -> id
    for one in documents:
        if isinstance(one, Refused):
            refused.append(one)
            continue
        texts = list(passages_of(one.text, recipe.words))
        if not texts:
            refused.append(Refused(one.name, f"it has fewer than {LEAST_WORDS} words together"))
            continue
        if one.cut:
            notes.append(Refused(one.name, f"only its first {recipe.megabytes} MB are used (--megabytes); split it to use all"))
        numbers = spread(range(len(texts)), recipe.passages) if recipe.passages else range(len(texts))
        split = split_of(one.name, recipe.heldout)
        if split == HELDOUT:
            for n, text in enumerate(texts, 1):
                heldout.setdefault(_key(text), f"{one.name}#{n}")
        found += [Passage(f"{one.name}#{n + 1}", one.name, texts[n], split) for n in numbers]
    first = dict[str, str]()
    for passage in sorted(found, key=lambda passage: passage.split == TRAIN):  # the held-out ones have the first right
        key = _key(passage.text)
        if same := first.get(key) or (heldout.get(key) if passage.split == TRAIN else None):
            notes.append(Refused(passage.id, f"the same as {same}"))
        else:
            first[key] = passage.id
    kept = {*first.values()}
    return Read([passage for passage in found if passage.id in kept], refused, notes)


def _key(text: str) -> str:
    return " ".join(text.split())


def passages_of(text: str, most_words: int) -> Iterator[str]:
    """Yields the passages of a text: whole paragraphs, as many as have `most_words` together.

    A heading of Markdown begins a passage. A longer paragraph is cut between sentences, and a longer sentence between words.
    What is left with fewer than LEAST_WORDS is no passage.
    """
    pieces = [piece for paragraph in re.split(r"\n[ \t]*\n", text) for piece in _pieces(paragraph.strip("\n"), most_words)]
    parts: list[str] = []
    number = 0
    for piece in pieces:
        size, headed = len(words_of(piece)), _HEADING.match(piece)
        if parts and (number + size > most_words or headed):
            yield from _joined(parts, number)
            parts, number = [], 0
        parts.append(piece)
        number += size
    yield from _joined(parts, number)


def _joined(parts: list[str], number: int) -> Iterator[str]:
    if number >= LEAST_WORDS:
        yield "\n\n".join(parts)


def _pieces(paragraph: str, most_words: int) -> Iterator[str]:
    if len(words_of(paragraph)) <= most_words:
        if paragraph.strip():
            yield paragraph
        return
    parts, number = list[str](), 0
    for part in _short_sentences(paragraph, most_words):
        size = len(words_of(part))
        if parts and number + size > most_words:
            yield " ".join(parts)
            parts, number = [], 0
        parts.append(part)
        number += size
    yield " ".join(parts)


def _short_sentences(paragraph: str, most_words: int) -> Iterator[str]:
    for sentence in sentences(paragraph):
        words = sentence.split()
        if len(words_of(sentence)) <= most_words:
            yield sentence
        elif len(words) > 1:
            each = max(1, most_words * len(words) // len(words_of(sentence)))
            yield from (" ".join(words[n : n + each]) for n in range(0, len(words), each))
        else:  # a script without spaces
            yield from (sentence[n : n + most_words] for n in range(0, len(sentence), most_words))
