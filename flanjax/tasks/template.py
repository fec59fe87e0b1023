"""Templates: Jinja2 text for an input and its target, rendered in a sandbox (flanjax.tasks.sandbox).

A forward template asks for the answer. An inverted one turns the task round and asks for something else: "Write a review with
this rating." The kind is declared, because an inverted example must never be scored as classification.
"""

import dataclasses
import functools
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import jinja2
import jinja2.meta

from flanjax.names import shown
from flanjax.tasks import sandbox
from flanjax.tasks.asked import Asked, Wording
from flanjax.tasks.budget import TooMuch
from flanjax.tasks.draws import Draws
from flanjax.tasks.example import ANSWER, CHOICES, OPTIONS, RATIONALE, BadRow, Example, lone_surrogate
from flanjax.tasks.exemplars import ExemplarFormat
from flanjax.tasks.options import PLAIN

_JUST_THE_ANSWER = "{{ answer }}"
_ONLY_NAMES = re.compile(r"(?:[^{]|\{(?![{%#]))*(?:\{\{ *[A-Za-z_]\w* *\}\}(?:[^{]|\{(?![{%#]))*)*")
_NAME = re.compile(r"\{\{ *([A-Za-z_]\w*) *\}\}")
_NO_FIELDS = frozenset({"true", "false", "none", "True", "False", "None", "not", "self"})  # names with a meaning of their own
_HIDDEN_LINE = re.compile("^[ \t]*\ue000[ \t]*(?:\n|\\Z)", re.MULTILINE)
_HIDDEN = re.compile("[ \t]?\ue000")


class _Hidden(str):
    """The options where they are not shown: false, and a mark whose line is taken out once it is rendered."""

    def __bool__(self) -> bool:
        return False


_NO_OPTIONS = _Hidden("\ue000")


class TemplateError(ValueError):
    """A template cannot be used; the message has its name and the reason."""


@functools.cache
def _split(text: str) -> list[str]:
    """Returns words, name, words, name, ..., words of a text that only names fields; [] of any other.

    Most templates are so, and parsing and compiling thousands of them with Jinja2 takes seconds.
    """
    parts = _NAME.split(text) if _ONLY_NAMES.fullmatch(text) and "\r" not in text else []
    return parts if _NO_FIELDS.isdisjoint(parts[1::2]) else []


@functools.cache
def _compiled(text: str) -> Callable[[Mapping[str, Any]], str]:
    if not (parts := _split(text)):
        return sandbox.compile_template(text)
    names = parts[1::2]

    def render(values: Mapping[str, Any]) -> str:
        if not all(name in values for name in names):
            return sandbox.compile_template(text)(values)  # says what is undefined
        filled = parts.copy()
        filled[1::2] = [str(values[name]) for name in names]
        return "".join(filled).strip()

    return render


@functools.cache
def _variables(text: str) -> frozenset[str]:
    if parts := _split(text):
        return frozenset(parts[1::2])
    return frozenset(jinja2.meta.find_undeclared_variables(sandbox.parse(text)))


@functools.cache
def _literals(text: str) -> tuple[str, ...]:
    found = _split(text)[::2] or [data.data for data in sandbox.parse(text).find_all(jinja2.nodes.TemplateData)]
    return tuple(stripped for words in found if (stripped := words.strip()))


def null(field: str) -> jinja2.Undefined:
    """Returns the value of a None field in a template: like a missing field, it can be tested but not used."""
    return jinja2.StrictUndefined(f"{field!r} is null (None) in this row", name=field)


@dataclasses.dataclass(frozen=True)
class Template:
    """One wording of a task.

    Args:
      input: Jinja2 text over the example's fields. `{{ options }}` is where the block of options goes (at the end when it is
        not named; its line vanishes where no options are shown), `{{ choices }}` the list of their texts, for a wording that
        lists them in its own way.
      target: Jinja2 text; `{{ answer }}` is the answer, or its label where options are labelled.
      kind: "forward", or "inverted" when the target is not the task's answer.
      name: unique within the task; the template's position when left empty.
      words: answer -> its text in this wording, such as {"yes": "True"}. It reaches the options, their targets and the answers.
        Answers that it does not name stay as they are.
      options: whether options are shown: "always", "never", or as the "style" says.
      when: a Jinja2 expression over the fields, such as "context"; the wording is used only for rows where it is true.
      cue: the words at the very end, after the options, such as "Answer:".
      preamble: Jinja2 text above the question, and above exemplars only once.
      exemplars: the exemplar formats that it draws from; those of the mixture when empty.
      shots: the number of exemplars that it always has, in its exemplar format even for 0; None if the style decides.

    >>> Template("Is this true? {{ claim }}").render_input({"claim": "Ice is warm."})
    'Is this true? Ice is warm.'
    """

    input: str
    target: str = _JUST_THE_ANSWER
    kind: Literal["forward", "inverted"] = "forward"
    name: str = ""
    _: dataclasses.KW_ONLY
    words: Mapping[str, str] = dataclasses.field(default_factory=dict, hash=False)
    options: Literal["style", "always", "never"] = "style"
    when: str = ""
    cue: str = ""
    preamble: str = ""
    exemplars: Sequence[ExemplarFormat] = ()
    shots: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "exemplars", tuple(self.exemplars))
        if self.kind not in ("forward", "inverted"):
            raise TemplateError(f"{self}: kind is {self.kind!r}, expected 'forward' or 'inverted'")
        if self.options not in ("style", "always", "never"):
            raise TemplateError(f"{self}: options is {self.options!r}, expected 'style', 'always' or 'never'")
        for part, text in self._texts().items():
            if not isinstance(text, str):
                raise TemplateError(f"{self}: the {part} is {shown(text)}, expected text")
            try:
                _variables(text)
            except jinja2.TemplateSyntaxError as error:
                raise TemplateError(f"{self}: the {part} is not Jinja2: {error}") from error
            except (RecursionError, SyntaxError, MemoryError, ValueError) as error:
                raise TemplateError(f"{self}: the {part} cannot be compiled: {error}") from error
        leaked = (_variables(self.input) | _variables(self.preamble)) & {ANSWER, RATIONALE}
        if self.kind == "forward" and leaked:
            raise TemplateError(
                f"{self}: the input of a forward template names {sorted(leaked)}, which gives the answer away; "
                "make it kind='inverted' if it asks for something else"
            )
        if self.kind == "forward" and ANSWER not in _variables(self.target):
            raise TemplateError(f"{self}: the target of a forward template must name {{{{ answer }}}}")
        if len(set(self.words.values())) < len(self.words):
            raise TemplateError(f"{self}: words give two answers the same text: {shown(dict(self.words))}")

    def __str__(self) -> str:
        return f"template {self.name or self.input[:40]!r}"

    def _texts(self) -> dict[str, str]:
        condition = {"condition": _condition(self.when)} if self.when else {}
        return {"input": self.input, "target": self.target, "preamble": self.preamble, **condition}

    def named(self, name: str) -> "Template":
        return dataclasses.replace(self, name=name)

    def compile(self) -> None:
        """Compiles its texts, which else happens when it is first used. Raises TemplateError."""
        for part, text in self._texts().items():
            try:
                _compiled(text)
            except (jinja2.TemplateError, RecursionError, SyntaxError, MemoryError, ValueError) as error:
                raise TemplateError(f"{self}: the {part} cannot be compiled: {error}") from error

    @functools.cached_property
    def input_variables(self) -> frozenset[str]:
        return _variables(self.input) | _variables(self.preamble)

    @functools.cached_property
    def target_variables(self) -> frozenset[str]:
        return _variables(self.target)

    @functools.cached_property
    def places_options(self) -> bool:
        """Whether the input places the options itself; of an inverted template, the input or the target."""
        texts = self.input_variables | (self.target_variables if self.kind == "inverted" else frozenset())
        return bool(texts & {OPTIONS, CHOICES})

    @functools.cached_property
    def lists_choices(self) -> bool:
        """Whether the input words the options itself, without labels."""
        return CHOICES in self.input_variables and OPTIONS not in self.input_variables

    @functools.cached_property
    def needs_rationale(self) -> bool:
        return RATIONALE in self.input_variables | self.target_variables

    @property
    def literals(self) -> tuple[str, ...]:
        """The words of the template itself, between its fields."""
        cue = (self.cue,) if self.cue else ()
        return _literals(self.preamble) + _literals(self.input) + cue + _literals(self.target)

    def ask(self, example: Example, wording: Wording, draws: Draws | None) -> Asked | None:
        """Returns what is asked; None if this wording does not apply to the example. Raises BadRow; see `AnyTemplate`."""
        if self.needs_rationale and not example.rationale:
            return None
        references = tuple(self.words.get(r, r) for r in example.references)
        options = tuple(self.words.get(o, o) for o in example.options)
        if len(set(options)) < len(options):
            raise BadRow(f"{self}: its words make two options the same: {shown(list(options))}")
        shows = wording.style.options and bool(options)
        style = wording.options if shows and not self.lists_choices else PLAIN
        fields: Mapping[str, Any] = example.fields
        if any(value is None for value in fields.values()):
            fields = {name: null(name) if value is None else value for name, value in fields.items()}
        block = style.block(options) if shows else _NO_OPTIONS
        values = {**fields, RATIONALE: example.rationale, OPTIONS: block, CHOICES: list(options)}
        answers = style.targets(options)
        values[ANSWER] = answers[options.index(references[0])] if options else references[0]
        if self.when and not self._applies(values):
            return None
        targets = tuple(self._written(self.render_target, {**values, ANSWER: answer}) for answer in answers)
        return Asked(
            self._written(self.render_input, values),
            targets[options.index(references[0])] if options else self._written(self.render_target, values),
            references,
            options,
            targets,
            example.rationale,
            preamble=self._written(functools.partial(self._render, self.preamble), values) if self.preamble else "",
            cue=self.cue,
            places_options=self.places_options,
            ends_in_cue=self.input.rstrip().endswith(":"),
        )

    def render_input(self, values: Mapping[str, Any]) -> str:
        return self._render(self.input, values)

    def render_target(self, values: Mapping[str, Any]) -> str:
        return values[ANSWER].strip() if self.target == _JUST_THE_ANSWER else self._render(self.target, values)

    def _applies(self, values: Mapping[str, Any]) -> bool:
        try:
            return bool(self._render(_condition(self.when), values))
        except TemplateError as error:
            if isinstance(error.__cause__, jinja2.UndefinedError):  # a field that this row lacks
                return False
            raise BadRow(str(error)) from error

    def _written(self, write: Callable[[Mapping[str, Any]], str], values: Mapping[str, Any]) -> str:
        """Returns a rendered part. Raises BadRow if it cannot be rendered, or its text cannot be encoded."""
        try:
            text = write(values)
            if not text.isascii():
                text.encode()
        except TemplateError as error:
            raise BadRow(str(error)) from error
        except UnicodeEncodeError as error:
            raise BadRow(lone_surrogate(error)) from error
        return text

    def _render(self, text: str, values: Mapping[str, Any]) -> str:
        try:
            rendered = _compiled(text)(values)
        except RecursionError as error:
            raise TemplateError(f"{self}: it calls itself, or its values are nested, too deeply") from error
        except TooMuch as error:
            raise TemplateError(f"{self}: {error}") from error
        except Exception as error:  # a template's operations raise whatever Python's do
            raise TemplateError(f"{self}: {error}; the example has {sorted(values)}") from error
        if _NO_OPTIONS in rendered and values.get(OPTIONS) is _NO_OPTIONS:
            return _HIDDEN.sub("", _HIDDEN_LINE.sub("", rendered)).strip()
        return rendered


def _condition(expression: str) -> str:
    return "{% if " + expression + " %}true{% endif %}"
