"""FLAN's chain-of-thought files, as tab-separated lines and as Parquet."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flanjax.importers import flan_cot
from flanjax.sources import RowError, SourceError
from flanjax.tasks.task import SkipRow


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "cot_data"
    place.mkdir()
    (place / "gsm8k_train.tsv").write_text('How many?\t"4"\tTwo and two.\\nThey are four.\n1 + 1?\t2\t\nbroken line\nq\t \tr\n')
    (place / "aqua_train.tsv").write_text("Which?\t(A)\tBecause.\n")
    (place / "riddles_train.tsv").write_text("What?\tegg\tIt is round.\n")
    (place / "README.md").write_text("not data")
    (place / "qasc").mkdir()
    pq.write_table(
        pa.Table.from_pylist([{"source": "Why?", "target": "rain", "rationale": "Clouds."}]), place / "qasc" / "train.parquet"
    )
    return place


def test_every_file_is_a_task_with_its_cluster_and_lineage_and_the_rest_is_refused(folder):
    found = flan_cot(folder)
    assert {t.name: (t.cluster, t.lineage) for t in found.tasks} == {
        "cot_aqua": ("chain_of_thought", ("aqua_rat",)),
        "cot_gsm8k": ("chain_of_thought", ("gsm8k",)),
        "cot_qasc": ("chain_of_thought", ("qasc",)),
        "cot_riddles": ("chain_of_thought", ()),
    }
    assert [r.name for r in found.refused] == ["README.md"]


def test_a_line_is_a_question_an_answer_and_a_rationale_without_quoting(folder):
    task = {t.name: t for t in flan_cot(folder).tasks}["cot_gsm8k"]
    rows = task.source.open("train")
    example = task.read(rows[0])
    assert (example.fields, example.answer) == ({"question": "How many?"}, '"4"')
    assert example.rationale == "Two and two.\nThey are four."
    assert task.read(rows[1]).rationale == ""
    with pytest.raises(RowError, match=r"gsm8k_train\.tsv:3: expected 3 values"):
        rows[2]
    with pytest.raises(SkipRow):
        task.read(rows[3])


def test_parquet_rows_become_the_same(folder):
    task = {t.name: t for t in flan_cot(folder).tasks}["cot_qasc"]
    example = task.read(task.source.open("train")[0])
    assert (example.fields, example.answer, example.rationale) == ({"question": "Why?"}, "rain", "Clouds.")


def test_a_missing_folder_is_an_error(tmp_path):
    with pytest.raises(SourceError, match="no folder"):
        flan_cot(tmp_path / "nothing")


def test_the_real_files_are_read_whole(mirror):
    found = flan_cot(mirror / "flan_cot")
    assert {t.name: t.source.num_rows("train") for t in found.tasks} == {
        "cot_aqua": 2728, "cot_creak": 6915, "cot_ecqa": 7112, "cot_gsm8k": 7473, "cot_qasc": 1084, "cot_sensemaking": 6070,
        "cot_strategyqa": 2061,
    }  # fmt: skip
    assert found.refused == ()
    for task in found.tasks:
        rows = task.source.open("train")
        assert all(task.read(row).rationale for row in rows.__getitems__(range(0, len(rows), 50)))
