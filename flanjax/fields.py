"""The types and meanings of config fields, each defined once: in the field's type and in the docstring of its class.

A field's type defines its values: `steps: Count`, `dropout: Fraction`, `preset: Annotated[str, OneOf(names)]`. `check` in a
`__post_init__` checks them, `parse` reads one from a command line, and `describe` puts the type into words for errors, for
`--help-config` and for docs/config.md. A field's meaning is its entry under `Args` in the docstring, which `meanings` reads.
"""

import ast
import dataclasses
import difflib
import inspect
import math
import numbers
import re
import reprlib
import types
import typing
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, Literal, NamedTuple

LARGEST = 2**31 - 1  # the limit of integers without their own limit: it fits int32
_UNFIT = object()


class FieldError(ValueError):
    """A field of a config has an invalid value.

    Attributes:
      name: name of the field.
      problem: the value and what was expected, as the end of a sentence.
    """

    def __init__(self, owner: object, name: str, problem: str):
        super().__init__(f"{type(owner).__name__}.{name} {problem}")
        self.name, self.problem = name, problem


class Range(NamedTuple):
    """Limits of a number. None is no limit, except that an integer without `most` is at most LARGEST."""

    least: float | None = None
    most: float | None = None
    over: float | None = None
    below: float | None = None

    def holds(self, value: float) -> bool:
        most = LARGEST if self.most is None and isinstance(value, int) else self.most
        return (
            (self.least is None or value >= self.least)
            and (most is None or value <= most)
            and (self.over is None or value > self.over)
            and (self.below is None or value < self.below)
        )

    def __str__(self) -> str:
        if self.least is not None and self.most is not None:
            return f"from {self.least:,} to {self.most:,}"
        words = {"of at least": self.least, "of at most": self.most, "over": self.over, "below": self.below}
        return " and ".join(f"{word} {limit:,}" for word, limit in words.items() if limit is not None)


class OneOf(NamedTuple):
    """The names that a text field accepts, if they are the keys of a table elsewhere."""

    names: tuple[str, ...]

    def holds(self, value: str) -> bool:
        return value in self.names

    def __str__(self) -> str:
        return _alternatives(map(repr, self.names))


Whole = Annotated[int, Range(0)]
Count = Annotated[int, Range(1)]
Seed = Annotated[int, Range(0, 2**32 - 1)]
Positive = Annotated[float, Range(over=0)]
NonNegative = Annotated[float, Range(0)]
Share = Annotated[float, Range(0, 1)]
Fraction = Annotated[float, Range(0, below=1)]


def hints(cls: Any) -> Mapping[str, Any]:
    """Returns the type of every field of a dataclass, limits included."""
    found = typing.get_type_hints(cls, include_extras=True)
    return {field.name: found[field.name] for field in dataclasses.fields(cls)}


def check(config: Any) -> None:
    """Checks every field of a dataclass against its type. Call it in `__post_init__`.

    An integer in a float field becomes a float, and a list in a tuple field becomes a tuple.

    Raises:
      FieldError: a value is of the wrong type, out of range, not finite, or not one of the names.
    """
    for name, hint in hints(type(config)).items():
        value = getattr(config, name)
        fitted = _fit(hint, value)
        if fitted is _UNFIT:
            raise FieldError(config, name, problem(hint, value))
        if fitted is not value:
            object.__setattr__(config, name, fitted)


def require(good: bool, config: Any, name: str, expected: str) -> None:
    """Raises FieldError unless `good`. It is for conditions that a single field's type cannot express."""
    if not good:
        value = getattr(config, name)
        found = shown(value) if value is None or isinstance(value, bool) else repr(value)
        raise FieldError(config, name, f"is {found}, expected {expected}")


def fit(hint: Any, value: Any) -> Any:
    """Returns the value converted to a field's type. Raises ValueError whose message is the end of a sentence."""
    fitted = _fit(hint, value)
    if fitted is _UNFIT:
        raise ValueError(problem(hint, value))
    return fitted


def _fit(hint: Any, value: Any) -> Any:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        fitted = _fit(args[0], value)
        return fitted if fitted is not _UNFIT and all(limit.holds(fitted) for limit in args[1:]) else _UNFIT
    if origin in (typing.Union, types.UnionType):
        return next((fitted for kind in args if (fitted := _fit(kind, value)) is not _UNFIT), _UNFIT)
    if origin is Literal:
        return next((arg for arg in args if type(arg) is type(value) and arg == value), _UNFIT)
    if origin is tuple:
        each = [_fit(args[0], v) for v in value] if isinstance(value, list | tuple) else [_UNFIT]
        if args[-1] is not Ellipsis and len(each) != len(args):
            return _UNFIT
        return _UNFIT if _UNFIT in each else tuple(each) if isinstance(value, list) or tuple(each) != value else value
    if hint in (int, float):
        return _fit_number(hint, value)
    return value if isinstance(value, origin or hint) else _UNFIT


def _fit_number(kind: type, value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, numbers.Integral if kind is int else numbers.Real):
        return _UNFIT
    if isinstance(value, numbers.Integral) and kind is int:
        return int(value)
    try:
        return float(value) if math.isfinite(value) else _UNFIT
    except OverflowError:  # an integer beyond all floats
        return _UNFIT


def problem(hint: Any, value: Any) -> str:
    """Returns what is wrong with a value, such as "is 0, expected an integer of at least 1"."""
    names = [name for kind in _kinds(hint) for name in _names(kind)]
    near = difflib.get_close_matches(value, names, n=1, cutoff=0.4) if isinstance(value, str) else []
    large = isinstance(value, int) and value > LARGEST and int in map(_plain, _kinds(hint)) and f", and at most {LARGEST:,}"
    mean = f"; did you mean {near[0]!r}?" if near else ""
    return f"is {reprlib.repr(value)}, expected {describe(hint)}{large or ''}{mean}"


def describe(hint: Any) -> str:
    """Returns in words what values a field accepts.

    >>> describe(Count | Literal["auto"]), describe(tuple[str, ...] | None)
    ("an integer of at least 1 or 'auto'", 'a list, each text or none')
    """
    return _alternatives(_describe(kind) for kind in _kinds(hint))


def _describe(kind: Any) -> str:
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if origin is Annotated:
        named = [str(limit) for limit in args[1:] if isinstance(limit, OneOf)]
        return named[0] if named else " ".join([_describe(args[0]), *map(str, args[1:])])
    if origin is Literal:
        return _alternatives(map(repr, args))
    if origin is tuple:
        number = "a list" if args[-1] is Ellipsis else f"{len(args)} values"
        return f"{number}, each {describe(args[0])}"
    words = {bool: "true or false", int: "an integer", float: "a number", str: "text", types.NoneType: "none"}
    return words.get(kind, "a group of keys")


def _plain(kind: Any) -> Any:
    """Returns the type without its limits."""
    return typing.get_args(kind)[0] if typing.get_origin(kind) is Annotated else kind


def _kinds(hint: Any) -> tuple[Any, ...]:
    return typing.get_args(hint) if typing.get_origin(hint) in (typing.Union, types.UnionType) else (hint,)


def _names(kind: Any) -> tuple[str, ...]:
    if typing.get_origin(kind) is Literal:
        return tuple(name for name in typing.get_args(kind) if isinstance(name, str))
    return next((limit.names for limit in typing.get_args(kind) if isinstance(limit, OneOf)), ())


def _alternatives(words: Iterable[str]) -> str:
    *most, last = words
    return f"{', '.join(most)} or {last}" if most else last


def parse(hint: Any, text: str) -> Any:
    """Returns the value of a command line's text for a field of this type. A text that does not fit is returned unchanged.

    >>> parse(tuple[str, ...], "topic,reading"), parse(float, "2e-3"), parse(str, "3"), parse(int | None, "none")
    (('topic', 'reading'), 0.002, '3', None)
    """
    for kind in _kinds(hint):
        for value in _readings(kind, text):
            if _fit(kind, value) is not _UNFIT:
                return value
    # The closest reading, for the error message.
    return next((value for kind in _kinds(hint) for value in _readings(kind, text)), text)


def _readings(kind: Any, text: str) -> Iterator[Any]:
    """Yields the possible values of a text for one type, the likeliest first."""
    if typing.get_origin(kind) is Annotated:
        yield from _readings(typing.get_args(kind)[0], text)
    elif kind is types.NoneType:
        yield from [None] if text.lower() == "none" else []
    elif kind is bool:
        yield from [text.lower() == "true"] if text.lower() in ("true", "false") else []
    elif kind in (int, float):
        yield from (v for v in _literal(text) if isinstance(v, int | float))
    elif typing.get_origin(kind) is tuple:
        inner = typing.get_args(kind)[0]
        yield from (v for v in _literal(text) if isinstance(v, list | tuple))
        yield tuple(parse(inner, part.strip()) for part in text.split(",") if part.strip())
    else:
        yield from (v for v in _literal(text) if isinstance(v, str) or typing.get_origin(kind) is Literal)
        yield text


def _literal(text: str) -> list[Any]:
    try:
        return [ast.literal_eval(text)]
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return []


def shown(value: Any) -> str:
    """Returns a value as it is written on a command line."""
    if isinstance(value, tuple | list):
        if any(isinstance(each, tuple | list) for each in value):
            return "(" + "".join(f"({shown(each)})," for each in value) + ")"
        return ",".join(map(shown, value)) or "(empty)"
    if isinstance(value, str):
        return value if value and value.isprintable() else repr(value)
    return str(value).lower()


def meanings(cls: type) -> dict[str, str]:
    """Returns field -> meaning: the entries under `Args` in the class's docstring, each on one line."""
    _, _, args = (inspect.getdoc(cls) or "").partition("Args:\n")
    found: dict[str, str] = {}
    names: list[str] = []
    for line in args.splitlines():
        entry = re.match(r"  (\w+(?:, \w+)*): (.*)", line)
        if entry:
            names = entry[1].split(", ")
        elif not line.startswith("    "):
            names = []
        for name in names:
            found[name] = f"{found[name]} {line.strip()}" if name in found else (entry[2] if entry else "")
    return found


def summary(cls: type) -> str:
    """Returns the first sentences of the class's docstring, on one line."""
    return " ".join((inspect.getdoc(cls) or "").partition("\n\n")[0].split())
