"""The held-out scores of a run in a few characters, for its progress bar: the curve, the newest score, and its noise."""

import math
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

_BLOCKS = "▁▂▃▄▅▆▇█"
_MOST = 12  # scores in the curve


class Point(NamedTuple):
    """The mean over clusters at a step, and the half width of its 95% interval over items; NaN if that is unknown."""

    step: int
    mean: float
    half: float


def point(step: int, clusters: Mapping[str, Mapping[str, Any]]) -> Point:
    """Returns the point of a record's cluster_score: cluster -> mean, low and high. Clusters are taken as independent."""
    means = [score["mean"] for score in clusters.values()]
    halves = [math.nan if score["low"] is None else (score["high"] - score["low"]) / 2 for score in clusters.values()]
    return Point(step, sum(means) / len(means), math.sqrt(sum(half * half for half in halves)) / len(halves))


def points_of(metrics: Iterable[Mapping[str, Any]], until: int) -> list[Point]:
    """Returns the points that earlier records of a run have, up to a step."""
    return [point(m["step"], m["cluster_score"]) for m in metrics if m.get("kind") == "heldout" and m["step"] <= until]


def curve_text(points: list[Point], *, plain: bool = False) -> str:
    """Returns the newest points as a curve, the last score with its noise, and how it compares with the best.

    A step of the curve is the noise's half width or more, so that what is noise looks flat.

    Args:
      plain: without the curve, for terminals that cannot show it.

    >>> curve_text([Point(100, 40.0, 6.0), Point(200, 61.0, 6.0), Point(300, 58.0, 6.0)])
    'held-out ▁▅▄ 58.0 ±6.0, best 61.0 at 200, within the noise'
    >>> curve_text([Point(100, 40.0, 6.0)], plain=True)
    'held-out 40.0 ±6.0'
    """
    if not points:
        return ""
    shown, last = points[-_MOST:], points[-1]
    noise = f" ±{last.half:.1f}" if math.isfinite(last.half) else ""
    text = f"held-out {'' if plain or len(shown) < 2 else _curve(shown) + ' '}{last.mean:.1f}{noise}"
    best = max(points, key=lambda one: one.mean)
    if best.mean <= last.mean:
        return text
    # Both are scores of the same items; taken as independent, the noise of their difference is rather too wide.
    within = math.isfinite(last.half) and best.mean - last.mean <= math.hypot(last.half, best.half)
    return f"{text}, best {best.mean:.1f} at {best.step}{', within the noise' if within else ''}"


def _curve(points: list[Point]) -> str:
    low = min(one.mean for one in points)
    known = [one.half for one in points if math.isfinite(one.half)]
    step = max((max(one.mean for one in points) - low) / (len(_BLOCKS) - 1), max(known, default=0.0), 1e-9)
    return "".join(_BLOCKS[min(round((one.mean - low) / step), len(_BLOCKS) - 1)] for one in points)
