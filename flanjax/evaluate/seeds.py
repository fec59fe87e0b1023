"""Intervals and tests for the scores of several runs that differ only in their seed: seeds and items are both samples.

A score of S seeds on N items varies with the seeds (every run trains to other weights) and with the items. The variance of its
mean is estimated at both levels: V_S from the S scores, V_N from the N item means over seeds. Each holds the variance within a
cell, R, which is known from the S x N table, so the mean varies by V_S + V_N - R (Cameron, Gelbach and Miller 2011). With
two seeds, or scores that tie, V_S may come out far below R by chance: there min(R, V_S) is what is subtracted, so that the mean
varies by no less than V_N.

The half width of an interval is h = (B + W) / 2, of two rules that both use t quantiles of each level's own degrees of freedom
(S - 1 seeds). B = sqrt(t_S^2 V_S + t_N^2 (V_N - R)) (Banerjee 1960) never covers too little, and up to 97.6 % with three seeds.
W = t sqrt(V_S + V_N - R) with the degrees of freedom of Satterthwaite 1946 may cover as little as 92 % with three seeds, since
V_S is then too often small by chance. Half-way between them three seeds cover 94 to 97 %, whatever share of the variance is
theirs. With two seeds W fails (87 %), and h = B. tests/study/study_seeds.py shows all this by simulation.

The p of a test is the level at which the interval touches zero. One seed says nothing about a config: its interval is of the
items alone, and it has no p.
"""

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from flanjax.evaluate import statistics as st

FEWEST_FOR_BOTH_RULES = 2.0  # degrees of freedom: three seeds
POWER = 0.8
_POINTS = 64  # at which the distribution of an estimated variance is integrated
_HALVINGS = 40
_SMALLEST_P = 12  # as a negative power of ten
_MANY = 1e6  # degrees of freedom
_TIED = 1e-9  # the variance of scores that differ by rounding alone


class Level(NamedTuple):
    """A variance of the mean, with the degrees of freedom of its estimate."""

    variance: float
    df: float


class Part(NamedTuple):
    """The scores of a task, or of a mean over tasks.

    Attributes:
      sides: the scores of the seeds, float [S]. Of a difference that is paired by seed, its S values; of one that is not, the
        scores of both arms, whose numbers of seeds may differ.
      items: the variance that is seen between items.
      residual: the variance that the seeds' and the items' level both hold.
    """

    sides: tuple[np.ndarray, ...]
    items: Level
    residual: float


class SeedEstimate(NamedTuple):
    """A mean over seeds and items, or a difference of two, with its interval.

    Attributes:
      seeds: how many there are; in an arm, if the arms have other numbers, the smaller one.
      seed_sd: how far single runs that differ only in seed lie apart, as a standard deviation; NaN for one seed.
      shares: the shares of the variance of the mean that come from seeds, items and both together; NaN for one seed.
      levels: the variance seen between seeds, and what items have beyond it.
    """

    mean: float
    low: float
    high: float
    seeds: int
    seed_sd: float
    shares: tuple[float, float, float]
    levels: tuple[Level, Level]

    @property
    def p(self) -> float:
        """Two-sided, of a mean of zero; NaN for one seed or one item."""
        return p_value(self.mean, *self.levels) if self.seeds > 1 else np.nan

    def detectable(self, comparisons: int = 1) -> float:
        """Returns the smallest true difference that such a study finds 8 times in 10, if it is the largest of so many
        comparisons; NaN for one seed or one item."""
        return detectable(*self.levels, comparisons=comparisons) if self.seeds > 1 else np.nan


def single(scores: np.ndarray, groups: np.ndarray | None = None) -> Part:
    """Returns the part of one arm's scores [S, N], 0..100, on one task; items of a group are sampled together."""
    scores = np.asarray(scores, np.float64)
    found = st.item_interval(scores.mean(0), groups)
    return Part((scores.mean(1),), Level(found.se**2, found.df), _residual(scores, groups))


def paired(first: np.ndarray, second: np.ndarray, groups: np.ndarray | None = None) -> Part:
    """Returns the part of `first` minus `second`, both [S, N] of the same seeds and items."""
    first, second = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if first.shape != second.shape:
        raise ValueError(f"a difference paired by seed and item needs the same of both; got {first.shape} and {second.shape}")
    found = st.difference_interval(first.mean(0), second.mean(0), groups)
    return Part(((first - second).mean(1),), Level(found.se**2, found.df), _residual(first - second, groups))


def unpaired(first: np.ndarray, second: np.ndarray, groups: np.ndarray | None = None) -> Part:
    """Returns the part of `first` [S, N] minus `second` [S', N], of other seeds but the same items."""
    first, second = np.asarray(first, np.float64), np.asarray(second, np.float64)
    found = st.difference_interval(first.mean(0), second.mean(0), groups)
    residual = sum(_residual(scores, groups) for scores in (first, second))
    return Part((first.mean(1), second.mean(1)), Level(found.se**2, found.df), residual)


def of_draws(sides: Sequence[np.ndarray], draws: Sequence[np.ndarray], units: int, bottom: float = -st.SCALE) -> Part:
    """Returns the part of a corpus metric, from each seed's score [S] and its bootstrap draws [S, DRAWS] over the same items.

    Args:
      sides, draws: one of each, or one of each arm.
      units: the number of items, or of groups.
      bottom: the lowest value of the mean: 0 for a score, -100 for a difference.
    """
    whole = draws[0].mean(0) - (draws[1].mean(0) if len(draws) > 1 else 0.0)
    found = st.bootstrap_interval(_mean(sides), whole, units, bottom)
    residual = sum(float(_spread(d - d.mean(0)).sum()) / (len(d) - 1) / len(d) for d in draws if len(d) > 1)
    return Part(tuple(sides), Level(found.se**2, found.df), residual)


def average(parts: Sequence[Part]) -> Part:
    """Returns the unweighted mean of parts with the same seeds and other items."""
    n = len(parts)
    variance = sum(p.items.variance for p in parts)
    below = sum(p.items.variance**2 / p.items.df for p in parts if p.items.df > 0)
    return Part(
        tuple(np.mean(side, 0) for side in zip(*(p.sides for p in parts), strict=True)),
        Level(variance / n**2, variance**2 / below if below > 0 else np.inf),
        sum(p.residual for p in parts) / n**2,
    )


def estimate(part: Part, bottom: float = -st.SCALE) -> SeedEstimate:
    """Returns the mean of a part with its interval, clipped to `bottom`..100.

    >>> runs = np.array([[100.0, 0, 100, 0], [100, 100, 100, 0], [100, 0, 100, 100]])
    >>> found = estimate(single(runs), bottom=0.0)
    >>> found.seeds, round(found.mean, 1), round(found.seed_sd, 1)
    (3, 66.7, 14.4)
    """
    mean = _mean(part.sides)
    count = min(map(len, part.sides))
    if count < 2:
        half = st.quantile(part.items.df) * np.sqrt(part.items.variance)
        low, high = (float(end) for end in np.clip((mean - half, mean + half), bottom, st.SCALE))
        return SeedEstimate(mean, low, high, count, np.nan, (np.nan,) * 3, (Level(np.nan, 0.0), part.items))
    seeds = seed_level(part)
    rest = _items_alone(part, seeds)
    half = float(half_width(seeds, rest))
    low, high = (float(end) for end in np.clip((mean - half, mean + half), bottom, st.SCALE))
    # A seed's own share of V_S is what is left of it without the residual.
    levels = np.array([max(seeds.variance - part.residual, 0.0), rest.variance, min(part.residual, seeds.variance)])
    shares = np.zeros(3) if levels.sum() == 0 else levels / levels.sum()
    return SeedEstimate(
        mean,
        low,
        high,
        count,
        float(np.sqrt(np.mean([side.var(ddof=1) for side in part.sides]))),
        (float(shares[0]), float(shares[1]), float(shares[2])),
        (seeds, rest),
    )


def _mean(sides: Sequence[np.ndarray]) -> float:
    return float(np.mean(sides[0]) - (np.mean(sides[1]) if len(sides) > 1 else 0.0))


def seed_level(part: Part) -> Level:
    """Returns the variance of the mean that is seen between seeds. Arms of other seeds add up, with the degrees of freedom of
    Welch 1947."""
    each = [Level(float(side.var(ddof=1)) / len(side), len(side) - 1.0) for side in part.sides]
    total = sum(level.variance for level in each)
    if total == 0:
        return Level(0.0, min(level.df for level in each))
    return Level(total, total**2 / sum(level.variance**2 / level.df for level in each))


def half_width(seeds: Level, items: Level, level: Any = st.LEVEL) -> Any:
    """Returns the half width of an interval of this level, or of each of several levels; NaN if there is one item alone.

    Args:
      items: the variance that items have beyond what the seeds' level holds already.
    """
    return _half_width(seeds.variance, seeds.df, items.variance, items.df, level)


def _half_width(seeds: Any, seeds_df: float, items: Any, items_df: float, level: Any) -> Any:
    total = seeds + items
    if not items_df > 0:  # one item says nothing of others
        return total * np.nan
    wide = np.sqrt(_quantile(seeds_df, level) ** 2 * seeds + _quantile(items_df, level) ** 2 * items)
    if seeds_df < FEWEST_FOR_BOTH_RULES:
        return wide
    below = np.maximum(seeds**2 / seeds_df + items**2 / items_df, np.finfo(np.float64).tiny)
    with np.errstate(over="ignore"):  # infinitely many degrees of freedom, where neither seeds nor items vary
        df = total**2 / below
    return (wide + _quantile(df, level) * np.sqrt(total)) / 2


def _quantile(df: Any, level: Any) -> Any:
    """The two-sided t quantile, for arrays; the normal one for many degrees of freedom, and 0 for none, of a variance of 0."""
    special = _scipy_special()
    many = special.ndtri(0.5 + np.asarray(level) / 2)
    return np.where(np.asarray(df) > _MANY, many, special.stdtrit(np.clip(df, 1e-3, _MANY), 0.5 + np.asarray(level) / 2))


def p_value(mean: float, seeds: Level, items: Level) -> float:
    """Returns the two-sided p of a mean of zero: one minus the level at which the interval touches zero; NaN if a variance is
    unknown, as that of one item is."""
    if not np.isfinite(seeds.variance + items.variance):
        return float("nan")
    if mean == 0 or seeds.variance + items.variance == 0:
        return 1.0 if mean == 0 else 0.0
    low, high = -float(_SMALLEST_P), 0.0  # powers of ten
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        inside = half_width(seeds, items, 1 - 10**middle) >= abs(mean)
        low, high = (middle, high) if inside else (low, middle)
    return float(10**high)


def detectable(seeds: Level, items: Level, power: float = POWER, *, comparisons: int = 1) -> float:
    """Returns the smallest true difference that is found with this power at two-sided 5 %, if the variances are as given.

    Of several comparisons the largest difference is held to 5 % divided by their number, as Holm's first step does.

    A study estimates its own variance between seeds, so its interval is sometimes wide and sometimes narrow: the power is the
    mean over the distribution of that estimate, chi-squared with the seeds' degrees of freedom. It is NaN if a variance is
    unknown.
    """
    if not np.isfinite(seeds.variance + items.variance):
        return float("nan")
    if not seeds.variance + items.variance > 0:
        return 0.0
    special, sd = _scipy_special(), np.sqrt(seeds.variance + items.variance)
    drawn = 2 * special.gammaincinv(seeds.df / 2, (np.arange(_POINTS) + 0.5) / _POINTS) / seeds.df
    halves = _half_width(seeds.variance * drawn, seeds.df, items.variance, items.df, 1 - (1 - st.LEVEL) / comparisons)
    low, high = 0.0, float(halves.max() + 10 * sd)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        reached = np.mean(special.ndtr((middle - halves) / sd) + special.ndtr((-halves - middle) / sd))
        low, high = (low, middle) if reached > power else (middle, high)
    return high


def planned(seeds: int, items: int, *, seed_sd: float, item_sd: float, comparisons: int = 1) -> float:
    """Returns what a study with so many seeds and items will detect, as `detectable` says; NaN with one seed.

    Args:
      seed_sd: of the difference of two runs, one of each arm and of one seed, over seeds; in points.
      item_sd: of an item's difference between the arms, over items; in points.

    >>> round(planned(3, 200, seed_sd=1.0, item_sd=30.0), 1)
    6.5
    """
    if seeds < 2:
        return float("nan")
    levels = Level(seed_sd**2 / seeds, seeds - 1.0), Level(item_sd**2 / items, items - 1.0)
    return detectable(*levels, comparisons=comparisons)


def _items_alone(part: Part, seeds: Level) -> Level:
    by_chance = seeds.df < FEWEST_FOR_BOTH_RULES or seeds.variance < _TIED
    held = min(part.residual, seeds.variance) if by_chance else part.residual
    return part.items._replace(variance=max(part.items.variance - held, 0.0))


def _residual(scores: np.ndarray, groups: np.ndarray | None) -> float:
    """Returns the variance of the mean of scores [S, N] that is of the cells: neither the seeds' nor the items' alone."""
    count, n = scores.shape
    codes = np.arange(n) if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1]
    units = int(codes.max()) + 1
    if count < 2 or units < 2:
        return 0.0
    left = scores - scores.mean(1, keepdims=True) - scores.mean(0) + scores.mean()
    sums = np.stack([np.bincount(codes, row, units) for row in left]) / n
    return float((sums**2).sum()) * units / (units - 1) / (count - 1) / count


def _spread(draws: np.ndarray) -> np.ndarray:
    return np.asarray(draws, np.float64).var(1)


@functools.cache
def _scipy_special() -> Any:
    from scipy import special  # imports that a training run does not need

    return special
