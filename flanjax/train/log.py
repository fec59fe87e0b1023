"""What a run says while it runs: metrics.jsonl, TensorBoard events, and a bar or lines on the terminal."""

import json
import sys
from collections.abc import Mapping
from typing import Any, TextIO

from etils import epath
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

METRICS = "metrics.jsonl"


def read_records(workdir: epath.PathLike) -> list[dict[str, Any]]:
    """The records of metrics.jsonl, without damaged lines; none where there is no such file."""
    path = epath.Path(workdir) / METRICS
    found = [_record(line) for line in path.read_text().splitlines()] if path.exists() else []
    return [record for record in found if record is not None]


class MetricsWriter:
    """Appends records to the workdir's metrics.jsonl, and their numbers to TensorBoard.

    Args:
      start: the step that the run goes on from; records of later steps, left by a killed run, are dropped.
      silent: write nothing, as one of several processes.
    """

    def __init__(self, workdir: epath.PathLike, *, start: int, tensorboard: bool, silent: bool = False):
        self._silent, self._events = silent, None
        if silent:
            return
        directory = epath.Path(workdir)
        directory.mkdir(parents=True, exist_ok=True)
        self._path = directory / METRICS
        _drop_after(self._path, start)
        self._events = _event_writer(directory) if tensorboard else None

    def write(self, record: Mapping[str, Any]) -> None:
        if self._silent:
            return
        with self._path.open("a") as file:
            file.write(json.dumps(record) + "\n")
        if self._events:
            kind = record.get("kind", "train")
            for name, value in _numbers(record):
                self._events.add_scalar(f"{kind}/{name}", value, record["step"])

    def close(self) -> None:
        if self._events:
            self._events.close()


class ProgressBar:
    """A rich bar on a terminal; elsewhere a line at each report; nothing when `silent`."""

    def __init__(self, title: str, total: int, start: int = 0, file: TextIO | None = None, *, silent: bool = False):
        console = Console(file=file or sys.stderr, quiet=silent)
        self._live = console.is_terminal and not silent
        self._title, self._total = title, total
        self._console = console
        columns = (
            TextColumn("[bold]{task.description}"),
            BarColumn(bar_width=16),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
        )
        self._progress = Progress(*columns, console=console, disable=not self._live)
        self._task = self._progress.add_task(title, total=total, completed=start, note="")
        self._progress.start()

    def advance(self, done: int = 1) -> None:
        self._progress.advance(self._task, done)

    def report(self, step: int, note: str) -> None:
        self._progress.update(self._task, note=note)
        if not self._live:
            self._console.print(f"{self._title} {step}/{self._total}  {note}", highlight=False, soft_wrap=True)

    def close(self) -> None:
        self._progress.stop()


def _drop_after(path: epath.Path, start: int) -> None:
    if not path.exists():
        return
    lines = path.read_text().splitlines(keepends=True)
    kept = [line for line in lines if line.endswith("\n") and json.loads(line)["step"] <= start]
    if len(kept) < len(lines):
        path.write_text("".join(kept))


def _record(line: str) -> dict[str, Any] | None:
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) and isinstance(record.get("step"), int) else None


def _numbers(record: Mapping[str, Any], prefix: str = ""):
    for name, value in record.items():
        if isinstance(value, Mapping):
            yield from _numbers(value, f"{prefix}{name}/")
        elif isinstance(value, int | float) and name != "step":
            yield prefix + name, value


def _event_writer(directory: epath.Path) -> Any:
    from tensorboardX import SummaryWriter  # half a second to import, and not needed by runs that turn it off

    return SummaryWriter(str(directory / "tensorboard"))
