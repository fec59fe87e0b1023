"""Predictions as score matrices: for each model, task and setting, N items times K templates, with every cell scored once.

Everything here is computed from the predictions table. A matrix with a missing or a doubled cell is an error, because a mean
over templates would then weight items unequally, and a paired test would have no pairs.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from flanjax.evaluate import statistics as st
from flanjax.evaluate.metrics import CorpusCounts, get_metric
from flanjax.tasks.demonstrations import GOLD

COLUMNS = [
    "model",
    "step",
    "cluster",
    "task",
    "template",
    "item",
    "group",
    "shots",
    "chain_of_thought",
    "scorer",
    "preset",
    "normalization",
    "metrics",
    "prompt",
    "prompt_hash",
    "references",
    "options",
    "option_log_likelihoods",
    "option_tokens",
    "option_characters",
    "prediction",
    "generated",
    "parsed",
    "stop",
    "prompt_tokens",
    "cut",
    "seconds",
]
# Tables of format 1 lack these; they are read as unknown.
NEWER_COLUMNS = {
    "template_text": pa.string(),
    "shots_shown": pa.int64(),
    "samples": pa.list_(pa.string()),
    "unparsed_samples": pa.float64(),
    "option_unconditional": pa.list_(pa.float64()),
    "option_content_free": pa.list_(pa.float64()),
    "prompt_log_likelihood": pa.float64(),
}
DEMONSTRATIONS_COLUMN = "demonstrations"
CONSTANT_SHARE = 0.95
FEWEST_ITEMS_FOR_CONSTANT = 10


class Key(NamedTuple):
    """The key of a score matrix. Sorting keys puts a task's settings side by side."""

    cluster: str
    task: str
    shots: int
    chain_of_thought: bool
    model: str


class ScoreMatrix(NamedTuple):
    """N items times K templates. `columns` hold N * K values, item by item, templates in order within an item."""

    key: Key
    step: int
    scorer: str
    preset: str
    normalization: str
    metrics: tuple[str, ...]
    items: tuple[int, ...]
    templates: tuple[str, ...]
    groups: np.ndarray  # str [N]
    columns: dict[str, list[Any]]

    def grid(self, column: str) -> np.ndarray:
        """Returns a column of numbers as [N, K]; unknown ones are NaN."""
        return np.array(self.columns[column], np.float64).reshape(len(self.items), len(self.templates))

    def of_items(self, column: str) -> list[Any]:
        """Returns the N values of a column that is the same under every template."""
        return self.columns[column][:: len(self.templates)]


class Scores(NamedTuple):
    """One metric of one score matrix: `items` [N, K] for a per-item metric, else `counts` [N, K, F] and their function."""

    items: np.ndarray | None
    counts: np.ndarray | None = None
    corpus: CorpusCounts | None = None


def split_matrices(table: pa.Table, demonstrations: str = GOLD) -> list[ScoreMatrix]:
    """Returns the score matrices of a predictions table, in the order of their keys.

    Args:
      demonstrations: how exemplars were shown; rows that showed them in other ways are left out.
    """
    table = shown_as(table, demonstrations)
    for name, kind in NEWER_COLUMNS.items():
        if name not in table.column_names:
            table = table.append_column(name, pa.nulls(table.num_rows, kind))
    missing = [name for name in COLUMNS if name not in table.column_names]
    if missing:
        raise ValueError(
            f"predictions lack the columns {missing}; got {table.column_names}: write them with `flanjax evaluate`"
        )
    if not table.num_rows:
        raise ValueError("predictions hold no rows; expected one for each model, item, template and shots setting")
    keys = [table[name].combine_chunks() for name in Key._fields]
    rows = [Key(*row) for row in zip(*(k.to_pylist() for k in keys), strict=True)]
    where: dict[Key, list[int]] = {}
    for i, key in enumerate(rows):
        where.setdefault(key, []).append(i)
    return [_matrix(key, table.take(pa.array(where[key]))) for key in sorted(where)]


def shown_as(table: pa.Table, demonstrations: str) -> pa.Table:
    """Returns the rows whose exemplars were shown in this way; in older tables all were shown as they are."""
    if DEMONSTRATIONS_COLUMN not in table.column_names:
        return table if demonstrations == GOLD else table.slice(0, 0)
    return table.filter(pc.equal(pc.fill_null(table[DEMONSTRATIONS_COLUMN], GOLD), demonstrations))


def of_model(table: pa.Table, model: str) -> pa.Table:
    """Returns the rows of one model. Raises ValueError naming the models of the table if it has no such model."""
    if model not in table["model"].unique().to_pylist():
        raise ValueError(f"predictions hold no model {model!r}; got {sorted(table['model'].unique().to_pylist())}")
    return table.filter(pc.equal(table["model"], model))


def _matrix(key: Key, table: pa.Table) -> ScoreMatrix:
    order = pc.sort_indices(table, [("item", "ascending"), ("template", "ascending")])
    columns = {name: table[name].take(order).to_pylist() for name in (*COLUMNS, *NEWER_COLUMNS)}
    items, templates = sorted(set(columns["item"])), sorted(set(columns["template"]))
    _check_rectangle(key, Counter(zip(columns["item"], columns["template"], strict=True)), items, templates)
    metrics = tuple(_one(key, "metrics", [tuple(m) for m in columns["metrics"]]))
    if not metrics:
        raise ValueError(f"{key.task} names no metric; expected at least one, the first of them primary")
    for name in ("group", "options", "references"):
        _check_one_an_item(key, name, columns[name], items, len(templates))
    return ScoreMatrix(
        key,
        _one(key, "step", columns["step"]),
        _one(key, "scorer", columns["scorer"]),
        _one(key, "preset", columns["preset"]),
        _one(key, "normalization", columns["normalization"]),
        metrics,
        tuple(items),
        tuple(templates),
        np.array(columns["group"][:: len(templates)]),
        columns,
    )


def _check_rectangle(key: Key, seen: Counter[tuple[int, str]], items: Sequence[int], templates: Sequence[str]) -> None:
    doubled = [cell for cell, n in seen.items() if n > 1]
    if doubled:
        raise ValueError(f"{key} holds item {doubled[0][0]} under template {doubled[0][1]!r} more than once: predict it once")
    if len(seen) != len(items) * len(templates):
        item, template = next((i, t) for i in items for t in templates if (i, t) not in seen)
        raise ValueError(
            f"{key} holds {len(seen)} predictions for {len(items)} items x {len(templates)} templates; "
            f"item {item} lacks template {template!r}: evaluate every template on the same items"
        )


def _check_one_an_item(key: Key, name: str, values: Sequence[Any], items: Sequence[int], k: int) -> None:
    for n, item in enumerate(items):
        if any(value != values[n * k] for value in values[n * k : (n + 1) * k]):
            raise ValueError(
                f"{key}: item {item} has other {name} under another template; expected one question in other words"
            )


def _one(key: Key, name: str, values: Sequence[Any]) -> Any:
    different = sorted(set(values))
    if len(different) != 1:
        raise ValueError(f"{key} mixes {name} {different[:3]}; expected one value: evaluate them into separate predictions")
    return different[0]


def score_matrix(matrix: ScoreMatrix, name: str) -> Scores:
    """Returns the metric `name` of every cell."""
    metric = get_metric(name)
    predictions, references = matrix.columns["prediction"], matrix.columns["references"]
    shape = (len(matrix.items), len(matrix.templates))
    try:
        if metric.per_item is not None:
            return Scores(metric.per_item(predictions, references).reshape(shape))
        assert metric.corpus_counts is not None
        counts = metric.corpus_counts.counts(predictions, references)
    except ValueError as error:
        error.add_note(f"while scoring {name} of task {matrix.key.task}, model {matrix.key.model}")
        raise
    return Scores(None, counts.reshape(*shape, -1), metric.corpus_counts)


def estimate(scores: Scores, groups: np.ndarray) -> tuple[st.Estimate, st.Estimate | None]:
    """Returns the mean with an interval clustered by item, and one that samples templates too (only for per-item metrics)."""
    if scores.items is not None:
        return st.item_interval(scores.items, groups), st.two_way_interval(scores.items, groups)
    return bootstrap(scores, groups)[0], None


def template_estimates(scores: Scores, groups: np.ndarray) -> list[st.Estimate]:
    """Returns an estimate for each template by itself."""
    if scores.items is not None:
        return [st.item_interval(column, groups) for column in scores.items.T]
    assert scores.counts is not None
    alone = [scores._replace(counts=scores.counts[:, k : k + 1]) for k in range(scores.counts.shape[1])]
    return [bootstrap(one, groups)[0] for one in alone]


def difference(first: Scores, second: Scores, groups: np.ndarray) -> st.Difference:
    """Returns `first` minus `second`, paired by item."""
    if first.items is not None and second.items is not None:
        return st.paired_difference(first.items, second.items, groups)
    return st.bootstrap_difference(bootstrap(first, groups), bootstrap(second, groups), len(set(groups)))


def bootstrap(scores: Scores, groups: np.ndarray) -> tuple[st.Estimate, np.ndarray]:
    assert scores.counts is not None
    assert scores.corpus is not None
    return st.bootstrap(scores.counts, scores.corpus.from_counts, groups)


def chance(matrix: ScoreMatrix, metric: str) -> float | None:
    """Returns the score of uniform guessing among the options in `metric`; None for generation.

    Every right answer counts as right. A corpus metric is computed from the expected counts.
    """
    if matrix.scorer != "rank":
        return None
    references, options = matrix.of_items("references"), matrix.of_items("options")
    found, expected = get_metric(metric), np.zeros(1)
    for place in range(max(map(len, options))):
        guesses = [o[place] if place < len(o) else "" for o in options]
        weights = np.array([(place < len(o)) / len(o) for o in options])
        if found.per_item is not None:
            expected = expected + weights @ found.per_item(guesses, references) / len(options)
        else:
            assert found.corpus_counts is not None
            expected = expected + weights @ found.corpus_counts.counts(guesses, references)
    return float(expected[0] if found.corpus_counts is None else found.corpus_counts.from_counts(expected))


def majority(matrix: ScoreMatrix, metric: str) -> float | None:
    """Returns the score in `metric` of always giving the most frequent right answer; None for generation.

    If the options differ between items (sentences, not labels), an answer is identified by its position among the options.
    """
    if matrix.scorer != "rank":
        return None
    references = matrix.of_items("references")
    is_right = get_metric("accuracy").per_item
    assert is_right is not None
    constant = max(_constant_answers(matrix), key=lambda answers: is_right(answers, references).sum())
    return get_metric(metric).corpus(constant, references)


def _constant_answers(matrix: ScoreMatrix) -> list[list[str]]:
    """Returns the answers that need no reading: for each text or position, that answer to all N items."""
    options = matrix.of_items("options")
    if _fixed(matrix):
        return [[text] * len(options) for text in sorted(options[0])]
    return [[o[place] if place < len(o) else "" for o in options] for place in range(max(map(len, options)))]


def constant_predictions(matrix: ScoreMatrix) -> tuple[str, float, list[str]]:
    """Returns the most frequent prediction, its share (mean over templates), and the templates where it exceeds 95 %."""
    n, k = len(matrix.items), len(matrix.templates)
    answers = _answers(matrix)
    found = [max(Counter(sorted(answers[t::k])).items(), key=lambda pair: pair[1]) for t in range(k)]
    shares = [count / n for _, count in found]
    enough = n >= FEWEST_ITEMS_FOR_CONSTANT
    constant = [t for t, share in zip(matrix.templates, shares, strict=True) if enough and share > CONSTANT_SHARE]
    return max(found, key=lambda pair: pair[1])[0], float(np.mean(shares)), constant


def _fixed(matrix: ScoreMatrix) -> bool:
    """Whether all items have the same options."""
    return len({frozenset(o) for o in matrix.of_items("options")}) == 1


def _answers(matrix: ScoreMatrix) -> list[str]:
    """Returns the N * K predictions; if the options differ between items, as positions among the options."""
    options, texts = matrix.columns["options"], matrix.columns["prediction"]
    if matrix.scorer != "rank" or _fixed(matrix):
        return list(texts)
    places = (o.index(text) + 1 if text in o else 0 for o, text in zip(options, texts, strict=True))
    return [f"option {place}" if place else "no option" for place in places]
