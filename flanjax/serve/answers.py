"""What is new for a client, in a queue of its own that has an end: nobody waits for one who does not read."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import NamedTuple

from flanjax.generate.request import Piece, Text

MOST_WAITING = 1 << 20  # characters that may wait for one client to read them


class Dropped(RuntimeError):
    """The client did not read what it asked for."""


class News(NamedTuple):
    """What is new of one of the prompts that a client asked about.

    Attributes:
      prompt: its number in the client's request, from 0.
    """

    prompt: int
    new: Piece | Text


class Answers:
    """The texts that a client asked for, as they come: an asynchronous iterator of News, which ends when all are finished.

    Use it in a `with` statement: what is not finished when it ends is taken out of work. All methods are for the loop's thread.

    Args:
      texts: how many are to come.
      release: forgets the client, and with True takes what is not finished out of work.
      on_drop: called when the client has not read for so long that it is dropped.
    """

    def __init__(self, texts: int, *, release: Callable[["Answers", bool], None], on_drop: Callable[[], None]):
        self._left, self._release, self._on_drop = texts, release, on_drop
        self._queue: asyncio.Queue[News | Exception] = asyncio.Queue()
        self._waiting = 0  # characters
        self.ended = False

    def __enter__(self) -> "Answers":
        return self

    def __exit__(self, *_: object) -> None:
        self._release(self, self._left > 0)

    async def __aiter__(self) -> AsyncIterator[News]:
        while self._left:
            found = await self._queue.get()
            if isinstance(found, Exception):
                raise found
            if isinstance(found.new, Piece):
                self._waiting -= len(found.new.text)
            else:
                self._left -= 1
            yield found

    def put(self, found: News | Exception) -> None:
        """Hands something to the client; drops it if too much waits already."""
        if self.ended:
            return
        if isinstance(found, News) and isinstance(found.new, Piece):
            self._waiting += len(found.new.text)
        if self._waiting > MOST_WAITING:
            self.ended = True
            self._queue = asyncio.Queue()
            self._queue.put_nowait(Dropped("the client does not read"))
            self._release(self, True)
            self._on_drop()
        else:
            self._queue.put_nowait(found)
