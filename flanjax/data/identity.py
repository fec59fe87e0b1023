"""The identity of a run's tasks, so that an evaluation can report what has changed since: a task's templates, code or rows.

Every checkpoint stores a record of short hashes for each task. Rows of files are identified by their number and by the files'
sizes and some of their bytes, so that none is opened for it; other rows by their number and a sample of them. The function that
reads rows is identified by its source text and the values bound to it, and by its results on that sample.
"""

import ast
import functools
import hashlib
import inspect
import logging
import re
import textwrap
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from flanjax.data.task_rows import TaskRows
from flanjax.sources import Rows, SourceError, kept
from flanjax.tasks.mixture import Entry
from flanjax.tasks.task import BadRow, SkipRow, Task

_SAMPLED_ROWS = 8
_HOW_ASKED = ("long_fields", "shuffle_options", "few_shot", "target")
_ADDRESS = re.compile(r" at 0x[0-9a-f]+")  # in the repr of an object; differs between processes
Record = dict[str, str | None]


def split_identity(trained: Iterable[Entry], rows: Mapping[str, Rows], heldout: Iterable[Task]) -> dict[str, Record]:
    """Returns task name -> record: of the training rows of trained tasks, and of the evaluation rows of held-out tasks.

    Args:
      trained: the entries of a corpus, whose filters know the rows that they leave out.
      rows: the training rows of each task.
    """
    found = {e.task.name: {**task_identity(e.task, rows[e.task.name]), "filters": filters_identity(e)} for e in trained}
    found |= {task.name: task_identity(task, open_or_none(task, task.evaluation)) for task in heldout}
    kept.save()
    return found


def task_identity(task: Task, rows: Rows | None = None) -> Record:
    """Returns the task's hashes; without rows, those that need rows are None."""
    record: Record = {
        "templates": _digest(repr((task.templates, task.exemplars, *(getattr(task, name) for name in _HOW_ASKED)))),
        "code": code_of(task.example),
        "files": None,
        "rows": None,
        "examples": None,
    }
    if rows is not None and (files := _fingerprint(rows)) is not None:
        record["files"] = _digest(repr((len(rows), files)))
    elif rows is not None:
        at = sorted({int(i) for i in np.linspace(0, len(rows) - 1, min(_SAMPLED_ROWS, len(rows)))})
        sample = [_attempt(functools.partial(rows.__getitem__, i)) for i in at]
        record["rows"] = _digest(repr((len(rows), sample)))
        record["examples"] = _digest(repr([_attempt(functools.partial(task.read, row)) for row in sample]))
    return record


def filters_identity(entry: Entry) -> str:
    """Returns a hash of the filters of an entry of a corpus, and of the rows that they know."""
    return _digest(repr(entry.filters))


def _fingerprint(rows: Rows) -> str | None:
    find = getattr(rows, "fingerprint", None)
    return None if find is None else find()


def open_or_none(task: Task, split: str | None) -> Rows | None:
    """Returns the task's rows of a split; None, with a warning, if there are none here."""
    if split is None:
        return None
    try:
        rows = TaskRows(task, split)
        return task.source.open(split) if _fingerprint(rows) is None else rows
    except Exception as error:
        reason = str(error).partition("\n")[0]
        logging.getLogger("flanjax").warning(
            "rows %s of task %s cannot be opened (%s), so a change in them would not be noticed", split, task.name, reason
        )
        return None


def changed_since(
    old: Mapping[str, Record] | None, tasks: Iterable[Task], evaluated: Iterable[Task], trained: Collection[str]
) -> list[str] | None:
    """Returns the `changes` from a checkpoint's records to the mixture's present tasks; None if nothing was recorded.

    Rows are compared for evaluated tasks only.

    Args:
      old: the records of a checkpoint; None if an older version wrote it without them.
      trained: names of the tasks that the run was trained on; their records are of training rows.
    """
    if old is None:
        return None
    new = {task.name: task_identity(task) for task in tasks}
    for task in evaluated:
        rows = open_or_none(task, task.train if task.name in trained else task.evaluation)
        new[task.name] = task_identity(task, rows)
    return changes(old, new)


def changes(old: Mapping[str, Record], new: Mapping[str, Record]) -> list[str]:
    """Returns one line for each task that differs, such as "rte: templates, rows". A None in either record is not compared.

    >>> old = {"templates": "a", "code": "b", "rows": "c", "examples": "d"}
    >>> changes({"rte": old, "gone": old}, {"rte": {**old, "templates": "x", "rows": None}})
    ['gone: no longer in the mixture', 'rte: templates']
    """
    lines = [f"{name}: no longer in the mixture" for name in old.keys() - new.keys()]
    lines += [f"{name}: not in the mixture then" for name in new.keys() - old.keys()]
    for name in old.keys() & new.keys():
        if parts := _changed_parts(old[name], new[name]):
            lines.append(f"{name}: {', '.join(parts)}")
    return sorted(lines)


def _changed_parts(old: Record, new: Record) -> Sequence[str]:
    differ = {key for key in old.keys() & new.keys() if None not in (old[key], new[key]) and old[key] != new[key]}
    if "examples" in differ and "rows" not in differ:
        differ.add("code")
    if "files" in differ:
        differ.add("rows")
    return [part for part in ("templates", "code", "rows", "filters") if part in differ]


def code_of(function: Any) -> str | None:
    """Returns a hash of a function's source, without comments and formatting, and of the values bound to it by `partial` or by
    the functions around it; None if there is no source, as in a notebook."""
    bound: list[Any] = []
    while isinstance(function, functools.partial):
        bound += [function.args, function.keywords]
        function = function.func
    function = inspect.unwrap(function)
    source = _source_of(getattr(function, "__code__", function))
    cells = getattr(function, "__closure__", None) or ()
    bound += [cell.cell_contents for cell in cells if _is_filled(cell)]
    return _digest(repr((source, _plain(bound)))) if source and bound else source


def _is_filled(cell: Any) -> bool:
    try:
        return cell.cell_contents is not cell
    except ValueError:
        return False


def _plain(value: Any) -> Any:
    """Returns a value with lists for tuples and hashes for functions; of other objects, only the kind."""
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, Mapping):
        return [[_plain(k), _plain(v)] for k, v in value.items()]
    if value is None or isinstance(value, str | bytes | int | float | complex | frozenset):
        return sorted(map(repr, value)) if isinstance(value, frozenset) else value
    return code_of(value) if inspect.isfunction(value) else type(value).__qualname__


@functools.lru_cache(maxsize=1024)  # thousands of tasks may share one function
def _source_of(code: Any) -> str | None:
    try:
        source = textwrap.dedent(inspect.getsource(code))
    except (OSError, TypeError):
        return None
    try:
        return _digest(ast.dump(ast.parse(source)))
    except SyntaxError:  # a lambda within an expression
        return _digest(source.strip())


def _attempt(read: Any) -> Any:
    try:
        return read()
    except SourceError:
        raise
    except (BadRow, SkipRow, ValueError) as error:
        return type(error).__name__


def _digest(text: str) -> str:
    text = _ADDRESS.sub("", text)
    return hashlib.blake2b(text.encode(errors="backslashreplace"), digest_size=8).hexdigest()
