"""Claims on folders, on a disk and in a bucket: refused, renewed, given back, lapsed, taken over and lost."""

import dataclasses
import json
import os
import re
import subprocess
import sys
import threading
import time
import uuid

import pytest
from gcs_stand_in import BUCKET, bucket
from test_run import CONFIG, MIXTURE, refused

from flanjax import claim, parts, workdir
from flanjax.claim import NAME, Claim, ClaimError, Holder, is_claimed
from flanjax.storage import place

pytestmark = pytest.mark.usefixtures("one_device")

HOUR = 3600


@pytest.fixture(params=["disk", "bucket"])
def folder(request, tmp_path):
    if request.param == "bucket":
        bucket()
        return place(f"gs://{BUCKET}/{uuid.uuid4().hex}")
    return tmp_path


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(claim, "RENEW_SECONDS", 0.05)
    monkeypatch.setattr(claim, "WATCH_SECONDS", 0.2)
    monkeypatch.setattr(claim, "STALE_SECONDS", 0.8)


def holder(**changes):
    """One on another host that has renewed its claim just now."""
    now = time.time()
    usual = {"host": "elsewhere", "process": 7, "machine": "another", "born": 1, "since": now, "token": "t", "renewed": now}
    return Holder(**{**usual, **changes})


def leave(folder, left):
    text = json.dumps(dataclasses.asdict(left))
    claim._store(place(folder)).write(NAME, text.encode()).result()  # as a run writes it, never in the middle of a renewal


def held_by(folder):
    found = claim._store(place(folder)).read(NAME).result()  # in one request: gcsfs asks for the size first, then for the text
    return Holder(**json.loads(found.value))


def taken(folder, said=None):
    made = Claim(folder, [].append if said is None else said.append)
    made.take()
    return made


def test_a_second_run_is_refused_by_name_until_the_first_gives_the_folder_back(folder):
    first, said = taken(folder), []
    since = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(held_by(folder).since))
    with pytest.raises(ClaimError, match=rf"process {os.getpid()} on host {os.uname().nodename}, since {since}"):
        taken(folder, said)
    assert not said, "a run that is known to live is not waited for"
    first.check()
    first.release()
    assert not (folder / NAME).exists()
    taken(folder).release()


def test_a_folder_is_claimed_until_its_claim_is_given_back_or_has_lapsed(folder):
    assert not is_claimed(folder)
    held = taken(folder)
    assert is_claimed(folder)
    leave(folder, dataclasses.replace(held_by(folder), born=1))  # a process of this number that began at another time
    assert not is_claimed(folder)
    leave(folder, holder())
    assert is_claimed(folder)
    leave(folder, holder(renewed=time.time() - claim.STALE_SECONDS - 1))
    assert not is_claimed(folder)
    held.release()


def test_a_claim_is_renewed_while_its_run_lives_and_not_after(folder, quick):
    first = taken(folder)
    began, ends = held_by(folder).renewed, time.monotonic() + 30
    while held_by(folder).renewed == began:
        assert time.monotonic() < ends
        time.sleep(0.05)
    first.release()
    time.sleep(0.2)
    assert not (folder / NAME).exists()


def test_of_many_that_take_over_one_lapsed_claim_one_gets_it(folder, quick):
    leave(folder, holder(renewed=time.time() - HOUR))
    outcomes = []

    def reach():
        try:
            outcomes.append(taken(folder))
        except ClaimError as error:
            outcomes.append(error)

    threads = [threading.Thread(target=reach) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (winner,) = (o for o in outcomes if isinstance(o, Claim))
    assert len(outcomes) == 6
    winner.check()
    winner.release()


def test_the_claim_of_a_process_that_was_killed_here_is_taken_over_at_once(folder):
    code = f"from flanjax.claim import Claim; Claim({str(folder)!r}).take(); print('held', flush=True); input()"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", code], **pipes) as process:
        assert process.stdout.readline() == "held\n"
        with pytest.raises(ClaimError, match=f"process {process.pid} on host"):
            taken(folder)
        process.kill()
        process.wait()
        said = []
        taken(folder, said).release()
    assert said == []


def test_a_restarted_job_waits_until_another_hosts_claim_has_lapsed_and_says_so(folder, quick):
    left, said = holder(), []
    leave(folder, left)
    second = taken(folder, said)
    assert 0.8 <= time.time() - left.renewed < 60
    assert "process 7 on host elsewhere" in said[0]
    assert re.search(r"waiting up to \d s", said[0])
    assert held_by(folder).process == os.getpid()
    second.release()


def test_a_claim_that_moves_while_it_is_watched_is_refused_whatever_its_clock_says(folder, quick, monkeypatch):
    monkeypatch.setattr(claim, "WATCH_SECONDS", 60)  # the first move ends it
    leave(folder, holder(renewed=time.time() - HOUR))
    renewal = threading.Timer(0.1, leave, [folder, holder(renewed=time.time() - HOUR + 1)])
    renewal.start()
    with pytest.raises(ClaimError, match="process 7 on host elsewhere"):
        taken(folder)
    renewal.join()
    assert held_by(folder).process == 7


def test_a_run_that_stood_still_while_its_folder_was_taken_over_writes_nothing_more(folder, monkeypatch):
    first = taken(folder)
    here = dataclasses.replace(workdir.open_workdir(folder), check=first.check)
    log = here.metrics_log(0)
    here.write_record("config.json", {"run": 1})
    log.write({"step": 1})
    log.flush()
    leave(folder, holder())
    monkeypatch.setattr(claim, "STALE_SECONDS", 0)  # as if much time had passed between two lines
    for write in (lambda: here.write_record("config.json", {"run": 2}), lambda: (log.write({"step": 2}), log.flush())):
        with pytest.raises(ClaimError, match="taken over by another run"):
            write()
    first.release()
    assert here.read_record("config.json", 1) == {"run": 1}
    assert here.read_metrics() == [{"step": 1}]
    assert held_by(folder).process == 7


def test_a_folder_that_cannot_be_claimed_is_named_with_the_reason(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.py").write_text(CONFIG)
    (tmp_path / "toy.py").write_text(MIXTURE)
    (tmp_path / "file").write_text("no folder")
    for where in (f"{tmp_path}/file", "gs://no-such-bucket/run"):
        bucket()
        assert f"{where} cannot be claimed" in refused(capsys, "train", "--config", "config.py", "--workdir", where)


def test_a_trainer_whose_folder_is_taken_over_stops_before_its_next_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "toy.py").write_text(MIXTURE)
    (tmp_path / "config.py").write_text(CONFIG)
    record = parts.mixture_record

    def take_over(*args):
        leave(tmp_path / "run", holder())
        monkeypatch.setattr(claim, "STALE_SECONDS", 0)  # as if much time had passed
        return record(*args)

    monkeypatch.setattr(parts, "mixture_record", take_over)  # of the first checkpoint, at step 6
    line = refused(capsys, "train", "--config", "config.py", "--workdir", "run", "--config.train.validate_every=0")
    assert "run was taken over by another run (process 7 on host elsewhere" in line
    assert [line["step"] for line in workdir.open_workdir("run").read_metrics()] == [1, 2, 3, 4, 5, 6]
    assert not (tmp_path / "run" / "mixture.json").exists()
    assert held_by(tmp_path / "run").process == 7
