"""Alpaca's and Dolly's files."""

import json

import pytest

from flanjax.importers import alpaca, dolly
from flanjax.tasks.task import BadRow, SkipRow

ROWS = [
    {"instruction": "Name a river.", "input": "", "output": "The Nile"},
    {"instruction": "Translate.", "input": "Haus", "output": "house"},
    {"instruction": "Say nothing.", "input": "", "output": " "},
    {"instruction": "No input here.", "output": "Right"},
    {"instruction": "A null input.", "input": None, "output": "Right"},
    {"instruction": 3, "input": "", "output": "x"},
]


def inputs(task, row):
    example = task.read(row)
    return [template.render_input({**example.fields}) for template in task.templates]


@pytest.fixture
def task(tmp_path):
    (tmp_path / "alpaca.json").write_text(json.dumps(ROWS))
    return alpaca(tmp_path / "alpaca.json").tasks[0]


def test_an_input_has_its_own_place_and_no_input_leaves_no_trace(task):
    rows = task.source.open("train")
    headed, plain = inputs(task, rows[1])
    assert plain == "Translate.\n\nHaus"
    assert headed.endswith("### Instruction:\nTranslate.\n\n### Input:\nHaus\n\n### Response:")
    for number in (0, 3, 4):
        headed, plain = inputs(task, rows[number])
        assert plain == ROWS[number]["instruction"]
        assert headed == f"Carry out the instruction.\n\n### Instruction:\n{plain}\n\n### Response:"


def test_an_empty_output_is_left_out_and_an_instruction_that_is_no_text_is_a_bad_row(task):
    rows = task.source.open("train")
    with pytest.raises(SkipRow, match="output is empty"):
        task.read(rows[2])
    with pytest.raises(BadRow, match="instruction is int"):
        task.read(rows[5])


def test_dolly_has_a_task_and_a_cluster_for_each_category(tmp_path):
    rows = [
        {"instruction": "Who?", "context": "Ada wrote it.", "response": "Ada", "category": "closed_qa"},
        {"instruction": "Think", "context": "", "response": "idea", "category": "brainstorming"},
        {"instruction": "When?", "context": "In 1843.", "response": "1843", "category": "closed_qa"},
        {"instruction": "Lost", "context": "", "response": "x", "category": ""},
        {"instruction": "Lost", "context": "", "response": "x", "category": "雪"},
    ]
    path = tmp_path / "dolly.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    found = dolly(path)
    assert {task.name: task.cluster for task in found.tasks} == {
        "dolly_closed_qa": "closed_qa",
        "dolly_brainstorming": "brainstorming",
    }
    closed = found.tasks[0]
    assert closed.read(closed.source.open("train")[1]).fields == {"instruction": "When?", "input": "In 1843."}
    assert [r.name for r in found.refused] == [str(path), "雪"]
    assert set(found.mixture("dolly").clusters()) == {"closed_qa", "brainstorming"}


@pytest.mark.parametrize(
    ("place", "num_left_out"),
    [("tatsu-lab/alpaca/default", 4), ("alpaca_en_demo/default", 0), ("gpteacher/roleplay", 0), ("gpteacher/toolformer", 0),
     ("self_instruct_seed/default", 0)],
)  # fmt: skip
def test_every_row_of_a_real_file_is_read_and_rendered(mirror, place, num_left_out):
    task = alpaca(mirror / place / "train.parquet").tasks[0]
    rows = task.source.open("train")
    left_out = 0
    for row in rows.__getitems__(range(len(rows))):
        try:
            example = task.read(row)
        except SkipRow:
            left_out += 1
            continue
        assert example.fields["instruction"] in task.templates[1].render_input(example.fields)
    assert left_out == num_left_out
