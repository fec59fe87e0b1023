"""The report's scores: cards, cluster and task rows, templates, and runs side by side, ready for the page."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow.parquet as pq

from flanjax.evaluate.results import compare_tables
from flanjax.evaluate.verdict import (
    count,
    find,
    interval,
    plain_sentence,
    runs_sentence,
    same_setting,
    setting_name,
    verdict_sentences,
)
from flanjax.report import plots
from flanjax.report.plots import Dot, Mark, Scale
from flanjax.report.runs import Evaluation, RunRecord

TableRow = dict[str, Any]
PERCENT = Scale(0.0, 100.0, (0.0, 25.0, 50.0, 75.0, 100.0))
COLOURS = ("c1", "c2", "c3", "c4", "c5", "c6")


def colour(index: int) -> str:
    """Returns the colour class of the index-th run."""
    return COLOURS[index % len(COLOURS)]


def evaluated(runs: Sequence[RunRecord]) -> Iterator[tuple[int, RunRecord, Evaluation]]:
    """Yields (index, run, headline evaluation) for every run that has one."""
    return ((i, run, run.headline) for i, run in enumerate(runs) if run.headline is not None)


def cards(runs: Sequence[RunRecord]) -> list[TableRow]:
    """Returns one card for each run and setting: the suite's score on a line from 0 to 100, with its reference scores."""
    found = []
    for i, run, evaluation in evaluated(runs):
        for suite in of_model(evaluation.results["suites"], main_model(evaluation)):
            references = _references(evaluation, "suites", suite)
            step = f"step {evaluation.results['models'][suite['model']]:,}"
            found.append(
                {
                    **suite,
                    "run": run.name,
                    "colour": colour(i),
                    "setting": setting_name(suite),
                    "model_name": step if suite["model"] == "trained" else suite["model"],
                    "references": [(name, value) for name, value in references.items() if value is not None],
                    "line": plots.strip([dot_of(suite, colour(i), run.name)], PERCENT, marks_of(references), 28),
                    "axis": plots.strip_axis(PERCENT),
                }
            )
    return found


def verdicts(runs: Sequence[RunRecord]) -> list[TableRow]:
    """Returns the sentences at the top: first a plain one for each run, then smaller ones with numbers, which compare runs with
    the first run and describe each run alone."""
    plain = [plain_sentence(e.results, run.name) for _, run, e in evaluated(runs)]
    alone = [" ".join(verdict_sentences(e.results, run.name)) for _, run, e in evaluated(runs)]
    return [
        *({"text": text, "small": False} for text in plain),
        *({"text": text, "small": True} for text in [*_between_runs(runs), *alone]),
    ]


def _between_runs(runs: Sequence[RunRecord]) -> Iterator[str]:
    """Yields a sentence for each later run with an evaluated trained model, compared with the first such run."""
    found = [(run, e.predictions) for _, run, e in evaluated(runs) if main_model(e) == "trained"]
    for run, predictions in found[1:]:
        first, base_predictions = found[0]
        name, base, seeds_only = run.name, first.name, _same_but_seeds(first, run)
        lead = f"{name} against {base}"
        if predictions is None or base_predictions is None:
            yield f"{lead}: not compared, since predictions.parquet is missing beside results.json."
            continue
        comparison = compare_tables(pq.read_table(predictions), pq.read_table(base_predictions))
        yield from (runs_sentence(comparison, suite, name, base, seeds_only) for suite in comparison["suites"])
        if left := comparison["not_compared"]:
            yield f"{lead}: {count(len(left), 'task')} not compared ({left[0]['task']}: {left[0]['reason']})."


def _same_but_seeds(first: RunRecord, second: RunRecord) -> bool:
    """Whether two runs have the same config and training tasks but different seeds."""
    a, b = ({**run.config, "name": ""} for run in (first, second))
    return a != b and _without_seeds(a) == _without_seeds(b) and _tasks(first) == _tasks(second)


def _tasks(run: RunRecord) -> set[str]:
    return {task["task"] for task in run.mixture.get("tasks", [])}


def _without_seeds(config: TableRow) -> TableRow:
    kept = ((k, v) for k, v in config.items() if k not in ("seed", "name"))
    return {k: _without_seeds(v) if isinstance(v, dict) else v for k, v in kept}


def cluster_rows(runs: Sequence[RunRecord]) -> list[TableRow]:
    """Rows of the cluster table, runs of one cluster together."""
    return _rows(runs, "clusters", ("cluster",))


def task_rows(runs: Sequence[RunRecord]) -> list[TableRow]:
    """Rows of the task table, runs of one task together."""
    rows = _rows(runs, "tasks", ("cluster", "task"))
    for row in rows:
        row["others"] = [(name, m["mean"], m["chance"]) for name, m in row["metrics"].items() if name != row["primary"]]
    return rows


def _rows(runs: Sequence[RunRecord], level: str, names: tuple[str, ...]) -> list[TableRow]:
    found: list[TableRow] = []
    for i, run, evaluation in evaluated(runs):
        for row in of_model(evaluation.results[level], main_model(evaluation)):
            shown = {**row, **row["metrics"][row["primary"]]} if level == "tasks" else dict(row)
            references = _references(evaluation, level, row, names)
            comparison = evaluation.results["comparison"] or {level: []}
            found.append(
                {
                    **shown,
                    **references,
                    "run": run.name,
                    "colour": colour(i),
                    "order": i,
                    "setting": setting_name(row),
                    "difference": _match(comparison[level], row, names),
                    "line": plots.strip([dot_of(shown, colour(i), run.name)], PERCENT, marks_of(references)),
                }
            )
    where = (*names, "shots", "chain_of_thought")
    found.sort(key=lambda r: (*(r[n] for n in where), r["order"]))
    for before, row in zip([None, *found], found, strict=False):
        row["again"] = before is not None and all(before[n] == row[n] for n in where)
    return found


def template_rows(runs: Sequence[RunRecord]) -> list[TableRow]:
    """Returns, for each task and setting, every template's score in every run, and the first run's mean with its interval."""
    grouped: dict[tuple[Any, ...], list[tuple[int, RunRecord, TableRow]]] = {}
    for i, run, evaluation in evaluated(runs):
        for row in of_model(evaluation.results["tasks"], main_model(evaluation)):
            key = (row["cluster"], row["task"], row["shots"], row["chain_of_thought"])
            grouped.setdefault(key, []).append((i, run, row))
    return [_template_row(members, len(runs) > 1) for _, members in sorted(grouped.items(), key=lambda pair: pair[0])]


def _template_row(members: Sequence[tuple[int, RunRecord, TableRow]], several: bool) -> TableRow:
    first = members[0][2]
    scores = {i: {t["template"]: t for t in row["template_scores"]} for i, _, row in members}
    names = {i: run.name for i, run, _ in members}
    words = {name: t["words"] for by in scores.values() for name, t in by.items()}
    order = sorted(
        {t for by in scores.values() for t in by}, key=lambda t: (-scores[members[0][0]].get(t, {"mean": 0})["mean"], t)
    )
    lines = [[dot_of(by[t], colour(i), f"{names[i]}, {t}") for i, by in scores.items() if t in by] for t in order]
    height = max(18, 9 * len(members) + 5)
    mean = first["metrics"][first["primary"]]
    band = (mean["low"], mean["high"]) if mean["low"] is not None and not several else None
    marks = marks_of({"chance": first["chance"]})
    return {
        **first,
        "setting": setting_name(first),
        "names": [(t, _brief_words(words[t] or t), words[t] or t) for t in order],
        "height": height,
        "plot": plots.forest(lines, PERCENT, marks, band, height),
        "means": [(colour(i), row["metrics"][row["primary"]]["mean"], row["spread"]) for i, _, row in members],
    }


def _brief_words(template: str) -> str:
    """Returns a template's own words, with an ellipsis for each field."""
    return " ".join(re.sub(r"\{\{.*?\}\}|\{%.*?%\}", " … ", template, flags=re.DOTALL).split())


def run_rows(runs: Sequence[RunRecord]) -> list[TableRow]:
    """Returns a row for each evaluation and setting of every run, to compare held-out scores between mixtures."""
    everywhere = {c for run in runs for c in training_clusters(run)}
    return [
        {**row, "trained_on": _trained_on(training_clusters(run), everywhere)}
        for i, run in enumerate(runs)
        for evaluation in _shown(run)
        for row in _run_rows(i, run, evaluation)
    ]


def _shown(run: RunRecord) -> list[Evaluation]:
    """The headline, then the newest evaluation of every other protocol."""
    return [e for e in [run.headline] if e] + run.others


def _run_rows(index: int, run: RunRecord, evaluation: Evaluation) -> Iterator[TableRow]:
    results, shade = evaluation.results, colour(index)
    for suite in of_model(results["suites"], main_model(evaluation)):
        marks = marks_of({"untuned": _references(evaluation, "suites", suite)["untuned"]})
        clusters = [c for c in of_model(results["clusters"], suite["model"]) if same_setting(c, suite)]
        yield {
            **suite,
            "run": run.name if evaluation is run.headline else f"{run.name}, {_label(evaluation)}",
            "colour": shade,
            "setting": setting_name(suite),
            "line": plots.strip([dot_of(suite, shade, run.name)], PERCENT, marks),
            "parts": [(c, plots.strip([dot_of(c, shade, run.name)], PERCENT)) for c in clusters],
        }


def _label(evaluation: Evaluation) -> str:
    """Returns a short label for an evaluation other than the headline."""
    label = evaluation.label if len(evaluation.label) <= 60 else f"{evaluation.label[:57]}..."
    return label + (f", step {evaluation.step:,}" if evaluation.step is not None else "")


def _trained_on(clusters: Sequence[str], everywhere: set[str]) -> str:
    lacking = sorted(everywhere - set(clusters))
    if not clusters:
        return ""
    named = count(len(clusters), "training cluster")
    if len(clusters) <= 2:
        return f"{named}: {', '.join(clusters)}"
    return f"{named}, without {', '.join(lacking)}" if 0 < len(lacking) <= 3 else named


def training_clusters(run: RunRecord) -> list[str]:
    """The clusters that a run's mixture draws from."""
    return sorted({task["cluster"] for task in run.mixture.get("tasks", [])})


def main_model(evaluation: Evaluation) -> str:
    """Returns 'trained' if that model was evaluated, else the first model in the results."""
    models = evaluation.results["models"]
    return "trained" if "trained" in models else next(iter(models))


def of_model(rows: Sequence[TableRow], model: str) -> list[TableRow]:
    """The rows of one model."""
    return [row for row in rows if row["model"] == model]


def dot_of(row: TableRow, colour_class: str, name: str) -> Dot:
    """A row's mean and interval as a dot with a tooltip."""
    return Dot(row["mean"], row["low"], row["high"], colour_class, title=f"{name}: {interval(row, 'mean')}")


def marks_of(references: dict[str, float | None]) -> list[Mark]:
    """The known reference values as marks."""
    return [Mark(value, f"{name} {value:.1f}", name) for name, value in references.items() if value is not None]


def _references(evaluation: Evaluation, level: str, row: TableRow, names: tuple[str, ...] = ()) -> dict[str, float | None]:
    untuned = _match(of_model(evaluation.results[level], "untuned"), row, names)
    value = None
    if untuned is not None and row["model"] != "untuned":
        value = untuned["metrics"][untuned["primary"]]["mean"] if level == "tasks" else untuned["mean"]
    return {"chance": row["chance"], "majority": row["majority"], "untuned": value}


def _match(rows: Sequence[TableRow], row: TableRow, names: tuple[str, ...]) -> TableRow | None:
    return find([r for r in rows if all(r[n] == row[n] for n in names)], row)
