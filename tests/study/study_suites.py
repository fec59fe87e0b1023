"""Suites whose data lies in the dataset mirror, on 20 items a task by a tiny model: they run, and published scores are refused.

python -m pytest -s tests/study/study_suites.py
"""

import json
import os
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from flanjax.cli import main
from flanjax.evaluate.suites import read_suite
from flanjax.run.evaluation import named_tasks
from flanjax.sources import SourceError
from flanjax.tasks.answers import EXTRACTORS
from flanjax.tasks.registry import load_mixture
from flanjax.tasks.task import Task

ROOT = Path(__file__).parents[2]
MIRROR = Path(os.environ.get("FLANJAX_HUB_MIRROR", ROOT.parent / "shared" / "data" / "hub"))
VOCABULARY = MIRROR.parent / "tokenizers" / "english_unigram_30k.model"
SUITES = ("mmlu", "superglue", "t0_heldout", "generation", "bbh", "bbh_cot")
ITEMS = os.environ.get("STUDY_ITEMS", "20")

pytestmark = pytest.mark.skipif(not VOCABULARY.exists(), reason="the dataset mirror does not lie beside the checkout")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The workdir of a tiny T5 after one step."""
    folder = tmp_path_factory.mktemp("tiny") / "run"
    shape = ("d_model=32", "d_ff=64", "num_heads=2", "head_dim=16")
    keys = [f"model.{one}" for one in shape] + [f"tokenizer.path={VOCABULARY}", "data.batch_size=8", "train.steps=1"]
    keys += ["data.features.inputs_length=2048", "data.features.targets_length=128", "train.validate_every=0"]
    keys += ["train.heldout_every=0", "train.optimizer.warmup_steps=0"]
    assert (
        main(["train", "--config", f"{ROOT}/configs/quickstart.py", "--workdir", str(folder), *(f"--config.{k}" for k in keys)])
        == 0
    )
    return folder


@pytest.fixture(scope="module", autouse=True)
def prompts(tmp_path_factory: pytest.TempPathFactory) -> None:
    """BIG-Bench Hard's folder of prompts, written from the mirror's rows."""
    folder = tmp_path_factory.mktemp("bbh")
    (folder / "cot-prompts").mkdir()
    for row in pq.read_table(MIRROR / "bbh_cot_prompts" / "default" / "train.parquet").to_pylist():
        (folder / "cot-prompts" / f"{row['task']}.txt").write_text(row["prompt"])
    os.environ["FLANJAX_BBH"] = str(folder)


def can_be_opened(task: Task) -> bool:
    try:
        task.source.open(str(task.evaluation))
    except SourceError as reason:
        print(f"{task.name} is not here: {reason}")
        return False
    return True


@pytest.mark.parametrize("suite", SUITES)
def test_a_suite_runs_on_a_few_items(suite: str, model: Path, tmp_path: Path) -> None:
    output = tmp_path / suite
    file = f"{ROOT}/mixtures/suites/{suite}.json"
    described = read_suite(file)
    here = [task.name for task in named_tasks(load_mixture(described.mixture), described.tasks) if can_be_opened(task)]
    assert main(["suite", file, "--model", str(model), "--items", ITEMS, "--output", str(output), "--tasks", *here]) == 0
    (folder,) = (output / "evaluation").iterdir()
    found = json.loads((folder / "suite.json").read_text())
    results = json.loads((folder / "results.json").read_text())
    print(suite, round(found["mean"], 1), len(found["tasks"]), "tasks; left out:", results["left_out"])
    assert all(one["refused"] and one["ours"] is None for one in found["published"])
    shutil.rmtree(output)


def test_the_extractors_of_the_suites_are_there() -> None:
    assert {"answer_is", "first_line"} <= set(EXTRACTORS)
