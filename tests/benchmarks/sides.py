"""Processes that are asked by turns. Each holds one side of a comparison, and is stopped while the other one works.

Two frameworks in one process share cores badly: the threads of each wait for work by spinning. So each side has a process of
its own, and between its answers that process is stopped by a signal, with its threads and children. The program asked is

    serve(lambda: Ours(folder))  # its public methods are the questions; they return what JSON can hold

and `Side` starts and asks it. This module needs nothing but Python, for a side may run in another environment.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


class SideError(RuntimeError):
    """A side could not answer; the message says which one, what it was asked for, and why not."""


class Side:
    """A process that answers questions; stopped in between. Use it in a `with` block, which ends it.

    Args:
      name: for messages.
      command: a program that calls `serve`.
      environment: variables besides this process's own.
    """

    def __init__(self, name: str, command: Sequence[str], environment: Mapping[str, str] | None = None):
        self.name = name
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 (what the libraries print, until this side ends)
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            text=True,
            cwd=ROOT,
            env={**os.environ, **(environment or {})},
            start_new_session=True,
        )

    def ask(self, question: str, *arguments: Any) -> Any:
        """Returns the answer of a method of the other process. Raises SideError if it fails or the process ends."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._signal(signal.SIGCONT)
        line = ""
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps([question, *arguments]) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        if not line:
            raise SideError(f"{self.name} ended with status {self._process.wait()} when asked for {question}: {self._last()}")
        self._signal(signal.SIGSTOP)
        answer = json.loads(line)
        if "error" in answer:
            raise SideError(f"{self.name}, asked for {question}: {answer['error']}")
        return answer["answer"]

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    def _last(self) -> str:
        self._said.seek(0)
        lines = self._said.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it printed nothing"

    def __enter__(self) -> "Side":
        return self

    def __exit__(self, *_: object) -> None:
        self._signal(signal.SIGKILL)
        self._process.communicate()
        self._said.close()


def python(module: str, *arguments: str, interpreter: str = sys.executable) -> list[str]:
    """The command that runs a module of this folder."""
    return [interpreter, "-m", f"tests.benchmarks.{module}", *arguments]


def serve(open_side: Callable[[], Any]) -> None:
    """Answers questions until there are no more. Whatever else is printed goes to stderr."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    side: Any = None
    for line in sys.stdin:
        question, *arguments = json.loads(line)
        try:
            side = side or open_side()
            told = {"answer": getattr(side, question)(*arguments)}
        except Exception as error:  # the other process decides what becomes of it
            told = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(told) + "\n")
        answers.flush()
