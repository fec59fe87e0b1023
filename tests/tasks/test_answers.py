"""Reading an answer out of what a model wrote, and saying when there is none."""

import pytest

from flanjax.tasks.answers import extract

OPTIONS = ("entailment", "not entailment", "It is not possible to tell")


@pytest.mark.parametrize(
    "written",
    ["not entailment", " Not entailment. ", '"not entailment"', "NOT  ENTAILMENT", "(B)", "B", "b.", "B)", "2", "2.", "(2)"],
)
def test_an_option_is_found_by_its_text_or_its_label(written):
    assert extract(written, OPTIONS) == ("not entailment", True)


@pytest.mark.parametrize("written", ["", "maybe", "D", "(d)", "4", "0", "entailment or not", "a dog", "AB", "-1"])
def test_what_names_no_option_is_unparsed_and_kept_as_written(written):
    assert extract(written, OPTIONS) == (written, False)


def test_a_text_comes_before_a_label_that_means_another_option():
    assert extract("B", ("b", "a")) == ("b", True)
    assert extract("2", ("1", "3", "2")) == ("2", True)


@pytest.mark.parametrize(
    ("written", "answer"),
    [
        ("2 + 2 is 4. So the answer is 4.", "4"),
        ("The answer is 5, no wait. The final answer is 6", "6"),
        ("Thinking.\nAnswer: 7", "7"),
        ("It costs 3.50 each. therefore, THE ANSWER IS 3.50.", "3.50"),
    ],
)
def test_a_reasoned_answer_is_what_follows_the_last_bridge(written, answer):
    assert extract(written, reasoned=True) == (answer, True)


@pytest.mark.parametrize("written", ["I do not know.", "4", "", "So the answer is"])
def test_reasoning_that_reaches_no_answer_is_unparsed(written):
    assert extract(written, reasoned=True)[1] is False


def test_without_a_bridge_a_reasoned_option_may_be_right_but_is_unparsed():
    assert extract("entailment", OPTIONS, reasoned=True) == ("entailment", False)
    assert extract("The answer is (C).", OPTIONS, reasoned=True) == (OPTIONS[2], True)


def test_free_text_is_taken_as_written():
    assert extract("  Paris is the capital. ") == ("Paris is the capital.", True)
    assert extract("  ") == ("", False)
