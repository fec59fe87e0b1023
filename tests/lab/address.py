"""A scripted OpenAI-compatible server."""

import contextlib
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Address:
    """An OpenAI-compatible server whose replies are scripted.

    Args:
      reply: (prompt, how often this prompt was asked before) -> the text of a chat completion; or (status, body); or seconds to
        wait before an empty body.
    """

    def __init__(self, reply):
        self.asked, self.reply, self.lock = [], reply, threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                prompt = body["messages"][0]["content"]
                with outer.lock:
                    before = outer.asked.count(prompt)
                    outer.asked.append(prompt)
                found = outer.reply(prompt, before)
                if isinstance(found, float):
                    time.sleep(found)
                    found = (200, "")
                status, text = found if isinstance(found, tuple) else (200, json.dumps(completion(found)))
                self.send_response(status)
                self.end_headers()
                with contextlib.suppress(BrokenPipeError):  # who waited has gone
                    self.wfile.write(text.encode())

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def completion(text):
    return {"choices": [{"message": {"role": "assistant", "content": text}}]}
