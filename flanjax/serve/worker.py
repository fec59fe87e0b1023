"""The thread that owns an engine, and how clients of an event loop ask it.

Clients' requests come to the thread through a queue. After each round of the engine, its news go back to the event loop in one
piece, and there to the clients.
"""

import asyncio
import collections
import dataclasses
import hashlib
import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, NamedTuple

from flanjax.ask.asking import add
from flanjax.ask.models import Asked
from flanjax.ask.settings import Settings
from flanjax.generate.request import Piece, Text
from flanjax.serve.answers import Answers, News

MOST_TEXTS = 4096  # that may be asked for and not finished, of all clients together
_PATIENCE_SECONDS = 5.0  # with a round in which something is compiled


class Busy(RuntimeError):
    """More is asked than the server takes on; later there may be room."""


class Broken(RuntimeError):
    """The engine has failed; this worker answers no more."""


@dataclasses.dataclass
class _Asked:
    """A prompt in work: whose it is, which of his, and how many texts are to come."""

    answers: Answers
    prompt: int
    left: int
    stream: bool


class _Add(NamedTuple):
    answers: Answers
    prompts: Sequence[tuple[list[int], Settings]]
    stream: bool


class _Cancel(NamedTuple):
    answers: Answers


class _Call(NamedTuple):
    function: Callable[[], Any]
    result: "Future[Any]"


class Worker:
    """One model, its engine, and the thread that owns both.

    Args:
      slots: of the engine.
      loop: where the clients are.
    """

    def __init__(self, model: Asked, *, slots: int, loop: asyncio.AbstractEventLoop):
        self.model, self._slots, self._loop = model, slots, loop
        self._inbox: queue.SimpleQueue[_Add | _Cancel | _Call | None] = queue.SimpleQueue()
        self._open: dict[Answers, int] = {}  # the loop's: how many texts each asked for
        self._asked: dict[int, _Asked] = {}  # the thread's, by item
        self._items: dict[Answers, set[int]] = {}  # the thread's
        # The thread's: numbers that were cancelled, of whose texts the engine may still be told by a round under way.
        self._resting: collections.deque[set[int]] = collections.deque([set(), set(), set()], maxlen=3)
        self._failure: str = ""
        self._thread = threading.Thread(target=self._run, name=f"engine of {model.name}", daemon=True)
        self._thread.start()

    @property
    def failure(self) -> str:
        """Why the engine answers no more; "" if it does."""
        return self._failure

    @property
    def num_texts(self) -> int:
        """How many texts are asked for and not finished."""
        return sum(self._open.values())

    def ask(
        self,
        prompts: Sequence[tuple[list[int], Settings]],
        *,
        stream: bool,
        on_drop: Callable[[], None] = lambda: None,
    ) -> Answers:
        """Returns the texts after prompts, each of ids and settings, as they come.

        A prompt that the engine refuses ends the iteration with ValueError.

        Args:
          stream: whether pieces of texts come before they are finished.
          on_drop: called when the client does not read, and is dropped.

        Raises:
          ValueError: more is asked than is ever taken on.
          Busy, Broken: nothing was asked.
        """
        texts = sum(settings.samples for _, settings in prompts)
        if texts > MOST_TEXTS:
            raise ValueError(f"{texts:,} texts are asked for at once, and {MOST_TEXTS:,} are the most")
        if self.num_texts + texts > MOST_TEXTS:
            raise Busy(f"{self.num_texts} texts are asked for and not finished, and {MOST_TEXTS} are the most; try again later")
        self._check()
        answers = Answers(texts, release=self._release, on_drop=on_drop)
        self._open[answers] = texts
        self._inbox.put(_Add(answers, prompts, stream))
        if self._failure:  # meanwhile
            answers.put(self._broken())
        return answers

    async def call(self, function: Callable[[], Any]) -> Any:
        """Returns what a function returns in the engine's thread, between two of its rounds."""
        self._check()
        result: Future[Any] = Future()
        self._inbox.put(_Call(function, result))
        if self._failure and not result.done():  # meanwhile
            raise self._broken()
        return await asyncio.wrap_future(result)

    def _release(self, answers: Answers, cancel: bool) -> None:
        """Forgets a client; with `cancel`, what he asked for and is not finished leaves the engine."""
        answers.ended = True
        if self._open.pop(answers, None) is not None and cancel:
            self._inbox.put(_Cancel(answers))

    def close(self) -> None:
        """Ends the thread after its round."""
        self._inbox.put(None)
        self._thread.join(_PATIENCE_SECONDS)

    def _check(self) -> None:
        if self._failure:
            raise self._broken()

    def _broken(self) -> Broken:
        return Broken(f"{self.model.name} answers no more: {self._failure}")

    # From here on, the thread's.

    def _run(self) -> None:
        try:
            engine = self.model.engine(slots=self._slots, stream=True)
            while self._take(engine):
                if news := [self._news(new) for new in engine.advance() if self._is_wanted(new)]:
                    self._loop.call_soon_threadsafe(_deliver, news)
                self._resting.append(set())
        except BaseException as error:
            self._failure = f"{type(error).__name__}: {error}"
            self._fail_all()
            raise

    def _take(self, engine: Any) -> bool:
        """Does what clients want; waits for something if there is nothing to do. Returns whether to go on."""
        block = engine.idle
        while True:
            try:
                wanted = self._inbox.get(block=block)
            except queue.Empty:
                return True
            block = False
            if wanted is None:
                return False
            if isinstance(wanted, _Add):
                self._add(engine, wanted)
            elif isinstance(wanted, _Cancel):
                self._cancel(engine, wanted.answers)
            else:
                _fulfil(wanted)

    def _add(self, engine: Any, wanted: _Add) -> None:
        items = self._items.setdefault(wanted.answers, set())
        for prompt, (ids, settings) in enumerate(wanted.prompts):
            item = self._number(ids, settings, prompt)
            try:
                add(engine, item, ids, settings)
            except ValueError as error:
                self._cancel(engine, wanted.answers)
                self._loop.call_soon_threadsafe(wanted.answers.put, error)
                return
            items.add(item)
            self._asked[item] = _Asked(wanted.answers, prompt, settings.samples, wanted.stream)

    def _number(self, ids: Sequence[int], settings: Settings, prompt: int) -> int:
        """Returns a number that follows from the request, since it keys the noise: a seed gives the same text again.

        Of two requests that are the same and in work at the same time, the second one gets another number.
        """
        asked = repr((ids, settings, prompt)).encode()
        number = int.from_bytes(hashlib.blake2b(asked, digest_size=4).digest()) >> 1
        while number in self._asked or any(number in resting for resting in self._resting):
            number += 1
        return number

    def _is_wanted(self, new: Piece | Text) -> bool:
        asked = self._asked.get(new.item)
        return asked is not None and (asked.stream or isinstance(new, Text))

    def _news(self, new: Piece | Text) -> tuple[Answers, News]:
        """Returns whom something is for; forgets a prompt with its last text."""
        asked = self._asked[new.item]
        asked.left -= isinstance(new, Text)
        if not asked.left:
            del self._asked[new.item]
            items = self._items[asked.answers]
            items.discard(new.item)
            if not items:
                del self._items[asked.answers]
        return asked.answers, News(asked.prompt, new)

    def _cancel(self, engine: Any, answers: Answers) -> None:
        for item in self._items.pop(answers, ()):
            engine.cancel(item)
            self._resting[-1].add(item)
            self._asked.pop(item, None)

    def _fail_all(self) -> None:
        error = self._broken()
        for answers in self._items:
            self._loop.call_soon_threadsafe(answers.put, error)
        while True:
            try:
                wanted = self._inbox.get_nowait()
            except queue.Empty:
                return
            if isinstance(wanted, _Add):
                self._loop.call_soon_threadsafe(wanted.answers.put, error)
            elif isinstance(wanted, _Call) and wanted.result.set_running_or_notify_cancel():
                wanted.result.set_exception(error)


def _fulfil(wanted: _Call) -> None:
    if not wanted.result.set_running_or_notify_cancel():
        return
    try:
        wanted.result.set_result(wanted.function())
    except Exception as error:
        wanted.result.set_exception(error)


def _deliver(news: Sequence[tuple[Answers, News]]) -> None:
    for answers, found in news:
        answers.put(found)
