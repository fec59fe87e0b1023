"""The budget of a template's rendering: steps (loop iterations, calls) and characters of text.

`spend` counts what was made. Some operations make a large result from small arguments at once (`"x" * 10**9`, a filter that
pads text to a width); for these, `check_bound` and `check_product` compute the size from the arguments beforehand.
"""

import functools
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Sized
from typing import Any

import jinja2
from jinja2.filters import FILTERS

MAX_STEPS = 50_000
MAX_CHARACTERS = 10_000_000
CALL_STEPS = 5  # a call takes about as long as this many loop iterations
MAX_BITS = 4096  # the largest size of an integer
CONTAINERS = (list, tuple, dict, set, frozenset)


class TooMuch(jinja2.TemplateRuntimeError):
    """A template that would loop for too long or make too much text."""


class _Spent(threading.local):
    """What the current rendering in this thread has spent."""

    steps = 0
    characters = 0


spent = _Spent()


def spend_steps(count: int) -> None:
    spent.steps += count
    if spent.steps > MAX_STEPS:
        raise TooMuch(f"it takes more than {MAX_STEPS:,} steps (turns of loops, items of lists, calls)")


def spend_characters(count: int) -> None:
    spent.characters += count
    if spent.characters > MAX_CHARACTERS:
        raise TooMuch(f"it makes more than {MAX_CHARACTERS:,} characters of text")


def spend(value: Any) -> Any:
    """Returns the value, after charging the budget for its characters, or for its items at any depth."""
    if isinstance(value, str | bytes):
        spend_characters(len(value))
    elif isinstance(value, CONTAINERS):
        left: list[Any] = [value]
        while left:
            items = left.pop()
            spend_steps(len(items))
            for item in items.values() if isinstance(items, dict) else items:
                if isinstance(item, CONTAINERS):
                    left.append(item)
    return value


def turn_by_turn(items: Iterable[Any], characters: int) -> Iterator[Any]:
    for item in items:
        spend_steps(1)
        spend_characters(characters)
        yield item


def _sized(items: Any) -> Any:
    return items if isinstance(items, Sized) else list(turn_by_turn(items, 0))


# Upper bounds, known beforehand, of what an operation makes from its arguments, in characters or items.


def _width(value: Any, *arguments: Any, **named: Any) -> int:
    return max((abs(a) for a in (*arguments, *named.values()) if isinstance(a, int)), default=0)


def _join(value: Any, d: Any = "", attribute: Any = None) -> int:
    return len(str(d)) * len(value) if isinstance(value, Sized) else 0


def _replace(value: Any, old: Any, new: Any, count: Any = None) -> int:
    return str(value).count(str(old)) * len(str(new))


def _indent(value: Any, width: Any = 4, first: bool = False, blank: bool = False) -> int:
    return (str(value).count("\n") + 1) * (len(width) if isinstance(width, str) else int(width))


def _wordwrap(value: Any, width: int = 79, break_long_words: Any = True, wrapstring: Any = None, *_: Any, **__: Any) -> int:
    return len(str(wrapstring or "")) * (len(str(value)) // max(int(width), 1) + 1)


def _round(value: Any, precision: Any = 0, method: Any = "common") -> int:
    return 1000 * abs(int(precision))


def _tojson(value: Any, indent: Any = None) -> int:
    return 1000 * int(indent or 0)


def _format(value: Any, *arguments: Any, **named: Any) -> int:
    """Returns a bound from widths and precisions: those in the text, and those that the text takes from the arguments."""
    text = str(value)
    widths = sum(map(int, re.findall(r"\d+", text)))
    return widths + (_width(value, *arguments, **named) if "*" in text or re.search(r":[^{}]*\{", text) else 0)


BOUNDS: dict[str, Callable[..., int]] = {
    "batch": _width,
    "center": _width,
    "expandtabs": lambda value, size=8: value.count("\t") * int(size),
    "format": _format,
    "indent": _indent,
    "join": _join,
    "ljust": _width,
    "replace": _replace,
    "rjust": _width,
    "round": _round,
    "slice": _width,
    "to_bytes": _width,
    "tojson": _tojson,
    "wordwrap": _wordwrap,
    "zfill": _width,
}
REFUSED_METHODS = frozenset({"format_map", "fromhex", "maketrans", "translate"})
_MAKES_ITEMS = frozenset({"batch", "slice"})


def check_bound(name: str, value: Any, *arguments: Any, **named: Any) -> None:
    size = BOUNDS[name](value, *arguments, **named)
    limit, what = (MAX_STEPS, "items") if name in _MAKES_ITEMS else (MAX_CHARACTERS, "characters")
    if size > limit:
        raise TooMuch(f"{name} makes up to {size:,} {what}, more than {limit:,}")


def bounded_filter(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Returns a filter of Jinja2 that raises TooMuch before it makes too much."""
    passed = int(hasattr(function, "jinja_pass_arg"))  # Jinja2 puts its own argument first

    @functools.wraps(function)
    def bounded(*arguments: Any, **named: Any) -> Any:
        if name == "join":
            arguments = (*arguments[:passed], spend(_sized(arguments[passed])), *arguments[passed + 1 :])
        check_bound(name, *arguments[passed:], **named)
        return spend(function(*arguments, **named))

    return bounded


@jinja2.pass_environment
def sum_of_numbers(environment: Any, values: Iterable[Any], attribute: Any = None, start: Any = 0) -> Any:
    if not isinstance(start, int | float):
        raise TypeError(f"sum starts from a {type(start).__name__}, expected a number")
    return FILTERS["sum"](environment, values, attribute, start)


def short_range(*bounds: int) -> range:
    made = range(*bounds)
    if made and abs(made[-1] - made[0]) // abs(made.step) >= MAX_STEPS:
        raise TooMuch(f"range{bounds} is longer than {MAX_STEPS:,}")
    return made


def check_product(left: Any, right: Any) -> None:
    number, value = (left, right) if isinstance(left, int) else (right, left)
    if not isinstance(number, int):
        return
    if isinstance(value, int):
        if number.bit_length() + value.bit_length() > MAX_BITS:
            raise TooMuch(f"a product of more than {MAX_BITS} bits")
    elif isinstance(value, Sized):
        limit, what = (MAX_CHARACTERS, "characters") if isinstance(value, str | bytes) else (MAX_STEPS, "items")
        if number * len(value) > limit:
            raise TooMuch(f"{number:,} times {len(value):,} {what} are more than {limit:,}")


def check_power(left: Any, right: Any) -> None:
    """Raises TooMuch for a power of whole numbers that is too long."""
    if isinstance(left, int) and isinstance(right, int) and left.bit_length() * right > MAX_BITS:
        raise TooMuch(f"a power of more than {MAX_BITS} bits")
