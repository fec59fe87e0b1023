"""The lines between the processes of a run: who has come, who has ended, and why.

Process 0 holds a TCP connection to every other process: first on the coordinator's port, to call the roll before jax takes the
port over; the connections stay as long as the processes live. A process that fails sends its message on its line, and process 0
passes it on to all. A process that is killed sends nothing, but the system closes its line; a machine that is lost no longer
answers the system's probes. So every end is known, and named, whatever the others are waiting for meanwhile. A process that
stands still is named after LOST_SECONDS, for it may be busy in a way that keeps this thread from running; after STOPPED_SECONDS
the others end without it, before jax ends them by a crash.

Messages are lines of JSON: {"process", "count", "host"} on arrival, then "here", "refused", "alive", "notice", "ended", "done".
"""

import asyncio
import concurrent.futures
import contextlib
import json
import os
import socket
import sys
import threading
from collections.abc import Coroutine
from typing import Any

GRACE_SECONDS = 2  # for a process that learns of another's end to end by itself, saying what it knows
LOST_SECONDS = 45  # until a machine that no longer answers counts as lost, and a silent process is named
STOPPED_SECONDS = 75  # until the others end without a process that stands still
_PROBE_EVERY_SECONDS = 9
_LONGEST_LINE = 2**20


class RollCallError(RuntimeError):
    """The processes are not complete, or one does not belong; the message names which."""


class Lines:
    """This process's lines, from the roll call to the end.

    Args:
      coordinator: HOST:PORT of process 0.

    Attributes:
      someone_ended: set when another process has ended; this one follows within GRACE_SECONDS.
    """

    def __init__(self, coordinator: str, process: int, count: int):
        host, _, port = coordinator.rpartition(":")
        self._host, self._port = host.strip("[]"), int(port)
        self._coordinator, self._process, self._count = coordinator, process, count
        self._here = {process: socket.gethostname()}  # process -> its host
        self._lines: dict[int, asyncio.StreamWriter] = {}
        self._heard: dict[int, float] = {}  # process -> when it was last heard
        self._done: set[int] = set()
        self._refused = ""
        self._trouble = "it does not answer"
        self._ended = ""
        self.someone_ended = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._tasks: set[asyncio.Task] = set()
        threading.Thread(target=self._loop.run_forever, name="lines", daemon=True).start()

    def call_the_roll(self, timeout_seconds: float) -> None:
        """Returns once every process has come.

        Raises:
          RollCallError: some have not come in time; it names them, and the hosts of those that came.
          OSError: process 0 cannot listen on the port.
        """
        calling = self._run(self._listen() if self._process == 0 else self._report())
        try:
            # Process 0 speaks first: whoever leaves before it would count as missing.
            calling.result(timeout_seconds + (GRACE_SECONDS if self._process else 0))
        except concurrent.futures.TimeoutError:
            calling.cancel()
            message = self._who_is_missing(timeout_seconds)
            if self._process == 0:
                self._run(self._send({"refused": message})).result(GRACE_SECONDS)
            raise RollCallError(message) from None

    def name(self, process: int | None = None) -> str:
        """A process as messages name it; this one, when not said which."""
        process = self._process if process is None else process
        host = self._here.get(process)
        return f"process {process} of {self._count}" + (f" on {host}" if host else "")

    def tell(self, message: str) -> None:
        """Tells all that this process ends, and why; returns when they know. Process 0, which passes messages on, goes last."""
        with contextlib.suppress(concurrent.futures.TimeoutError):
            self._run(self._tell(f"{self.name()}: {message}")).result(3 * GRACE_SECONDS)

    def done(self) -> None:
        """Says that the end of this process, which is near, is none of failure."""
        with contextlib.suppress(concurrent.futures.TimeoutError):
            self._run(self._send({"done": True})).result(GRACE_SECONDS)

    def _run(self, work: Coroutine) -> concurrent.futures.Future:
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    async def _listen(self) -> None:
        server = await asyncio.start_server(self._welcome, port=self._port, limit=_LONGEST_LINE)
        said = 0
        while said < self._count:
            await asyncio.sleep(0.05)
            if len(self._here) != said:
                said = len(self._here)
                await self._send({"here": self._here})
        server.close()
        self._keep(self._watch())

    async def _welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hello = await _read(reader)
        if not hello or not isinstance(hello.get("process"), int):
            writer.close()  # whoever it is, it is none of ours
            return
        process = hello["process"]
        if refusal := self._refusal(process, hello.get("count")):
            await _write(writer, {"refused": refusal})
            writer.close()
            return
        self._here[process], self._lines[process] = str(hello.get("host")), writer
        await self._hear(process, reader, writer)

    def _refusal(self, process: int, count: Any) -> str:
        if count != self._count:
            return f"process 0 at {self._coordinator} was started for {self._count} processes, this one for {count}"
        if not 0 <= process < self._count:
            return f"there is no process {process} of {self._count}"
        if process in self._here:
            return f"{self.name(process)} is there already: each needs a process id of its own"
        return ""

    async def _report(self) -> None:
        while len(self._here) < self._count:
            try:
                reader, writer = await asyncio.open_connection(self._host, self._port, limit=_LONGEST_LINE)
            except OSError as error:
                self._trouble = str(error)
                await asyncio.sleep(0.2)
                continue
            self._lines[0] = writer
            await _write(writer, {"process": self._process, "count": self._count, "host": self._here[self._process]})
            hearing = self._keep(self._hear(0, reader, writer))
            while len(self._here) < self._count and not self._refused and not hearing.done():
                await asyncio.sleep(0.05)
            if self._refused:
                raise RollCallError(self._refused)
            self._trouble = "what answers there is not process 0 of this run"
        self._keep(self._watch())

    def _keep(self, work: Coroutine) -> asyncio.Task:
        """A task that is not dropped while it runs."""
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _hear(self, process: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _probe(writer)
        self._heard[process] = self._loop.time()
        while said := await _read(reader):
            self._heard[process] = self._loop.time()
            if "notice" in said:
                print(f"flanjax: {said['notice']}", file=sys.stderr, flush=True)
            if "here" in said:
                self._here = {int(p): host for p, host in said["here"].items()}
            if "refused" in said:
                self._refused = said["refused"]
            if "done" in said:
                self._done.add(process)
            if "ended" in said:
                await self._learn(said["ended"])
        del self._lines[process]
        writer.close()
        if len(self._here) < self._count:  # it may come again, as long as the roll is called
            self._here = {self._process: self._here[self._process]} if process == 0 else self._here
            self._here.pop(process, None)
        elif process not in self._done:
            await self._learn(f"{self.name(process)} is gone without a word: killed, crashed, or its machine is lost")

    async def _watch(self) -> None:
        """Says once of each process that it has fallen silent."""
        silent: set[int] = set()
        while True:
            before = self._loop.time()
            await asyncio.sleep(_PROBE_EVERY_SECONDS)
            await self._send({"alive": True})
            now = self._loop.time()
            if now - before > 2 * _PROBE_EVERY_SECONDS:
                continue  # it was this process that stood still
            for process in [p for p in self._lines if now - self._heard[p] > STOPPED_SECONDS]:
                await self._learn(
                    f"{self.name(process)} has not been heard of for {STOPPED_SECONDS} s: it is stopped, or its machine hangs"
                )
            for process in [p for p in self._lines if now - self._heard[p] > LOST_SECONDS and p not in silent]:
                silent.add(process)
                notice = f"{self.name(process)} has not been heard of for {LOST_SECONDS} s"
                print(f"flanjax: {notice}", file=sys.stderr, flush=True)
                if self._process == 0:
                    await self._send({"notice": notice})

    async def _learn(self, message: str) -> None:
        """What is heard first is the cause; what comes after it, its consequence."""
        if self._ended:
            return
        self._ended = message
        self.someone_ended.set()
        if not message.startswith(f"{self.name()}: "):
            self._keep(self._follow(message))
        if self._process == 0:
            await self._send({"ended": message})

    async def _follow(self, message: str) -> None:
        print(f"flanjax: {message} (so process {self._process} ends too)", file=sys.stderr, flush=True)
        await asyncio.sleep(GRACE_SECONDS)
        await self._outlive()
        end_process(1)

    async def _tell(self, message: str) -> None:
        if self._process == 0:
            await self._learn(message)
        else:
            await self._send({"ended": message})
            for _ in range(10 * GRACE_SECONDS):
                if self._ended or not self._lines:
                    return
                await asyncio.sleep(0.1)
        await self._outlive()

    async def _outlive(self) -> None:
        """Process 0 serves jax's connections too: were it to end first, jax would end the others before they have spoken."""
        for _ in range(20 * GRACE_SECONDS):
            if self._process or not self._lines:
                return
            await asyncio.sleep(0.1)

    async def _send(self, message: dict[str, Any]) -> None:
        await asyncio.gather(*(_write(writer, message) for writer in list(self._lines.values())))

    def _who_is_missing(self, timeout_seconds: float) -> str:
        missing = [p for p in range(self._count) if p not in self._here]
        here = ", ".join(f"{p} ({self._here[p]})" for p in sorted(self._here))
        if self._process and not self._lines:
            return (
                f"{self.name()} could not reach process 0 at "
                f"{self._coordinator} within {timeout_seconds:g} s ({self._trouble}). Is process 0 started, on the host that "
                "--coordinator names, and does a firewall let that port through? --startup-timeout sets how long to wait"
            )
        return (
            f"{_plural(missing)} of {self._count} did not come to {self._coordinator} within {timeout_seconds:g} s; "
            f"here are {here}. Start the missing, and all again; --startup-timeout sets how long to wait"
        )


def end_process(status: int) -> None:
    """Ends this process at once: an orderly exit would wait for processes that, for their part, wait for this one."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


async def _read(reader: asyncio.StreamReader) -> dict[str, Any] | None:
    """The next message; None when the line is closed, or what comes is none of ours."""
    try:
        line = await reader.readline()
        said = json.loads(line) if line.endswith(b"\n") else None
    except (OSError, ValueError):
        return None
    return said if isinstance(said, dict) else None


async def _write(writer: asyncio.StreamWriter, message: dict[str, Any]) -> None:
    with contextlib.suppress(OSError):  # a line that breaks is noticed where it is read
        writer.write(json.dumps(message).encode() + b"\n")
        await writer.drain()


def _probe(writer: asyncio.StreamWriter) -> None:
    """Lets the system ask an idle line's other end whether it is there."""
    line: socket.socket = writer.get_extra_info("socket")
    line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    probes = LOST_SECONDS // _PROBE_EVERY_SECONDS - 1
    settings = {"TCP_KEEPIDLE": _PROBE_EVERY_SECONDS, "TCP_KEEPINTVL": _PROBE_EVERY_SECONDS, "TCP_KEEPCNT": probes}
    for name, value in {**settings, "TCP_USER_TIMEOUT": LOST_SECONDS * 1000}.items():
        if hasattr(socket, name):
            line.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def _plural(processes: list[int]) -> str:
    return ("process " if len(processes) == 1 else "processes ") + ", ".join(map(str, processes))
