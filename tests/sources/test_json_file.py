"""Whole JSON files: Alpaca's array, an array under a key, elements that are bad, and files that are none."""

import json

import pytest

from flanjax.sources import RowError, SourceError, json_file, where
from flanjax.sources.json_array import element_spans
from flanjax.sources.recent import Recent

ROWS = [
    {"instruction": "Say it.", "input": "", "output": "naïve — 日本語 🦉"},
    {"conversations": [{"from": "human", "value": '[{,]}\\"'}, {"from": "gpt", "value": "ok"}]},
    {"n": 3, "nested": {"deep": [[1], [2]]}},
]


@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.parametrize("indent", [None, 2])
def test_an_array_gives_its_elements(tmp_path, ascii_only, indent):
    path = tmp_path / "alpaca.json"
    path.write_text(json.dumps(ROWS, ensure_ascii=ascii_only, indent=indent), encoding="utf-8")
    source = json_file(train=path)
    assert source.name == "json:alpaca"
    assert list(source.open("train")) == ROWS
    assert source.num_rows("train[1:]") == 2
    assert where(source.open("train"), 2) == f"{path}: element 2"


def test_an_object_gives_the_array_under_the_key(tmp_path):
    path = tmp_path / "squad.json"
    path.write_text(json.dumps({"version": {"data": [1]}, "data": ROWS, "more": []}, ensure_ascii=False), encoding="utf-8")
    assert list(json_file(train=path, key="data").open("train")) == ROWS
    assert json_file(train=path, key="data") != json_file(train=path, key="more")


def test_several_files_and_splits_are_read_like_other_files(tmp_path):
    for number in (1, 0):
        (tmp_path / f"train-{number}.json").write_text(json.dumps([{"i": number}]))
    source = json_file({"train": str(tmp_path / "train-*.json")}, name="two")
    assert [row["i"] for row in source.open("train")] == [0, 1]


def test_a_bad_element_spares_the_others(tmp_path):
    path = tmp_path / "mixed.json"
    path.write_bytes(b'\xef\xbb\xbf[{"i": 0}, "text", {"i": "\xff"}, {"i": "\\ud83d"}, {"i": "\xc3\xa9"}]')
    rows = json_file(train=path).open("train")
    assert [rows[0], rows[4]] == [{"i": 0}, {"i": "é"}]
    for row, message in ((1, "expected a JSON object, got str"), (2, "not JSON"), (3, "not text")):
        with pytest.raises(RowError, match=f"element {row}: {message}"):
            rows[row]


@pytest.mark.parametrize(
    ("text", "key", "message"),
    [
        ("[]", None, "has no rows"),
        ('[{"i": 1}', None, "not JSON as expected: Expecting ','"),
        ('[{"i": 1},]', None, "not JSON as expected"),
        ('{"rows": [{}], "n": 1}', None, "got an object; name the key of its array, as in key='rows'"),
        ('{"rows": [{}]}', "data", "no key 'data'; it has rows"),
        ("{}", "data", "no key 'data'; it has none"),
        ('{"data": 3}', "data", "expected an array, got '3}'"),
        ("[{}]", "data", "expected an object with the key 'data'"),
        ('"text"', None, "expected an array"),
        ("", None, "expected an array, got ''"),
        ("[" * 100_000, None, "nested too deeply"),
    ],
)
def test_a_file_without_the_array_is_an_error_that_names_it(tmp_path, text, key, message):
    path = tmp_path / "bad.json"
    path.write_text(text)
    with pytest.raises(SourceError, match=message) as error:
        json_file(train=path, key=key).open("train")
    assert "bad.json" in str(error.value)


def test_a_second_start_does_not_parse_the_file(tmp_path, settle, kept_folder, monkeypatch):
    path = tmp_path / "large.json"
    path.write_text(json.dumps([{"i": i, "text": "x" * 1000} for i in range(1500)]))
    settle(tmp_path)
    assert json_file(train=path).num_rows("train") == 1500
    monkeypatch.setattr("flanjax.sources.json_array.element_spans", lambda *_, **__: pytest.fail("parsed"))
    monkeypatch.setattr("flanjax.sources.json_rows._OPEN", Recent(1 << 20))
    assert json_file(train=path).open("train")[1499]["i"] == 1499


def test_a_file_of_a_bucket_is_read_through_epath(bucket):
    (bucket / "a.json").write_text(json.dumps(ROWS))
    assert list(json_file(train="gs://bucket/a.json").open("train")) == ROWS


def test_spans_are_of_bytes():
    text = '{"é": 1, "d": [{"a": "日"} ,\n 2]}'.encode()
    assert [text[a:b] for a, b in element_spans(text, "d")] == ['{"a": "日"}'.encode(), b"2"]


@pytest.mark.parametrize("text", [b'[{"a": 1}]\n[{"a": 2}]', b'[{"a": 1}] more', b"[] []"])
def test_what_stands_behind_an_array_is_not_passed_over(text):
    with pytest.raises(ValueError, match="Extra data"):
        element_spans(text)
    assert len(element_spans(b'[{"a": 1}, 2]\n ')) == 2
    assert len(element_spans(b" [ ] ")) == 0
