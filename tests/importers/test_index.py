"""The kept index: a file is searched again only when it has changed."""

import os

import numpy as np
import pytest
from etils import epath

from flanjax.importers.index import indexed, packed, unpacked
from flanjax.sources import SourceError


def find(about, path, seen):
    return indexed(about, {path.name: epath.Path(path)}, lambda p: seen.append(p.name) or p.read_text())


def test_an_entry_holds_while_size_and_time_stay_the_same(tmp_path):
    path, seen = tmp_path / "a.txt", []
    path.write_text("one")
    assert find("test x", path, seen) == find("test x", path, seen) == {"a.txt": "one"}
    assert seen == ["a.txt"]
    changed = path.stat().st_mtime_ns
    path.write_text("two")
    os.utime(path, ns=(changed, changed + 1))
    assert find("test x", path, seen) == {"a.txt": "two"}
    path.write_text("three")
    os.utime(path, ns=(changed, changed + 1))
    assert find("test x", path, seen) == {"a.txt": "three"}


def test_indexes_about_different_things_are_apart(tmp_path):
    path, seen = tmp_path / "a.txt", []
    path.write_text("one")
    find("test x", path, seen)
    find("test y", path, seen)
    assert len(seen) == 2


def test_a_damaged_index_is_made_again(tmp_path, index):
    path, seen = tmp_path / "a.txt", []
    path.write_text("one")
    find("test x", path, seen)
    for content in ("{", "[]", '{"format": 0, "files": {}}'):
        next(index.iterdir()).write_text(content)
        find("test x", path, seen)
    assert len(seen) == 4


def test_no_index_is_kept_where_the_variable_is_empty(tmp_path, index, monkeypatch):
    monkeypatch.setenv("FLANJAX_INDEX", "")
    path, seen = tmp_path / "a.txt", []
    path.write_text("one")
    find("test x", path, seen)
    find("test x", path, seen)
    assert len(seen) == 2
    assert not index.exists()


def test_an_index_that_cannot_be_written_is_an_error_with_the_way_out(tmp_path, monkeypatch):
    path = tmp_path / "a.txt"
    path.write_text("one")
    monkeypatch.setenv("FLANJAX_INDEX", str(path))
    with pytest.raises(SourceError, match="Set FLANJAX_INDEX"):
        find("test x", path, [])


def test_without_the_variable_the_index_lies_in_the_cache_directory(tmp_path, monkeypatch):
    monkeypatch.delenv("FLANJAX_INDEX")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = tmp_path / "a.txt"
    path.write_text("one")
    find("test x", path, [])
    assert len(list((tmp_path / "cache" / "flanjax" / "index").iterdir())) == 1


@pytest.mark.parametrize("numbers", [[], [0], [5, 3, -7], [0, 2**40, 1], list(range(0, 10_000, 3))])
def test_packed_numbers_come_back(numbers):
    assert unpacked(packed(np.array(numbers, np.int64))).tolist() == numbers


def test_ascending_numbers_pack_to_less_than_three_bytes_each():
    spans = np.cumsum(np.random.default_rng(0).integers(100, 900, 10_000))
    assert len(packed(spans)) < 3 * len(spans)
