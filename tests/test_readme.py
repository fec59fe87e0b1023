"""The README's mixture file and its commands, as a reader would run them."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

from compiling import flags

ROOT = Path(__file__).resolve().parents[1]
FAST_TO_COMPILE = {**os.environ, "XLA_FLAGS": flags(1)}


def _blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)


def test_the_commands_of_the_readme_run(tmp_path):
    (mixture,) = _blocks("python")
    (tmp_path / "my_mixture.py").write_text(mixture)
    (tmp_path / "mixtures").symlink_to(ROOT / "mixtures")
    (tmp_path / "configs").mkdir()
    config = (ROOT / "configs" / "quickstart.py").read_text()
    for real, small in (('layers": 2', 'layers": 1'), ('layers": 4', 'layers": 1'), ("20_000", "500")):
        assert real in config
        config = config.replace(real, small)  # to compile and to read less
    (tmp_path / "configs" / "quickstart.py").write_text(config)
    commands = [line for block in _blocks("bash") for line in block.splitlines()]
    assert len(commands) == 11
    # In one process, which imports once; each command ends as it would by itself.
    each = [shlex.split(command) for command in commands]
    assert {program for program, *_ in each} == {"flanjax"}
    for_all = f"from flanjax.cli import main\nfor command in {each}:\n    assert main(command[1:]) == 0, command\n"
    ran = subprocess.run([sys.executable, "-c", for_all], cwd=tmp_path, env=FAST_TO_COMPILE, capture_output=True, text=True)
    assert ran.returncode == 0, f"{ran.stdout}\n{ran.stderr}"
    assert "<html" in (tmp_path / "report.html").read_text()


def test_the_file_tree_of_the_readme_names_all_that_is_there_and_nothing_else():
    tree = (ROOT / "README.md").read_text().partition("## Files")[2]
    named = re.findall(r"^ {4}( {2})?([a-z_]+(?:\.py|/))", tree, re.MULTILINE)
    package = {p.name + "/" * p.is_dir() for p in (ROOT / "flanjax").iterdir() if not p.name.startswith(("_", "."))}
    assert {name for inner, name in named if inner} == package - {"py.typed"}
    assert all((ROOT / name).is_dir() for inner, name in named if not inner)


def test_links_between_the_pages_lead_to_files():
    for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        text = page.read_text()
        paths = re.findall(r"\]\(([^):#]+)\)", text)
        assert all((page.parent / path).exists() for path in paths), page
        in_code = re.findall(r"`?((?:flanjax|tests|launch|mixtures|configs)/[\w/]+\.(?:py|sh|sbatch|yaml))", text)
        assert all((ROOT / path).exists() for path in in_code), (page, in_code)
