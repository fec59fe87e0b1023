"""What a task scores with its prompts chosen, calibrated, or with other demonstrations: named columns, from predictions alone.

Each column is the task's primary metric with its interval, and its difference from the mean over templates, paired by item.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from flanjax.evaluate import score_matrix as sm
from flanjax.evaluate import statistics as st
from flanjax.evaluate.normalizations import CALIBRATED, PMI, best
from flanjax.evaluate.score_matrix import Key, ScoreMatrix, Scores
from flanjax.tasks.demonstrations import DEMONSTRATIONS, GOLD
from flanjax.tasks.draws import hash64

ALL, PERPLEXITY, CHOSEN = "all templates", "lowest perplexity", "dev-chosen"
_FEWEST = 2  # groups of items in each half, below which no template is chosen on them


class Column(NamedTuple):
    """One way of prompting a task.

    Attributes:
      name: ALL, a normalization, PERPLEXITY, CHOSEN, or a kind of demonstrations.
      templates: those whose scores it has, one of them if it was chosen.
      difference: from ALL; None for itself.
    """

    name: str
    templates: tuple[str, ...]
    estimate: st.Estimate
    difference: st.Difference | None = None


def prompt_columns(predictions: pa.Table) -> Iterator[tuple[Key, list[Column]]]:
    """Yields each task's key and its columns: those that its predictions have what is needed for."""
    others = {
        kind: {matrix.key: matrix for matrix in sm.split_matrices(predictions, kind)}
        for kind in DEMONSTRATIONS
        if kind != GOLD and sm.shown_as(predictions, kind).num_rows
    }
    for matrix in sm.split_matrices(predictions):
        metric, names = matrix.metrics[0], matrix.templates
        scores = sm.score_matrix(matrix, metric)
        base = _over_templates(scores)
        columns = [Column(ALL, names, sm.estimate(scores, matrix.groups)[0])]
        for name, templates, other in _others(matrix, scores, {kind: found.get(matrix.key) for kind, found in others.items()}):
            estimate = sm.estimate(other, matrix.groups)[0]
            columns.append(Column(name, templates, estimate, sm.difference(_over_templates(other), base, matrix.groups)))
        yield matrix.key, columns


def _others(
    matrix: ScoreMatrix, scores: Scores, demonstrations: dict[str, ScoreMatrix | None]
) -> Iterator[tuple[str, tuple[str, ...], Scores]]:
    """Yields (name, templates, scores) of every column but the first."""
    metric, names = matrix.metrics[0], matrix.templates
    for normalization, column in (
        ("sum", "option_log_likelihoods"),
        (PMI, "option_unconditional"),
        (CALIBRATED, "option_content_free"),
    ):
        if matrix.scorer == "rank" and normalization != matrix.normalization and all(matrix.columns[column]):
            yield normalization, names, sm.score_matrix(renormalized(matrix, normalization), metric)
    if len(names) > 1:
        perplexities = template_perplexities(matrix)
        if perplexities is not None:
            at = int(np.argmin(perplexities))
            yield PERPLEXITY, (names[at],), _of_templates(scores, np.full(len(matrix.items), at))
        chosen = dev_chosen(scores, matrix.groups)
        if chosen is not None:
            yield CHOSEN, tuple(names[at] for at in dict.fromkeys(chosen.tolist())), _of_templates(scores, chosen)
    for kind, other in demonstrations.items():
        if other is not None and (other.items, other.templates) == (matrix.items, names):
            yield kind, names, sm.score_matrix(other, metric)


def renormalized(matrix: ScoreMatrix, normalization: str) -> ScoreMatrix:
    """Returns the matrix with the predictions of another normalization."""
    columns = matrix.columns
    rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    said = [row["options"][best(normalization, row)] for row in rows]
    return matrix._replace(columns={**columns, "prediction": said}, normalization=normalization)


def template_perplexities(matrix: ScoreMatrix) -> np.ndarray | None:
    """Returns the mean perplexity of each template's prompts, float64 [K]; None if it was not measured.

    Gonen et al. 2022, "Demystifying prompts in language models via perplexity estimation" (https://arxiv.org/abs/2212.04037):
    of several prompts of a task, those that are less surprising to the model mostly score higher. No label is needed.
    """
    likelihoods, tokens = matrix.grid("prompt_log_likelihood"), matrix.grid("prompt_tokens")
    if np.isnan(likelihoods).any():
        return None
    mean: np.ndarray = np.exp(-likelihoods / np.maximum(tokens - 1, 1)).mean(axis=0)
    return mean


def dev_chosen(scores: Scores, groups: Sequence[Any] | np.ndarray) -> np.ndarray | None:
    """Returns for each item the template that scores best on the other half of the items, int [N]; None if they are too few.

    Halves are of whole groups, by a hash, and no item takes part in the choice of its own template.
    """
    second = np.array([hash64("dev", group) % 2 == 1 for group in groups])
    if min(len(set(np.asarray(groups)[second])), len(set(np.asarray(groups)[~second]))) < _FEWEST:
        return None
    best_of = [int(np.argmax(_template_scores(scores, half))) for half in (~second, second)]
    return np.where(second, *best_of)


def _template_scores(scores: Scores, chosen: np.ndarray) -> np.ndarray:
    """Returns the score of every template on some of the items: float64 [K]."""
    if scores.items is not None:
        mean: np.ndarray = scores.items[chosen].mean(axis=0)
        return mean
    assert scores.counts is not None
    assert scores.corpus is not None
    return np.asarray(scores.corpus.from_counts(scores.counts[chosen].sum(axis=0)))


def _of_templates(scores: Scores, at: np.ndarray) -> Scores:
    """Returns the scores of one template for each item, [N, 1]."""
    places = np.arange(len(at))
    if scores.items is not None:
        return Scores(scores.items[places, at][:, None])
    assert scores.counts is not None
    return scores._replace(counts=scores.counts[places, at][:, None])


def _over_templates(scores: Scores) -> Scores:
    """Returns scores whose items are means over templates, so that those of other numbers of templates can be paired."""
    return scores if scores.items is None else Scores(scores.items.mean(axis=1, keepdims=True))
