"""The rows of a task open at the first read; what goes wrong then stops the run and names the task."""

import dataclasses
import functools
import pickle
import threading

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from batch_checks import same, take

from flanjax import Example, Mixture, Task, Template, jsonl, parquet, rows
from flanjax.data.corpus import DataConfig, open_corpus, open_rows
from flanjax.data.feature_config import FeatureConfig
from flanjax.data.identity import changes, split_identity
from flanjax.data.pipeline import BatchIterator
from flanjax.data.task_rows import TaskRows
from flanjax.data.tokenizer import ByteTokenizer
from flanjax.sources import RowError, SourceError, where
from flanjax.tasks.mixture import Entry
from flanjax.tasks.styles import StyleShares

CONFIG = DataConfig(
    batch_size=4, num_streams=2, window=8, features=FeatureConfig(inputs_length=64, targets_length=16), max_bad_share=1.0
)
WORDS = ("no", "yes")


def read(row):
    return Example({"q": row["q"]}, row["a"], WORDS)


def read_with(row, words):
    return Example({"q": row["q"]}, row["a"], tuple(words))


def reader(words):
    def read(row):
        return Example({"q": row["q"]}, row["a"], tuple(words))

    return read


def task(name, source, **more):
    return Task(
        **{"name": name, "cluster": name, "source": source, "example": read, "templates": [Template("{{ q }}?")], **more}
    )


def parquet_task(folder, name="p", num_rows=40, **more):
    path = folder / f"{name}.parquet"
    pq.write_table(
        pa.table({"q": [f"{name} {i}" for i in range(num_rows)], "a": [WORDS[i % 2] for i in range(num_rows)]}), path
    )
    return task(name, parquet(train=path, name=name), **more)


class Counted:
    """A source that counts how often it is opened."""

    name = "counted"

    def __init__(self, num_rows=3):
        self.opened, self.counted, self._rows = 0, 0, num_rows

    def num_rows(self, split):
        self.counted += 1
        return self._rows

    def open(self, split):
        self.opened += 1
        return rows("inner", train=[{"q": str(i), "a": "no"} for i in range(3)]).open(split)


def test_a_task_is_opened_when_its_first_row_is_read():
    source = Counted()
    opened = open_rows(Mixture(name="m", parts=[task("t", source)]))["t"]
    assert (len(opened), source.opened) == (3, 0)
    assert opened[2] == {"q": "2", "a": "no"}
    assert opened.__getitems__([0, 1]) == [{"q": "0", "a": "no"}, {"q": "1", "a": "no"}]
    assert source.opened == 1


def test_rows_are_pickled_unopened_and_counted_only_once():
    opened = TaskRows(task("t", Counted()), "train")
    source = pickle.loads(pickle.dumps(opened))._task.source
    assert (source.opened, source.counted) == (0, 1)
    opened[0]
    again = pickle.loads(pickle.dumps(opened))
    assert again._opened is None
    assert list(again) == list(opened)


def test_threads_may_read_at_once():
    opened = TaskRows(task("t", rows("r", train=[{"q": str(i), "a": "no"} for i in range(100)])), "train")
    found = []
    threads = [threading.Thread(target=lambda i=i: found.append(opened[i]["q"])) for i in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(int, found)) == list(range(20))


def test_a_missing_file_is_found_at_the_start_and_named_with_its_task(tmp_path):
    mixture = Mixture(name="m", parts=[parquet_task(tmp_path), task("gone", parquet(train=tmp_path / "q.parquet"))])
    with pytest.raises(SourceError, match=r"no file .*q\.parquet") as caught:
        open_rows(mixture)
    assert "task gone" in "".join(caught.value.__notes__)


@pytest.mark.parametrize("num_workers", [0, 1])
def test_a_file_damaged_after_the_start_stops_the_run_and_names_task_and_source(tmp_path, num_workers):
    mixture = Mixture(name="m", parts=[parquet_task(tmp_path)])
    opened = open_rows(mixture)
    path = tmp_path / "p.parquet"
    path.write_bytes(b"no longer a table" * 100)
    corpus = open_corpus(mixture, opened, ByteTokenizer(), CONFIG)._replace(
        config=dataclasses.replace(CONFIG, num_workers=num_workers)
    )
    with pytest.raises(Exception, match=r"parquet:p: cannot read .*p\.parquet as Parquet") as caught:
        next(BatchIterator(corpus))
    assert "task p" in str(caught.value) + "".join(getattr(caught.value, "__notes__", []))


def test_a_row_that_cannot_be_read_while_opening_is_not_a_bad_row():
    class Fails(Counted):
        def open(self, split):
            raise RowError("a.csv:3: unexpected end of data")

    with pytest.raises(SourceError, match=r"counted: a\.csv:3: unexpected end") as caught:
        TaskRows(task("t", Fails()), "train")[0]
    assert "task t" in "".join(caught.value.__notes__)


def test_a_bad_row_stays_one(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"q": "x", "a": "no"}\n{"q"\n')
    opened = TaskRows(task("t", jsonl(train=path)), "train")
    assert opened[0]["q"] == "x"
    with pytest.raises(RowError, match=r"a\.jsonl:2"):
        opened[1]
    assert where(opened, 1) == f"{path}:2"


def test_another_number_of_rows_than_was_counted_stops_the_run():
    with pytest.raises(SourceError, match=r"counted: 'train' has 3 rows, but had 4 when they were counted") as caught:
        TaskRows(task("t", Counted(4)), "train")[0]
    assert "task t" in "".join(caught.value.__notes__)


def test_batches_are_those_of_rows_that_are_open(tmp_path):
    mixture = Mixture(name="m", parts=[parquet_task(tmp_path, name) for name in "ab"])
    opened = {t.name: t.source.open("train") for t in mixture.tasks()}
    same(*(take(BatchIterator(open_corpus(mixture, r, ByteTokenizer(), CONFIG)), 6) for r in (opened, open_rows(mixture))))


def test_the_identity_of_files_opens_none(tmp_path, monkeypatch):
    before = parquet_task(tmp_path)
    monkeypatch.setattr(pq.ParquetFile, "read_row_groups", lambda *_, **__: pytest.fail("decoded"))

    def record(task):
        return split_identity([Entry(task, 1.0, StyleShares())], {"p": TaskRows(task, "train")}, [])

    old = record(before)
    assert changes(old, record(parquet_task(tmp_path))) == []
    assert changes(old, record(parquet_task(tmp_path, num_rows=39))) == ["p: rows"]
    for make in (reader, lambda words: functools.partial(read_with, words=words)):
        first, same_words, others = (record(parquet_task(tmp_path, example=make(w))) for w in (["a"], ("a",), ["b"]))
        assert changes(first, same_words) == []
        assert changes(first, others) == ["p: code"]
