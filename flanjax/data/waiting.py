"""Waits for the next element of an iterator without being deaf meanwhile."""

import concurrent.futures
import threading
from collections.abc import Callable, Iterator
from typing import TypeVar

_LOOK_SECONDS = 0.2

T = TypeVar("T")


def awaited(elements: Iterator[T], meanwhile: Callable[[], object]) -> T:
    """Returns the next element, which another thread makes; this one calls `meanwhile` several times a second.

    What `meanwhile` raises breaks the wait off. The iterator may then still be at work, and must not be used again.

    Raises:
      StopIteration: there are no more elements.
    """
    found: concurrent.futures.Future[T] = concurrent.futures.Future()

    def read() -> None:
        try:
            found.set_result(next(elements))
        except BaseException as error:
            found.set_exception(error)

    threading.Thread(target=read, name="next element", daemon=True).start()
    while not concurrent.futures.wait([found], _LOOK_SECONDS).done:
        meanwhile()
    meanwhile()
    return found.result()
