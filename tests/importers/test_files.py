"""Files of rows: JSON arrays, JSON lines, Parquet; and the rows of one file by the values of a column."""

import json
import pickle

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flanjax.importers import json_spans
from flanjax.importers.files import rows_of
from flanjax.importers.groups import by_column
from flanjax.sources import RowError, SourceError

ROWS = [{"x": n, "kind": "even" if n % 2 == 0 else "odd", "text": 'a "quoted" [ { ü 雪 \\ ' * n} for n in range(50)]


def write(path, rows, *, indent=None, ascii=True):
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif path.suffix == ".json":
        path.write_text(json.dumps(rows, indent=indent, ensure_ascii=ascii))
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.mark.parametrize("name", ["rows.json", "rows.jsonl", "rows.parquet"])
def test_a_file_of_any_kind_has_the_same_rows(tmp_path, name):
    source = rows_of(write(tmp_path / name, ROWS), "toy")
    assert source.num_rows("train[:10]") == 10
    assert [dict(row) for row in source.open("train").__getitems__([49, 0, 7])] == [ROWS[49], ROWS[0], ROWS[7]]
    assert source.name.partition(":")[2] == "toy"


@pytest.mark.parametrize(("indent", "ascii"), [(None, True), (None, False), (4, False)])
def test_elements_are_found_whatever_the_layout_of_a_json_array(tmp_path, indent, ascii):
    rows = rows_of(write(tmp_path / "rows.json", ROWS, indent=indent, ascii=ascii), "toy").open("train")
    assert [dict(row) for row in rows.__getitems__(range(50))] == ROWS


def test_json_lines_may_be_called_json_and_begin_with_a_byte_order_mark(tmp_path):
    path = tmp_path / "lines.json"
    path.write_text('{"x": 1}\n{"x": 2}\n')
    assert rows_of(path, "toy").open("train")[1] == {"x": 2}
    path.write_bytes(b'\xef\xbb\xbf [{"x": 1}]')
    assert rows_of(path, "toy").open("train")[0] == {"x": 1}


@pytest.mark.parametrize(
    "data", [b'{"a": [1, 2', b'{"a": [1,]}', b'{"a": [1]} x', b'{"a": [1 2]}', b"{}", b'{"a": 3}', b'{"a": [1],}']
)
def test_what_is_no_object_with_an_array_is_refused(data):
    with pytest.raises(ValueError, match=r"Expecting|Extra|no list 'a'"):
        json_spans.find_array_in(data, "a")


@pytest.mark.parametrize("element", [b"3", b'"text"', b'{"x": "\xff"}'])
def test_an_element_that_is_no_row_is_an_error_when_it_is_read(tmp_path, element):
    path = tmp_path / "rows.json"
    path.write_bytes(b'[{"x": 1}, ' + element + b"]")
    rows = rows_of(path, "toy").open("train")
    assert rows[0] == {"x": 1}
    with pytest.raises(RowError, match=r"rows\.json: element 1"):
        rows[1]


def test_files_that_are_missing_or_of_other_kinds_are_errors(tmp_path):
    write(tmp_path / "rows.jsonl", ROWS)
    (tmp_path / "rows.yaml").write_text("x: 1")
    (tmp_path / "empty.json").write_text("[]")
    for name, message in (
        ("row.jsonl", "Nearest there: rows.jsonl"),
        ("rows.yaml", "expected one of"),
        ("empty.json", "no rows"),
    ):
        with pytest.raises(SourceError, match=message):
            rows_of(tmp_path / name, "toy").open("train")


@pytest.mark.parametrize("name", ["rows.json", "rows.jsonl", "rows.parquet"])
def test_the_rows_of_a_file_fall_into_a_source_for_each_value(tmp_path, name):
    found = by_column(write(tmp_path / name, ROWS), "toy", "kind")
    assert list(found.sources) == ["even", "odd"]
    odd = found.sources["odd"]
    assert odd.name.endswith(":toy/odd")
    assert odd.num_rows("train") == 25
    assert [row["x"] for row in odd.open("train[:3]").__getitems__([2, 0])] == [5, 1]
    assert found.refused == ()


def test_files_of_a_glob_are_numbered_one_after_the_other_and_searched_again_only_when_changed(tmp_path, monkeypatch):
    for n in range(3):
        write(tmp_path / f"part-{n}.jsonl", ROWS[10 * n : 10 * n + 10])
    glob = tmp_path / "part-*.jsonl"
    assert [row["x"] for row in by_column(glob, "toy", "kind").sources["even"].open("train").__getitems__(range(15))] == list(
        range(0, 30, 2)
    )
    write(tmp_path / "part-1.jsonl", ROWS[40:43])
    found = [row["x"] for row in by_column(glob, "toy", "kind").sources["odd"].open("train").__getitems__(range(11))]
    assert found == [1, 3, 5, 7, 9, 41, 21, 23, 25, 27, 29]


def test_groups_of_a_file_open_it_once(tmp_path):
    found = by_column(write(tmp_path / "rows.jsonl", ROWS), "toy", "kind")
    even, odd = (source.open("train") for source in found.sources.values())
    assert even._ranges[0][0]._rows is odd._ranges[0][0]._rows
    again = pickle.loads(pickle.dumps([even, odd]))
    assert again[1][0]["x"] == 1


def test_rows_without_a_value_are_counted_with_the_first_reason(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"kind": "a"}\n{"kind": 3}\nnot json\n{"other": "a"}\n')
    found = by_column(path, "toy", "kind")
    assert list(found.sources) == ["a"]
    assert "3 rows are in no task; the first: row 1 has kind 3" in found.refused[0].reason


def test_an_unknown_column_of_parquet_is_an_error_with_the_known_ones(tmp_path):
    with pytest.raises(SourceError, match="Nearest: kind"):
        by_column(write(tmp_path / "rows.parquet", ROWS), "toy", "kinds")


def test_a_fingerprint_tells_changed_files_and_groups_apart_but_not_copies(tmp_path):
    (tmp_path / "copy").mkdir()
    found = by_column(write(tmp_path / "rows.json", ROWS), "toy", "kind").sources
    copied = by_column(write(tmp_path / "copy" / "rows.json", ROWS), "toy", "kind").sources
    changed = by_column(write(tmp_path / "more.json", [*ROWS[:-1], {**ROWS[-1], "x": -1}]), "toy", "kind").sources
    fingerprints = [source.fingerprint("train") for source in (found["odd"], copied["odd"], changed["odd"], found["even"])]
    assert fingerprints[0] == fingerprints[1]
    assert len(set(fingerprints)) == 3
    arrays = [rows_of(tmp_path / name, "toy").fingerprint("train") for name in ("rows.json", "copy/rows.json", "more.json")]
    assert (arrays[0] == arrays[1], arrays[0] == arrays[2]) == (True, False)
