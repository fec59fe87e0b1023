"""A request that ends in time.

The timeout of a socket is that of one read. It begins anew with each byte that comes, and never ends a reply that trickles in.
"""

import contextlib
import socket
import threading
import urllib.request
from collections.abc import Callable
from http.client import HTTPConnection, HTTPResponse, HTTPSConnection
from typing import Any


class Deadline(urllib.request.HTTPHandler, urllib.request.HTTPSHandler):
    """Opens what one request is sent over, and cuts it when the time is up; use it in a `with` statement.

    Whatever waits for the address then ends at once, with an error or with what came until then.

    Attributes:
      over: whether the time is up.
    """

    def __init__(self, seconds: float):
        super().__init__()
        self.over, self._sockets, self._lock = False, list[socket.socket](), threading.Lock()
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True

    def __enter__(self) -> "Deadline":
        self._timer.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._timer.cancel()

    def http_open(self, request: urllib.request.Request) -> HTTPResponse:
        return self.do_open(self._watched(HTTPConnection), request)

    def https_open(self, request: urllib.request.Request) -> HTTPResponse:
        return self.do_open(self._watched(HTTPSConnection), request)

    def _watched(self, kind: type[HTTPConnection]) -> Callable[..., HTTPConnection]:
        def connection(host: str, **options: Any) -> HTTPConnection:
            made = kind(host, **options)
            connect = made.connect

            def connected() -> None:
                connect()
                with self._lock:
                    self._sockets.append(made.sock)
                    if self.over:
                        raise TimeoutError

            made.connect = connected  # type: ignore[method-assign]
            return made

        return connection

    def _cut(self) -> None:
        with self._lock:
            self.over = True
            for one in self._sockets:
                with contextlib.suppress(OSError):  # the other end has closed it
                    one.shutdown(socket.SHUT_RDWR)
