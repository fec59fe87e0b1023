"""Files of conversations: OpenAI's and ShareGPT's forms, contents in parts, tools, weights."""

import json

import pytest

from flanjax.importers import chat_file
from flanjax.importers.chat import conversation_of
from flanjax.tasks.task import BadRow, SkipRow


def told(messages, **row):
    return [(m.role, m.content) for m in conversation_of(messages, row).messages]


def say(role, content, **more):
    return {"role": role, "content": content, **more}


TALK = [("user", "Hi"), ("assistant", "Hello"), ("user", "Bye"), ("assistant", "See you")]


@pytest.mark.parametrize(
    "messages",
    [
        [say(role, content) for role, content in TALK],
        [{"from": {"user": "human", "assistant": "gpt"}[role], "value": content} for role, content in TALK],
        [{"from": {"user": "user", "assistant": "chatgpt"}[role], "value": content} for role, content in TALK],
        [say(role, [{"type": "text", "text": content}]) for role, content in TALK],
        [say(role, [{"type": "text", "text": content[:1]}, content[1:]]) for role, content in TALK],
        [say(role, {"type": "text", "text": content}) for role, content in TALK],
    ],
)
def test_every_form_of_a_conversation_becomes_the_same_messages(messages):
    assert told(messages) == TALK


@pytest.mark.parametrize("column", ["messages", "conversations", "conversation", "dialog"])
def test_the_column_is_found_or_named(tmp_path, column):
    path = tmp_path / "talks.json"
    path.write_text(json.dumps([{column: [say(*turn) for turn in TALK]}]))
    found = chat_file(path, messages="dialog" if column == "dialog" else None)
    task = found.tasks[0]
    example = task.read(task.source.open("train")[0])
    assert [(m.role, m.content) for m in example.messages] == TALK
    assert example.answer == "See you"
    assert task.templates[0].render_input({**example.fields}) == "User: Hi\nAssistant: Hello\nUser: Bye\nAssistant:"


def test_tools_become_text():
    tool = {"type": "function", "function": {"name": "weather", "parameters": {"city": "string"}}}
    call = {"id": "1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Köln"}'}}
    messages = [
        say("user", "Weather?"),
        say("assistant", None, tool_calls=[call, call]),
        say("tool", "rain", tool_call_id="1", name="weather"),
        say("tool", [{"type": "text", "text": "cold"}]),
        say("user", "And?"),
        say("assistant", "Rain and cold."),
    ]
    assert told(messages, tools=[tool]) == [
        ("system", "You may call these tools, which are described in JSON:\n" + json.dumps(tool)),
        ("user", "Weather?"),
        ("assistant", 'Call weather with {"city": "Köln"}\nCall weather with {"city": "Köln"}'),
        ("user", "Result of weather: rain\nResult: cold\nAnd?"),
        ("assistant", "Rain and cold."),
    ]


def test_older_calls_and_sharegpt_tools_become_text_too():
    call = {"name": "f", "arguments": {"a": 1}}
    old = [
        say("user", "x"),
        say("assistant", "Look:", function_call=call),
        say("function", "2", name="f"),
        say("assistant", "2"),
    ]
    assert told(old)[1:3] == [("assistant", 'Look:\nCall f with {"a": 1}'), ("user", "Result of f: 2")]
    share = [{"from": "human", "value": "x"}, {"from": "function_call", "value": '{"name": "f"}'},
             {"from": "observation", "value": "2"}, {"from": "gpt", "value": "2"}]  # fmt: skip
    assert told(share, tools='[{"name": "f"}]', system="Be brief.") == [
        ("system", 'Be brief.\nYou may call these tools, which are described in JSON:\n[{"name": "f"}]'),
        ("user", "x"), ("assistant", '{"name": "f"}'), ("user", "Result: 2"), ("assistant", "2"),
    ]  # fmt: skip


def test_tools_are_added_to_a_system_message_that_is_there():
    messages = [say("developer", "Be kind."), say("user", "x"), say("assistant", "y")]
    assert told(messages, functions=["f(x)"])[0] == (
        "system",
        "Be kind.\nYou may call these tools, which are described in JSON:\nf(x)",
    )
    assert told(messages)[0] == ("system", "Be kind.")


def test_messages_of_weight_0_and_empty_ones_are_not_trained_on():
    messages = [say("user", "a"), say("assistant", "no", weight=0), say("user", "b"), say("assistant", None), say("user", "c"),
                say("assistant", "yes", weight=1), say("user", "d"), say("assistant", "last", weight=0)]  # fmt: skip
    example = conversation_of(messages, {})
    assert [(m.content, m.trained) for m in example.messages if m.role == "assistant"] == [
        ("no", False),
        ("", False),
        ("yes", True),
    ]
    assert example.answer == "yes"
    with pytest.raises(SkipRow, match="trained on"):
        conversation_of(messages[:2], {})


@pytest.mark.parametrize(
    ("messages", "error", "reason"),
    [
        ("text", BadRow, "expected a list of messages"),
        ([], BadRow, "expected a list of messages"),
        (["text"], BadRow, "message 1 is 'text'"),
        ([say("narrator", "x")], BadRow, "message 1 has the role 'narrator'"),
        ([say("user", 3)], BadRow, "message 1 has the content 3"),
        ([say("user", [3])], BadRow, "has the part 3"),
        ([say("user", [{"type": "text", "text": None}])], BadRow, "a part whose text is None"),
        ([say("user", "x"), say("assistant", None, tool_calls=[{"id": 1}])], BadRow, "expected a function with a name"),
        ([say("user", "x"), say("assistant", "y", weight=0.5)], BadRow, "the weight 0.5"),
        ([say("user", [{"type": "image_url", "image_url": "http"}])], SkipRow, "'image_url', which is no text"),
        ([say("user", "x")], SkipRow, "no answer"),
    ],
)
def test_what_is_no_conversation_in_text_is_said(messages, error, reason):
    with pytest.raises(error, match=reason):
        conversation_of(messages, {})


@pytest.mark.parametrize("none", ["[]", " []", "{}", "null", "\n", []])
def test_an_empty_list_of_tools_adds_no_system_message(none):
    assert told([say(role, content) for role, content in TALK], tools=none) == TALK
