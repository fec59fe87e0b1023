"""A task checks itself when it is made, and every row when it is read."""

import functools
import json
import sys

import pytest
from asking import written

from flanjax.sources import rows
from flanjax.tasks.render import Wording
from flanjax.tasks.styles import Style
from flanjax.tasks.task import BadRow, Example, Message, SkipRow, Task, conversation
from flanjax.tasks.template import Template, TemplateError

DEEP = functools.reduce(lambda inner, _: [inner], range(5000), [])
SOURCE = rows("toy", train=[{"q": "2 + 2", "a": "4"}])


def task(example=lambda row: Example({"q": row["q"]}, row["a"]), **changes):
    return Task(
        **{"name": "toy", "cluster": "sums", "source": SOURCE, "templates": [Template("{{ q }}")]} | changes, example=example
    )


def reading(example):
    return task(lambda row: example).read({})


def test_a_good_row_is_read():
    example = task().read({"q": "2 + 2", "a": "4"})
    assert (example.fields, example.references) == ({"q": "2 + 2"}, ("4",))


def test_a_missing_field_is_named_with_the_fields_that_are_there():
    with pytest.raises(BadRow, match=r"'a'.*\['answer', 'q'\]"):
        task().read({"q": "2 + 2", "answer": "4"})


@pytest.mark.parametrize(
    ("example", "message"),
    [
        (Example({}, ["good", ""]), "one of the answers is empty"),
        (Example({}, []), "no answer"),
        (Example({}, 4), "answer 4 is not text"),
        (Example({}, None), "answer None is not text"),
        (Example({}, ["4", 4]), "not text"),
        (Example({}, "maybe", ["yes", "no"]), r"'maybe' is not among the options \['yes', 'no'\]"),
        (Example({}, "yes", ["yes", "yes"]), "two options are the same"),
        (Example({"answer": "x"}, "x"), r"\['answer'\]"),
        (Example({"options": "x", "choices": "y"}, "x"), r"\['choices', 'options'\]"),
        (Example("x", "x"), "fields are 'x', expected a dict"),
        (Example({1: "x"}, "x"), "expected a dict with names"),
        (Example({}, "x", "x"), "options are 'x', expected a sequence of texts"),
        (Example({}, "x", ["x", None]), r"options are \['x', None\]"),
        (Example({}, "x", [["x"]]), "expected a sequence of texts"),
        (Example({}, "x", (), 7), "rationale 7 is not text"),
        (Example({}, "x", messages=[Message("user", None)]), "message 1 is .*None.*, expected a Message of two texts"),
        (Example({}, "half \ud83d"), r"the text holds '\\ud83d', half of a surrogate pair"),
        (Example({}, "x", ["x", "\udc80"]), "half of a surrogate pair"),
        (Example({}, "x", messages=[Message("user", "\udc80")]), "half of a surrogate pair"),
        (Example({}, DEEP), "answer .* is not text"),
        ({"q": "x", "a": "y"}, "returned dict"),
        (None, "returned NoneType"),
    ],
)
def test_a_bad_example_is_a_bad_row_that_says_why(example, message):
    with pytest.raises(BadRow, match=message):
        reading(example)


def test_the_message_of_a_bad_row_is_short_and_can_be_written_however_odd_the_row_is():
    def fails(row):
        raise ValueError("\ud83d\n" + "x" * 10_000)

    for make in (lambda: task(fails).read({}), lambda: reading(Example({}, "x" * 10_000, ["y" * 10_000]))):
        with pytest.raises(BadRow) as caught:
            make()
        message = str(caught.value)
        assert len(message.encode()) < 700
        assert "\n" not in message


def test_what_a_task_raises_is_a_bad_row_with_file_and_line():
    def exits(row):
        sys.exit("enough")

    def nests(row):
        return json.loads("[" * 100_000)

    for example, message in (
        (exits, r"sys\.exit\(enough\)"),
        (nests, "RecursionError"),
        (lambda row: {}["q"], "KeyError: 'q'"),
    ):
        with pytest.raises(BadRow, match=message + r".*test_task\.py:\d+\)"):
            task(example).read({"q": "x"})


def test_none_for_options_and_rationale_is_none_of_them_and_a_null_field_is_a_missing_one():
    example = reading(Example({"q": None}, "x", None, None))
    assert (example.options, example.rationale) == ((), "")
    with pytest.raises(BadRow, match=r"template '0': 'q' is null \(None\) in this row"):
        written(task(), example, Wording(0, Style()))
    polite = task(templates=[Template("{% if q is defined %}{{ q }}{% else %}Nothing.{% endif %}")])
    assert written(polite, example, Wording(0, Style()))[0] == "Nothing."


def test_a_rendered_text_without_an_encoding_is_a_bad_row():
    with pytest.raises(BadRow, match="half of a surrogate pair"):
        written(task(), reading(Example({"q": "a \ud83d"}, "x")), Wording(0, Style()))


def test_a_conversation_with_a_null_turn_is_a_bad_row_that_says_which():
    turns = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": None}]
    with pytest.raises(BadRow, match=r"message 2 is .*None"):
        task(lambda row: conversation(turns)).read({})


def test_any_error_in_the_task_is_a_bad_row_with_the_error_kept():
    with pytest.raises(BadRow, match="ZeroDivisionError") as caught:
        task(lambda row: 1 // 0).read({})
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_a_row_left_out_on_purpose_is_not_a_bad_row():
    def example(row):
        raise SkipRow("not English")

    with pytest.raises(SkipRow, match="not English"):
        task(example).read({})


@pytest.mark.parametrize("name", ["", "Toy", "a b", "a/b", "-a", "ünïcode"])
def test_names_that_would_not_do_as_file_names_are_refused(name):
    with pytest.raises(ValueError, match="task name"):
        task(name=name)


def test_a_task_is_made_without_reading_its_templates(monkeypatch):
    def read(self):
        raise AssertionError("thousands of tasks would take seconds")

    monkeypatch.setattr(Template, "literals", property(read))
    monkeypatch.setattr(Template, "input_variables", property(read))
    assert len(task(templates=[Template("A fresh {{ q }}")]).templates) == 1


def test_a_task_needs_a_forward_template_and_distinct_names():
    inverted = Template("{{ answer }}", "{{ q }}", "inverted")
    with pytest.raises(ValueError, match="task toy: all templates are inverted"):
        task(templates=[inverted], evaluation="test")
    assert task(templates=[inverted]).forward == ()
    with pytest.raises(ValueError, match="task toy: no templates"):
        task(templates=[])
    with pytest.raises(TypeError, match=r"task toy: templates is 'Say it', expected a sequence: templates=\[\.\.\.\]"):
        task(templates="Say it")
    with pytest.raises(
        TypeError, match=r"task toy: the template 'Say {{ q }}' is no Template; write templates=\[Template\(.Say"
    ):
        task(templates=["Say {{ q }}"])
    with pytest.raises(ValueError, match="share a name"):
        task(templates=[Template("{{ q }}", name="1"), Template("{{ q }}?")])
    with pytest.raises(TypeError, match="lineage is 'squad', expected a sequence"):
        task(lineage="squad")
    with pytest.raises(ValueError, match="no metrics"):
        task(metrics=[])
    with pytest.raises(ValueError, match="task toy: unknown metric 'acuracy'; did you mean 'accuracy'"):
        task(metrics=["exact_match", "acuracy"])
    with pytest.raises(
        ValueError, match=r"task toy: long_fields name 'question', which no template uses; known: answer, q, ratio"
    ):
        task(long_fields=["q", "question"])
    with pytest.raises(TemplateError):
        task(templates=[Template("{{ answer }}")])


def test_templates_are_found_by_name_and_sorted_by_kind():
    made = task(
        templates=[Template("{{ q }}"), Template("{{ answer }}", "{{ q }}", "inverted"), Template("{{ q }}?", name="ask")]
    )
    assert (made.forward, made.inverted) == ((0, 2), (1,))
    assert [made.template(n) for n in ("0", "1", "ask")] == [0, 1, 2]
    with pytest.raises(KeyError, match="did you mean 'ask'"):
        made.template("asks")


def test_the_source_always_counts_among_the_corpora():
    assert task(lineage=["wikipedia"]).corpora == {"wikipedia", "rows:toy"}
