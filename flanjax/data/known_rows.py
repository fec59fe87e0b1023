"""The evaluation rows of held-out tasks, as hashes: made at the first use, and kept."""

import functools
import hashlib
import logging

import numpy as np

from flanjax.data.kept_rows import array_of, examples_of
from flanjax.data.task_rows import TaskRows
from flanjax.sources import Rows
from flanjax.tasks.equal_rows import row_hash
from flanjax.tasks.filters import EvaluationRows, KnownRows
from flanjax.tasks.task import Task

WHY = "equals an evaluation row of a held-out task"
_DRAWS = 4  # of an example that is drawn


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
        return array_of(task, rows, "known rows", lambda: _hashes(task, rows))
    except Exception as error:
        logging.getLogger("flanjax").warning(
            "rows %s of task %s cannot be opened (%s), so training rows that equal them are not left out",
            task.evaluation, task.name, str(error).partition("\n")[0],
        )  # fmt: skip
        return np.zeros(0, np.uint64)


def _hashes(task: Task, rows: Rows) -> np.ndarray:
    found = (row_hash(one) for examples in examples_of(task, rows, range(len(rows)), _DRAWS) for one in examples)
    return np.unique(np.fromiter((one for one in found if one is not None), np.uint64))
