"""ArrayRecord files, and data sets that tensorflow_datasets has prepared in them."""

import json
import pickle
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tensorflow_datasets
from array_record.python.array_record_module import ArrayRecordWriter

from flanjax.sources import RowError, SourceError, arrayrecord, records, tfds, where
from flanjax.sources.recent import Recent

F = tensorflow_datasets.features


def write(path, contents):
    writer = ArrayRecordWriter(str(path), "group_size:1")
    for record in contents:
        writer.write(record)
    writer.close()


@pytest.fixture
def shards(tmp_path):
    for shard in range(3):
        path = tmp_path / f"train.array_record-{shard:05d}-of-00003"
        write(path, [json.dumps({"i": 10 * shard + i, "text": "é"}).encode() for i in range(10)])
    return tmp_path


def test_shards_are_one_split_of_json_records(shards):
    source = arrayrecord(train=str(shards / "train.array_record-*"), name="numbers")
    assert source.name == "arrayrecord:numbers"
    assert source.num_rows("train[5:]") == 25
    rows = source.open("train")
    assert [row["i"] for row in rows] == list(range(30))
    assert [row["i"] for row in rows.__getitems__([29, 3, 15, 3])] == [29, 3, 15, 3]
    assert where(rows, 12) == f"{shards}/train.array_record-00001-of-00003: record 2"


def decode(record):
    return {"size": len(record)}


def test_a_function_decodes_records(shards):
    source = arrayrecord(train=str(shards / "*-00000-*"), name="sizes", decode=decode)
    assert source.open("train")[0] == {"size": len(json.dumps({"i": 0, "text": "é"}))}
    assert pickle.loads(pickle.dumps(source)) == source


def test_a_record_that_cannot_be_decoded_spares_the_others(tmp_path):
    write(tmp_path / "bad", [b'{"i": 0}', b"{", b"[1]", b'{"i": 3}'])
    rows = arrayrecord(train=tmp_path / "bad").open("train")
    assert rows.__getitems__([3, 0]) == [{"i": 3}, {"i": 0}]
    for row, message in ((1, "record 1: JSONDecodeError"), (2, "record 2: ValueError: expected a JSON object, got list")):
        with pytest.raises(RowError, match=message):
            rows[row]
    with pytest.raises(RowError, match="record 0: decoded to int, expected a dict"):
        arrayrecord(train=tmp_path / "bad", decode=len).open("train")[0]


def test_a_file_that_is_none_is_named(tmp_path):
    (tmp_path / "text").write_text("not a record" * 1000)
    with pytest.raises(SourceError, match=r"cannot read .*text as ArrayRecord"):
        arrayrecord(train=tmp_path / "text").open("train")


def test_few_files_stay_open(shards, monkeypatch):
    monkeypatch.setattr(records, "_OPEN", Recent(1))
    rows = arrayrecord(train=str(shards / "*-of-*"), name="numbers").open("train")
    assert [rows[i]["i"] for i in (0, 10, 20, 0)] == [0, 10, 20, 0]
    assert len(records._OPEN) == 1


def test_records_of_a_bucket_are_read_from_copies(shards, bucket, settle, kept_folder, monkeypatch):
    settle(shards)
    assert arrayrecord(train="gs://bucket/train.array_record-*").open("train")[25]["i"] == 25
    records._OPEN._values.clear()
    monkeypatch.setenv("FLANJAX_INDEX", "")
    with pytest.raises(SourceError, match="ArrayRecord reads local files only: set FLANJAX_INDEX"):
        arrayrecord(train="gs://bucket/train.array_record-*").open("train")


# tensorflow_datasets


class Toy(tensorflow_datasets.core.GeneratorBasedBuilder):
    VERSION = tensorflow_datasets.core.Version("1.0.0")

    def _info(self):
        features = F.FeaturesDict(
            {
                "text": F.Text(),
                "label": F.ClassLabel(names=["no", "yes"]),
                "score": np.float32,
                "raw": np.object_,
                "choices": F.Sequence({"t": F.Text(), "i": np.int32}),
                "words": F.Sequence(F.Text()),
                "inner": {"x": F.Text()},
            }
        )
        return tensorflow_datasets.core.DatasetInfo(builder=self, features=features)

    def _split_generators(self, manager):
        return {"train": ((i, toy_row(i)) for i in range(10)), "test": ((i, toy_row(i)) for i in range(3))}

    def _generate_examples(self):
        raise NotImplementedError


def toy_row(i):
    choices = [{"t": "a é", "i": 1}, {"t": "b", "i": i}]
    fields = {"text": f"row {i} é", "label": i % 2, "score": i / 2, "raw": b"\xff", "words": ["x", "y é"], "inner": {"x": "in"}}
    return {**fields, "choices": choices}


def shown(i):
    return {**toy_row(i), "choices": {"t": ["a é", "b"], "i": [1, i]}}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tfds")
    Toy(data_dir=folder, file_format="array_record").download_and_prepare()
    return folder


def by_text(rows):
    return sorted(rows, key=lambda row: row["text"])


def test_a_prepared_data_set_gives_plain_python_rows(prepared):
    source = tfds("toy", data_dir=prepared)
    assert source.name == "tfds:toy"
    assert source.num_rows("train[:50%]") == 5
    rows = list(source.open("train"))
    assert by_text(rows) == [shown(i) for i in range(10)]
    assert {type(rows[0][key]) for key in ("label", "score", "text", "raw")} == {int, float, str, bytes}
    assert type(rows[0]["choices"]["i"][0]) is int
    assert by_text(source.open("test")) == [shown(i) for i in range(3)]


def test_a_directory_gives_the_same_rows(prepared):
    source = tfds(prepared / "toy" / "1.0.0")
    assert source.name == "tfds:toy"
    assert list(source.open("train")) == list(tfds("toy:1.0.0", data_dir=prepared).open("train"))
    assert tfds("toy:1.0.0").name == "tfds:toy"
    assert pickle.loads(pickle.dumps(source)).open("test")[0] == source.open("test")[0]


def test_a_data_set_in_a_bucket_is_read(prepared, bucket, settle, kept_folder):
    shutil.copytree(prepared / "toy", bucket / "toy")
    settle(bucket)
    assert by_text(tfds("gs://bucket/toy/1.0.0").open("test")) == [shown(i) for i in range(3)]


def test_what_is_not_prepared_says_how_to_prepare_it(prepared, tmp_path):
    build = "Prepare it by: tfds build {} --file_format=array_record"
    with pytest.raises(SourceError, match=build.format("glue/rte") + f" --data_dir={prepared}"):
        tfds("glue/rte", data_dir=prepared).num_rows("train")
    with pytest.raises(SourceError, match=build.format("gone")):
        tfds(tmp_path / "gone" / "1.0.0").open("train")
    with pytest.raises(SourceError, match=r"tfds:toy has no split 'trian'. It has: test, train. Nearest: train"):
        tfds("toy", data_dir=prepared).open("trian")


def test_another_format_and_a_lost_file_are_named(prepared, tmp_path):
    shutil.copytree(prepared / "toy", tmp_path / "toy")
    info = tmp_path / "toy" / "1.0.0" / "dataset_info.json"
    (tmp_path / "toy" / "1.0.0" / "toy-test.array_record-00000-of-00001").unlink()
    with pytest.raises(SourceError, match=r"1 of 1 files are missing, the first is .*toy-test"):
        tfds("toy", data_dir=tmp_path).open("test")
    info.write_text(info.read_text().replace("array_record", "tfrecord"))
    with pytest.raises(SourceError, match=r"prepared as tfrecord, which has no random access. Prepare it by"):
        tfds("toy", data_dir=str(tmp_path), name="again").open("train")


def test_tensorflow_is_not_imported(prepared):
    code = f"import sys, flanjax; flanjax.tfds('toy', {str(prepared)!r}).open('train')[0]; print('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
