"""Parquet files are decoded piece by piece, within a budget of memory for all of them together."""

import os
import threading
import time

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flanjax.sources import SourceError, json_rows, jsonl, kept, parquet, parquet_files, pieces
from flanjax.sources.recent import Recent


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A kept folder of this test's own, and nothing decoded."""
    monkeypatch.setenv(kept.VARIABLE, str(tmp_path / "index"))
    monkeypatch.setattr(pieces, "_OPENED", Recent(pieces._BUDGET_BYTES))
    monkeypatch.setattr(json_rows, "_OPEN", Recent(json_rows._OPEN.budget))
    return tmp_path / "index"


@pytest.fixture
def decoded(monkeypatch):
    """The row groups that were decoded, in order."""
    calls = []
    read = pq.ParquetFile.read_row_groups

    def recorded(file, groups, *args, **named):
        calls.append(list(groups))
        return read(file, groups, *args, **named)

    monkeypatch.setattr(pq.ParquetFile, "read_row_groups", recorded)
    return calls


def large_file(path, num_rows=4000, group=1000):
    """A file of which each row group is a piece."""
    table = pa.table({"i": range(num_rows), "text": [str(np.random.default_rng(i).bytes(8)) * 20 for i in range(num_rows)]})
    pq.write_table(table, path, row_group_size=group)
    os.utime(path, (time.time() - 100,) * 2)
    return path


@pytest.fixture
def small_pieces(monkeypatch):
    monkeypatch.setattr(parquet_files, "_PIECE_BYTES", 1000)


def test_only_the_pieces_of_the_rows_that_are_read_are_decoded(tmp_path, folder, decoded, small_pieces):
    rows = parquet(train=large_file(tmp_path / "a.parquet")).open("train")
    assert decoded == []
    assert [row["i"] for row in rows.__getitems__([3999, 1000, 3000, 1999])] == [3999, 1000, 3000, 1999]
    assert decoded == [[1], [3]]
    assert rows[3500]["i"] == 3500
    assert decoded == [[1], [3]]


def test_a_small_file_is_one_piece(tmp_path, folder, decoded):
    rows = parquet(train=large_file(tmp_path / "a.parquet", group=100)).open("train")
    assert [row["i"] for row in rows] == list(range(4000))
    assert decoded == [list(range(40))]


def test_what_does_not_fit_into_memory_is_decoded_once_and_mapped(tmp_path, folder, decoded, small_pieces, monkeypatch):
    budget = 3 * pieces._MAPPED_COST
    monkeypatch.setattr(pieces, "_OPENED", Recent(budget))
    path = large_file(tmp_path / "a.parquet")
    rows = parquet(train=path).open("train")
    for _ in range(3):
        assert [row["i"] for row in rows] == list(range(4000))
    assert decoded == [[0], [1], [2], [3]]
    assert len(list((folder / "tables").glob("*.arrow"))) == 4
    assert pieces._OPENED.spent <= budget
    monkeypatch.setattr(pieces, "_OPENED", Recent(budget))
    assert list(parquet(train=path).open("train")) == list(rows)  # as another process would
    assert len(decoded) == 4


def test_without_a_kept_folder_it_is_decoded_again(tmp_path, folder, decoded, small_pieces, monkeypatch):
    monkeypatch.setenv(kept.VARIABLE, "")
    monkeypatch.setattr(pieces, "_OPENED", Recent(1))
    rows = parquet(train=large_file(tmp_path / "a.parquet")).open("train")
    assert [rows[i]["i"] for i in (0, 1000, 0)] == [0, 1000, 0]
    assert decoded == [[0], [1], [0]]


def test_a_damaged_piece_is_an_error_of_its_file_and_not_of_a_row(tmp_path, folder, small_pieces):
    path = large_file(tmp_path / "a.parquet")
    at = pq.ParquetFile(path).metadata.row_group(2).column(1).dictionary_page_offset
    content = bytearray(path.read_bytes())
    content[at : at + 200] = b"\xff" * 200
    path.write_bytes(content)
    rows = parquet(train=path).open("train")
    assert rows[0]["i"] == 0
    with pytest.raises(SourceError, match=r"parquet:a: cannot read .*a\.parquet as Parquet"):
        rows[2000]


def test_a_file_that_changes_after_it_was_counted_is_an_error(tmp_path, folder):
    path = large_file(tmp_path / "a.parquet")
    rows = parquet(train=path).open("train")
    large_file(path, num_rows=10)
    with pytest.raises(SourceError, match="has changed since its rows were counted"):
        rows[5]


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="counts in /proc")
def test_many_open_files_keep_few_descriptors(tmp_path, folder, monkeypatch):
    monkeypatch.setattr(json_rows, "_KEEP_FROM_BYTES", 1)  # so that each is memory-mapped
    monkeypatch.setattr(json_rows, "_OPEN", Recent(10 * json_rows._OPEN_COST))
    monkeypatch.setattr(pieces, "_OPENED", Recent(1))
    before = len(os.listdir("/proc/self/fd"))
    sources = []
    for number in range(60):
        text, table = tmp_path / f"{number}.jsonl", tmp_path / f"{number}.parquet"
        text.write_text('{"i": 0}\n{"i": 1}\n')
        pq.write_table(pa.table({"i": [0, 1]}), table)
        for path in (text, table):
            os.utime(path, (time.time() - 100,) * 2)
        sources += [jsonl(train=text).open("train"), parquet(train=table).open("train")]
    for _ in range(2):
        assert all(rows[1] == {"i": 1} for rows in sources)
    assert len(os.listdir("/proc/self/fd")) - before <= 12
    assert len(list((folder / "tables").glob("*.arrow"))) >= 59


def test_what_was_used_last_stays():
    recent = Recent(3)
    for key in "abac":
        recent.get(key, lambda key=key: (key, 1))
    recent.get("d", lambda: ("d", 1))
    assert [recent.get(key, lambda: ("made again", 0)) for key in "acdb"] == ["a", "c", "d", "made again"]
    assert recent.spent == 3
    assert recent.get("large", lambda: ("large", 99)) == "large"
    assert len(recent) == 1


def test_threads_that_ask_at_once_make_a_value_once():
    recent, made = Recent(1000), []

    def make():
        made.append(1)
        time.sleep(0.05)
        return "value", 1

    threads = [threading.Thread(target=recent.get, args=("key", make)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1


def test_a_value_that_cannot_be_made_is_tried_again():
    recent = Recent(1)
    with pytest.raises(ZeroDivisionError):
        recent.get("key", lambda: (1 / 0, 1))
    assert recent.get("key", lambda: ("now", 1)) == "now"
