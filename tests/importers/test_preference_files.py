"""Files of preferences: each known form of the two answers, and what is said of other ones."""

import json

import pytest

from flanjax import rows
from flanjax.importers.preferences import preferences
from flanjax.tasks.task import BadRow, SkipRow

USER = {"role": "user", "content": "Name a river."}
GOOD, BAD = {"role": "assistant", "content": "The Nile."}, {"role": "assistant", "content": "Paris."}
BEFORE = [{"role": "user", "content": "Hello."}, {"role": "assistant", "content": "Hi!"}, USER]
SAID = "\n\nHuman: Name a river.\n\nAssistant:"
FORMS = {
    "texts": {"prompt": "Name a river.", "chosen": "The Nile.", "rejected": "Paris."},
    "conversations": {"chosen": [USER, GOOD], "rejected": [USER, BAD]},
    "conversations beside their prompt's text": {"prompt": "Name a river.", "chosen": [USER, GOOD], "rejected": [USER, BAD]},
    "answers after messages": {"prompt": [USER], "chosen": [GOOD], "rejected": [BAD]},
    "answers after a text": {"prompt": "Name a river.", "chosen": [GOOD], "rejected": [BAD]},
    "conversations beside their prompt": {"prompt": [USER], "chosen": [USER, GOOD], "rejected": [USER, BAD]},
    "transcripts": {"chosen": f"{SAID} The Nile.", "rejected": f"{SAID} Paris."},
}


def example_of(row, **columns):
    (task,) = preferences(rows("prefs", train=[row]), **columns).tasks
    return task.read(row)


@pytest.mark.parametrize("form", FORMS)
def test_every_known_form_gives_the_prompt_and_both_answers(form):
    example = example_of(FORMS[form])
    assert (example.fields["prompt"], example.answer, example.rejected) == ("Name a river.", "The Nile.", "Paris.")
    assert [m.content for m in example.messages] == ([] if form == "texts" else ["Name a river.", "The Nile."])


def test_a_system_message_beside_texts_stands_before_them():
    row = {"system": "Be brief.", **FORMS["texts"]}
    texts, messages = example_of(row), example_of({**row, "chosen": [GOOD], "rejected": [BAD]})
    assert texts == messages
    assert texts.fields["prompt"] == "System: Be brief.\nUser: Name a river.\nAssistant:"


def test_columns_have_other_names_and_a_file_is_read_as_it_is(tmp_path):
    file = tmp_path / "spin.jsonl"
    row = {"real": [USER, GOOD], "generated": [USER, BAD]}
    file.write_text(json.dumps(row) + "\n")
    (task,) = preferences(file, chosen="real", rejected="generated", name="spin").tasks
    (found,) = [task.read(row) for row in task.source.open("train")]
    assert (found.answer, found.rejected) == ("The Nile.", "Paris.")


def test_of_a_longer_conversation_only_the_last_answer_is_compared():
    example = example_of({"chosen": [*BEFORE, GOOD], "rejected": [*BEFORE, BAD]})
    assert example.fields["prompt"] == "User: Hello.\nAssistant: Hi!\nUser: Name a river.\nAssistant:"
    assert [message.is_answer for message in example.messages] == [False, False, False, True]


@pytest.mark.parametrize(
    ("row", "error", "said"),
    [
        ({"chosen": [USER, GOOD], "rejected": [BEFORE[0], BAD]}, BadRow, "differ before their last answer"),
        ({"prompt": "Name a river.", "chosen": " ", "rejected": "Paris."}, SkipRow, "chosen is empty"),
        ({"prompt": 3, "chosen": "The Nile.", "rejected": "Paris."}, BadRow, "prompt is 3, expected text"),
        ({"chosen": "The Nile.", "rejected": "Paris."}, BadRow, "there is no prompt"),
        ({"prompt": "Name a river.", "chosen": "The Nile.", "rejected": None}, BadRow, "chosen is 'The Nile.', expected"),
        ({"prompt": "Name a river.", "chosen": "The Nile."}, BadRow, "missing field 'rejected'; the row has"),
    ],
)
def test_other_rows_are_refused_by_column(row, error, said):
    with pytest.raises(error, match=said):
        example_of(row)


def test_a_conversation_that_the_assistant_begins_is_not_put_after_the_prompt_in_it():
    begun = [{"role": "assistant", "content": "Hi!"}, USER]
    example = example_of({"prompt": "Name a river.", "chosen": [*begun, GOOD], "rejected": [*begun, BAD]})
    assert [m.content for m in example.messages] == ["Hi!", "Name a river.", "The Nile."]
