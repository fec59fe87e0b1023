"""What a swarm's runs say of weights: the chosen ones with intervals over the runs, or why nothing is chosen."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from flanjax.evaluate.arms import Name
from flanjax.evaluate.statistics import LEVEL
from flanjax.lab.ablate.weights import EQUAL, OWN, PROPORTIONAL, RUNS_A_CLUSTER
from flanjax.lab.swarm.fit import Law, best_shares, cross_validated, fit, rank_correlation

LEAST_CORRELATION = 0.8
DRAWS = 500


class Swarm(NamedTuple):
    """The runs of a swarm.

    Attributes:
      labels: of R runs.
      clusters: K names.
      shares: [R, K], each row sums to one.
      tasks: M held-out tasks.
      losses: [R, M], in nats per token.
      own: [K], the mixture's own shares.
      proportional: [K], the shares of all rows.
      repeats: [K], how often the most repeated task of a cluster would be gone through if all examples were the cluster's.
    """

    labels: tuple[str, ...]
    clusters: tuple[str, ...]
    shares: np.ndarray
    tasks: tuple[Name, ...]
    losses: np.ndarray
    own: np.ndarray
    proportional: np.ndarray
    repeats: np.ndarray

    @property
    def task_weights(self) -> np.ndarray:
        """[M], of a mean over clusters of means over tasks."""
        names = [cluster for cluster, _ in self.tasks]
        return np.array([1 / (names.count(name) * len(set(names))) for name in names])


class Interval(NamedTuple):
    """A value with its interval from bootstrap draws."""

    value: float
    low: float
    high: float


class Chosen(NamedTuple):
    """Chosen weights.

    Attributes:
      shares: K intervals.
      loss: predicted for the chosen shares.
      gain: name of other weights -> how much lower their predicted loss would become.
    """

    shares: tuple[Interval, ...]
    loss: Interval
    gain: dict[str, Interval]


class Judged(NamedTuple):
    """A swarm's fit.

    Attributes:
      loss: [R], of each run, the mean over clusters.
      predicted: [R], by the law of the other runs.
      correlation: the rank correlation of both, with its interval over runs.
      effects: K, how far the log of a task's loss falls below the mean effect of clusters, mean over tasks.
      refused: why no weights are chosen; empty if they are.
    """

    loss: np.ndarray
    predicted: np.ndarray
    correlation: Interval
    effects: tuple[Interval, ...]
    refused: str
    chosen: Chosen | None


def judge(swarm: Swarm, repeats: float | None = None, *, draws: int = DRAWS, seed: int = 0) -> Judged:
    """Returns what a swarm says.

    Args:
      repeats: how often the rows of a task may be gone through at most; None for any number.
      draws: bootstrap draws of the runs.

    Raises:
      ValueError: there are too few runs, or no shares keep within `repeats`.
    """
    runs, clusters = swarm.shares.shape
    if runs < RUNS_A_CLUSTER * clusters:
        raise ValueError(f"{runs} runs do not tell {clusters} clusters apart; expected {RUNS_A_CLUSTER * clusters} or more")
    low, high = bounds(swarm, repeats)
    weights = swarm.task_weights
    loss, predicted = swarm.losses @ weights, cross_validated(swarm.shares, swarm.losses) @ weights
    drawn = _resampled(runs, clusters, draws, seed)
    correlation = _interval(
        rank_correlation(predicted, loss), [rank_correlation(predicted[some], loss[some]) for some in drawn]
    )
    law = fit(swarm.shares, swarm.losses)
    laws = [fit(swarm.shares[some], swarm.losses[some]) for some in drawn]
    effects = [_of_clusters(one, weights) for one in (law, *laws)]
    told = tuple(_interval(effects[0][k], [one[k] for one in effects[1:]]) for k in range(clusters))
    refused, chosen = "", None
    if correlation.value < LEAST_CORRELATION:
        refused = (
            f"the law of the other runs predicts a run's loss with a rank correlation of {correlation.value:.2f}, and below "
            f"{LEAST_CORRELATION} nothing is chosen: train longer, or more runs, so that weights matter more than chance"
        )
    else:
        chosen = _choose(swarm, law, laws, low, high)
    return Judged(loss, predicted, correlation, told, refused, chosen)


def bounds(swarm: Swarm, repeats: float | None) -> tuple[np.ndarray, np.ndarray]:
    """Returns the least and the largest share of each cluster: as the runs had it, and not repeated more often than allowed."""
    low, high = swarm.shares.min(0), swarm.shares.max(0)
    if repeats is None:
        return low, high
    high = np.minimum(high, repeats / swarm.repeats)
    low = np.minimum(low, high)
    if high.sum() < 1:
        least = ", ".join(f"{c} {share:.3f}" for c, share in zip(swarm.clusters, high, strict=True))
        raise ValueError(
            f"going through rows {repeats:g} times at most allows shares of {least}, together {high.sum():.3f} of all "
            "examples; raise --repeats or lower --examples"
        )
    return low, high


def _choose(swarm: Swarm, law: Law, laws: Sequence[Law], low: np.ndarray, high: np.ndarray) -> Chosen:
    """The mean of the best shares of each draw: where the runs do not tell weights apart, it stays between them."""
    weights = swarm.task_weights
    best = np.stack([best_shares(one, weights, low, high) for one in laws])
    shares = best.mean(0)
    others = {OWN: swarm.own, EQUAL: np.full(len(shares), 1 / len(shares)), PROPORTIONAL: swarm.proportional}
    loss = [float(one(shares) @ weights) for one in (law, *laws)]
    gain = {}
    for name, other in others.items():
        known = [float(one(other) @ weights) - mine for one, mine in zip((law, *laws), loss, strict=True)]
        gain[name] = _interval(known[0], known[1:])
    told = tuple(_interval(shares[k], best[:, k]) for k in range(len(shares)))
    return Chosen(told, _interval(loss[0], loss[1:]), gain)


def _of_clusters(law: Law, weights: np.ndarray) -> np.ndarray:
    """[K], positive where more of a cluster lowers the loss."""
    effects: np.ndarray = -(law.effects @ weights)
    return effects - effects.mean()


def _resampled(num_runs: int, num_clusters: int, draws: int, seed: int) -> list[np.ndarray]:
    """Runs drawn with replacement; a draw of too few different runs for a fit is drawn again."""
    generator, found = np.random.default_rng(seed), list[np.ndarray]()
    while len(found) < draws:
        runs = generator.integers(0, num_runs, num_runs)
        if len(set(runs.tolist())) > num_clusters:
            found.append(runs)
    return found


def _interval(value: float, draws: Sequence[float] | np.ndarray) -> Interval:
    low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(value), float(min(low, value)), float(max(high, value)))
