"""JSON lines, Parquet, comma- and tab-separated files."""

import gzip
import json
import pathlib
import pickle
import time

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import flanjax
from flanjax.sources import RowError, SourceError, csv, hub, jsonl, parquet, tsv, where
from flanjax.sources.arrow import ArrowRows

ROWS = [
    {"text": "plain", "label": 0, "options": ["a", "b"], "meta": {"n": 1, "tags": ["x"]}},
    {"text": "naïve — 日本語 🦉 \u2028 \u0085", "label": 1, "options": [], "meta": {"n": None, "tags": []}},
    {"text": 'quote " comma , tab \t newline \n end', "label": None, "options": ["c"], "meta": {"n": 3, "tags": ["y", "z"]}},
]


def write_jsonl(path, rows):
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def write_parquet(path, rows, **options):
    pq.write_table(pa.Table.from_pylist(rows), path, **options)
    return path


@pytest.mark.parametrize(("kind", "write"), [(jsonl, write_jsonl), (parquet, write_parquet)])
def test_rows_come_back_as_they_were_written(tmp_path, kind, write):
    source = kind(train=write(tmp_path / "reviews", ROWS), name="reviews")
    opened = source.open("train")
    assert list(opened) == ROWS
    assert opened.__getitems__([2, 0, 2]) == [ROWS[2], ROWS[0], ROWS[2]]
    assert source.num_rows("train[1:]") == 2


@pytest.mark.parametrize(("kind", "write"), [(jsonl, write_jsonl), (parquet, write_parquet)])
def test_many_files_are_one_split_in_order_of_name(tmp_path, kind, write):
    for shard in (2, 0, 1):
        write(tmp_path / f"train-{shard:05d}", [{"i": 10 * shard + i} for i in range(10)])
    write(tmp_path / "extra", [{"i": 30}])
    source = kind({"train": [str(tmp_path / "train-*"), tmp_path / "extra"]}, name="numbers")
    assert [row["i"] for row in source.open("train")] == list(range(31))
    assert [row["i"] for row in source.open("train").__getitems__([30, 5, 25, 15])] == [30, 5, 25, 15]
    assert source.num_rows("train") == 31


def test_globs_reach_into_folders_and_a_bracket_in_a_name_is_no_glob(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        write_jsonl(tmp_path / folder / "part.jsonl", [{"from": folder}])
    write_jsonl(tmp_path / "odd[1].jsonl", [{"from": "odd"}])
    assert [row["from"] for row in jsonl(train=str(tmp_path / "*/part.jsonl")).open("train")] == ["a", "b"]
    assert jsonl(train=str(tmp_path / "odd[1].jsonl"), name="odd").open("train")[0] == {"from": "odd"}


def test_relative_paths_and_globs_are_read_from_the_working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_jsonl(pathlib.Path("train-1.jsonl"), [{"i": 1}])
    assert jsonl(train="train-*.jsonl", name="toy").open("train")[0] == {"i": 1}
    assert jsonl(train="train-1.jsonl").open("train")[0] == {"i": 1}


@pytest.mark.parametrize(
    ("files", "name"),
    [
        ({"train": "data/reviews.jsonl"}, "jsonl:reviews"),
        ({"train": "data/reviews/train.jsonl", "test": "data/reviews/test.jsonl"}, "jsonl:reviews"),
        ({"train": "gs://bucket/reviews/train-*.jsonl"}, "jsonl:reviews"),
        ({"train": "reviews/*.jsonl"}, "jsonl:reviews"),
        ({"train": "a/trains.jsonl"}, "jsonl:trains"),
        ({"train": ["b.jsonl", "a.v2.jsonl"]}, "jsonl:a+b"),
    ],
)
def test_a_source_is_named_for_its_files(files, name):
    assert jsonl(files).name == name
    assert jsonl(files, name="mine").name == "jsonl:mine"


def test_a_bare_glob_asks_for_a_name():
    with pytest.raises(SourceError, match="Give it a name"):
        jsonl(train="*.jsonl")


def test_sources_of_the_same_files_are_equal_and_pickle_without_their_rows(tmp_path):
    path = write_jsonl(tmp_path / "reviews.jsonl", ROWS * 1000)
    source = jsonl(train=path)
    opened = source.open("train")
    again = pickle.loads(pickle.dumps(source))
    assert again == source == jsonl(train=str(path))
    assert hash(again) == hash(source)
    assert len(pickle.dumps(opened)) < 1000
    assert pickle.loads(pickle.dumps(opened))[1] == ROWS[1]


def test_missing_files_and_splits_are_errors_with_the_nearest_names(tmp_path):
    write_jsonl(tmp_path / "reviews.jsonl", ROWS)
    with pytest.raises(SourceError, match=r"no file .*reviewz.jsonl. Nearest there: reviews.jsonl"):
        jsonl(train=tmp_path / "reviewz.jsonl").open("train")
    with pytest.raises(SourceError, match="nor a folder"):
        jsonl(train=tmp_path / "no" / "reviews.jsonl").open("train")
    with pytest.raises(SourceError, match=r"no file matches .*nothing-\*"):
        jsonl(train=tmp_path / "nothing-*", name="toy").open("train")
    with pytest.raises(SourceError, match="use \\*/\\*"):
        jsonl(train=tmp_path / "**" / "reviews.jsonl").open("train")
    with pytest.raises(SourceError, match="is a folder"):
        jsonl(train=tmp_path).open("train")
    with pytest.raises(SourceError, match=r"no split 'trian'. It has: test, train. Nearest: train"):
        jsonl(train=tmp_path / "reviews.jsonl", test="x").open("trian")
    with pytest.raises(SourceError, match="at least one split"):
        jsonl()
    with pytest.raises(SourceError, match="split 'train' has no files"):
        jsonl(train=[])


@pytest.mark.parametrize(("kind", "write"), [(jsonl, write_jsonl), (parquet, write_parquet)])
def test_files_of_a_bucket_are_read_through_epath(bucket, kind, write):
    write(bucket / "train-0", ROWS)
    write(bucket / "train-1", ROWS[:1])
    source = kind(train="gs://bucket/train-*", name="remote")
    assert source.num_rows("train") == 4
    assert list(source.open("train")) == [*ROWS, ROWS[0]]
    with pytest.raises(SourceError, match="no file gs://bucket/train-2"):
        kind(train="gs://bucket/train-2").open("train")


def test_tables_and_a_mirror_of_a_bucket_are_read_through_epath(bucket, monkeypatch):
    (bucket / "a.csv").write_text("x,y\n1,2\n")
    assert csv(train="gs://bucket/a.csv").open("train")[0] == {"x": "1", "y": "2"}
    (bucket / "mirror/toy/default").mkdir(parents=True)
    write_parquet(bucket / "mirror/toy/default/train.parquet", ROWS)
    monkeypatch.setenv("FLANJAX_HUB_MIRROR", "gs://bucket/mirror")
    assert list(hub("toy").open("train")) == ROWS
    with pytest.raises(SourceError, match=r"Nearest: toy\."):
        hub("toi").open("train")


# JSON lines


def test_blank_lines_and_line_ends_do_not_count_as_rows(tmp_path):
    path = tmp_path / "odd.jsonl"
    path.write_bytes(b'\n\n{"i": 0}\r\n   \n\r\n  {"i": 1}\n\t\n{"i": 2}')
    assert [row["i"] for row in jsonl(train=path).open("train")] == [0, 1, 2]


def test_line_spans_do_not_depend_on_where_scans_end(tmp_path, monkeypatch):
    path = write_jsonl(tmp_path / "long.jsonl", [{"i": i, "text": "x" * (i % 7)} for i in range(200)])
    monkeypatch.setattr("flanjax.sources.json_rows._SCAN_BYTES", 13)
    assert [row["i"] for row in jsonl(train=path).open("train")] == list(range(200))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b'{"i": 1,}', "not JSON"),
        (b"[1, 2]", "expected a JSON object, got list"),
        (b'{"i": "\xff\xfe"}', "not JSON: 'utf-8' codec"),
        (b'{"i": "\xed\xa0\x80"}', "not JSON: 'utf-8' codec"),
        (rb'{"i": {"deep": ["\ud83d"]}}', "not text: half of a surrogate pair"),
        (b'{"i": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "RecursionError: nested too deeply"),
        (b'{"i": ' + b"9" * 10_000 + b"}", "not JSON: Exceeds the limit"),
    ],
)
def test_a_malformed_line_is_an_error_with_file_and_line_when_it_is_read(tmp_path, line, message):
    good = write_jsonl(tmp_path / "good.jsonl", ROWS)
    bad = tmp_path / "bad.jsonl"
    bad.write_bytes(b'{"i": 0}\n\n' + line + b'\n{"i": 2}\n')
    opened = jsonl(train=[good, bad]).open("train")
    assert [row["i"] for row in opened.__getitems__([3, 5])] == [0, 2]
    with pytest.raises(RowError, match=rf"bad\.jsonl:3: {message}"):
        opened[4]


def test_escaped_characters_and_a_byte_order_mark_are_read(tmp_path):
    path = tmp_path / "escaped.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"i": "\\ud83e\\udd89 \\u00e9 \\ud55c"}\n{"i": "\\\\ud83e"}\n')
    assert [row["i"] for row in jsonl(train=path).open("train")] == ["🦉 é 한", "\\ud83e"]


def test_every_row_knows_its_file_and_line(tmp_path):
    first, second = (write_jsonl(tmp_path / f"{n}.jsonl", [{"i": 0}, {"i": 1}]) for n in "ab")
    table = tmp_path / "t.csv"
    table.write_text('x\n"two\nlines"\n3\n')
    parts = [write_parquet(tmp_path / f"{n}.parquet", ROWS) for n in "ab"]
    memory = flanjax.rows("toy", train=[{"i": 0}, {"i": 1}])
    places = {
        (jsonl(train=[first, second], name="j"), "train", 3): f"{second}:2",
        (jsonl(train=first, test=second, name="j"), "train[1:]+test", 1): f"{second}:1",
        (csv(train=table), "train", 1): f"{table}:4",
        (parquet(train=parts, name="p"), "train[2:]", 2): f"{parts[1]}: row 1",
        (memory, "train[1:]", 0): "row 1",
    }
    assert {key: where(key[0].open(key[1]), key[2]) for key in places} == places


@pytest.mark.parametrize("content", [b"", b"\n \n"])
def test_a_file_without_rows_is_an_error_that_names_it(tmp_path, content):
    (tmp_path / "empty.jsonl").write_bytes(content)
    with pytest.raises(SourceError, match=r"empty\.jsonl has no rows"):
        jsonl(train=tmp_path / "empty.jsonl").open("train")


# Parquet


def test_counting_parquet_rows_decodes_nothing(tmp_path, monkeypatch):
    path = write_parquet(tmp_path / "reviews.parquet", ROWS)
    monkeypatch.setattr(pq.ParquetFile, "read", lambda *_: pytest.fail("decoded"))
    source = parquet(train=[path, path])
    assert source.num_rows("train[1:]") == 5
    assert source.range("train[-50%:]") == (("train", 3, 6),)


def test_a_table_of_many_chunks_gives_the_rows_of_a_merged_one():
    table = pa.table({"i": np.arange(5000), "text": [f"row {i}" for i in range(5000)]})
    chunked = pa.concat_tables([table.slice(a, b - a) for a, b in [(0, 0), (0, 1), (1, 1700), (1700, 1700), (1700, 5000)]])
    merged, kept = ArrowRows(chunked), ArrowRows(chunked, merge_up_to_bytes=0)
    assert len(kept) == len(merged) == 5000
    for seed in range(20):
        asked = np.random.default_rng(seed).integers(0, 5000, seed * 10).tolist()
        assert kept.__getitems__(asked) == merged.__getitems__(asked) == [{"i": i, "text": f"row {i}"} for i in asked]


def test_text_of_a_parquet_file_that_is_not_utf8_is_an_error_of_its_row_alone(tmp_path):
    text = pa.array([b"good", b"caf\xe9", b"fine", b"\xed\xa0\x80"], pa.binary()).view(pa.string())
    path = tmp_path / "latin.parquet"
    pq.write_table(pa.table({"i": [0, 1, 2, 3], "text": text}), path)
    opened = parquet(train=path).open("train")
    assert opened.__getitems__([2, 0]) == [{"i": 2, "text": "fine"}, {"i": 0, "text": "good"}]
    with pytest.raises(RowError, match=r"latin\.parquet: row 3: column 'text' cannot be read: 'utf-8' codec"):
        opened.__getitems__([0, 3, 1])
    with pytest.raises(RowError, match="row 1"):
        opened[1]


def test_parquet_files_that_are_empty_damaged_or_differ_are_errors_that_name_them(tmp_path):
    good = write_parquet(tmp_path / "good.parquet", [{"a": 1}])
    zero, text, cut = tmp_path / "zero.parquet", tmp_path / "text.parquet", tmp_path / "cut.parquet"
    zero.write_bytes(b"")
    text.write_bytes(b"not a table at all, only words")
    cut.write_bytes(good.read_bytes()[:-6])
    none = tmp_path / "none.parquet"
    pq.write_table(pa.table({"a": pa.array([], pa.int64())}), none)
    for path, message in [(zero, "empty file"), (text, "cannot read"), (cut, "cannot read"), (none, "has no rows")]:
        with pytest.raises(SourceError, match=rf"(?s){message}|{path.name}") as error:
            parquet(train=path).open("train")
        assert message in str(error.value)
        assert path.name in str(error.value)
    with pytest.raises(SourceError, match=r"b\.parquet has columns \['b'\], but .*good"):
        parquet(train=[good, write_parquet(tmp_path / "b.parquet", [{"b": 1}])]).open("train")
    with pytest.raises(SourceError, match="differ in schema"):
        parquet(train=[good, write_parquet(tmp_path / "s.parquet", [{"a": "1"}])]).open("train")


def test_a_parquet_source_gives_100_000_small_rows_a_second_in_batches_of_1000(tmp_path):
    words = "a sentence of some ordinary length, as in a task of pairs of them "
    rows = [{"premise": words + str(i), "hypothesis": words, "label": i % 3, "idx": i} for i in range(20_000)]
    opened = parquet(train=write_parquet(tmp_path / "pairs.parquet", rows, row_group_size=500)).open("train[10%:]")
    batches = np.random.default_rng(0).integers(0, len(opened), (20, 1000)).tolist()
    seconds = []
    for batch in batches:
        start = time.perf_counter()
        opened.__getitems__(batch)
        seconds.append(time.perf_counter() - start)
    assert 1000 / min(seconds) > 100_000  # the best batch: other work on the machine is not ours


# Comma- and tab-separated


def test_csv_reads_quotes_and_line_breaks_and_keeps_strings(tmp_path):
    path = tmp_path / "reviews.csv"
    path.write_bytes(b'\xef\xbb\xbftext,label\r\n"a, ""b""\nc",1\r\n\r\n,02\r\n')
    assert list(csv(train=path).open("train")) == [{"text": 'a, "b"\nc', "label": "1"}, {"text": "", "label": "02"}]


def test_tsv_takes_lone_quotes_as_they_are(tmp_path):
    path = tmp_path / "reviews.tsv"
    path.write_text('text\tlabel\n"open quote\t1\nnext\t0\n')
    assert list(tsv(train=path).open("train")) == [{"text": '"open quote', "label": "1"}, {"text": "next", "label": "0"}]


def test_a_field_may_be_longer_than_the_csv_modules_own_limit(tmp_path):
    path = tmp_path / "long.csv"
    path.write_text("text\n" + "x" * 300_000 + "\n")
    assert len(csv(train=path).open("train")[0]["text"]) == 300_000


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        ("a,b\n1,2\n\n1\n", RowError, r"bad\.csv:4: expected 2 values \['a', 'b'\], got 1"),
        ('a,b\n1,"open\n', RowError, r"bad\.csv:\d: unexpected end of data"),
        ("a,a\n1,2\n", SourceError, "name every column once"),
        ("a,\n1,2\n", SourceError, "name every column once"),
        ("", SourceError, "is empty"),
        ("a,b\n", SourceError, "has no rows"),
    ],
)
def test_a_malformed_table_is_an_error_that_names_the_file(tmp_path, content, error, message):
    path = tmp_path / "bad.csv"
    path.write_text(content)
    with pytest.raises(error, match=message) as caught:
        list(csv(train=path).open("train"))
    assert "bad.csv" in str(caught.value)


def test_a_malformed_row_of_a_table_is_an_error_with_its_line_and_spares_the_others(tmp_path):
    path = tmp_path / "mixed.csv"
    path.write_bytes(b'a,b\n1,"two\nlines"\n3\n4,caf\xe9\n5,\xc3\xa9\n')
    opened = csv(train=path).open("train")
    assert [opened[0], opened[3]] == [{"a": "1", "b": "two\nlines"}, {"a": "5", "b": "é"}]
    for row, message in ((1, r"mixed\.csv:4: expected 2 values"), (2, r"mixed\.csv:5: not UTF-8")):
        with pytest.raises(RowError, match=message):
            opened[row]


def test_tables_of_one_split_must_have_the_same_columns(tmp_path):
    (tmp_path / "a.csv").write_text("x,y\n1,2\n")
    (tmp_path / "b.csv").write_text("y,x\n1,2\n")
    with pytest.raises(SourceError, match=r"b\.csv has columns .* but .*a\.csv"):
        csv(train=[tmp_path / "a.csv", tmp_path / "b.csv"]).open("train")


def test_a_compressed_file_is_refused_not_read_as_text(tmp_path):
    path = tmp_path / "reviews.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"i": 1}\n'))
    with pytest.raises(RowError, match=r"reviews\.jsonl\.gz:1: not JSON"):
        jsonl(train=path).open("train")[0]


def test_rows_counted_as_csv_are_not_those_of_tsv(tmp_path):
    (tmp_path / "x").write_text('a\n"x\ny"\nz\n')
    assert len(csv(train=tmp_path / "x").open("train")) == 2
    assert tsv(train=tmp_path / "x").num_rows("train") == len(tsv(train=tmp_path / "x").open("train")) == 3
