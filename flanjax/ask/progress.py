"""How far a long generation is: a bar on a terminal, and a line now and then elsewhere."""

import sys
import time
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

EVERY_SECONDS = 10.0
MOST_SAID = 20  # complaints about lines; the output has all of them


class Progress:
    """Tells on stderr how much of a file is answered, how fast, and how long the rest will take.

    Args:
      total: size of the file, in bytes, by which the time left is reckoned.
      start: how many of them were answered before.
      name: of the file, for complaints about its lines.
    """

    def __init__(self, name: str, total: int, file: TextIO | None = None):
        self._name, self._total = name, max(total, 1)
        self._console = Console(file=file or sys.stderr, highlight=False)
        self._began = self._told = time.monotonic()
        self._lines = self._tokens = self._said = 0
        self._start: int | None = None
        self._at = 0
        columns = (TextColumn("generate"), BarColumn(bar_width=24), TaskProgressColumn(), TextColumn("{task.fields[note]}"))
        live = self._console.is_terminal
        self._bar = Bar(*columns, TimeRemainingColumn(), console=self._console, disable=not live, transient=True)
        self._live, self._task = live, self._bar.add_task("", total=self._total, note="")

    def __enter__(self) -> "Progress":
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def begin(self, start: int) -> None:
        """Sets the clock going: the rates are of what comes after `start` bytes of the file."""
        self._start = self._at = start
        self._began = self._told = time.monotonic()
        self._bar.reset(self._task, completed=start)

    def count_line(self, end: int) -> None:
        """Counts a line that is written; it ends at this byte of the file."""
        self._lines, self._at = self._lines + 1, end
        self._bar.update(self._task, completed=end, note=self._rates())
        if not self._live and time.monotonic() - self._told >= EVERY_SECONDS:
            self._told = time.monotonic()
            self.log(f"generate: {100 * end / self._total:.0f}%, {self._rates()}, {self._left()} left", complaint=False)

    def count_tokens(self, number: int) -> None:
        self._tokens += number

    def log(self, text: str, *, complaint: bool = True) -> None:
        """Prints a line; of complaints about lines of the file, only the first ones."""
        if complaint:
            self._said += 1
            text = f"{self._name}, {text}" if self._said <= MOST_SAID else "further bad lines are only in the output"
        if not complaint or self._said <= MOST_SAID + 1:
            self._console.print(text, markup=False, soft_wrap=True)

    def _rates(self) -> str:
        seconds = max(time.monotonic() - self._began, 1e-9)
        return f"{self._lines:,} lines, {self._lines / seconds:,.1f} lines/s, {self._tokens / seconds:,.0f} tokens/s"

    def _left(self) -> str:
        done = max(self._at - (self._start or 0), 1)
        seconds = (time.monotonic() - self._began) * (self._total - self._at) / done
        return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
