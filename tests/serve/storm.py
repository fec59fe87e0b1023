"""Many clients at once that check that what they get is their own: readers fast and slow, streams broken off, nonsense."""

import asyncio
import dataclasses
import json
import os
import random
import time
from pathlib import Path

from scripted import said


@dataclasses.dataclass
class Storm:
    """What happened. `wrong` has texts that were not what was asked for; `memory` is of the server's process, in bytes."""

    answered: int = 0
    slow: int = 0
    broken: int = 0
    refused: int = 0
    wrong: list = dataclasses.field(default_factory=list)
    memory: int = 0


def memory_of(process):
    """Bytes of a process that are in memory."""
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def storm(port, *, clients, seconds, seed, process=None, expected=said):
    """Runs the clients for some seconds; `expected` is the rule of the model, None if it is not known."""
    result, end = Storm(), time.monotonic() + seconds
    await asyncio.gather(*(_client(port, f"{seed}c{n}", end, result, expected) for n in range(clients)))
    result.memory = memory_of(process or os.getpid())
    return result


async def _client(port, name, end, result, expected):
    draw, count = random.Random(name), 0
    while time.monotonic() < end:
        count += 1
        prompt = f"{name} asks {count} " + "ä" * draw.randrange(20)
        behaviour = draw.choice(["whole", "whole", "stream", "stream", "slow", "broken", "cut", "nonsense"])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            await _ask(reader, writer, prompt, behaviour, draw, result, expected)
        finally:
            writer.close()


async def _ask(reader, writer, prompt, behaviour, draw, result, expected):
    body = {"prompt": prompt, "temperature": 0, "max_tokens": 500, "stream": behaviour in ("stream", "slow", "broken")}
    raw = json.dumps(body if behaviour != "nonsense" else {**body, "temperature": "hot"}).encode()
    head = (
        f"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(raw)}\r\n"
    )
    sent = head.encode() + b"Connection: close\r\n\r\n" + raw
    if behaviour == "cut":  # goes away in the middle of its own request
        writer.write(sent[: draw.randrange(len(sent))])
        await writer.drain()
        result.broken += 1
        return
    writer.write(sent)
    await writer.drain()
    if behaviour == "broken":
        await reader.read(draw.randrange(1, 400))
        writer.transport.abort()
        result.broken += 1
        return
    got = b""
    while part := await reader.read(64 if behaviour == "slow" else 1 << 16):
        got += part
        if behaviour == "slow":
            await asyncio.sleep(0.01)
    status, text = int(got.split(b" ", 2)[1]), _text(got, body["stream"])
    if behaviour == "nonsense":
        result.refused += status == 400
        result.wrong += [] if status == 400 else [(prompt, got)]
        return
    result.answered += 1
    result.slow += behaviour == "slow"
    if status != 200 or (expected is not None and text != expected(prompt)):
        result.wrong.append((prompt, got))


def _text(got, stream):
    _, _, body = got.partition(b"\r\n\r\n")
    if not stream:
        found = json.loads(body)
        return found["choices"][0]["text"] if "choices" in found else found
    chunks = b""
    while body:  # chunked
        size, _, body = body.partition(b"\r\n")
        chunks, body = chunks + body[: int(size, 16)], body[int(size, 16) + 2 :]
    events = [part.removeprefix("data: ") for part in chunks.decode().split("\n\n")[:-1]]
    if events[-1] != "[DONE]":
        return None
    return "".join(json.loads(event)["choices"][0]["text"] for event in events[:-1])
