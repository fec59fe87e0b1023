"""Watches the processes of a run: which have come, which have ended, and why.

jax's coordination service carries the last message: a process that fails writes it into the service's store, where the first
message wins, and all others read it there. The service cannot do three things, so each process also keeps a TCP connection to
process 0, opened before jax takes that port over and kept until the end:

- The roll call. jax waits for all processes, but names no missing host, and ends a process that waited too long by SIGABRT.
- A killed process. The operating system closes its connection, so all others know within a second. jax's heartbeats tell only
  after their timeout, and a timeout of a few seconds would end healthy runs on a slow network.
- A process that hangs, or a lost machine. When jax misses a heartbeat it aborts every other process with a stack trace, and its
  callback cannot be used from Python (jaxlib 0.10 dies of std::bad_cast). Here each process sends "alive" every few seconds. A
  silent one is only named after LOST_SECONDS, because it may be busy in a way that keeps this thread from running. After
  STOPPED_SECONDS the others end without it, before jax would abort them.

A connection carries lines of JSON: {"process", "count", "host"} on arrival; then "hosts", "refused", "alive", "notice", "done".
"""

import asyncio
import concurrent.futures
import contextlib
import json
import os
import socket
import sys
import threading
import time
from collections.abc import Coroutine
from typing import Any, Protocol

GRACE_SECONDS = 2  # given to a process, after another's end, to end by itself with its own message
LOST_SECONDS = 45  # a process that is silent for this long is named
STOPPED_SECONDS = 75  # after this long the others end without it
_PROBE_EVERY_SECONDS = 9
_READ_STORE_EVERY_SECONDS = 0.5
_LONGEST_LINE = 2**20
_ENDED = "flanjax/ended"  # the directory in the store that holds the one message


class RollCallError(RuntimeError):
    """Some processes are missing, or one does not belong to this run; the message names them."""


class Store(Protocol):
    """The methods of jax's DistributedRuntimeClient that are used here."""

    def key_value_set(self, key: str, value: str) -> None: ...

    def key_value_dir_get(self, key: str) -> list[tuple[str, str]]: ...


class PeerWatch:
    """This process's view of the others, from the roll call to the end.

    Args:
      coordinator: HOST:PORT of process 0.

    Attributes:
      someone_ended: set when a process has ended; this one follows within GRACE_SECONDS.
    """

    def __init__(self, coordinator: str, process: int, count: int):
        host, _, port = coordinator.rpartition(":")
        self._host, self._port = host.strip("[]"), int(port)
        self._coordinator, self._process, self._count = coordinator, process, count
        self._hosts = {process: socket.gethostname()}  # process -> its host
        self._connections: dict[int, asyncio.StreamWriter] = {}  # of process 0: to all others; of these: to process 0
        self._heard: dict[int, float] = {}  # process -> when it was last heard
        self._done: set[int] = set()
        self._refused = ""
        self._trouble = "it does not answer"
        self._store: Store | None = None
        self._finished = threading.Event()
        self.someone_ended = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._tasks: set[asyncio.Task] = set()
        threading.Thread(target=self._loop.run_forever, name="peer watch", daemon=True).start()

    def call_the_roll(self, timeout_seconds: float) -> None:
        """Returns once every process has come.

        Raises:
          RollCallError: some have not come in time; it names them, and the hosts of those that came.
          OSError: process 0 cannot listen on the port.
        """
        calling = self._run(self._listen() if self._process == 0 else self._arrive())
        try:
            # Process 0 reports first: a process that leaves before it would count as missing.
            calling.result(timeout_seconds + (GRACE_SECONDS if self._process else 0))
        except concurrent.futures.TimeoutError:
            calling.cancel()
            message = self._who_is_missing(timeout_seconds)
            if self._process == 0:
                self._run(self._send({"refused": message})).result(GRACE_SECONDS)
            raise RollCallError(message) from None

    def read_messages(self, store: Store) -> None:
        """Starts to listen for the last message of any process. Call it once jax has joined the processes."""
        self._store = store
        self._reader = threading.Thread(target=self._await_message, args=[store], name="last message", daemon=True)
        self._reader.start()

    def name(self, process: int | None = None) -> str:
        """Returns how messages name a process; without an argument, this one."""
        process = self._process if process is None else process
        host = self._hosts.get(process)
        return f"process {process} of {self._count}" + (f" on {host}" if host else "")

    def report(self, message: str) -> None:
        """Tells the others that this process ends, and why; returns once they can know. Process 0 (the store) ends last."""
        writing = threading.Thread(target=self._write_message, args=[f"{self.name()}: {message}"], daemon=True)
        writing.start()
        writing.join(3 * GRACE_SECONDS)  # process 0 may not answer
        self._outlive_others()

    def finish(self) -> None:
        """Tells the others that this process is about to end without a failure."""
        with contextlib.suppress(concurrent.futures.TimeoutError):
            self._run(self._send({"done": True})).result(GRACE_SECONDS)
        self._finished.set()
        if self._store:
            self._reader.join(GRACE_SECONDS)

    def _run(self, work: Coroutine) -> concurrent.futures.Future:
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def _keep(self, work: Coroutine) -> asyncio.Task:
        """Returns a task that is referenced here, so that it is not garbage-collected while it runs."""
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _listen(self) -> None:
        server = await asyncio.start_server(self._welcome, port=self._port, limit=_LONGEST_LINE)
        told = 0
        while told < self._count:
            await asyncio.sleep(0.05)
            if len(self._hosts) != told:
                told = len(self._hosts)
                await self._send({"hosts": self._hosts})
        server.close()
        self._keep(self._watch())

    async def _welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hello = await _read(reader)
        if not hello or not isinstance(hello.get("process"), int):
            writer.close()  # not a process of flanjax
            return
        process = hello["process"]
        if refusal := self._refusal(process, hello.get("count")):
            await _write(writer, {"refused": refusal})
            writer.close()
            return
        self._hosts[process], self._connections[process] = str(hello.get("host")), writer
        await self._hear(process, reader, writer)

    def _refusal(self, process: int, count: Any) -> str:
        if count != self._count:
            return f"process 0 at {self._coordinator} was started for {self._count} processes, this one for {count}"
        if not 0 <= process < self._count:
            return f"there is no process {process} of {self._count}"
        if process in self._hosts:
            return f"{self.name(process)} is there already: each needs a process id of its own"
        return ""

    async def _arrive(self) -> None:
        while len(self._hosts) < self._count:
            try:
                reader, writer = await asyncio.open_connection(self._host, self._port, limit=_LONGEST_LINE)
            except OSError as error:
                self._trouble = str(error)
                await asyncio.sleep(0.2)
                continue
            self._connections[0] = writer
            await _write(writer, {"process": self._process, "count": self._count, "host": self._hosts[self._process]})
            hearing = self._keep(self._hear(0, reader, writer))
            while len(self._hosts) < self._count and not self._refused and not hearing.done():
                await asyncio.sleep(0.05)
            if self._refused:
                raise RollCallError(self._refused)
            self._trouble = "the program that answers there is not process 0 of this run"
        self._keep(self._watch())

    async def _hear(self, process: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._heard[process] = self._loop.time()
        while message := await _read(reader):
            self._heard[process] = self._loop.time()
            if "hosts" in message:
                self._hosts = {int(p): host for p, host in message["hosts"].items()}
            if "notice" in message:
                print(f"flanjax: {message['notice']}", file=sys.stderr, flush=True)
            if "refused" in message:
                self._refused = message["refused"]
            if "done" in message:
                self._done.add(process)
        del self._connections[process]
        writer.close()
        if len(self._hosts) < self._count:  # it may come back while the roll is still called
            self._hosts = {self._process: self._hosts[self._process]} if process == 0 else self._hosts
            self._hosts.pop(process, None)
        elif process not in self._done:
            self._lose(process, "is gone without a word: killed, crashed, or its machine is lost")

    async def _watch(self) -> None:
        """Names a process that has fallen silent, once, and gives it up if it stays silent."""
        named: set[int] = set()
        while True:
            before = self._loop.time()
            await asyncio.sleep(_PROBE_EVERY_SECONDS)
            await self._send({"alive": True})
            now = self._loop.time()
            if now - before > 2 * _PROBE_EVERY_SECONDS:
                continue  # this process itself was not running
            for process in [p for p in self._connections if now - self._heard[p] > LOST_SECONDS]:
                if process not in named:
                    named.add(process)
                    notice = f"{self.name(process)} has not been heard of for {LOST_SECONDS} s"
                    print(f"flanjax: {notice}", file=sys.stderr, flush=True)
                    if self._process == 0:
                        await self._send({"notice": notice})
                if now - self._heard[process] > STOPPED_SECONDS:
                    how = f"has not been heard of for {STOPPED_SECONDS} s: it is stopped, or its machine hangs"
                    self._lose(process, how)

    def _lose(self, process: int, how: str) -> None:
        """Handles a lost process: process 0 tells all others. Each process notices by itself when process 0 is lost."""
        message = f"{self.name(process)} {how}"
        if process == 0 or not self._store:
            self._follow(message)
        else:
            self._write_message(message)

    def _write_message(self, message: str) -> None:
        """Writes the message unless there is one already: later failures are consequences of the first."""
        if self._store:
            with contextlib.suppress(RuntimeError):  # there is a message already, or process 0 is gone
                self._store.key_value_set(f"{_ENDED}/message", message)

    def _await_message(self, store: Store) -> None:
        while not self._finished.wait(_READ_STORE_EVERY_SECONDS):
            try:
                messages = store.key_value_dir_get(_ENDED)
            except RuntimeError:
                return  # process 0 is gone; the closed connection reports that
            if messages:
                self._follow(messages[0][1])
                return

    def _follow(self, message: str) -> None:
        """Ends this process because another has ended, unless it ends by itself within GRACE_SECONDS."""
        if message.startswith(f"{self.name()}: "):
            self.someone_ended.set()
            return
        print(f"flanjax: {message} (so process {self._process} ends too)", file=sys.stderr, flush=True)
        self.someone_ended.set()  # after the message: the main thread may wait for this, and end the process at once
        time.sleep(GRACE_SECONDS)
        self._outlive_others()
        end_process(1)

    def _outlive_others(self) -> None:
        """Waits for the other processes. Process 0 serves jax's connections: if it ended first, jax would end the others before
        they have printed their messages."""
        for _ in range(20 * GRACE_SECONDS):
            if self._process or not self._connections:
                return
            time.sleep(0.1)

    async def _send(self, message: dict[str, Any]) -> None:
        await asyncio.gather(*(_write(writer, message) for writer in list(self._connections.values())))

    def _who_is_missing(self, timeout_seconds: float) -> str:
        missing = [p for p in range(self._count) if p not in self._hosts]
        here = ", ".join(f"{p} ({self._hosts[p]})" for p in sorted(self._hosts))
        if self._process and not self._connections:
            return (
                f"{self.name()} could not reach process 0 at "
                f"{self._coordinator} within {timeout_seconds:g} s ({self._trouble}). Is process 0 started, on the host that "
                "--coordinator names, and does a firewall let that port through? --startup-timeout sets how long to wait"
            )
        return (
            f"{_plural(missing)} of {self._count} did not come to {self._coordinator} within {timeout_seconds:g} s; "
            f"present are {here}. Start all of them again, the missing ones too; --startup-timeout sets how long to wait"
        )


def end_process(status: int) -> None:
    """Ends this process at once. An orderly exit would wait for processes that wait for this one."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


async def _read(reader: asyncio.StreamReader) -> dict[str, Any] | None:
    """Returns the next message; None if the connection is closed or what arrives is not a message."""
    try:
        line = await reader.readline()
        message = json.loads(line) if line.endswith(b"\n") else None
    except (OSError, ValueError):
        return None
    return message if isinstance(message, dict) else None


async def _write(writer: asyncio.StreamWriter, message: dict[str, Any]) -> None:
    with contextlib.suppress(OSError):  # the reader notices a broken connection
        writer.write(json.dumps(message).encode() + b"\n")
        await writer.drain()


def _plural(processes: list[int]) -> str:
    return ("process " if len(processes) == 1 else "processes ") + ", ".join(map(str, processes))
