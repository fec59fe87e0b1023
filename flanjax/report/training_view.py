"""The report's training side: curves, throughput, mixture, packing and removed tasks, ready for the page."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from markupsafe import Markup

from flanjax.report import plots
from flanjax.report.plots import Line
from flanjax.report.runs import RunRecord
from flanjax.report.score_view import colour

TableRow = dict[str, Any]


def loss_plot(runs: Sequence[RunRecord]) -> Markup | None:
    """Training loss of every run, its validation loss dashed."""
    several, lines = len(runs) > 1, []
    for i, run in enumerate(runs):
        train, validation = _line(run.train, "loss", colour(i)), _line(run.validation, "loss", colour(i))
        if train:
            lines.append(train._replace(label=run.name if several else "training"))
        if validation:
            label = f"{run.name}, val." if several else "validation"
            lines.append(validation._replace(label=label, dashed=True, colour=colour(i) if several else "c2"))
    return plots.line_plot(lines, height=260) if lines else None


def loss_panels(runs: Sequence[RunRecord]) -> list[TableRow]:
    """Returns a small plot of the training loss for each cluster, with all runs, on one shared scale."""
    return _panels(runs, lambda run: run.train, lambda line: line.get("cluster_loss") or {})


def score_panels(runs: Sequence[RunRecord]) -> list[TableRow]:
    """Returns a small plot of the held-out score over steps for each cluster, from the log or from several evaluations."""
    return _panels(runs, heldout_lines, lambda line: line["cluster_score"], dots=True)


def heldout_lines(run: RunRecord) -> list[TableRow]:
    """Returns a run's held-out scores by step: those logged during training, or else those of its evaluations, if several."""
    if run.heldout:
        return run.heldout
    steps = run.over_steps
    return [{"step": e.step, "cluster_score": _cluster_scores(e.results)} for e in steps] if len(steps) > 1 else []


def _cluster_scores(results: TableRow) -> dict[str, TableRow]:
    rows = (c for c in results["clusters"] if c["model"] == "trained" and not c["chain_of_thought"])
    scores: dict[str, TableRow] = {}
    for row in sorted(rows, key=lambda c: c["shots"]):
        scores.setdefault(row["cluster"], row)
    return scores


def _panels(
    runs: Sequence[RunRecord],
    lines_of: Callable[[RunRecord], Sequence[TableRow]],
    values_of: Callable[[TableRow], dict[str, Any]],
    dots: bool = False,
) -> list[TableRow]:
    found: dict[str, list[Line]] = {}
    for i, run in enumerate(runs):
        for name in sorted({n for line in lines_of(run) for n in values_of(line)}):
            points = [(line["step"], values_of(line)[name]) for line in lines_of(run) if name in values_of(line)]
            curve = _curve(points, run.name, colour(i), dots)
            if curve:
                found.setdefault(name, []).append(curve)
    values = [v for curves in found.values() for c in curves for part in (c.y, c.low or (), c.high or ()) for v in part]
    scale = plots.scale_for(values, 3)
    return [
        {
            "name": name,
            "plot": plots.line_plot(curves, height=110, scale=scale, ends=False),
            "last": [(c.colour, c.y[-1]) for c in curves],
        }
        for name, curves in sorted(found.items())
    ]


def _curve(points: Sequence[tuple[int, Any]], label: str, colour_class: str, dots: bool) -> Line | None:
    if not dots:
        x, y = plots.thin([p[0] for p in points], [p[1] for p in points], 80)
        return Line(label, x, y, colour_class) if x else None
    xs, means = [p[0] for p in points], [p[1]["mean"] for p in points]
    known = all(p[1].get("low") is not None for p in points)
    low, high = ([float(p[1][end]) for p in points] if known else None for end in ("low", "high"))
    return Line(label, xs, means, colour_class, low, high, dots=True)


def _line(lines: Sequence[TableRow], name: str, colour_class: str) -> Line | None:
    x, y = plots.thin([line["step"] for line in lines], [line.get(name) for line in lines])
    return Line("", x, y, colour_class) if x else None


def speed_panels(runs: Sequence[RunRecord]) -> list[TableRow]:
    """Returns plots of target tokens a second, model FLOP utilisation and gradient norm over steps, if they were logged."""
    names = {
        "target_tokens_per_second": "target tokens/s",
        "mfu": "MFU",
        "grad_norm": "gradient norm",
    }
    panels = []
    for name, title in names.items():
        lines = [line._replace(label=run.name) for i, run in enumerate(runs) if (line := _line(run.train, name, colour(i)))]
        if lines:
            scale = plots.scale_for([v for line in lines for v in line.y], 2, low=0)
            last = [(line.colour, sum(line.y) / len(line.y)) for line in lines]
            panels.append({"name": title, "plot": plots.line_plot(lines, height=110, scale=scale, ends=False), "last": last})
    return panels


def mixtures(runs: Sequence[RunRecord]) -> list[TableRow]:
    """Returns each run's mixture: shares of clusters and tasks, styles, packing, removed tasks."""
    return [{**_mixture(run.mixture, colour(i)), "run": run.name} for i, run in enumerate(runs) if run.mixture.get("tasks")]


def _mixture(mixture: TableRow, colour_class: str) -> TableRow:
    tasks = mixture["tasks"]
    by_cluster = {c: [t for t in tasks if t["cluster"] == c] for c in sorted({t["cluster"] for t in tasks})}
    clusters = [_share_row(c, members) for c, members in by_cluster.items()]
    styles = sorted(mixture.get("styles", {}).items(), key=lambda pair: -pair[1])
    return {
        "name": mixture.get("mixture", ""),
        "plan_hash": mixture.get("plan_hash", ""),
        "clusters": _with_bars(clusters, colour_class),
        "tasks": _with_bars([{**_share_row(t["task"], [t]), **t, "name": t["task"]} for t in tasks], colour_class),
        "styles": [(name.replace("/", ", "), share, plots.gauge(share, colour_class)) for name, share in styles],
        "packing": [
            (name.replace("_", " "), share, plots.gauge(share, colour_class))
            for name, share in mixture.get("packing", {}).items()
            if share is not None
        ],
        "removed": sorted(mixture.get("removed", {}).items()),
        "quarantined": mixture.get("quarantined", []),
    }


def _share_row(name: str, tasks: Sequence[TableRow]) -> TableRow:
    examples = sum(t["examples"] for t in tasks)
    return {
        "name": name,
        "count": len(tasks),
        "asked_share": sum(t["asked_share"] for t in tasks),
        "published_share": _sum_or_none([t.get("published_share") for t in tasks]),
        "realised_share": sum(t["realised_share"] for t in tasks),
        "examples": examples,
        "rows": sum(t["rows"] for t in tasks),
        "skipped_rows": sum(skipped(tasks).values()),
    }


def _sum_or_none(shares: Sequence[float | None]) -> float | None:
    known = [share for share in shares if share is not None]
    return sum(known) if len(known) == len(shares) else None


def _with_bars(rows: list[TableRow], colour_class: str) -> list[TableRow]:
    top = max(max(r["asked_share"], r["realised_share"]) for r in rows)
    for row in rows:
        asked, realised = row["asked_share"], row["realised_share"]
        shown = [(asked, "soft", f"asked {asked:.2%}"), (realised, colour_class, f"realised {realised:.2%}")]
        row["bars"] = plots.bars(shown, top)
    return rows


def skipped(tasks: Iterable[TableRow]) -> Counter[str]:
    """Returns how many rows were left out, by reason."""
    total: Counter[str] = Counter()
    for task in tasks:
        total.update(task.get("skipped") or {})
    return total
