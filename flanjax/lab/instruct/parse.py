"""Tasks, inputs and outputs in what a writer wrote. Nothing is mended: what has no form is dropped and named."""

import re
from typing import NamedTuple

from flanjax.lab.instruct.seeds import Instance
from flanjax.lab.writing.lists import CUT, Bad, split, whole_items
from flanjax.lab.writing.rows import Drop

_TASK = re.compile(r"^[\s*#]*task\s+(\d{1,4})\b[\s.:*#]*$", re.IGNORECASE | re.MULTILINE)
_FIELD = re.compile(r"^[ \t*]*(instruction|input|output)[ \t*]*:[ \t*]*", re.IGNORECASE | re.MULTILINE)
_REQUEST = re.compile(r"^[\s*#]*request\s*:", re.IGNORECASE | re.MULTILINE)
_NONE = {"", "none", "n/a", "na", "no input", "noinput", "-", "–"}


class Whole(NamedTuple):
    """A task with its input and output."""

    instruction: str
    instance: Instance


def whole_tasks(text: str, first: int, *, ended: bool) -> tuple[list[Whole], list[Bad]]:
    """Returns the tasks behind the heading "Task `first`", with which the prompt ended, and what is none with the reason."""
    pieces, bad = whole_items(split(text, _TASK, first), ended=ended)
    found = []
    for piece in pieces:
        fields = _fields(piece)
        names = [name for name, _ in fields]
        if names not in (["instruction", "input", "output"], ["instruction", "output"]):
            bad.append((piece, Drop("no form", f"has {', '.join(names) or 'no fields'}, expected instruction, input, output")))
            continue
        values = dict(fields)
        found.append(Whole(values["instruction"], Instance(_input(values.get("input", "")), values["output"])))
    return found, bad


def instances(text: str, *, output_first: bool, ended: bool) -> tuple[list[Instance], list[Bad]]:
    """Returns pairs of input and output, and what is none with the reason. A further request ends the text.

    >>> instances("Input: 2 and 3\\nOutput: 5\\n\\nRequest: Say no.", output_first=False, ended=False)[0]
    [Instance(input='2 and 3', output='5')]
    """
    if another := _REQUEST.search(text):
        text, ended = text[: another.start()], True
    first, second = ("output", "input") if output_first else ("input", "output")
    fields = _fields(text)
    found, bad = list[Instance](), list[Bad]()
    while fields:
        (name, value), fields = fields[0], fields[1:]
        if name != first or not fields or fields[0][0] != second:
            bad.append((f"{name}: {value}", Drop("no form", f"{name} without {first if name == second else second}")))
            continue
        other, fields = fields[0][1], fields[1:]
        if not fields and not ended:
            bad.append((f"{name}: {value}\n{second}: {other}", CUT))
            continue
        made = Instance(other, value) if output_first else Instance(value, other)
        found.append(made._replace(input=_input(made.input)))
    return found, bad or ([] if found else [(text, Drop("no form", "has no input and output"))])


def yes_or_no(text: str) -> bool | None:
    """Returns whether a reply begins with yes; None if it begins with neither yes nor no."""
    said = re.match(r"\W*(yes|no)\b", text, re.IGNORECASE)
    return said and said[1].lower() == "yes"


def _fields(text: str) -> list[tuple[str, str]]:
    found = list(_FIELD.finditer(text))
    ends = [*(one.start() for one in found[1:]), len(text)]
    return [(one[1].lower(), text[one.end() : end].strip()) for one, end in zip(found, ends, strict=False)]


def _input(text: str) -> str:
    return "" if text.strip("<>()[]. \n\"'*").lower() in _NONE else text
