"""Scores of predicted strings against reference strings, all between 0 and 100.

A metric is one of two kinds. A per-item metric (accuracy, exact match, ROUGE) gives every item a score, and the corpus score is
their mean. A corpus metric (macro-F1, BLEU) has no meaningful score of one item; it is a function of sums of counts, so each
item contributes a row of counts, and `from_counts` turns summed rows into scores. That form makes a bootstrap over items a
matrix product.
"""

import difflib
import functools
import re
import string
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import zip_longest
from typing import Any, NamedTuple

import numpy as np

from flanjax.tasks.answers import last_number

Predictions = Sequence[str]
References = Sequence[Sequence[str]]
PerItem = Callable[[Predictions, References], np.ndarray]  # float64 [N]
CorpusMetric = Callable[[Predictions, References], float]


class CorpusCounts(NamedTuple):
    """The counts that a corpus metric sums over items, and the function from their sums to a score."""

    counts: Callable[[Predictions, References], np.ndarray]  # float64 [N, F]
    from_counts: Callable[[np.ndarray], np.ndarray]  # [..., F] -> [...], 0..100


class Metric(NamedTuple):
    """One metric. `per_item` is None for a corpus metric, which has `corpus_counts` instead."""

    per_item: PerItem | None
    corpus: CorpusMetric
    corpus_counts: CorpusCounts | None = None
    higher_is_better: bool = True
    scale: float = 100.0
    signature: Callable[[References], str] | None = None


def get_metric(name: str) -> Metric:
    """Returns the metric called `name`. Raises ValueError for an unknown name and suggests the nearest one."""
    if name not in METRICS:
        near = difflib.get_close_matches(name, METRICS, n=1, cutoff=0.4)
        hint = f"did you mean {near[0]!r}?" if near else "choose one of them."
        raise ValueError(f"unknown metric {name!r}; expected one of {', '.join(sorted(METRICS))}: {hint}")
    return METRICS[name]


def normalize_label(text: str) -> str:
    """Returns `text` in Unicode NFKC, case-folded and with single blanks.

    >>> normalize_label("  Not  Entailment ")
    'not entailment'
    """
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def normalize_answer(text: str) -> str:
    """Returns `text` as SQuAD v1.1 compares it: lower case, no punctuation, no articles, single blanks.

    >>> normalize_answer("The Eiffel-Tower!")
    'eiffeltower'
    """
    text = "".join(c for c in text.lower() if c not in string.punctuation)
    return " ".join(re.sub(r"\b(?:a|an|the)\b", " ", text).split())


def token_f1(prediction: str, reference: str) -> float:
    """Returns the F1 of two bags of normalised words, 0..100; two empty answers score 100."""
    got, gold = normalize_answer(prediction).split(), normalize_answer(reference).split()
    if not got or not gold:
        return 100.0 * (got == gold)
    shared = sum((Counter(got) & Counter(gold)).values())
    return 200.0 * shared / (len(got) + len(gold))


def _best_reference(score: Callable[[str, str], float]) -> PerItem:
    def per_item(predictions: Predictions, references: References) -> np.ndarray:
        _check(predictions, references)
        pairs = zip(predictions, references, strict=True)
        return np.array([max(score(p, r) for r in refs) for p, refs in pairs], np.float64)

    return per_item


def _mean_of(per_item: PerItem) -> CorpusMetric:
    return lambda predictions, references: float(np.mean(per_item(predictions, references)))


def _check(predictions: Predictions, references: References) -> None:
    if len(predictions) != len(references):
        raise ValueError(f"got {len(predictions)} predictions and {len(references)} lists of references; expected a list each")
    if not len(predictions):
        raise ValueError("got no predictions; expected at least one item to score")
    for i, refs in enumerate(references):
        if isinstance(refs, str) or len(refs) == 0:
            raise ValueError(f"references of item {i} are {refs!r}; expected a list of at least one string")


def _same_label(prediction: str, reference: str) -> float:
    return 100.0 * (normalize_label(prediction) == normalize_label(reference))


def _same_answer(prediction: str, reference: str) -> float:
    return 100.0 * (normalize_answer(prediction) == normalize_answer(reference))


def _same_number(prediction: str, reference: str) -> float:
    gold = last_number(reference)
    if gold is None:
        raise ValueError(f"number_match needs a number in every reference; got {reference!r}: score this task with exact_match")
    return 100.0 * (last_number(prediction) == gold)


def _rouge(kind: str) -> Callable[[str, str], float]:
    return lambda prediction, reference: 100.0 * _rouge_scorer(kind).score(reference, prediction)[kind].fmeasure


@functools.cache
def _rouge_scorer(kind: str) -> Any:
    from rouge_score.rouge_scorer import RougeScorer  # a second of imports that a training run does not need

    return RougeScorer([kind], use_stemmer=True)


@functools.cache
def _bleu_class() -> Any:
    from sacrebleu.metrics.bleu import BLEU  # as above

    return BLEU


def _label_counts(predictions: Predictions, references: References) -> np.ndarray:
    """Returns (both, predicted, gold) for each item and gold label, flattened to [N, 3 * labels].

    The first reference is the gold label. A prediction of another right answer counts as the gold label, since accuracy counts
    it as right too.
    """
    _check(predictions, references)
    right = [[normalize_label(r) for r in refs] for refs in references]
    said = [normalize_label(p) for p in predictions]
    gold = np.array([refs[0] for refs in right])
    got = np.array([refs[0] if p in refs else p for p, refs in zip(said, right, strict=True)])
    labels = np.unique(gold)
    is_gold, is_got = gold[:, None] == labels, got[:, None] == labels
    return np.stack([is_gold & is_got, is_got, is_gold], -1).reshape(len(gold), -1).astype(np.float64)


def _macro_f1(counts: np.ndarray) -> np.ndarray:
    """Returns the mean F1 over the labels that occur in gold. A label that a resample lacks is left out of its mean."""
    both, got, gold = np.moveaxis(counts.reshape(*counts.shape[:-1], -1, 3), -1, 0)
    f1 = np.divide(200.0 * both, got + gold, out=np.zeros_like(both), where=got + gold > 0)
    present = gold > 0
    mean: np.ndarray = (f1 * present).sum(-1) / np.maximum(present.sum(-1), 1)
    return mean


def _bleu_counts(predictions: Predictions, references: References) -> np.ndarray:
    """Returns for each item 4 matched and 4 possible n-gram counts, length, and the closest reference's length: [N, 10]."""
    _check(predictions, references)
    bleu = _bleu_class()()
    scores = [bleu.corpus_score([p], [[r] for r in refs]) for p, refs in zip(predictions, references, strict=True)]
    return np.array([[*s.counts, *s.totals, s.sys_len, s.ref_len] for s in scores], np.float64)


def _bleu(counts: np.ndarray) -> np.ndarray:
    def one(row: np.ndarray) -> float:
        n = [int(x) for x in row]
        return float(_bleu_class().compute_bleu(n[:4], n[4:8], n[8], n[9], smooth_method="exp").score)

    return np.apply_along_axis(one, -1, counts)


def bleu_signature(references: References) -> str:
    """Returns sacrebleu's own description of how `bleu` was computed, to be printed beside the score."""
    bleu = _bleu_class()()
    streams: list[Any] = [list(column) for column in zip_longest(*references)]
    bleu.corpus_score([refs[0] for refs in references], streams)
    return str(bleu.get_signature())


def _per_item_metric(score: Callable[[str, str], float]) -> Metric:
    per_item = _best_reference(score)
    return Metric(per_item, _mean_of(per_item))


def _corpus_metric(counts: CorpusCounts, signature: Callable[[References], str] | None = None) -> Metric:
    def corpus(predictions: Predictions, references: References) -> float:
        return float(counts.from_counts(counts.counts(predictions, references).sum(0)))

    return Metric(None, corpus, counts, signature=signature)


METRICS: dict[str, Metric] = {
    "accuracy": _per_item_metric(_same_label),
    "exact_match": _per_item_metric(_same_answer),
    "token_f1": _per_item_metric(token_f1),
    "number_match": _per_item_metric(_same_number),
    "rouge1": _per_item_metric(_rouge("rouge1")),
    "rouge2": _per_item_metric(_rouge("rouge2")),
    "rougeL": _per_item_metric(_rouge("rougeL")),
    "macro_f1": _corpus_metric(CorpusCounts(_label_counts, _macro_f1)),
    "bleu": _corpus_metric(CorpusCounts(_bleu_counts, _bleu), bleu_signature),
}
