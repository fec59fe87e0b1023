"""docs/few_weights.md, run from top to bottom over a tiny base; and its table beside the code."""

import json
import re
import shlex
from pathlib import Path

import pytest

import flanjax
from flanjax import cli
from flanjax.adapt.config import METHODS, AdaptConfig

pytestmark = pytest.mark.usefixtures("one_device")

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "few_weights.md").read_text()
MIXTURE = """
from flanjax import Example, Mixture, Task, Template, rows

WORDS = [{"word": word} for word in ("sun", "moon", "star", "rain")]


def task(name, cluster, template):
    return Task(
        name=name,
        cluster=cluster,
        source=rows(name, train=WORDS, test=WORDS[:2]),
        example=lambda row: Example({"word": row["word"]}, row["word"], ("sun", "moon", "star", "rain")),
        templates=[Template(template)],
        evaluation="test",
    )


mine = Mixture(name="mine", parts=[task("say", "copying", "Say {{ word }}."), task("pick", "choosing", "Which? {{ word }}")])
"""
CONFIG = """
def get_config():
    return {
        "name": "mine",
        "mixture": "mixture.py:mine",
        "heldout": ["choosing"],
        "model": {"d_model": 16, "d_ff": 24, "num_layers": 1, "num_decoder_layers": 1, "num_heads": 2, "head_dim": 8},
        "tokenizer": {"path": "bytes"},
        "data": {"batch_size": 8, "window": 16, "features": {"inputs_length": 64, "targets_length": 16}},
        "train": {"steps": 2, "tensorboard": False},
    }
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    (tmp_path / "mixture.py").write_text(MIXTURE)
    (tmp_path / "config.py").write_text(CONFIG)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_commands_of_the_page_run(here, capsys):
    flanjax.open_run("config.py", workdir="runs/base", model={"init": "scratch"}, log=lambda line: None).train()
    commands = [line for block in re.findall(r"```bash\n(.*?)```", TEXT, re.DOTALL) for line in block.splitlines()]
    assert len(commands) == 8
    for command in commands:
        program, *arguments = shlex.split(command)
        assert program == "flanjax"
        plan = ["--plan"] if arguments[0] == "ablate" else []  # the runs themselves are tested elsewhere
        assert cli.main([*arguments, *plan]) == 0, capsys.readouterr().err
    assert "6 trainings" in capsys.readouterr().out
    few = json.loads(Path("runs/lora/peft/adapter_config.json").read_text())
    assert (few["peft_type"], few["r"], few["target_modules"]) == ("LORA", 8, ["q", "v"])


def test_the_table_of_the_page_is_that_of_the_code():
    found = {}
    for line in re.findall(r"^\| `\w+` \|.*$", TEXT, re.MULTILINE):
        name, _, keys, rate, _ = (cell.strip() for cell in line.strip("|").split("|"))
        found[name.strip("`")] = {key.removeprefix("adapt.") for key in re.findall(r"`([a-z_.]+)`", keys)}, float(rate)
        numbers = {key.removeprefix("adapt."): int(value) for key, value in re.findall(r"`([a-z_.]+)` (\d+)", keys)}
        tokens = {"tokens": AdaptConfig().num_tokens(name.strip("`"))} if "tokens" in numbers else {}
        assert numbers == {key: getattr(AdaptConfig(), key) for key in numbers} | tokens
    assert found == {name: (set(method.keys) - {"int8"}, method.learning_rate) for name, method in METHODS.items()}
    assert {name for name, method in METHODS.items() if "int8" not in method.keys} == {"select"}
    assert "`--config.adapt.int8` holds" in TEXT
    assert "for every way but `select`" in TEXT
