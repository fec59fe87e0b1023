"""The page is whole, self-contained and safe, for one run, for several, and for runs that lack parts."""

import dataclasses
import json
import re
from html.parser import HTMLParser

import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet as pq
import pytest
from synthetic_runs import CLUSTERS, TASKS, predictions, write_evaluation, write_workdir

from flanjax.evaluate.results import summarize
from flanjax.report import plots
from flanjax.report.page import health, write_report
from flanjax.report.runs import load_run

SECTIONS = ("verdict", "health", "clusters", "tasks", "templates", "training", "mixture", "protocol", "examples")
NLI = tuple(t for t in TASKS if t.cluster == "nli")
VOID = {"meta", "br"}


class Balance(HTMLParser):
    """Collects tags left open or closed out of turn, and every address the page would load."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.addresses += [v for k, v in attrs if k in ("src", "href", "srcset", "xlink:href", "action") and v]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, f"{tag} closed out of turn at {self.getpos()}"


def folder_of(workdir):
    """The one evaluation's folder."""
    (folder,) = (workdir / "evaluation").iterdir()
    return folder


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    full = write_workdir(folder / "full", "flan base", 0.35)
    part = write_workdir(folder / "part", "one cluster", 0.08, clusters=CLUSTERS[:1])
    one = write_report([full], folder / "pages" / "one.html").read_text()
    return {"one": one, "two": write_report([full, part], folder / "two.html").read_text()}


@pytest.mark.parametrize("page", ["one", "two"])
def test_every_section_is_there_and_tags_balance(pages, page):
    for section in SECTIONS:
        assert f'<section id="{section}"' in pages[page]
    parser = Balance()
    parser.feed(pages[page])
    assert parser.open == []
    assert "Not evaluated" not in pages[page]


@pytest.mark.parametrize("page", ["one", "two"])
def test_the_page_loads_nothing(pages, page):
    parser = Balance()
    parser.feed(pages[page])
    assert all(address.startswith("#") for address in parser.addresses)
    assert not re.search(r"https?://|@import|url\(|fetch\(|XMLHttpRequest", pages[page])


def test_the_numbers_of_results_are_on_the_page(pages):
    results = summarize(predictions(0.35))
    for row in results["tasks"]:
        if row["model"] == "trained":
            assert row["task"] in pages["one"]
            assert f"<b>{row['metrics'][row['primary']]['mean']:.1f}</b>" in pages["one"]
    assert "Against the untuned model: better" in pages["one"]
    assert "shares lineage with rte" in pages["one"]
    assert "end-of-sequence on input and on target" in pages["one"]


def test_two_runs_are_compared_pairwise_and_side_by_side(pages):
    assert "The run one cluster scores lower than the run flan base (zero-shot): " in pages["two"]
    assert "The interval is of the items and not of training" in pages["two"]
    assert "differ only in seed" not in pages["two"]
    assert '<section id="runs"' in pages["two"]
    assert '<section id="runs"' not in pages["one"]
    assert "1 training cluster: sentiment" in pages["two"]


def test_prompts_are_escaped(tmp_path):
    workdir = write_workdir(tmp_path / "run", "<i>name</i>", 0.3, tasks=NLI)
    file = folder_of(workdir) / "predictions.parquet"
    table = pq.read_table(file)
    evil = ["<script>alert('x')</script> & more"] * table.num_rows
    pq.write_table(table.set_column(table.column_names.index("prompt"), "prompt", pa.array(evil)), file)
    page = write_report([workdir], tmp_path / "report.html").read_text()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &amp; more" in page
    assert "<i>name" not in page


def test_reports_are_deterministic(tmp_path):
    workdir = write_workdir(tmp_path / "run", "run", 0.3, tasks=NLI)
    assert write_report([workdir], tmp_path / "a.html").read_text() == write_report([workdir], tmp_path / "b.html").read_text()


def test_results_without_predictions_are_shown_but_not_compared(tmp_path):
    runs = [write_workdir(tmp_path / n, n, s, tasks=NLI) for n, s in (("a", 0.4), ("b", 0.2))]
    folder = folder_of(runs[1])
    results = summarize(pq.read_table(folder / "predictions.parquet"))
    (folder / "results.json").write_text(json.dumps(results))
    (folder / "predictions.parquet").unlink()
    page = write_report(runs, tmp_path / "report.html").read_text()
    assert "b against a: not compared, since predictions.parquet is missing" in page


def test_an_old_schema_is_recomputed_from_predictions_or_refused(tmp_path):
    workdir = write_workdir(tmp_path / "run", "run", 0.3, tasks=NLI)
    folder = folder_of(workdir)
    (folder / "results.json").write_text('{"schema_version": 0}')
    assert load_run(workdir).headline.results["format"] == 2
    (folder / "predictions.parquet").unlink()
    with pytest.raises(ValueError, match="has format 0; expected 2"):
        load_run(workdir)


@pytest.mark.parametrize(("name", "newest"), [("config.json", 1), ("mixture.json", 1), ("results.json", 2)])
def test_a_record_of_a_newer_version_is_refused_by_its_format(tmp_path, name, newest):
    workdir = write_workdir(tmp_path / "run", "run", 0.3, tasks=NLI)
    path = (folder_of(workdir) if name == "results.json" else workdir) / name
    if name != "results.json":
        path.write_text(f'{{"format": {newest}}}')
    load_run(tmp_path / "run")
    path.write_text('{"format": 99}')
    with pytest.raises(ValueError, match=f"{path} has format 99, this version of flanjax reads up to {newest}"):
        load_run(tmp_path / "run")


def test_an_unevaluated_run_says_how_to_evaluate_it(tmp_path):
    page = write_report([write_workdir(tmp_path / "run", "run", None)], tmp_path / "report.html").read_text()
    assert "Not evaluated yet" in page
    assert "flanjax heldout --workdir run" in page
    assert "Training loss by cluster" in page


def test_an_evaluation_alone_makes_a_report(tmp_path):
    workdir = write_workdir(tmp_path / "run", "run", 0.3, tasks=NLI)
    for name in ("config.json", "metrics.jsonl", "mixture.json"):
        (workdir / name).unlink()
    page = write_report([workdir], tmp_path / "report.html").read_text()
    assert "No metrics.jsonl" in page
    assert "No mixture.json" in page
    assert "Against the untuned model" in page


def test_a_run_of_only_the_untuned_model_is_shown_and_not_compared(tmp_path):
    runs = [write_workdir(tmp_path / n, n, 0.3, tasks=NLI) for n in ("base", "tuned")]
    file = folder_of(runs[0]) / "predictions.parquet"
    table = pq.read_table(file)
    pq.write_table(table.filter(pa.compute.equal(table["model"], "untuned")), file)
    page = write_report(runs, tmp_path / "report.html").read_text()
    assert "The untuned model (step 0" in page
    assert "tuned against base" not in page


def test_the_newest_step_is_the_headline_and_earlier_steps_draw_a_curve(tmp_path):
    workdir = write_workdir(tmp_path / "run", "run", 0.3, tasks=NLI)
    write_evaluation(workdir, predictions(0.1, 900, tasks=NLI), 900)
    write_evaluation(workdir, predictions(0.2, 1200, tasks=NLI), 1200, shots=(2,))
    named = write_evaluation(
        workdir, predictions(0.2, 1300, tasks=NLI), 1300, tasks=[f"a_task_of_a_long_name_{n}" for n in range(60)]
    )
    assert len(named.name) < 20
    run = load_run(workdir)
    assert [(e.step, e.label[:8]) for e in run.evaluations] == [
        (1300, "a_task_o"),
        (900, "held-out"),
        (1200, "held-out"),
        (1200, "held-out"),
    ]
    assert len({e.folder for e in run.evaluations}) == 4
    assert len({e.family for e in run.evaluations}) == 3
    shown = load_run(workdir, named.name)
    assert shown.headline.step == 1300
    assert [e.step for e in shown.over_steps] == [1300]
    plain = next(e for e in run.evaluations if e.step == 900)
    assert [e.step for e in load_run(workdir, plain.folder).over_steps] == [900, 1200]


def test_folders_of_before_there_were_protocols_are_read(tmp_path):
    workdir = write_workdir(tmp_path / "run", "run", 0.3, tasks=NLI)
    folder = folder_of(workdir)
    (folder / "protocol.json").unlink()
    older = pq.read_table(folder / "predictions.parquet").drop_columns(["shots_shown", "template_text"])
    for name in ("step_900", "step_1200", "rte_cb_step_1200", "no_options"):
        (workdir / "evaluation" / name).mkdir()
        pq.write_table(older, workdir / "evaluation" / name / "predictions.parquet")
    (folder / "predictions.parquet").unlink()
    run = load_run(workdir)
    assert [(e.label, e.step) for e in run.evaluations] == [
        ("no_options", None),
        ("rte_cb", 1200),
        ("held-out", 900),
        ("held-out", 1200),
    ]
    page = write_report([workdir], tmp_path / "report.html").read_text()
    assert "run, rte_cb, step 1,200" in page
    assert [e.step for e in run.over_steps] == [900, 1200]


def test_a_protocol_of_another_format_is_refused(tmp_path):
    workdir = write_workdir(tmp_path / "run", "run", 0.3, tasks=NLI)
    for text, reason in (
        ('{"format": 9}', "has format 9, this version of flanjax reads up to 1"),
        ('{"format": 1}', "lacks 'protocol'"),
    ):
        (folder_of(workdir) / "protocol.json").write_text(text)
        with pytest.raises(ValueError, match=f"protocol.json .*{reason}"):
            load_run(workdir)


def test_two_runs_that_differ_in_seed_are_compared_as_runs_and_none_is_called_better(tmp_path):
    runs = [write_workdir(tmp_path / n, n, s, seed=i, untuned=False) for i, (n, s) in enumerate((("one", 0.1), ("two", 0.5)))]
    page = write_report(runs, tmp_path / "report.html").read_text()
    text = re.sub(r"<style>.*?</style>|<script>.*?</script>", "", page, flags=re.DOTALL)
    assert "The run two scores higher than the run one (zero-shot): +" in text
    assert "They differ only in seed. The interval is of the items and not of training" in text
    assert "better" not in text
    assert "worse" not in text
    assert "train 1, data 1, evaluation 0" in text


def test_the_protocol_says_when_how_and_at_what_cost(pages):
    for text in (
        "2026-11-28 10:00:00",
        "flanjax heldout --workdir full",
        "training 8 min in logged steps",
        "evaluation 5 min on data 1",
    ):
        assert text in pages["one"]


def test_templates_are_shown_by_their_words_and_wide_tables_can_be_reached_by_keys(pages):
    assert "<span>… Does it follow?</span>" in pages["one"]
    assert "<dd>{{ premise }}\nDoes it follow?</dd>" in pages["one"]
    assert '<div class="scroll" tabindex="0">' in pages["one"]
    assert '<div class="scroll">' not in pages["one"]


def test_prompts_of_training_stand_beside_those_of_evaluation_where_they_are_recorded(tmp_path):
    workdir = write_workdir(tmp_path / "run", "run", 0.3, tasks=NLI)
    record = json.loads((workdir / "mixture.json").read_text())
    record["prompts"] = [{"task": "sst2", "style": "zero-shot", "input": "Is this <good>?", "target": "yes, it is"}]
    (workdir / "mixture.json").write_text(json.dumps(record))
    page = write_report([workdir], tmp_path / "report.html").read_text()
    assert "<pre>Is this &lt;good&gt;?</pre><pre>yes, it is</pre>" in page
    assert page.index("Prompts of training") < page.index("Prompts of evaluation")


def test_a_missing_and_an_empty_workdir_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no workdir at .*nowhere"):
        write_report([tmp_path / "nowhere"], tmp_path / "report.html")
    (tmp_path / "hollow").mkdir()
    with pytest.raises(ValueError, match=r"hollow holds nothing to report.*flanjax train"):
        write_report([tmp_path / "hollow"], tmp_path / "report.html")
    with pytest.raises(ValueError, match="no workdir"):
        write_report([], tmp_path / "report.html")


def test_a_damaged_log_line_is_named_and_left_out_and_so_is_a_half_written_last_line(tmp_path, caplog):
    workdir = write_workdir(tmp_path / "run", "run", None)
    log = workdir / "metrics.jsonl"
    steps = len(load_run(workdir).train)
    log.write_text(log.read_text() + '{"step": 99')
    assert len(load_run(workdir).train) == steps
    log.write_bytes(b'{broken\n[3]\n{"step": null}\n{"step": 4, "lo\xff}\n' + log.read_bytes())
    assert len(load_run(workdir).train) == steps
    said = [r.getMessage() for r in caplog.records if f"{log}, line " in r.getMessage()]
    assert [line.split(" is damaged and left out: ")[0] for line in said] == [f"{log}, line {n}" for n in (1, 2, 3, 4)]


def test_health_sees_leaks_bad_losses_and_skipped_rows(tmp_path):
    workdir = write_workdir(tmp_path / "run", "run", 0.3, tasks=NLI)
    assert {check["state"] for check in health(load_run(workdir))} <= {"ok", "missing"}
    mixture = json.loads((workdir / "mixture.json").read_text())
    mixture["tasks"][0] |= {"task": "rte", "skipped": {"empty target": 90_000}, "asked_share": 0.9}
    (workdir / "mixture.json").write_text(json.dumps(mixture))
    (workdir / "metrics.jsonl").write_text('{"step": 1, "loss": NaN}\n')
    states = {check["name"]: check["state"] for check in health(load_run(workdir))}
    assert {name for name, state in states.items() if state == "alarm"} == {
        "Held-out tasks trained on",
        "Skipped rows",
        "Largest share error",
        "Loss",
    }


@pytest.mark.parametrize(("examples", "skipped", "state"), [(5_000, 5_000, "alarm"), (9_990, 10, "ok")])
def test_skipped_rows_are_held_against_the_visits_of_the_plan(tmp_path, examples, skipped, state):
    workdir = write_workdir(tmp_path / "run", "run", 0.3, tasks=NLI)
    mixture = json.loads((workdir / "mixture.json").read_text())
    whole = {"rows": 10, "examples": examples, "skipped": {"empty target": skipped}}
    mixture["tasks"] = [{**mixture["tasks"][0], **whole, "asked_share": 1, "realised_share": 1}]
    (workdir / "mixture.json").write_text(json.dumps(mixture))
    (check,) = (c for c in health(load_run(workdir)) if c["name"] == "Skipped rows")
    assert (check["state"], check["note"]) == (state, "of 10,000 visits to training rows")


@pytest.mark.parametrize(("label", "state"), [("held-out", "alarm"), ("rte", "ok")])
def test_a_task_that_was_trained_on_and_is_asked_by_name_is_no_leak(tmp_path, label, state):
    workdir = write_workdir(tmp_path / "run", "run", 0.3, tasks=NLI)
    mixture = json.loads((workdir / "mixture.json").read_text())
    mixture["tasks"][0] |= {"task": "rte"}
    (workdir / "mixture.json").write_text(json.dumps({**mixture, "heldout": []}))
    run = load_run(workdir)
    run = dataclasses.replace(run, config={}, evaluations=[dataclasses.replace(e, label=label) for e in run.evaluations])
    (check,) = (c for c in health(run) if c["name"] == "Held-out tasks trained on")
    assert check["state"] == state


def test_a_run_without_quarantine_and_one_with_it_have_the_same_checks(tmp_path):
    runs = [write_workdir(tmp_path / name, name, 0.3, tasks=NLI) for name in ("whole", "partial")]
    mixture = json.loads((runs[1] / "mixture.json").read_text())
    (runs[1] / "mixture.json").write_text(json.dumps({**mixture, "quarantined": [{"task": "damaged"}]}))
    whole, partial = (health(load_run(run)) for run in runs)
    assert [check["name"] for check in whole] == [check["name"] for check in partial]
    states = [{check["name"]: check["state"] for check in checks}["Tasks in quarantine"] for checks in (whole, partial)]
    assert states == ["ok", "alarm"]


def test_options_of_a_task_whose_answers_were_written_are_no_examples_options(tmp_path):
    rows = predictions(0.3, tasks=NLI[:1], untuned=False).to_pylist()
    written = {"scorer": "generate", "chain_of_thought": True, "stop": "eos"}
    bare = {"option_log_likelihoods": [], "option_tokens": [], "option_characters": []}
    write_evaluation(tmp_path / "run", pa.Table.from_pylist([{**row, **written, **bare} for row in rows]), 7)
    page = write_report([tmp_path / "run"], tmp_path / "report.html").read_text()
    assert 'id="examples"' in page


def test_two_runs_of_one_name_get_their_folders_names(tmp_path):
    runs = [write_workdir(tmp_path / n, "same", 0.3, tasks=NLI) for n in ("left", "right")]
    page = write_report(runs, tmp_path / "report.html").read_text()
    assert "same (left)" in page
    assert "same (right)" in page


def test_scales_have_round_ticks_inside_their_ends():
    assert plots.scale_for([3, 47]).ticks == (0, 10, 20, 30, 40, 50)
    fixed = plots.scale_for([0.4], low=0, high=0.5)
    assert (fixed.low, fixed.high) == (0, 0.5)
    assert all(0 <= t <= 0.5 for t in fixed.ticks)
    assert plots.scale_for([5, 5]).high > 5


def test_thinning_keeps_the_last_point_and_drops_what_is_not_a_number():
    x, y = plots.thin([1, 2, 3, 4, 5], [1.0, float("nan"), 3.0, None, 5.0], 2)
    assert x[-1] == 5
    assert y == [2.0, 5.0]


def test_answers_found_and_samples_without_one_stand_apart_from_the_score(tmp_path):
    table = predictions(0.3, untuned=False)
    rows = [row for row in table.to_pylist() if row["scorer"] == "generate"]
    voted = [
        {**row, "samples": ["a", "b", "c", "d"], "parsed": n % 4 > 0, "unparsed_samples": 1.0 if n % 4 == 0 else 0.25}
        for n, row in enumerate(rows)
    ]
    write_evaluation(tmp_path / "run", pa.Table.from_pylist(voted), 7)
    page = write_report([tmp_path / "run"], tmp_path / "report.html").read_text()
    checks = {check["name"]: check for check in health(load_run(tmp_path / "run"))}
    assert (checks["Answers found"]["value"], checks["Samples without an answer"]["value"]) == ("75.0%", "43.8%")
    assert "of 4 an item" in checks["Samples without an answer"]["note"]
    assert re.search(r"75\.0% answered, 43\.8% of 4 samples did not", page)
