"""The numbers of results.json and of the page, computed again from the predictions table by numpy, scipy and sklearn.

One small table has what single cases lack: groups of items, a rare label, several right answers, options of unequal numbers,
cut prompts, exemplars that did not fit, rows left out, and two models that really differ.
"""

import json

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats
from sklearn.metrics import f1_score
from synthetic_runs import write_evaluation

from flanjax.evaluate.results import compare_tables, summarize, with_left_out
from flanjax.evaluate.verdict import difference_sentence
from flanjax.report.page import health, write_report
from flanjax.report.runs import load_run

ITEMS, TEMPLATES = 48, 3
LABELS = ("yes", "no", "unclear")


def made(task, metrics, templates, gold, options, seed, cluster="nli", grouped=False, shots=0):
    """Rows of a task for both models; `gold` and `options` are functions of an item's number."""
    rows = []
    for model, skill in (("trained", 0.75), ("untuned", 0.35)):
        rng = np.random.default_rng([seed, model == "trained"])
        for item in range(ITEMS):
            # A passage is hard or easy for all of its questions.
            ease = np.random.default_rng([seed, item // 4]).normal(0, 0.25) if grouped else 0.0
            for template in range(templates):
                right = rng.random() < skill + ease + 0.05 * template
                answer = gold(item)[0] if right else str(rng.choice(options(item)))
                rows.append(
                    {
                        "model": model,
                        "step": 7 * (model == "trained"),
                        "cluster": cluster,
                        "task": task,
                        "template": f"t{template}",
                        "template_text": f"{{{{ text }}}} wording {template} of {task}",
                        "item": item,
                        "group": str(item // 4 if grouped else item),
                        "shots": shots,
                        "shots_shown": (item % 3) if shots else 0,
                        "chain_of_thought": False,
                        "scorer": "rank",
                        "preset": "flan",
                        "normalization": "sum",
                        "metrics": list(metrics),
                        "prompt": f"{task} {item} {template}",
                        "prompt_hash": f"{task} {item} {template} {model if item % 6 == 0 else ''}",
                        "references": list(gold(item)),
                        "options": list(options(item)),
                        "option_log_likelihoods": [-float(o != answer) for o in options(item)],
                        "option_tokens": [1] * len(options(item)),
                        "option_characters": [len(o) for o in options(item)],
                        "prediction": answer,
                        "generated": "",
                        "parsed": True,
                        "stop": "",
                        "prompt_tokens": 10 + item,
                        "cut": item in (2, 3) and template == 0,
                        "seconds": 0.5,
                    }
                )
    return rows


def rare(item):
    return (LABELS[2 if item % 16 == 5 else item % 5 == 0],)


def places(item):
    return tuple(f"end {item} {letter}" for letter in "abcde"[: 2 + item % 3])


def first_second_or_last(item):
    if item % 4 == 0:
        return places(item)[1], places(item)[0]
    return (places(item)[-1 if item % 4 == 1 else 1],)


@pytest.fixture(scope="module")
def table():
    rows = [
        *made("grouped", ("accuracy",), TEMPLATES, lambda i: (LABELS[i % 2],), lambda i: LABELS[:2], 1, grouped=True),
        *made("rare", ("macro_f1", "accuracy"), 2, rare, lambda i: LABELS, 2, grouped=True),
        *made("binary", ("accuracy",), 1, lambda i: (LABELS[i % 3 == 0],), lambda i: LABELS[:2], 3),
        *made("uneven", ("accuracy",), 2, first_second_or_last, places, 4, cluster="commonsense"),
        *made("few", ("accuracy",), 2, lambda i: (LABELS[i % 2],), lambda i: LABELS[:2], 5, cluster="commonsense", shots=4),
    ]
    lost = {"rare": {"rows": 50, "left_out": 2, "reasons": ["row 9: missing field 'label'"]}}
    return with_left_out(pa.Table.from_pylist(rows), lost)


@pytest.fixture(scope="module")
def results(table):
    return json.loads(json.dumps(summarize(table)))


@pytest.fixture(scope="module")
def workdir(table, tmp_path_factory):
    folder = tmp_path_factory.mktemp("recomputed") / "run"
    write_evaluation(folder, table, 7)
    return folder


@pytest.fixture(scope="module")
def page(workdir):
    return write_report([workdir], workdir.parent / "report.html").read_text()


def rows_of(table, task, model="trained"):
    return [r for r in table.to_pylist() if (r["task"], r["model"]) == (task, model)]


def grid(table, task, model="trained"):
    """Right or wrong, 100 or 0, as [N, K], several right answers counted."""
    rows = sorted(rows_of(table, task, model), key=lambda r: (r["item"], r["template"]))
    return np.array([100.0 * (r["prediction"] in r["references"]) for r in rows]).reshape(ITEMS, -1)


def of(rows, task, model="trained"):
    return next(r for r in rows if r["task"] == task and r.get("model", model) == model)


def clustered(values, groups):
    """Mean, standard error (CR1) and the half width of its t interval, by the sums of residuals over groups."""
    residuals = values - values.mean()
    sums = np.array([residuals[groups == g].sum() for g in np.unique(groups)])
    count = len(sums)
    error = np.sqrt(count / (count - 1) * np.sum(sums**2)) / len(values)
    return values.mean(), error, stats.t.ppf(0.975, count - 1) * error


def test_errors_are_clustered_by_group_and_the_wide_interval_adds_the_templates(table, results, page):
    scores, groups = grid(table, "grouped"), np.arange(ITEMS) // 4
    mean, error, half = clustered(scores.mean(1), groups)
    row = of(results["tasks"], "grouped")
    found = row["metrics"]["accuracy"]
    assert (row["items"], row["groups"], row["templates"]) == (ITEMS, ITEMS // 4, TEMPLATES)
    assert clustered(scores.mean(1), np.arange(ITEMS))[1] < 0.8 * error  # so that forgetting the groups is seen
    expected = {"mean": mean, "standard_error": error, "low": mean - half, "high": mean + half}
    assert {k: found[k] for k in expected} == pytest.approx(expected, abs=1e-5)
    columns = scores.mean(0)
    of_templates = stats.t.ppf(0.975, TEMPLATES - 1) * columns.std(ddof=1) / np.sqrt(TEMPLATES)
    assert of_templates > 1
    wide = np.sqrt(half**2 + of_templates**2)
    ends = max(0, mean - wide), min(100, mean + wide)
    assert (found["wide_low"], found["wide_high"]) == pytest.approx(ends, abs=1e-5)
    for name in (f"<b>{mean:.1f}</b>", f"{mean - half:.1f}–{mean + half:.1f}", f"{ends[0]:.1f}–{ends[1]:.1f}"):
        assert name in page
    for template, alone in enumerate(row["template_scores"]):
        mean, error, half = clustered(scores[:, template], groups)
        assert (alone["template"], alone["words"]) == (f"t{template}", f"{{{{ text }}}} wording {template} of grouped")
        ends = mean, mean - half, min(100, mean + half)
        assert (alone["mean"], alone["low"], alone["high"]) == pytest.approx(ends, abs=1e-5)
    assert row["spread"]["best"] == pytest.approx(columns.max(), abs=1e-5)
    assert row["spread"]["worst"] == pytest.approx(columns.min(), abs=1e-5)


def macro(rows):
    gold = [r["references"][0] for r in rows]
    got = [r["prediction"] for r in rows]
    return 100 * f1_score(gold, got, labels=sorted(set(gold)), average="macro", zero_division=0)


def test_macro_f1_with_a_rare_label_is_sklearns_and_its_interval_is_the_bootstrap_of_groups(table, results):
    by_template = [[r for r in rows_of(table, "rare") if r["template"] == t] for t in ("t0", "t1")]
    found = of(results["tasks"], "rare")["metrics"]["macro_f1"]
    assert found["mean"] == pytest.approx(np.mean([macro(rows) for rows in by_template]), abs=1e-5)
    rng = np.random.default_rng(0)
    draws = []
    for _ in range(600):
        chosen = rng.integers(0, ITEMS // 4, ITEMS // 4)
        resampled = [[rows[4 * g + i] for g in chosen for i in range(4)] for rows in by_template]
        draws.append(np.mean([macro(rows) for rows in resampled]))
    assert found["standard_error"] == pytest.approx(np.std(draws), rel=0.12)
    assert (found["low"], found["high"]) == pytest.approx(np.quantile(draws, [0.025, 0.975]), abs=2.5)
    alone = [t["mean"] for t in of(results["tasks"], "rare")["template_scores"]]
    assert alone == pytest.approx([macro(rows) for rows in by_template], abs=1e-5)


def test_macro_f1_stands_beside_its_own_chance_and_majority(table, results, page):
    rows = [r for r in rows_of(table, "rare") if r["template"] == "t0"]
    gold = [r["references"][0] for r in rows]
    counts = {label: gold.count(label) for label in LABELS}
    assert counts["unclear"] < 5 < counts["yes"] < counts["no"] or counts["unclear"] < 5 < counts["no"] < counts["yes"]
    most = max(counts, key=counts.get)
    constant = macro([{**r, "prediction": most} for r in rows])
    rng = np.random.default_rng(0)
    guessed = np.mean([macro([{**r, "prediction": str(rng.choice(LABELS))} for r in rows]) for _ in range(400)])
    row = of(results["tasks"], "rare")
    assert row["primary"] == "macro_f1"
    assert row["majority"] == pytest.approx(constant, abs=1e-5)
    assert row["chance"] == pytest.approx(guessed, abs=2)
    accuracy = row["metrics"]["accuracy"]
    assert accuracy["majority"] == pytest.approx(100 * counts[most] / ITEMS, abs=1e-5)
    assert accuracy["chance"] == pytest.approx(100 / 3, abs=1e-5)
    assert accuracy["majority"] - row["majority"] > 20
    assert f'<td>{row["chance"]:.1f}<span class="under">{row["majority"]:.1f}</span>' in page
    assert "(chance 33.3)" in page


def test_chance_and_majority_count_unequal_options_and_several_right_answers(table, results):
    row, items = of(results["tasks"], "uneven"), range(ITEMS)
    assert row["chance"] == pytest.approx(
        100 * np.mean([len(first_second_or_last(i)) / len(places(i)) for i in items]), abs=1e-5
    )
    right = [
        np.mean([place < len(places(i)) and places(i)[place] in first_second_or_last(i) for i in items]) for place in range(4)
    ]
    assert row["majority"] == pytest.approx(100 * max(right), abs=1e-5)
    assert right.index(max(right)) == 1
    assert row["metrics"]["accuracy"]["mean"] == pytest.approx(grid(table, "uneven").mean(), abs=1e-5)


@pytest.mark.parametrize(("items", "told"), [(9, False), (10, True)])
def test_one_answer_to_nearly_everything_is_an_alarm_if_there_are_enough_items(table, items, told):
    few = [{**row, "prediction": "no"} for row in table.to_pylist() if row["task"] == "rare" and row["item"] < items]
    found = summarize(pa.Table.from_pylist(few, schema=table.schema))
    assert {row["majority_prediction"]["text"] for row in found["tasks"]} == {"no"}
    assert [alarm["kind"] for alarm in found["alarms"] if alarm["kind"] == "constant_prediction"] == [
        "constant_prediction"
    ] * 2 * told


def test_a_verdict_counts_the_tasks_that_differ_by_holms_p(results):
    comparison = json.loads(json.dumps(results["comparison"]))
    suite = comparison["suites"][0]
    tasks = [task for task in comparison["tasks"] if task["shots"] == suite["shots"]]
    for task, p_holm in zip(tasks, [0.01, 0.06, 0.2, None], strict=False):
        task.update(p=0.01, p_holm=p_holm)
    assert "with a significant difference on 1 (Holm)" in difference_sentence(comparison, suite, "Against the untuned model")


def test_references_of_clusters_and_suites_are_the_means_of_their_parts(results):
    nli = [r for r in results["tasks"] if r["cluster"] == "nli" and r["model"] == "trained"]
    cluster = next(c for c in results["clusters"] if c["cluster"] == "nli" and c["model"] == "trained")
    for name in ("chance", "majority"):
        assert cluster[name] == pytest.approx(np.mean([r[name] for r in nli]), abs=1e-5)
    assert (cluster["tasks"], cluster["items"], cluster["templates"]) == (3, 3 * ITEMS, TEMPLATES + 2 + 1)
    zero = [c for c in results["clusters"] if c["model"] == "trained" and c["shots"] == 0]
    suite = next(s for s in results["suites"] if s["model"] == "trained" and s["shots"] == 0)
    assert suite["clusters"] == len(zero) == 2
    assert suite["mean"] == pytest.approx(np.mean([c["mean"] for c in zero]), abs=1e-5)
    assert suite["standard_error"] == pytest.approx(np.sqrt(sum(c["standard_error"] ** 2 for c in zero)) / 2, abs=1e-5)


def test_differences_are_paired_by_item_clustered_by_group_and_tested(table, results, page):
    a, b, groups = grid(table, "grouped"), grid(table, "grouped", "untuned"), np.arange(ITEMS) // 4
    mean, error, half = clustered(a.mean(1) - b.mean(1), groups)
    p = 2 * stats.t.sf(abs(mean) / error, ITEMS // 4 - 1)
    row = of(results["comparison"]["tasks"], "grouped")
    assert (row["difference"], row["standard_error"]) == pytest.approx((mean, error), abs=1e-5)
    assert (row["low"], row["high"]) == pytest.approx((mean - half, mean + half), abs=1e-5)
    assert row["p"] == pytest.approx(p, rel=1e-5)
    assert (row["first"], row["second"]) == pytest.approx((a.mean(), b.mean()), abs=1e-5)
    assert row["correlation"] == pytest.approx(np.corrcoef(a.mean(1), b.mean(1))[0, 1], abs=1e-5)
    assert row["detectable"] == pytest.approx((stats.norm.ppf(0.975) + stats.norm.ppf(0.8)) * error, abs=1e-5)
    assert row["same_prompt_share"] == pytest.approx(1 - 1 / 6, abs=1e-5)
    assert f'<b>{mean:+.1f}</b><span class="under">{mean - half:+.1f} to {mean + half:+.1f}</span>' in page


def test_one_template_of_right_and_wrong_is_tested_by_exact_mcnemar_unless_it_has_groups(table, results):
    a, b = grid(table, "binary")[:, 0], grid(table, "binary", "untuned")[:, 0]
    better, worse = int((a > b).sum()), int((a < b).sum())
    exact = stats.binomtest(better, better + worse).pvalue
    assert of(results["comparison"]["tasks"], "binary")["p"] == pytest.approx(exact, rel=1e-5)
    place = table.column_names.index("group")
    passages = table.set_column(place, "group", pa.array([str(r["item"] // 6) for r in table.to_pylist()]))
    mean, error, _ = clustered(a - b, np.arange(ITEMS) // 6)
    found = of(summarize(passages)["comparison"]["tasks"], "binary")["p"]
    assert found == pytest.approx(2 * stats.t.sf(abs(mean) / error, ITEMS // 6 - 1), rel=1e-5)
    assert abs(np.log(found / exact)) > 0.1


def test_a_difference_of_macro_f1_is_bootstrapped_over_the_same_groups(table, results):
    both = [
        [[r for r in rows_of(table, "rare", m) if r["template"] == t] for t in ("t0", "t1")] for m in ("trained", "untuned")
    ]
    score = [np.mean([macro(rows) for rows in side]) for side in both]
    row = of(results["comparison"]["tasks"], "rare")
    assert row["metric"] == "macro_f1"
    assert row["difference"] == pytest.approx(score[0] - score[1], abs=1e-5)
    rng, draws = np.random.default_rng(1), []
    for _ in range(300):
        chosen = rng.integers(0, ITEMS // 4, ITEMS // 4)
        one, two = (np.mean([macro([rows[4 * g + i] for g in chosen for i in range(4)]) for rows in side]) for side in both)
        draws.append(one - two)
    assert row["standard_error"] == pytest.approx(np.std(draws), rel=0.15)
    assert (row["low"], row["high"]) == pytest.approx(np.quantile(draws, [0.025, 0.975]), abs=4)


def test_holms_p_is_that_of_all_tasks_compared(results):
    rows = results["comparison"]["tasks"]
    raw = sorted((r["p"], r["p_holm"]) for r in rows)
    assert len(raw) == 5
    highest = 0.0
    for rank, (p, adjusted) in enumerate(raw):
        highest = max(highest, min(1.0, (5 - rank) * p))
        assert adjusted == pytest.approx(highest, rel=1e-4)
    assert raw[0][1] == pytest.approx(5 * raw[0][0], rel=1e-4)


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("references", ["no"], "other references for the same items"),
        ("template", "t9", "other templates: 1 and 1"),
        ("metrics", ["exact_match"], "other primary metrics: accuracy and exact_match"),
        ("item", 99, "other items: 48 and 48"),
        ("preset", "other", "other preset: flan and other"),
        ("normalization", "other", "other normalization: sum and other"),
        ("scorer", "generate", "other scorer: rank and generate"),
    ],
)
def test_what_is_not_the_same_question_is_not_paired(table, column, value, reason):
    rows = [r for r in table.to_pylist() if r["task"] == "binary"]
    changed = [{**r, column: value} if column != "item" or r["item"] == 3 else r for r in rows]
    found = compare_tables(pa.Table.from_pylist(rows), pa.Table.from_pylist(changed))
    assert [(r["task"], r["reason"]) for r in found["not_compared"]] == [("binary", reason)]
    assert found["tasks"] == found["suites"] == []


def test_one_item_has_one_question_under_every_template(table):
    rows = table.to_pylist()
    for name, value in (("references", ["no way"]), ("options", ["a", "b"]), ("group", "other")):
        odd = [{**r, name: value} if n == 0 else r for n, r in enumerate(rows)]
        with pytest.raises(ValueError, match=f"item 0 has other {name} under another template"):
            summarize(pa.Table.from_pylist(odd))


def test_cut_prompts_tokens_and_seconds_are_means_and_sums(table, results):
    rows = rows_of(table, "rare")
    row = of(results["tasks"], "rare")
    assert row["cut_share"] == pytest.approx(2 / (2 * ITEMS), abs=1e-5)
    assert row["mean_prompt_tokens"] == pytest.approx(np.mean([r["prompt_tokens"] for r in rows]))
    assert row["seconds"] == pytest.approx(0.5 * len(rows))
    cut = {(a["task"], a["message"]) for a in results["alarms"] if a["kind"] == "cut_prompts"}
    shares = {"grouped": "1.4%", "rare": "2.1%", "binary": "4.2%", "uneven": "2.1%", "few": "2.1%"}
    assert cut == {(task, f"{share} of prompts were cut") for task, share in shares.items()}


def test_exemplars_really_shown_stand_beside_those_asked_for(results, workdir, page):
    row = of(results["tasks"], "few")
    assert (row["shots"], row["shots_shown"]) == (4, 1.0)
    alarms = [a for a in results["alarms"] if a["kind"] == "few_exemplars"]
    assert {(a["task"], a["message"].split(":")[0]) for a in alarms} == {("few", "1.0 of 4 exemplars were shown on average")}
    assert "4-shot (1.0 exemplars shown on average)" in " ".join(results["verdicts"])
    assert "4-shot (1.0 exemplars shown on average)" in page
    check = next(c for c in health(load_run(workdir)) if c["name"] == "Exemplars shown")
    assert (check["state"], check["value"]) == ("alarm", "1.0 of 4")
    assert check["note"].endswith(": few")


def test_rows_left_out_are_counted_in_results_and_on_the_page(results, workdir, page):
    assert results["left_out"] == {"rare": {"rows": 50, "left_out": 2, "reasons": ["row 9: missing field 'label'"]}}
    check = next(c for c in health(load_run(workdir)) if c["name"] == "Rows left out")
    assert (check["state"], check["value"]) == ("alarm", "2")
    assert "rare 2 of 50 (row 9: missing field &#39;label&#39;)" in page


def test_items_repeated_within_their_groups_change_no_interval_of_macro_f1(table):
    rows = [{**r, "group": str(r["item"])} for r in table.to_pylist() if r["task"] == "rare"]
    twice = rows + [{**r, "item": r["item"] + 1000} for r in rows]
    once, doubled = (summarize(pa.Table.from_pylist(some)) for some in (rows, twice))
    for name in ("mean", "low", "high", "standard_error"):
        assert (
            of(doubled["tasks"], "rare")["metrics"]["macro_f1"][name] == of(once["tasks"], "rare")["metrics"]["macro_f1"][name]
        )
    assert (
        of(doubled["comparison"]["tasks"], "rare")["standard_error"]
        == of(once["comparison"]["tasks"], "rare")["standard_error"]
    )
