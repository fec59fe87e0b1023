"""What is asked of the engine, and what it answers."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from flanjax.generate.sampler import GREEDY, Beam, Sampler

Stop = Literal["eos", "length", "stop", "repetition"]


class Request(NamedTuple):
    """A prompt, and how texts are to follow it.

    Attributes:
      item: the caller's number for it, different from that of every other request in work. It keys the noise.
      prompt: ids, as the layout's `inputs` makes them.
      max_tokens: the length at which a text breaks off.
      samples: how many texts follow the prompt, each with noise of its own; beam search gives one.
      stop: texts at which a text ends; they are cut off. They are found wherever tokens begin and end.
    """

    item: int
    prompt: Sequence[int]
    max_tokens: int
    sampler: Sampler | Beam = GREEDY
    samples: int = 1
    stop: tuple[str, ...] = ()


class Piece(NamedTuple):
    """What a text has grown by. The pieces of a text, in their order, are the text."""

    item: int
    sample: int
    text: str


class Text(NamedTuple):
    """A finished text.

    Attributes:
      ids: its tokens, without the end token.
      text: the tokens decoded, up to a stop string.
      stop: why it ended: "eos" the model ended it, "length" it reached its limit, "stop" at a stop string, "repetition" it
        went on repeating itself.
      end: the token that ended it, if the model did.
    """

    item: int
    sample: int
    ids: list[int]
    text: str
    stop: Stop
    end: int | None = None
