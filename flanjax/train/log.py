"""The log of a run: lines of metrics.jsonl, TensorBoard events, W&B, and a progress bar or lines on the terminal."""

import sys
from collections.abc import Iterable, Mapping
from typing import Any, TextIO

from etils import epath
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from flanjax import storage
from flanjax.train.heldout_curve import Point, curve_text
from flanjax.workdir import Workdir


class MetricsWriter:
    """Appends records to metrics.jsonl, and their numbers to TensorBoard and to W&B.

    Args:
      start: the step that the run continues from; records of later steps, left by a killed run, are dropped.
      wandb: a run of the package wandb; None for none.
    """

    def __init__(self, workdir: Workdir, *, start: int, tensorboard: bool, wandb: Any = None):
        self._wandb = wandb
        self._log = workdir.metrics_log(start)
        self._events = _event_writer(workdir.events, start) if tensorboard and workdir.writes else None

    def write(self, record: Mapping[str, Any]) -> None:
        self._log.write(record)
        kind = record.get("kind", "train")
        numbers = {f"{kind}/{name}": value for name, value in _numbers(record)}
        if self._events:
            for name, value in numbers.items():
                self._events.add_scalar(name, value, record["step"])
        if self._wandb:
            self._wandb.log(numbers, step=record["step"])

    def flush(self) -> None:
        """Returns once all records are on storage, so that they survive a kill. Call it before saving a checkpoint."""
        self._log.flush()

    def close(self) -> None:
        if self._events:
            self._events.close()
        self._log.flush()
        if self._wandb:
            self._wandb.finish()


class ProgressBar:
    """A progress bar on a terminal, a line for each report elsewhere, and nothing when `silent`.

    Args:
      heldout: held-out scores that the run has already.
    """

    def __init__(
        self,
        title: str,
        total: int,
        start: int = 0,
        file: TextIO | None = None,
        *,
        silent: bool = False,
        heldout: Iterable[Point] = (),
    ):
        console = Console(file=file or sys.stderr, quiet=silent)
        self._live = console.is_terminal and not silent
        self._title, self._total = title, total
        self._heldout, self._plain = list(heldout), not console.encoding.lower().startswith("utf")
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

    def score(self, found: Point) -> None:
        """Takes a held-out score up into the curve that reports show."""
        self._heldout.append(found)

    def report(self, step: int, note: str) -> None:
        if self._heldout:
            note = f"{note}  {curve_text(self._heldout, plain=self._plain)}"
        self._progress.update(self._task, note=note)
        if not self._live:
            self._console.print(f"{self._title} {step}/{self._total}  {note}", highlight=False, soft_wrap=True)

    def close(self) -> None:
        self._progress.stop()


def _numbers(record: Mapping[str, Any], prefix: str = ""):
    for name, value in record.items():
        if isinstance(value, Mapping):
            yield from _numbers(value, f"{prefix}{name}/")
        elif isinstance(value, int | float) and name != "step":
            yield prefix + name, value


def _event_writer(directory: epath.Path, start: int) -> Any:
    from tensorboardX import SummaryWriter, record_writer  # takes 0.5 s to import; runs without TensorBoard skip it

    if storage.is_remote(directory):
        # tensorboardX's own writer for buckets uploads all events of a run again every two minutes.
        record_writer.register_writer_factory(str(directory).partition(":")[0], _EventFiles())
    return SummaryWriter(str(directory), purge_step=start + 1 if start else None)


class _EventFiles:
    """Writes TensorBoard's events to a bucket as files of bounded size, which TensorBoard reads one after another."""

    def open(self, path: str) -> storage.Parts:
        return storage.Parts(path)

    def directory_check(self, path: str) -> None:
        """Does nothing: a bucket needs no folders."""
