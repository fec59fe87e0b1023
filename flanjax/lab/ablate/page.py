"""The page of a study: verdicts first, then each axis with its curve, comparisons and columns, and all runs with links."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from flanjax.lab.ablate.findings import Row, in_words
from flanjax.lab.ablate.finished import Cost, Finished
from flanjax.lab.ablate.plan import Plan
from flanjax.pages.environment import asset, environment
from flanjax.report import plots
from flanjax.report.plots import Dot, Line, Mark, Scale

PERCENT = Scale(0.0, 100.0, (0.0, 25.0, 50.0, 75.0, 100.0))
_RELIABILITY = Scale(0.0, 1.0, (0.0, 0.25, 0.5, 0.75, 1.0))
COLUMNS = {
    "worst_template": ("Worst template", "score of the worst template, mean over tasks and seeds"),
    "spread": ("Spread", "best template minus worst"),
    "template_flips": ("Flips by template", "answers that change with the template, %"),
    "seed_flips": ("Flips by seed", "answers that change with the seed, %"),
    "ece": ("ECE", "expected calibration error, %, ten bins"),
    "brier": ("Brier", "Brier score, 0 to 2, lower is better"),
    "position_bias": (
        "Position",
        "standard deviation of the recall over the options' positions, points; of tasks whose options differ by item",
    ),
    "prompt_tokens": ("Prompt", "tokens of an evaluation prompt"),
    "seconds": ("Seconds", "of scoring an evaluation prompt"),
}
DIGITS = {"brier": "%.2f", "seconds": "%.4f"}  # of columns that are no scores


def render(
    plan: Plan, found: Row, finished: Sequence[Finished], costs: Mapping[str, Cost], problems: Sequence[str], out: Path
) -> str:
    """Returns the page.

    Args:
      found: of `findings`.
      costs: training -> its cost.
      problems: what failed or is not finished.
      out: the folder that the page will lie in, which links are relative to.
    """
    made = environment()
    made.filters.update(score=_score, signed=_signed, p=_p, words=in_words, large=_large, short=_short)
    content = {
        "title": plan.title,
        "config": plan.study.config,
        "fixed": plan.study.fixed,
        "seeds": plan.study.seeds,
        "runs": len(plan.trainings),
        "finished": len(finished),
        "planned": len(plan.cells),
        "problems": problems,
        "axes": [_axis(axis) for axis in found["axes"]],
        "columns": COLUMNS,
        "digits": DIGITS,
        "names": [axis.name for axis in plan.axes],
        "table": _runs(found, finished, costs, out),
        "cost": _total(costs.values()),
        "strip_axis": plots.strip_axis(PERCENT),
    }
    return made.from_string(asset("flanjax.lab.ablate", "study.html.j2")).render(content)


def _axis(axis: Row) -> Row:
    levels = axis["levels"]
    clusters = [row["cluster"] for row in (axis["comparisons"] or levels or [{"clusters": []}])[0]["clusters"]]
    return {
        **axis,
        "curve": _curve(axis),
        "strips": [{**level, "line": _strip(level)} for level in levels],
        "clusters": clusters if len(clusters) > 1 else [],
        "differences": _differences(axis["comparisons"]),
        "diagrams": [(level["label"], _diagram(level["reliability"])) for level in levels if level["reliability"]],
    }


def _curve(axis: Row) -> Any:
    """The score against a numeric axis, with its interval as a band; None for other axes."""
    try:
        x = [float(level["label"]) for level in axis["levels"]]
    except ValueError:
        return None
    if len(x) < 2 or any(level["low"] is None for level in axis["levels"]):
        return None
    levels = [level for _, level in sorted(zip(x, axis["levels"], strict=True), key=lambda pair: pair[0])]
    x = sorted(x)
    seeds = sorted({seed for level in levels for seed in level["by_seed"]})
    each = []
    for seed in seeds if len(seeds) > 1 else ():
        known = [(a, level["by_seed"][seed]) for a, level in zip(x, levels, strict=True) if seed in level["by_seed"]]
        each.append(
            Line(f"seed {seed}", [a for a, _ in known], [b for _, b in known], "soft", dashed=True, across=axis["name"])
        )
    mean, low, high = ([level[name] for level in levels] for name in ("mean", "low", "high"))
    return plots.line_plot(
        [*each, Line("mean", x, mean, low=low, high=high, dots=True, across=axis["name"])], ends=False, height=260
    )


def _strip(level: Row) -> Any:
    dots = [Dot(x, colour="soft", hollow=True, title=f"seed {seed}: {x:.1f}") for seed, x in level["by_seed"].items()]
    mean = Dot(level["mean"], level["low"], level["high"], title=f"{level['label']}: {level['mean']:.1f}")
    marks = [Mark(x, f"{name} {x:.1f}", name) for name in ("chance", "majority") if (x := level[name]) is not None]
    return plots.strip([*(dots if len(dots) > 1 else []), mean], PERCENT, marks)


def _differences(rows: Sequence[Row]) -> list[Row]:
    ends = [row[name] for row in rows for name in ("low", "high", "mean") if row[name] is not None]
    scale = plots.scale_for([*ends, 0.0], ticks=2)
    return [
        {
            **row,
            "by_cluster": {c["cluster"]: c for c in row["clusters"]},
            "line": plots.strip([Dot(row["mean"], row["low"], row["high"])], scale, [Mark(0.0, "no difference", "untuned")]),
            "axis": plots.strip_axis(scale),
        }
        for row in rows
    ]


def _diagram(bins: Sequence[Row]) -> Any:
    bins = [b for b in bins if b["confidence"] is not None]
    confidence, accuracy = [b["confidence"] for b in bins], [b["accuracy"] for b in bins]
    known = Line("accuracy", confidence, accuracy, dots=True, across="confidence")
    perfect = Line("calibrated", [0.0, 1.0], [0.0, 1.0], colour="soft", dashed=True)
    return plots.line_plot([perfect, known], height=150, scale=_RELIABILITY, ends=False)


def _runs(found: Row, finished: Sequence[Finished], costs: Mapping[str, Cost], out: Path) -> list[Row]:
    """A row for each combination: its score, and each seed's report."""
    links: dict[tuple[str, ...], list[Row]] = {}
    for one in sorted(finished, key=lambda f: f.cell.seed):
        link = {"seed": one.cell.seed, "path": os.path.relpath(one.report, out), "name": one.cell.training}
        links.setdefault(one.cell.labels, []).append(link)
    trained = {one.cell.labels: one.cell.training for one in finished}
    rows = []
    for arm in found["arms"]:
        cost = costs.get(trained.get(tuple(arm["labels"]), ""))
        rows.append({**arm, "links": links.get(tuple(arm["labels"]), []), "cost": cost, "takes": _takes(cost)})
    return rows


def _takes(cost: Cost | None) -> list[float | None]:
    """Milliseconds a step, trained share in percent, megabytes held on a device and in a checkpoint."""
    if cost is None:
        return [None] * 4
    parts = (cost.step_seconds, 1e3), (cost.trained_share, 1.0), (cost.held_bytes, 1e-6), (cost.checkpoint_bytes, 1e-6)
    return [None if value is None else value * unit for value, unit in parts]


def _total(costs: Any) -> Cost | None:
    costs = list(costs)
    if not costs:
        return None
    flops = [cost.flops for cost in costs]
    total = None if None in flops else sum(flops)
    return Cost(sum(c.tokens for c in costs), sum(c.seconds for c in costs), total)


def _score(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"


def _signed(value: float | None) -> str:
    return "–" if value is None else f"{value:+.1f}".replace("-", "−")


def _p(value: float | None) -> str:
    return "–" if value is None else "< 0.001" if value < 0.001 else f"{value:.3f}"


def _short(value: float | None) -> str:
    """A number with two digits that mean something: 0.35, 12, 100.

    >>> _short(0.0351), _short(12.3), _short(None)
    ('0.035', '12', '–')
    """
    return "–" if value is None else f"{value:.0f}" if value >= 10 else f"{value:.2g}"


def _large(value: float | None) -> str:
    """A large number in few characters: 3.1 M, 2.4e+15.

    >>> _large(3_100_000.0), _large(None)
    ('3.1 M', '–')
    """
    if value is None:
        return "–"
    for size, unit in ((1e12, ""), (1e9, " G"), (1e6, " M"), (1e3, " k")):
        if value >= size:
            return f"{value / size:.3g}{unit}" if unit else f"{value:.2e}"
    return f"{value:.0f}"
