"""Filters of texts leave out what they say, and a mixture gives its filters to all its tasks."""

import pytest

from flanjax import Example, Length, Mixture, Repetition, Task, Template, WordList, rows
from flanjax.tasks.example import BadRow
from flanjax.tasks.filters import FilteredOut, first_reason

SHORT, LONG = Length(min_words=2), Length(max_words=3, of="text")


def task(name, **more):
    return Task(
        name=name, cluster=name, source=rows(name, train=[{}]), example=lambda row: Example({}, "a"),
        templates=[Template("?")], **more,
    )  # fmt: skip


def answer(text):
    return Example({}, text)


def test_lengths_are_counted_in_words_of_the_answer_or_of_a_field():
    assert SHORT.reason(answer("one")) == "1 word in answer, expected at least 2"
    assert SHORT.reason(answer("one two")) is None
    assert LONG.reason(Example({"text": "1 2 3 4"}, "a")) == "4 words in text, expected at most 3"
    assert LONG.reason(Example({"text": "1 2 3"}, "a")) is None
    assert LONG.reason(Example({"text": ["1 2", "3 4"]}, "a")) is not None
    with pytest.raises(BadRow, match=r"looks for the field 'text'.*'texts'"):
        LONG.reason(Example({"texts": "a"}, "a"))
    with pytest.raises(ValueError, match="no text has at least 3 and at most 2 words"):
        Length(min_words=3, max_words=2)


DISTINCT = " ".join(f"word{n}" for n in range(100))


def pairs(count):
    """100 words of four letters, in which "spam eggs" stands so many times, never twice after the same word."""
    others = [f"w{n:03d}" for n in range(100 - 2 * count)]
    return " ".join(word for n, other in enumerate(others) for word in (["spam", "eggs", other] if n < count else [other]))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (DISTINCT, None),
        ("again " * 100, "one sequence of 2 words makes up 100% of answer"),
        # Of 100 words of four letters, 22 or 18 are one pair.
        (pairs(11), "one sequence of 2 words makes up 22% of answer"),
        (pairs(9), None),
        # A sequence of 20 words twice: 20 of 120 words repeat.
        (" ".join([*[f"w{n:03d}" for n in range(100)], *[f"w{n:03d}" for n in range(20)]]), "repeated sequences of 5 words"),
        (" ".join([*[f"w{n:03d}" for n in range(100)], *[f"w{n:03d}" for n in range(10)]]), None),
        ("\n".join([*(f"first{n} second{n} third{n}" for n in range(15)), *["no"] * 8]), "30% of the lines"),
        ("\n".join([*(f"first{n} second{n} third{n}" for n in range(15)), *["no"] * 7]), None),
        ("\n\n".join([DISTINCT, DISTINCT]), "50% of the lines"),
        ("again " * 40, None),
    ],
)
def test_repetition_is_judged_by_gophers_limits(text, why):
    found = Repetition().reason(answer(text))
    assert (found is None) is (why is None)
    assert why is None or why in found


def test_short_texts_are_judged_where_it_is_asked_for():
    assert "one sequence of 2 words" in Repetition(min_words=10).reason(answer("so it goes " * 5))
    assert Repetition(min_words=10, of="text").reason(Example({"text": DISTINCT}, "again " * 100)) is None


def test_words_of_a_list_are_whole_words_in_any_case(tmp_path):
    (tmp_path / "words.txt").write_text("hell\nbad  thing\n\n")
    listed = WordList(words=tmp_path / "words.txt")
    for text in ("Oh HELL!", "a bad\nthing."):
        assert "is in the word list" in listed.reason(answer(text))
    for text in ("hello shell", "bad things", "a thing, bad"):
        assert listed.reason(answer(text)) is None
    example = Example({"a": "hell", "b": "fine"}, "fine")
    assert listed.reason(example)
    assert WordList(words=["hell"], fields=["b", "answer"]).reason(example) is None


def test_a_word_list_is_known_by_its_words_without_showing_them():
    assert repr(WordList(words=["secret"])) == repr(WordList(words=["secret"])) != repr(WordList(words=["secrets"]))
    assert "secret" not in repr(WordList(words=["secret"]))
    with pytest.raises(ValueError, match="no word"):
        WordList(words=[" "])
    with pytest.raises(TypeError, match="sequences"):
        WordList(words="hell")


def test_a_task_has_its_own_filters_and_those_of_all_mixtures_around_it_once():
    inner = Mixture(name="inner", parts=[task("a", filters=[SHORT, LONG]), task("b")], filters=[SHORT])
    listed = WordList(words=["x"])
    outer = Mixture(name="outer", parts=[inner, task("c")], filters=[listed])
    filters = {e.task.name: e.filters for e in outer.resolve({"a": 1, "b": 1, "c": 1})}
    assert filters == {"a": (listed, SHORT, LONG), "b": (listed, SHORT), "c": (listed,)}
    smaller = outer.without({"b"}).resolve({"a": 1, "c": 1})
    assert [e.filters for e in smaller] == [filters["a"], filters["c"]]


def test_the_first_filter_that_leaves_a_row_out_gives_its_name():
    found = first_reason([LONG, SHORT], Example({"text": "1"}, "a"))
    assert isinstance(found, FilteredOut)
    assert (found.filter_name, str(found)) == ("length", "length: 1 word in answer, expected at least 2")
    assert first_reason([], answer("a")) is None


@pytest.mark.parametrize("filters", [SHORT, [Length], ["length"]])
def test_what_is_no_sequence_of_filters_is_refused_with_the_owners_name(filters):
    with pytest.raises(TypeError, match=r"task a: .*filter"):
        task("a", filters=filters)
    with pytest.raises(TypeError, match=r"mixture m: .*filter"):
        Mixture(name="m", parts=[task("a")], filters=filters)
