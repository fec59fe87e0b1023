"""Coverage and level of the intervals over seeds and items, by simulation: `make study` prints the tables and checks them.

Answers are right or wrong. The logit of an item under a template by a run is a middle, plus the item (sd 1.5), the item in this
arm (sd 1), the run's seed (sd 0, 0.05, 0.1, 0.3 or 1: about 0, 1, 1.5, 5 and 15 points), and the cell (sd 0.6). A study is two
arms of S seeds each on N items under three templates. They have no true difference, so an interval that leaves zero out is a
wrong claim. The nominal coverage is 95 %.
"""

import numpy as np
import pytest

from flanjax.evaluate import seeds as sd

STUDIES, TEMPLATES = 1500, 3
SPREADS = (0.0, 0.05, 0.1, 0.3, 1.0)


def scores(rng, seeds: int, item: np.ndarray, spread: float, middle: float, shared: np.ndarray | None = None) -> np.ndarray:
    """An arm's scores [S, N], 0..100; `shared` is the seeds' effect that another arm has too."""
    n = len(item)
    own = rng.normal(0, spread, (seeds, 1)) if shared is None else shared
    logits = middle + item + rng.normal(0, 1, n) + own + rng.normal(0, 0.6, (seeds, n))
    return 100.0 * (rng.random((seeds, n, TEMPLATES)) < 1 / (1 + np.exp(-logits[..., None]))).mean(-1)


def coverage(rng, seeds: int, items: int, spread: float, middle: float, pair: bool = True) -> float:
    """The share of studies of two equal arms that do not claim a difference."""
    decisive = 0
    for _ in range(STUDIES):
        item = rng.normal(0, 1.5, items)
        first, second = (scores(rng, seeds, item, spread, middle) for _ in range(2))
        found = sd.estimate((sd.paired if pair else sd.unpaired)(first, second))
        decisive += not found.low <= 0 <= found.high
    return 1 - decisive / STUDIES


@pytest.mark.parametrize("seeds", [2, 3, 4, 5])
@pytest.mark.parametrize("pair", [True, False], ids=["paired", "unpaired"])
def test_differences_cover_near_their_name_from_three_seeds_on_and_no_less_with_two(seeds, pair):
    found = np.empty((3, len(SPREADS)))
    for row, (items, middle) in zip(found, ((50, 0.4), (200, 0.4), (200, 2.0)), strict=True):
        for n, spread in enumerate(SPREADS):
            row[n] = coverage(np.random.default_rng([seeds, items, n, pair]), seeds, items, spread, middle, pair)
        how = f"{'paired' if pair else 'unpaired'} S={seeds} N={items} middle={middle}"
        print(f"{how}: " + "  ".join(f"{100 * c:.1f}%" for c in row))
    noise = 2 * np.sqrt(0.95 * 0.05 / STUDIES / len(found))  # of the simulation itself
    assert found.mean(0).min() >= (0.95 if seeds == 2 else 0.93) - noise
    assert seeds == 2 or found.mean(0).max() <= 0.97 + noise


@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_a_single_arm_covers_its_score(seeds):
    """The truth is the mean over all items and seeds, by quadrature."""
    x, w = np.polynomial.hermite_e.hermegauss(60)
    for items in (50, 200):
        found = []
        for n, spread in enumerate(SPREADS):
            rng, middle = np.random.default_rng([7, seeds, items, n]), 0.4
            truth = 100 * float((w / w.sum()) @ (1 / (1 + np.exp(-(middle + np.sqrt(1.5**2 + 1 + spread**2 + 0.6**2) * x)))))
            estimates = [
                sd.estimate(sd.single(scores(rng, seeds, rng.normal(0, 1.5, items), spread, middle)), 0.0)
                for _ in range(STUDIES)
            ]
            found.append(float(np.mean([e.low <= truth <= e.high for e in estimates])))
        print(f"one arm S={seeds} N={items}: " + "  ".join(f"{100 * c:.1f}%" for c in found))
        assert min(found) >= (0.93 if seeds > 2 else 0.94)


def test_arms_that_differ_only_in_their_three_seeds_are_not_decisive_95_times_in_100():
    """Over the spreads of seeds that training has: the level of the test, at the mean of 7,500 studies."""
    found = [coverage(np.random.default_rng([9, n]), 3, 200, spread, 0.4) for n, spread in enumerate(SPREADS)]
    print("three seeds each: " + "  ".join(f"{100 * c:.1f}%" for c in found))
    assert np.mean(found) >= 0.945


def test_the_power_at_the_planned_difference_is_eight_in_ten():
    for seeds in (2, 3, 5):
        rng, hits = np.random.default_rng([11, seeds]), 0
        effect = sd.planned(seeds, 200, seed_sd=2.0, item_sd=30.0)
        for _ in range(STUDIES):
            scores_ = effect + rng.normal(0, 2, (seeds, 1)) + rng.normal(0, 30, (1, 200)) + rng.normal(0, 1e-3, (seeds, 200))
            hits += sd.estimate(sd.paired(scores_, np.zeros_like(scores_))).low > 0
        print(f"S={seeds}: {effect:.1f} points planned, found in {100 * hits / STUDIES:.1f}%")
        assert 0.77 < hits / STUDIES < 0.83
