"""Texts for a file of prompts of any size, in its order, which go on where they stopped.

    in.jsonl   {"prompt": "Say sun.", "id": 7}
    out.jsonl  {"line": 1, "prompt": "Say sun.", "id": 7, "text": "sun", "ended": "eos"}

The engine finishes texts in whatever order they end; they are written in the order of the input, so that the number of lines
written is all there is to know in order to go on. Texts depend on nothing but the model, the settings and the line's number, so
those that were begun and not written come out the same the next time.
"""

import collections
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import xxhash

from flanjax.ask.asking import add
from flanjax.ask.lines import Line, Question, question_of, read_lines
from flanjax.ask.output import Output
from flanjax.ask.progress import Progress
from flanjax.ask.prompts import Prompts
from flanjax.ask.settings import Settings
from flanjax.generate.request import Text

AHEAD = 8  # texts asked of the engine at a time for each of its slots; it chooses in which order
WINDOW = 4096  # lines read beyond the first one that is not finished
_CHUNK = 1 << 20


class _Pending:
    """A line of the input that is not written yet: with its texts as they come, or with what is wrong with it."""

    def __init__(self, line: Line):
        self.line, self.error = line, ""
        self.question: Question | None = None
        self.texts: dict[int, Text] = {}

    @property
    def done(self) -> bool:
        return self.question is None or len(self.texts) == self.question.settings.samples

    def answer(self) -> dict[str, Any]:
        if self.question is None:
            return {"line": self.line.number, "error": self.error}
        texts = [self.texts[sample] for sample in sorted(self.texts)]
        if self.question.settings.samples == 1:
            added: Mapping[str, Any] = {"text": texts[0].text, "ended": texts[0].stop}
        else:
            added = {"texts": [text.text for text in texts], "ended": [text.stop for text in texts]}
        return {"line": self.line.number, **self.question.record, **added}


def made_from(model: str, step: int, file: Path, settings: Settings) -> dict[str, Any]:
    """Returns what an output is made from, to tell whether another one may go on with it."""
    digest = xxhash.xxh3_128()
    with file.open("rb") as opened:
        while chunk := opened.read(_CHUNK):
            digest.update(chunk)
    return {"model": model, "step": step, "input": digest.hexdigest(), "settings": vars(settings)}


class FileRun:
    """The answers to a file.

    Args:
      engine: a `flanjax.generate.engine.Engine` with nothing in work.
      slots: of the engine.

    Attributes:
      answered, failed: how many lines this process wrote, with texts and with errors.
    """

    def __init__(self, engine: Any, prompts: Prompts, settings: Settings, *, slots: int, progress: Progress):
        self._engine, self._prompts, self._settings = engine, prompts, settings
        self._slots, self._progress = slots, progress
        self._pending: collections.deque[_Pending] = collections.deque()
        self._at_work: dict[int, _Pending] = {}
        self._num_texts = 0  # in work
        self.answered = self.failed = 0

    def write(self, file: BinaryIO, output: Output) -> None:
        """Answers all lines of the file behind those that the output has."""
        lines = _behind(read_lines(file), output, self._progress.begin)
        exhausted, all_have_slots = False, True
        while not exhausted or self._pending:
            while not exhausted and all_have_slots and self._num_texts < AHEAD * self._slots and len(self._pending) < WINDOW:
                line = next(lines, None)
                exhausted = line is None
                if line is not None:
                    self._begin(line)
            # Until then none is added: the engine takes the longest prompts first, and short ones would wait for ever.
            all_have_slots = self._num_texts <= self._slots
            for found in self._engine.advance():
                if isinstance(found, Text):
                    self._collect(found)
            output.write(self._finished())

    def _begin(self, line: Line) -> None:
        pending = _Pending(line)
        self._pending.append(pending)
        try:
            question = question_of(line, self._prompts, self._settings)
            add(self._engine, line.number, question.ids, question.settings)
        except ValueError as error:
            pending.error = str(error)
            return
        pending.question = question
        self._at_work[line.number] = pending
        self._num_texts += question.settings.samples

    def _collect(self, text: Text) -> None:
        pending = self._at_work[text.item]
        pending.texts[text.sample] = text
        self._num_texts -= 1
        self._progress.count_tokens(len(text.ids))
        if pending.done:
            del self._at_work[text.item]

    def _finished(self) -> list[dict[str, Any]]:
        """Takes the lines that are finished, up to the first one that is not."""
        answers = []
        while self._pending and self._pending[0].done:
            pending = self._pending.popleft()
            answers.append(pending.answer())
            if pending.error:
                self.failed += 1
                self._progress.log(f"line {pending.line.number}: {pending.error}")
            else:
                self.answered += 1
            self._progress.count_line(pending.line.end)
        return answers


def _behind(lines: Iterator[Line], output: Output, begin: Callable[[int], object]) -> Iterator[Line]:
    """Yields the lines that the output does not answer yet; tells `begin` where in the file they begin."""
    answered = Line(0, 0, b"")
    for _ in range(output.done):
        answered = next(lines, Line(0, 0, b""))
    last = answered.number
    if last != output.last:
        raise ValueError(
            f"the output's {output.done:,} lines end with an answer to line {output.last} of the input, expected line {last}: "
            "something else has written to it; remove it to begin again"
        )
    begin(answered.end)
    yield from lines
