"""Split expressions: which rows they mean, and what is refused."""

import pytest

from flanjax.sources import Range, SourceError, rows
from flanjax.sources.splits import resolve

LENGTHS = {"train": 2490, "validation": 277, "train-small": 5, "empty": 0}


def ranges(expression):
    return resolve(expression, LENGTHS.__getitem__, "toy")


@pytest.mark.parametrize(
    ("expression", "start", "stop"),
    [
        ("train", 0, 2490),
        ("train[:]", 0, 2490),
        ("train[:200]", 0, 200),
        ("train[:30000]", 0, 2490),
        ("train[:2_000]", 0, 2000),
        ("train[-200:]", 2290, 2490),
        ("train[:-200]", 0, 2290),
        ("train[-5000:]", 0, 2490),
        ("train[10:20]", 10, 20),
        ("train[50%:]", 1245, 2490),
        ("train[99.5%:]", 2478, 2490),
        ("train[-10%:]", 2241, 2490),
        (" train[ 1 : 2 ] ", 1, 2),
        ("train[:0100]", 0, 100),
    ],
)
def test_bounds_mean_what_python_slices_mean(expression, start, stop):
    assert ranges(expression) == (Range("train", start, stop),)


def test_names_may_hold_dashes_and_dots():
    assert ranges("train-small") == (Range("train-small", 0, 5),)


def test_a_plus_joins_in_order():
    assert ranges("validation[10:20]+train[:5]") == (Range("validation", 10, 20), Range("train", 0, 5))


@pytest.mark.parametrize("percent", [1, 10, 33, 50, 90, 99])
@pytest.mark.parametrize("length", [99, 205, 250, 2490])
def test_percent_cuts_share_a_split_without_gap_or_overlap(percent, length):
    def cut(expression):
        return resolve(expression, lambda _: length, "toy")[0]

    bounds = [f"[:{percent}%]", f"[{percent}%:]", f"[:-{100 - percent}%]", f"[-{100 - percent}%:]"]
    head, tail, same_head, same_tail = (cut(f"train{b}") for b in bounds)
    assert (head.start, head.stop, tail.stop) == (0, tail.start, length)
    assert abs(head.stop - length * percent / 100) <= 0.5
    assert (same_head, same_tail) == (head, tail)


@pytest.mark.parametrize(
    "expression", ["", "train[", "train[5]", "train[a:b]", "train[:5", "train+", "+train", "train[:1.5]", "train[::2]", "a b"]
)
def test_a_malformed_expression_is_named_with_the_grammar(expression):
    with pytest.raises(SourceError, match=r"toy: cannot read split .*Expected name, name\[a:b\]"):
        ranges(expression)


@pytest.mark.parametrize("expression", ["train[5000:]", "train[20:10]", "train[:-2490]", "empty", "validation+train[:0]"])
def test_an_empty_part_is_an_error_with_the_length(expression):
    with pytest.raises(SourceError, match=r"is empty: \S+ has \d+ rows"):
        ranges(expression)


def test_a_percentage_over_100_is_an_error():
    with pytest.raises(SourceError, match=r"900% .* is not between"):
        ranges("train[:900%]")


def test_parts_that_share_rows_are_an_error_that_names_them():
    with pytest.raises(SourceError, match=r"takes train\[50:100\] twice"):
        ranges("train[:100]+validation+train[50:150]")
    assert len(ranges("train[:100]+train[100:]")) == 2


def test_joined_rows_are_the_parts_in_order_and_batches_keep_the_asked_order():
    source = rows("toy", train=[{"i": i} for i in range(100)], test=[{"i": 1000 + i} for i in range(10)])
    opened = source.open("train[90%:]+test[-3:]+train[:2]")
    expected = [*range(90, 100), 1007, 1008, 1009, 0, 1]
    assert [row["i"] for row in opened] == expected
    asked = [14, 0, 11, 11, 3, 12]
    assert [row["i"] for row in opened.__getitems__(asked)] == [expected[i] for i in asked]
    assert opened.__getitems__([]) == []
    assert len(opened) == source.num_rows("train[90%:]+test[-3:]+train[:2]") == 15


@pytest.mark.parametrize("index", [-1, 3, 100])
def test_an_index_outside_is_an_error_that_names_source_and_split(index):
    opened = rows("toy", train=[{"i": i} for i in range(100)]).open("train[:3]")
    with pytest.raises(IndexError, match=rf"rows:toy 'train\[:3\]' has rows 0 to 2, got index {index}"):
        opened[index]
    with pytest.raises(IndexError, match="got index"):
        opened.__getitems__([0, index])
