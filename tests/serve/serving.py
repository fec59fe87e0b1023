"""A server in a thread of the test's process, and small clients for it."""

import asyncio
import contextlib
import http.client
import json
import threading
from urllib.parse import urlsplit

from flanjax.ask.settings import Settings
from flanjax.serve.compare import Example
from flanjax.serve.page import Shown
from flanjax.serve.server import serving

EXAMPLES = (Example("Say </script> sun.", "say", ("sun", "moon"), "sun"),)


@contextlib.contextmanager
def served(*models, slots=8, settings=None):
    """Gives a Server of these models."""
    ready, ended, found = threading.Event(), [], {}

    async def run():
        found["loop"], stop = asyncio.get_running_loop(), asyncio.Event()
        ended.append(stop)
        page = Shown([m.name for m in models], EXAMPLES, settings or Settings())
        async with serving(models, page, host="127.0.0.1", port=0, slots=slots) as address:
            found["address"] = address
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: asyncio.run(run()), daemon=True)
    thread.start()
    assert ready.wait(20)
    try:
        yield Server(found["address"])
    finally:
        found["loop"].call_soon_threadsafe(ended[0].set)
        thread.join(20)
        assert not thread.is_alive()


class Server:
    def __init__(self, address):
        self.address = address
        self.port = urlsplit(address).port

    def send(self, method, path, body=None, headers=None):
        """(status, headers, bytes)"""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            given = {"Content-Type": "application/json"} if body is not None else {}
            raw = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
            connection.request(method, path, raw, {**given, **(headers or {})})
            response = connection.getresponse()
            return response.status, response.headers, response.read()
        finally:
            connection.close()

    def post(self, path, body, **headers):
        """(status, object)"""
        status, _, raw = self.send("POST", path, body, headers)
        return status, json.loads(raw)

    def events(self, path, body):
        """The objects of a streamed reply."""
        status, headers, raw = self.send("POST", path, {**body, "stream": True})
        assert status == 200, raw
        assert headers["Content-Type"].startswith("text/event-stream")
        *parts, last, rest = raw.decode().split("\n\n")
        assert (last, rest) == ("data: [DONE]", "")
        return [json.loads(part.removeprefix("data: ")) for part in parts]
