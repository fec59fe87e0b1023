"""Files of conversations: OpenAI's messages and ShareGPT's, with tools, and with messages that are not trained on.

A chat template knows texts and the roles system, user and assistant. So tools become text: what may be called stands in the
system's message, an assistant's call becomes words, and a tool's result is a message of the user.
"""

import functools
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from flanjax.importers.files import TRAIN, PathLike, rows_of
from flanjax.importers.imported import Imported
from flanjax.names import shown
from flanjax.tasks.task import BadRow, Example, Row, SkipRow, Task, conversation
from flanjax.tasks.template import Template

CHAT_TEMPLATES = (Template("{{ conversation }}\nAssistant:", name="conversation"),)

_COLUMNS = ("messages", "conversations", "conversation")
_ROLES = {
    "system": "system", "developer": "system",
    "user": "user", "human": "user", "prompter": "user",
    "assistant": "assistant", "gpt": "assistant", "chatgpt": "assistant", "model": "assistant", "bing": "assistant",
    "bard": "assistant", "function_call": "assistant",
    "tool": "tool", "function": "tool", "observation": "tool", "ipython": "tool",
}  # fmt: skip
_NO_TOOLS = ("", "[]", "{}", "null")  # in a column of JSON


def chat_file(
    file: PathLike, *, name: str = "chat", cluster: str = "dialogue", messages: str | None = None, lineage: Sequence[str] = ()
) -> Imported:
    """Returns one task of a file of conversations. Every turn of the assistant is trained on, unless its weight is 0.

    Args:
      file: a JSON array, JSON lines or Parquet.
      messages: the column of the conversation; None takes messages, conversations or conversation, whichever a row has.
      lineage: the corpora that the conversations derive from, besides the file.
    """
    task = Task(
        name=name,
        cluster=cluster,
        source=rows_of(file, name),
        example=functools.partial(_example, messages),
        templates=CHAT_TEMPLATES,
        lineage=lineage,
        metrics=("rougeL",),
        train=TRAIN,
        long_fields=("conversation",),
        few_shot=False,
    )
    return Imported((task,))


def conversation_of(messages: Any, row: Row) -> Example:
    """Returns the example of a conversation.

    Args:
      messages: each with role and content, or from and value. The content is a text, null, or a list of parts.
      row: may have `tools` (or `functions`) and `system` beside the messages.

    Raises:
      SkipRow: something in it is no text (an image), or no turn of the assistant is trained on.
      BadRow: it is not a conversation.
    """
    if not isinstance(messages, Sequence) or isinstance(messages, str) or not messages:
        raise BadRow(f"messages are {shown(messages)}, expected a list of messages")
    turns = [_turn(message, f"message {number}") for number, message in enumerate(messages, 1)]
    return conversation(_with_system(_joined_results(turns), row))


def role_of(message: Mapping[str, Any]) -> str | None:
    """Returns "system", "user", "assistant" or "tool"; None if the role is not known."""
    return _ROLES.get(str(message.get("role") or message.get("from")).lower())


def _example(column: str | None, row: Row) -> Example:
    column = column or next((c for c in _COLUMNS if row.get(c) is not None), "messages")
    return conversation_of(row[column], row)


def _turn(message: Any, which: str) -> dict[str, Any]:
    """Returns a message as role, content and weight; the role of a tool's result stays "tool"."""
    if not isinstance(message, Mapping):
        raise BadRow(f"{which} is {shown(message)}, expected role and content")
    role = role_of(message)
    if role is None:
        raise BadRow(f"{which} has the role {shown(message.get('role') or message.get('from'))}; known: {', '.join(_ROLES)}")
    content = message.get("content") if "content" in message else message.get("value")
    text = _text(content, which)
    if role == "tool":
        named = f" of {message['name']}" if message.get("name") else ""
        return {"role": role, "content": f"Result{named}: {text}", "weight": 1}
    calls = [_call(call, which) for call in _calls(message)]
    text = "\n".join(part for part in (text, *calls) if part)
    return {"role": role, "content": text, "weight": _weight(message, text, which)}


def _text(content: Any, which: str) -> str:
    """Returns the text of a content: a text, null, or parts like {"type": "text", "text": ...}."""
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if isinstance(content, Mapping):
        content = [content]
    if not isinstance(content, Sequence):
        raise BadRow(f"{which} has the content {shown(content)}, expected text, null or a list of parts")
    return "".join(_part(part, which) for part in content)


def _part(part: Any, which: str) -> str:
    if isinstance(part, str):
        return part
    if not isinstance(part, Mapping):
        raise BadRow(f"{which} has the part {shown(part)}, expected text or an object")
    kind = part.get("type", "text")
    if kind not in ("text", "input_text", "output_text", "refusal"):
        raise SkipRow(f"{which} has a part of type {kind!r}, which is no text")
    text = part.get("refusal" if kind == "refusal" else "text")
    if not isinstance(text, str):
        raise BadRow(f"{which} has a part whose text is {shown(text)}")
    return text


def _calls(message: Mapping[str, Any]) -> Iterable[Any]:
    """Returns what a message calls: OpenAI's tool_calls, or its older function_call."""
    calls = message.get("tool_calls") or []
    return [*calls, message["function_call"]] if message.get("function_call") else calls


def _call(call: Any, which: str) -> str:
    function = call.get("function", call) if isinstance(call, Mapping) else None
    if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
        raise BadRow(f"{which} calls {shown(call)}, expected a function with a name")
    return f"Call {function['name']} with {_json(function.get('arguments') or {})}"


def _json(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _weight(message: Mapping[str, Any], text: str, which: str) -> int:
    """Returns 1, or 0 for a message that is not trained on: its weight says so, or it says nothing."""
    weight = message.get("weight")
    if weight not in (None, 0, 1):
        raise BadRow(f"{which} has the weight {shown(weight)}, expected 0 (not trained on) or 1")
    return 0 if weight == 0 or not text.strip() else 1


def _joined_results(turns: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Returns the turns with the results of tools, and a user's words right after them, as one message of the user."""
    joined: list[dict[str, Any]] = []
    results = False  # whether the last message has the results of tools
    for turn in turns:
        is_result = turn["role"] == "tool"
        if results and (is_result or turn["role"] == "user"):
            joined[-1]["content"] += f"\n{turn['content']}"
        else:
            joined.append({**turn, "role": "user"} if is_result else turn)
        results = is_result or (results and turn["role"] == "user")
    return joined


def _with_system(turns: list[dict[str, Any]], row: Row) -> list[dict[str, Any]]:
    """Returns the turns with the row's own system message and its tools in the first message."""
    system = row.get("system") or ""
    tools = row.get("tools") or row.get("functions") or []
    if not isinstance(system, str):
        raise BadRow(f"system is {shown(system)}, expected text")
    if isinstance(tools, str) and tools.strip() in _NO_TOOLS:
        tools = []
    listed = [tools] if isinstance(tools, str) else [_json(tool) for tool in tools]
    if listed:
        listed = ["You may call these tools, which are described in JSON:", *listed]
    added = "\n".join(part for part in (system, *listed) if part)
    if not added:
        return turns
    first, others = ([turns[0]], turns[1:]) if turns[0]["role"] == "system" else ([], turns)
    return [{"role": "system", "content": "\n".join([*(t["content"] for t in first), added]), "weight": 1}, *others]
