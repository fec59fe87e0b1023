"""results.json from predictions: every score, interval, test and alarm, recomputed without a model.

`summarize` is deterministic: the same predictions give the same dict, whatever the order of their rows. Scores are 0..100,
shares 0..1. Undefined values (the spread of one item, the chance score of a generation) are null.

Rows that could not be asked have no prediction. Their counts are stored in the table's metadata (`with_left_out`), and so in
predictions.parquet.
"""

import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from flanjax.evaluate import score_matrix as sm
from flanjax.evaluate import statistics as st
from flanjax.evaluate.metrics import get_metric
from flanjax.evaluate.prompt_columns import Column, prompt_columns
from flanjax.evaluate.score_matrix import Key, ScoreMatrix, Scores
from flanjax.evaluate.verdict import verdict_sentences
from flanjax.records import FORMAT

TableRow = dict[str, Any]
SCHEMA_VERSION = 2
CUT_SHARE = 0.01
PARSE_RATE = 0.99
LENGTH_STOPS = 0.05
FEWEST_SHOTS = 0.5  # share of the requested exemplars


class ScoredTask(NamedTuple):
    """One score matrix with its scores, primary metric first, and the estimate of the primary."""

    matrix: ScoreMatrix
    scores: dict[str, Scores]
    primary: st.Estimate


def summarize(predictions: pa.Table) -> TableRow:
    """Returns results.json of a predictions table: each model's tasks, clusters and suites, trained minus untuned, alarms and
    verdicts."""
    tasks = [_task(matrix) for matrix in sm.split_matrices(predictions)]
    task_rows = [_task_row(task) for task in tasks]
    clusters, suites = _macro_rows(tasks, task_rows)
    trained, untuned = (_of_model(tasks, model) for model in ("trained", "untuned"))
    results = {
        FORMAT: SCHEMA_VERSION,
        "level": st.LEVEL,
        "models": _models(tasks),
        "tasks": task_rows,
        "clusters": clusters,
        "suites": suites,
        "comparison": compare(trained, untuned) if trained and untuned else None,
        "prompts": [_prompt_row(key, columns) for key, columns in prompt_columns(predictions) if len(columns) > 1],
        "left_out": left_out(predictions),
        "alarms": [alarm for task in task_rows for alarm in _alarms(task)],
    }
    return {**results, "verdicts": verdict_sentences(results)}


def with_left_out(predictions: pa.Table, counts: TableRow) -> pa.Table:
    """Returns the table with the counts of rows left out: task -> {"rows": tried, "left_out": number, "on_purpose": how many of
    them the task itself leaves out, "reasons": examples}."""
    return predictions.replace_schema_metadata({**(predictions.schema.metadata or {}), _LEFT_OUT: json.dumps(counts)})


def left_out(predictions: pa.Table) -> TableRow:
    """Returns the counts that `with_left_out` wrote; {} if the table has none."""
    counts: TableRow = json.loads((predictions.schema.metadata or {}).get(_LEFT_OUT, b"{}"))
    return counts


_LEFT_OUT = b"flanjax.left_out"


def compare_tables(first: pa.Table, second: pa.Table, model: str = "trained") -> TableRow:
    """Returns the scores of `model` in the first predictions minus those in the second, paired by item, as in results.json's
    `comparison`."""
    one, two = ([_task(matrix) for matrix in sm.split_matrices(sm.of_model(t, model))] for t in (first, second))
    return compare(one, two)


def compare(first: Sequence[ScoredTask], second: Sequence[ScoredTask]) -> TableRow:
    """Returns `first` minus `second` for each task, cluster and suite. Tasks that were evaluated otherwise are listed, not
    compared."""
    others = {task.matrix.key._replace(model=""): task for task in second}
    pairs = [(task, others.get(task.matrix.key._replace(model=""))) for task in first]
    problems = [{**_where(a.matrix.key), "reason": reason} for a, b in pairs if (reason := _unpaired(a, b))]
    rows = [(a.matrix.key, _difference(a, b), a, b) for a, b in pairs if b is not None and not _unpaired(a, b)]
    adjusted = st.holm([d.p for _, d, _, _ in rows])
    tasks = [
        {**_where(key), "metric": a.matrix.metrics[0], **_difference_row(d), "p_holm": _p(p), **_sides(a, b)}
        for (key, d, a, b), p in zip(rows, adjusted, strict=True)
    ]
    clusters, suites = _macro([(key, d) for key, d, _, _ in rows], st.macro_difference)
    return {
        "tasks": tasks,
        "clusters": [{**_cluster(key), "tasks": n, **_difference_row(d)} for key, d, n in clusters],
        "suites": [{**_setting(key), "clusters": n, **_difference_row(d)} for key, d, n in suites],
        "not_compared": problems,
    }


def _task(matrix: ScoreMatrix) -> ScoredTask:
    scores = {name: sm.score_matrix(matrix, name) for name in matrix.metrics}
    return ScoredTask(matrix, scores, sm.estimate(scores[matrix.metrics[0]], matrix.groups)[0])


def _of_model(tasks: Sequence[ScoredTask], model: str) -> list[ScoredTask]:
    return [task for task in tasks if task.matrix.key.model == model]


def _models(tasks: Sequence[ScoredTask]) -> dict[str, int]:
    steps: dict[str, int] = {}
    for matrix in (task.matrix for task in tasks):
        if steps.setdefault(matrix.key.model, matrix.step) != matrix.step:
            raise ValueError(
                f"model {matrix.key.model!r} has predictions of steps {steps[matrix.key.model]} and {matrix.step}; "
                "expected one step: keep each step's predictions in its own folder"
            )
    return dict(sorted(steps.items()))


def _task_row(task: ScoredTask) -> TableRow:
    matrix, primary = task.matrix, task.matrix.metrics[0]
    alone = sm.template_estimates(task.scores[primary], matrix.groups)
    label, share, constant = sm.constant_predictions(matrix)
    return {
        **_where(matrix.key),
        "model": matrix.key.model,
        "step": matrix.step,
        "scorer": matrix.scorer,
        "preset": matrix.preset,
        "normalization": matrix.normalization,
        "primary": primary,
        "items": len(matrix.items),
        "groups": len(set(matrix.groups)),
        "templates": len(matrix.templates),
        "metrics": {name: _metric_row(task, name) for name in matrix.metrics},
        "template_scores": _template_scores(matrix, alone),
        "spread": {k: _number(v) for k, v in st.template_spread([e.mean for e in alone])._asdict().items()},
        "chance": _number(sm.chance(matrix, primary)),
        "majority": _number(sm.majority(matrix, primary)),
        "majority_prediction": {"text": label, "share": _number(share), "constant_templates": constant},
        "shots_shown": _number(float(matrix.grid("shots_shown").mean())),
        "cut_share": _number(float(matrix.grid("cut").mean())),
        "parse_rate": _number(float(matrix.grid("parsed").mean())),
        "samples": max((len(texts or ()) for texts in matrix.columns["samples"]), default=0) or 1,
        "unparsed_samples": _mean_known(matrix.grid("unparsed_samples")),
        "stops": _stops(matrix),
        "mean_prompt_tokens": _number(float(matrix.grid("prompt_tokens").mean())),
        "seconds": _number(float(matrix.grid("seconds").sum())),
    }


def _metric_row(task: ScoredTask, name: str) -> TableRow:
    narrow, wide = sm.estimate(task.scores[name], task.matrix.groups)
    signature = get_metric(name).signature
    row = {
        **_interval(narrow),
        "wide_low": _number(wide.low if wide else None),
        "wide_high": _number(wide.high if wide else None),
        "chance": _number(sm.chance(task.matrix, name)),
        "majority": _number(sm.majority(task.matrix, name)),
    }
    return {**row, "signature": signature(task.matrix.columns["references"])} if signature else row


def _template_scores(matrix: ScoreMatrix, alone: Sequence[st.Estimate]) -> list[TableRow]:
    """Returns each template's name, words (null in tables of format 1) and own score."""
    words = matrix.columns["template_text"][: len(matrix.templates)]
    rows = zip(matrix.templates, words, alone, strict=True)
    return [{"template": name, "words": text, **_interval(e)} for name, text, e in rows]


def _stops(matrix: ScoreMatrix) -> dict[str, float] | None:
    counts = Counter(stop for stop in matrix.columns["stop"] if stop)
    total = sum(counts.values())
    return {name: round(counts[name] / total, 6) for name in ("eos", "length")} if total else None


def _mean_known(grid: np.ndarray) -> float | None:
    """Returns the mean of a column; None if it is unknown, as it is for ranked options and in older tables."""
    return None if np.isnan(grid).any() else _number(float(grid.mean()))


def _macro_rows(tasks: Sequence[ScoredTask], rows: Sequence[TableRow]) -> tuple[list[TableRow], list[TableRow]]:
    clusters, suites = _macro([(task.matrix.key, task.primary) for task in tasks], st.macro_mean)
    cluster_rows = [_macro_row({**_cluster(key), "model": key.model}, e, rows, rows) for key, e, _ in clusters]
    suite_rows = [
        {**_macro_row({**_setting(key), "model": key.model}, e, rows, cluster_rows), "clusters": n} for key, e, n in suites
    ]
    return cluster_rows, suite_rows


def _macro_row(where: TableRow, e: st.Estimate, tasks: Sequence[TableRow], parts: Sequence[TableRow]) -> TableRow:
    """Returns the row of a cluster or suite: its estimate, totals over its tasks, and means over its parts."""
    references = {name: _mean_or_none(_members(parts, where), name) for name in _REFERENCES}
    return {**where, **_interval(e), **_totals(_members(tasks, where)), **references}


_REFERENCES = ("chance", "majority", "shots_shown")


def _macro(parts: Sequence[tuple[Key, Any]], mean: Callable[[Sequence[Any]], Any]) -> tuple[list[Any], list[Any]]:
    """Returns the means of clusters and of suites, for each model: lists of (key, mean, number of parts)."""
    clusters = _grouped([(key._replace(task=""), part) for key, part in parts], mean)
    return clusters, _grouped([(key._replace(task="", cluster=""), part) for key, part, _ in clusters], mean)


def _grouped(parts: Sequence[tuple[Key, Any]], mean: Callable[[Sequence[Any]], Any]) -> list[tuple[Key, Any, int]]:
    ordered = sorted(parts, key=lambda pair: pair[0])
    groups = ((key, [part for _, part in group]) for key, group in groupby(ordered, key=lambda pair: pair[0]))
    return [(key, mean(members), len(members)) for key, members in groups]


def _members(rows: Iterable[TableRow], where: TableRow) -> list[TableRow]:
    return [row for row in rows if all(row[name] == value for name, value in where.items())]


def _totals(rows: Sequence[TableRow]) -> TableRow:
    sums = {"items": sum(r["items"] for r in rows), "templates": sum(r["templates"] for r in rows)}
    return {"tasks": len(rows), **sums}


def _mean_or_none(rows: Sequence[TableRow], name: str) -> float | None:
    values = [row[name] for row in rows]
    return None if None in values else _number(sum(values) / len(values))


def _unpaired(first: ScoredTask, second: ScoredTask | None) -> str:
    if second is None:
        return "evaluated for one of the two only"
    a, b = first.matrix, second.matrix
    for name in ("items", "templates"):
        if getattr(a, name) != getattr(b, name):
            return f"other {name}: {len(getattr(a, name))} and {len(getattr(b, name))}"
    for name in ("preset", "normalization", "scorer"):
        if getattr(a, name) != getattr(b, name):
            return f"other {name}: {getattr(a, name)} and {getattr(b, name)}"
    if a.metrics[0] != b.metrics[0]:
        return f"other primary metrics: {a.metrics[0]} and {b.metrics[0]}"
    return "" if a.columns["references"] == b.columns["references"] else "other references for the same items"


def _difference(first: ScoredTask, second: ScoredTask) -> st.Difference:
    name = first.matrix.metrics[0]
    return sm.difference(first.scores[name], second.scores[name], first.matrix.groups)


def _difference_row(difference: st.Difference) -> TableRow:
    e = difference.estimate
    values = {"difference": e.mean, "low": e.low, "high": e.high, "standard_error": e.se}
    extra = {"correlation": difference.correlation, "detectable": difference.detectable}
    return {**{name: _number(value) for name, value in {**values, **extra}.items()}, "p": _p(difference.p)}


def _sides(first: ScoredTask, second: ScoredTask) -> TableRow:
    hashes = zip(first.matrix.columns["prompt_hash"], second.matrix.columns["prompt_hash"], strict=True)
    same = [a == b for a, b in hashes]
    means = {"first": _number(first.primary.mean), "second": _number(second.primary.mean)}
    return {**means, "same_prompt_share": _number(sum(same) / len(same))}


def _prompt_row(key: Key, columns: Sequence[Column]) -> TableRow:
    """Returns a task's score with its prompts chosen, calibrated, or with other demonstrations."""
    found = []
    for column in columns:
        difference = _difference_row(column.difference) if column.difference else None
        row = {"name": column.name, "templates": list(column.templates), **_interval(column.estimate)}
        found.append({**row, "difference": difference})
    return {**_where(key), "model": key.model, "columns": found}


def _alarms(row: TableRow) -> list[TableRow]:
    constant, stops = row["majority_prediction"], row["stops"] or {"length": 0}
    checks = [
        (
            "constant_prediction",
            bool(constant["constant_templates"]),
            f"{len(constant['constant_templates'])} of {row['templates']} templates give nearly always one answer, such as "
            f"{constant['text']!r}",
        ),
        ("cut_prompts", row["cut_share"] > CUT_SHARE, f"{row['cut_share']:.1%} of prompts were cut"),
        ("unparsed", row["parse_rate"] < PARSE_RATE, f"an answer was found in {row['parse_rate']:.1%} of outputs"),
        (
            "few_exemplars",
            bool(row["shots"]) and row["shots_shown"] is not None and row["shots_shown"] < FEWEST_SHOTS * row["shots"],
            f"{row['shots_shown'] or 0:.1f} of {row['shots']} exemplars were shown on average: the others did not fit",
        ),
        ("length_stops", stops["length"] > LENGTH_STOPS, f"{stops['length']:.1%} of outputs hit the length limit"),
    ]
    return [{**_where_row(row), "model": row["model"], "kind": kind, "message": text} for kind, bad, text in checks if bad]


def _where(key: Key) -> TableRow:
    return {"cluster": key.cluster, "task": key.task, **_setting(key)}


def _where_row(row: TableRow) -> TableRow:
    return {name: row[name] for name in ("cluster", "task", "shots", "chain_of_thought")}


def _cluster(key: Key) -> TableRow:
    return {"cluster": key.cluster, **_setting(key)}


def _setting(key: Key) -> TableRow:
    return {"shots": key.shots, "chain_of_thought": key.chain_of_thought}


def _interval(e: st.Estimate) -> TableRow:
    values = {"mean": e.mean, "low": e.low, "high": e.high, "standard_error": e.se}
    return {name: _number(value) for name, value in values.items()}


def _number(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else round(float(value), 6)


def _p(value: float) -> float | None:
    return float(f"{value:.6g}") if math.isfinite(value) else None
