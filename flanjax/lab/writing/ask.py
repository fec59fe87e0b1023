"""A prompt with the settings of its text, and the reply."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from flanjax.ask.settings import Settings
from flanjax.names import shown

_END, _LOOPS = 30, 4  # a text that has its last 30 characters four times goes round in circles


class Ask(NamedTuple):
    """A prompt; `number` is different from that of every other one, and keys the noise of its text."""

    number: int
    prompt: str
    settings: Settings


class Reply(NamedTuple):
    """What a model said.

    Attributes:
      text: as it came; empty if nothing did.
      error: why it is of no use; empty if it is.
      tries: how often it was asked.
      ended: whether the model ended the text itself; otherwise it was cut at its most tokens.
    """

    text: str
    error: str = ""
    tries: int = 1
    ended: bool = True

    @property
    def problem(self) -> str:
        """Why nothing can be read from it; empty if something can."""
        return self.error or ("" if self.text.strip() else "the reply is empty")


class Writer(Protocol):
    """A model that writes texts; `name` as the user named it."""

    name: str

    def __call__(self, asks: Sequence[Ask]) -> Iterator[Reply]:
        """Yields a reply to each prompt, in order."""
        ...


def repeats(text: str) -> bool:
    """Whether a text goes round in circles at its end.

    >>> repeats("and so on, and so forth, and " * 9), repeats("1. One. 2. Two.")
    (True, False)
    """
    end = text.strip()[-_END:]
    return len(end) == _END and text.count(end) >= _LOOPS


def repetition(text: str) -> str:
    """Returns what is wrong with a text that goes round in circles; "" if it does not."""
    return f"the reply repeats itself; it ends {shown(text[-60:])}" if repeats(text) else ""
