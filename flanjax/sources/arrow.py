"""Arrow tables as Rows.

Rows come out as `datasets` shows them: a ClassLabel is its integer, a sequence of dicts is a dict of lists.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from flanjax.sources.base import Row, RowError

# One contiguous table gives millions of rows a second, and many chunks about 200,000, but merging copies the table. Larger
# tables are not merged: they may be memory maps, which must stay so, or have columns over Arrow's 2 GiB of text a chunk.
_MERGE_UP_TO_BYTES = 1 << 30


class ArrowRows:
    """The rows of a table, taken chunk by chunk.

    `Table.take` joins all chunks of a column at every call, and fails if they hold over 2 GiB of text. Taking from each chunk
    avoids both.

    Args:
      name: what the table was read from, for messages.
      first: the number of its first row there.
    """

    def __init__(self, table: pa.Table, merge_up_to_bytes: int = _MERGE_UP_TO_BYTES, name: str = "", first: int = 0):
        self._name, self._first = name, first
        merged = table.combine_chunks() if table.nbytes <= merge_up_to_bytes else table
        self._chunks = merged.to_batches()
        self._firsts = np.cumsum([0] + [len(chunk) for chunk in self._chunks])  # int64 [chunks + 1]

    def __len__(self) -> int:
        return int(self._firsts[-1])

    def __getitem__(self, index: int, /) -> Row:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int], /) -> list[Row]:
        if len(indices) == 0:
            return []
        taken = self._take(np.asarray(indices, dtype=np.int64))
        try:
            rows: list[Row] = taken.to_pylist()
        except (ValueError, OverflowError, pa.ArrowException) as error:  # text that is not UTF-8, a date that Python lacks
            raise self._row_error(indices, taken, error) from error
        return rows

    def where(self, index: int) -> str:
        """Returns what the row was read from, and its number there, from 0."""
        return f"{self._name}: row {self._first + index}" if self._name else f"row {self._first + index}"

    def _row_error(self, indices: Sequence[int], taken: pa.RecordBatch, error: Exception) -> RowError:
        """Returns the error of the first row that cannot be read."""
        for at, index in enumerate(indices):
            for name, column in zip(taken.schema.names, taken.columns, strict=True):
                try:
                    column[at].as_py()
                except (ValueError, OverflowError, pa.ArrowException) as reason:
                    return RowError(f"{self.where(index)}: column {name!r} cannot be read: {reason}")
        return RowError(f"{self.where(indices[0])}: cannot be read: {error}")

    def _take(self, indices: np.ndarray) -> pa.RecordBatch:
        if len(self._chunks) == 1:
            return self._chunks[0].take(_int64(indices))
        order = np.argsort(indices, kind="stable")
        ascending = indices[order]
        chunk_of = np.searchsorted(self._firsts, ascending, side="right") - 1
        within = ascending - self._firsts[chunk_of]
        cuts = [0, *(np.flatnonzero(np.diff(chunk_of)) + 1).tolist(), len(indices)]
        taken = [self._chunks[chunk_of[a]].take(_int64(within[a:b])) for a, b in itertools.pairwise(cuts)]
        back = np.empty_like(order)
        back[order] = np.arange(len(order))
        return pa.concat_batches(taken).take(_int64(back))


def _int64(values: np.ndarray) -> pa.Array:
    """Returns int64 [n] as an Arrow array; `pa.array` would import pandas, which takes half a second."""
    return pa.Array.from_buffers(pa.int64(), len(values), [None, pa.py_buffer(np.ascontiguousarray(values))])
