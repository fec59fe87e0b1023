"""results.json from made-up predictions: shares, references, comparisons, alarms, and errors that name the offender."""

import json

import numpy as np
import pyarrow as pa
import pytest
from synthetic_runs import TASKS, SyntheticTask, predictions

from flanjax.evaluate.results import compare_tables, summarize
from flanjax.evaluate.verdict import judgement, plain_sentence

NLI = tuple(t for t in TASKS if t.cluster == "nli")


@pytest.fixture(scope="module")
def table():
    return predictions(0.35)


@pytest.fixture(scope="module")
def results(table):
    return summarize(table)


def column(table, name, values):
    return table.set_column(table.column_names.index(name), name, pa.array(values))


def of(results, task, model="trained"):
    return next(row for row in results["tasks"] if row["task"] == task and row["model"] == model)


def test_the_order_of_rows_changes_nothing(table, results):
    shuffled = table.take(pa.array(np.random.default_rng(0).permutation(table.num_rows)))
    assert json.dumps(summarize(shuffled)) == json.dumps(results)


def test_results_survive_json_without_nan(results):
    assert json.loads(json.dumps(results, allow_nan=False)) == results
    assert results["format"] == 2
    assert results["models"] == {"trained": 1200, "untuned": 0}


def test_the_task_score_is_the_mean_over_cells_of_prediction_equal_to_reference(table, results):
    rows = [r for r in table.to_pylist() if r["task"] == "rte" and r["model"] == "trained"]
    row = of(results, "rte")
    assert row["metrics"]["accuracy"]["mean"] == pytest.approx(
        100 * np.mean([r["prediction"] == r["references"][0] for r in rows])
    )
    assert (row["items"], row["templates"], row["primary"]) == (60, 5, "accuracy")
    assert np.mean([t["mean"] for t in row["template_scores"]]) == pytest.approx(row["metrics"]["accuracy"]["mean"], abs=1e-5)


def test_corpus_metrics_have_intervals_too(results):
    scores = of(results, "rte")["metrics"]["macro_f1"]
    assert scores["low"] < scores["mean"] < scores["high"]
    assert scores["wide_low"] is None


def test_chance_and_majority_belong_to_rank_tasks_only(table, results):
    gold = [
        r["references"][0] for r in table.to_pylist() if r["task"] == "cb" and r["model"] == "trained" and r["template"] == "t0"
    ]
    row = of(results, "cb")
    assert row["chance"] == pytest.approx(100 / 3, abs=1e-5)
    assert row["majority"] == pytest.approx(100 * max(gold.count(g) for g in set(gold)) / len(gold))
    generated = of(results, "natural_questions")
    assert generated["chance"] is None
    assert generated["majority"] is None


def test_majority_over_options_that_differ_by_item_counts_places():
    table = predictions(
        0.5, tasks=(SyntheticTask("commonsense", "copa", ("first", "second"), ("accuracy",), 20),), untuned=False
    )
    rows = table.to_pylist()
    for row in rows:
        row["options"] = [f"{option} of {row['item']}" for option in row["options"]]
        row["references"] = [row["options"][0 if row["item"] % 4 else 1]]
        row["prediction"] = row["options"][0]
    results = summarize(pa.Table.from_pylist(rows))
    assert of(results, "copa")["majority"] == 75
    assert of(results, "copa")["majority_prediction"] == {
        "text": "option 1",
        "share": 1.0,
        "constant_templates": ["t0", "t1", "t2", "t3", "t4"],
    }


def test_a_cluster_is_the_plain_mean_of_its_tasks_and_the_suite_of_its_clusters(results):
    tasks = [r for r in results["tasks"] if r["cluster"] == "nli" and r["model"] == "trained"]
    cluster = next(c for c in results["clusters"] if c["cluster"] == "nli" and c["model"] == "trained")
    assert cluster["mean"] == pytest.approx(np.mean([t["metrics"]["accuracy"]["mean"] for t in tasks]), abs=1e-5)
    errors = [t["metrics"]["accuracy"]["standard_error"] for t in tasks]
    assert cluster["standard_error"] == pytest.approx(np.sqrt(np.sum(np.square(errors))) / len(tasks), abs=1e-5)
    suite = next(s for s in results["suites"] if s["model"] == "trained")
    clusters = [c["mean"] for c in results["clusters"] if c["model"] == "trained"]
    assert suite["mean"] == pytest.approx(np.mean(clusters), abs=1e-5)
    assert (suite["clusters"], suite["tasks"]) == (3, 6)


def test_the_comparison_with_the_untuned_model_is_paired_and_adjusted(results):
    comparison = results["comparison"]
    for row in comparison["tasks"]:
        assert row["difference"] == pytest.approx(row["first"] - row["second"], abs=1e-5)
        assert row["same_prompt_share"] == 1
    assert comparison["suites"][0]["low"] > 0
    assert comparison["not_compared"] == []


def test_without_an_untuned_model_there_is_no_comparison():
    results = summarize(predictions(0.3, tasks=NLI, untuned=False))
    assert results["comparison"] is None
    assert "untuned" not in " ".join(results["verdicts"])


def test_verdicts_say_the_numbers(results):
    text = " ".join(results["verdicts"])
    suite = next(s for s in results["suites"] if s["model"] == "trained")
    assert f"scores {suite['mean']:.1f} (95% interval {suite['low']:.1f} to {suite['high']:.1f})" in text
    assert "3 clusters (closed_book_qa, coreference, nli: 6 tasks" in text
    assert "Against the untuned model: better" in text


@pytest.mark.parametrize(
    ("difference", "majority", "said"),
    [
        ((2, 5), 40, "higher than its untuned weights and than always giving the most frequent answer"),
        (
            (-5, -2),
            50,
            "lower than its untuned weights and about as high, as far as these items tell, as always giving the most",
        ),
        (
            (-1, 2),
            50,
            "about as high, as far as these items tell, as its untuned weights and as always giving the most frequent",
        ),
        ((-1, 2), None, "about as high, as far as these items tell, as its untuned weights."),
        (None, None, "was evaluated; there is nothing to hold its score against."),
    ],
)
def test_a_plain_verdict_says_of_both_references_what_the_intervals_do(results, difference, majority, said):
    suite = {**next(s for s in results["suites"] if s["model"] == "trained"), "low": 45, "high": 55, "majority": majority}
    compared = difference and {"suites": [{**suite, "low": difference[0], "high": difference[1]}]}
    sentence = plain_sentence({**results, "suites": [suite], "comparison": compared}, "mine")
    assert sentence.startswith(f"mine {'scores ' if difference else ''}{said}")


def test_equal_models_are_not_decisive():
    table = predictions(0.3, tasks=NLI, untuned=False)
    row = compare_tables(table, table)["suites"][0]
    assert row["difference"] == 0
    assert row["p"] == 1
    assert row["low"] < 0 < row["high"]


def test_an_interval_above_zero_is_not_decisive_where_the_exact_test_is_not():
    rows = predictions(1.0, tasks=NLI[:1], templates=1, untuned=False).to_pylist()
    first = [{**row, "prediction": row["references"][0]} for row in rows]
    second = [{**row, "prediction": "neither"} if row["item"] < 5 else row for row in first]
    row = compare_tables(pa.Table.from_pylist(first), pa.Table.from_pylist(second))["suites"][0]
    assert row["p"] == 0.0625
    assert row["low"] > 0
    assert judgement(row) == "not decisive"
    assert judgement({**row, "p": 0.04}) == "better"


def test_runs_on_other_items_are_listed_not_compared():
    few = (SyntheticTask("nli", "rte", ("yes", "no"), items=30), *NLI[1:])
    comparison = compare_tables(predictions(0.4, tasks=NLI), predictions(0.2, tasks=few))
    assert [(r["task"], r["reason"]) for r in comparison["not_compared"]] == [("rte", "other items: 60 and 30")]
    assert {r["task"] for r in comparison["tasks"]} == {"cb", "anli_r1"}


def test_comparing_a_model_that_was_not_evaluated_names_the_ones_that_were():
    table = predictions(0.4, tasks=NLI)
    with pytest.raises(ValueError, match=r"no model 'distilled'; got \['trained', 'untuned'\]"):
        compare_tables(table, table, "distilled")


def test_settings_are_kept_apart():
    zero = predictions(0.3, tasks=NLI)
    two = column(predictions(0.5, tasks=NLI, seed=1), "shots", [2] * zero.num_rows)
    results = summarize(pa.concat_tables([zero, two]))
    assert [s["shots"] for s in results["suites"] if s["model"] == "trained"] == [0, 2]
    assert len(results["comparison"]["suites"]) == 2
    assert len(results["tasks"]) == 4 * len(NLI)


def test_a_constant_model_raises_an_alarm():
    table = predictions(0.3, tasks=NLI)
    results = summarize(column(table, "prediction", ["yes"] * table.num_rows))
    alarms = [a for a in results["alarms"] if a["kind"] == "constant_prediction" and a["model"] == "trained"]
    assert {a["task"] for a in alarms} == {t.name for t in NLI}
    assert "'yes'" in alarms[0]["message"]


def test_cut_prompts_unparsed_answers_and_length_stops_raise_alarms():
    table = predictions(0.3, tasks=tuple(t for t in TASKS if not t.options))
    n = table.num_rows
    for name, values in (("cut", [True] * n), ("parsed", [False] * n), ("stop", ["length"] * n)):
        table = column(table, name, values)
    results = summarize(table)
    assert {a["kind"] for a in results["alarms"]} == {"cut_prompts", "unparsed", "length_stops"}
    assert of(results, "natural_questions")["stops"] == {"eos": 0.0, "length": 1.0}


@pytest.mark.parametrize(("share", "alarming"), [(0.03, {"unparsed"}), (0.08, {"unparsed", "length_stops"}), (0.005, set())])
def test_alarms_are_raised_beyond_their_shares_of_texts(share, alarming):
    table = predictions(0.3, tasks=(SyntheticTask("qa", "written", (), ("exact_match",), 400),))
    marked = np.arange(table.num_rows) % 200 < 200 * share  # spread over models and templates
    for name, values in (("parsed", ~marked), ("stop", np.where(marked, "length", "eos"))):
        table = column(table, name, values.tolist())
    assert {a["kind"] for a in summarize(table)["alarms"]} & {"unparsed", "length_stops"} == alarming


def test_bleu_keeps_its_signature():
    task = SyntheticTask("translation", "wmt", (), ("bleu",), 20)
    scores = of(summarize(predictions(0.5, tasks=(task,))), "wmt")["metrics"]["bleu"]
    assert "tok:13a" in scores["signature"]
    assert scores["low"] <= scores["mean"] <= scores["high"]


def test_one_item_has_a_score_and_no_interval():
    task = SyntheticTask("nli", "rte", ("yes", "no"), items=1)
    results = summarize(predictions(0.5, tasks=(task,)))
    assert of(results, "rte")["metrics"]["accuracy"]["low"] is None
    assert "too few items" in results["verdicts"][0]


def test_a_hole_names_the_item_and_the_template(table):
    first = next(i for i, r in enumerate(table.to_pylist()) if (r["task"], r["item"], r["template"]) == ("rte", 3, "t2"))
    keep = pa.array([i for i in range(table.num_rows) if i != first])
    with pytest.raises(ValueError, match=r"rte.*299 predictions for 60 items x 5 templates; item 3 lacks template 't2'"):
        summarize(table.take(keep))


def test_a_doubled_cell_is_an_error(table):
    with pytest.raises(ValueError, match="more than once"):
        summarize(pa.concat_tables([table, table.slice(0, 1)]))


def test_mixed_presets_and_mixed_steps_are_errors(table):
    with pytest.raises(ValueError, match=r"mixes preset \['flan', 't0'\]"):
        summarize(column(table, "preset", ["t0"] + ["flan"] * (table.num_rows - 1)))
    other = predictions(0.3, step=600, tasks=(SyntheticTask("nli", "snli", ("yes", "no")),))
    with pytest.raises(ValueError, match="'trained' has predictions of steps"):
        summarize(pa.concat_tables([table, other]))


def test_missing_columns_and_empty_tables_are_errors(table):
    with pytest.raises(ValueError, match=r"lack the columns \['cut'\]"):
        summarize(table.drop_columns(["cut"]))
    with pytest.raises(ValueError, match="no rows"):
        summarize(table.slice(0, 0))


def test_an_unknown_metric_offers_the_nearest(table):
    with pytest.raises(ValueError, match="did you mean 'accuracy'"):
        summarize(column(table, "metrics", [["acuracy"]] * table.num_rows))
