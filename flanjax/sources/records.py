"""ArrayRecord files as rows: each record is read by its number and decoded."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from etils import epath

from flanjax.sources import kept
from flanjax.sources.base import Row, RowError, SourceError
from flanjax.sources.parts import Parts
from flanjax.sources.recent import Recent

_OPEN_FILES = 128  # each keeps a descriptor and, for large files, an index of its records
_OPEN: Recent[Any] = Recent(_OPEN_FILES)


def from_json(record: bytes) -> Row:
    """Returns the JSON object in a record. Raises ValueError if there is none."""
    row = json.loads(record.decode())
    if not isinstance(row, dict):
        raise ValueError(f"expected a JSON object, got {type(row).__name__}")
    return row


class RecordRows:
    """The records of ArrayRecord files, one file after the other.

    Args:
      decode: a record's bytes -> its row; whatever it raises makes a bad row.
    """

    def __init__(self, paths: Sequence[epath.Path], decode: Callable[[bytes], Row]):
        self._paths, self._decode = tuple(paths), decode
        self._states = [kept.state_of(path) for path in paths]
        self._parts = Parts(self._count(file) for file in range(len(paths)))

    def __len__(self) -> int:
        return len(self._parts)

    def __getitem__(self, index: int, /) -> Row:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int], /) -> list[Row]:
        return self._parts.gather(indices, self._rows)

    def where(self, index: int) -> str:
        """Returns the file of a row, and the record's number in it, from 0."""
        file, number = self._parts.find(index)
        return f"{self._paths[file]}: record {number}"

    def _rows(self, file: int, numbers: list[int]) -> list[Row]:
        return [self._row(file, *each) for each in zip(numbers, self._read(file, numbers), strict=True)]

    def _count(self, file: int) -> int:
        return int(kept.about(self._paths[file], "records", lambda: self._open(file).num_records()))

    def _read(self, file: int, numbers: list[int]) -> list[bytes]:
        try:
            return list(self._open(file).read(numbers))
        except (RuntimeError, ValueError, IndexError) as e:
            raise SourceError(f"cannot read {self._paths[file]} as ArrayRecord: {e}") from e

    def _row(self, file: int, number: int, record: bytes) -> Row:
        try:
            row = self._decode(record)
        except Exception as e:  # of a user's function
            raise RowError(f"{self._paths[file]}: record {number}: {type(e).__name__}: {e}") from e
        if not isinstance(row, Mapping):
            raise RowError(f"{self._paths[file]}: record {number}: decoded to {type(row).__name__}, expected a dict")
        return row

    def _open(self, file: int) -> Any:
        return _OPEN.get(self._states[file], functools.partial(_opened, self._paths[file]))


def _opened(path: epath.Path) -> tuple[Any, int]:
    """Returns a file's reader."""
    from array_record.python.array_record_module import ArrayRecordReader  # not every start needs it

    local = kept.copy_of(path) if "://" in str(path) else path
    if local is None:
        raise SourceError(
            f"{path} is in a bucket, and ArrayRecord reads local files only: set {kept.VARIABLE} to a folder for copies of it"
        )
    reader = ArrayRecordReader(str(local), options="readahead_buffer_size:0")
    if not reader.ok():
        raise SourceError(f"cannot read {path} as ArrayRecord")
    return reader, 1
