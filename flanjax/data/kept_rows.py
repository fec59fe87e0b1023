"""Arrays made of all rows of a task, kept among the files of flanjax.sources.kept.

What is kept belongs to one state of a task: its files, the code that reads them, and what that code makes of a few rows.
"""

import contextlib
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from flanjax.data.identity import code_of
from flanjax.data.queries import read_rows
from flanjax.data.task_rows import TaskRows
from flanjax.sources import RowError, Rows, kept
from flanjax.tasks.draws import Draws
from flanjax.tasks.equal_rows import texts_hash, texts_of
from flanjax.tasks.example import BadRow, Example, SkipRow, checked
from flanjax.tasks.task import Task

_FORMAT = 1  # of the arrays; another number has them made again
_AT_ONCE = 1024
_SAMPLED_ROWS = 16
_MADE: weakref.WeakKeyDictionary[Rows, dict[str, np.ndarray]] = weakref.WeakKeyDictionary()  # of this process


def array_of(task: Task, rows: Rows, kind: str, make: Callable[[], np.ndarray]) -> np.ndarray:
    """Returns the array that `make()` makes of the task's rows; it is kept if the rows are those of files.

    Args:
      kind: what array it is, with all settings.
    """
    if not isinstance(rows, TaskRows):
        return make()
    made = _MADE.setdefault(rows, {})
    if kind not in made:
        key = _key(task, rows)
        made[kind] = make() if key is None else kept.array_named(f"{kind} {key}", make)
    return made[kind]


def examples_of(task: Task, rows: Rows, numbers: Sequence[int], draws: int = 1) -> Iterator[list[Example]]:
    """Yields for each row all examples that it may give; none for a row that is bad or left out.

    Args:
      draws: how often the example of a row is drawn, if its task draws.
    """
    for start in range(0, len(numbers), _AT_ONCE):
        for row in read_rows(rows, numbers[start : start + _AT_ONCE]):
            yield [] if isinstance(row, RowError) else _examples(task, row, draws if task.draws else 1)


def _examples(task: Task, row: Any, draws: int) -> list[Example]:
    found: list[Example] = []
    # Whatever training and evaluation count as a bad row, or as one that is left out, gives none.
    for number in range(draws):
        with contextlib.suppress(Exception):
            for one in task.read_all(row, Draws(task.name, number)):
                with contextlib.suppress(BadRow, SkipRow):
                    found.append(checked(one))
    return found


def _key(task: Task, rows: TaskRows) -> str | None:
    """Returns what the rows' examples depend on; None if that is not known."""
    files, code = rows.fingerprint(), code_of(task.example)
    if files is None or code is None:
        return None
    sample = sorted({int(i) for i in np.linspace(0, len(rows) - 1, _SAMPLED_ROWS)})
    seen = [[texts_hash(texts_of([one.fields, *one.references])) for one in found] for found in examples_of(task, rows, sample)]
    return repr((_FORMAT, task.source.name, rows.split, len(rows), files, code, seen))
