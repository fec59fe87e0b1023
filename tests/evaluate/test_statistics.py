"""Intervals must cover what they claim to cover: simulations, hand-worked cases, and scipy and statsmodels-style formulas."""

import numpy as np
import pytest
from scipy import stats

from flanjax.evaluate import statistics as st
from flanjax.evaluate.metrics import METRICS

SIMULATIONS, ITEMS, TEMPLATES = 3000, 200, 8


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


@pytest.fixture(scope="module")
def simulated():
    """Right-or-wrong scores of 3000 studies: hard and easy items (sd 1.5 logits), eight fixed templates; and the true mean."""
    rng = np.random.default_rng(0)
    template = rng.normal(0.4, 0.4, TEMPLATES)
    scores = np.empty((SIMULATIONS, ITEMS, TEMPLATES))
    for s in range(SIMULATIONS):
        logits = rng.normal(0, 1.5, (ITEMS, 1)) + template
        scores[s] = 100.0 * (rng.random((ITEMS, TEMPLATES)) < sigmoid(logits))
    grid = rng.normal(0, 1.5, (200_000, 1)) + template
    return scores, 100 * sigmoid(grid).mean()


def coverage(estimates, truth):
    return np.mean([e.low <= truth <= e.high for e in estimates])


def test_the_interval_clustered_by_item_covers_95_percent(simulated):
    scores, truth = simulated
    assert 0.94 <= coverage([st.item_interval(s) for s in scores], truth) <= 0.965


def test_pooling_templates_as_independent_covers_far_less(simulated):
    scores, truth = simulated
    pooled = [st.item_interval(s.reshape(-1, 1)) for s in scores[:1000]]
    assert coverage(pooled, truth) < 0.85


def test_groups_of_items_restore_coverage_when_items_share_a_passage():
    rng = np.random.default_rng(1)
    passages, each, found, naive = 60, 5, [], []
    groups = np.repeat(np.arange(passages), each)
    for _ in range(2000):
        ease = np.repeat(rng.normal(0, 1.5, passages), each)
        scores = 100.0 * (rng.random(passages * each) < sigmoid(ease))
        found.append(st.item_interval(scores, groups))
        naive.append(st.item_interval(scores))
    assert 0.935 <= coverage(found, 50) <= 0.965
    assert coverage(naive, 50) < 0.88


def test_the_wide_interval_covers_a_new_draw_of_templates_and_the_narrow_one_does_not():
    rng = np.random.default_rng(2)
    truth = 100 * sigmoid(rng.normal(0, np.hypot(1.5, 0.8), 400_000)).mean()
    narrow, wide = [], []
    for _ in range(2000):
        logits = rng.normal(0, 1.5, (ITEMS, 1)) + rng.normal(0, 0.8, TEMPLATES)
        scores = 100.0 * (rng.random((ITEMS, TEMPLATES)) < sigmoid(logits))
        narrow.append(st.item_interval(scores))
        wide.append(st.two_way_interval(scores))
    assert coverage(narrow, truth) < 0.75
    assert 0.93 <= coverage(wide, truth) <= 0.975


@pytest.mark.parametrize("templates", [2, 3, 6])
def test_the_wide_interval_covers_with_few_templates_whether_they_differ_or_not(templates):
    """The longer table is tests/study/study_two_way_interval.py; 0.02 is three standard errors of 700 studies at 95 %."""
    x, weights = np.polynomial.hermite_e.hermegauss(60)
    for items in (50, 500):
        for spread in (0.0, 0.2, 0.8):
            rng = np.random.default_rng([templates, items, int(10 * spread)])
            truth = 100 * (weights / weights.sum()) @ sigmoid(0.4 + np.hypot(1.5, spread) * x)
            logits = 0.4 + rng.normal(0, 1.5, (700, items, 1)) + rng.normal(0, spread, (700, 1, templates))
            found = [st.two_way_interval(100.0 * s) for s in rng.random(logits.shape) < sigmoid(logits)]
            assert coverage(found, truth) >= 0.93, (items, spread)


def test_the_wide_interval_adds_the_half_widths_of_items_and_of_templates_in_squares(simulated):
    scores = simulated[0][0][:, :3]
    by_item, by_template = (stats.ttest_1samp(scores.mean(axis), 0).confidence_interval(0.95) for axis in (1, 0))
    half = np.hypot(*((i.high - i.low) / 2 for i in (by_item, by_template)))
    got = st.two_way_interval(scores)
    assert got.high - by_item.high > 1
    np.testing.assert_allclose([got.low, got.high], [max(0, scores.mean() - half), min(100, scores.mean() + half)])
    assert st.two_way_interval(scores[:, :1]) is None
    of_items, of_templates = (scores.mean(axis).var(ddof=1) / scores.shape[1 - axis] for axis in (1, 0))
    below = of_items**2 / (len(scores) - 1) + of_templates**2 / 2  # Satterthwaite 1946; three templates
    np.testing.assert_allclose([got.se**2, got.df], [of_items + of_templates, (of_items + of_templates) ** 2 / below])


def test_one_template_of_graded_scores_is_the_t_interval_of_scipy():
    values = np.random.default_rng(3).uniform(0, 100, 40)
    got, expected = st.item_interval(values), stats.ttest_1samp(values, 0).confidence_interval(0.95)
    np.testing.assert_allclose([got.low, got.high], [expected.low, expected.high])


def test_groups_of_one_change_nothing():
    scores = np.random.default_rng(4).uniform(0, 100, (50, 3))
    np.testing.assert_allclose(st.item_interval(scores), st.item_interval(scores, np.arange(50)[::-1]))


def test_repeating_every_item_within_its_group_changes_nothing_but_naively_halves_the_variance():
    scores = np.random.default_rng(5).uniform(0, 100, (50, 3))
    twice, groups = np.repeat(scores, 2, 0), np.repeat(np.arange(50), 2)
    np.testing.assert_allclose(st.item_interval(twice, groups), st.item_interval(scores))
    assert st.item_interval(twice).se < 0.75 * st.item_interval(scores).se


def test_few_right_or_wrong_items_get_the_interval_of_wilson():
    scores = np.array([100.0] * 18 + [0.0] * 2)
    expected = stats.binomtest(18, 20).proportion_ci(method="wilson")
    got = st.item_interval(scores)
    np.testing.assert_allclose([got.low, got.high], [100 * expected.low, 100 * expected.high])


def test_a_perfect_score_still_has_an_interval():
    one, many = st.item_interval(np.full(150, 100.0)), st.item_interval(np.full((150, 4), 100.0))
    assert one.high == many.high == 100
    assert 95 < one.low < 99
    assert one.low == pytest.approx(many.low)


def test_one_item_has_no_interval():
    assert np.isnan(st.item_interval(np.array([[100.0, 0.0]])).low)


def test_macro_mean_adds_variances():
    parts = [st.Estimate(40, 0, 0, 3.0, np.inf), st.Estimate(60, 0, 0, 4.0, np.inf)]
    got = st.macro_mean(parts)
    assert got.mean == 50
    assert got.se == pytest.approx(2.5)
    assert got.high - got.mean == pytest.approx(1.959964 * 2.5)


def test_the_paired_interval_is_the_paired_t_test_and_narrower_than_the_unpaired_one():
    rng = np.random.default_rng(6)
    item = rng.uniform(20, 70, (120, 1))
    a, b = item + rng.normal(3, 5, (120, 4)), item + rng.normal(0, 5, (120, 4))
    got, expected = st.paired_difference(a, b), stats.ttest_rel(a.mean(1), b.mean(1))
    interval = expected.confidence_interval(0.95)
    np.testing.assert_allclose([got.estimate.low, got.estimate.high], [interval.low, interval.high])
    assert got.p == pytest.approx(expected.pvalue)
    assert got.correlation > 0.9
    assert got.estimate.se < 0.5 * np.hypot(st.item_interval(a).se, st.item_interval(b).se)


def test_one_binary_template_is_tested_by_exact_mcnemar():
    a = np.array([100.0] * 10 + [0.0] * 2 + [100.0] * 20)
    b = np.array([0.0] * 10 + [100.0] * 2 + [100.0] * 20)
    assert st.paired_difference(a, b).p == pytest.approx(stats.binomtest(2, 12).pvalue)


def test_two_equal_models_do_not_differ_and_two_opposite_ones_do():
    same, opposite = np.full((30, 2), 100.0), np.zeros((30, 2))
    assert st.paired_difference(same, same).p == 1
    difference = st.paired_difference(same, opposite)
    assert difference.p < 1e-8
    assert 70 < difference.estimate.low < 100


def test_a_paired_test_under_the_null_rejects_five_percent():
    rng = np.random.default_rng(7)
    p = []
    for _ in range(2000):
        ease = rng.normal(0, 1.5, (100, 1))
        a, b = (100.0 * (rng.random((100, 4)) < sigmoid(ease)) for _ in range(2))
        p.append(st.paired_difference(a, b).p)
    assert 0.035 <= np.mean(np.array(p) < 0.05) <= 0.065


def test_different_shapes_cannot_be_paired():
    with pytest.raises(ValueError, match=r"same items and templates; got \(3, 1\) and \(4, 1\)"):
        st.paired_difference(np.zeros(3), np.zeros(4))


def test_holm_adjusts_in_order_and_never_exceeds_one():
    assert st.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert st.holm([0.6, 0.9]) == [1.0, 1.0]
    assert st.holm([]) == []


def test_the_detectable_difference_has_eighty_percent_power():
    shift = st.detectable(1.0)
    assert stats.norm.sf(1.959964 - shift) == pytest.approx(0.8, abs=1e-3)


def test_template_spread():
    spread = st.template_spread([10, 20, 30, 40])
    assert spread == (25, 25, 40, 10, 17.5, 32.5)


def test_the_bootstrap_of_a_mean_agrees_with_its_formula():
    scores = np.random.default_rng(8).uniform(0, 100, (150, 3))
    counts = np.stack([scores, np.ones_like(scores)], -1)
    got, _ = st.bootstrap(counts, lambda c: c[..., 0] / c[..., 1])
    expected = st.item_interval(scores)
    assert got.mean == pytest.approx(expected.mean)
    assert got.se == pytest.approx(expected.se, rel=0.06)
    assert got.low == pytest.approx(expected.low, abs=0.3)


def test_the_bootstrap_is_deterministic_and_pairs_two_models():
    rng = np.random.default_rng(9)
    gold = rng.choice(["yes", "no"], 80)
    wrong = np.where(gold == "yes", "no", "yes")
    good, bad = (np.where(rng.random(80) < share, gold, wrong) for share in (0.8, 0.55))
    metric, references = METRICS["macro_f1"].corpus_counts, [[g] for g in gold]
    a, b = (st.bootstrap(metric.counts(m, references)[:, None], metric.from_counts) for m in (good, bad))
    again = st.bootstrap(metric.counts(good, references)[:, None], metric.from_counts)
    assert a[0] == again[0]
    difference = st.bootstrap_difference(a, b, 80)
    assert difference.estimate.low > 0
    assert difference.p < 0.05
    assert st.bootstrap_difference(a, a, 80).p == 1


def test_a_perfect_corpus_metric_has_the_floor_that_accuracy_has():
    metric, references = METRICS["macro_f1"].corpus_counts, [["yes"], ["no"]] * 30
    right, wrong = ([["yes", "no"][n % 2 ^ flip] for n in range(60)] for flip in (0, 1))
    perfect, zero = (st.bootstrap(metric.counts(said, references)[:, None], metric.from_counts) for said in (right, wrong))
    accuracy = st.item_interval(np.full(60, 100.0))
    assert (perfect[0].low, perfect[0].high) == pytest.approx((accuracy.low, 100))
    assert 90 < accuracy.low < 99
    assert (zero[0].low, zero[0].high) == pytest.approx((0, 100 - accuracy.low))
    same = st.bootstrap_difference(perfect, perfect, 60).estimate
    assert (same.low, same.high) == pytest.approx((accuracy.low - 100, 100 - accuracy.low))
    assert np.isnan(st.bootstrap(metric.counts(["yes"], [["yes"]])[:, None], metric.from_counts)[0].low)


def test_intervals_of_means_stay_within_the_scale():
    wide = st.Estimate(98, 90, 100, 4.0, 5.0)
    assert (st.macro_mean([wide, wide]).high, st.macro_mean([wide._replace(mean=2)] * 2).low) == (100, 0)
    far = st.Difference(st.Estimate(-99, -100, -90, 4.0, 5.0), 0.01, 0.0, 1.0)
    assert st.macro_difference([far, far]).estimate.low == -100
    unknown = st.Estimate(50, np.nan, np.nan, np.nan, 0.0)
    assert np.isnan(st.macro_mean([wide, unknown]).high)


def test_bad_scores_are_refused():
    with pytest.raises(ValueError, match="finite"):
        st.item_interval(np.array([1.0, np.nan]))
    with pytest.raises(ValueError, match="3 item groups for 2 items"):
        st.item_interval(np.zeros(2), np.arange(3))
