"""What is kept of files between starts: it saves reading, and never outlives a change of its file."""

import json
import logging
import os
import time

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flanjax.sources import csv, json_rows, jsonl, kept, parquet


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A kept folder of this test's own."""
    monkeypatch.setenv(kept.VARIABLE, str(tmp_path / "index"))
    kept._index.cache_clear()
    return tmp_path / "index"


def restart():
    """Saves the index and forgets what this process knows, as another start would."""
    kept.save()
    kept._index.cache_clear()
    json_rows._OPEN._values.clear()


def settle(path, seconds=100):
    """Makes a file older: one that was written just now may change again unseen."""
    os.utime(path, (time.time() - seconds,) * 2)
    return path


def parquet_of(path, num_rows, seconds=100):
    pq.write_table(pa.table({"i": range(num_rows)}), path)
    return settle(path, seconds)


def test_a_second_start_reads_no_footers(tmp_path, folder, monkeypatch):
    path = parquet_of(tmp_path / "a.parquet", 10)
    assert parquet(train=path).num_rows("train") == 10
    restart()
    monkeypatch.setattr(pq, "ParquetFile", lambda *_, **__: pytest.fail("a footer was read"))
    assert parquet(train=path).num_rows("train[:50%]") == 5
    assert len(parquet(train=path).open("train")) == 10


def test_a_second_start_looks_for_no_lines(tmp_path, folder, monkeypatch):
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps({"i": i, "text": "x" * 1000}) + "\n" for i in range(2000)))
    settle(path)
    assert jsonl(train=path).open("train")[1234]["i"] == 1234
    restart()
    monkeypatch.setattr(json_rows, "line_spans", lambda _: pytest.fail("lines were looked for"))
    assert jsonl(train=path).num_rows("train") == 2000
    assert jsonl(train=path).open("train")[1999]["i"] == 1999
    assert len(list((folder / "arrays").glob("*.npy"))) == 1


def test_a_table_is_counted_once(tmp_path, folder, monkeypatch):
    path = tmp_path / "a.csv"
    path.write_text("x\n1\n2\n")
    settle(path)
    assert csv(train=path).num_rows("train") == 2
    restart()
    monkeypatch.setattr("flanjax.sources.tables._read_table", lambda *_: pytest.fail("read"))
    assert csv(train=path).num_rows("train") == 2


def test_a_file_that_changed_is_counted_again(tmp_path, folder):
    path = parquet_of(tmp_path / "a.parquet", 10)
    assert parquet(train=path).num_rows("train") == 10
    restart()
    parquet_of(path, 11, seconds=50)
    assert parquet(train=path).num_rows("train") == 11


def test_nothing_is_kept_of_a_file_that_was_written_just_now(tmp_path, folder):
    path = parquet_of(tmp_path / "a.parquet", 10, seconds=0)
    assert parquet(train=path).num_rows("train") == 10
    kept.save()
    assert not (folder / "index.json").exists()


def test_two_processes_that_save_keep_what_both_found(tmp_path, folder):
    first, second = (parquet_of(tmp_path / f"{name}.parquet", 10) for name in "ab")
    one, other = kept._Index(folder), kept._Index(folder)
    one.set(kept.state_of(first), "parquet", "first")
    other.set(kept.state_of(second), "parquet", "second")
    one.save()
    other.save()
    assert sorted(found for *_, found in json.loads((folder / "index.json").read_text()).values()) == ["first", "second"]


@pytest.mark.parametrize("content", ["", "{", "[1]"])
def test_a_damaged_index_is_made_again(tmp_path, folder, content):
    path = parquet_of(tmp_path / "a.parquet", 10)
    folder.mkdir()
    (folder / "index.json").write_text(content)
    assert parquet(train=path).num_rows("train") == 10
    restart()
    assert len(json.loads((folder / "index.json").read_text())) == 1


def test_an_empty_variable_keeps_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv(kept.VARIABLE, "")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    path = parquet_of(tmp_path / "a.parquet", 10)
    assert parquet(train=path).open("train")[9] == {"i": 9}
    kept.save()
    assert not (tmp_path / "home").exists()


def test_a_folder_that_cannot_be_written_is_one_warning(tmp_path, folder, caplog):
    folder.write_text("a file, not a folder")
    path = parquet_of(tmp_path / "a.parquet", 10)
    with caplog.at_level(logging.WARNING, "flanjax"):
        for _ in range(2):
            assert parquet(train=path).num_rows("train") == 10
            restart()
            assert parquet(train=path).open("train")[0] == {"i": 0}
    (warning,) = caplog.records
    assert "cannot keep" in warning.getMessage()
    assert "FLANJAX_INDEX" in warning.getMessage()


def test_a_fingerprint_is_the_same_for_a_copy_and_another_for_other_rows(tmp_path):
    first, copy = (parquet_of(tmp_path / f"{name}.parquet", 1000, seconds) for name, seconds in (("a", 100), ("b", 5)))
    other = tmp_path / "c.parquet"
    pq.write_table(pa.table({"i": [*range(999), 7]}), other)
    prints = [parquet(train=path, name="x").fingerprint("train") for path in (first, copy, other)]
    assert prints[0] == prints[1] != prints[2]
    assert parquet(train=first, name="x").fingerprint("train[:50%]") != prints[0]


@pytest.mark.parametrize("at", [0, 300_001, 799_990])
def test_a_fingerprint_samples_the_bytes_of_a_file_from_its_first_to_its_last(tmp_path, at):
    content = bytearray(b"x" * 800_000)
    (tmp_path / "a").write_bytes(content)
    content[at] = ord("y")
    (tmp_path / "b").write_bytes(content)
    assert kept.fingerprint(tmp_path / "a") != kept.fingerprint(tmp_path / "b")
