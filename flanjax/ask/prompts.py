"""From what people write to the ids that a model reads: a prompt, or the messages of a conversation."""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

from flanjax.data.chat import Chat
from flanjax.data.layout import Layout
from flanjax.data.tokenizer import HFTokenizer
from flanjax.names import shown
from flanjax.tasks.example import BadRow, Message, lone_surrogate

_ROLES = ("system", "developer", "user", "assistant", "tool")


class Prompts:
    """Lays prompts and conversations out as the model learned to read them.

    Attributes:
      chat: the chat template in use; None if the model has none. Then a single question is a plain prompt, and a longer
        conversation is written as training does it for such models ("User: ...", `flanjax.tasks.example.conversation`).
        Raises ValueError if the tokenizer's template cannot be used.

    Args:
      published: the model is no run of flanjax, so its tokenizer's chat template is how it was trained to be asked.
    """

    def __init__(self, layout: Layout, *, published: bool):
        self.layout, self._published = layout, published

    @functools.cached_property
    def chat(self) -> Chat | None:
        tokenizer = self.layout.tokenizer
        with_turns = self._published and self.layout.config.layout != "encoder_decoder"
        if self.layout.chat is None and with_turns and isinstance(tokenizer, HFTokenizer) and tokenizer.chat_template:
            return Chat(tokenizer)
        return self.layout.chat

    @property
    def stop_ids(self) -> tuple[int, ...]:
        """Ids that end an answer: those of the layout, and the one that ends a turn of the chat template in use."""
        return (*self.layout.stop_ids, *((self.chat.end_id,) if self.chat else ()))

    def of_text(self, text: Any) -> list[int]:
        """Returns the ids of a prompt. Raises ValueError if it is no text or is empty."""
        if not isinstance(text, str):
            raise ValueError(f"prompt is {shown(text)}, expected text")
        if not text.strip():
            raise ValueError("prompt is empty")
        _check_encodes(text)
        return self.layout.inputs(self.layout.tokenizer.encode([text])[0])

    def targets(self, text: str) -> list[int]:
        """Returns the ids of an answer with the token that ends it."""
        ids = self.layout.tokenizer.encode([text])[0]
        return [*ids, self.chat.end_id] if self.chat else self.layout.targets(ids)

    def of_messages(self, messages: Any) -> list[int]:
        """Returns the ids of a conversation up to where the assistant's answer begins.

        Args:
          messages: {"role", "content"} each; the last one is not the assistant's.

        Raises:
          ValueError: they are no such conversation, or the chat template refuses them.
        """
        turns = read_messages(messages)
        if self.chat is not None:
            try:
                return self.chat.prompt(turns)
            except BadRow as error:
                raise ValueError(f"messages: {error}") from error
        if len(turns) == 1:
            return self.of_text(turns[0].content)
        lines = [f"{turn.role.capitalize()}: {turn.content.strip()}" for turn in turns]
        return self.of_text("\n".join([*lines, "Assistant:"]))


def read_messages(messages: Any) -> list[Message]:
    """Returns the messages of a request or a line. Raises ValueError with the number of the one that is wrong."""
    if not isinstance(messages, Sequence) or isinstance(messages, str) or not messages:
        raise ValueError(f"messages is {shown(messages)}, expected a list with at least one message")
    turns = [_message(number, message) for number, message in enumerate(messages, 1)]
    if turns[-1].role == "assistant":
        raise ValueError("messages end with the assistant's; expected a last one to answer")
    return turns


def _message(number: int, message: Any) -> Message:
    if not isinstance(message, Mapping) or message.get("role") not in _ROLES:
        raise ValueError(
            f"message {number} is {shown(message)}, expected an object with role (one of {', '.join(_ROLES)}) and content"
        )
    content = message.get("content")
    if isinstance(content, list):  # OpenAI's parts
        texts = [part.get("text") for part in content if isinstance(part, Mapping) and part.get("type") == "text"]
        if len(texts) < len(content) or not all(isinstance(text, str) for text in texts):
            raise ValueError(f"message {number} has a part that is not text: {shown(content)}")
        content = "".join(map(str, texts))
    if not isinstance(content, str) or not content.strip():
        raise ValueError(f"message {number} has the content {shown(content)}, expected text")
    _check_encodes(content)
    return Message("system" if message["role"] == "developer" else message["role"], content)


def _check_encodes(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(lone_surrogate(error)) from error
