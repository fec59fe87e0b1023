"""Coverage and level of what study_seeds.py leaves out: means over tasks, unlike numbers of seeds, Holm, weights, judges.

python -m pytest -s tests/study/study_more_intervals.py

Answers are drawn as there. The nominal coverage is 95 %, and 5 % of families of comparisons may have a wrong claim.
"""

import numpy as np
import pytest
from scipy.special import expit
from study_seeds import scores

from flanjax.evaluate import seeds as sd
from flanjax.evaluate import statistics as st
from flanjax.lab.swarm.choice import Swarm, judge

STUDIES, SPREADS, MIDDLE = 800, (0.0, 0.1, 1.0), 0.4


def noise(share: float, times: int) -> float:
    """Two standard errors of a simulated share."""
    return 2 * float(np.sqrt(share * (1 - share) / times))


@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_differences_of_means_over_tasks_and_clusters_cover(seeds):
    """Two clusters, of one task with 100 items and of two with 50 and 40. A seed moves all tasks alike."""
    found = []
    for n, spread in enumerate(SPREADS):
        rng, held = np.random.default_rng([1, seeds, n]), 0
        for _ in range(STUDIES):
            moved = rng.normal(0, spread, (2, seeds, 1))
            tasks = []
            for items in (100, 50, 40):
                item = rng.normal(0, 1.5, items)
                tasks.append(sd.paired(*(scores(rng, seeds, item, spread, MIDDLE, shared=each) for each in moved)))
            estimate = sd.estimate(sd.average([tasks[0], sd.average(tasks[1:])]))
            held += estimate.low <= 0 <= estimate.high
        found.append(held / STUDIES)
    print(f"means over clusters, S={seeds}: " + "  ".join(f"{100 * c:.1f}%" for c in found))
    assert np.mean(found) >= (0.95 if seeds == 2 else 0.93) - noise(0.95, STUDIES * len(SPREADS))
    assert seeds == 2 or np.mean(found) <= 0.97 + noise(0.95, STUDIES * len(SPREADS))


@pytest.mark.parametrize("seeds", [(2, 4), (3, 5), (3, 8)])
def test_differences_of_arms_with_other_numbers_of_seeds_cover(seeds):
    found = []
    for n, spread in enumerate(SPREADS):
        rng, held = np.random.default_rng([2, *seeds, n]), 0
        for _ in range(STUDIES):
            item = rng.normal(0, 1.5, 100)
            estimate = sd.estimate(sd.unpaired(*(scores(rng, count, item, spread, MIDDLE) for count in seeds)))
            held += estimate.low <= 0 <= estimate.high
        found.append(held / STUDIES)
    print(f"S={seeds[0]} against S={seeds[1]}: " + "  ".join(f"{100 * c:.1f}%" for c in found))
    assert np.mean(found) >= 0.93 - noise(0.95, STUDIES * len(SPREADS))


@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_five_of_a_hundred_axes_without_a_difference_have_a_decisive_level_at_most(seeds):
    """Five levels, four comparisons with the first, Holm over them."""
    found = []
    for n, spread in enumerate(SPREADS):
        rng, wrong = np.random.default_rng([3, seeds, n]), 0
        for _ in range(STUDIES):
            item = rng.normal(0, 1.5, 100)
            first, *others = (scores(rng, seeds, item, spread, MIDDLE) for _ in range(5))
            wrong += min(st.holm([sd.estimate(sd.paired(other, first)).p for other in others])) < 0.05
        found.append(wrong / STUDIES)
    print(f"Holm over four, S={seeds}: " + "  ".join(f"{100 * c:.1f}%" for c in found))
    assert np.mean(found) <= 0.05 + noise(0.05, STUDIES * len(SPREADS))


def test_a_metric_of_all_items_together_covers_with_seeds():
    """Of a bootstrap: here the mean of the items, which needs none, so that the truth is known."""
    found = []
    for n, spread in enumerate(SPREADS):
        rng, held, times = np.random.default_rng([4, n]), 0, 300
        for _ in range(times):
            item = rng.normal(0, 1.5, 60)
            first, second = (scores(rng, 3, item, spread, MIDDLE) for _ in range(2))
            drawn = rng.integers(0, 60, (500, 60))
            estimate = sd.estimate(sd.of_draws([(first - second).mean(1)], [(first - second)[:, drawn].mean(-1)], 60))
            held += estimate.low <= 0 <= estimate.high
        found.append(held / times)
    print("bootstrap of a metric, S=3: " + "  ".join(f"{100 * c:.1f}%" for c in found))
    assert np.mean(found) >= 0.93 - noise(0.95, 900)


def test_intervals_of_effects_and_gains_of_weights_hold_the_truth():
    """Laws of five clusters and two tasks, thirty runs, 3 % noise. A bootstrap over so few runs is a little narrow."""
    effects_held, gains_held, times = 0, 0, 60
    for number in range(times):
        rng = np.random.default_rng([5, number])
        effects = rng.permutation(np.linspace(-1, 1, 5))[:, None] + rng.normal(0, 0.1, (5, 2))
        shares = rng.dirichlet(np.ones(5), 30)

        def law(shares, effects=effects):
            return 0.6 + np.exp(shares @ effects)

        seen = law(shares) * np.exp(rng.normal(0, 0.03, (30, 2)))
        even = np.full(5, 0.2)
        names = tuple("abcde"), tuple(("held", str(task)) for task in range(2))
        made = Swarm(tuple(map(str, range(30))), names[0], shares, names[1], seen, even, even, np.full(5, 10.0))
        found = judge(made, draws=100, seed=number)
        assert found.chosen
        wanted = -(effects.mean(1) - effects.mean())
        effects_held += sum(effect.low <= x <= effect.high for effect, x in zip(found.effects, wanted, strict=True))
        chosen = np.array([share.value for share in found.chosen.shares])
        gain = found.chosen.gain["own"]
        gains_held += gain.low <= (law(even) - law(chosen)).mean() <= gain.high
    print(f"weights: effects {100 * effects_held / 5 / times:.1f}%, gains {100 * gains_held / times:.1f}%")
    assert effects_held / 5 / times > 0.88
    assert gains_held / times > 0.8


@pytest.mark.parametrize("items", [30, 200])
def test_a_judges_win_rate_covers_fifty(items):
    """Each item's win is a mean of two orders: 0, a half or 1; the judge has a leaning of its own for each item."""
    rng, held = np.random.default_rng([6, items]), 0
    for _ in range(STUDIES):
        leaning = rng.normal(0, 1, items)
        wins = 100 * (rng.random((2, items)) < expit(np.stack([leaning + 0.8, leaning - 0.8]))).mean(0)
        rate = st.item_interval(wins, None)
        held += rate.low <= 50 <= rate.high
    print(f"win rate, {items} items: {100 * held / STUDIES:.1f}%")
    assert 0.93 - noise(0.95, STUDIES) <= held / STUDIES <= 0.97 + noise(0.95, STUDIES)
