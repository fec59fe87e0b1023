"""The benchmark command: what it refuses, what it writes, and that two processes take turns. No speed is measured here."""

import json
import os
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from benchmarks import __main__ as command
from benchmarks import catalogue, growth, page, plots, starts, torch_rows
from benchmarks.comparing import Comparison, Measured, compare, differences
from benchmarks.sides import Side, SideError

ABOUT = {
    "size": "quick",
    "date": "2026-11-29T10:00:00+00:00",
    "processor": "a processor",
    "usable_cores": 2,
    "memory_gib": 24.0,
    "accelerator": None,
    "load": [0.1, 0.2, 0.3],
    "load_at_the_end": [1.5, 1.0, 0.5],
    "seconds": {"preparing": 60.0, "measuring": 360.0},
    "versions": {"jax": "0.10.2"},
    "tiny": False,
}


class Scripted:
    """A side that answers what it was made with, and notes what it was asked."""

    def __init__(self, name: str, checked: dict, seconds: float, asked: list):
        self.name, self.checked, self.seconds, self.asked = name, checked, seconds, asked

    def ask(self, question, *arguments):
        self.asked.append((self.name, question, *arguments[:1]))
        run = {"seconds": self.seconds, "work": 6.0}
        answers = {"make": {"said": "work"}, "check": self.checked, "tune": {"a_vs_b": {"size": 3}}, "run": run, "facts": {}}
        return answers[question]


def comparison(ours: Scripted, theirs: Scripted, **more) -> Comparison:
    @contextmanager
    def use(side, folder):
        side.asked.append((side.name, "opened"))
        yield side

    tolerance = {"loss": 1e-3}
    return Comparison(
        "a", {"a_vs_b": "rows/s"}, {}, lambda folder: use(ours, folder), lambda folder: use(theirs, folder), tolerance, **more
    )


def sides(ours: dict, theirs: dict):
    asked: list = []
    return Scripted("ours", ours, 2.0, asked), Scripted("theirs", theirs, 3.0, asked), asked


@pytest.mark.parametrize("rewarm", [0, 1])
def test_sides_take_turns_after_they_have_computed_the_same(tmp_path, rewarm):
    ours, theirs, asked = sides({"loss": 1.0}, {"loss": 1.0005})
    told = compare(comparison(ours, theirs, rewarm=rewarm), tmp_path, 2, lambda line: None)["a_vs_b"]
    assert isinstance(told, Measured)
    assert told.spread()["median"] == pytest.approx(1.5)  # 3 rows a second beside 2
    turns = [*["ours"] * 3, *["theirs"] * (4 + rewarm), *["ours"] * (1 + rewarm)]
    assert [name for name, question, *_ in asked if question == "run"] == turns
    assert [name for name, question, *_ in asked if question == "opened"] == ["ours", "theirs"]
    assert told.facts["settings"] == {"size": 3}


def test_on_an_accelerator_no_two_sides_live_at_once(tmp_path):
    ours, theirs, asked = sides({"loss": 1.0}, {"loss": 1.0})
    compare(comparison(ours, theirs, together=False), tmp_path, 1, lambda line: None)
    assert [name for name, question, *_ in asked if question == "opened"] == ["ours", "theirs"] * 2


@pytest.mark.parametrize(
    ("ours", "theirs", "said"),
    [
        ({"loss": 1.0}, {"loss": 1.002}, "loss: ours 1.0, theirs 1.002"),
        ({"loss": float("nan")}, {"loss": float("nan")}, "loss: ours nan"),
        ({"ids": [1, 2]}, {"ids": [1, 2, 3]}, "ids: ours"),
        ({"loss": 1.0, "norm": 1.0}, {"loss": 1.0}, "norm is only ours"),
    ],
)
def test_where_the_sides_compute_different_things_nothing_is_timed(tmp_path, ours, theirs, said):
    mine, peer, asked = sides(ours, theirs)
    told = compare(comparison(mine, peer), tmp_path, 2, lambda line: None)
    assert said in told["a_vs_b"]
    assert not [question for _, question, *_ in asked if question == "run"]


def test_lists_are_compared_number_by_number():
    assert differences({"x loss": [1.0, 2.0]}, {"x loss": [1.0001, 2.0]}, {"loss": 1e-3}) == []
    assert differences({"x loss": [1.0, 2.0]}, {"x loss": [1.1, 2.0]}, {"loss": 1e-3})


SIDE = """
import os, threading, time
from tests.benchmarks.sides import serve

class Counting:
    count = 0
    def __init__(self):
        threading.Thread(target=self._count, daemon=True).start()
    def _count(self):
        while True:
            self.count += 1
            time.sleep(0.002)
    def read(self):
        print("to stderr")
        return self.count
    def fail(self):
        raise ValueError("no such row")
    def leave(self):
        print("the last words", flush=True)
        os._exit(3)

serve(Counting)
"""


def test_a_side_stands_still_between_its_answers_and_its_failures_are_told():
    with Side("counting", [os.sys.executable, "-c", SIDE], {"PYTHONPATH": "."}) as side:
        before = side.ask("read")
        time.sleep(0.4)
        assert side.ask("read") - before < 20  # of 200
        with pytest.raises(SideError, match="counting, asked for fail: ValueError: no such row"):
            side.ask("fail")
        with pytest.raises(SideError, match="ended with status 3 when asked for leave: the last words"):
            side.ask("leave")


def record(**found) -> dict:
    keys = catalogue.keys("quick")
    reasons = {key: "needs a GPU: jax found none here" for key in keys if key not in found}
    return json.loads(json.dumps(command.record_of(keys, found, reasons, None, ABOUT)))


def measured(*ratios: float) -> Measured:
    ours = {"seconds": 1.0, "work": 12.0, "flops": 3e9}
    rounds = [(ours, {"seconds": 1.0, "work": 12.0 / ratio}) for ratio in ratios]
    facts = {"work": {"said": "a model"}, "ours": {"limit_flops": 6e9}, "theirs": {}, "settings": {"attention": "sdpa"}}
    return Measured("tokens/s", rounds, facts)


def test_the_record_has_a_number_or_a_reason_for_every_key():
    found = record(step_vs_torch=measured(1.0, 3.0, 2.0))
    assert {"step_vs_torch", "stream_vs_torch", "scoring_vs_lm_eval", "generation_vs_hf", "input_vs_seqio"} <= found.keys()
    assert found["step_vs_torch"] == 2.0
    assert [found["spread"]["step_vs_torch"][name] for name in ("least", "most")] == [1.0, 3.0]
    assert found["stream_vs_torch"] is None
    assert set(found["reasons"]) == set(page.keys_of(found)) - {"step_vs_torch"}


def test_without_texts_for_a_vocabulary_its_keys_have_the_reason(monkeypatch):
    from benchmarks import vocabulary

    def missing(*_):
        raise ValueError("fancyzhx/ag_news is not in the mirror")

    monkeypatch.setattr(vocabulary, "vocabulary", missing)
    reasons: dict = {}
    assert command._vocabulary(command.parse(["quick"]), reasons) == ""
    assert "give --tokenizer" in reasons["step_vs_torch"]
    assert "not in the mirror" in reasons["input_vs_seqio"]
    assert "generation_vs_hf" not in reasons


def test_the_page_shows_ratios_with_their_spread_and_what_was_not_measured(tmp_path):
    place = tmp_path / "performance.md"
    place.write_text(f"before\n{page.BEGIN}\nold\n{page.END}\nafter\n")
    page.write(record(step_vs_torch=measured(1.0, 3.0, 2.0)), place)
    text = place.read_text()
    assert "**2.00** (1.00 to 3.00)" in text
    assert "not measured: needs a GPU" in text
    assert "2026-11-29" in text
    assert "load 0.1 before, 1.5 at the end" in text
    assert "MFU 50.0%, theirs 50.0%" in text
    assert "old" not in text
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    page.write(record(step_vs_torch=measured(1.0)), place)
    assert place.read_text().count(page.BEGIN) == 1


def test_a_page_without_markers_is_left_alone(tmp_path):
    place = tmp_path / "performance.md"
    place.write_text("mine\n")
    with pytest.raises(ValueError, match="must have the lines"):
        page.write(record(), place)
    assert place.read_text() == "mine\n"


def test_the_page_of_figures_has_the_markers():
    text = page.PAGE.read_text()
    for line in (page.BEGIN, page.END, growth.BEGIN, growth.END):
        assert text.count(line) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["quick", "--only", "stepp"], "--only stepp: no such key; quick has"),
        (["quick", "--rounds", "0"], "--rounds is 0"),
        (["full", "--tokenizer", "nowhere.model"], "there is no such file"),
        (["full", "--json", "nowhere/figures.json"], "there is no folder nowhere"),
        (["report", "nowhere.json"], "full --json nowhere.json makes one"),
        ([], "required"),
    ],
)
def test_mistakes_are_told_before_anything_is_measured(arguments, said, capsys):
    with pytest.raises(SystemExit):
        command.main(arguments)
    assert said in capsys.readouterr().err


def test_every_comparison_names_a_module_that_is_there():
    for size in ("quick", "full"):
        for found in catalogue.comparisons(catalogue.Asked(size, True, "t.model", True, "python")):
            for side in (found.ours, found.theirs):
                assert (Path(command.__file__).parent / f"{side.args[0]}.py").exists()


def test_rows_give_torch_the_same_examples_in_every_way():
    batch = {
        "inputs": np.array([[5, 6, 7, 8, 0]]),
        "inputs_segment_ids": np.array([[1, 1, 1, 2, 0]]),
        "decoder_inputs": np.array([[0, 11, 0, 0]]),
        "targets": np.array([[11, 12, 13, 0]]),
        "segment_ids": np.array([[1, 1, 2, 0]]),
        "loss_weights": np.array([[1.0, 1.0, 1.0, 0.0]]),
    }
    examples = torch_rows.examples_of(batch)
    assert [e.targets.tolist() for e in examples] == [[11, 12], [13]]
    (rows,) = torch_rows.padded(examples, 100)
    assert sorted(rows["input_ids"].tolist()) == [[5, 6, 7], [8, 0, 0]]
    (packed,) = torch_rows.packed(batch, 100)
    assert packed["targets"].tolist() == [11, 12, 13]
    assert packed["at"].tolist() == [0, 1, 2]
    assert torch_rows.tokens(batch) == 7


def test_the_stages_of_a_start_are_read_from_what_training_prints():
    said = "ready\nthe first step was done after 4.5 s: imports 1.5, mixture and tokenizer 0.5, first step 2.5\n1/2"
    told = starts.TOLD.search(said)
    assert told
    assert (told[1], told[2]) == ("4.5", "imports 1.5, mixture and tokenizer 0.5, first step 2.5")


def test_growth_is_drawn_for_every_kind_of_point(tmp_path):
    points = [{"x": x, "seconds": x / 100, "read_seconds": x / 300, "mib": 2.0 * x} for x in (512, 1024, 4096)]
    record = {**dict.fromkeys(growth.GROWTHS, points), "about": ABOUT}
    growth.draw_all(record, tmp_path / "growth")
    drawn = {path.name for path in (tmp_path / "growth").iterdir()}
    assert drawn == {f"{name}.svg" for name in growth.GROWTHS}
    assert "seconds a step" in (tmp_path / "growth" / "row_length.svg").read_text()
    said = "\n".join(growth.section(record, tmp_path / "growth", tmp_path / "performance.md"))
    assert "![width](growth/width.svg)" in said
    assert "8 times the tasks: 8 times the seconds to plan and take 1,024 examples, 8 times the MiB kept." in said
    assert plots.ticks(1, 1000) == [1, 10, 100, 1000]
