"""Coverage of the interval over items and templates, by simulation: `make study` prints the table and checks its floor.

Scores are right or wrong: logits of hard and easy items (sd 1.5) and of templates (sd 0, 0.1, 0.2, 0.4 or 0.8). A study is
N items under K templates, both new; the truth is the mean over all items and templates. The nominal coverage is 95 %.
"""

import numpy as np
import pytest

from flanjax.evaluate import statistics as st

STUDIES = 4000


def coverage(rng, studies: int, items: int, templates: int, spread: float, middle: float = 0.4) -> float:
    """The share of simulated studies whose two-way interval holds the truth."""
    x, w = np.polynomial.hermite_e.hermegauss(60)
    truth = 100 * float((w / w.sum()) @ (1 / (1 + np.exp(-(middle + np.hypot(1.5, spread) * x)))))
    logits = middle + rng.normal(0, 1.5, (studies, items, 1)) + rng.normal(0, spread, (studies, 1, templates))
    scores = 100.0 * (rng.random((studies, items, templates)) < 1 / (1 + np.exp(-logits)))
    found = [st.two_way_interval(s) for s in scores]
    return float(np.mean([e is not None and e.low <= truth <= e.high for e in found]))


@pytest.mark.parametrize("templates", [2, 3, 6])
def test_the_two_way_interval_never_covers_less_than_93_percent(templates):
    for items in (50, 100, 200, 500):
        for middle in (0.4, 2.0):
            found = [
                coverage(np.random.default_rng([items, templates, n]), STUDIES, items, templates, spread, middle)
                for n, spread in enumerate((0.0, 0.1, 0.2, 0.4, 0.8))
            ]
            print(f"K={templates} N={items} middle={middle}: " + "  ".join(f"{100 * c:.1f}%" for c in found))
            assert min(found) >= 0.93
