"""Conversations as ids, with the chat template of a tokenizer.

For each order of roles, the template is rendered once around placeholders for the contents. The text between the placeholders
is what the template itself writes. This text is encoded with its special tokens, the contents as plain text, so no text of the
data can become a special token. The bounds of an assistant's turn are known from the construction and need not be searched for.
At start-up the result is compared with the template's own rendering and with the tokenizer's ids of the whole text.
"""

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from flanjax.data.tokenizer import HFTokenizer, Tokenizer
from flanjax.tasks.task import BadRow, Message

_PROBE = (
    Message("user", "Which river is longest?"),
    Message("assistant", "The Nile, by most counts."),
    Message("user", "And the second?"),
    Message("assistant", "The Amazon."),
)
_DATE = {  # Llama 3's own where there is no clock
    "d": "26", "-d": "26", "b": "Jul", "B": "July", "m": "07", "-m": "7", "Y": "2024", "y": "24", "a": "Fri", "A": "Friday",
    "H": "00", "M": "00", "S": "00",
}  # fmt: skip


class Conversation(NamedTuple):
    """A conversation as ids.

    Attributes:
      inputs: everything before the first words of an assistant that are trained on.
      targets: the rest, up to the end of the assistant's last turn.
      trained: bool, which of the targets an assistant wrote and is trained on, the end of each turn included.
    """

    inputs: np.ndarray
    targets: np.ndarray
    trained: np.ndarray


class Chat:
    """A tokenizer's chat template, checked.

    Attributes:
      end_id: the special token that ends an assistant's turn.
      around_prompt: the ids before and after the user's words in a conversation of one turn.

    Raises:
      ValueError: there is no template, or it cannot be used; the message says why.
    """

    def __init__(self, tokenizer: Tokenizer):
        if not isinstance(tokenizer, HFTokenizer) or not tokenizer.chat_template:
            raise ValueError(
                "features.chat needs a tokenizer with a chat_template (tokenizer_config.json or chat_template.jinja); "
                "set tokenizer.path to one, or features.chat=False"
            )
        self._tokenizer = tokenizer
        self.end_id = self._checked_end()
        before, after = self._pieces(("user", "assistant"))[:2]
        self.around_prompt = (list(before), list(after))

    def conversation(self, messages: Sequence[Message]) -> Conversation:
        """Returns a conversation's ids. Raises BadRow if no assistant speaks or the template changes a message's text."""
        while messages and not messages[-1].is_answer:
            messages = messages[:-1]
        if not messages:
            raise BadRow("the conversation has no turn of an assistant that is trained on")
        messages = self._checked(messages)
        contents = self._tokenizer.encode([m.content for m in messages])
        pieces = self._pieces(tuple(m.role for m in messages))
        ids: list[int] = []
        spoken: list[bool] = []
        ends = False  # whether the next piece ends a turn that is trained on
        for piece, content, message in zip(pieces, [*contents, []], [*messages, None], strict=True):
            if message is None:
                piece = piece[:1]
            ids += [*piece, *content]
            of_piece = [ends and at == 0 for at in range(len(piece))]
            ends = message is not None and message.is_answer
            spoken += [*of_piece, *[ends] * len(content)]
        first = spoken.index(True)
        return Conversation(np.array(ids[:first], np.int32), np.array(ids[first:], np.int32), np.array(spoken[first:]))

    def prompt(self, messages: Sequence[Message]) -> list[int]:
        """Returns a conversation's ids up to where the assistant's next answer begins. Raises BadRow as `conversation` does."""
        messages = self._checked(messages)
        roles = (*(m.role for m in messages), "assistant")  # what stands before an answer is only written around one
        try:
            pieces = self._pieces(roles)
        except Exception as error:
            raise BadRow(f"the chat template refuses roles {list(roles)}: {error}") from error
        ids: list[int] = []
        for piece, content in zip(pieces, self._tokenizer.encode([m.content for m in messages]), strict=False):
            ids += [*piece, *content]
        return [*ids, *pieces[len(messages)]]

    def _checked(self, messages: Sequence[Message]) -> list[Message]:
        """Returns the messages as the template shows them: without white space around their contents."""
        messages = [m._replace(content=m.content.strip()) for m in messages]
        roles = tuple(m.role for m in messages)
        try:
            texts, whole = self._texts(roles), self._render(messages)
        except Exception as error:
            raise BadRow(f"the chat template refuses roles {list(roles)}: {error}") from error
        if whole != _joined(texts, messages):
            raise BadRow("the chat template changes the text of a message (thoughts or white space), so its span is not known")
        return messages

    @functools.lru_cache(maxsize=1024)  # noqa: B019 (one Chat lives as long as its run)
    def _texts(self, roles: tuple[str, ...]) -> tuple[str, ...]:
        """Returns what the template writes around the contents of these roles: one more text than there are roles."""
        stand_ins = [Message(role, f"flanjax{number}stand-in") for number, role in enumerate(roles)]
        rest, texts = self._render(stand_ins), []
        for message in stand_ins:
            text, found, rest = rest.partition(message.content)
            if not found:
                raise ValueError(f"the chat template does not show the content of role {message.role!r} among {list(roles)}")
            texts.append(text)
        return (*texts, rest)

    @functools.lru_cache(maxsize=1024)  # noqa: B019
    def _pieces(self, roles: tuple[str, ...]) -> tuple[tuple[int, ...], ...]:
        return tuple(tuple(ids) for ids in self._tokenizer.encode_template(list(self._texts(roles))))

    def _render(self, messages: Sequence[Message], **more) -> str:
        from transformers.utils.chat_template_utils import render_jinja_template  # takes 2 s to import; only chat needs it

        plain = [{"role": m.role, "content": m.content} for m in messages]
        named: dict[str, Any] = {**self._tokenizer.special, **more}
        rendered = render_jinja_template([plain], chat_template=_at_one_date(self._tokenizer.chat_template), **named)
        return (rendered[0] if isinstance(rendered, tuple) else rendered)[0]

    def _checked_end(self) -> int:
        """Checks that the template can be used, and returns the token that ends an assistant's turn."""
        roles = tuple(m.role for m in _PROBE)
        texts, whole = self._texts(roles), self._render(_PROBE)
        if whole != _joined(texts, _PROBE):
            raise ValueError(f"the tokenizer's chat template changes the text of messages: {whole!r}")
        self._check_ids(roles, whole)
        asked, shown = self._render(_PROBE[:1], add_generation_prompt=True), _joined(self._texts(roles[:2]), _PROBE[:2])
        if not shown.startswith(asked):
            raise ValueError(f"the chat template's generation prompt {asked!r} is not how an answer begins in {shown!r}")
        ends = {self._pieces(roles)[i + 1][:1] for i, role in enumerate(roles) if role == "assistant"}
        end = next(iter(ends))
        if len(ends) > 1 or not end or end[0] not in self._tokenizer.special_ids:
            raise ValueError(
                "the chat template does not end every assistant's turn with the same special token but goes on with "
                f"{texts[2]!r} and {texts[-1]!r}; a model could not learn to stop"
            )
        return end[0]

    def _check_ids(self, roles: tuple[str, ...], whole: str) -> None:
        contents = self._tokenizer.encode([m.content for m in _PROBE])
        ours = [i for piece, content in zip(self._pieces(roles), [*contents, []], strict=True) for i in (*piece, *content)]
        theirs = self._tokenizer.encode_template([whole])[0]
        if ours != theirs:
            at = next(i for i, pair in enumerate(zip([*ours, -1], [*theirs, -1], strict=False)) if pair[0] != pair[1])
            near = slice(max(at - 3, 0), at + 4)
            raise ValueError(
                "the tokenizer joins words across the borders of its chat template, so that turns have no ids of their own: "
                f"{self._tokenizer.tokens(ours[near])} against {self._tokenizer.tokens(theirs[near])}; set features.chat=False"
            )


def _at_one_date(template: str) -> str:
    """Returns the template with a clock that stands still, so that no text depends on the day on which it is made.

    The line break belongs to the macro's end: what the template itself begins with is still the beginning of a line.
    """
    if "strftime_now" not in template:
        return template
    written = "".join(f" | replace('%{code}', '{text}')" for code, text in _DATE.items())
    return f"{{% macro strftime_now(format) %}}{{{{ format{written} }}}}{{% endmacro %}}\n{template}"


def _joined(texts: Sequence[str], messages: Sequence[Message]) -> str:
    return "".join(text + content for text, content in zip(texts, [*(m.content for m in messages), ""], strict=True))
