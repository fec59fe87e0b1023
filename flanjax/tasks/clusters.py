"""Holds clusters out: removes from training their tasks, what their exclusions name, and tasks that share data with them.

Rows of other tasks that equal one of their evaluation rows are left out too, by a filter.
"""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from flanjax.names import nearest
from flanjax.tasks.filters import EvaluationRows
from flanjax.tasks.mixture import Mixture
from flanjax.tasks.task import Task


class OverlapError(ValueError):
    """Training data and evaluation data share a task, a cluster or a corpus."""


class Split(NamedTuple):
    """The tasks that are trained on, and those that are held out.

    Attributes:
      train: the mixture without everything that was removed; a filter leaves out rows equal to one that is evaluated.
      heldout: the tasks of the held-out clusters.
      removed: task name -> why it is not trained on.
      clusters: the names of the held-out clusters.
      quarantined: task name -> why its data cannot be opened; it is not trained on (flanjax.data.quarantine).
      published: task name -> the share that the mixture asks for it where nothing is in quarantine, if that is known.
    """

    train: Mixture
    heldout: tuple[Task, ...]
    removed: dict[str, str]
    clusters: tuple[str, ...]
    quarantined: Mapping[str, str] = MappingProxyType({})
    published: Mapping[str, float] = MappingProxyType({})

    def record(self) -> dict[str, Any]:
        """Returns the split as JSON. It is saved with every checkpoint, and evaluation reads it from there."""
        missing = {"mixture": self.train.name, "quarantined": dict(self.quarantined)} if self.quarantined else {}
        return {
            **missing,
            "clusters": list(self.clusters),
            "train": [t.name for t in self.train.tasks()],
            "heldout": [t.name for t in self.heldout],
            "removed": self.removed,
        }


def hold_out(mixture: Mixture, clusters: Sequence[str], leave_out: Sequence[str] = ()) -> Split:
    """Returns the mixture split so that training has nothing of the named clusters.

    Args:
      clusters: clusters that are evaluated and never trained on.
      leave_out: clusters or tasks that are neither trained on nor evaluated (for ablations).
    """
    known = mixture.clusters()
    clusters = tuple(dict.fromkeys(clusters))
    for name in clusters:
        if name not in known:
            raise KeyError(f"mixture {mixture.name} has no cluster {name!r} to hold out; {nearest(name, known)}")
    left_out = _left_out(mixture, leave_out)
    heldout = tuple(t for name in clusters for t in known[name] if t.name not in left_out)
    removed = {**left_out, **_removals(mixture, clusters, heldout)}
    for task in mixture.tasks():
        if task.train is None:
            removed.setdefault(task.name, "has no training rows")
    train = mixture.without(set(removed))
    check_disjoint(train.tasks(), heldout)
    if evaluated := tuple(task for task in heldout if task.evaluation):
        train = dataclasses.replace(train, filters=(*train.filters, EvaluationRows(evaluated)))
    return Split(train, heldout, removed, clusters)


def check_disjoint(train: Iterable[Task], evaluation: Iterable[Task]) -> None:
    """Raises OverlapError naming each pair that shares a name, a cluster or a corpus."""
    evaluation = tuple(evaluation)
    pairs = [(t, e, shared) for t in train for e in evaluation if (shared := _shared(t, e))]
    if pairs:
        listed = "; ".join(f"{t.name} (training) and {e.name} (held out) share {shared}" for t, e, shared in pairs[:10])
        more = f"; and {len(pairs) - 10} more pairs" if len(pairs) > 10 else ""
        raise OverlapError(
            f"{len(pairs)} overlaps between training and held-out tasks: {listed}{more}. "
            "Take these tasks out of the training mixture, or hold their cluster out in the config"
        )


def _left_out(mixture: Mixture, names: Sequence[str]) -> dict[str, str]:
    known = {*mixture.clusters(), *(t.name for t in mixture.tasks())}
    for name in names:
        if name not in known:
            raise KeyError(f"mixture {mixture.name} has no cluster or task {name!r} to leave out; {nearest(name, known)}")
    return {t.name: "left out by the config" for t in mixture.tasks() if {t.name, t.cluster} & set(names)}


def _removals(mixture: Mixture, clusters: Sequence[str], heldout: Sequence[Task]) -> dict[str, str]:
    exclusions = mixture.all_exclusions()
    _check_exclusions(mixture, exclusions)
    removed: dict[str, str] = {}
    for task in mixture.tasks():
        if task.cluster in clusters:
            removed[task.name] = f"cluster {task.cluster} is held out"
        for cluster in clusters:
            if {task.name, task.cluster} & set(exclusions.get(cluster, ())):
                removed.setdefault(task.name, f"excluded when {cluster} is held out")
        for other in heldout:
            if shared := sorted(task.corpora & other.corpora):
                removed.setdefault(task.name, f"shares {', '.join(shared)} with held-out {other.name}")
    return removed


def _check_exclusions(mixture: Mixture, exclusions: dict[str, tuple[str, ...]]) -> None:
    known = {*mixture.clusters(), *(t.name for t in mixture.tasks())}
    for cluster, names in exclusions.items():
        for name in (cluster, *names):
            if name not in known:
                raise KeyError(
                    f"mixture {mixture.name}: exclusions name {name!r}, no cluster or task of it; {nearest(name, known)}"
                )


def _shared(train: Task, heldout: Task) -> str:
    if train.name == heldout.name:
        return f"the name {train.name}"
    if train.cluster == heldout.cluster:
        return f"the cluster {train.cluster}"
    return ", ".join(f"the corpus {c}" for c in sorted(train.corpora & heldout.corpora))
