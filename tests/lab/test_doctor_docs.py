"""docs/doctor.md: its commands, with the checks that need no compiling, and its Python; and what the command leaves."""

import json
import re
import shlex
from pathlib import Path

from flanjax.cli import main
from flanjax.lab.doctor.checks import CHECKS

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "doctor.md").read_text()
QUICK = ["mixture", "tokenizer", "truncation", "masks"]


def folder_of(place):
    """A folder with the quickstart's config, whose tokenizer is trained on less, and its mixture."""
    (place / "mixtures").symlink_to(ROOT / "mixtures")
    (place / "configs").mkdir()
    config = (ROOT / "configs" / "quickstart.py").read_text()
    assert '"train_examples": 20_000' in config
    (place / "configs" / "quickstart.py").write_text(config.replace('"train_examples": 20_000', '"train_examples": 2_000'))
    return place


def test_the_commands_of_the_page_run_and_leave_a_page_and_json(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(folder_of(tmp_path))
    commands = [shlex.split(line) for block in re.findall(r"```bash\n(.*?)```", TEXT, re.DOTALL) for line in block.splitlines()]
    assert [command[:2] for command in commands] == [["flanjax", "doctor"]] * 3
    whole, of_run, some = (command[1:] for command in commands)
    assert main([*whole, "--only", *QUICK]) == 0
    assert "0 checks failed, 4 passed" in capsys.readouterr().out
    found = json.loads((tmp_path / "doctor.json").read_text())
    assert found["failed"] == []
    assert [r["name"] for r in found["results"]] == QUICK
    assert len(found["results"][-1]["shown"]) == 10
    page = (tmp_path / "doctor.html").read_text()
    assert page.count('class="trained"') == 1 + 10
    assert not re.search(r"(?:src|href)=\"(?!#)", page)
    assert main(of_run) == 1  # there is no such run here
    assert "runs/mine is neither a config file (.py) nor the workdir of a run" in capsys.readouterr().err
    assert main(some) == 1  # 48 tokens are too few for some
    assert "truncation" in re.search(r"│ (\w+) +│ failed", capsys.readouterr().out)[1]


def test_the_page_names_every_check_in_its_order():
    table = re.findall(r"^\| ([a-z ]+) \| ([^|]+) \|", TEXT, re.MULTILINE)[1:]
    assert table == [(check.name, check.holds) for check in CHECKS]


def test_the_python_of_the_page_runs(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(folder_of(tmp_path))
    (block,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    exec(compile(block, "docs/doctor.md", "exec"), {})
    assert re.findall(r"^(\w+) passed", capsys.readouterr().out, re.MULTILINE) == ["truncation", "masks"]
