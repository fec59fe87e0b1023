"""The page of runs that still train: written again when they have logged, and for the last time when they have ended."""

import json
import re

import pytest
from synthetic_runs import write_workdir

from flanjax.cli import main
from flanjax.report import watch as watching
from flanjax.report.watch import watch


def refresh(page):
    return re.findall(r'<meta http-equiv="refresh" content="(\d+)">', page.read_text())


@pytest.fixture
def run(tmp_path):
    """A workdir whose run has logged 60 of 100 steps; and what makes it log up to a step."""
    workdir = write_workdir(tmp_path / "run", "mine", None, steps=100)
    lines = (workdir / "metrics.jsonl").read_text().splitlines()

    def logs(step):
        (workdir / "metrics.jsonl").write_text("".join(f"{x}\n" for x in lines if json.loads(x)["step"] <= step))

    logs(60)
    return workdir, logs


def test_the_page_is_written_when_the_run_has_logged_and_once_more_when_it_has_ended(run, tmp_path):
    workdir, logs = run
    output, said, seen = tmp_path / "page.html", [], []
    waits = iter([lambda: None, lambda: logs(80), lambda: None, lambda: logs(100)])

    def sleep(seconds):
        seen.append((seconds, len(said), refresh(output)))
        next(waits)()

    assert watch([workdir], output, 7, log=said.append, sleep=sleep) == output
    assert seen == [(7, 1, ["7"]), (7, 1, ["7"]), (7, 2, ["7"]), (7, 2, ["7"])]  # not again where nothing has happened
    assert len(said) == 3
    assert refresh(output) == []
    assert "written again" in said[1]
    assert "written again" not in said[2]


def test_a_run_that_has_not_begun_is_waited_for_and_then_an_ended_one_ends_it(tmp_path):
    output, said, waited = tmp_path / "page.html", [], []

    def sleep(seconds):
        waited.append(seconds)
        if len(waited) == 1:
            (tmp_path / "run").mkdir()
        else:
            (tmp_path / "run").rmdir()
            write_workdir(tmp_path / "run", "mine", None, steps=100)

    watch([tmp_path / "run"], output, 3, log=said.append, sleep=sleep)
    assert waited == [3, 3]
    assert len(said) == 1
    assert refresh(output) == []


def test_the_command_watches_and_an_ended_run_ends_it(run, tmp_path, monkeypatch, capsys):
    workdir, logs = run
    logs(100)
    monkeypatch.setattr(watching.time, "sleep", lambda seconds: pytest.fail("it has ended"))
    assert main(["report", str(workdir), "--output", str(tmp_path / "page.html"), "--watch", "5"]) == 0
    assert "report: " in capsys.readouterr().out
