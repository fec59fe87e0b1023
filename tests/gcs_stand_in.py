"""A stand-in for Google Cloud Storage: the part of its JSON API that gcsfs, TensorStore and google-cloud-storage ask for.

Objects are in memory. Generations are counted, and preconditions on them hold, which is what claims rest on.
https://cloud.google.com/storage/docs/json_api/v1
"""

import base64
import functools
import hashlib
import json
import os
import re
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

BUCKET = "flanjax-test"
PAGE = 7  # of a listing, so that pages are turned
CREATED = "2026-01-01T00:00:00.000Z"


@functools.cache
def bucket():
    """The one of this process: TensorStore asks only once where a bucket is."""
    found = Bucket()
    os.environ.update(found.environment())
    return found


class Stored(NamedTuple):
    content: bytes
    generation: int


class Answer(Exception):
    """A request ends with a status that is an error."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request, client_address):
        if not isinstance(sys.exception(), ConnectionError):  # a client that asks twice at once hangs up on the second answer
            super().handle_error(request, client_address)


class Bucket:
    """One bucket and its address.

    Attributes:
      objects: by name.
      uploads: (name, bytes) of every upload, in order.
    """

    def __init__(self):
        self.objects: dict[str, Stored] = {}
        self.uploads: list[tuple[str, int]] = []
        self.lock = threading.RLock()
        self._generation = 0
        self._sessions: dict[str, tuple[dict, bytes]] = {}
        self._server = _Server(("127.0.0.1", 0), type("Asked", (_Asked,), {"bucket": self}))
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def environment(self):
        """What processes need to find their bucket here."""
        return {
            "STORAGE_EMULATOR_HOST": self.url,
            "TENSORSTORE_GCS_HTTP_URL": self.url,
            "FSSPEC_GCS_TOKEN": "anon",
            "GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "false",  # what kind a bucket is would be asked by gRPC
        }

    def close(self):
        self._server.shutdown()
        self._server.server_close()

    def put(self, name, content, query):
        with self.lock:
            self.check(name, query)
            self._generation += 1
            self.objects[name] = Stored(content, self._generation)
            return self.about(name)

    def check(self, name, query):
        """Answers 404, 412 or 304 where the object is not as the request wants it."""
        there = self.objects[name].generation if name in self.objects else 0
        if query.get("ifGenerationMatch", str(there)) != str(there):
            raise Answer(412)
        if query.get("ifGenerationNotMatch") == str(there):
            raise Answer(304)

    def get(self, name):
        if name not in self.objects:
            raise Answer(404)
        return self.objects[name]

    def about(self, name):
        stored = self.get(name)
        return {
            "kind": "storage#object",
            "name": name,
            "bucket": BUCKET,
            "generation": str(stored.generation),
            "metageneration": "1",
            "size": str(len(stored.content)),
            "md5Hash": base64.b64encode(hashlib.md5(stored.content).digest()).decode(),
            "timeCreated": CREATED,
            "updated": CREATED,
        }

    def listed(self, query):
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter")
        entries = {}
        for name in sorted(n for n in self.objects if n.startswith(prefix)):
            head, cut, _ = name[len(prefix) :].partition(delimiter) if delimiter else (name, "", "")
            entries[prefix + head + cut if cut else name] = bool(cut)
        names = [n for n in entries if n > query.get("pageToken", "")]
        page = names[: min(PAGE, int(query.get("maxResults", PAGE)))]
        found = {
            "kind": "storage#objects",
            "items": [self.about(n) for n in page if not entries[n]],
            "prefixes": [n for n in page if entries[n]],
        }
        return {**found, **({"nextPageToken": page[-1]} if len(page) < len(names) else {})}

    def begin(self, query):
        with self.lock:
            session = str(len(self._sessions) + 1)
            self._sessions[session] = (query, b"")
            return session

    def more(self, session, data, content_range):
        """The object once it is complete, or how many bytes of it there are."""
        with self.lock:
            query, content = self._sessions[session]
            content += data
            self._sessions[session] = (query, content)
            total = content_range.rpartition("/")[2]
            return self.put(query["name"], content, query) if total == str(len(content)) else len(content)


class _Asked(BaseHTTPRequestHandler):
    bucket: Bucket
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def _handle(self):
        address = urlsplit(self.path)
        query = dict(parse_qsl(address.query, keep_blank_values=True))
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            body = b"".join(iter(self._chunk, b""))
        upload, _, path = address.path.partition("/storage/v1/b/")
        parts = [unquote(part) for part in path.split("/")]
        try:
            with self.bucket.lock:
                if parts[0] != BUCKET:
                    raise Answer(404)
                self._answer(self.command, upload, parts[1:], query, body)
        except Answer as refused:
            self._send(refused.args[0], {"error": {"code": refused.args[0], "message": f"{self.command} {address.path}"}})

    do_GET = do_POST = do_PUT = do_DELETE = _handle

    def _chunk(self):
        data = self.rfile.read(int(self.rfile.readline(), 16))
        self.rfile.readline()
        return data

    def _answer(self, method, upload, parts, query, body):
        bucket = self.bucket
        match method, upload, parts:
            case "GET", "", []:
                self._send(200, {"kind": "storage#bucket", "name": BUCKET, "id": BUCKET, "location": "HERE"})
            case (("POST" | "PUT"), "/upload", ["o"]):
                self._upload(query, body)
            case "GET", "", ["o"]:
                self._send(200, bucket.listed(query))
            case "GET", _, ["o", name]:
                bucket.get(name)
                bucket.check(name, query)
                self._download(name) if query.get("alt") == "media" else self._send(200, bucket.about(name))
            case "DELETE", "", ["o", name]:
                bucket.get(name)
                bucket.check(name, query)
                del bucket.objects[name]
                self._send(204)
            case "POST", "", ["o", name, "moveTo", "o", to]:
                content = bucket.get(name).content
                del bucket.objects[name]
                self._send(200, bucket.put(to, content, query))
            case "POST", "", ["o", name, "rewriteTo", "b", _, "o", to]:
                self._send(200, {"done": True, "resource": bucket.put(to, bucket.get(name).content, query)})
            case _:
                raise Answer(501)

    def _upload(self, query, body):
        bucket = self.bucket
        if session := query.get("upload_id"):
            done = bucket.more(session, body, self.headers["Content-Range"])
            if isinstance(done, int):
                self._send(308, headers={"Range": f"bytes=0-{done - 1}"})
                return
        elif query["uploadType"] == "resumable":
            query["name"] = query.get("name") or json.loads(body)["name"]
            place = f"{bucket.url}/upload/storage/v1/b/{BUCKET}/o?uploadType=resumable&upload_id={bucket.begin(query)}"
            self._send(200, headers={"Location": place})
            return
        elif query["uploadType"] == "multipart":
            boundary = b"--" + re.search('boundary="?([^";]+)', self.headers["Content-Type"])[1].encode()
            _, about, rest = body.split(boundary, 2)
            end = b"\r\n" if about.startswith(b"\r") else b"\n"
            content = rest.partition(end + end)[2].rpartition(end + boundary)[0]
            done = bucket.put(json.loads(about.partition(end + end)[2])["name"], content, query)
        else:
            done = bucket.put(query["name"], body, query)
        bucket.uploads.append((done["name"], int(done["size"])))
        self._send(200, done)

    def _download(self, name):
        content, generation = self.bucket.get(name)
        headers = {"x-goog-generation": str(generation), "Content-Type": "application/octet-stream"}
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if not asked:
            self._send(200, content, headers)
            return
        start, end = int(asked[1]), min(int(asked[2] or len(content) - 1), len(content) - 1)
        if start >= len(content):
            raise Answer(416)
        self._send(206, content[start : end + 1], {**headers, "Content-Range": f"bytes {start}-{end}/{len(content)}"})

    def _send(self, status, content=b"", headers=None):
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        if status not in (204, 304):
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if status not in (204, 304):
            self.wfile.write(data)
