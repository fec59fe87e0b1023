"""One template of promptsource, as a wording of a task.

Its source is rendered as a whole, and then split at "|||" into the input and the answers, as promptsource does: a block or a
variable may reach across the separator.
"""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any, Literal

import jinja2
from jinja2 import nodes

from flanjax.importers.promptsource_environment import SEPARATOR, Drawing, is_constant, own_copy, parse, rendered
from flanjax.tasks.asked import Asked, Wording
from flanjax.tasks.draws import Draws
from flanjax.tasks.example import ANSWER, CHOICES, OPTIONS, RATIONALE, BadRow, Example, Row, SkipRow, lone_surrogate

ANSWER_CHOICES = "answer_choices"
_MARK = "\ufdd1"  # stands for "|" in a field's own "|||"; Unicode promises that it is no character
_GLOBALS = frozenset({"zip", "range", "dict", "namespace", "cycler", "joiner"})
_FIELD = {name: f"{name} (column)" for name in (ANSWER, CHOICES, OPTIONS, RATIONALE)}
_COLUMN = {field: name for name, field in _FIELD.items()}

# What an example needs, but no wording uses: each template has its own answer.
_NO_ANSWER = "(each template has its own answer)"


def example(row: Row) -> Example:
    """Returns a row's example. The columns whose names belong to our own templates get others: "answer (column)".

    Raises:
      SkipRow: the row has no label, which is -1 then; `answer_choices[label]` would be the last choice.
    """
    if row.get("label") == -1:
        raise SkipRow("no label (-1)")
    return Example({field_name(name): value for name, value in row.items()}, _NO_ANSWER)


def field_name(column: str) -> str:
    """Returns the name of a column among the fields of an example."""
    return _FIELD.get(column, column)


@dataclasses.dataclass(frozen=True)
class PromptsourceTemplate:
    """A template of promptsource. It implements `flanjax.tasks.asked.AnyTemplate`.

    Args:
      input: its Jinja2 source: the input, "|||", and the answer.
      kind: "forward" if it asks for what its dataset was made for, else "inverted".
      answer_choices: Jinja2 text of the options, with "|||" between them.
      metrics: our names of its metrics.
      shows_choices: whether the input names the options.
    """

    input: str
    kind: Literal["forward", "inverted"] = "forward"
    name: str = ""
    _: dataclasses.KW_ONLY
    answer_choices: str | None = None
    metrics: tuple[str, ...] = ()
    shows_choices: bool = False

    def __str__(self) -> str:
        return f"template {self.name or self.input[:40]!r}"

    @property
    def options(self) -> Literal["style", "always", "never"]:
        return "always" if self.shows_choices else "never"

    @property
    def lists_choices(self) -> bool:
        return self.shows_choices

    @property
    def shots(self) -> None:
        return None

    @property
    def exemplars(self) -> tuple[()]:
        return ()

    @property
    def literals(self) -> tuple[str, ...]:
        return _literals(self.input) + _literals(self.answer_choices or "")

    @property
    def input_variables(self) -> frozenset[str]:
        return _variables(self.input)[0] | self._choice_variables

    @property
    def target_variables(self) -> frozenset[str]:
        return _variables(self.input)[1] | self._choice_variables

    @property
    def _choice_variables(self) -> frozenset[str]:
        return _variables(self.answer_choices or "")[0]

    def named(self, name: str) -> "PromptsourceTemplate":
        return dataclasses.replace(self, name=name)

    def ask(self, example: Example, wording: Wording, draws: Draws | None) -> Asked | None:
        """Returns what is asked; None if the template writes no input or no answer for this row. See `AnyTemplate`.

        The options are left out if they lack the answer, or if they are fewer than two, between which nothing can be ranked.
        """
        (read, *written), choices = self._rendered(example, draws)
        references = tuple(text for text in written if text)
        if not read or not references:
            return None
        options = tuple(dict.fromkeys(text for text in choices or () if text))
        if len(options) < 2 or references[0] not in options:
            options = ()
        return Asked(
            read,
            references[0],
            references,
            options,
            options,
            metrics=self.metrics,
            places_options=True,  # or hides them; in either case it gets no others
            ends_in_cue=read.endswith(":"),
        )

    def _rendered(self, example: Example, draws: Draws | None) -> tuple[list[str], list[str] | None]:
        try:
            parts, choices = self.render({_COLUMN.get(name, name): value for name, value in example.fields.items()}, draws)
            for text in (*parts, *(choices or ())):
                if not text.isascii():
                    text.encode()
        except UnicodeEncodeError as error:
            raise BadRow(lone_surrogate(error)) from error
        except RecursionError as error:
            raise BadRow(f"{self}: it calls itself, or its values are nested, too deeply") from error
        except Exception as error:  # a template's operations raise whatever Python's do
            raise BadRow(f"{self}: {error}; the row has {sorted(example.fields)}") from error
        return parts, choices

    def render(self, row: Mapping[str, Any], draws: Draws | None = None) -> tuple[list[str], list[str] | None]:
        """Returns the parts between the separators, and the texts of `answer_choices`; None if the template has none.

        A "|||" in a text of the row separates nothing. Raises whatever the template's operations raise.
        """
        if ANSWER_CHOICES in row:
            raise ValueError(f"the row has a column {ANSWER_CHOICES!r}, which is the template's own name")
        values = {name: _protected(value) for name, value in row.items()}
        draw = Drawing(draws)
        choices = None if self.answer_choices is None else _choices(self.answer_choices, values, draw)
        whole = rendered(self.input, {**values, ANSWER_CHOICES: choices}, draw)
        return _split(whole), choices


def _protected(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace(SEPARATOR, _MARK * 3) if SEPARATOR in value else value
    return own_copy(value)


def _choices(text: str, values: Mapping[str, Any], draw: Drawing) -> list[str]:
    return _split(text if is_constant(text) else rendered(text, values, draw))


def _split(text: str) -> list[str]:
    return [part.replace(_MARK, "|").strip() for part in text.split(SEPARATOR)]


@functools.cache
def _variables(source: str) -> tuple[frozenset[str], frozenset[str]]:
    """Returns the fields that the input and the answer name: all for both, where a block reaches across the separator."""
    read, _, written = source.partition(SEPARATOR)
    try:
        return _names(read), _names(written)
    except jinja2.TemplateSyntaxError:
        return _names(source), _names(source)


def _names(text: str) -> frozenset[str]:
    if is_constant(text):
        return frozenset()
    names = list(parse(text).find_all(nodes.Name))
    found = {name.name for name in names} - {name.name for name in names if name.ctx != "load"}
    return frozenset(field_name(name) for name in found - _GLOBALS - {ANSWER_CHOICES})


@functools.cache
def _literals(text: str) -> tuple[str, ...]:
    data = (node.data for node in parse(text).find_all(nodes.TemplateData))
    return tuple(stripped for text in data for part in text.split(SEPARATOR) if (stripped := part.strip()))
