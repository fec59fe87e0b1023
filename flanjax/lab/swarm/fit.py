"""A log-linear law of losses over the proportions of a mixture, and the proportions that minimise them.

The loss of a task under proportions w, which sum to one, is

    L(w) = c + exp(a . w)

(Ye et al. 2024, "Data mixing laws", arXiv 2403.16952; Olmix, arXiv 2602.12237). For a given c it is a linear regression of
log(L - c). The floor c is the share of the lowest loss, of FLOORS, with the least leave-one-out error. Several tasks have a law
each. A sum of such laws is convex in w, so its minimum over the simplex and any bounds is the only one.

Letters: R runs, K clusters, M tasks.
"""

from typing import NamedTuple

import numpy as np
from scipy import optimize, stats

FLOORS = (0.0, 0.5, 0.7, 0.8, 0.9)


class Law(NamedTuple):
    """The laws of M tasks: floors [M], effects [K, M]."""

    floors: np.ndarray
    effects: np.ndarray

    def __call__(self, shares: np.ndarray) -> np.ndarray:
        """Returns the losses [..., M] under shares [..., K]."""
        found: np.ndarray = self.floors + np.exp(shares @ self.effects)
        return found


def fit(shares: np.ndarray, losses: np.ndarray) -> Law:
    """Returns the laws of losses [R, M] over shares [R, K].

    Raises:
      ValueError: there are not more runs than clusters, or a loss is not over 0.
    """
    if len(shares) <= shares.shape[1]:
        raise ValueError(f"{len(shares)} runs cannot tell {shares.shape[1]} clusters apart; expected more runs than clusters")
    if not (np.isfinite(losses) & (losses > 0)).all():
        raise ValueError(f"a loss is {losses.min():g}, expected finite numbers over 0")
    inverse = np.linalg.pinv(shares)  # [K, R]
    leverage = np.minimum(np.einsum("rk,kr->r", shares, inverse), 1 - 1e-6)[:, None]
    floors, effects, errors = [], [], []
    for share in FLOORS:
        floor = share * losses.min(0)
        logs = np.log(losses - floor)
        effect = inverse @ logs
        without = logs - (logs - shares @ effect) / (1 - leverage)  # what each run is predicted by the others
        floors.append(floor)
        effects.append(effect)
        errors.append(((floor + np.exp(without) - losses) ** 2).sum(0))
    best, tasks = np.argmin(errors, 0), np.arange(losses.shape[1])
    return Law(np.array(floors)[best, tasks], np.array(effects)[best, :, tasks].T)


def cross_validated(shares: np.ndarray, losses: np.ndarray) -> np.ndarray:
    """Returns losses [R, M], each run's as the law of all other runs predicts it, whose floors are chosen without it too."""
    others = ~np.eye(len(shares), dtype=bool)
    return np.stack([fit(shares[keep], losses[keep])(shares[run]) for run, keep in enumerate(others)])


def rank_correlation(predicted: np.ndarray, found: np.ndarray) -> float:
    """Returns Spearman's rank correlation, 0 where one side does not vary."""
    if np.ptp(predicted) == 0 or np.ptp(found) == 0:
        return 0.0
    return float(stats.spearmanr(predicted, found).statistic)


def best_shares(law: Law, weights: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Returns the shares [K] with the least mean loss, within low [K] and high [K], whose sums leave room for one.

    Args:
      weights: [M], of the tasks in the mean.
    """

    def loss(shares: np.ndarray) -> tuple[float, np.ndarray]:
        each = np.exp(shares @ law.effects) * weights
        return float(each.sum()), law.effects @ each

    room = (1 - low.sum()) / max((high - low).sum(), 1e-12)
    found = optimize.minimize(
        loss,
        low + room * (high - low),
        jac=True,
        method="SLSQP",
        bounds=list(zip(low, high, strict=True)),
        constraints={"type": "eq", "fun": lambda shares: shares.sum() - 1, "jac": np.ones_like},
        options={"maxiter": 200, "ftol": 1e-10},
    )
    shares = np.clip(found.x, low, high)
    return shares / shares.sum()
