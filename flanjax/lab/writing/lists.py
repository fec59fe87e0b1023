"""Lists in what a writer wrote: items behind numbers that go on from the prompt's."""

import re
from typing import NamedTuple

from flanjax.lab.writing.rows import Drop

Bad = tuple[str, Drop]
CUT = Drop("cut", "the reply reached its most tokens")
_ITEM = re.compile(r"^[\s*#]*(?:(?:task|request)\s+)?(\d{1,4})\s*[.):]\**[ \t]*", re.IGNORECASE | re.MULTILINE)


class Parsed(NamedTuple):
    """What a reply has: a text for each item, and what is none, with the reason."""

    items: list[str]
    bad: list[Bad]


def numbered(text: str, first: int, *, ended: bool) -> Parsed:
    """Returns the items of a list that goes on behind the number `first`, with which the prompt ended.

    An item begins at a line with the next number; another number belongs to the item's text. What stands before the first
    number is item `first`, unless that number follows. The last item of a text that was cut is dropped.

    >>> numbered("Say hello.\\n4. Count:\\n1. up\\n5. Add 2 and 2.\\n6. Na", 3, ended=False).items
    ['Say hello.', 'Count:\\n1. up', 'Add 2 and 2.']
    """
    return whole_items(split(text, _ITEM, first), ended=ended)


def split(text: str, heading: re.Pattern[str], first: int) -> list[str]:
    """Returns the pieces of a text between headings whose numbers go on from `first`; group 1 of a heading is its number."""
    starts, wanted = list[tuple[int, int, int]](), first
    for found in heading.finditer(text):
        number = int(found[1])
        if number == wanted or (number == wanted + 1 and not starts and text[: found.start()].strip()):
            starts.append((found.start(), found.end(), number))
            wanted = number + 1
    begin = [] if starts and starts[0][2] == first else [(0, 0, first)]
    ends = [start for start, _, _ in [*begin, *starts][1:]] + [len(text)]
    pieces = [text[at:end].strip() for (_, at, _), end in zip([*begin, *starts], ends, strict=True)]
    return [piece for piece in pieces if piece]


def whole_items(pieces: list[str], *, ended: bool) -> Parsed:
    """Returns pieces as items; the last one of a text that was cut is none."""
    if ended or not pieces:
        return Parsed(pieces, [])
    return Parsed(pieces[:-1], [(pieces[-1], CUT)])
