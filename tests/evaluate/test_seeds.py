"""Seeds and items as samples: known variances, arms that differ only in seed, and the columns beside a score."""

import types

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats
from synthetic_runs import TASKS, predictions

from flanjax.evaluate import columns as cl
from flanjax.evaluate import seeds as sd
from flanjax.evaluate import statistics as st
from flanjax.evaluate.arms import compare, read_arm, score


def made(rng, seeds, items, *, seed_sd=0.0, item_sd=0.0, cell_sd=0.0, effect=0.0):
    """Scores [S, N] with known variances at each level."""
    levels = ((seed_sd, (seeds, 1)), (item_sd, (1, items)), (cell_sd, (seeds, items)))
    return effect + sum(rng.normal(0, sd_, shape) for sd_, shape in levels)


def part_of(scores):
    """The part of a difference, given as such."""
    return sd.paired(scores, np.zeros_like(scores))


def test_the_variances_of_seeds_items_and_cells_are_told_apart():
    rng, found = np.random.default_rng(0), []
    for _ in range(400):
        part = part_of(made(rng, 4, 60, seed_sd=3, item_sd=20, cell_sd=10))
        seeds = sd.seed_level(part)
        found.append((seeds.variance - part.residual, part.items.variance - part.residual, part.residual))
    assert np.mean(found, 0) == pytest.approx([9 / 4, 400 / 60, 100 / 240], rel=0.1)


def test_without_variance_between_cells_the_items_level_is_the_ordinary_interval_of_items():
    scores = np.tile(np.random.default_rng(1).normal(50, 20, 80), (3, 1))
    found, alone = sd.estimate(sd.single(scores), 0.0), st.item_interval(scores[0])
    assert (found.low, found.high) == pytest.approx((alone.low, alone.high))
    assert found.seed_sd == pytest.approx(0, abs=1e-9)


def test_where_only_seeds_differ_the_test_is_students_on_seeds():
    scores = np.array([[3.0], [5.0], [10.0]]) + np.zeros((3, 500))
    part = part_of(scores)._replace(items=sd.Level(0.0, 499.0))
    found, wanted = sd.estimate(part), stats.ttest_1samp([3.0, 5.0, 10.0], 0)
    low, high = wanted.confidence_interval()
    assert (found.low, found.high, found.p) == pytest.approx((low, high, wanted.pvalue), rel=1e-4)


def test_the_half_width_is_between_the_two_rules_and_the_wide_one_with_two_seeds():
    for seeds in (2, 3, 5):
        v, w, df, many = 4.0, 1.5, seeds - 1, 99
        t = [stats.t.ppf(0.975, d) for d in (df, many, (v + w) ** 2 / (v**2 / df + w**2 / many))]
        wide, narrow = np.hypot(t[0] * np.sqrt(v), t[1] * np.sqrt(w)), t[2] * np.sqrt(v + w)
        wanted = wide if seeds == 2 else (wide + narrow) / 2
        assert sd.half_width(sd.Level(v, df), sd.Level(w, many)) == pytest.approx(wanted, rel=1e-6)


def test_the_p_is_below_five_percent_exactly_where_the_interval_leaves_zero_out():
    rng = np.random.default_rng(2)
    for seeds in (2, 3, 5):
        for effect in np.linspace(0, 12, 25):
            found = sd.estimate(part_of(made(rng, seeds, 50, seed_sd=2, item_sd=15, cell_sd=9, effect=effect)))
            assert (found.p < 0.05) is not (found.low <= 0 <= found.high)


def test_coverage_is_near_its_name_from_three_seeds_on_and_not_below_with_two():
    """In 600 studies each; tests/study/study_seeds.py has thousands, of right and wrong answers."""
    rng = np.random.default_rng(3)
    for seeds, least, most in ((2, 0.935, 1.0), (3, 0.91, 0.98), (5, 0.92, 0.98)):
        for share in (0.0, 0.4, 0.9):
            total = 4.0  # points, of the mean
            settings = {"seed_sd": total * np.sqrt(share * seeds), "item_sd": total * np.sqrt((1 - share) * 60), "cell_sd": 8.0}
            estimates = [sd.estimate(part_of(made(rng, seeds, 60, **settings))) for _ in range(600)]
            covered = np.mean([e.low <= 0 <= e.high for e in estimates])
            assert least <= covered <= most, (seeds, share, covered)


@pytest.mark.parametrize("seeds", [2, 3])
def test_scores_of_seeds_that_tie_by_chance_leave_the_variance_of_items(seeds):
    rng = np.random.default_rng(6)
    cells, items = rng.normal(0, 20, (seeds - 1, 50)), rng.normal(0, 5, 50)
    cells = np.concatenate([cells, -cells.sum(0, keepdims=True)])
    scores = 1 + cells - cells.mean(1, keepdims=True) + items - items.mean()
    part = part_of(scores)
    assert sd.seed_level(part).variance < 1e-9 < part.items.variance < part.residual
    found, alone = sd.estimate(part), st.item_interval(50 + scores.mean(0))
    assert (found.low, found.high) == pytest.approx((alone.low - 50, alone.high - 50))
    assert found.p > 0.05


def test_one_item_says_nothing_of_others():
    found = sd.estimate(sd.paired(np.array([[60.0], [70.0]]), np.array([[50.0], [50.0]])))
    assert found.mean == 15
    assert np.isnan([found.low, found.high, found.p, found.detectable(), *found.shares]).all()


def test_pairing_by_seed_takes_out_what_both_arms_share():
    rng = np.random.default_rng(4)
    shared = made(rng, 3, 100, seed_sd=10, item_sd=20)
    first, second = (shared + made(rng, 3, 100, cell_sd=5) + offset for offset in (54, 50))
    together, apart = sd.estimate(sd.paired(first, second)), sd.estimate(sd.unpaired(first, second))
    assert together.mean == pytest.approx(apart.mean)
    assert together.high - together.low < (apart.high - apart.low) / 3


def test_one_seed_has_an_interval_of_items_and_no_p():
    found = sd.estimate(sd.paired(np.full((1, 40), 60.0) + np.arange(40), np.full((1, 40), 50.0)))
    assert found.low < found.mean < found.high
    assert found.seeds == 1
    assert np.isnan([found.p, found.seed_sd, found.detectable()]).all()


def test_what_a_study_will_detect_is_detected_eight_times_in_ten():
    rng = np.random.default_rng(5)
    for seeds in (2, 3, 5):
        effect = sd.planned(seeds, 100, seed_sd=2.0, item_sd=20.0)
        hits = [sd.estimate(part_of(made(rng, seeds, 100, seed_sd=2, item_sd=20, effect=effect))).p < 0.05 for _ in range(500)]
        assert 0.74 < np.mean(hits) < 0.86, (seeds, np.mean(hits))
    assert sd.planned(2, 100, seed_sd=2, item_sd=20) > sd.planned(3, 100, seed_sd=2, item_sd=20)


def test_of_several_comparisons_too_it_is_detected_eight_times_in_ten_after_holm():
    rng = np.random.default_rng(6)
    effect = sd.planned(3, 100, seed_sd=2.0, item_sd=20.0, comparisons=4)
    hits = []
    for _ in range(400):
        parts = [part_of(made(rng, 3, 100, seed_sd=2, item_sd=20, effect=e)) for e in (effect, 0, 0, 0)]
        hits.append(st.holm([sd.estimate(part).p for part in parts])[0] < 0.05)
    assert 0.74 < np.mean(hits) < 0.86
    assert sd.estimate(parts[0]).detectable(4) > sd.estimate(parts[0]).detectable()


# ---- arms of predictions


def arm(skill, seeds, tasks=TASKS):
    return read_arm({seed: predictions(skill, seed=seed, tasks=tasks, templates=2, untuned=False) for seed in seeds})


def test_two_arms_that_differ_only_in_their_seeds_are_not_decisive():
    verdicts = [
        compare([arm(0.3, range(n, n + 3), TASKS[:2])], [arm(0.3, range(n + 3, n + 6), TASKS[:2])]).whole.p
        for n in range(0, 120, 6)
    ]
    assert sum(p < 0.05 for p in verdicts) <= 3  # one in twenty is expected


def test_a_better_arm_is_found_and_each_cluster_weighs_the_same():
    found = compare([arm(0.7, range(3))], [arm(0.2, range(3))])
    assert found.whole.p < 0.01
    assert found.whole.mean == pytest.approx(np.mean([e.mean for e in found.clusters.values()]))
    nli = [found.tasks["nli", t].mean for t in ("rte", "cb", "anli_r1")]
    assert found.clusters["nli"].mean == pytest.approx(np.mean(nli))


def test_a_corpus_metric_has_an_interval_over_seeds_and_bootstrapped_items():
    tasks = (TASKS[0]._replace(metrics=("macro_f1",)),)
    found = compare([arm(0.7, range(3), tasks)], [arm(0.2, range(3), tasks)])
    per_item = compare([arm(0.7, range(3), TASKS[:1])], [arm(0.2, range(3), TASKS[:1])])
    assert found.whole.low <= found.whole.mean <= found.whole.high
    assert found.whole.high - found.whole.low == pytest.approx(per_item.whole.high - per_item.whole.low, rel=0.5)


@pytest.mark.parametrize("seeds", [1, 2, 3])
@pytest.mark.parametrize("metric", ["macro_f1", "accuracy"])
def test_one_item_has_no_interval_by_any_metric_and_any_number_of_seeds(metric, seeds):
    tasks = (TASKS[0]._replace(metrics=(metric,), items=1),)
    one, two = arm(0.9, range(seeds), tasks), arm(0.1, range(seeds), tasks)
    for found in (score([one]), compare([one], [two])):
        for estimate in (found.whole, found.tasks["nli", "rte"]):
            assert np.isfinite(estimate.mean)
            assert np.isnan([estimate.low, estimate.high, estimate.p, estimate.detectable()]).all()


def test_bootstrap_draws_that_all_agree_leave_the_least_width_of_an_interval():
    """As for items that all agree: so many unseen ones may differ as Wilson's interval allows."""
    high, low = np.full((3, st.DRAWS), 100.0), np.full((3, st.DRAWS), 40.0)
    found = sd.estimate(sd.of_draws([(high - low)[:, 0]], [high - low], 30))
    items = sd.estimate(sd.paired(np.full((3, 30), 100.0), np.full((3, 30), 40.0)))
    assert (found.low, found.mean, found.high) == pytest.approx((items.low, items.mean, items.high))
    assert found.p == pytest.approx(items.p)
    assert found.low < 60 < found.high
    assert 0 < found.p < 0.05
    alone = sd.estimate(sd.of_draws([low[:, 0]], [low], 30, bottom=0.0), 0.0)
    wanted = sd.estimate(sd.single(np.full((3, 30), 40.0)), 0.0)
    assert (alone.low, alone.high) == pytest.approx((wanted.low, wanted.high))
    tasks = (TASKS[0]._replace(metrics=("macro_f1",)),)
    right, accuracy = arm(3.0, range(3), tasks), arm(3.0, range(3), TASKS[:1])
    assert score([right]).whole.mean == 100
    assert score([right]).whole.low == pytest.approx(score([accuracy]).whole.low)
    assert compare([right], [right]).whole.low < 0 < compare([right], [right]).whole.high


def test_sides_of_several_arms_are_averaged_over_the_seeds_that_all_have():
    one, two = arm(0.5, range(3), TASKS[:1]), arm(0.3, range(1, 4), TASKS[:1])
    both = score([one, two]).whole
    wanted = [a.tasks["nli", "rte"].means[[a.seeds.index(s) for s in (1, 2)]].mean() for a in (one, two)]
    assert both.seeds == 2
    assert both.mean == pytest.approx(np.mean(wanted))


def test_seeds_evaluated_on_other_tasks_or_items_are_refused():
    tables = {s: predictions(0.5, seed=s, tasks=TASKS[:2], templates=2, untuned=False) for s in (0, 1)}
    with pytest.raises(ValueError, match=r"seeds 0 and 1 were evaluated on other tasks: \[\('nli', 'cb'\)\]"):
        read_arm({0: tables[0], 1: tables[1].filter(pa.compute.equal(tables[1]["task"], "rte"))})
    with pytest.raises(ValueError, match="have other items of task"):
        read_arm({0: tables[0], 1: tables[1].filter(pa.compute.less(tables[1]["item"], 30))})


def replaced(table, name, values):
    return table.set_column(table.column_names.index(name), name, [values])


def test_seeds_that_were_asked_in_other_words_or_by_other_settings_are_refused_by_name():
    tables = {s: predictions(0.5, seed=s, tasks=TASKS[:1], templates=2, untuned=False) for s in (0, 1)}
    more = predictions(0.5, seed=1, tasks=TASKS[:1], templates=3, untuned=False)
    edited = replaced(
        tables[1], "template_text", [text.replace("True", "Right") for text in tables[1]["template_text"].to_pylist()]
    )
    tokens = replaced(tables[1], "normalization", ["tokens"] * len(tables[1]))
    renamed = {0: "one_seed-0", 1: "one_seed-1"}
    for other, said in (
        (more, r"have other templates of task rte: only one of them has t2; the mixture was edited between them"),
        (
            edited,
            r"have other words of template t1 of task rte: '.*True or not\?' and '.*Right or not\?'; .* evaluate both again",
        ),
        (tokens, r"have other settings of task rte: normalization is 'none' and 'tokens'; evaluate both alike"),
    ):
        with pytest.raises(ValueError, match=rf"^seeds 0 and 1 {said}"):
            read_arm({0: tables[0], 1: other})
        with pytest.raises(ValueError, match=r"^seeds 0 and 1 \(one_seed-0 and one_seed-1\) have other"):
            read_arm({0: tables[0], 1: other}, names=renamed)
    older = tables[1].drop_columns(["template_text"])
    assert read_arm({0: tables[0], 1: older}).seeds == (0, 1)


# ---- columns


def test_calibration_of_a_model_that_knows_its_chances_and_of_one_that_does_not():
    rng = np.random.default_rng(6)
    confidence = rng.uniform(0.5, 1, 20_000)
    right = rng.random(20_000) < confidence
    assert cl.calibration_error(cl.reliability(confidence, right)) < 0.015
    assert cl.calibration_error(cl.reliability(np.full(1000, 0.9), np.arange(1000) % 2 == 0)) == pytest.approx(0.4, abs=0.02)


def test_ranked_options_by_hand():
    matrix = read_arm({0: predictions(0.5, tasks=TASKS[1:2], templates=2, untuned=False)}).tasks["nli", "cb"].matrices[0]
    found = cl.ranked(matrix)
    for n in (0, 7, 33):
        likely = np.exp(matrix.columns["option_log_likelihoods"][n])
        p, options = likely / likely.sum(), matrix.columns["options"][n]
        gold = options.index(matrix.columns["references"][n][0])
        assert found.confidence[n] == pytest.approx(p.max())
        assert found.right[n] == (p.argmax() == gold)
        assert found.brier[n] == pytest.approx(sum((p[i] - (i == gold)) ** 2 for i in range(len(p))))
        assert (found.positions[n], found.chosen[n]) == (gold, p.argmax())
    recalls = [(found.chosen[found.positions == place] == place).mean() for place in range(3)]
    assert cl.position_bias(found) == pytest.approx(100 * np.std(recalls))


def test_position_bias_is_that_of_tasks_whose_options_differ_by_item():
    fixed = {s: predictions(0.3, seed=s, tasks=TASKS[1:2], templates=2, untuned=False) for s in (0, 1)}
    turned = {s: replaced(t, "options", [o[n % 3 :] + o[: n % 3] for n, o in by_item(t, "options")]) for s, t in fixed.items()}
    assert cl.columns([read_arm(fixed)])["position_bias"] is None
    assert cl.columns([read_arm(fixed)])["ece"] is not None
    found = [cl.position_bias(cl.ranked(m)) for m in read_arm(turned).tasks["nli", "cb"].matrices]
    assert cl.columns([read_arm(turned), read_arm(fixed)])["position_bias"] == pytest.approx(np.mean(found))


def by_item(table, name):
    return zip(table["item"].to_pylist(), table[name].to_pylist(), strict=True)


def test_of_several_right_options_the_most_probable_counts():
    columns = {"options": [["a", "b", "c"]], "references": [["a", "b"]], "option_log_likelihoods": [np.log([0.1, 0.7, 0.2])]}
    found = cl.ranked(types.SimpleNamespace(scorer="rank", columns=columns))
    assert (found.positions.tolist(), found.right.tolist()) == ([1], [True])
    assert found.brier[0] == pytest.approx(0.1**2 + 0.3**2 + 0.2**2)


def test_flips_between_templates_seeds_and_arms():
    one, two = arm(0.9, (0, 1), TASKS[:1]), arm(0.1, (0, 1), TASKS[:1])
    answers = [m.columns["prediction"] for m in one.tasks["nli", "rte"].matrices]
    same = np.mean([a != b for a, b in zip(*answers, strict=True)])
    found = cl.columns([one])
    assert found["seed_flips"] == pytest.approx(100 * same)
    assert found["template_flips"] > 0
    assert cl.arm_flips([one], [one]) == 0
    assert cl.arm_flips([one], [two]) > found["seed_flips"]
    assert cl.columns([arm(0.5, (0,), TASKS[5:])])["ece"] is None
