"""Files here or in a bucket, alike: paths, records replaced as a whole, and logs that grow where nothing can be appended.

All goes through etils.epath. An object store has no append and no rename of folders, and a file there appears whole or not at
all; a local file is written under another name and then renamed, so that a reader never sees half of it.
"""

import importlib.util
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
    """A place cannot be reached; the message names it and what to install."""


def is_remote(path: epath.PathLike) -> bool:
    """Whether a path is in an object store.

    >>> is_remote("gs://bucket/run"), is_remote("runs/toy")
    (True, False)
    """
    return "://" in str(path)


def reach(path: epath.PathLike) -> None:
    """Makes a place ready to be read and written.

    Raises:
      StorageError: it is in Google Cloud Storage, and gcsfs is not installed.
    """
    if not str(path).startswith("gs://"):
        return
    if importlib.util.find_spec("gcsfs") is None:
        raise StorageError(f"{path} is in Google Cloud Storage, which takes gcsfs: pip install 'flanjax[gcs]'")
    # It would remember listings for ever. Other processes, and Orbax past it, write here too.
    fsspec.config.conf.setdefault("gcs", {})["use_listings_cache"] = False


def place(path: epath.PathLike) -> epath.Path:
    """The path, absolute and ready. Raises StorageError as `reach` does."""
    reach(path)
    return epath.Path(path) if is_remote(path) else epath.Path(path).resolve()


def replace_text(path: epath.Path, text: str) -> None:
    """Writes a text file in one go: a reader sees the old one or the new one."""
    if is_remote(path):
        path.write_text(text)
        return
    unfinished = path.parent / f".{path.name}.tmp"
    unfinished.write_text(text)
    unfinished.replace(path)


def write_json(path: epath.Path, record: Any) -> None:
    """Writes a JSON file in one go."""
    replace_text(path, as_json(record))


def as_json(record: Any) -> str:
    return json.dumps(record, indent=1)


def read_json(path: epath.Path, newest: int) -> dict[str, Any]:
    """The record in a file; empty where there is none.

    Args:
      newest: format of such records that this version reads (records.py).

    Raises:
      ValueError: the file, which is named, holds anything else.
    """
    if not path.exists():
        return {}
    found = records.read_object(path.read_text(), path)
    records.check_format(found, path, newest)
    return found


def read_table(path: epath.Path) -> pa.Table:
    """The table of a Parquet file."""
    with path.open("rb") as file:
        return pq.read_table(file)


class Parts:
    """A file that grows, in an object store: files of bounded size, `NAME-00000.END` and on, which a reader joins in order.

    What is written waits until `flush`, which uploads the newest part anew; one that is long enough is not touched again.

    Args:
      path: the name that the parts have theirs from, as "metrics/part.jsonl" for "metrics/part-00000.jsonl".
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
    """The parts of a file that `Parts` wrote, in order; none where there is no such file."""
    found = list(path.parent.iterdir()) if path.parent.exists() else []
    return sorted(p for p in found if p.name.startswith(f"{path.stem}-") and p.suffix == path.suffix)


def read_all(paths: list[epath.Path]) -> Iterator[tuple[epath.Path, str]]:
    """Each path with its text, in order; an object store is asked for many at once."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        contents = pool.map(lambda path: path.read_bytes().decode(errors="replace"), paths)
        yield from zip(paths, contents, strict=True)


def _part(path: epath.Path, number: int) -> epath.Path:
    return path.parent / f"{path.stem}-{number:05d}{path.suffix}"
