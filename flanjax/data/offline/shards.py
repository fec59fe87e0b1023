"""Shards: ArrayRecord files whose records are consecutive windows of one stream. They are written atomically and checked when
they are read.

All files go through etils.epath, so a directory may be in a bucket. ArrayRecord itself reads and writes local files only.
"""

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from array_record.python.array_record_module import ArrayRecordReader, ArrayRecordWriter
from etils import epath

from flanjax.data.corpus import Corpus
from flanjax.data.data_stats import DataError, DataStats
from flanjax.data.offline.window_records import Label, decode_window, encode_window, row_arrays
from flanjax.data.windows import Window, make_window

PARTS = "parts"
SUFFIX = ".array_record"
_WRITER = "group_size:1,zstd:3"
_READER = "readahead_buffer_size:0"  # windows are read one at a time
_ANEW = ". Delete it and run the same `flanjax prepare` again, which makes it again"


class Shard(NamedTuple):
    """Consecutive windows of a stream."""

    stream: int
    first: int
    windows: int

    @property
    def file(self) -> str:
        return f"stream-{self.stream:04d}-window-{self.first:06d}{SUFFIX}"

    @property
    def part(self) -> str:
        # The name holds the number of windows, because the record of a shard of another size does not apply to this one.
        return f"{PARTS}/{self.file}-{self.windows}.json"

    @classmethod
    def of(cls, record: dict[str, Any]) -> "Shard":
        """Returns the shard that a record of a manifest describes."""
        return cls(record["stream"], record["first"], record["windows"])


def make_shard(directory: epath.PathLike, shard: Shard, corpus: Corpus, data: str) -> None:
    """Writes the shard and, beside it, its record (see `describe_shard`). A shard that already exists is only read.

    Args:
      data: the digest of the corpus's identity.
    """
    directory = epath.Path(directory)
    if read_part(directory, shard, data) is not None:
        return
    record = None
    if (directory / shard.file).exists():
        with contextlib.suppress(DataError):  # it holds other data or is damaged, so it is made again
            record = describe_shard(directory, shard, data)
    if record is None:
        with replacing(directory / shard.file) as local:
            writer = ArrayRecordWriter(str(local), _WRITER)
            for number in range(shard.first, shard.first + shard.windows):
                window = make_window(corpus, shard.stream, number)
                writer.write(encode_window(window, Label(data, shard.stream, number)))
            writer.close()
        record = describe_shard(directory, shard, data)
    (directory / PARTS).mkdir(parents=True, exist_ok=True)
    with replacing(directory / shard.part) as local:
        local.write_text(json.dumps({**record, "data": data}))


def describe_shard(directory: epath.PathLike, shard: Shard, data: str) -> dict[str, Any]:
    """Reads a whole shard and returns its record for the manifest, with its stats. Raises DataError if it is another shard."""
    path = epath.Path(directory) / shard.file
    stats: DataStats | None = None
    arrays: dict[str, Any] = {}
    with as_local(path) as local:
        size, sha256 = local.stat().st_size, _sha256(local)
        reader = _reader(local, path, shard.windows)
    for at in range(shard.windows):
        window = decoded(read_record(reader, path, at), path, at, Label(data, shard.stream, shard.first + at))
        arrays = arrays or row_arrays(window)
        if stats is None:
            stats = window.stats
        else:
            stats.merge(window.stats)
    reader.close()
    assert stats is not None
    return {
        "file": shard.file,
        **shard._asdict(),
        "rows": stats.rows,
        "examples": int(stats.counts["examples"].sum()),
        "bytes": size,
        "sha256": sha256,
        "arrays": arrays,
        "tally": stats.to_json(),
    }


def read_part(directory: epath.PathLike, shard: Shard, data: str) -> dict[str, Any] | None:
    """Returns the record that `make_shard` wrote beside a shard; None if it did not finish, or the shard holds other data."""
    directory = epath.Path(directory)
    if not (directory / shard.part).exists():
        return None
    record = json.loads((directory / shard.part).read_text())
    if record.pop("data", None) != data:
        return None
    with contextlib.suppress(DataError):
        check_size(directory, record)
        return record
    return None


def num_parts(directory: epath.PathLike) -> int:
    """Returns how many shards `make_shard` has made since the last manifest."""
    place = epath.Path(directory) / PARTS
    return sum(path.name.endswith(".json") for path in place.iterdir()) if place.exists() else 0


def check_size(directory: epath.Path, record: dict[str, Any]) -> None:
    """Raises DataError if the file of a manifest's record is missing or has another size."""
    path = directory / record["file"]
    found = path.stat().length if path.exists() else None
    if found != record["bytes"]:
        state = "is missing" if found is None else f"has {found:,} bytes, expected {record['bytes']:,}"
        raise DataError(f"{path} {state}{_ANEW}")


def open_shard(directory: epath.Path, record: dict[str, Any]) -> Any:
    """Returns an ArrayRecord reader of the file, after comparing the whole file with its checksum in the manifest."""
    path = directory / record["file"]
    with as_local(path) as local:
        if (found := _sha256(local)) != record["sha256"]:
            where = _first_unreadable(local, path, record)
            raise DataError(f"{path} is damaged: sha256 {found[:16]}, expected {record['sha256'][:16]}{where}{_ANEW}")
        return _reader(local, path, record["windows"])


def read_record(reader: Any, path: epath.Path, at: int) -> bytes:
    try:
        return reader.read([at])[0]
    except Exception as error:  # of types that the library does not promise
        raise DataError(f"{path}, record {at} cannot be read: {error}{_ANEW}") from error


def decoded(record: bytes, path: epath.Path, at: int, label: Label) -> Window:
    """Returns the window of a record that was read at `at`. Raises DataError if its label differs from `label`."""
    try:
        found, window = decode_window(record)
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}, record {at}, expected {label}, is no window: {error}{_ANEW}") from error
    if found != label:
        raise DataError(f"{path}, record {at} is {found}, expected {label}{_ANEW}")
    return window


@contextlib.contextmanager
def replacing(path: epath.Path) -> Iterator[Path]:
    """Yields a local file that becomes `path` atomically if the block succeeds."""
    if _is_remote(path):
        with tempfile.TemporaryDirectory() as folder:
            yield Path(folder, path.name)
            _copy(epath.Path(folder, path.name), path)
        return
    unfinished = Path(path).with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        yield unfinished
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


@contextlib.contextmanager
def as_local(path: epath.Path) -> Iterator[Path]:
    """Yields the file on this machine. If it is opened, it stays readable after the `with` block."""
    if not _is_remote(path):
        yield Path(path)
        return
    with tempfile.TemporaryDirectory() as folder:
        _copy(path, epath.Path(folder, path.name))
        yield Path(folder, path.name)


def _is_remote(path: epath.Path) -> bool:
    return "://" in os.fspath(path)


def _copy(source: epath.Path, destination: epath.Path) -> None:
    with source.open("rb") as read, destination.open("wb") as write:
        shutil.copyfileobj(read, write, 1 << 20)


def _reader(local: Path, path: epath.Path, windows: int) -> Any:
    try:
        reader = ArrayRecordReader(str(local), _READER)
    except Exception as error:  # of types that the library does not promise
        raise DataError(f"{path} cannot be read: {error}{_ANEW}") from error
    if reader.num_records() != windows:
        raise DataError(f"{path} has {reader.num_records()} records, expected {windows}{_ANEW}")
    return reader


def _first_unreadable(local: Path, path: epath.Path, record: dict[str, Any]) -> str:
    try:
        reader = _reader(local, path, record["windows"])
        for at in range(record["windows"]):
            read_record(reader, path, at)
    except DataError as error:
        return f" ({str(error).removesuffix(_ANEW)})"
    return ""


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
