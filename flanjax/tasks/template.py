"""Templates: Jinja2 text for an input and its target, rendered in a sandbox (flanjax.tasks.sandbox).

A forward template asks for the answer. An inverted one turns the task round and asks for something else: "Write a review with
this rating." The kind is declared, because an inverted example must never be scored as classification.
"""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any, Literal

import jinja2
import jinja2.meta

from flanjax.tasks import sandbox
from flanjax.tasks.budget import TooMuch

# Names that a template may use besides the fields of its example.
ANSWER, RATIONALE, OPTIONS, CHOICES = "answer", "rationale", "options", "choices"

_JUST_THE_ANSWER = "{{ answer }}"


class TemplateError(ValueError):
    """A template cannot be used; the message has its name and the reason."""


@functools.cache
def _compiled(text: str) -> Callable[[Mapping[str, Any]], str]:
    return sandbox.compile_template(text)


@functools.cache
def _variables(text: str) -> frozenset[str]:
    return frozenset(jinja2.meta.find_undeclared_variables(sandbox.parse(text)))


@functools.cache
def _literals(text: str) -> tuple[str, ...]:
    found = sandbox.parse(text).find_all(jinja2.nodes.TemplateData)
    return tuple(stripped for data in found if (stripped := data.data.strip()))


def null(field: str) -> jinja2.Undefined:
    """Returns the value of a None field in a template: like a missing field, it can be tested but not used."""
    return jinja2.StrictUndefined(f"{field!r} is null (None) in this row", name=field)


@dataclasses.dataclass(frozen=True)
class Template:
    """One wording of a task.

    Args:
      input: Jinja2 text over the example's fields. `{{ options }}` is where the block of options goes (at the end when it is
        not named), `{{ choices }}` the list of their texts.
      target: Jinja2 text; `{{ answer }}` is the answer, or its label where options are labelled.
      kind: "forward", or "inverted" when the target is not the task's answer.
      name: unique within the task; the template's position when left empty.

    >>> Template("Is this true? {{ claim }}").render_input({"claim": "Ice is warm."})
    'Is this true? Ice is warm.'
    """

    input: str
    target: str = _JUST_THE_ANSWER
    kind: Literal["forward", "inverted"] = "forward"
    name: str = ""

    def __post_init__(self) -> None:
        if self.kind not in ("forward", "inverted"):
            raise TemplateError(f"{self}: kind is {self.kind!r}, expected 'forward' or 'inverted'")
        for part, text in (("input", self.input), ("target", self.target)):
            try:
                _compiled(text)
            except jinja2.TemplateSyntaxError as error:
                raise TemplateError(f"{self}: the {part} is not Jinja2: {error}") from error
            except (RecursionError, SyntaxError, MemoryError, ValueError) as error:
                raise TemplateError(f"{self}: the {part} cannot be compiled: {error}") from error
        leaked = _variables(self.input) & {ANSWER, RATIONALE}
        if self.kind == "forward" and leaked:
            raise TemplateError(
                f"{self}: the input of a forward template names {sorted(leaked)}, which gives the answer away; "
                "make it kind='inverted' if it asks for something else"
            )
        if self.kind == "forward" and ANSWER not in _variables(self.target):
            raise TemplateError(f"{self}: the target of a forward template must name {{{{ answer }}}}")

    def __str__(self) -> str:
        return f"template {self.name or self.input[:40]!r}"

    @property
    def input_variables(self) -> frozenset[str]:
        return _variables(self.input)

    @property
    def target_variables(self) -> frozenset[str]:
        return _variables(self.target)

    @property
    def places_options(self) -> bool:
        """Whether the input itself places the options."""
        return bool(self.input_variables & {OPTIONS, CHOICES})

    @property
    def lists_choices(self) -> bool:
        """Whether the input words the options itself, without labels."""
        return CHOICES in self.input_variables and OPTIONS not in self.input_variables

    @property
    def needs_rationale(self) -> bool:
        return RATIONALE in self.input_variables | self.target_variables

    @property
    def literals(self) -> tuple[str, ...]:
        """The words of the template itself, between its fields."""
        return _literals(self.input) + _literals(self.target)

    def render_input(self, values: Mapping[str, Any]) -> str:
        return self._render(self.input, values)

    def render_target(self, values: Mapping[str, Any]) -> str:
        return values[ANSWER].strip() if self.target == _JUST_THE_ANSWER else self._render(self.target, values)

    def _render(self, text: str, values: Mapping[str, Any]) -> str:
        try:
            return _compiled(text)(values)
        except RecursionError as error:
            raise TemplateError(f"{self}: it calls itself, or its values are nested, too deeply") from error
        except TooMuch as error:
            raise TemplateError(f"{self}: {error}") from error
        except Exception as error:  # a template's operations raise whatever Python's do
            raise TemplateError(f"{self}: {error}; the example has {sorted(values)}") from error
