"""A run's folder: the names of what is in it, and how it is read and written, on a disk as in a bucket.

- config.json: what was asked, with the versions. mixture.json: what every task gave. sharding.txt: where every parameter lies.
- metrics.jsonl: a line a log step. In a bucket, where nothing can be appended: metrics/part-00000.jsonl and on.
- tensorboard/: the same numbers as events. tokenizer/: one that was trained with the run.
- checkpoints/: a folder a step (checkpoint.py). evaluation/: a folder an evaluation.
- claim.json: which run writes here, while it does (claim.py).
"""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from etils import epath

from flanjax import records, storage

CONFIG, MIXTURE, SHARDING, TOKENIZER = "config.json", "mixture.json", "sharding.txt", "tokenizer"
_METRICS, _METRICS_PARTS = "metrics.jsonl", "metrics/part.jsonl"
UPLOAD_SECONDS = 10.0  # between two uploads of metrics to a bucket, which takes one a second of a file


@dataclass(frozen=True)
class Workdir:
    """The folder of a run.

    Attributes:
      path: as it was given; make it by `open_workdir`.
      check: called before anything is written; raises if the folder is another run's by now.
      writes: False in those of several processes that leave writing to the first.
    """

    path: epath.Path
    check: Callable[[], None] = lambda: None
    writes: bool = True

    def __str__(self) -> str:
        return str(self.path)

    @property
    def name(self) -> str:
        return storage.place(self.path).name

    @property
    def checkpoints(self) -> epath.Path:
        return storage.place(self.path) / "checkpoints"  # absolute, as Orbax wants it

    @property
    def tokenizer(self) -> epath.Path:
        return self.path / TOKENIZER

    @property
    def evaluations(self) -> epath.Path:
        return self.path / "evaluation"

    @property
    def events(self) -> epath.Path:
        return self.path / "tensorboard"

    def write_record(self, name: str, record: Any) -> None:
        """A JSON file of the folder, replaced as a whole."""
        self.write_text(name, storage.as_json(record))

    def write_text(self, name: str, text: str) -> None:
        """A text file of the folder, replaced as a whole."""
        if self.writes:
            self.check()
            storage.replace_text(self.path / name, text)

    def read_record(self, name: str, newest: int) -> dict[str, Any]:
        """A record of the folder, as `storage.read_json` gives it."""
        return storage.read_json(self.path / name, newest)

    def read_metrics(self) -> list[dict[str, Any]]:
        """The lines of metrics, each file's in order; one without its end is what a killed run was writing, and is left out."""
        return [record for path, text in storage.read_all(self._metrics()) for _, record in records.read_lines(text, path)]

    def metrics_log(self, start: int) -> "MetricsLog":
        """To add lines of metrics to; lines of steps after `start`, left by a killed run, are dropped."""
        if self.writes:
            self.check()
            self.path.mkdir(parents=True, exist_ok=True)
            for path, text in storage.read_all(self._metrics()):
                kept = "".join(f"{line}\n" for line, record in records.read_lines(text, path) if record["step"] <= start)
                if not kept and storage.is_remote(path):
                    path.unlink()
                elif kept != text:
                    storage.replace_text(path, kept)
        return MetricsLog(self)

    def _metrics(self) -> list[epath.Path]:
        whole = self.path / _METRICS
        return [*([whole] if whole.exists() else []), *storage.parts_of(self.path / _METRICS_PARTS)]


class MetricsLog:
    """Adds lines to a run's metrics.

    A disk has each line at once. A bucket has the lines of the last UPLOAD_SECONDS with the next one, or after `flush`. A run
    flushes before each checkpoint: so what it had not uploaded when it was killed are lines of later steps, which it will do,
    and write, again.
    """

    def __init__(self, workdir: Workdir):
        self._workdir = workdir
        self._path = workdir.path / _METRICS
        remote = storage.is_remote(workdir.path)
        self._parts = storage.Parts(workdir.path / _METRICS_PARTS) if remote and workdir.writes else None
        self._uploaded = time.monotonic()

    def write(self, record: Mapping[str, Any]) -> None:
        if not self._workdir.writes:
            return
        line = f"{json.dumps(record)}\n"
        if self._parts is None:
            self._workdir.check()
            with self._path.open("a") as file:
                file.write(line)
            return
        self._parts.write(line.encode())
        if time.monotonic() - self._uploaded >= UPLOAD_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Until all lines are where a killed run would find them."""
        if self._parts is not None:
            self._workdir.check()
            self._parts.flush()
            self._uploaded = time.monotonic()


def open_workdir(path: epath.PathLike) -> Workdir:
    """The folder at a path, which need not be there yet. Raises StorageError if its kind of storage cannot be reached."""
    storage.reach(path)
    return Workdir(epath.Path(path))
