"""The sandbox that templates are rendered in: Jinja2 with limits on text, loops and calls.

Jinja2's own sandbox keeps a template from reaching Python, but lets it run for hours or fill the memory. Here a rendering has a
budget (flanjax.tasks.budget), which is charged by loops, calls, `*`, `**`, `%`, `+`, `~`, nested lists, and the filters and
methods that can make a large result from small arguments.

The code that charges the budget is added when a template is compiled, and only where it is needed: a template of plain fields
and conditions renders as fast as without limits.

>>> compile_template("Hello {{ name }}!")({"name": "you"})
'Hello you!'
"""

from collections.abc import Callable, Mapping, Sized
from typing import Any

import jinja2
from jinja2 import nodes
from jinja2.filters import FILTERS
from jinja2.runtime import LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

from flanjax.tasks import budget

_LIST, TEXT, _TURNS = "!list", "!text", "!turns"  # filters whose names no template can write
_JINJA_ARGUMENTS = frozenset({"_loop_vars", "_block_vars"})  # it passes them to each call in a loop or block

# A template of only these nodes costs nothing.
_PLAIN = (nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.If, nodes.Compare, nodes.Operand)

# Functions that the compiled template calls. `pass_context` keeps Jinja2 from calling them at compile time.


@jinja2.pass_context
def _turns(context: object, items: Any, characters: int) -> Any:
    """Yields the items of a loop and charges for them; `characters` is the length of the text in the loop's body."""
    if isinstance(items, Sized):
        budget.spend_steps(len(items))
        budget.spend_characters(len(items) * characters)
        return items
    return budget.turn_by_turn(items, characters)


@jinja2.pass_context
def _text(context: object, value: Any) -> Any:
    """Returns a value that is about to become text, after charging for it. Raises UndefinedError for None."""
    if value is None:
        raise jinja2.UndefinedError("a value is null (None), which is no text")
    return budget.spend(value)


@jinja2.pass_context
def _list(context: object, value: Any) -> Any:
    return budget.spend(value)


class _Spending(NodeTransformer):
    """Adds calls that charge the budget to a template's syntax tree.

    Args:
      fields: the names that only the example defines; the template cannot have made their text, and it is never null.
      repeats: whether any part of the template can run more than once.
    """

    def __init__(self, fields: set[str], repeats: bool):
        self._fields, self._repeats = fields, repeats

    def visit_Output(self, node: nodes.Output) -> nodes.Node:
        return self._texts(node)

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:
        return self._texts(node)

    def _texts(self, node: Any) -> nodes.Node:
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
        is_paid = isinstance(node, nodes.Filter) and node.name in budget.BOUNDS
        if isinstance(node, nodes.TemplateData | nodes.Const) or is_paid or (is_field and not self._repeats):
            return node
        return _filtered(node, TEXT)


def _filtered(node: Any, name: str, *arguments: nodes.Node) -> nodes.Filter:
    return nodes.Filter(node, name, list(arguments), [], None, None, lineno=node.lineno or 1)


def _own_characters(node: nodes.Node) -> int:
    """Returns the number of characters of a loop's or a macro's own text, inner loops and macros included."""
    return sum(len(data.data) for data in node.find_all(nodes.TemplateData))


class Environment(ImmutableSandboxedEnvironment):
    """Jinja2's sandbox within the budget of a rendering."""

    intercepted_binops = frozenset({"*", "**", "%", "+"})

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if operator == "*":
            budget.check_product(left, right)
        elif operator == "**":
            budget.check_power(left, right)
        elif operator == "%" and isinstance(left, str | bytes):
            budget.check_bound("format", left, *(right if isinstance(right, tuple) else (right,)))
        return budget.spend(super().call_binop(context, operator, left, right))

    def call(__self, __context: Any, __obj: Any, *args: Any, **kwargs: Any) -> Any:
        budget.spend_steps(budget.CALL_STEPS)
        named = {name: value for name, value in kwargs.items() if name not in _JINJA_ARGUMENTS}
        for argument in (*args, *named.values()):
            if isinstance(argument, budget.CONTAINERS):
                budget.spend(argument)
        if isinstance(__obj, LoopContext) and args:
            args = (_turns(__context, args[0], 0), *args[1:])
        method = getattr(__obj, "__wrapped__", __obj)  # Jinja2 wraps str.format
        if isinstance(owner := getattr(method, "__self__", None), str | bytes | int):
            name = method.__name__
            if name in budget.REFUSED_METHODS:
                raise jinja2.exceptions.SecurityError(f"templates may not call {name}")
            if name in budget.BOUNDS:
                swapped = (args[0], owner) if name == "join" and args else (owner, *args)
                budget.check_bound(name, *swapped, **named)
        return budget.spend(super().call(__context, __obj, *args, **kwargs))

    def _generate(self, source: nodes.Template, name: Any, filename: Any, defer_init: bool = False) -> str:
        for node in source.find_all((nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)):
            raise jinja2.TemplateSyntaxError("templates may not include or import others", node.lineno)
        repeats = next(source.find_all((nodes.For, nodes.Macro, nodes.Call, nodes.CallBlock)), None) is not None
        names = list(source.find_all(nodes.Name))
        given = {name.name for name in names} - {name.name for name in names if name.ctx != "load"}
        return super()._generate(_Spending(given, repeats).visit(source), name, filename, defer_init)


def make_environment(kind: type[Environment] = Environment, **settings: Any) -> Environment:
    """Returns an environment with the filters and globals of the budget.

    Args:
      settings: those of a jinja2.Environment.
    """
    made = kind(**settings)
    made.filters.update({name: budget.bounded_filter(name, FILTERS[name]) for name in budget.BOUNDS if name in FILTERS})
    made.filters.update({_LIST: _list, TEXT: _text, _TURNS: _turns, "sum": budget.sum_of_numbers})
    made.globals["range"] = budget.short_range
    # A prompt must be a function of its row and its seed; these would break that.
    del made.filters["random"], made.globals["lipsum"]
    return made


_ENVIRONMENT = make_environment(undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)


def parse(text: str) -> nodes.Template:
    """Returns the syntax tree of a template. Raises jinja2.TemplateSyntaxError."""
    return _ENVIRONMENT.parse(text)


def compile_template(text: str, environment: Environment = _ENVIRONMENT) -> Callable[[Mapping[str, Any]], str]:
    """Returns the function that renders a template's text from values and strips it.

    The template of an importer may have an environment of its own.

    Compiling raises jinja2.TemplateSyntaxError, and RecursionError or SyntaxError if something is nested too deeply.
    Rendering raises `budget.TooMuch`, jinja2.TemplateError for an undefined name or an unsafe access, and whatever the
    template's own operations raise.
    """
    template, shared = environment.from_string(text), environment.globals
    spent = budget.spent

    def render(values: Mapping[str, Any]) -> str:
        # As template.render, but without merging the globals again for each example, which takes half the time.
        context = template.new_context({**shared, **values}, shared=True)
        return "".join(template.root_render_func(context)).strip()

    def render_within_budget(values: Mapping[str, Any]) -> str:
        spent.steps = spent.characters = 0
        return render(values)

    is_plain = all(isinstance(node, _PLAIN) for node in environment.parse(text).find_all(nodes.Node))
    return render if is_plain else render_within_budget
