"""A run's folder: the names of its files, and how they are read and written, on a disk or in a bucket.

- config.json: the config, with versions. mixture.json: each task's counts. sharding.txt: the sharding of every parameter.
- metrics.jsonl: a line for each log step. In a bucket, which cannot append: metrics/part-00000.jsonl and so on.
- tensorboard/: the same numbers as events. tokenizer/: the tokenizer, if it was trained with the run.
- checkpoints/: a folder for each step (checkpoint/). evaluation/: a folder for each evaluation.
- reference.parquet: what the reference of an objective of pairs gives each answer (run/references.py).
- wandb.json: which run it is at Weights & Biases, if train.wandb asks for one.
- claim.json: the run that is writing here at present (claim.py).
"""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from etils import epath

from flanjax import records, storage

CONFIG, MIXTURE, SHARDING, TOKENIZER = "config.json", "mixture.json", "sharding.txt", "tokenizer"
REFERENCES = "reference.parquet"
WANDB = "wandb.json"
_METRICS, _METRICS_PARTS = "metrics.jsonl", "metrics/part.jsonl"
UPLOAD_SECONDS = 10.0  # between two uploads of metrics to a bucket, which allows one write a second to a file


@dataclass(frozen=True)
class Workdir:
    """The folder of a run.

    Attributes:
      path: the path as it was given. Use `open_workdir` to make a Workdir.
      check: called before anything is written; raises an error if the folder belongs to another run by now.
      writes: False in all processes but the first, which writes for all.
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
        """Writes a JSON file of the folder atomically."""
        self.write_text(name, storage.as_json(record))

    def write_text(self, name: str, text: str) -> None:
        """Writes a text file of the folder atomically."""
        if self.writes:
            self.check()
            storage.replace_text(self.path / name, text)

    def read_record(self, name: str, newest: int) -> dict[str, Any]:
        """Returns a record of the folder, as `storage.read_json` does."""
        return storage.read_json(self.path / name, newest)

    def read_metrics(self) -> list[dict[str, Any]]:
        """Returns the records of metrics, in order. A line without an end, from a killed run, is left out."""
        return [record for path, text in storage.read_all(self._metrics()) for _, record in records.read_lines(text, path)]

    def metrics_log(self, start: int) -> "MetricsLog":
        """Returns a log for new lines of metrics; drops lines of steps after `start`, which a killed run left."""
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
    """Appends lines to a run's metrics.

    On a disk each line is written at once. To a bucket, lines are uploaded every UPLOAD_SECONDS, when the next one comes, or by
    `flush`. A run flushes before each checkpoint. So if it is killed, only lines of steps after the checkpoint are lost, and
    the run repeats these steps.
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
        """Returns once all lines are on storage, so that they survive a kill."""
        if self._parts is not None:
            self._workdir.check()
            self._parts.flush()
            self._uploaded = time.monotonic()


def open_workdir(path: epath.PathLike) -> Workdir:
    """Returns the folder at a path; it need not exist yet. Raises StorageError if its storage cannot be reached."""
    storage.reach(path)
    return Workdir(epath.Path(path))
