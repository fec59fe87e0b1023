"""docs/python.md, run as a reader would paste it into a notebook: block after block, in one namespace."""

import re
from pathlib import Path

import pytest

import flanjax
from flanjax import Mixture, Task, Template, parts, rows
from flanjax.config import ConfigError
from flanjax.models.params import Selected

pytestmark = pytest.mark.usefixtures("one_device")

TEXT = (Path(__file__).parents[1] / "docs" / "python.md").read_text()


def test_every_block_of_the_python_page_runs_in_its_order(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    assert len(blocks) == TEXT.count("```") // 2, "a block of another language would not be run"
    namespace: dict = {}
    for number, block in enumerate(blocks, 1):
        exec(compile(block, f"docs/python.md, block {number}", "exec"), namespace)

    trained, found = namespace["trained"], namespace["found"]
    assert trained.metrics[-1]["loss"] < trained.metrics[0]["loss"]
    assert {row["cluster"] for row in found.scores.to_pylist()} == {"spelling"}
    assert "<html" in found.report.read_text()
    assert len(namespace["model"].generate(["Say sun."])) == 1
    assert namespace["focal"].metrics[-1]["likelihood"] > 0
    assert namespace["batch"]["length"].max() > 1


def test_a_tuning_that_selects_no_parameter_is_refused_before_training():
    with pytest.raises(ValueError, match=r"picks none .* begin with \['embedding', 'layers'\]"):
        Selected(lambda path: "decoder" in path).split({"layers": {"q": 1}, "embedding": 2}, key=None)


def test_a_mixture_made_in_python_is_recorded_as_such_and_not_read_from_a_file(tmp_path):
    mixture = Mixture(
        name="toy", parts=[Task(name="t", cluster="c", source=rows("r", train=[{}]), example=None, templates=[Template("a")])]
    )
    config = {"name": "toy", "mixture": "mixtures/other.py:other", "model": {"size": "t5_small"}}
    run = flanjax.open_run(config, mixture, workdir=tmp_path)
    with pytest.raises(ConfigError, match="'toy' of this run was made in Python"):
        parts.split_of(run.config)
