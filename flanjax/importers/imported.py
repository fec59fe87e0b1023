"""What an importer returns: the tasks of a folder or file, and what could not become a task, with reasons."""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from flanjax.importers.flan_tasks import Origin
from flanjax.tasks.mixture import Mixture, Rate, proportional
from flanjax.tasks.styles import StyleShares
from flanjax.tasks.task import Task

_NOT_PLAIN = re.compile(r"[^a-z0-9_.\-]+")


class Refused(NamedTuple):
    """Something that did not become a task: a file, or a task's name in a file."""

    name: str
    reason: str


class Imported(NamedTuple):
    """The result of an importer.

    Attributes:
      tasks: in order of file or first appearance; their names are unique.
      refused: everything else that was found, with reasons. Nothing is left out without an entry here.
    """

    tasks: tuple[Task, ...]
    refused: tuple[Refused, ...] = ()

    def mixture(
        self,
        name: str,
        *,
        rate: Rate | None = None,
        styles: StyleShares | None = None,
        exclusions: Mapping[str, Sequence[str]] | None = None,
    ) -> Mixture:
        """Returns a mixture of all tasks; for the arguments, see Mixture. Raises ValueError if there is no task."""
        if not self.tasks:
            reasons = "; ".join(f"{r.name}: {r.reason}" for r in self.refused[:5])
            raise ValueError(f"mixture {name}: nothing was imported ({reasons or 'nothing was found'})")
        return Mixture(
            name=name, parts=self.tasks, rate=rate or proportional(cap=3000), styles=styles, exclusions=exclusions or {}
        )

    def origins(self) -> dict[str, Origin]:
        """Returns task name -> cluster and lineage, as a table for `rendered`."""
        return {task.name: Origin(task.cluster, tuple(task.lineage)) for task in self.tasks}


def plain_name(text: str) -> str:
    """Returns the text as the name of a task or a cluster. Raises ValueError if no letter or digit is left.

    >>> plain_name("Cause Effect Classification"), plain_name("Misc.")
    ('cause_effect_classification', 'misc')
    """
    name = _NOT_PLAIN.sub("_", text.lower()).strip("_.-")
    if not name:
        raise ValueError(f"{text!r} has no letter from a to z and no digit to make a name of")
    return name


def unique(tasks: Sequence[Task], refused: Sequence[Refused]) -> Imported:
    """Returns the tasks as Imported; of two with the same name, the second is refused."""
    kept: dict[str, Task] = {}
    more = list(refused)
    for task in tasks:
        if task.name in kept:
            more.append(Refused(task.name, "another task has the same name"))
        else:
            kept[task.name] = task
    return Imported(tuple(kept.values()), tuple(more))
