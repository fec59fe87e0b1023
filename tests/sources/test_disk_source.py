"""Folders of save_to_disk give the rows that `datasets` shows, memory-mapped and without `datasets`."""

import shutil
import subprocess
import sys
from pathlib import Path

import datasets
import pytest

from flanjax.sources import SourceError, disk, where

FEATURES = datasets.Features(
    {
        "text": datasets.Value("string"),
        "choices": datasets.Sequence({"text": datasets.Value("string")}),
        "label": datasets.ClassLabel(names=["no", "yes"]),
    }
)
ROWS = [{"text": f"row {i} é", "choices": {"text": ["a", "b"]}, "label": i % 2} for i in range(50)]


def dataset(num_rows=50):
    return datasets.Dataset.from_list(ROWS[:num_rows], features=FEATURES)


@pytest.fixture
def saved(tmp_path):
    """A DatasetDict and a Dataset, each with what `datasets` reads again of it."""
    both = datasets.DatasetDict(train=dataset(), test=dataset(7))
    both.save_to_disk(tmp_path / "both", num_shards={"train": 3, "test": 1})
    dataset().filter(lambda row: row["label"] == 1).save_to_disk(tmp_path / "one")
    return tmp_path


def test_a_dataset_dict_gives_the_rows_of_its_splits(saved):
    source = disk(saved / "both")
    assert source.name == "disk:both"
    assert source.num_rows("train") == 50
    rows = source.open("train[10:]+test")
    assert list(rows) == ROWS[10:] + ROWS[:7] == list(datasets.load_from_disk(str(saved / "both"))["train"])[10:] + ROWS[:7]
    assert "data-00001-of-00003.arrow: row 0" in where(source.open("train"), 17)


def test_a_folder_with_the_name_of_its_split_gives_the_name_of_the_folder_above():
    assert disk(train="data/nli/train", test="data/nli/test").name == "disk:nli"
    assert disk(train="data/my_train/").name == "disk:my_train"
    assert disk(train="train").name == disk("data/train").name == "disk:train"
    assert disk(train="data/nli/train", name="mine").name == "disk:mine"


def test_a_filtered_dataset_gives_the_rows_that_are_left(saved):
    source = disk(saved / "one")
    assert source.num_rows("train") == 25
    assert list(source.open("train")) == ROWS[1::2]
    assert list(disk(train=saved / "one", test=saved / "both" / "test", name="x").open("test")) == ROWS[:7]


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="reads /proc")
def test_rows_are_mapped_not_read(saved):
    rows = disk(saved / "both").open("train")
    assert rows[49] == ROWS[49]
    assert str(saved / "both/train/data-00002-of-00003.arrow") in Path("/proc/self/maps").read_text()


def test_datasets_is_not_imported(saved):
    code = f"import sys, flanjax; flanjax.disk({str(saved / 'both')!r}).open('train')[0]; print('datasets' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


def test_a_folder_of_a_bucket_is_read_with_and_without_copies(saved, bucket, settle, kept_folder, monkeypatch):
    settle(saved)
    source = disk("gs://bucket/both")
    assert list(source.open("train")) == ROWS
    assert len(list((kept_folder / "files").iterdir())) == 3
    monkeypatch.setenv("FLANJAX_INDEX", "")
    assert list(disk("gs://bucket/both").open("test")) == ROWS[:7]


def test_what_is_missing_is_named(saved):
    for ask, message in (
        (lambda: disk(saved / "nothing").open("train"), "no .*state.json. Expected a folder .* save_to_disk"),
        (lambda: disk(saved / "both").open("trian"), "disk:both has no split 'trian'. It has: test, train. Nearest: train"),
        (lambda: disk(saved / "one").open("test"), "has no split 'test'. It has: train"),
        (lambda: disk(train=saved / "one").num_rows("test"), "has no split 'test'"),
        (lambda: disk(), "needs a folder, or one for each split"),
    ):
        with pytest.raises(SourceError, match=message):
            ask()
    (saved / "one" / "data-00000-of-00001.arrow").unlink()
    with pytest.raises(SourceError, match=r"no file .*data-00000-of-00001.arrow"):
        disk(saved / "one").num_rows("train")


def test_a_damaged_file_is_named(saved):
    (saved / "one" / "data-00000-of-00001.arrow").write_bytes(b"no longer arrow" * 10)
    with pytest.raises(SourceError, match=r"disk:one: cannot read .*data-00000-of-00001.arrow as Arrow"):
        disk(saved / "one").open("train")
    shutil.rmtree(saved / "one")
