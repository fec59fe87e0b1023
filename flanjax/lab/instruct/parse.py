"""Tasks, inputs and outputs in what a writer wrote. Nothing is mended: what has no form is dropped and named."""

import re
from typing import NamedTuple

from flanjax.lab.instruct.seeds import Instance
from flanjax.lab.writing.rows import Drop

_ITEM = re.compile(r"^[\s*#]*(?:(?:task|request)\s+)?(\d{1,4})\s*[.):]\**[ \t]*", re.IGNORECASE | re.MULTILINE)
_TASK = re.compile(r"^[\s*#]*task\s+(\d{1,4})\b[\s.:*#]*$", re.IGNORECASE | re.MULTILINE)
_FIELD = re.compile(r"^[ \t*]*(instruction|input|output)[ \t*]*:[ \t*]*", re.IGNORECASE | re.MULTILINE)
_REQUEST = re.compile(r"^[\s*#]*request\s*:", re.IGNORECASE | re.MULTILINE)
_NONE = {"", "none", "n/a", "na", "no input", "noinput", "-", "–"}


Bad = tuple[str, Drop]
_CUT = Drop("cut", "the reply reached its most tokens")


class Parsed(NamedTuple):
    """What a reply has: a text for each item, and what is none, with the reason."""

    items: list[str]
    bad: list[Bad]


class Whole(NamedTuple):
    """A task with its input and output."""

    instruction: str
    instance: Instance


def numbered(text: str, first: int, *, ended: bool) -> Parsed:
    """Returns the items of a list that goes on behind the number `first`, with which the prompt ended.

    An item begins at a line with the next number; another number belongs to the item's text. What stands before the first
    number is item `first`, unless that number follows. The last item of a text that was cut is dropped.

    >>> numbered("Say hello.\\n4. Count:\\n1. up\\n5. Add 2 and 2.\\n6. Na", 3, ended=False).items
    ['Say hello.', 'Count:\\n1. up', 'Add 2 and 2.']
    """
    return _cut(_split(text, _ITEM, first), ended=ended)


def whole_tasks(text: str, first: int, *, ended: bool) -> tuple[list[Whole], list[Bad]]:
    """Returns the tasks behind the heading "Task `first`", with which the prompt ended, and what is none with the reason."""
    pieces, bad = _cut(_split(text, _TASK, first), ended=ended)
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
            bad.append((f"{name}: {value}\n{second}: {other}", _CUT))
            continue
        made = Instance(other, value) if output_first else Instance(value, other)
        found.append(made._replace(input=_input(made.input)))
    return found, bad or ([] if found else [(text, Drop("no form", "has no input and output"))])


def yes_or_no(text: str) -> bool | None:
    """Returns whether a reply begins with yes; None if it begins with neither yes nor no."""
    said = re.match(r"\W*(yes|no)\b", text, re.IGNORECASE)
    return said and said[1].lower() == "yes"


def _split(text: str, heading: re.Pattern[str], first: int) -> list[str]:
    """The pieces of a text between headings whose numbers go on from `first`."""
    starts, wanted = [], first
    for found in heading.finditer(text):
        number = int(found[1])
        if number == wanted or (number == wanted + 1 and not starts and text[: found.start()].strip()):
            starts.append((found.start(), found.end(), number))
            wanted = number + 1
    begin = [] if starts and starts[0][2] == first else [(0, 0, first)]
    ends = [start for start, _, _ in [*begin, *starts][1:]] + [len(text)]
    pieces = [text[at:end].strip().rstrip("#").strip() for (_, at, _), end in zip([*begin, *starts], ends, strict=True)]
    return [piece for piece in pieces if piece]


def _cut(pieces: list[str], *, ended: bool) -> Parsed:
    if ended or not pieces:
        return Parsed(pieces, [])
    return Parsed(pieces[:-1], [(pieces[-1], _CUT)])


def _fields(text: str) -> list[tuple[str, str]]:
    found = list(_FIELD.finditer(text))
    ends = [*(one.start() for one in found[1:]), len(text)]
    return [(one[1].lower(), text[one.end() : end].strip()) for one, end in zip(found, ends, strict=False)]


def _input(text: str) -> str:
    return "" if text.strip("<>()[]. \n\"'*").lower() in _NONE else text
