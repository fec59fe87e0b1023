"""The page of a swarm: the verdict, the weights, and whether the law predicts runs that it has not seen."""

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from flanjax.lab.swarm.choice import DRAWS, Judged
from flanjax.lab.swarm.swarm import Read
from flanjax.pages.environment import asset, environment
from flanjax.report import plots
from flanjax.report.plots import Dot, Line, Mark, Scale


def render(read: Read, judged: Judged, record: Mapping[str, Any]) -> str:
    """Returns the page.

    Args:
      record: weights.json.
    """
    chosen = judged.chosen
    chosen_shares = [row[end] for row in (record["chosen"] or {}).values() for end in ("share", "low", "high")]
    shares = [*chosen_shares, *record["own"].values()]
    scale = plots.scale_for([100 * x for x in shares], ticks=3, low=0.0)
    effects = plots.scale_for([x for e in judged.effects for x in e] + [0.0], ticks=2)
    made = environment()
    made.filters.update(percent=lambda x: f"{100 * x:.1f}%", three=lambda x: f"{x:.3f}", signed=_signed)
    content = {
        "title": read.config,
        "fixed": read.fixed,
        "verdict": record["verdict"],
        "refused": chosen is None,
        "examples": record["examples"],
        "repeats": record["repeats"],
        "rows": [_row(k, read, judged, record, scale, effects) for k in range(len(read.swarm.clusters))],
        "share_axis": plots.strip_axis(scale),
        "effect_axis": plots.strip_axis(effects),
        "scatter": _scatter(read, judged),
        "correlation": judged.correlation,
        "runs": record["runs"],
        "clusters": read.swarm.clusters,
        "draws": DRAWS,
    }
    return made.from_string(asset("flanjax.lab.swarm", "weights.html.j2")).render(content)


def _row(k: int, read: Read, judged: Judged, record: Mapping[str, Any], scale: Scale, effects: Scale) -> dict[str, Any]:
    name = read.swarm.clusters[k]
    chosen, own, effect = (record["chosen"] or {}).get(name), 100 * record["own"][name], judged.effects[k]
    dots = [Dot(own, colour="soft", hollow=True, title=f"own: {own:.1f}%")]
    if chosen:
        share, low, high = (100 * chosen[field] for field in ("share", "low", "high"))
        dots.append(Dot(share, low, high, title=f"chosen: {share:.1f}%"))
    zero = Mark(0.0, "the mean cluster", "untuned")
    return {
        "name": name,
        "own": record["own"][name],
        "chosen": chosen,
        "shares": plots.strip(dots, scale),
        "effect": effect,
        "effects": plots.strip([Dot(*effect)], effects, [zero]),
    }


def _scatter(read: Read, judged: Judged) -> Markup:
    """Each run's loss as the others predict it, against what it was."""
    scale = plots.scale_for([*judged.loss, *judged.predicted])
    ends = [scale.low, scale.high]
    perfect = Line("as predicted", ends, ends, colour="soft", dashed=True, across="loss")
    runs = [
        Line(label, [float(loss)], [float(predicted)], across="loss")
        for label, loss, predicted in zip(read.swarm.labels, judged.loss, judged.predicted, strict=True)
    ]
    return plots.line_plot([perfect, *runs], height=260, scale=scale, ends=False)


def _signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−")
