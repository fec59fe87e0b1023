"""A conversation in the terminal with one model, or with two side by side."""

import sys
from collections.abc import Sequence
from typing import Any, TextIO

from flanjax.ask.asking import add
from flanjax.ask.interrupt import Interrupt
from flanjax.ask.models import Asked
from flanjax.ask.settings import Settings
from flanjax.generate.request import Piece

_HELP = "/reset forgets the conversation, /exit or Ctrl-D leaves, Ctrl-C stops an answer."
_PROMPT = "> "


class Chat:
    """One or two models with what was said so far; each has its own answers in its conversation.

    Args:
      out: where answers go.
    """

    def __init__(self, models: Sequence[Asked], settings: Settings, out: TextIO | None = None):
        self._models, self._settings, self._out = models, settings, out or sys.stdout
        self._engines = [model.engine(slots=1, stream=True) for model in models]
        self._talks: list[list[dict[str, str]]] = [[] for _ in models]
        self._item = 0

    def run(self, lines: TextIO) -> None:
        """Answers lines until there are no more."""
        self._log(_HELP)
        for model in self._models:
            if model.prompts.chat is None:
                self._log(f"({model.name} has no chat template: its turns are plain text)")
        while (line := self._read(lines)) is not None:
            if line == "/exit":
                return
            if line == "/reset":
                self._talks = [[] for _ in self._models]
                self._log("(forgotten)")
            elif line.startswith("/"):
                self._log(f"({line.split()[0]} is no command. {_HELP})")
            elif line:
                self._answer(line)

    def _read(self, lines: TextIO) -> str | None:
        """Returns the next line; None if there is none."""
        while True:
            try:
                if lines.isatty():
                    return input(_PROMPT).strip()
                return line.strip() if (line := lines.readline()) else None
            except KeyboardInterrupt:
                self._log(f"\n({_HELP})")
            except EOFError:
                self._log("")
                return None

    def _answer(self, text: str) -> None:
        for model, engine, talk in zip(self._models, self._engines, self._talks, strict=True):
            if len(self._models) > 1:
                self._log(f"-- {model.name}")
            talk.append({"role": "user", "content": text})
            try:
                answer = self._ask(model, engine, talk)
            except ValueError as error:
                talk.pop()
                self._log(f"({error})")
                continue
            if answer.strip():
                talk.append({"role": "assistant", "content": answer})
            else:  # nothing that a template could show
                talk.pop()

    def _ask(self, model: Asked, engine: Any, talk: list[dict[str, str]]) -> str:
        self._item += 1
        left_out = _add(engine, self._item, model, talk, self._settings)
        if left_out:
            self._log(f"(the first {left_out} messages no longer fit and are left out)")
        text = ""
        with Interrupt() as interrupt:
            while not engine.idle:
                for new in engine.advance():
                    whole = text + new.text if isinstance(new, Piece) else new.text
                    self._write(whole[len(text) :])
                    text = whole
                if interrupt.came:
                    engine.cancel(self._item)
                    self._write(" (stopped)")
                    break
        self._log("")
        return text

    def _write(self, text: str) -> None:
        print(text, end="", file=self._out, flush=True)

    def _log(self, text: str) -> None:
        print(text, file=self._out, flush=True)


def _add(engine: Any, item: int, model: Asked, talk: list[dict[str, str]], settings: Settings) -> int:
    """Gives the engine the conversation, without its first turns if it is too long. Returns how many messages were left out."""
    for begin in range(0, len(talk), 2):
        ids = model.prompts.of_messages(talk[begin:])
        try:
            add(engine, item, ids, settings)
        except ValueError:
            if begin + 2 >= len(talk):
                raise
            continue
        del talk[:begin]
        return begin
    raise AssertionError("a conversation ends with a question")
