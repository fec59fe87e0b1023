"""The quarantine: a data set that cannot be opened leaves the training mixture, with its root cause, instead of ending the run.

What is left has another name, and other shares than were asked for; both are told wherever the mixture is.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from flanjax.data.task_rows import TaskRows
from flanjax.sources import RowError, SourceError
from flanjax.tasks.mixture import Mixture
from flanjax.tasks.task import Task

# Numbers of rows for a data set that cannot even be counted. A rule with a limit gives both the same share.
_MANY, _MORE = 1 << 40, 1 << 50


class Quarantine(NamedTuple):
    """A training mixture without the data sets that cannot be opened.

    Attributes:
      mixture: what is left, whose name says so; the mixture itself if everything can be opened.
      causes: task -> why its data cannot be opened.
      published: task -> the share of the whole mixture that was asked for it, of tasks in quarantine too. Empty if nothing is
        in quarantine, or if the shares depend on the unknown size of a data set.
    """

    mixture: Mixture
    causes: Mapping[str, str]
    published: Mapping[str, float]


def find_causes(tasks: Iterable[Task], *, read: bool = True) -> dict[str, str]:
    """Returns task -> root cause, of the tasks whose training rows cannot be opened.

    Args:
      read: whether all are opened and their first and last rows read, because some data can be counted but not read.
    """
    return {task.name: cause for task in tasks if (cause := _cause(task, read)) is not None}


def quarantine(mixture: Mixture, causes: Mapping[str, str]) -> Quarantine:
    """Returns the mixture without these tasks.

    Raises:
      SourceError: none of its tasks is left.
    """
    if not causes:
        return Quarantine(mixture, {}, {})
    tasks = list(mixture.tasks())
    if all(task.name in causes for task in tasks):
        listed = "; ".join(f"{name}: {cause}" for name, cause in list(causes.items())[:5])
        raise SourceError(f"mixture {mixture.name}: none of its data sets can be opened ({listed})")
    lost = {task.source.name for task in tasks if task.name in causes}
    asked = {task.source.name for task in tasks}
    name = f"{mixture.name} ({len(asked - lost)} of {len(asked)} data sets)"
    return Quarantine(mixture.without(set(causes)).renamed(name), dict(causes), _published(mixture, causes))


def root_cause(error: BaseException) -> str:
    """Returns the first line of an error, and that of the error that it comes from in the first place."""
    root = error
    while (deeper := root.__cause__ or (None if root.__suppress_context__ else root.__context__)) is not None:
        root = deeper
    said, first = _first_line(error), _first_line(root)
    return said if root is error or first in said else f"{said}: {type(root).__name__}: {first}"


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__


def _cause(task: Task, read: bool) -> str | None:
    assert task.train, "a training mixture has only tasks with training rows"
    try:
        rows = TaskRows(task, task.train)
        if read:
            rows.__getitems__([0, len(rows) - 1])
    except (RowError, RecursionError, UnicodeError):  # one bad row, which is counted like any other
        return None
    except MemoryError:
        raise
    except Exception as error:
        return root_cause(error)
    return None


def _published(mixture: Mixture, causes: Mapping[str, str]) -> dict[str, float]:
    known = {task.name: _num_rows(task) for task in mixture.tasks()}
    shares, others = (
        {e.task.name: e.share for e in mixture.resolve({name: n or unknown for name, n in known.items()})}
        for unknown in (_MANY, _MORE)
    )
    return shares if shares == others else {}


def _num_rows(task: Task) -> int | None:
    """Returns the number of training rows; None if the data set cannot be counted either."""
    assert task.train
    try:
        return len(TaskRows(task, task.train))
    except Exception:  # its cause is known already
        return None
