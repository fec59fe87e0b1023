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
from flanjax.importers.imported import plain_name
from flanjax.importers.superni import TEST_CLUSTERS
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


def test_the_baselines_of_super_natural_instructions(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The mirror has a sample: 19 of the 119 test tasks, so the published 14.20 and 28.54 are no goal here."""
    place = MIRROR / "Muennighoff" / "natural-instructions"
    instances: dict[str, list[dict[str, object]]] = {}
    for row in pq.read_table(place / "default" / "train.parquet").to_pylist():
        one = {"id": row["id"], "input": row["inputs"], "output": row["all_targets"]}
        instances.setdefault(row["task_name"], []).append(one)
    tested = []
    (tmp_path / "tasks").mkdir()
    for row in pq.read_table(place / "task_meta" / "train.parquet").to_pylist():
        if not row["categories"] or plain_name(row["categories"][0]) not in TEST_CLUSTERS:
            continue
        languages = {key: ["English"] for key in ("Input_language", "Output_language", "Instruction_language")}
        shown = {"Positive Examples": row["positive_examples"], "Negative Examples": row["negative_examples"]}
        about = {"Definition": [row["definition"]], "Categories": row["categories"], "Source": row["source"]}
        record = {**about, **languages, **shown, "Instances": instances[row["task_name"]]}
        (tmp_path / "tasks" / f"{row['task_name']}.json").write_text(json.dumps(record))
        tested.append(row["task_name"])
    (tmp_path / "splits" / "default").mkdir(parents=True)
    for name, listed in (("train", []), ("test", tested), ("excluded", [])):
        (tmp_path / "splits" / "default" / f"{name}_tasks.txt").write_text("\n".join(listed) + "\n")
    os.environ["FLANJAX_SUPERNI"] = str(tmp_path)
    assert main(["suite", f"{ROOT}/mixtures/suites/superni.json", "--baselines"]) == 0
    said = capsys.readouterr().out
    print(said)
    assert len(tested) == 19


def test_the_extractors_of_the_suites_are_there() -> None:
    assert {"answer_is", "first_line"} <= set(EXTRACTORS)
