"""What a run's tasks were, so that an evaluation can say what has changed since: templates, code or rows of which task.

For each task a record of short hashes goes into every checkpoint. Rows are told by their number and by a sample of them, the
function that reads them by its source text and by what it makes of that sample.
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

from flanjax.sources import Rows
from flanjax.tasks.task import BadRow, SkipRow, Task

_SAMPLED_ROWS = 8
_ADDRESS = re.compile(r" at 0x[0-9a-f]+")  # in the repr of an object, another in every process
Record = dict[str, str | None]


def split_identity(trained: Iterable[Task], rows: Mapping[str, Rows], heldout: Iterable[Task]) -> dict[str, Record]:
    """Task name -> its record: of training rows for what is trained on, of evaluation rows for what is held out.

    Args:
      rows: those that are trained on, by task.
    """
    found = {task.name: task_identity(task, rows[task.name]) for task in trained}
    return {**found, **{task.name: task_identity(task, open_or_none(task, task.evaluation)) for task in heldout}}


def task_identity(task: Task, rows: Rows | None = None) -> Record:
    """The task's hashes; without rows, None in the place of those that need them."""
    record: Record = {
        "templates": _digest(repr((task.templates, task.long_fields, task.shuffle_options))),
        "code": _code_of(task.example),
        "rows": None,
        "examples": None,
    }
    if rows is not None:
        at = sorted({int(i) for i in np.linspace(0, len(rows) - 1, min(_SAMPLED_ROWS, len(rows)))})
        sample = [_attempt(functools.partial(rows.__getitem__, i)) for i in at]
        record["rows"] = _digest(repr((len(rows), sample)))
        record["examples"] = _digest(repr([_attempt(functools.partial(task.read, row)) for row in sample]))
    return record


def open_or_none(task: Task, split: str | None) -> Rows | None:
    """The task's rows of a split; None, with a warning, where they cannot be opened here."""
    if split is None:
        return None
    try:
        return task.source.open(split)
    except Exception as error:
        reason = str(error).partition("\n")[0]
        logging.getLogger("flanjax").warning(
            "rows %s of task %s cannot be opened (%s): whether they change is not known", split, task.name, reason
        )
        return None


def changed_since(
    old: Mapping[str, Record] | None, tasks: Iterable[Task], evaluated: Iterable[Task], trained: Collection[str]
) -> list[str] | None:
    """What `changes` says of the tasks that a mixture has now; rows are compared of those that are evaluated.

    Args:
      old: of a checkpoint; None where it is of a version that did not record it, and then so is the answer.
      trained: names of the tasks that the run was trained on: their training rows are on record.
    """
    if old is None:
        return None
    new = {task.name: task_identity(task) for task in tasks}
    for task in evaluated:
        rows = open_or_none(task, task.train if task.name in trained else task.evaluation)
        new[task.name] = task_identity(task, rows)
    return changes(old, new)


def changes(old: Mapping[str, Record], new: Mapping[str, Record]) -> list[str]:
    """One line for each task that differs, such as "rte: templates, rows". What is None in either is not compared.

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
    return [part for part in ("templates", "code", "rows") if part in differ]


def _code_of(function: Any) -> str | None:
    """A hash of a function's source, whatever its comments and layout; None where it has none, as what a notebook lost."""
    while isinstance(function, functools.partial):
        function = function.func
    try:
        source = textwrap.dedent(inspect.getsource(inspect.unwrap(function)))
    except (OSError, TypeError):
        return None
    try:
        return _digest(ast.dump(ast.parse(source)))
    except SyntaxError:  # a lambda within an expression
        return _digest(source.strip())


def _attempt(read: Any) -> Any:
    try:
        return read()
    except (BadRow, SkipRow, ValueError) as error:
        return type(error).__name__


def _digest(text: str) -> str:
    text = _ADDRESS.sub("", text)
    return hashlib.blake2b(text.encode(errors="backslashreplace"), digest_size=8).hexdigest()
