"""The sandbox that templates are rendered in: Jinja2 with limits on text, loops and calls.

Jinja2's own sandbox keeps a template from reaching Python, but lets it run for hours or fill the memory. Here each rendering has
two budgets: steps (turns of loops, calls) and characters of text. Whatever can make much out of little spends them: loops, calls,
`*`, `**`, `%`, `+`, `~`, nested lists, and the filters and methods of `_BOUNDS`. What would spend too much ends in `TooMuch`.

The code that spends is put into the template when it is compiled, and only where there is something to spend: a template of plain
fields and conditions renders as fast as without limits.

>>> compile_template("Hello {{ name }}!")({"name": "you"})
'Hello you!'
"""

import functools
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from typing import Any

import jinja2
from jinja2 import nodes
from jinja2.filters import FILTERS
from jinja2.runtime import LoopContext, Macro
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

MAX_STEPS = 50_000
MAX_CHARACTERS = 10_000_000
_CALL_STEPS = 5  # a call takes about the time of as many turns of a loop
_MAX_BITS = 4096  # of a whole number
_LIST, _TEXT, _TURNS = "!list", "!text", "!turns"  # filters whose names no template can write
_CONTAINERS = (list, tuple, dict, set, frozenset)


class TooMuch(jinja2.TemplateRuntimeError):
    """A template that would loop for too long or make too much text."""


class _Spent(threading.local):
    """What the rendering in progress in this thread has spent."""

    steps = 0
    characters = 0


_spent = _Spent()


def _spend_steps(count: int) -> None:
    _spent.steps += count
    if _spent.steps > MAX_STEPS:
        raise TooMuch(f"it takes more than {MAX_STEPS:,} steps (turns of loops, items of lists, calls)")


def _spend_characters(count: int) -> None:
    _spent.characters += count
    if _spent.characters > MAX_CHARACTERS:
        raise TooMuch(f"it makes more than {MAX_CHARACTERS:,} characters of text")


def _spend(value: Any) -> Any:
    """The value, once its characters, or the items that it holds at any depth, are paid for."""
    if isinstance(value, str | bytes):
        _spend_characters(len(value))
    elif isinstance(value, _CONTAINERS):
        left: list[Any] = [value]
        while left:
            items = left.pop()
            _spend_steps(len(items))
            for item in items.values() if isinstance(items, dict) else items:
                if isinstance(item, _CONTAINERS):
                    left.append(item)
    return value


# What the compiled template calls. `pass_context` keeps Jinja2 from calling them when it compiles.


@jinja2.pass_context
def _turns(context: object, items: Any, characters: int) -> Any:
    """The items of a loop whose body holds so many characters of its own."""
    if isinstance(items, Sized):
        _spend_steps(len(items))
        _spend_characters(len(items) * characters)
        return items
    return _turn_by_turn(items, characters)


def _turn_by_turn(items: Iterable[Any], characters: int) -> Iterator[Any]:
    for item in items:
        _spend_steps(1)
        _spend_characters(characters)
        yield item


@jinja2.pass_context
def _text(context: object, value: Any) -> Any:
    """A value that is about to become text."""
    if value is None:
        raise jinja2.UndefinedError("a value is null (None), which is no text")
    return _spend(value)


@jinja2.pass_context
def _list(context: object, value: Any) -> Any:
    return _spend(value)


class _Spending(NodeTransformer):
    """Puts the calls that spend into a template's syntax tree.

    Args:
      fields: the names that only the example gives; as text they are neither null nor of the template's making.
      repeats: whether anything in the template can happen more than once.
    """

    def __init__(self, fields: set[str], repeats: bool):
        self._fields, self._repeats = fields, repeats

    def visit_Output(self, node: nodes.Output) -> nodes.Node:
        self.generic_visit(node)
        node.nodes = [self._paid(child) for child in node.nodes]
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:
        self.generic_visit(node)
        node.nodes = [self._paid(child) for child in node.nodes]
        return node

    def visit_For(self, node: nodes.For) -> nodes.Node:
        self.generic_visit(node)
        node.iter = _filtered(node.iter, _TURNS, nodes.Const(_own_characters(node)))
        return node

    def visit_Macro(self, node: nodes.Macro) -> nodes.Node:
        return self._body(node)

    def visit_CallBlock(self, node: nodes.CallBlock) -> nodes.Node:
        return self._body(node)

    def visit_List(self, node: nodes.List) -> nodes.Node:
        return self._literal(node)

    def visit_Tuple(self, node: nodes.Tuple) -> nodes.Node:
        return self._literal(node) if node.ctx == "load" else node

    def visit_Dict(self, node: nodes.Dict) -> nodes.Node:
        return self._literal(node)

    def _body(self, node: Any) -> nodes.Node:
        self.generic_visit(node)
        pay = _filtered(nodes.Const((1,)), _TURNS, nodes.Const(_own_characters(node)))
        node.body = [nodes.ExprStmt(pay, lineno=node.lineno), *node.body]
        return node

    def _literal(self, node: Any) -> nodes.Node:
        self.generic_visit(node)
        return _filtered(node, _LIST) if self._repeats else node

    def _paid(self, node: nodes.Node) -> nodes.Node:
        is_field = isinstance(node, nodes.Name) and node.name in self._fields
        is_paid = isinstance(node, nodes.Filter) and node.name in _BOUNDS
        if isinstance(node, nodes.TemplateData | nodes.Const) or is_paid or (is_field and not self._repeats):
            return node
        return _filtered(node, _TEXT)


def _filtered(node: Any, name: str, *arguments: nodes.Node) -> nodes.Filter:
    return nodes.Filter(node, name, list(arguments), [], None, None, lineno=node.lineno or 1)


def _sized(items: Any) -> Any:
    return items if isinstance(items, Sized) else list(_turn_by_turn(items, 0))


def _own_characters(node: nodes.Node) -> int:
    """The characters of a loop's or a macro's own text, those of inner loops and macros included."""
    return sum(len(data.data) for data in node.find_all(nodes.TemplateData))


# What an operation may make of its arguments, as a number of characters or items: at least its true size, known beforehand.


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
    """Widths and precisions: those in the text, and numbers among the arguments where the text takes its widths from them."""
    text = str(value)
    widths = sum(map(int, re.findall(r"\d+", text)))
    return widths + (_width(value, *arguments, **named) if "*" in text or re.search(r":[^{}]*\{", text) else 0)


_BOUNDS: dict[str, Callable[..., int]] = {
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
_REFUSED_METHODS = frozenset({"format_map", "fromhex", "maketrans", "translate"})
_MAX_ITEMS_OF = frozenset({"batch", "slice"})


def _check_bound(name: str, value: Any, *arguments: Any, **named: Any) -> None:
    size = _BOUNDS[name](value, *arguments, **named)
    limit = MAX_STEPS if name in _MAX_ITEMS_OF else MAX_CHARACTERS
    if size > limit:
        raise TooMuch(f"{name} makes {size:,} characters or items, of which {limit:,} are allowed")


def _bounded(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """A filter of Jinja2 that refuses to make too much."""
    passed = int(hasattr(function, "jinja_pass_arg"))  # Jinja2 puts its own argument first

    @functools.wraps(function)
    def bounded(*arguments: Any, **named: Any) -> Any:
        if name == "join":
            arguments = (*arguments[:passed], _spend(_sized(arguments[passed])), *arguments[passed + 1 :])
        _check_bound(name, *arguments[passed:], **named)
        return _spend(function(*arguments, **named))

    return bounded


@jinja2.pass_environment
def _sum(environment: Any, values: Iterable[Any], attribute: Any = None, start: Any = 0) -> Any:
    if not isinstance(start, int | float):
        raise TypeError(f"sum starts from a {type(start).__name__}, expected a number")
    return FILTERS["sum"](environment, values, attribute, start)


def _range(*bounds: int) -> range:
    made = range(*bounds)
    if made and abs(made[-1] - made[0]) // abs(made.step) >= MAX_STEPS:
        raise TooMuch(f"range{bounds} is longer than {MAX_STEPS:,}")
    return made


class _Environment(ImmutableSandboxedEnvironment):
    intercepted_binops = frozenset({"*", "**", "%", "+"})

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if operator == "*":
            _check_product(left, right)
        elif operator == "**" and isinstance(left, int) and isinstance(right, int) and left.bit_length() * right > _MAX_BITS:
            raise TooMuch(f"a power of more than {_MAX_BITS} bits")
        elif operator == "%" and isinstance(left, str | bytes):
            _check_bound("format", left, *(right if isinstance(right, tuple) else (right,)))
        return _spend(super().call_binop(context, operator, left, right))

    def call(__self, __context: Any, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N805 (as in the base class)
        _spend_steps(_CALL_STEPS)
        for argument in (*args, *kwargs.values()):
            if isinstance(argument, _CONTAINERS):
                _spend(argument)
        if isinstance(__obj, LoopContext) and args:
            args = (_turns(__context, args[0], 0), *args[1:])
        method = getattr(__obj, "__wrapped__", __obj)  # Jinja2 wraps str.format
        if isinstance(owner := getattr(method, "__self__", None), str | bytes | int):
            name = method.__name__
            if name in _REFUSED_METHODS:
                raise jinja2.exceptions.SecurityError(f"templates may not call {name}")
            if name in _BOUNDS:
                swapped = (args[0], owner) if name == "join" and args else (owner, *args)
                _check_bound(name, *swapped, **kwargs)
        return _spend(super().call(__context, __obj, *args, **kwargs))

    def _generate(self, source: nodes.Template, name: Any, filename: Any, defer_init: bool = False) -> str:
        for node in source.find_all((nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)):
            raise jinja2.TemplateSyntaxError("templates may not include or import others", node.lineno)
        repeats = next(source.find_all((nodes.For, nodes.Macro, nodes.Call, nodes.CallBlock)), None) is not None
        given = {name.name for name in source.find_all(nodes.Name)} - {
            name.name for name in source.find_all(nodes.Name) if name.ctx != "load"
        }
        return super()._generate(_Spending(given, repeats).visit(source), name, filename, defer_init)


def _check_product(left: Any, right: Any) -> None:
    number, value = (left, right) if isinstance(left, int) else (right, left)
    if not isinstance(number, int):
        return
    if isinstance(value, int):
        if number.bit_length() + value.bit_length() > _MAX_BITS:
            raise TooMuch(f"a product of more than {_MAX_BITS} bits")
    elif isinstance(value, Sized):
        limit = MAX_CHARACTERS if isinstance(value, str | bytes) else MAX_STEPS
        if number * len(value) > limit:
            raise TooMuch(f"{number:,} times {len(value):,} characters or items, of which {limit:,} are allowed")


def _make_environment() -> _Environment:
    made = _Environment(undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    made.filters.update({name: _bounded(name, FILTERS[name]) for name in _BOUNDS if name in FILTERS})
    made.filters.update({_LIST: _list, _TEXT: _text, _TURNS: _turns, "sum": _sum})
    made.globals["range"] = _range
    # A prompt is a function of its row and its seed, which these would break.
    del made.filters["random"], made.globals["lipsum"]
    return made


_ENVIRONMENT = _make_environment()


def parse(text: str) -> nodes.Template:
    """The syntax tree of a template. Raises jinja2.TemplateSyntaxError."""
    return _ENVIRONMENT.parse(text)


def compile_template(text: str) -> Callable[[Mapping[str, Any]], str]:
    """The function that renders a template's text from values, stripped.

    Compiling raises jinja2.TemplateSyntaxError, and RecursionError or SyntaxError where something is nested too deeply.
    Rendering raises `TooMuch`, jinja2.TemplateError for an undefined name or an unsafe access, and what the template's own
    operations raise.
    """
    template = _ENVIRONMENT.from_string(text)
    spent, shared = _spent, _ENVIRONMENT.globals

    def render(values: Mapping[str, Any]) -> str:
        spent.steps = spent.characters = 0
        # What template.render does, without merging the globals anew for each example: half the time.
        context = template.new_context({**shared, **values}, shared=True)
        return "".join(template.root_render_func(context)).strip()

    return render
