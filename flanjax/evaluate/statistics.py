"""Intervals and tests for scores of N items under K templates.

The items of a task are a sample of possible items. Its templates share those items, so the N x K scores are far from
independent. Estimand A, the default, is the mean over these K templates for new items: the unit is the item (or the group of
items that share a passage), whose scores are first averaged over templates. Estimand B treats the templates as a sample as
well; its interval is wider and is reported beside A. Scores are 0..100 (`SCALE`).

Clustered errors follow Miller 2024 (arXiv 2411.00640). The two-way interval adds the variances of items and of templates, as
Cameron, Gelbach and Miller 2011 do, each with its own t quantile, as Banerjee 1960 does.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

LEVEL = 0.95
SCALE = 100.0
DRAWS = 2000


class Estimate(NamedTuple):
    """A mean with its standard error, degrees of freedom (inf: normal) and interval. With one unit the spread is NaN."""

    mean: float
    low: float
    high: float
    se: float
    df: float


class Difference(NamedTuple):
    """A paired difference with its two-sided p, the two models' correlation over items, and the smallest detectable effect."""

    estimate: Estimate
    p: float
    correlation: float
    detectable: float


class Spread(NamedTuple):
    """How a task's score varies with the template. `best` is an oracle: it is chosen by the scores that it reports."""

    mean: float
    median: float
    best: float
    worst: float
    lower_quartile: float
    upper_quartile: float


@functools.cache
def _scipy_stats() -> Any:
    from scipy import stats  # half a second of imports that a training run does not need

    return stats


def quantile(df: float, level: float = LEVEL) -> float:
    """Returns the two-sided t quantile (normal for infinite df); NaN below one degree of freedom.

    >>> round(quantile(float("inf")), 3)
    1.96
    """
    return float(_scipy_stats().t.ppf(0.5 + level / 2, df)) if df > 0 else float("nan")


def wilson(successes: int, n: int) -> tuple[float, float]:
    """Returns Wilson's interval, as shares 0..1, for `successes` in n trials.

    >>> [round(x, 3) for x in wilson(10, 10)]
    [0.722, 1.0]
    """
    found = _scipy_stats().binomtest(successes, n).proportion_ci(LEVEL, method="wilson")
    return float(found.low), float(found.high)


def item_interval(scores: np.ndarray, groups: np.ndarray | None = None) -> Estimate:
    """Returns estimand A: the mean of scores [N, K] over templates and items, its interval clustered by item or `groups` [N].

    For one template of right-or-wrong scores it is Wilson's interval if n < 100 or the mean is within 5 % of an end.
    """
    scores = _matrix(scores)
    items = scores.mean(1)
    codes = _codes(groups, len(items))
    if _wants_wilson(scores, codes):
        low, high = wilson(int((items == SCALE).sum()), len(items))
        return _from_bounds(float(items.mean()), SCALE * low, SCALE * high)
    return _clustered(items, codes, 0.0, SCALE)


def difference_interval(first: np.ndarray, second: np.ndarray, groups: np.ndarray | None = None) -> Estimate:
    """Returns the mean of `first` minus `second`, both [N] or [N, K] of the same items, clustered by item or by group."""
    values = _matrix(first).mean(1) - _matrix(second).mean(1)
    return _clustered(values, _codes(groups, len(values)), -SCALE, SCALE)


def two_way_interval(scores: np.ndarray, groups: np.ndarray | None = None) -> Estimate | None:
    """Returns estimand B: as `item_interval`, with the templates as a sample too; None for a single template, which has no
    spread.

    The half width is sqrt(t_N^2 V_N + t_K^2 V_K). V_N and V_K are the variances of the mean estimated from items and from
    templates, each with the t quantile of its own degrees of freedom (N - 1 items or groups, K - 1 templates). Row and column
    means of a balanced table are independent, and for a sum of independent variances this rule covers at least 95 % whatever
    their true sizes (Banerjee 1960, Sankhya 22). The choice of quantile does not depend on an estimate, so two templates that
    happen to agree do not narrow the interval as if the templates were known to agree. V_N + V_K counts the variance within a
    cell twice. Cameron, Gelbach and Miller subtract it once; counting it twice makes the interval wider, which is the safe side
    (Owen 2007, section 4).

    The price: if templates hardly differ, two of them give about 98 to 100 % coverage and three about 97 to 99 %.
    """
    scores = _matrix(scores)
    k = scores.shape[1]
    if k < 2:
        return None
    item, mean = item_interval(scores, groups), float(scores.mean())
    template = float(scores.mean(0).var(ddof=1)) / k
    below, above = (np.hypot(half, quantile(k - 1) * np.sqrt(template)) for half in (mean - item.low, item.high - mean))
    df = _satterthwaite([item.se**2, template], [item.df, k - 1])
    low, high = _clipped(mean - below, mean + above, 0.0, SCALE)
    return Estimate(mean, low, high, float(np.sqrt(item.se**2 + template)), df)


def macro_mean(parts: Sequence[Estimate], bottom: float = 0.0) -> Estimate:
    """Returns the unweighted mean of independent parts: SE = sqrt(sum of SE^2) / T, with Satterthwaite's degrees of freedom.

    The interval is clipped to `bottom`..100, the range of the scores.
    """
    if not parts:
        raise ValueError("got no parts; expected at least one task or cluster to average")
    mean = float(np.mean([p.mean for p in parts]))
    se = float(np.sqrt(sum(p.se**2 for p in parts))) / len(parts)
    df = _satterthwaite([p.se**2 for p in parts], [p.df for p in parts])
    if len(parts) == 1:
        return parts[0]
    half = quantile(df) * se
    return Estimate(mean, *_clipped(mean - half, mean + half, bottom, SCALE), se, df)


def paired_difference(first: np.ndarray, second: np.ndarray, groups: np.ndarray | None = None) -> Difference:
    """Returns `first` minus `second`, both [N, K] over the same items and templates, clustered by item or by group.

    The p is exact McNemar for one template of right-or-wrong scores without groups, and otherwise a t test on item means.
    """
    first, second = _matrix(first), _matrix(second)
    if first.shape != second.shape:
        raise ValueError(f"a paired difference needs the same items and templates; got {first.shape} and {second.shape}")
    a, b = first.mean(1), second.mean(1)
    codes = _codes(groups, len(a))
    estimate = difference_interval(first, second, groups)
    own_units = len(np.unique(codes)) == len(a)
    binary = first.shape[1] == 1 and _binary(first) and _binary(second)
    if binary and own_units:
        p = mcnemar(a, b)
    else:
        p = t_test(estimate) if np.ptp(a - b) else sign_test(estimate.mean, len(np.unique(codes)))
    spread = a.std() > 0 and b.std() > 0
    correlation = float(np.corrcoef(a, b)[0, 1]) if spread else float("nan")
    return Difference(estimate, p, correlation, detectable(estimate.se))


def macro_difference(parts: Sequence[Difference]) -> Difference:
    """Returns the macro mean of independent paired differences, with a t test."""
    estimate = macro_mean([part.estimate for part in parts], -SCALE)
    p = parts[0].p if len(parts) == 1 else t_test(estimate)
    return Difference(estimate, p, float("nan"), detectable(estimate.se))


def mcnemar(first: np.ndarray, second: np.ndarray) -> float:
    """Returns the exact two-sided McNemar p of two vectors of right-or-wrong scores."""
    better, worse = int((first > second).sum()), int((first < second).sum())
    if better + worse == 0:
        return 1.0
    return float(_scipy_stats().binomtest(better, better + worse).pvalue)


def t_test(estimate: Estimate) -> float:
    """Returns the two-sided p of a mean of zero; NaN if the spread is unknown."""
    if estimate.mean == 0:
        return 1.0
    if not estimate.se > 0:
        return float("nan")
    return float(2 * _scipy_stats().t.sf(abs(estimate.mean) / estimate.se, estimate.df))


def sign_test(difference: float, units: int) -> float:
    """Returns the two-sided p of `units` items that all differ by the same amount."""
    return min(1.0, 2.0 ** (1 - units)) if difference else 1.0


def holm(p_values: Sequence[float]) -> list[float]:
    """Returns Holm's adjusted p values, in the given order.

    >>> [round(p, 6) for p in holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    """
    order = np.argsort(p_values, kind="stable")
    adjusted, highest = [0.0] * len(p_values), 0.0
    for rank, i in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[i]))
        adjusted[i] = highest
    return adjusted


def detectable(se: float, power: float = 0.8) -> float:
    """Returns the smallest true difference that is found with this power at two-sided 5 %: 2.80 SE for 80 %."""
    return (quantile(np.inf) + float(_scipy_stats().norm.ppf(power))) * se


def template_spread(template_scores: Sequence[float]) -> Spread:
    """Returns mean, median, best, worst and quartiles of the scores of K templates."""
    scores = np.asarray(template_scores, np.float64)
    lower, median, upper = (float(q) for q in np.quantile(scores, [0.25, 0.5, 0.75]))
    return Spread(float(scores.mean()), median, float(scores.max()), float(scores.min()), lower, upper)


def bootstrap(
    counts: np.ndarray, score: Callable[[np.ndarray], np.ndarray], groups: np.ndarray | None = None, seed: int = 0
) -> tuple[Estimate, np.ndarray]:
    """Returns a corpus metric of counts [N, K, F]: its mean over templates with a percentile interval, and the draws [DRAWS].

    Items (or groups) are drawn with replacement, all templates of an item together. The same seed and groups give the same
    draws, so that the draws of two models can be subtracted. If all draws agree (at 0 or 100), the interval has the minimum
    width of accuracy's: up to Wilson's share of unseen units may differ.
    """
    codes = _codes(groups, len(counts))
    units = np.zeros((codes.max() + 1, *counts.shape[1:]))
    np.add.at(units, codes, counts)
    weights = np.random.default_rng(seed).multinomial(len(units), np.full(len(units), 1 / len(units)), DRAWS)
    draws = score(np.tensordot(weights.astype(np.float64), units, 1)).mean(-1)  # [DRAWS]
    mean = float(score(units.sum(0)).mean())
    return bootstrap_interval(mean, draws, len(units), 0.0), draws


def bootstrap_difference(first: tuple[Estimate, np.ndarray], second: tuple[Estimate, np.ndarray], units: int) -> Difference:
    """Returns the paired difference of two `bootstrap` results of the same seed and groups; `units` is the number of groups."""
    draws = first[1] - second[1]
    tail = min((draws <= 0).sum(), (draws >= 0).sum())
    p = min(1.0, 2 * (1 + tail) / (1 + len(draws)))
    estimate = bootstrap_interval(first[0].mean - second[0].mean, draws, units, -SCALE)
    return Difference(estimate, float(p), float("nan"), detectable(estimate.se))


def bootstrap_interval(mean: float, draws: np.ndarray, units: int, bottom: float) -> Estimate:
    """Returns a mean with the percentile interval of its draws [DRAWS]: NaN for one unit, and of a minimum width if all draws
    agree. `bottom`..100 is the range of the mean."""
    if units < 2:
        return _unknown(mean)
    if np.ptp(draws) < 1e-9:
        return _without_spread(mean, units, bottom, SCALE)
    low, high = (float(q) for q in np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]))
    return Estimate(mean, min(low, mean), max(high, mean), float(draws.std()), float(units - 1))


def _unknown(mean: float) -> Estimate:
    return Estimate(mean, float("nan"), float("nan"), float("nan"), 0.0)


def _clipped(low: float, high: float, bottom: float, top: float) -> tuple[float, float]:
    """Returns the interval's ends clipped to the scale; NaN stays NaN."""
    return float(np.clip(low, bottom, top)), float(np.clip(high, bottom, top))


def _clustered(values: np.ndarray, codes: np.ndarray, bottom: float, top: float) -> Estimate:
    n, mean = len(values), float(values.mean())
    sums = np.bincount(codes, values - mean)
    units = len(sums)
    if units < 2:
        return _unknown(mean)
    if np.ptp(values) < 1e-9:
        return _without_spread(mean, units, bottom, top)
    se = float(np.sqrt((sums**2).sum() * units / (units - 1))) / n
    half = quantile(units - 1) * se
    return Estimate(mean, *_clipped(mean - half, mean + half, bottom, top), se, float(units - 1))


def _without_spread(mean: float, units: int, bottom: float, top: float) -> Estimate:
    """Returns the estimate if all units agree: up to Wilson's share of unseen units may differ, as far as the scale allows."""
    other = 1 - wilson(units, units)[0]
    return _from_bounds(mean, mean - other * (mean - bottom), mean + other * (top - mean))


def _from_bounds(mean: float, low: float, high: float) -> Estimate:
    return Estimate(mean, min(low, mean), max(high, mean), (high - low) / (2 * quantile(np.inf)), float("inf"))


def _wants_wilson(scores: np.ndarray, codes: np.ndarray) -> bool:
    n, mean = len(scores), scores.mean() / SCALE
    alone = scores.shape[1] == 1 and codes.max() + 1 == n and n > 1
    return bool(alone and _binary(scores) and (n < 100 or mean < 0.05 or mean > 0.95))


def _binary(scores: np.ndarray) -> bool:
    return bool(((scores == 0) | (scores == SCALE)).all())


def _satterthwaite(variances: Sequence[float], dfs: Sequence[float]) -> float:
    below = sum(v * v / df for v, df in zip(variances, dfs, strict=True) if df > 0)
    total = sum(variances)
    if np.isnan(total):
        return 0.0
    return total * total / below if below > 0 else float("inf")


def _matrix(scores: np.ndarray) -> np.ndarray:
    scores = np.asarray(scores, np.float64)
    scores = scores[:, None] if scores.ndim == 1 else scores
    if scores.ndim != 2 or 0 in scores.shape or not np.isfinite(scores).all():
        raise ValueError(f"scores must be finite numbers [items, templates]; got shape {scores.shape}")
    return scores


def _codes(groups: np.ndarray | None, n: int) -> np.ndarray:
    if groups is None:
        return np.arange(n)
    if len(groups) != n:
        raise ValueError(f"got {len(groups)} item groups for {n} items; expected one group an item")
    return np.unique(np.asarray(groups), return_inverse=True)[1]
