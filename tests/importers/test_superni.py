"""Super-NaturalInstructions: a small folder with everything that its task files have, as tasks."""

import dataclasses
import json
import os
import pickle

import pytest

from flanjax.importers import superni, superni_files
from flanjax.sources import RowError, SourceError
from flanjax.tasks.clusters import hold_out
from flanjax.tasks.task import BadRow, SkipRow

EXAMPLE = {"input": "Rain fell.", "output": "wet", "explanation": "Rain wets"}


def task_file(**changed):
    plain = {
        "Contributors": ["A. Writer"],
        "Source": ["weather_notes (https://example.org/weather)"],
        "URL": ["https://example.org/weather"],
        "Categories": ["Question Generation"],
        "Definition": ["Say what the weather did"],
        "Input_language": ["English"],
        "Output_language": ["English"],
        "Positive Examples": [EXAMPLE, {**EXAMPLE, "input": "Sun shone", "output": "dry!"}, {**EXAMPLE, "input": "third"}],
        "Negative Examples": [{**EXAMPLE, "output": "dry"}],
        "Instances": [{"id": f"i{n}", "input": f"It snowed {n} times", "output": ["white", "cold"]} for n in range(130)],
        "Instance License": ["CC BY 4.0"],
    }
    return {**plain, **changed}


FILES = {
    "task001_weather_question_generation": task_file(),
    "task002_weather_textual_entailment": task_file(
        Categories=["Textual Entailment"], Source=["weather_news"], Definition="Größe? A string, no list.", Instances=[
            {"id": "a", "input": "Größe é 雪", "output": "yes"},
            {"id": "b", "input": "none", "output": ["", " "]},
            {"id": "c", "input": 7, "output": ["seven"]},
        ]),
    "task003_cities_title_generation": task_file(Categories=["Title Generation"], Source=["cities"], Definition=["In French"],
                                                 Output_language=["French"]),
    "task685_mmmlu_answer_generation_astronomy": task_file(Source=["mmmlu"], Categories=["Question Answering"]),
    "task004_made_up": task_file(Source=["Synthetic"], Categories=["Misc."]),
    "task005_no_category": task_file(Categories=[], Source=[]),
    "task006_excluded": task_file(),
    "task007_unlisted": task_file(),
}  # fmt: skip
LISTS = {
    "default/train": [
        "task001_weather_question_generation", "task685_mmmlu_answer_generation_astronomy", "task004_made_up",
        "task005_no_category", "task404_lost",
    ],
    "default/test": ["task002_weather_textual_entailment"],
    "default/excluded": ["task006_excluded", "task003_cities_title_generation"],
    "xlingual/train": ["task001_weather_question_generation"],
    "xlingual/test": ["task003_cities_title_generation"],
    "xlingual/excluded": [],
}  # fmt: skip


def write(folder, files=FILES, lists=LISTS):
    (folder / "tasks").mkdir(parents=True)
    (folder / "tasks" / "README.md").write_text("not a task")
    for name, content in files.items():
        text = content if isinstance(content, str) else json.dumps(content, indent=4, ensure_ascii=False)
        (folder / "tasks" / f"{name}.json").write_text(text)
    for place, names in lists.items():
        listed = folder / "splits" / f"{place}_tasks.txt"
        listed.parent.mkdir(parents=True, exist_ok=True)
        listed.write_text("\n".join(names) + "\n")
    return folder


@pytest.fixture
def folder(tmp_path):
    return write(tmp_path / "natural-instructions")


def named(imported):
    return {task.name: task for task in imported.tasks}


def test_the_default_split_trains_and_tests_what_its_lists_say_and_refuses_the_rest_with_reasons(folder):
    found = superni(folder)
    assert {t.name: (t.train, t.evaluation) for t in found.tasks} == {
        "task001_weather_question_generation": ("instances[0:]", None),
        "task002_weather_textual_entailment": (None, "instances[:100]"),
        "task004_made_up": ("instances[0:]", None),
        "task005_no_category": ("instances[0:]", None),
        "task685_mmmlu_answer_generation_astronomy": ("instances[0:]", None),
    }
    assert dict(found.refused) == {
        "task003_cities_title_generation": "the split default excludes it",
        "task006_excluded": "the split default excludes it",
        "task007_unlisted": "no list of the split default has it",
        "task404_lost": "train_tasks.txt lists it, but there is no such file",
    }


def test_the_xlingual_split_tests_other_languages(folder):
    tasks = named(superni(folder, split="xlingual"))
    assert tasks["task003_cities_title_generation"].evaluation == "instances[:100]"
    assert set(tasks) == {"task001_weather_question_generation", "task003_cities_title_generation"}


def test_without_a_split_each_task_tests_on_its_first_hundred_instances_and_trains_on_the_others(folder, tmp_path):
    tasks = named(superni(folder, split=None))
    assert len(tasks) == len(FILES)
    task = tasks["task001_weather_question_generation"]
    assert task.source.open(task.evaluation)[0]["id"] == "i0"
    assert task.source.open(task.train)[0]["id"] == "i100"
    assert task.source.num_rows(task.train) == 30
    short = tasks["task002_weather_textual_entailment"]
    assert (short.train, short.evaluation) == ("instances[0:]", None)
    bare = write(tmp_path / "bare", lists={})
    assert [(t.name, t.train) for t in superni(bare).tasks] == [(t.name, t.train) for t in superni(folder, split=None).tasks]


def test_no_more_instances_are_trained_on_than_asked_for(folder):
    task = superni(folder, max_instances=20).tasks[0]
    assert task.source.num_rows(task.train) == 20
    task = superni(folder, split=None, max_instances=20).tasks[0]
    assert task.source.range(task.train) == (("instances", 100, 120),)


def test_a_task_has_the_cluster_lineage_metrics_licence_and_link_of_its_file(folder):
    tasks = named(superni(folder, split=None))
    task = tasks["task001_weather_question_generation"]
    assert (task.cluster, task.lineage, task.metrics) == ("question_generation", ("weather_notes",), ("rougeL", "exact_match"))
    assert (task.licence, task.link) == ("CC BY 4.0", "https://example.org/weather")
    entailment = tasks["task002_weather_textual_entailment"]
    assert (entailment.cluster, entailment.metrics[0]) == ("textual_entailment", "exact_match")
    assert tasks["task003_cities_title_generation"].metrics[0] == "rougeL"
    assert (tasks["task004_made_up"].cluster, tasks["task004_made_up"].lineage) == ("misc", ())
    assert tasks["task005_no_category"].cluster == "uncategorized"


def test_tasks_of_mmlu_can_be_left_out_by_name_and_by_lineage(folder):
    assert "mmlu" in named(superni(folder))["task685_mmmlu_answer_generation_astronomy"].lineage
    without = superni(folder, mmlu=False)
    assert "task685_mmmlu_answer_generation_astronomy" not in named(without)
    assert ("task685_mmmlu_answer_generation_astronomy", "it is made from MMLU") in without.refused


def test_holding_out_the_test_clusters_leaves_the_training_tasks(folder):
    found = superni(folder)
    split = hold_out(found.mixture("ni"), ["textual_entailment"])
    assert [t.name for t in split.heldout] == ["task002_weather_textual_entailment"]
    assert len(list(split.train.tasks())) == len(found.tasks) - 1


def test_an_instance_becomes_an_example_with_all_its_outputs(folder):
    tasks = named(superni(folder))
    task = tasks["task001_weather_question_generation"]
    example = task.read(task.source.open("instances")[3])
    assert example.fields == {"definition": "Say what the weather did.", "input": "It snowed 3 times."}
    assert example.references == ("white", "cold")
    task = tasks["task002_weather_textual_entailment"]
    rows = task.source.open("instances")
    assert task.read(rows[0]).fields == {"definition": "Größe? A string, no list.", "input": "Größe é 雪."}
    assert task.read(rows[0]).references == ("yes",)
    with pytest.raises(SkipRow):
        task.read(rows[1])
    with pytest.raises(BadRow):
        task.read(rows[2])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", "Expecting"),
        ("[]", "Expecting '{'"),
        (json.dumps(task_file()) + "x", "Extra data"),
        (task_file(Instances=[]), "no instances"),
        ({k: v for k, v in task_file().items() if k != "Instances"}, "no list 'Instances'"),
        (task_file(Definition=[" "]), "no 'Definition'"),
        (task_file(Definition=[3]), "expected a list of texts"),
        (task_file(**{"Positive Examples": ["text"]}), "number 1 of its 'Positive Examples'"),
        (task_file(**{"Negative Examples": [{"input": "a", "output": None}]}), "has an output that is NoneType"),
        ('{"Instances": ' + "[" * 100_000, "nested too deeply"),
    ],
)
def test_a_file_that_is_no_task_is_refused_with_its_reason_and_harms_no_other(tmp_path, content, reason):
    found = superni(write(tmp_path / "ni", {"task001_good": task_file(), "task002_bad": content}, lists={}))
    assert [t.name for t in found.tasks] == ["task001_good"]
    assert [r.name for r in found.refused] == ["task002_bad"]
    assert reason in found.refused[0].reason


def age(path):
    """Makes a file old enough for the index, which leaves out those that may still be written."""
    then = path.stat().st_mtime - 100
    os.utime(path, (then, then))


def test_an_example_whose_output_is_a_list_shows_the_first(tmp_path):
    file = task_file(**{"Positive Examples": [{**EXAMPLE, "output": ["wet", "damp"]}]})
    task = superni(write(tmp_path / "ni", {"task001_x": file}, lists={})).tasks[0]
    assert [(e.example.answer, e.explanation, e.is_negative) for e in task.exemplars] == [
        ("wet.", "Rain wets.", False),
        ("dry.", "Rain wets.", True),
    ]


def test_files_are_searched_once_and_again_when_they_change(folder, monkeypatch):
    for path in (folder / "tasks").iterdir():
        age(path)
    first = superni(folder)
    searched = []
    entry = superni_files._entry
    monkeypatch.setattr(superni_files, "_entry", lambda path: searched.append(path.name) or entry(path))
    assert [t.name for t in superni(folder).tasks] == [t.name for t in first.tasks]
    assert searched == []
    changed = folder / "tasks" / "task004_made_up.json"
    changed.write_text(json.dumps(task_file(Instances=[{"id": "new", "input": "x", "output": ["y"]}])))
    task = named(superni(folder))["task004_made_up"]
    assert searched == ["task004_made_up.json"]
    assert task.source.open("instances")[0]["id"] == "new"


def test_opening_reads_no_instance_and_rows_come_from_the_file_when_visited(folder):
    tasks = superni(folder).tasks
    opened = [task.source.open("instances") for task in tasks]
    for file in (folder / "tasks").iterdir():
        data = file.read_bytes()
        os.truncate(file, 0)
        file.write_bytes(data.replace(b"snowed", b"hailed"))
    assert opened[0][5]["input"] == "It hailed 5 times"


def test_an_instance_that_changed_under_the_index_is_a_row_that_cannot_be_read(folder):
    task = superni(folder).tasks[0]
    (folder / "tasks" / f"{task.name}.json").write_text("short")
    with pytest.raises(RowError, match=r"task001.*instance 4"):
        task.source.open("instances")[4]


@pytest.mark.parametrize("copied", [True, False])
def test_a_file_in_a_bucket_is_read_once(folder, monkeypatch, copied):
    class InBucket:
        def __init__(self, path):
            self.path, self.reads = path, 0

        def __str__(self):
            return f"gs://bucket/{self.path.name}"

        def read_bytes(self):
            self.reads += 1
            return self.path.read_bytes()

    store = superni(folder).tasks[0].source.store
    path = InBucket(folder / "tasks" / "task001_weather_question_generation.json")
    monkeypatch.setattr(superni_files.kept, "copy_of", lambda p: p.path if copied else None)
    rows = dataclasses.replace(store, path=path).rows("instances")
    assert [row["id"] for n in range(3) for row in rows.__getitems__([n, n + 1])] == ["i0", "i1", "i1", "i2", "i2", "i3"]
    assert path.reads == (0 if copied else 1)


def test_a_source_is_pickled_without_its_rows(folder):
    task = superni(folder).tasks[0]
    rows = pickle.loads(pickle.dumps(task.source.open("instances[:10]")))
    assert [row["id"] for row in rows.__getitems__([9, 0])] == ["i9", "i0"]


def test_a_task_in_two_lists_of_a_split_is_an_error(tmp_path):
    lists = {**LISTS, "default/test": ["task001_weather_question_generation"]}
    with pytest.raises(SourceError, match=r"test_tasks\.txt lists task001_\S+, which train_tasks\.txt lists too"):
        superni(write(tmp_path / "ni", lists=lists))


def test_a_folder_without_tasks_or_an_unknown_split_is_an_error(folder, tmp_path):
    with pytest.raises(SourceError, match="no folder tasks"):
        superni(tmp_path)
    with pytest.raises(SourceError, match="Nearest: default"):
        superni(folder, split="defaults")


def test_a_fingerprint_changes_with_the_file(folder):
    task = superni(folder).tasks[0]
    before = task.source.fingerprint(task.train)
    assert superni(folder).tasks[0].source.fingerprint(task.train) == before
    file = folder / "tasks" / f"{task.name}.json"
    file.write_text(file.read_text().replace("Say what", "Say why"))
    assert superni(folder).tasks[0].source.fingerprint(task.train) != before
