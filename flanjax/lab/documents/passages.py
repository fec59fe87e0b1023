"""Texts into passages, and documents into those that are trained on and those that are held out.

Held-out documents are compared by the parts of their paragraphs, not by passages: a paragraph more in one document moves the
borders of its passages, and so the same text would not be found.

The splitter is ours: by paragraphs, and where one is too long by sentences, as flanjax.evaluate.entailment finds them. Kept
libraries either load a model to split sentences (nltk) or bring a framework along.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import xxhash

from flanjax.evaluate.entailment import sentences
from flanjax.lab.documents.files import Document, Refused, read_documents
from flanjax.lab.documents.recipe import Recipe
from flanjax.lab.writing.likeness import words_of
from flanjax.lab.writing.rows import spread

LEAST_WORDS = 15  # of a passage
TRAIN, HELDOUT = "train", "heldout"
_MB = 1_000_000
_HEADING = re.compile(r"#{1,6}[ \t]")
Paragraph = list[str]  # of its parts: itself alone, or its sentences if it is longer than a passage


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


class Heldout(NamedTuple):
    """What training documents may not have.

    Attributes:
      where: all parts of the paragraphs of held-out documents, and all passages of them -> the document or the passage.
      refused: name -> why a held-out file cannot be read as a whole. No row is made of it, since what it has is not known.
    """

    where: dict[str, str]
    refused: dict[str, Refused]


def read_passages(folder: str, recipe: Recipe, out: str = "") -> Read:
    """Returns the passages of the documents in a folder; inside the folder `out` nothing is read.

    A training document loses each part that a held-out one has anywhere, also behind `megabytes`. No passage is there twice.
    """
    heldout = _read_heldout(folder, recipe, out)
    found, refused, notes = list[Passage](), list[Refused](), list[Refused]()
    for one in read_documents(folder, recipe.megabytes * _MB, out):
        one = heldout.refused.get(one.name, one)
        if isinstance(one, Refused):
            refused.append(one)
            continue
        split = split_of(one.name, recipe.heldout)
        paragraphs = _paragraphs(one, recipe.words)
        kept, lost = _without(paragraphs, heldout.where) if split == TRAIN else (paragraphs, [])
        texts = list(_passages(kept, recipe.words))
        if lost:
            parts = f"{len(lost)} of its {sum(map(len, paragraphs))} paragraphs, or sentences of long ones"
            notes.append(Refused(one.name, f"{parts}: held-out documents have them too, the first is in {lost[0]}"))
        elif not texts:
            refused.append(Refused(one.name, f"it has fewer than {LEAST_WORDS} words together"))
            continue
        if one.cut:
            notes.append(Refused(one.name, f"only its first {recipe.megabytes} MB are used (--megabytes); split it to use all"))
        numbers = spread(range(len(texts)), recipe.passages) if recipe.passages else range(len(texts))
        found += [Passage(f"{one.name}#{n + 1}", one.name, texts[n], split) for n in numbers]
    kept_passages, same = _different(found, heldout.where)
    return Read(kept_passages, refused, notes + same)


def _read_heldout(folder: str, recipe: Recipe, out: str) -> Heldout:
    found = Heldout({}, {})
    for one in read_documents(folder, None, out, lambda name: split_of(name, recipe.heldout) == HELDOUT):
        if isinstance(one, Refused):
            found.refused[one.name] = one
            continue
        paragraphs = _paragraphs(one, recipe.words)
        for n, text in enumerate(_passages(paragraphs, recipe.words), 1):
            found.where.setdefault(_key(text), f"{one.name}#{n}")
        for part in (part for paragraph in paragraphs for part in paragraph):
            if not _is_heading(part):  # "## Notes" says nothing of what is below it
                found.where.setdefault(_key(part), one.name)
    return found


def _paragraphs(one: Document, most_words: int) -> list[Paragraph]:
    found = list(paragraphs_of(one.text, most_words))
    if one.cut and found:
        found[-1].pop()  # it may go on in the file, and then it is another part there
    return found


def _without(paragraphs: Sequence[Paragraph], where: Mapping[str, str]) -> tuple[list[Paragraph], list[str]]:
    """Paragraphs without the parts that held-out documents have, and where those have them."""
    lost = [where[key] for paragraph in paragraphs for part in paragraph if (key := _key(part)) in where]
    return [[part for part in paragraph if _key(part) not in where] for paragraph in paragraphs], lost


def _different(found: Sequence[Passage], where: Mapping[str, str]) -> tuple[list[Passage], list[Refused]]:
    """Passages without those that are there twice or, as a whole, in a held-out document; and notes of these."""
    first, same = dict[str, str](), list[Refused]()
    for passage in sorted(found, key=lambda passage: passage.split == TRAIN):  # the held-out ones have the first right
        key = _key(passage.text)
        if there := first.get(key) or (where.get(key) if passage.split == TRAIN else None):
            same.append(Refused(passage.id, f"the same as {there}"))
        else:
            first[key] = passage.id
    kept = {*first.values()}
    return [passage for passage in found if passage.id in kept], same


def _key(text: str) -> str:
    return " ".join(text.split())


def _is_heading(part: str) -> bool:
    return bool(_HEADING.match(part)) and "\n" not in part and len(words_of(part)) < LEAST_WORDS


def passages_of(text: str, most_words: int) -> Iterator[str]:
    """Yields the passages of a text: whole paragraphs, as many as have `most_words` together.

    A heading of Markdown begins a passage. A longer paragraph is cut between sentences, and a longer sentence between words.
    What is left with fewer than LEAST_WORDS is no passage.
    """
    yield from _passages(paragraphs_of(text, most_words), most_words)


def paragraphs_of(text: str, most_words: int) -> Iterator[Paragraph]:
    """Yields the paragraphs of a text. A long one's parts do not depend on where it begins: a sentence before it moves none."""
    for paragraph in re.split(r"\n[ \t]*\n", text):
        paragraph = paragraph.strip("\n")
        if len(words_of(paragraph)) > most_words:
            yield list(_short_sentences(paragraph, most_words))
        elif paragraph.strip():
            yield [paragraph]


def _passages(paragraphs: Iterable[Paragraph], most_words: int) -> Iterator[str]:
    parts: list[str] = []
    number = 0
    for piece in (piece for paragraph in paragraphs for piece in _pieces(paragraph, most_words)):
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


def _pieces(paragraph: Paragraph, most_words: int) -> Iterator[str]:
    parts, number = list[str](), 0
    for part in paragraph:
        size = len(words_of(part))
        if parts and number + size > most_words:
            yield " ".join(parts)
            parts, number = [], 0
        parts.append(part)
        number += size
    if parts:
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
