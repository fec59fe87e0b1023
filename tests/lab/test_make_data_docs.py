"""docs/make_data.md, run from top to bottom: a scripted address and a tiny model of one's own as writers."""

import json
import re
import shlex
import zlib
from pathlib import Path

import pytest
from address import Address
from test_documents import TOWNS, text
from test_self_instruct import SEEDS, scripted, task

import flanjax
from flanjax import cli

pytestmark = pytest.mark.usefixtures("one_device")

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "make_data.md").read_text()
CONFIG = """
def get_config():
    return {
        "name": "mine", "mixture": "mixture.py:mine",
        "model": {
            "family": "llama", "d_model": 16, "d_ff": 32, "num_layers": 1, "num_heads": 2, "num_kv_heads": 1, "head_dim": 8
        },
        "tokenizer": {"kind": "words", "vocab_size": 60, "train_examples": 40},
        "data": {"batch_size": 8, "num_streams": 2, "window": 32, "features": {"inputs_length": 24, "targets_length": 8}},
        "train": {"steps": 2, "log_every": 1, "tensorboard": False},
    }
"""
MIXTURE = """
from flanjax import Example, Mixture, Task, Template, rows

words = Task(
    name="words", cluster="words", source=rows("words", train=[{"word": w} for w in ("sun", "moon", "star", "rain")]),
    templates=[Template("Say {{ word }}.")], example=lambda row: Example(row, row["word"]), metrics=["exact_match"],
)
mine = Mixture(name="mine", parts=[words])
"""


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


def reply(prompt, before):
    number = zlib.crc32(prompt.encode()) % 9_000
    if prompt.startswith("Make up tasks"):
        one, other = (f"Instruction: {task(n)}\nInput: none\nOutput: It is {n}.\n\n" for n in (number, number + 10_000))
        return f"{one}### Task 5\n{other}"
    if not prompt.startswith("Read this passage"):
        return scripted(prompt, number)
    (town, *_) = [town for town in TOWNS if town in prompt]
    return "apples on the square" if "Question:" in prompt else f"Which fruit can be bought in {town}?"


def test_the_commands_of_the_page_run_and_what_they_write_is_what_it_says(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    shown = [json.loads(line) for line in blocks("json")[0].splitlines()]
    Path("seeds.jsonl").write_text("".join(f"{json.dumps(seed)}\n" for seed in [*shown, *SEEDS[::3]]))
    Path("notes").mkdir()
    for town in TOWNS:
        Path("notes", f"{town}.txt").write_text(text(town))
    Path("config.py").write_text(CONFIG)
    Path("mixture.py").write_text(MIXTURE)
    flanjax.open_run("config.py", workdir="runs/mine", log=lambda line: None).train()
    commands = [line for block in blocks("bash") for line in block.splitlines()]
    with Address(reply) as address:
        told = [cli.main(shlex.split(line.replace("http://localhost:8000/v1", address.url))[1:]) for line in commands]
    found = {
        name: json.loads(Path(name, "self_instruct.json").read_text()) for name in ("made", "made_at_once", "made_by_mine")
    }
    assert told == [0, 0, 0 if found["made_by_mine"]["rows"] else 1, 0]
    assert [found[name]["recipe"] for name in found] == ["self-instruct", "alpaca", "self-instruct"]
    assert all(found[name]["made"] >= 8 for name in ("made", "made_at_once"))
    mine = found["made_by_mine"]
    replies = [json.loads(line) for line in Path("made_by_mine/replies.jsonl").read_text().split("\n")[:-1]]
    assert mine["writer"] == "runs/mine at step 2"
    assert len(replies) >= mine["asked"] == 8
    assert sum(mine["reasons"].values()) == mine["dropped"] > 0
    for name in re.findall(r"^\| `(\S+)` \|", TEXT, re.MULTILINE):
        assert Path("made", name).stat().st_size
    values = {}
    exec(blocks("python")[0], values)
    assert [one.name for one in values["mine"].tasks()] == ["made"]
    asked = json.loads(Path("asked/documents.json").read_text())
    assert asked["rows"] + asked["heldout_rows"] == len(TOWNS)
    assert asked["heldout_rows"] > 0


def test_the_commands_of_the_readme_are_the_pages():
    section = (ROOT / "README.md").read_text().partition("## Data that a model writes")[2].partition("\n## ")[0]
    assert set(re.findall(r"`flanjax (\S+)`", section)) == {"self-instruct", "documents"}
    assert "docs/make_data.md" in section
    for name, default in re.findall(r"`--(\w+)` \(([\d.]+)\)", TEXT):
        for line in (["documents", "d"], ["self-instruct", "--seeds", "s"]):
            args = vars(cli.commands.parser().parse_args([*line, "--writer", "w", "--out", "o"]))
            assert name not in args or args[name] == pytest.approx(float(default))
