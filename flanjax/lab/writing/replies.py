"""The replies of a writer as a file, replies.jsonl, from which work goes on.

Whatever is made from replies is made from the first one on each time, in the same order: what was asked before is read from the
file, and only what is new is asked. So a process may end at any moment, and the result is that of one that never ended.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from flanjax.ask.output import Output
from flanjax.ask.settings import Settings
from flanjax.lab.writing.ask import Ask, Reply, Writer
from flanjax.lab.writing.endpoint import Refused

LINES = "replies.jsonl"
MOST_FAILURES = 8  # in a row, after which a writer or a judge is taken to be gone


class Replies:
    """The replies of a writer; use it in a `with` statement.

    Args:
      out: the folder of replies.jsonl.
      made: what replies depend on; those of anything else are refused.
      progress: called with each reply that is new.

    Attributes:
      asked: how many prompts were asked so far, earlier processes included.
    """

    def __init__(self, out: Path, made: Mapping[str, Any], writer: Writer, progress: Callable[[Reply], None]):
        self._file, self._writer, self._progress = out / LINES, writer, progress
        self._output = Output(self._file, {"writer": writer.name, **made})
        self._there = {number: (prompt, reply) for number, prompt, reply in read_log(self._file, "prompt")}
        last = max(self._there, default=0)
        while last in self._there and _silent(self._there[last][1]):
            del self._there[last]  # the address was gone: asked again
            last -= 1
        self.asked = self._failed = 0

    def __enter__(self) -> "Replies":
        return self

    def __exit__(self, *_: Any) -> None:
        self._output.__exit__()

    def ask(self, stages: Sequence[str], prompts: Sequence[str], settings: Settings) -> list[tuple[int, Reply]]:
        """Returns the number and the reply of each prompt, in order; numbers count all prompts from 1.

        Raises:
          ValueError: the file has the reply to another prompt in its place.
          RuntimeError: the writer did not answer MOST_FAILURES prompts in a row, or takes no request; what it had answered by
            then is kept.
        """
        asks = [Ask(self.asked + n, prompt, settings) for n, prompt in enumerate(prompts, 1)]
        self.asked += len(asks)
        for ask in asks:
            if ask.number in self._there and self._there[ask.number][0] != ask.prompt:
                raise ValueError(
                    f"{self._file} answers another prompt {ask.number}: made by another version; name another --out"
                )
        new = [ask for ask in asks if ask.number not in self._there]
        stage_of = dict(zip((ask.number for ask in asks), stages, strict=True))
        try:
            for ask, reply in zip(new, self._writer(new) if new else (), strict=True):
                self._keep(ask, reply, stage_of[ask.number])
                self._failed = self._failed + 1 if _silent(reply) else 0
                if self._failed == MOST_FAILURES:
                    raise RuntimeError(
                        f"the writer failed on {MOST_FAILURES} prompts in a row: {reply.error}; the same command goes on"
                    )
        except Refused as error:
            for ask, reply in error.finished:
                if ask.number not in self._there and not _silent(reply):
                    self._keep(ask, reply, stage_of[ask.number])
            raise
        return [(ask.number, self._there[ask.number][1]) for ask in asks]

    def _keep(self, ask: Ask, reply: Reply, stage: str) -> None:
        self._output.write([{"line": ask.number, "stage": stage, "prompt": ask.prompt, **reply._asdict()}])
        self._there[ask.number] = ask.prompt, reply
        self._progress(reply)


def _silent(reply: Reply) -> bool:
    return bool(reply.error) and not reply.text


def read_log(file: Path, key: str) -> Iterator[tuple[int, str, Reply]]:
    """Yields each reply of a file, with its `line` and what stands under `key` beside it.

    Raises:
      ValueError: a line is damaged; names it.
    """
    for number, line in enumerate(file.read_text(encoding="utf-8").split("\n")[:-1], 1):
        try:
            row = json.loads(line)
            yield row["line"], row[key], Reply(row["text"], row["error"], row["tries"], row["ended"])
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{file}, line {number} is damaged: {line[:60]!r}; remove it to go on") from error
