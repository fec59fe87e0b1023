"""Rows of Python objects; and what every source shares: one read per split, pickling, threads."""

import copy
import pickle
import threading
import time

import pytest

from flanjax.sources import SourceError, rows

CALLS: list[str] = []


def make_rows():
    CALLS.append("called")
    return [{"i": i} for i in range(10)]


def test_a_function_is_called_once_and_only_when_its_split_is_needed():
    CALLS.clear()
    source = rows("lazy", train=make_rows, test=[{"i": 1}])
    assert source.num_rows("test") == 1
    assert CALLS == []
    assert source.num_rows("train[:5]") == 5
    assert source.open("train")[9] == {"i": 9}
    assert source.open("train[5:]")[0] == {"i": 5}
    assert CALLS == ["called"]


def test_the_same_expression_opens_the_same_rows():
    source = rows("toy", train=[{"i": 1}, {"i": 2}])
    assert source.open("train[:1]") is source.open("train[:1]")


def test_threads_that_open_at_once_read_once():
    calls = []

    def slow():
        calls.append(1)
        time.sleep(0.05)
        return [{"i": 0}]

    source = rows("slow", train=slow)
    threads = [threading.Thread(target=source.open, args=("train",)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(calls) == 1


def test_sources_and_rows_pickle_without_what_they_have_read():
    source = rows("lazy", train=make_rows)
    opened = source.open("train[2:4]")
    CALLS.clear()
    again = pickle.loads(pickle.dumps(opened))
    assert CALLS == ["called"]
    assert list(again) == list(opened) == [{"i": 2}, {"i": 3}]
    assert len(pickle.dumps(source)) < 500
    assert copy.deepcopy(source).open("train")[1] == {"i": 1}


def test_an_unknown_split_is_an_error_with_what_there_is_and_the_nearest():
    source = rows("toy", train=[{"i": 1}], validation=[{"i": 1}])
    for ask in (source.open, source.num_rows, source.range):
        with pytest.raises(
            SourceError, match=r"rows:toy has no split 'valid'. It has: train, validation. Nearest: validation."
        ):
            ask("train[:1]+valid[:1]")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "has no rows"),
        (list, "has no rows"),
        ("text", "must be a list of dicts, got str"),
        (lambda: iter([{}]), "must be a list of dicts, got list_iterator"),
        ([{"a": 1}, "b"], "row 1 of 'train' must be a dict, got str"),
    ],
)
def test_what_is_not_a_list_of_rows_is_refused(given, message):
    with pytest.raises(SourceError, match=f"rows:toy: .*{message}"):
        rows("toy", train=given).open("train")


def test_a_generator_is_refused_where_its_rows_are_counted():
    with pytest.raises(SourceError, match=r"rows:toy: split 'train' must be a list of dicts, got generator"):
        rows("toy", train=(row for row in [{}])).num_rows("train")


def test_a_source_without_splits_is_refused():
    with pytest.raises(SourceError, match="at least one split"):
        rows("toy")
