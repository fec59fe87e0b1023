"""The identity of tasks: changes of templates, code and rows are distinguished."""

import dataclasses
import functools
import logging

from flanjax import Example, Exemplar, Task, Template, rows
from flanjax.data.identity import changed_since, changes, open_or_none, split_identity, task_identity

DATA = [{"text": f"the ball is red {i}", "label": i % 2} for i in range(40)]
WORDS = ["no", "yes"]


def example(row):
    return Example({"text": row["text"]}, WORDS[row["label"]], tuple(WORDS))


def renamed(row):
    which = row["label"]
    return Example({"text": row["text"]}, WORDS[which], tuple(WORDS))


def other(row, words):
    return Example({"text": row["text"]}, words[row["label"]], tuple(words))


def task(data=DATA, read=example, templates=("{{ text }} ?",), **more):
    return Task(
        name="a", cluster="a", source=rows("a", train=data, test=data), example=read, evaluation="test",
        templates=[Template(t) for t in templates], **more,
    )  # fmt: skip


def record(*args, **more):
    made = task(*args, **more)
    return {"a": task_identity(made, made.source.open("train"))}


def test_templates_code_and_rows_are_told_apart():
    before = record()
    assert changes(before, record()) == []
    for after, said in (
        (record(templates=("{{ text }} !",)), "templates"),
        (record(templates=("{{ text }} ?", "and {{ text }}")), "templates"),
        (record(long_fields=["text"]), "templates"),
        (record(few_shot=False), "templates"),
        (record(target="random"), "templates"),
        (record(exemplars=[Exemplar(example(DATA[0]))]), "templates"),
        (record(read=renamed), "code"),
        (record(data=DATA[:-1]), "rows"),
        (record(data=[{**DATA[0], "text": "blue"}, *DATA[1:]]), "rows"),
        (record(data=DATA[::-1], templates=("{{ text }}",)), "templates, rows"),
    ):
        assert changes(before, after) == [f"a: {said}"]


def test_code_is_known_by_what_it_makes_of_rows_where_its_text_is_the_same():
    assert (
        changes(record(read=functools.partial(other, words=("no", "yes"))), record(read=functools.partial(other, words=WORDS)))
        == []
    )
    before, after = (record(read=functools.partial(other, words=words)) for words in (["no", "yes"], ["yes", "no"]))
    assert changes(before, after) == ["a: code"]


def test_rows_that_are_not_at_hand_are_not_compared(caplog):
    absent = dataclasses.replace(task(), evaluation="missing")
    with caplog.at_level(logging.WARNING, "flanjax"):
        assert open_or_none(absent, absent.evaluation) is None
    assert "rows missing of task a cannot be opened" in caplog.text
    assert changes(record(), split_identity([], {}, [absent])) == []


def test_a_checkpoint_without_identities_says_nothing_of_changes():
    assert changed_since(None, [task()], [task()], ["a"]) is None
    before = split_identity([], {}, [task()])
    assert changed_since(before, [task()], [task()], []) == []
    assert changed_since(before, [], [], []) == ["a: no longer in the mixture"]
    assert changed_since(before, [task(data=DATA[1:])], [task(data=DATA[1:])], []) == ["a: rows"]
