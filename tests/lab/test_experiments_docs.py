"""docs/experiments.md: its numbers recomputed by pandas are those of the study, and its study file is one."""

import json
import re
from pathlib import Path

import pytest
from scripted_study import Script, furnish

from flanjax import storage
from flanjax.lab.ablate.axes import NAMED
from flanjax.lab.ablate.command import write
from flanjax.lab.ablate.plan import make_plan
from flanjax.lab.ablate.runner import run_plan
from flanjax.lab.ablate.study import Study, load_study
from flanjax.lab.swarm.losses import held_out_losses
from flanjax.models.t5 import T5Config

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "experiments.md").read_text()
FILE, SCORES, DIFFERENCE, COLUMNS, FLIPS, LOSSES, WIN_RATE, ENTAILMENT = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


def test_the_pages_numbers_are_recomputed_from_predictions_by_pandas(tmp_path, monkeypatch):
    furnish(tmp_path)
    monkeypatch.chdir(tmp_path)
    plan = make_plan(Study(config="config.py", axes={"templates": (1, 6)}, seeds=3))
    out = Path("out")
    run_plan(plan, out, Script(plan, out, lambda config: 0.3 + 0.1 * config.ablation.templates), lambda line: None)
    assert write(plan, out, [], lambda line: None) == 0
    monkeypatch.chdir(out)
    found: dict = {}
    for number, block in enumerate((SCORES, DIFFERENCE, COLUMNS, FLIPS, LOSSES), 1):
        exec(compile(block, f"docs/experiments.md, block {number}", "exec"), found)
    (axis,) = json.loads(Path("study.json").read_text())["axes"]
    for level in axis["levels"]:
        scores = found["by_seed"][level["label"]]
        assert scores.mean() == pytest.approx(level["mean"], abs=1e-5)
        assert scores.std() == pytest.approx(level["seed_sd"], abs=1e-5)
        assert {str(seed): value for seed, value in scores.items()} == pytest.approx(level["by_seed"], abs=1e-5)
        for name, value in found["columns"].loc[level["label"]].items():
            assert value == pytest.approx(level["columns"][name], abs=1e-5), name
        assert [found["chance"], found["majority"]] == pytest.approx([level["chance"], level["majority"]], abs=1e-5)
    for run in json.loads(Path("study.json").read_text())["runs"]:
        tasks = held_out_losses(storage.read_table(storage.place(run["predictions"])))
        assert found["losses"][run["labels"][0], run["seed"]] == pytest.approx(sum(tasks.values()) / len(tasks))
    (row,) = axis["comparisons"]
    mean, half = found["seeds"].mean(), found["half"]()
    assert [mean, mean - half, mean + half] == pytest.approx([row["mean"], row["low"], row["high"]], abs=1e-4)
    assert found["p_value"] == pytest.approx(row["p"], rel=1e-3)
    assert row["p_holm"] == row["p"]  # of one comparison
    assert list(found["shares"]) == pytest.approx([row["shares"][name] for name in ("seeds", "items", "both")], abs=1e-5)
    assert found["answers_that_differ"] == pytest.approx(row["flips"], abs=1e-5)


def test_the_study_of_the_page_and_those_of_configs_can_be_planned(tmp_path, monkeypatch):
    (tmp_path / "study.py").write_text(FILE)
    monkeypatch.chdir(ROOT)
    files = sorted(Path("configs/studies").glob("*.py"))
    addresses = [f"{file}:{name}" for file in files for name in re.findall(r"^(\w+) = Study\(", file.read_text(), re.MULTILINE)]
    assert len(addresses) == 9
    for address in (str(tmp_path / "study.py"), *addresses):
        study = load_study(address)
        with monkeypatch.context() as patched:
            if "model.init" in study.overrides:  # its base is trained first, and would say its kind
                patched.setattr("flanjax.parts.settled", lambda config: config.for_model(T5Config))
            assert make_plan(study).cells, address
    for file in files:
        commands = re.findall(r"flanjax (?:ablate|swarm) (\S+) --out", file.read_text())
        assert commands == [address for address in addresses if address.startswith(str(file))]


def test_every_named_axis_is_in_the_table():
    assert set(re.findall(r"^\| `(\w+)=", TEXT, re.MULTILINE)) == set(NAMED)
