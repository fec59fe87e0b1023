"""The evaluation rows of held-out tasks, as hashes: made at the first use, and kept among the files of flanjax.sources.kept.

What is kept belongs to one state of a task: its files, the code that reads them, and what that code makes of a few rows.
"""

import functools
import hashlib
import logging
from collections.abc import Iterator, Sequence

import numpy as np

from flanjax.data.identity import code_of
from flanjax.data.queries import read_rows
from flanjax.data.task_rows import TaskRows
from flanjax.sources import RowError, Rows, kept
from flanjax.tasks.draws import Draws
from flanjax.tasks.equal_rows import row_hash
from flanjax.tasks.example import Example
from flanjax.tasks.filters import EvaluationRows, KnownRows
from flanjax.tasks.mixture import Entry
from flanjax.tasks.task import Task

WHY = "equals an evaluation row of a held-out task"
_FORMAT = 1  # of the hashes; another number has them made again
_AT_ONCE = 1024
_SAMPLED_ROWS = 16
_DRAWS = 4  # of an example that is drawn


def with_known_rows(entries: Sequence[Entry]) -> list[Entry]:
    """Returns the entries with a KnownRows in place of each EvaluationRows among their filters."""
    return [e._replace(filters=tuple(known(f) if isinstance(f, EvaluationRows) else f for f in e.filters)) for e in entries]


@functools.lru_cache(maxsize=4)
def known(rows: EvaluationRows) -> KnownRows:
    """Returns the filter that knows the evaluation rows of the tasks.

    A task whose rows are not here is warned of, and has none: a run need not have the data that it will be evaluated on.
    """
    hashes = np.unique(np.concatenate([np.zeros(0, np.uint64), *(_of_task(task) for task in rows.tasks)]))
    digest = hashlib.blake2b(hashes.tobytes(), digest_size=8).hexdigest()
    return KnownRows(rows.name, WHY, digest, frozenset(hashes.tolist()))


def _of_task(task: Task) -> np.ndarray:
    """Returns the hashes of the task's evaluation rows, uint64, sorted."""
    assert task.evaluation
    try:
        rows = TaskRows(task, task.evaluation)
        key = _key(task, rows)
        return _hashes(task, rows) if key is None else kept.array_named(key, lambda: _hashes(task, rows))
    except Exception as error:
        logging.getLogger("flanjax").warning(
            "rows %s of task %s cannot be opened (%s), so training rows that equal them are not left out",
            task.evaluation, task.name, str(error).partition("\n")[0],
        )  # fmt: skip
        return np.zeros(0, np.uint64)


def _key(task: Task, rows: TaskRows) -> str | None:
    """Returns what the hashes depend on; None if it is not known."""
    files, code = rows.fingerprint(), code_of(task.example)
    if files is None or code is None:
        return None
    sample = sorted({int(i) for i in np.linspace(0, len(rows) - 1, _SAMPLED_ROWS)})
    return repr((_FORMAT, task.source.name, task.evaluation, len(rows), files, code, list(_row_hashes(task, rows, sample))))


def _hashes(task: Task, rows: Rows) -> np.ndarray:
    return np.unique(np.fromiter(_row_hashes(task, rows, range(len(rows))), np.uint64))


def _row_hashes(task: Task, rows: Rows, numbers: Sequence[int]) -> Iterator[int]:
    """Yields the hash of every example that these rows give; a row of which some are drawn gives several."""
    for start in range(0, len(numbers), _AT_ONCE):
        for row in read_rows(rows, numbers[start : start + _AT_ONCE]):
            if isinstance(row, RowError):
                continue
            for number in range(_DRAWS if task.draws else 1):
                try:
                    found = [row_hash(e) for e in task.read_all(row, Draws(task.name, number)) if isinstance(e, Example)]
                except Exception:  # whatever evaluation counts as a row that cannot be asked
                    continue
                yield from (one for one in found if one is not None)
