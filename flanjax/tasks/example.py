"""An example: the contents of one row, independent of any wording; and the reasons why a row may have none."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from flanjax.names import shown

# Names that a template may use besides the fields of its example.
ANSWER, RATIONALE, OPTIONS, CHOICES = "answer", "rationale", "options", "choices"
_RESERVED = frozenset({ANSWER, RATIONALE, OPTIONS, CHOICES})

Row = Mapping[str, Any]


class BadRow(ValueError):
    """A row that cannot become an example. It is skipped and counted; too many of them stop the run."""


class SkipRow(Exception):
    """Raised by a task's `example` for a row that it leaves out on purpose. Such rows are counted, and are not errors."""


class Message(NamedTuple):
    """One turn of a conversation.

    Attributes:
      role: one that the tokenizer's chat template knows, such as "user".
      trained: whether an assistant's turn is trained on.
    """

    role: str
    content: str
    trained: bool = True

    @property
    def is_answer(self) -> bool:
        """Whether it is a target."""
        return self.role == "assistant" and self.trained


class Example(NamedTuple):
    """The contents of one row, independent of any wording.

    Attributes:
      fields: values that templates may name. A field that is None (null in the data) counts as missing: a template that uses
        it makes a bad row, unless it first tests `{% if name is defined %}`.
      answer: the answer's text; a sequence of texts if several are right (the first is trained on).
      options: the texts to choose from, in their canonical order; empty for free text.
      rationale: the reasoning that leads to the answer, if the data has it.
      messages: the whole conversation, if there is one. With `features.chat` it is trained on, with every turn of the assistant
        as a target that is not marked otherwise; without `features.chat` the task's templates are used.
      rejected: an answer that is worse than `answer` (of a conversation: than its last turn), for `objective.name=dpo`;
        None if there is none.
    """

    fields: Mapping[str, Any]
    answer: str | Sequence[str]
    options: Sequence[str] = ()
    rationale: str = ""
    messages: Sequence[Message] = ()
    rejected: str | None = None

    @property
    def references(self) -> tuple[str, ...]:
        return (self.answer,) if isinstance(self.answer, str) else tuple(self.answer)


def conversation(messages: Sequence[Mapping[str, Any]]) -> Example:
    """Returns the example of a conversation with the usual keys: {"role", "content"}, or {"from", "value"}.

    A message with {"weight": 0} is read but not trained on. The example ends with the last answer that is trained on. Its field
    `conversation` is everything before that answer, as plain text, for models without a chat template.

    >>> conversation([{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!"}]).answer
    'Hello!'
    """
    roles = {"human": "user", "gpt": "assistant"}
    turns = [
        Message(m["role"], m["content"], m.get("weight") != 0)
        if "role" in m
        else Message(roles.get(m["from"], m["from"]), m["value"], m.get("weight") != 0)
        for m in messages
    ]
    _check_messages(turns)
    while turns and not turns[-1].is_answer:
        turns.pop()
    if len(turns) < 2:
        raise SkipRow("the conversation has no answer of an assistant that is trained on")
    text = "\n".join(f"{turn.role.capitalize()}: {turn.content.strip()}" for turn in turns[:-1])
    return Example({"conversation": text}, answer=turns[-1].content, messages=tuple(turns))


def checked(example: Example) -> Example:
    """Returns the example with () and "" in place of None for options and rationale. Raises BadRow if it is not valid."""
    if not isinstance(example, Example):
        raise BadRow(f"the task's `example` returned {type(example).__name__}, expected Example")
    if None in (example.options, example.rationale, example.messages):
        example = example._replace(
            options=example.options or (), rationale=example.rationale or "", messages=example.messages or ()
        )
    _check_fields(example.fields)
    _check_answer(example)
    _check_options(example)
    if not isinstance(example.rationale, str):
        raise BadRow(f"rationale {shown(example.rationale)} is not text")
    if not isinstance(example.rejected, str | None):
        raise BadRow(f"rejected answer {shown(example.rejected)} is not text")
    _check_messages(example.messages)
    texts = [*example.references, *example.options, example.rationale, example.rejected or ""]
    _check_encodes([*texts, *(text for message in example.messages for text in message[:2])])
    return example


# The usual type stands first in these checks: asking an abstract class takes ten times as long.
def _check_fields(fields: Mapping[str, Any]) -> None:
    if not isinstance(fields, dict | Mapping) or not all(isinstance(name, str) for name in fields):
        raise BadRow(f"fields are {shown(fields)}, expected a dict with names as its keys")
    if reserved := _RESERVED.intersection(fields):
        raise BadRow(f"fields may not be called {sorted(reserved)}: these names belong to the template")


def _check_answer(example: Example) -> None:
    if isinstance(example.answer, str) and example.answer.strip():
        return
    if not isinstance(example.answer, str | Sequence):
        raise BadRow(f"answer {shown(example.answer)} is not text")
    references = example.references
    if not references:
        raise BadRow("no answer")
    if not all(isinstance(r, str) for r in references):
        raise BadRow(f"answer {shown(references)} is not text")
    if not any(r.strip() for r in references):
        raise SkipRow("the answer is empty")
    if not all(r.strip() for r in references):
        raise BadRow(f"one of the answers is empty: {shown(references)}")


def _check_options(example: Example) -> None:
    options = example.options
    if isinstance(options, str | tuple) and not options:
        return
    if isinstance(options, str) or not isinstance(options, tuple | Sequence) or not all(isinstance(o, str) for o in options):
        raise BadRow(f"options are {shown(options)}, expected a sequence of texts")
    if len(set(options)) < len(options):
        raise BadRow(f"two options are the same text: {shown(list(options))}")
    if options and example.references[0] not in options:
        raise BadRow(f"answer {shown(example.references[0])} is not among the options {shown(list(options))}")


def _check_messages(messages: Sequence[Message]) -> None:
    for number, message in enumerate(messages, 1):
        if not isinstance(message, Message) or not all(isinstance(text, str) for text in message[:2]):
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
