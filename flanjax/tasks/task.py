"""A task: a source of rows, a function from a row to an example, and the templates in which it is asked."""

import dataclasses
import functools
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from flanjax.names import check_file_name, nearest, shown
from flanjax.tasks import user_code
from flanjax.tasks.metric_names import METRIC_NAMES
from flanjax.tasks.template import ANSWER, CHOICES, OPTIONS, RATIONALE, Template

Row = Mapping[str, Any]
_RESERVED = frozenset({ANSWER, RATIONALE, OPTIONS, CHOICES})
_NAME = re.compile(r"[a-z0-9][a-z0-9_.\-]*")


class BadRow(ValueError):
    """A row that cannot become an example. It is skipped and counted; too many of them stop the run."""


class SkipRow(Exception):
    """Raised by a task's `example` for a row that it leaves out on purpose. Such rows are counted, and are not errors."""


class Message(NamedTuple):
    """One turn of a conversation. Roles are those that the tokenizer's chat template knows, such as "user"."""

    role: str
    content: str


class Example(NamedTuple):
    """The contents of one row, independent of any wording.

    Attributes:
      fields: values that templates may name. A field that is None (null in the data) counts as missing: a template that uses
        it makes a bad row, unless it first tests `{% if name is defined %}`.
      answer: the answer's text; a sequence of texts if several are right (the first is trained on).
      options: the texts to choose from, in their canonical order; empty for free text.
      rationale: the reasoning that leads to the answer, if the data has it.
      messages: the whole conversation, if there is one. With `features.chat` it is trained on, with every turn of the assistant
        as a target; without `features.chat` the task's templates are used.
    """

    fields: Mapping[str, Any]
    answer: str | Sequence[str]
    options: Sequence[str] = ()
    rationale: str = ""
    messages: Sequence[Message] = ()

    @property
    def references(self) -> tuple[str, ...]:
        return (self.answer,) if isinstance(self.answer, str) else tuple(self.answer)


class RowSource(Protocol):
    """The methods of a source that a task needs; flanjax.sources has such sources."""

    @property
    def name(self) -> str: ...

    def open(self, split: str) -> Any: ...


def conversation(messages: Sequence[Mapping[str, str]]) -> Example:
    """Returns the example of a conversation with the usual keys: {"role", "content"}, or {"from", "value"}.

    Its field `conversation` is everything but the last answer, as plain text, for models without a chat template.

    >>> conversation([{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!"}]).answer
    'Hello!'
    """
    roles = {"human": "user", "gpt": "assistant"}
    turns = [
        Message(m["role"], m["content"]) if "role" in m else Message(roles.get(m["from"], m["from"]), m["value"])
        for m in messages
    ]
    _check_messages(turns)
    while turns and turns[-1].role != "assistant":
        turns.pop()
    if len(turns) < 2:
        raise SkipRow("the conversation has no answer of an assistant")
    text = "\n".join(f"{turn.role.capitalize()}: {turn.content.strip()}" for turn in turns[:-1])
    return Example({"conversation": text}, answer=turns[-1].content, messages=tuple(turns))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Task:
    """One dataset with its templates.

    Args:
      name: unique within a mixture: lower case, digits, `_`, `-`, `.`.
      cluster: the task cluster it belongs to, as held out from training.
      source: where its rows come from (`flanjax.sources`).
      example: row -> Example; raise SkipRow to leave a row out.
      templates: its wordings; at least one forward.
      lineage: the raw corpora that the rows derive from. The source's own name always counts as one.
      metrics: names in flanjax.tasks.metric_names.METRIC_NAMES; the first is the primary one.
      train, evaluation: split expressions of the source; None if the task has no such rows.
      long_fields: the fields that may be shortened to fit a length ("answer" may be one). Nothing else is ever cut.
      shuffle_options: whether training may show the options in another order.
      licence, link: shown by `flanjax show` and kept with the run.
    """

    name: str
    cluster: str
    source: RowSource
    example: Callable[[Row], Example]
    templates: Sequence[Template]
    lineage: Sequence[str] = ()
    metrics: Sequence[str] = ("accuracy",)
    train: str | None = "train"
    evaluation: str | None = None
    long_fields: Sequence[str] = ()
    shuffle_options: bool = True
    licence: str = ""
    link: str = ""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"task name {self.name!r}: expected lower-case letters, digits, '_', '-' or '.'")
        check_file_name("task", self.name)
        check_file_name(f"task {self.name}: cluster", self.cluster)
        for field in ("templates", "lineage", "metrics", "long_fields"):
            value = getattr(self, field)
            if isinstance(value, str):
                raise TypeError(f"task {self.name}: {field} is the string {value!r}, expected a sequence of them")
            object.__setattr__(self, field, tuple(value))
        named = tuple(t if t.name else dataclasses.replace(t, name=str(i)) for i, t in enumerate(self.templates))
        object.__setattr__(self, "templates", named)
        if not self.forward:
            raise ValueError(f"task {self.name}: {len(named)} templates, none of them forward; a task needs one to be asked")
        if len({t.name for t in named}) < len(named):
            raise ValueError(f"task {self.name}: two templates share a name among {[t.name for t in named]}")
        if not self.metrics:
            raise ValueError(f"task {self.name}: no metrics, expected at least one name")
        self._check_names()

    def _check_names(self) -> None:
        for name in self.metrics:
            if name not in METRIC_NAMES:
                raise ValueError(f"task {self.name}: unknown metric {shown(name)}; {nearest(str(name), METRIC_NAMES)}")
        used = {name for t in self.templates for name in t.input_variables | t.target_variables}
        known = {*used - {OPTIONS, CHOICES}, ANSWER, RATIONALE}
        for name in self.long_fields:
            if name not in known:
                raise ValueError(
                    f"task {self.name}: long_fields name {shown(name)}, which no template uses; {nearest(str(name), known)}"
                )

    def __str__(self) -> str:
        return self.name

    @functools.cached_property
    def forward(self) -> tuple[int, ...]:
        """Positions of the templates that ask for the answer."""
        return tuple(i for i, t in enumerate(self.templates) if t.kind == "forward")

    @functools.cached_property
    def inverted(self) -> tuple[int, ...]:
        return tuple(i for i, t in enumerate(self.templates) if t.kind == "inverted")

    @functools.cached_property
    def corpora(self) -> frozenset[str]:
        """Everything its rows derive from, the source itself included."""
        return frozenset(self.lineage) | {self.source.name}

    def template(self, name: str) -> int:
        """Returns the position of the template with this name."""
        names = [t.name for t in self.templates]
        if name not in names:
            raise KeyError(f"task {self.name} has no template {name!r}; {nearest(name, names)}")
        return names.index(name)

    def read(self, row: Row) -> Example:
        """Returns the row's Example, after checking it.

        Raises:
          SkipRow: the task leaves this row out.
          BadRow: a field is missing, the answer is empty or not among the options.
        """
        try:
            example = self.example(row)
        except (SkipRow, BadRow):
            raise
        except (Exception, SystemExit) as error:
            if isinstance(error, KeyError) and error.args[0] not in row:
                raise BadRow(f"missing field {error}; the row has {sorted(map(str, row))}") from error
            where = user_code.place(error)
            raise BadRow(f"{user_code.one_line(error)}{where and f' ({where})'}") from error
        return _checked(example)


def _checked(example: Example) -> Example:
    """Returns the example with () and "" in place of None for options and rationale. Raises BadRow if it is not valid."""
    if not isinstance(example, Example):
        raise BadRow(f"the task's `example` returned {type(example).__name__}, expected Example")
    example = example._replace(
        options=example.options or (), rationale=example.rationale or "", messages=example.messages or ()
    )
    _check_fields(example.fields)
    _check_answer(example)
    _check_options(example)
    if not isinstance(example.rationale, str):
        raise BadRow(f"rationale {shown(example.rationale)} is not text")
    _check_messages(example.messages)
    _check_encodes([*example.references, *example.options, example.rationale, *(t for m in example.messages for t in m)])
    return example


def _check_fields(fields: Mapping[str, Any]) -> None:
    if not isinstance(fields, Mapping) or not all(isinstance(name, str) for name in fields):
        raise BadRow(f"fields are {shown(fields)}, expected a dict with names as its keys")
    if reserved := _RESERVED.intersection(fields):
        raise BadRow(f"fields may not be called {sorted(reserved)}: these names belong to the template")


def _check_answer(example: Example) -> None:
    if not isinstance(example.answer, Sequence):
        raise BadRow(f"answer {shown(example.answer)} is not text")
    references = example.references
    if not references:
        raise BadRow("no answer")
    if not all(isinstance(r, str) for r in references):
        raise BadRow(f"answer {shown(references)} is not text")
    if not all(r.strip() for r in references):
        raise BadRow(f"empty answer: {shown(references)}")


def _check_options(example: Example) -> None:
    options = example.options
    if isinstance(options, str) or not isinstance(options, Sequence) or not all(isinstance(o, str) for o in options):
        raise BadRow(f"options are {shown(options)}, expected a sequence of texts")
    if len(set(options)) < len(options):
        raise BadRow(f"two options are the same text: {shown(list(options))}")
    if options and example.references[0] not in options:
        raise BadRow(f"answer {shown(example.references[0])} is not among the options {shown(list(options))}")


def _check_messages(messages: Sequence[Message]) -> None:
    for number, message in enumerate(messages, 1):
        if not isinstance(message, Message) or not all(isinstance(text, str) for text in message):
            raise BadRow(f"message {number} is {shown(message)}, expected a Message of two texts: role and content")


def _check_encodes(texts: Iterable[str]) -> None:
    for text in texts:
        try:
            if not text.isascii():
                text.encode()
        except UnicodeEncodeError as error:
            raise BadRow(lone_surrogate(error)) from error


def lone_surrogate(error: UnicodeEncodeError) -> str:
    """Returns what is wrong with a text that cannot be encoded."""
    return f"the text holds {error.object[error.start]!a}, half of a surrogate pair, which has no encoding"
