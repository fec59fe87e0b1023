"""docs/generation.md, run from top to bottom on a tiny run: its commands, its file of prompts, its requests to the server."""

import io
import json
import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from compiling import flags

import flanjax
from flanjax import cli

pytestmark = pytest.mark.usefixtures("one_device")

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "generation.md").read_text()
MIXTURE = """
from flanjax import Example, Mixture, Task, Template, rows

WORDS = [{"word": word} for word in ("sun", "moon", "star", "rain", "wind", "snow")]


def task(name, cluster, options, *templates):
    return Task(
        name=name,
        cluster=cluster,
        source=rows(name, train=WORDS, test=WORDS[:3]),
        example=lambda row: Example({"word": row["word"]}, row["word"], ("sun", "moon", "star") if options else ()),
        templates=templates,
        evaluation="test",
        metrics=["accuracy"] if options else ["exact_match"],
    )


say = task("say", "copying", False, Template("Say {{ word }}."))
pick = task("pick", "choosing", True, Template("Which word is {{ word }}?"), Template("{{ word }}: which?"))
mine = Mixture(name="mine", parts=[say, pick])
"""
CONFIG = {
    "name": "mine",
    "mixture": "mixture.py:mine",
    "heldout": ["choosing"],
    "model": {"family": "llama", "d_model": 32, "d_ff": 64, "num_layers": 1, "num_heads": 2, "num_kv_heads": 1, "head_dim": 16},
    "tokenizer": {"path": "bytes"},
    "data": {"batch_size": 8, "window": 64, "features": {"inputs_length": 64, "targets_length": 16}},
    "train": {"steps": 60, "log_every": 20, "optimizer": {"name": "adamw", "learning_rate": 1e-2, "warmup_steps": 3}},
}


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with a run, and the page's file of prompts."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "mixture.py").write_text(MIXTURE)
    (folder / "in.jsonl").write_text(blocks("json")[0])
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        flanjax.open_run(CONFIG, workdir="runs/mine", log=lambda line: None).train()
    return folder


@pytest.fixture
def here(home, monkeypatch):
    monkeypatch.chdir(home)
    return home


def test_the_commands_of_the_page_run_and_do_what_it_says(here, capfd):
    commands = [line for block in blocks("bash") for line in block.splitlines()]
    assert len(commands) == 4
    for command in commands:
        program, *arguments = shlex.split(command)
        assert program == "flanjax"
        assert cli.main(arguments) == 0, capfd.readouterr().err
    printed = capfd.readouterr().out
    assert re.search(r"== Say sun\.\n.*\n== Say moon\.\n", printed)
    assert printed.count("of 3)") == 3

    shown = [json.loads(line) for line in re.findall(r'^    (\{"line".*)$', TEXT, re.MULTILINE)]
    found = [json.loads(line) for line in Path("out.jsonl").read_text().splitlines()]
    assert [list(answer) for answer in found] == [list(answer) for answer in shown]
    assert [answer["text"] for answer in found[:2]] == ["sun", "moon"]
    assert found[2] == shown[2]

    page = json.loads(re.search(r'id="data">(.*?)</script>', Path("compared.html").read_text())[1])
    assert page["models"] == ["runs/mine (untuned)", "runs/mine"]
    assert {record["group"] for record in page["records"]} == {"pick"}  # what the run held out
    asked = [record["prompt"].splitlines()[0] for record in page["records"]]
    assert {"Which word is sun?", "moon: which?"} < set(asked)
    for record in page["records"]:
        assert record["expected"] in ("sun", "moon", "star")
        assert [option["text"] for answer in record["answers"] for option in answer["options"]] == ["sun", "moon", "star"] * 2
    texts = [[answer["text"] for answer in record["answers"]] for record in page["records"]]
    assert any(before != after for before, after in texts)


def test_the_requests_of_the_page_are_answered_as_from_python(here, capsys):
    (block,) = blocks("python")
    process = start("serve", "runs/mine", "--untuned", "--port", "0", stderr=subprocess.STDOUT)
    try:
        first = process.stdout.readline()
        address = re.search(r"http://127\.0\.0\.1:\d+", first)[0]
        namespace = {}
        exec(block.replace("http://127.0.0.1:8000", address), namespace)
    finally:
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=60)
    assert process.returncode == 0, rest
    model = flanjax.load_model("runs/mine")
    prompts = ["Say sun.", "Say moon."]
    assert [choice["text"] for choice in namespace["answer"]["choices"]] == model.generate(prompts, max_tokens=8)
    assert len(namespace["talk"]["choices"]) == 2
    likelihoods = [option["log_likelihood"] for option in namespace["scores"]["options"]]
    assert likelihoods == pytest.approx(model.score("Say sun.", ["sun", "moon"]), rel=1e-4)


def test_a_conversation_with_the_run_before_and_after_its_training(here, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", io.StringIO("Say sun.\n/exit\n"))
    assert cli.main(["chat", "runs/mine", "--untuned", "--max-tokens", "8"]) == 0
    assert re.search(r"-- runs/mine\nsun\n-- runs/mine \(untuned\)\n", capsys.readouterr().out)


def test_what_is_no_model_or_no_run_is_said_in_one_line(here, capsys):
    for arguments, reason in (
        (["generate", "--model", "nowhere/at-all", "--prompt", "a"], "nowhere/at-all is no run that has a checkpoint"),
        (["chat", "nowhere", "--untuned"], "--untuned: nowhere is no run with a checkpoint"),
        (["serve", "runs/mine", "other", "--untuned"], "--untuned and other: name the other model"),
    ):
        assert cli.main(arguments) == 1
        assert reason in capsys.readouterr().err


def start(*arguments, **streams):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "XLA_FLAGS": flags(1)}
    command = [sys.executable, "-m", "flanjax.cli", *arguments]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True, **streams)
