"""Jinja2 as promptsource's renderer has it, within the budget of our sandbox.

It differs from the environment of our own templates: undefined names are empty and null is "None"; white space is kept; a
template may change the lists and dicts of its row, of which it gets a copy; and there are promptsource's filters and `zip`.
It differs from promptsource's in that draws are seeded: `choice` and `random` depend on the example alone. They take the
context, because Jinja2 would otherwise draw once, when it compiles `["a", "b"] | choice`, and never again.
"""

import copy
import functools
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import jinja2
from jinja2 import nodes
from jinja2.sandbox import SandboxedEnvironment

from flanjax.tasks import budget, sandbox
from flanjax.tasks.draws import Draws

SEPARATOR = "|||"  # between the input and the answer, and between answer choices
_DRAW = "!draw"  # a variable whose name no template can write
_UNCHANGING = (str, int, float, bytes, type(None))
_REFUSED = (nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)


class Drawing:
    """The draws of one example, in the order in which its template makes them; without draws, always the first of several."""

    def __init__(self, draws: Draws | None):
        self._draws, self._made = draws, 0

    def __call__(self, n: int) -> int:
        """Returns a whole number in [0, n)."""
        self._made += 1
        return 0 if self._draws is None else self._draws.integer("promptsource", n, self._made)


class _Environment(sandbox.Environment):
    """Lets a template change lists, dicts and sets, which the sandbox of our own templates does not."""

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        return SandboxedEnvironment.is_safe_attribute(self, obj, attr, value)


@jinja2.pass_context
def _text(context: object, value: Any) -> Any:
    return budget.spend(value)


@jinja2.pass_context
def _choice(context: Any, values: Any) -> Any:
    """Returns one of the values. Raises IndexError if there is none."""
    if not len(values):
        raise IndexError("choice has nothing to choose from")
    return values[context[_DRAW](len(values))]


@jinja2.pass_context
def _random(context: Any, values: Any) -> Any:
    return _choice(context, values) if len(values) else context.environment.undefined("random has nothing to choose from")


def _most_frequent(items: Any) -> list[Any] | None:
    """Returns the items that occur most often, in order of first appearance; None if there are no items."""
    if not items:
        return None
    counts = Counter(items).most_common()
    return [item for item, count in counts if count == counts[0][1]]


def _make_environment() -> sandbox.Environment:
    made = sandbox.make_environment(_Environment)
    made.filters.update({sandbox.TEXT: _text, "choice": _choice, "random": _random, "most_frequent": _most_frequent})
    made.filters["highlight"] = str  # it coloured the fields on promptsource's page
    made.globals["zip"] = zip
    return made


_ENVIRONMENT = _make_environment()


@functools.cache
def _compiled(text: str) -> Callable[[Mapping[str, Any]], str]:
    return sandbox.compile_template(text, _ENVIRONMENT)


def rendered(text: str, values: Mapping[str, Any], draw: Drawing) -> str:
    """Returns a template's text. It may change the lists and dicts among the values. Raises what `compile_template` says."""
    return _compiled(text)({**values, _DRAW: draw})


def parse(text: str) -> nodes.Template:
    """Returns the syntax tree of a template. Raises jinja2.TemplateSyntaxError if it is not valid, or includes another file."""
    tree = _ENVIRONMENT.parse(text)
    for node in tree.find_all(_REFUSED):
        raise jinja2.TemplateSyntaxError("it includes or imports another file", node.lineno)
    return tree


def is_constant(text: str) -> bool:
    """Whether a template has no Jinja2 in it."""
    return "{" not in text


def own_copy(value: Any) -> Any:
    """Returns a copy of a value of a row that shares no list or dict with it."""
    if isinstance(value, _UNCHANGING):
        return value
    if isinstance(value, list):
        return [own_copy(item) for item in value]
    if isinstance(value, dict):
        return {name: own_copy(item) for name, item in value.items()}
    return copy.deepcopy(value)
