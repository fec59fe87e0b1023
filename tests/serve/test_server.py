"""Who is let in, what is refused, and that nobody waits for, or gets the text of, somebody else."""

import asyncio
import gc
import json
import re
import socket
import time

import pytest
from scripted import ScriptedModel, said
from serving import served
from storm import storm

from flanjax.serve import answers, endpoint
from flanjax.serve.guard import MOST_BYTES
from flanjax.serve.worker import MOST_TEXTS


@pytest.fixture(scope="module")
def server():
    with served(ScriptedModel("tuned"), ScriptedModel("base", rule=str.upper)) as running:
        yield running


ASK = {"prompt": "a", "temperature": 0}


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:{port}", "127.0.0.1.evil.example", "localhost.evil.example:{port}", "", "192.168.0.7"],
)
def test_a_request_for_another_host_is_refused(server, host):
    """A name of a foreign site that was made to point here (DNS rebinding)."""
    headers = {"Host": host.format(port=server.port)}
    for method, path, body in (("GET", "/", None), ("GET", "/v1/models", None), ("POST", "/v1/completions", ASK)):
        status, _, raw = server.send(method, path, body, headers)
        assert status == 403
        assert "only 127.0.0.1, localhost, ::1 are served" in json.loads(raw)["error"]["message"]


def test_a_request_for_this_machine_is_let_in_by_every_name_and_port(server):
    """Any port: `ssh -L 9000:127.0.0.1:8000` brings the server to another one."""
    for host in ("localhost", f"localhost:{server.port}", "127.0.0.1:9000", "[::1]:8000"):
        assert server.send("GET", "/", headers={"Host": host})[0] == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:3000"},
        {"Origin": "https://127.0.0.1:{port}"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_request_of_another_pages_script_is_refused(server, headers):
    given = {name: value.format(port=server.port) for name, value in headers.items()}
    status, found = server.post("/v1/completions", ASK, **given)
    assert status == 403
    assert "are refused" in found["error"]["message"]


def test_the_pages_own_requests_are_let_in(server):
    for host in (f"127.0.0.1:{server.port}", "localhost:9000"):
        headers = {"Host": host, "Origin": f"http://{host}", "Sec-Fetch-Site": "same-origin"}
        assert server.post("/v1/completions", ASK, **headers)[0] == 200


def test_a_form_of_another_page_cannot_ask(server):
    raw = json.dumps(ASK).encode()
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        status, _, answer = server.send("POST", "/v1/completions", raw, {"Content-Type": kind})
        assert status == 415
        assert f"the body is {kind}, expected application/json" in json.loads(answer)["error"]["message"]


def test_the_page_runs_its_own_scripts_alone_and_may_not_be_framed(server):
    _, headers, raw = server.send("GET", "/")
    policy, page = headers["Content-Security-Policy"], raw.decode()
    nonce = re.search(r"script-src 'nonce-([^']+)'", policy)[1]
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert (
        len(re.findall(r"<(?:script|style)\b", page))
        == len(re.findall(rf'<(?:script|style)\b[^>]* nonce="{nonce}"', page))
        == 3
    )
    assert not re.search(r'<(?:link|img|iframe)|\bsrc=|@import|url\(|https?://|\bon\w+="|style="', page)
    assert "</script> sun." not in page  # of an example's prompt
    assert nonce not in server.send("GET", "/")[1]["Content-Security-Policy"]
    for name, value in (("X-Content-Type-Options", "nosniff"), ("X-Frame-Options", "DENY"), ("Cache-Control", "no-store")):
        assert headers[name] == value
    assert server.send("GET", "/v1/models")[1]["Content-Security-Policy"].startswith("default-src 'none'")
    assert server.send("POST", "/v1/completions", {**ASK, "stream": True})[1]["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "message"),
    [
        ("POST", "/v1/completions", b"{", 400, "the body is not JSON"),
        ("POST", "/v1/completions", b"", 400, "the body is not JSON"),
        ("POST", "/v1/completions", b"\xff\xfe", 400, "the body is not JSON"),
        ("POST", "/v1/completions", b"[" * 100_000, 400, "the body is not JSON"),
        ("POST", "/v1/completions", b"[]", 400, "the body is a list, expected a JSON object"),
        ("POST", "/v1/completions", b'{"prompt": "' + b"x" * MOST_BYTES + b'"}', 413, "the body is longer than 4 MiB"),
        ("POST", "/v1/completions", b'{"prompt": "\\ud800"}', 400, "half of a surrogate pair"),
        ("GET", "/v1/completions", None, 405, "/v1/completions takes POST, not GET"),
        ("POST", "/v1/embeddings", b"{}", 404, "there is nothing at /v1/embeddings"),
        ("POST", "/score", b'{"prompt": "a"}', 400, "options must be a list of texts"),
        ("POST", "/score", b'{"prompt": "", "options": ["a"]}', 400, "message 1 has the content '', expected text"),
        ("POST", "/score", json.dumps({"prompt": "a", "options": ["b"] * 300}).encode(), 400, "there are 300 options"),
    ],
)
def test_a_malformed_request_is_refused_with_a_reason(server, method, path, body, status, message):
    got, headers, raw = server.send(method, path, body)
    assert got == status
    assert headers["Content-Type"].startswith("application/json")
    assert message in json.loads(raw)["error"]["message"]


@pytest.mark.parametrize(
    "sent", [b"\x16\x03\x01\x02\x00\x01\x00\n\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\n" + b"x" * 20_000 + b"\r\n\r\n"]
)
def test_what_is_not_http_is_refused_too(server, sent):
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
        client.sendall(sent)
        assert b" 400 " in client.recv(100)
    assert server.post("/v1/completions", ASK)[0] == 200


def test_options_are_scored_by_each_model(server):
    status, found = server.post("/score", {"model": "base", "prompt": "a", "options": ["b", "cd"]})
    assert status == 200
    ids = [[101, 1], [102, 103, 1]]
    expected = [{"text": t, "log_likelihood": -sum(i) / 8, "tokens": len(i)} for t, i in zip(("b", "cd"), ids, strict=True)]
    assert found["options"] == expected


def opened(server, body, receive=None):
    """A socket on which a request for a stream was sent."""
    client = socket.socket()
    if receive:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
    client.settimeout(20)
    client.connect(("127.0.0.1", server.port))
    raw = json.dumps({**body, "stream": True}).encode()
    client.sendall(
        b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n%s" % (len(raw), raw)
    )
    return client


def read_all(client):
    """How many bytes come until the connection ends, in whatever way."""
    count = 0
    try:
        while part := client.recv(1 << 20):
            count += len(part)
    except ConnectionResetError:
        pass
    return count


def texts_of(server):
    """How many texts are asked for and not delivered."""
    return json.loads(server.send("GET", "/health")[2])["scripted"]["texts"]


def until(true, seconds=10):
    ended = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < ended
        time.sleep(0.01)


LONG = {"temperature": 0, "max_tokens": 1_000_000_000}


def test_a_client_that_goes_away_frees_its_slot():
    model = ScriptedModel(pause=0.01, rule=lambda prompt: prompt * 100_000)
    with served(model, slots=1) as server:
        client = opened(server, {**LONG, "prompt": "never read to its end"})
        assert client.recv(100).startswith(b"HTTP/1.1 200")
        client.close()
        until(lambda: model.engines[0].cancelled)
        waiting = opened(server, {**LONG, "prompt": "waits for nothing"})
        until(lambda: texts_of(server) == 1)
        waiting.close()
        until(lambda: texts_of(server) == 0)
        until(lambda: model.engines[0].idle)


@pytest.mark.parametrize(("seconds", "characters"), [(60.0, 1 << 20), (0.3, 1 << 40)])
def test_a_client_that_does_not_read_is_dropped_and_nobody_waits_for_it(monkeypatch, seconds, characters):
    """Either because too much waits for it, or because it takes nothing for too long."""
    monkeypatch.setattr(endpoint, "STALL_SECONDS", seconds)
    monkeypatch.setattr(answers, "MOST_WAITING", characters)
    size = 40_000_000
    rule = lambda prompt: "x" * size if prompt == "slow" else said(prompt)  # noqa: E731
    model = ScriptedModel(rule=rule, piece=50_000)
    with served(model) as server:
        client = opened(server, {**LONG, "prompt": "slow"}, receive=4096)
        client.recv(1)  # until it is served, or dropped
        ended = time.monotonic() + 60
        while texts_of(server):  # the engine may long have written all of it
            assert time.monotonic() < ended
            assert server.post("/v1/completions", {**ASK, "max_tokens": 99})[1]["choices"][0]["text"] == said("a")
        received = read_all(client)
        assert received < size
        client.close()


def test_more_than_can_be_taken_on_is_refused_and_taken_on_later():
    model = ScriptedModel(pause=0.001)
    with served(model, slots=64) as server:
        body = {**ASK, "prompt": [f"p{n}" for n in range(1024)], "n": MOST_TEXTS // 1024, "max_tokens": 9}
        client = opened(server, body)
        assert client.recv(10)
        until(lambda: server.post("/v1/completions", ASK)[0] == 429)
        client.close()
        until(lambda: server.post("/v1/completions", ASK)[0] == 200)


def test_more_than_can_ever_be_taken_on_is_refused_for_good():
    with served(ScriptedModel()) as server:
        status, found = server.post("/v1/completions", {**ASK, "prompt": ["p"] * 1024, "n": 8})
        assert status == 400
        assert "8,192 texts are asked for at once, and 4,096 are the most" in found["error"]["message"]


def test_what_fails_unforeseen_is_told_as_json():
    class Failing(ScriptedModel):
        def log_probs(self, rows, top):
            raise RuntimeError("RESOURCE_EXHAUSTED: no room")

    with served(Failing()) as server:
        status, found = server.post("/score", {"prompt": "a", "options": ["b"]})
        assert (status, found["error"]["message"]) == (500, "RuntimeError: RESOURCE_EXHAUSTED: no room")
        assert server.post("/v1/completions", ASK)[0] == 200


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_engine_that_fails_says_so_to_everyone(capsys):
    def rule(prompt):
        if prompt == "fatal":
            raise MemoryError("no room for the cache")
        return prompt

    with served(ScriptedModel(rule=rule, pause=0.01)) as server:
        waiting = opened(server, {**LONG, "prompt": "x" * 300})
        assert waiting.recv(10)
        status, found = server.post("/v1/completions", {"prompt": "fatal"})
        assert status == 503
        assert "answers no more: MemoryError: no room for the cache" in found["error"]["message"]
        assert server.post("/v1/completions", ASK)[0] == 503
        assert server.post("/score", {"prompt": "a", "options": ["b"]})[0] == 503
        assert server.send("GET", "/health")[0] == 503
        assert b"[DONE]" not in waiting.recv(100_000)


def test_sixty_four_clients_with_slow_readers_and_broken_connections_get_their_own_texts():
    model = ScriptedModel(pause=0.002)
    with served(model, slots=16) as server:
        first = asyncio.run(storm(server.port, clients=64, seconds=3, seed=0))
        gc.collect()
        second = asyncio.run(storm(server.port, clients=64, seconds=3, seed=1))
        gc.collect()
        assert min(first.answered, second.answered) > 50
        assert first.broken > 20
        assert first.slow > 20
        assert first.refused > 20
        assert first.wrong == second.wrong == []
        assert second.memory < first.memory + (20 << 20)
        until(lambda: texts_of(server) == 0)
        until(lambda: model.engines[0].idle)
