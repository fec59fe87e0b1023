"""Runs of a study that were asked other questions, because the mixture was edited between them, are not taken together."""

import json
from pathlib import Path

import pytest
from scripted_study import Script, furnish

from flanjax.config import ConfigError
from flanjax.lab.ablate import finished
from flanjax.lab.ablate.plan import make_plan
from flanjax.lab.ablate.runner import run_plan
from flanjax.lab.ablate.study import Study

OUT = Path("out")


@pytest.fixture
def ran(tmp_path, monkeypatch):
    """A function axes -> the plan of a study, with all its runs finished."""
    furnish(tmp_path)
    monkeypatch.chdir(tmp_path)

    def of(axes, **more):
        plan = make_plan(Study(config="config.py", axes=axes, seeds=2, **more))
        assert run_plan(plan, OUT, Script(plan, OUT), lambda line: None) == []
        assert len(finished.find_all(OUT, plan)) == len(plan.cells)
        return plan

    return of


def edit(plan, number, questions="1" * 16):
    """Gives a cell's evaluation other questions, as that of an edited mixture has."""
    file = finished.find(OUT, plan.cells[number]).folder / "protocol.json"
    record = json.loads(file.read_text())
    record["protocol"]["questions"] = questions
    file.write_text(json.dumps(record))
    return record


def test_two_runs_of_equal_settings_and_other_questions_are_named_with_the_way_out(ran):
    plan = ran({"templates": (1, 2)})
    edit(plan, 2)
    with pytest.raises(ConfigError) as raised:
        finished.find_all(OUT, plan)
    assert str(raised.value).startswith("templates-1_seed-0 and templates-2_seed-0 were evaluated by the same settings, but on")
    assert str(raised.value).endswith(
        "Evaluate both as it is now: flanjax heldout --workdir out/runs/templates-1_seed-0 and "
        "flanjax heldout --workdir out/runs/templates-2_seed-0"
    )


def test_evaluations_that_may_have_other_questions_are_taken_together(ran):
    """Other shots, other held-out clusters, and other tasks of one because a task was left out."""
    plan = ran({"shots": (0, 4), "hold_out": ("nli", "topic"), "leave_one_out": ("topic_1", "sentiment")})
    for number, cell in enumerate(plan.cells):
        shots, held_out, left_out = cell.labels
        edit(plan, number, f"{shots} {held_out} {(held_out, left_out) == ('topic', 'topic_1')}")
    assert len(finished.find_all(OUT, plan)) == len(plan.cells)
    edit(plan, 0, "edited")
    with pytest.raises(ConfigError, match="on other questions"):
        finished.find_all(OUT, plan)


def test_a_training_task_that_is_left_out_changes_no_question(ran):
    plan = ran({"leave_one_out": ("sentiment",)})
    edit(plan, 2)
    with pytest.raises(ConfigError, match="leave_one_out-nothing_seed-0 and leave_one_out-sentiment_seed-0 were"):
        finished.find_all(OUT, plan)


def test_runs_that_read_by_other_tokenizers_may_be_asked_other_questions(ran):
    """A prompt that one of them has no room for is cut, or has fewer exemplars."""
    plan = ran({"templates": (1, 2)})
    for number, cell in enumerate(plan.cells):
        folder = finished.workdir_of(OUT, cell.training) / "tokenizer"
        folder.mkdir()
        (folder / "origin.json").write_text(cell.training)
        (folder / "tokenizer.model").write_bytes(b"one" if number < 2 else b"two")
        edit(plan, number, "one" if number < 2 else "two")
    assert len(finished.find_all(OUT, plan)) == 4
    edit(plan, 1, "two")
    with pytest.raises(ConfigError, match="templates-1_seed-0 and templates-1_seed-1 were evaluated"):
        finished.find_all(OUT, plan)


def test_of_two_evaluations_by_the_same_settings_the_newer_counts(ran):
    plan = ran({"templates": (1, 2)})
    older = finished.find(OUT, plan.cells[0]).folder
    for name, date in (("a-newer", "2100-01-01T00:00:00+00:00"), ("z-older", "2000-01-01T00:00:00+00:00")):
        place = older.parent / name
        place.mkdir()
        record = json.loads((older / "protocol.json").read_text())
        record["protocol"]["questions"], record["made"]["date"] = name, date
        (place / "protocol.json").write_text(json.dumps(record))
        (place / "report.html").write_text("<html>")
    found = finished.find(OUT, plan.cells[0])
    assert (found.folder.name, found.questions) == ("a-newer", "a-newer")


def test_a_run_of_an_older_version_whose_config_has_fewer_keys_is_the_same_run(ran):
    plan = ran({"templates": (1, 2)})
    file = OUT / "runs" / plan.cells[0].training / "config.json"
    record = json.loads(file.read_text())
    assert record["train"].pop("quantization") == "none"
    file.write_text(json.dumps(record))
    assert len(finished.find_all(OUT, plan)) == len(plan.cells)
    record["train"]["steps"] += 1
    file.write_text(json.dumps(record))
    with pytest.raises(ConfigError, match=r"train\.steps: "):
        finished.find_all(OUT, plan)
