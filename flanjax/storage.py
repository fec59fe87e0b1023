"""Local files and files in a bucket, used in the same way: paths, atomically replaced records, and logs that grow.

Everything uses etils.epath. An object store cannot append to files or rename folders, but a file there appears atomically. A
local file is written under another name and then renamed, so that a reader never sees half of it.
"""

import errno
import importlib.util
import io
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
from etils import epath

from flanjax import records

PART_BYTES = 1 << 20
_AT_ONCE = 16


class StorageError(RuntimeError):
    """A path cannot be reached; the message names it and what to install."""


def is_remote(path: epath.PathLike) -> bool:
    """Whether a path is in an object store.

    >>> is_remote("gs://bucket/run"), is_remote("runs/toy")
    (True, False)
    """
    return "://" in str(path)


def reach(path: epath.PathLike) -> None:
    """Prepares a path for reading and writing.

    Raises:
      StorageError: the path is in Google Cloud Storage, and gcsfs is not installed.
    """
    if not str(path).startswith("gs://"):
        return
    if importlib.util.find_spec("gcsfs") is None:
        raise StorageError(f"{path} is in Google Cloud Storage, which needs gcsfs: pip install 'flanjax[gcs]'")
    # gcsfs would cache listings for ever, but other processes, and Orbax without gcsfs, write here too.
    fsspec.config.conf.setdefault("gcs", {})["use_listings_cache"] = False


def place(path: epath.PathLike) -> epath.Path:
    """Returns the absolute path, prepared for use. Raises StorageError as `reach` does."""
    reach(path)
    return epath.Path(path) if is_remote(path) else epath.Path(path).resolve()


def prepare_file(path: epath.PathLike) -> epath.Path:
    """Returns the path of a file that is written later, with its folder made, so that a wrong path is told before the work.

    Raises:
      StorageError: as `reach` does.
      OSError: its folder cannot be made, or there is a folder in its place.
    """
    reach(path)
    file = epath.Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.is_dir():
        raise IsADirectoryError(errno.EISDIR, "it is a folder; name a file in it", str(path))
    return file


def replace_text(path: epath.Path, text: str) -> None:
    """Writes a text file atomically: a reader sees either the old or the new file."""
    if is_remote(path):
        path.write_text(text)
        return
    unfinished = path.parent / f".{path.name}.tmp"
    unfinished.write_text(text)
    unfinished.replace(path)


def write_json(path: epath.Path, record: Any) -> None:
    """Writes a JSON file atomically."""
    replace_text(path, as_json(record))


def as_json(record: Any) -> str:
    return json.dumps(record, indent=1)


def read_json(path: epath.Path, newest: int) -> dict[str, Any]:
    """Returns the record in a file; {} if there is no file.

    Args:
      newest: the newest format of such records that this version reads (records.py).

    Raises:
      ValueError: the file holds anything else; the message names it.
    """
    if not path.exists():
        return {}
    found = records.read_object(path.read_text(), path)
    records.check_format(found, path, newest)
    return found


def read_table(path: epath.Path) -> pa.Table:
    """Returns the table in a Parquet file."""
    with path.open("rb") as file:
        return pq.read_table(file)


def replace_table(path: epath.Path, table: pa.Table) -> None:
    """Writes a Parquet file atomically: a reader sees either the old or the new file."""
    sink = io.BytesIO()
    pq.write_table(table, sink)
    if is_remote(path):
        path.write_bytes(sink.getvalue())
        return
    unfinished = path.parent / f".{path.name}.tmp"
    unfinished.write_bytes(sink.getvalue())
    unfinished.replace(path)


class Parts:
    """A growing file in an object store: files of bounded size, `NAME-00000.END` and so on, which a reader joins in order.

    Data is kept in memory until `flush`, which uploads the newest part again. A part that is long enough does not change again.

    Args:
      path: the name from which the parts' names are made: "metrics/part.jsonl" for "metrics/part-00000.jsonl".
    """

    def __init__(self, path: epath.PathLike):
        self._path = epath.Path(path)
        there = parts_of(self._path)
        self._number = int(there[-1].stem.rpartition("-")[2]) + 1 if there else 0
        self._content, self._uploaded = b"", 0

    def write(self, data: bytes) -> None:
        self._content += data

    def flush(self) -> None:
        if self._uploaded == len(self._content):
            return
        _part(self._path, self._number).write_bytes(self._content)
        self._uploaded = len(self._content)
        if self._uploaded >= PART_BYTES:
            self._number, self._content, self._uploaded = self._number + 1, b"", 0

    def close(self) -> None:
        self.flush()


def parts_of(path: epath.Path) -> list[epath.Path]:
    """Returns the parts of a file that `Parts` wrote, in order; [] if there is no such file."""
    found = list(path.parent.iterdir()) if path.parent.exists() else []
    return sorted(p for p in found if p.name.startswith(f"{path.stem}-") and p.suffix == path.suffix)


def read_all(paths: list[epath.Path]) -> Iterator[tuple[epath.Path, str]]:
    """Yields each path with its text, in order; reads several at a time from an object store."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        contents = pool.map(lambda path: path.read_bytes().decode(errors="replace"), paths)
        yield from zip(paths, contents, strict=True)


def _part(path: epath.Path, number: int) -> epath.Path:
    return path.parent / f"{path.stem}-{number:05d}{path.suffix}"
