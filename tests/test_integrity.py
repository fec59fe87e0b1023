"""Checks of a run's folder: its tokenizer, mixture and schedule, and a step that is removed while it is read."""

import json
import re
import shutil
import signal
import time
from pathlib import Path

import pytest
from processes import end_all, spawn
from test_run import CONFIG, MIXTURE, finish, refused, train_here

from flanjax import checkpoint
from flanjax.cli import main
from flanjax.data.tokenizer import load_tokenizer

COSINE = ("--config.train.optimizer.schedule=cosine", "--config.train.validate_every=0")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with a mixture, a config, and `run`: three steps on a cosine schedule, with a checkpoint of each."""
    folder = tmp_path_factory.mktemp("integrity")
    (folder / "toy.py").write_text(MIXTURE)
    (folder / "config.py").write_text(CONFIG)
    every = ("--config.checkpoint.every_steps=1", "--config.checkpoint.keep=3")
    status, said = train_here(folder, "run", "--config.train.steps=3", *COSINE, *every)
    assert status == 0, said
    return folder


@pytest.fixture(autouse=True)
def no_process_stays():
    yield
    end_all()


@pytest.fixture
def here(home, monkeypatch):
    monkeypatch.chdir(home)
    return home


@pytest.fixture
def copy(here, tmp_path):
    """A copy of the run, to be spoilt."""
    return Path(shutil.copytree(here / "run", tmp_path / "copy"))


def refused_run(capsys, workdir, *changes):
    return refused(capsys, "train", "--config", "config.py", "--workdir", str(workdir), *changes)


def rates(workdir):
    return [json.loads(line)["learning_rate"] for line in (workdir / "metrics.jsonl").read_text().splitlines()]


def edited(home, tmp_path, monkeypatch, *replacements):
    """Another folder to work in, whose mixture file has other words."""
    text = MIXTURE
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new)
    (tmp_path / "toy.py").write_text(text)
    (tmp_path / "config.py").write_text(CONFIG)
    monkeypatch.chdir(tmp_path)


def test_more_steps_do_not_bend_a_decaying_schedule(here, copy, capsys):
    longer = ("--config.train.steps=5", *COSINE)
    line = refused_run(capsys, copy, *longer)
    assert "the cosine schedule is 3 steps long and would be 5 (train.steps: 3 -> 5)" in line
    [key] = re.findall(r"Set (train\.optimizer\.schedule_steps=3) to keep it", line)
    before = rates(copy)
    status, said = train_here(here, str(copy), *longer, f"--config.{key}")
    assert status == 0, said
    assert rates(copy) == [*before, 0.0, 0.0]
    assert "the cosine schedule is 3 steps long and would be 5" in refused_run(capsys, copy, *longer)  # it stays fixed


@pytest.mark.parametrize("change", ["templates", "settings", "split"])
def test_a_tokenizer_left_by_a_failed_start_is_made_anew_for_other_data(here, tmp_path, monkeypatch, capsys, change):
    workdir, kept = tmp_path / "run", tmp_path / "run" / "tokenizer"
    fails = ("--config.mesh.data=3", "--config.train.steps=1")

    def start(*changes):
        assert "there are 8 devices" in refused_run(capsys, workdir, *fails, *changes)
        return load_tokenizer(str(kept)).fingerprint, (kept / "origin.json").stat().st_mtime_ns

    first = start()
    assert start() == first  # made from the same, so used
    if change == "templates":
        edited(here, tmp_path, monkeypatch, ("which colour ?", "tell its hue"))
        changes = ()
    else:
        changes = {"settings": ("--config.tokenizer.vocab_size=30",), "split": ("--config.heldout=('seeing',)",)}[change]
    assert start(*changes)[0] != first[0]


def test_a_tokenizer_with_checkpoints_is_kept_or_the_run_refused(here, copy, capsys):
    def files():
        return {p.name: p.read_bytes() for p in (copy / "tokenizer").iterdir()}

    before, same = files(), ("--config.train.steps=3", *COSINE)
    assert "tokenizer.vocab_size" in refused_run(capsys, copy, *same, "--config.tokenizer.vocab_size=30")
    assert files() == before
    load_tokenizer("bytes").save(copy / "tokenizer")
    assert " -> bytes (the data" in refused_run(capsys, copy, *same)


def test_a_run_that_diverges_names_a_way_out_that_is_accepted(home, tmp_path):
    diverging = ("--config.train.steps=3", "--config.train.validate_every=0", "--config.train.optimizer.learning_rate=1e38")
    status, said = train_here(home, str(tmp_path / "run"), *diverging)
    assert status == 1
    [line] = [line for line in said.splitlines() if re.match("flanjax: the (loss|gradient) is not a number at step ", line)]
    assert "another --workdir" in line
    flags = re.findall(r"--config\.train\.[a-z_.]+(?:=[0-9.]+)?", line)
    assert flags == ["--config.train.optimizer.clip_norm=1.0", "--config.train.optimizer.learning_rate"]
    again = (*diverging, flags[0], f"{flags[1]}=1e-3")
    status, said = train_here(home, str(tmp_path / "another"), *again)
    assert status == 0, said
    assert "trained 3 steps" in said


def test_evaluation_beside_its_run_reads_the_newest_step_and_says_what_changed_in_the_mixture(
    home, copy, tmp_path, monkeypatch, capsys
):
    edited(
        home,
        tmp_path,
        monkeypatch,
        ("guess {{ text }}", "guess it : {{ text }}"),
        ("THINGS[i % 5]", "THINGS[i % 4]"),
        ('row["text"]}, row["text"])', 'row["text"]}, row["text"].upper())'),
        ("def colour(row):", "def colour(row):\n    # of the thing\n"),
    )
    read = checkpoint.read_params
    newest = copy / "checkpoints" / "3"
    newest.rename(tmp_path / "3")

    def goes_on(workdir, step, params):
        """The run that writes to the workdir has a new step, and removes the one that is read."""
        if step == 2:
            (tmp_path / "3").rename(newest)
            shutil.rmtree(copy / "checkpoints" / "2")
        return read(workdir, step, params)

    monkeypatch.setattr("flanjax.checkpoint.reading.read_params", goes_on)
    assert main(["heldout", "--workdir", str(copy), "--no-untuned"]) == 0
    said = capsys.readouterr().out
    (place,) = (copy / "evaluation").glob("3-*")
    results = json.loads((place / "results.json").read_text())
    assert results["models"] == {"trained": 3}
    assert results["changed"] == ["copy: code", "hidden: templates, rows"]
    assert [line for line in said.splitlines() if "has changed since" in line] == [
        f"warning: the mixture has changed since the training: {line}" for line in results["changed"]
    ]


STOPPED = """
import atexit, os, signal, sys, time
from flanjax import cli, run

class Garbage:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)
        sum(range(1000))

def evaluate(*_, **__):
    print("began", flush=True)
    if how == "forgotten":
        Garbage()
    else:
        atexit.register(os.abort)  # as libraries do that are taken apart while they work
    time.sleep(20)

run.evaluate, how = evaluate, sys.argv.pop()
sys.argv = ["flanjax", "heldout", "--workdir", "nowhere"]
cli.command()
"""


@pytest.mark.parametrize("how", ["forgotten", "crash"])
def test_ctrl_c_in_evaluation_ends_it_with_130_even_if_it_is_forgotten_or_libraries_crash(home, how):
    process = spawn(home, ["-c", STOPPED, how], {})
    assert process.stdout.readline() == "began\n"
    if how == "crash":
        process.send_signal(signal.SIGINT)
    began = time.monotonic()
    status, said = finish(process)
    assert (status, said) == (130, "flanjax: stopped\n")
    assert time.monotonic() - began < 10
