"""`label`: from a class label to its word, without Python's negative indices."""

import numpy as np
import pytest

from flanjax import BadRow, Example, SkipRow, Task, Template, label, rows

mood = label(("negative", "positive"))


def test_a_label_is_its_word_whatever_kind_of_integer_it_is():
    assert [mood(0), mood(1), mood(np.int64(1)), mood(np.uint8(0))] == ["negative", "positive", "positive", "negative"]


def test_minus_one_leaves_the_row_out():
    with pytest.raises(SkipRow, match="no label"):
        mood(-1)


@pytest.mark.parametrize("value", [2, -2, None, True, "1", 1.0, float("nan"), [1], np.bool_(True)], ids=repr)
def test_what_is_no_label_is_a_bad_row_with_the_value_and_the_range(value):
    with pytest.raises(BadRow, match=r"label .*, expected a whole number from 0 to 1 for \('negative', 'positive'\)") as caught:
        mood(value)
    assert repr(value) in str(caught.value)


def test_a_task_keeps_the_words_of_the_error():
    task = Task(
        name="toy",
        cluster="toys",
        source=rows("toy", train=[{}]),
        example=lambda row: Example({}, mood(row["label"])),
        templates=[Template("x")],
    )
    with pytest.raises(BadRow, match=r"^label 7, expected"):
        task.read({"label": 7})
    with pytest.raises(SkipRow):
        task.read({"label": -1})


@pytest.mark.parametrize(("words", "error"), [("yes", TypeError), ((), ValueError), ((1, 2), ValueError)])
def test_words_that_cannot_be_labels_are_refused(words, error):
    with pytest.raises(error, match="label\\("):
        label(words)
