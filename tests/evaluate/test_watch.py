"""The page of runs that still train: written again when they have logged, and for the last time when they have ended."""

import dataclasses
import json
import re
import time

import pytest
from etils import epath
from gcs_stand_in import BUCKET, bucket
from synthetic_runs import write_workdir

from flanjax import claim
from flanjax.claim import Claim, Holder
from flanjax.cli import main
from flanjax.report import watch as watching
from flanjax.report.watch import stamp, watch


def refresh(page):
    return re.findall(r'<meta http-equiv="refresh" content="(\d+)">', page.read_text())


@pytest.fixture
def run(tmp_path):
    """A workdir that nobody claims, whose run has logged 60 of 100 steps; and what makes it log up to a step."""
    workdir = write_workdir(tmp_path / "run", "mine", None, steps=100)
    lines = (workdir / "metrics.jsonl").read_text().splitlines()

    def logs(step):
        (workdir / "metrics.jsonl").write_text("".join(f"{x}\n" for x in lines if json.loads(x)["step"] <= step))

    logs(60)
    return workdir, logs


def save(workdir, step):
    (workdir / "checkpoints" / str(step)).mkdir(parents=True)


def claimed(workdir, **changes):
    """Writes the claim of a run on another machine, renewed just now."""
    now = time.time()
    usual = {"host": "elsewhere", "process": 7, "machine": "another", "born": 1, "since": now, "token": "t", "renewed": now}
    (workdir / claim.NAME).write_text(json.dumps(dataclasses.asdict(Holder(**{**usual, **changes}))))


def test_the_page_is_written_when_the_run_has_logged_and_once_more_when_it_has_ended(run, tmp_path, capsys):
    workdir, logs = run
    output, said, seen = tmp_path / "page.html", [], []
    held = Claim(workdir)
    held.take()

    def end():
        logs(100)
        save(workdir, 100)
        held.release()

    waits = iter([lambda: None, lambda: logs(80), lambda: None, end])

    def sleep(seconds):
        seen.append((seconds, len(said), refresh(output)))
        next(waits)()

    assert watch([workdir], output, 7, log=said.append, sleep=sleep) == output
    assert seen == [(7, 1, ["7"]), (7, 1, ["7"]), (7, 2, ["7"]), (7, 2, ["7"])]  # not again where nothing has happened
    assert len(said) == 3
    assert refresh(output) == []
    assert "written again" in said[1]
    assert "written again" not in said[2]
    assert capsys.readouterr().err == ""


def test_a_run_that_has_logged_its_last_step_is_watched_until_it_has_given_its_claim_back(run, tmp_path):
    workdir, logs = run
    logs(100)
    claimed(workdir)
    at, last = "checkpoints/100", []

    def score():
        line = {"step": 100, "kind": "heldout", "cluster_score": {"afterwards": {"mean": 1.0, "low": 0.0, "high": 2.0}}}
        with (workdir / "metrics.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")

    waits = iter([score, lambda: save(workdir, 100), (workdir / claim.NAME).unlink])

    def sleep(seconds):
        last.append((workdir / at).exists())
        next(waits)()

    page = watch([workdir], tmp_path / "page.html", 5, log=lambda line: None, sleep=sleep)
    assert last == [False, False, True]
    assert "afterwards" in page.read_text()


def test_a_claim_that_is_renewed_writes_no_page_and_a_run_with_nothing_else_is_waited_for(tmp_path):
    output, said = tmp_path / "page.html", []
    (workdir := tmp_path / "run").mkdir()
    claimed(workdir)

    def begin():
        for file in (whole := write_workdir(tmp_path / "whole", "mine", None, steps=100)).iterdir():
            file.rename(workdir / file.name)
        whole.rmdir()

    waits = iter(
        [begin, lambda: claimed(workdir, renewed=time.time() + 1), lambda: save(workdir, 100), (workdir / claim.NAME).unlink]
    )
    watch([workdir], output, 5, log=said.append, sleep=lambda seconds: next(waits)())
    assert len(said) == 2


def test_new_lines_of_a_run_in_a_bucket_are_seen():
    bucket().objects.clear()  # of other files' tests in this process
    workdir = epath.Path(f"gs://{BUCKET}/watched")
    assert stamp(workdir) == ()
    seen = []
    for part in (0, 1):
        (workdir / f"metrics/part-{part:05}.jsonl").write_text('{"step": 1}\n')
        seen.append(stamp(workdir))
    assert [len(one) for one in seen] == [1, 2]


@pytest.mark.parametrize("left", ["nothing", "a claim that has lapsed"])
def test_a_run_that_has_stopped_ends_it_and_is_named_with_its_step(run, tmp_path, capsys, left):
    workdir, _ = run
    claimed(workdir)

    def stop():
        (workdir / claim.NAME).unlink()
        if left != "nothing":
            claimed(workdir, renewed=time.time() - claim.STALE_SECONDS - 1)

    waits = iter([stop])
    page = watch([workdir], tmp_path / "page.html", 5, log=lambda line: None, sleep=lambda seconds: next(waits)())
    assert refresh(page) == []
    said = capsys.readouterr().err
    assert f"{workdir} has stopped at step 60 of 100, without its last checkpoint" in said
    assert "the same command watches it again" in said


def test_of_two_runs_one_that_has_stopped_is_named_when_the_other_has_ended(run, tmp_path, capsys):
    stopped, _ = run
    goes_on = write_workdir(tmp_path / "other", "other", None, steps=100)
    claimed(goes_on)
    waited = []

    def sleep(seconds):
        waited.append(capsys.readouterr().err)
        save(goes_on, 100)
        (goes_on / claim.NAME).unlink()

    watch([stopped, goes_on], tmp_path / "page.html", 5, log=lambda line: None, sleep=sleep)
    assert waited == [""]
    assert re.findall(r"(\S+) has stopped", capsys.readouterr().err) == [str(stopped)]


def test_a_run_that_has_not_begun_is_waited_for_and_then_an_ended_one_ends_it(tmp_path):
    output, said, waited = tmp_path / "page.html", [], []

    def sleep(seconds):
        waited.append(seconds)
        if len(waited) == 1:
            (tmp_path / "run").mkdir()
        else:
            (tmp_path / "run").rmdir()
            save(write_workdir(tmp_path / "run", "mine", None, steps=100), 100)

    watch([tmp_path / "run"], output, 3, log=said.append, sleep=sleep)
    assert waited == [3, 3]
    assert len(said) == 1
    assert refresh(output) == []


def test_the_command_watches_and_an_ended_run_ends_it(run, tmp_path, monkeypatch, capsys):
    workdir, logs = run
    logs(100)
    save(workdir, 100)
    monkeypatch.setattr(watching.time, "sleep", lambda seconds: pytest.fail("it has ended"))
    assert main(["report", str(workdir), "--output", str(tmp_path / "page.html"), "--watch", "5"]) == 0
    assert "report: " in capsys.readouterr().out
