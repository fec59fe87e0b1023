"""Ctrl-C between two rounds of an engine. Its arrays are donated from round to round: a round cut in two would lose them."""

import signal
import threading
from types import FrameType
from typing import Any


class Interrupt:
    """While it is entered, the first Ctrl-C only sets `came`; a second one raises KeyboardInterrupt as usual.

    Away from the main thread, which alone hears of signals, it does nothing.
    """

    def __init__(self) -> None:
        self.came = False
        self._before: Any = None
        self._is_main = threading.current_thread() is threading.main_thread()

    def __enter__(self) -> "Interrupt":
        self.came = False
        if self._is_main:
            self._before = signal.signal(signal.SIGINT, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_main:
            signal.signal(signal.SIGINT, self._before)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.came:
            raise KeyboardInterrupt
        self.came = True
