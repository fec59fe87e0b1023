"""Finds evaluation rows in training rows: by equal rows, by equal long texts, and by shared sequences of 13 words.

Texts are compared as lower-case words, so case, spacing and punctuation make no difference. Rows are compared as they come
from their sources, whatever their tasks are called and whatever templates are applied.
"""

import dataclasses
import functools
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from flanjax.check.findings import Example, Finding, excerpt
from flanjax.check.ngrams import hashes, text_hashes
from flanjax.sources import RowError, Rows, where

NGRAM = 13  # words, as in GPT-3's and PaLM's analyses of contamination
SHARED = 0.5  # share of an evaluation text's sequences, by weight, that makes it a near copy
_BOILERPLATE = 10  # texts: a sequence in more of them weighs less, by as much as there are more
_AT_ONCE = 2000  # rows
_FILTER_BITS = 24
_KEPT = 3
_SHOWN_CHARACTERS = 800


class Part(NamedTuple):
    """The rows of one split of a task."""

    task: str
    rows: Rows


class _Texts(NamedTuple):
    """The texts of some rows, flat.

    Attributes:
      texts: every text field of every row.
      rows: int64 [texts]: the number of the row that it is from.
    """

    texts: list[str]
    rows: np.ndarray


def find_leaks(
    evaluation: Sequence[Part], training: Sequence[Part], advance: Callable[[int], None] = lambda rows: None
) -> list[Finding]:
    """Returns what evaluation rows share with training rows, one finding for each kind and pair of tasks.

    Args:
      advance: is called with numbers of rows that were read.
    """
    index = _Index.build(evaluation, advance)
    hits = [_Hits(part) for part in training]
    counts = np.zeros(len(index.grams), np.int64)  # in how many training texts each sequence is
    for part, hit in zip(training, hits, strict=True):
        for first, texts in _batches(part.rows):
            index.match(first, texts, hit, counts)
            advance(len(set(texts.rows.tolist())))
    return _Judge(index, evaluation, counts).findings(hits)


@dataclasses.dataclass
class _Hits:
    """What the training rows of one task share with evaluation.

    Attributes:
      rows, texts: evaluation row or text -> number of the first training row that equals it or holds it.
      near: (evaluation text, training row) -> which of its sequences are shared.
    """

    part: Part
    rows: dict[int, int] = dataclasses.field(default_factory=dict)
    texts: dict[int, int] = dataclasses.field(default_factory=dict)
    near: dict[tuple[int, int], np.ndarray] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class _Index:
    """All evaluation rows, by hash. Rows and texts are numbered through all parts.

    Attributes:
      firsts: int64 [parts + 1]: number of each part's first row.
      row_hashes: row hash -> rows; text_hashes: hash of a long text -> texts.
      text_rows: int64 [texts]: the row of each text.
      grams: uint64 [sequences], sorted and distinct; gram_texts and gram_of pair each text with its sequences.
    """

    firsts: np.ndarray
    row_hashes: dict[int, list[int]]
    text_hashes: dict[int, list[int]]
    text_rows: np.ndarray
    grams: np.ndarray
    gram_of: np.ndarray
    gram_texts: np.ndarray
    num_texts: np.ndarray  # int64 [grams]: in how many different evaluation texts each sequence is
    seen: np.ndarray

    @classmethod
    def build(cls, parts: Sequence[Part], advance: Callable[[int], None]) -> "_Index":
        firsts = np.cumsum([0, *(len(part.rows) for part in parts)])
        by_row: dict[int, list[int]] = defaultdict(list)
        by_text: dict[int, list[int]] = defaultdict(list)
        text_rows, values, owners, distinct = [], [], [], []
        count = 0
        for part, offset in zip(parts, firsts[:-1].tolist(), strict=True):
            for first, texts in _batches(part.rows):
                each = text_hashes(texts.texts)
                for row, key in _row_hashes(texts, each).items():
                    by_row[key].append(offset + first + row)
                grams = hashes(texts.texts, NGRAM)
                for at in np.flatnonzero(grams.lengths >= NGRAM).tolist():
                    by_text[int(each[at])].append(count + at)
                text_rows.append(texts.rows + first + offset)
                values.append(grams.values)
                owners.append(grams.texts + count)
                distinct.append(each[grams.texts])
                count += len(texts.texts)
                advance(len(set(texts.rows.tolist())))
        flat = np.concatenate([np.zeros(0, np.uint64), *values])
        unique, gram_of = np.unique(flat, return_inverse=True)
        pairs = np.unique(np.stack([gram_of.astype(np.uint64), np.concatenate([np.zeros(0, np.uint64), *distinct])]), axis=1)
        num_texts = np.bincount(pairs[0].astype(np.int64), minlength=len(unique))
        seen = np.zeros(1 << _FILTER_BITS, bool)
        seen[_low(unique)] = True
        return cls(
            firsts,
            dict(by_row),
            dict(by_text),
            np.concatenate([np.zeros(0, np.int64), *text_rows]),
            unique,
            gram_of,
            np.concatenate([np.zeros(0, np.int64), *owners]),
            num_texts,
            seen,
        )

    @functools.cached_property
    def grams_of_text(self) -> dict[int, np.ndarray]:
        """Evaluation text -> its sequences, as positions in `grams`."""
        order = np.argsort(self.gram_texts, kind="stable")
        texts, starts = np.unique(self.gram_texts[order], return_index=True)
        return dict(zip(texts.tolist(), np.split(self.gram_of[order], starts[1:]), strict=True))

    @functools.cached_property
    def texts_of_gram(self) -> tuple[np.ndarray, np.ndarray]:
        """(starts, texts): the evaluation texts that hold sequence g are texts[starts[g]:starts[g + 1]]."""
        order = np.argsort(self.gram_of, kind="stable")
        starts = np.searchsorted(self.gram_of[order], np.arange(len(self.grams) + 1))
        return starts, self.gram_texts[order]

    def match(self, first: int, texts: _Texts, hits: _Hits, counts: np.ndarray) -> None:
        """Adds what some training rows share with evaluation rows to `hits`, and to `counts` in how many texts."""
        each = text_hashes(texts.texts)
        for row, key in _row_hashes(texts, each).items():
            for found in self.row_hashes.get(key, ()):
                hits.rows.setdefault(found, first + row)
        known = self.text_hashes
        for at in np.flatnonzero(np.isin(each, np.fromiter(known, np.uint64, len(known)))).tolist():
            for found in known[int(each[at])]:
                hits.texts.setdefault(found, first + int(texts.rows[at]))
        grams = hashes(texts.texts, NGRAM)
        maybe = np.flatnonzero(self.seen[_low(grams.values)])
        places = np.searchsorted(self.grams, grams.values[maybe])
        inside = places < len(self.grams)
        maybe, places = maybe[inside], places[inside]
        good = self.grams[places] == grams.values[maybe]
        owners, places = grams.texts[maybe[good]], places[good]
        pairs = np.unique(np.stack([owners, places]), axis=1)
        counts += np.bincount(pairs[1], minlength=len(counts))
        self._pair(first, texts, pairs, hits)

    def _pair(self, first: int, texts: _Texts, pairs: np.ndarray, hits: _Hits) -> None:
        """Adds the pairs of evaluation text and training row that share at least a quarter of the text's sequences."""
        starts, holders = self.texts_of_gram
        for owner in np.unique(pairs[0]).tolist():
            places = pairs[1][pairs[0] == owner]
            rare = places[self.num_texts[places] <= 50 * _BOILERPLATE]
            if not len(rare):
                continue
            found = np.concatenate([holders[starts[g] : starts[g + 1]] for g in rare.tolist()])
            for text, shared in zip(*np.unique(found, return_counts=True), strict=True):
                if shared >= 0.25 * len(self.grams_of_text[int(text)]):
                    key = (int(text), first + int(texts.rows[owner]))
                    hits.near[key] = np.union1d(hits.near.get(key, places[:0]), places)


class _Judge:
    """Turns hits into findings, once it is known how common each sequence is."""

    def __init__(self, index: _Index, parts: Sequence[Part], counts: np.ndarray):
        self._index, self._parts = index, parts
        common = np.maximum(np.maximum(index.num_texts, counts), _BOILERPLATE)
        self._weights = _BOILERPLATE / common

    def findings(self, hits: Sequence[_Hits]) -> list[Finding]:
        made: list[Finding] = []
        for hit in hits:
            told: set[int] = set()
            by_kind: list[tuple[str, dict[int, tuple[int, int]]]] = [
                ("same row", {row: (row, trained) for row, trained in hit.rows.items()}),
                ("same text", self._by_row(hit.texts)),
                ("near copy", self._by_row(dict(self._near(hit)))),
            ]
            for kind, found in by_kind:
                new = {row: pair for row, pair in found.items() if row not in told}
                told |= set(new)
                made += self._of_kind(kind, new, hit)
        return made

    def _by_row(self, texts: Mapping[int, int]) -> dict[int, tuple[int, int]]:
        return {int(self._index.text_rows[text]): (text, trained) for text, trained in texts.items()}

    def _near(self, hit: _Hits) -> Iterator[tuple[int, int]]:
        for (text, trained), shared in hit.near.items():
            own = self._index.grams_of_text[text]
            weights = self._weights[own]
            if weights[np.isin(own, shared)].sum() >= SHARED * weights.sum() and weights.max() >= 1:
                yield text, trained

    def _of_kind(self, kind: str, found: Mapping[int, tuple[int, int]], hit: _Hits) -> Iterator[Finding]:
        firsts = self._index.firsts
        part_of = np.searchsorted(firsts, sorted(found), side="right") - 1
        for number in sorted(set(part_of.tolist())):
            part = self._parts[number]
            rows = [row for row in sorted(found) if firsts[number] <= row < firsts[number + 1]]
            shown = [self._example(part, row - int(firsts[number]), hit.part, found[row][1]) for row in rows[:_KEPT]]
            yield Finding(
                kind=kind,
                task=part.task,
                other=hit.part.task,
                detail=f"{len(rows):,} of {len(part.rows):,} evaluation rows",
                count=len(rows),
                of=len(part.rows),
                examples=tuple(shown),
            )

    def _example(self, part: Part, row: int, trained: Part, at: int) -> Example:
        text, other = (
            excerpt(" | ".join(_texts_of(p.rows[n])), width=_SHOWN_CHARACTERS) for p, n in ((part, row), (trained, at))
        )
        return Example(where(part.rows, row), text, other, where(trained.rows, at))


def _row_hashes(texts: _Texts, each: np.ndarray) -> dict[int, int]:
    """Returns row -> the hash of its texts, in whatever order; rows without any text of two words have none."""
    sums: dict[int, int] = {}
    long: set[int] = set()
    for at, (row, value) in enumerate(zip(texts.rows.tolist(), each.tolist(), strict=True)):
        sums[row] = (sums.get(row, 0) + value) & 0xFFFFFFFFFFFFFFFF
        if " " in texts.texts[at].strip():
            long.add(row)
    return {row: value for row, value in sums.items() if row in long}


def _batches(rows: Rows) -> Iterator[tuple[int, _Texts]]:
    """Yields the number of the first row, and the texts of some rows, numbered from there. Unreadable rows have none."""
    for first in range(0, len(rows), _AT_ONCE):
        numbers = list(range(first, min(first + _AT_ONCE, len(rows))))
        try:
            read: list[Any] = list(rows.__getitems__(numbers))
        except RowError:
            read = [_or_none(rows, n) for n in numbers]
        flat: list[str] = []
        owners: list[int] = []
        for at, row in enumerate(read):
            texts = list(_strings(row))
            flat += texts
            owners += [at] * len(texts)
        if flat:
            yield first, _Texts(flat, np.array(owners, np.int64))


def _or_none(rows: Rows, number: int) -> Any:
    try:
        return rows[number]
    except RowError:
        return None


def _texts_of(row: Any) -> list[str]:
    return list(_strings(row))


def _strings(value: Any, name: str = "") -> Iterator[str]:
    """Yields the texts in a row, at any depth; identifiers are none."""
    if isinstance(value, str):
        if value.strip() and name not in _IDENTIFIERS:
            yield value
    elif isinstance(value, Mapping):
        for key, one in value.items():
            yield from _strings(one, str(key).lower())
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _strings(one, name)


_IDENTIFIERS = frozenset({"id", "idx", "uid", "guid", "pairid", "question_id", "qid", "url", "source", "split"})


def _low(values: np.ndarray) -> np.ndarray:
    return (values & np.uint64((1 << _FILTER_BITS) - 1)).astype(np.int64)
