"""Files of prompts: lines of JSON, each with a prompt or messages, read one at a time."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO, NamedTuple

from flanjax.ask.prompts import Prompts
from flanjax.ask.settings import NAMES, Settings, changed
from flanjax.names import shown

LONGEST = 16 << 20  # bytes of a line
ADDED = ("line", "text", "texts", "ended", "error")  # keys of the output's own


class Line(NamedTuple):
    """A line of a file of prompts.

    Attributes:
      number: its place in the file, from 1.
      end: the file's position after it, in bytes.
      raw: without its line break; cut after LONGEST bytes.
    """

    number: int
    end: int
    raw: bytes


class Question(NamedTuple):
    """What a line asks.

    Attributes:
      record: all keys of the line but the settings.
      ids: the prompt as the model reads it.
    """

    record: Mapping[str, Any]
    ids: list[int]
    settings: Settings


def read_lines(file: BinaryIO) -> Iterator[Line]:
    """Yields the lines of a file that are not blank, in constant memory."""
    number = end = 0
    while raw := file.readline(LONGEST + 1):
        number, end = number + 1, end + len(raw)
        rest = raw
        while len(rest) > LONGEST and not rest.endswith(b"\n"):
            rest = file.readline(LONGEST + 1)
            end += len(rest)
        if raw.strip():
            yield Line(number, end, raw.rstrip(b"\r\n"))


def question_of(line: Line, prompts: Prompts, settings: Settings) -> Question:
    """Returns what a line asks; its own settings replace the given ones.

    Raises:
      ValueError: the line is not a JSON object, has no prompt or two, or one that is empty, or a setting that does not fit.
    """
    record = record_of(line)
    given = {name: record.pop(name) for name in NAMES if name in record}
    if taken := sorted(record.keys() & set(ADDED)):
        raise ValueError(f"has the key {taken[0]!r}, which the output gives a meaning of its own; rename it")
    if ("prompt" in record) is ("messages" in record):
        raise ValueError("has both prompt and messages" if "prompt" in record else "has neither prompt nor messages")
    ids = prompts.of_text(record["prompt"]) if "prompt" in record else prompts.of_messages(record["messages"])
    return Question(record, ids, changed(settings, given))


def record_of(line: Line) -> dict[str, Any]:
    """Returns the object of a line. Raises ValueError saying why it holds none."""
    if len(line.raw) > LONGEST:
        raise ValueError(f"is longer than {LONGEST >> 20} MiB")
    try:
        record = json.loads(line.raw)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"is not JSON: {error}") from error
    if not isinstance(record, dict):
        raise ValueError(f"is {shown(record)}, expected an object with prompt or messages")
    return record
