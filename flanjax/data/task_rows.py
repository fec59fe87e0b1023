"""The rows of tasks, opened when the first of them is read. Until then only their number is known."""

from __future__ import annotations

from collections.abc import Sequence

from flanjax.sources import Row, RowError, Rows, SourceError, where
from flanjax.tasks.task import Task


class TaskRows:
    """The rows of a split of a task. It is pickled without what it has opened.

    Args:
      num_rows: the number of rows; if None, the source is asked for it.

    Raises:
      SourceError: the data is missing or empty, or, at the first read, cannot be opened. The error names the task. It is never
        counted as a bad row, because it is not about one row.
    """

    def __init__(self, task: Task, split: str, num_rows: int | None = None):
        self._task, self._split = task, split
        self._opened: Rows | None = None
        try:
            self._num_rows = self._count() if num_rows is None else num_rows
        except _OF_ONE_ROW as error:
            raise self._of_all_rows(error) from error
        except Exception as error:
            error.add_note(self._while_reading)
            raise
        if not self._num_rows:
            raise SourceError(f"task {task.name}: split {split!r} of {task.source.name} is empty")

    def __len__(self) -> int:
        return self._num_rows

    def __getitem__(self, index: int, /) -> Row:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int], /) -> list[Row]:
        rows = self._open()
        try:
            return rows.__getitems__(indices)
        except Exception as error:
            error.add_note(self._while_reading)
            raise

    @property
    def split(self) -> str:
        return self._split

    def where(self, index: int) -> str:
        """Returns a row's origin for messages."""
        return where(self._open(), index)

    def fingerprint(self) -> str | None:
        """Returns a hash that changes with the files that the rows are read from; None if the source gives none."""
        find = getattr(self._task.source, "fingerprint", None)
        return None if find is None else find(self._split)

    def __reduce__(self) -> tuple[type[TaskRows], tuple[Task, str, int]]:
        return TaskRows, (self._task, self._split, self._num_rows)

    def __repr__(self) -> str:
        return f"TaskRows({self._task.name!r}, {self._split!r}, {len(self)} rows)"

    def _count(self) -> int:
        """Returns the number of rows, from metadata if the source counts them."""
        count = getattr(self._task.source, "num_rows", None)
        return len(self._task.source.open(self._split)) if count is None else count(self._split)

    def _open(self) -> Rows:
        if self._opened is None:
            try:
                self._opened = self._checked(self._task.source.open(self._split))
            except _OF_ONE_ROW as error:
                raise self._of_all_rows(error) from error
            except Exception as error:
                error.add_note(self._while_reading)
                raise
        return self._opened

    def _of_all_rows(self, error: Exception) -> SourceError:
        """Returns the error of a row as one of the whole file: it was raised while counting or opening."""
        found = SourceError(f"{self._task.source.name}: {error}")
        found.add_note(self._while_reading)
        return found

    def _checked(self, rows: Rows) -> Rows:
        if len(rows) != self._num_rows:
            raise SourceError(
                f"{self._task.source.name}: {self._split!r} has {len(rows)} rows, but had {self._num_rows} when they were "
                "counted. Data must not change during a run"
            )
        return rows

    @property
    def _while_reading(self) -> str:
        return f"while reading the rows {self._split!r} of task {self._task.name}"


# What a reader of rows counts as a bad row (data/queries.py).
_OF_ONE_ROW = (RowError, RecursionError, UnicodeError)
