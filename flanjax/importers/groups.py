"""The rows of one file as a source for each value of a column, such as the name of the task that a row belongs to.

Rows are not copied: each source knows the numbers of its rows, and reads them from the file, which is opened once for all. The
numbers come from one pass over the column. A kept index saves this pass at the next start.
"""

import dataclasses
import functools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from etils import epath

from flanjax.importers.files import TRAIN, PathLike, paths_of, rows_of
from flanjax.importers.imported import Refused
from flanjax.importers.packed import packed, unpacked
from flanjax.names import shown
from flanjax.sources import Row, RowError, Rows, Source, kept
from flanjax.sources.base import unknown, where
from flanjax.sources.split_source import SplitSource, digest


class Groups(NamedTuple):
    """The rows of each value of a column; and the rows without a value, one refusal for each file that has such rows."""

    sources: dict[str, Source]
    refused: tuple[Refused, ...]


def by_column(file: PathLike, name: str, column: str) -> Groups:
    """Returns the rows of a file by a column of texts, in order of first appearance.

    The sources are named after the file's and the value, as in "jsonl:dolly/closed_qa".

    Args:
      file, name: as for `rows_of`.
    """
    whole = rows_of(file, name)
    paths = {str(path): path for path in paths_of(file, name)}
    entries = {
        key: kept.about(path, f"groups 1 {column}", functools.partial(_entry, path, column)) for key, path in paths.items()
    }
    kept.save()
    numbers: dict[str, list[np.ndarray]] = defaultdict(list)
    refused, first = [], 0
    for path, entry in entries.items():
        for value, packed_numbers in entry["groups"].items():
            numbers[value].append(unpacked(packed_numbers) + first)
        if entry["without"]:
            refused.append(Refused(path, f"{entry['without']} rows are in no task; the first: {entry['reason']}"))
        first += entry["rows"]
    sources: dict[str, Source] = {}
    for value, parts in numbers.items():
        joined = np.concatenate(parts)
        sources[value] = SplitSource(GroupStore(f"{whole.name}/{value}", whole, tuple(paths), len(joined), packed(joined)))
    return Groups(sources, tuple(refused))


@dataclasses.dataclass(frozen=True)
class GroupStore:
    """Some rows of another source's split "train"; `numbers` are theirs, packed."""

    name: str
    whole: Source
    paths: tuple[str, ...]
    count: int
    numbers: str = dataclasses.field(repr=False)

    def rows(self, split: str) -> Rows:
        self.num_rows(split)
        return PickedRows(self.whole.open(TRAIN), unpacked(self.numbers))

    def num_rows(self, split: str) -> int:
        if split != TRAIN:
            raise unknown("split", split, self.name, [TRAIN])
        return self.count

    def fingerprint(self, split: str) -> str:
        return digest((_fingerprint(self.paths), self.numbers))


@functools.lru_cache(maxsize=8)  # all groups of a file ask for it
def _fingerprint(paths: tuple[str, ...]) -> str:
    return digest([kept.fingerprint(epath.Path(path)) for path in paths])


class PickedRows:
    """Some of the rows of others, by their numbers there."""

    def __init__(self, rows: Rows, numbers: np.ndarray):
        self._rows, self._numbers = rows, numbers

    def __len__(self) -> int:
        return len(self._numbers)

    def __getitem__(self, index: int, /) -> Row:
        return self._rows[int(self._numbers[index])]

    def __getitems__(self, indices: Sequence[int], /) -> list[Row]:
        return self._rows.__getitems__(self._numbers[np.asarray(indices, np.int64)].tolist())

    def where(self, index: int) -> str:
        return where(self._rows, int(self._numbers[index]))


def _entry(path: epath.Path, column: str) -> dict[str, Any]:
    """Returns the index entry of a file: the numbers of each value's rows, and how many rows have no value, and why."""
    numbers: dict[str, list[int]] = defaultdict(list)
    count, without, reason = 0, 0, ""
    values = _parquet_values(path, column) if path.suffix == ".parquet" else _values(path, column)
    for value in values:
        if isinstance(value, str) and value.strip():
            numbers[value].append(count)
        else:
            reason = reason or (str(value) if isinstance(value, RowError) else f"row {count} has {column} {shown(value)}")
            without += 1
        count += 1
    groups = {value: packed(np.array(found)) for value, found in numbers.items()}
    return {"rows": count, "groups": groups, "without": without, "reason": reason}


def _values(path: epath.Path, column: str) -> Iterator[Any]:
    """Yields each row's value, None if it has none; the error of a row that cannot be read."""
    rows = rows_of(path, path.name).open(TRAIN)
    for number in range(len(rows)):
        try:
            yield rows[number].get(column)
        except RowError as error:
            yield error


def _parquet_values(path: epath.Path, column: str) -> Iterable[Any]:
    import pyarrow.parquet as pq  # it would slow down every start

    with path.open("rb") as data, pq.ParquetFile(data) as file:
        if column not in file.schema_arrow.names:
            raise unknown("column", column, str(path), file.schema_arrow.names)
        for batch in file.iter_batches(columns=[column]):
            yield from batch.column(0).to_pylist()
