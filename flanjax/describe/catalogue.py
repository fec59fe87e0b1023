"""A catalogue of what Python files define: mixtures, clusters, tasks. No data is opened.

found = catalogue(["mixtures"])
[task.name for task in found.matching(["sentiment", "MIT"]).tasks]
"""

import dataclasses
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from flanjax.sources import known_rows
from flanjax.tasks import registry
from flanjax.tasks.example import CHOICES, OPTIONS, RATIONALE
from flanjax.tasks.mixture import Mixture
from flanjax.tasks.task import Task


class TemplateEntry(NamedTuple):
    """One template of a task, in words."""

    name: str
    kind: str
    input: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class TaskEntry:
    """A task as its file defines it.

    Attributes:
      file: where it is defined.
      train, evaluation: its splits; None if it has none.
      rows, evaluation_rows: numbers of rows, where they are known without opening data; else None.
      styles: what its definition shows of the styles in which it is asked. Whether rows have options and rationales is known
        only once they are read.
      lineage: the corpora that its rows derive from.
    """

    name: str
    cluster: str
    file: str
    source: str
    train: str | None
    evaluation: str | None
    rows: int | None
    evaluation_rows: int | None
    templates: tuple[TemplateEntry, ...]
    styles: tuple[str, ...]
    metrics: tuple[str, ...]
    licence: str
    lineage: tuple[str, ...]
    link: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class MixtureEntry:
    """A mixture.

    Attributes:
      address: what `--config.mixture` takes.
      rows: number of training rows of the tasks whose rows are counted.
      uncounted: number of the other tasks.
    """

    name: str
    address: str
    tasks: tuple[str, ...]
    clusters: tuple[str, ...]
    templates: int
    rows: int
    uncounted: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class ClusterEntry:
    """All tasks of a cluster, whatever file they are in; see `MixtureEntry`."""

    name: str
    tasks: tuple[str, ...]
    templates: int
    rows: int
    uncounted: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Catalogue:
    """What some files define.

    Attributes:
      errors: file -> why it cannot be loaded.
    """

    mixtures: tuple[MixtureEntry, ...]
    clusters: tuple[ClusterEntry, ...]
    tasks: tuple[TaskEntry, ...]
    errors: dict[str, str]

    def matching(self, words: Sequence[str]) -> "Catalogue":
        """Returns the entries in which all words occur, in any case; the files that cannot be loaded stay."""
        return Catalogue(
            mixtures=tuple(m for m in self.mixtures if _has_all(words, (m.name, m.address, *m.tasks, *m.clusters))),
            clusters=tuple(c for c in self.clusters if _has_all(words, (c.name, *c.tasks))),
            tasks=tuple(t for t in self.tasks if _has_all(words, _texts(t))),
            errors=self.errors,
        )

    def to_json(self) -> dict[str, Any]:
        tasks = [{**dataclasses.asdict(t), "templates": [one._asdict() for one in t.templates]} for t in self.tasks]
        mixtures, clusters = ([dataclasses.asdict(e) for e in entries] for entries in (self.mixtures, self.clusters))
        return {"mixtures": mixtures, "clusters": clusters, "tasks": tasks, "errors": self.errors}


def catalogue(paths: Iterable[str]) -> Catalogue:
    """Returns what Python files define; of a folder, those in it and in its folders. They are run, and no data is opened.

    Raises:
      FileNotFoundError: there is no such file or folder.
    """
    errors: dict[str, str] = {}
    loaded: list[tuple[Path, dict[str, Mixture | Task]]] = []
    for file in _files(paths):
        try:
            loaded.append((file, registry.catalog(file)))
        except Exception as error:  # whatever a user's file raises, the others can be listed
            notes = "".join(f" ({note})" for note in getattr(error, "__notes__", ()))
            errors[os.path.relpath(file)] = f"{str(error) or type(error).__name__}{notes}"
    # A file that collects other files' tasks has them too. The file with the fewest is the one that defines them.
    loaded.sort(key=lambda one: (len(one[1]), str(one[0])))
    tasks: dict[int, TaskEntry] = {}
    distinct: dict[TaskEntry, TaskEntry] = {}  # without its file -> with it: a copy that differs in nothing is no other task
    mixtures: dict[int, tuple[Mixture, str]] = {}
    for file, values in loaded:
        place = os.path.relpath(file)
        for variable, value in values.items():
            members = value.tasks() if isinstance(value, Mixture) else (value,)
            for task in members:
                if id(task) not in tasks:
                    entry = _task(task, place)
                    tasks[id(task)] = distinct.setdefault(dataclasses.replace(entry, file=""), entry)
            if isinstance(value, Mixture):
                mixtures.setdefault(id(value), (value, f"{place}:{variable}"))
    of_mixtures = (_mixture(mixture, address, tasks) for mixture, address in mixtures.values())
    return Catalogue(
        mixtures=tuple(sorted(of_mixtures, key=lambda m: m.address)),
        clusters=_clusters(distinct.values()),
        tasks=tuple(sorted(distinct.values(), key=lambda t: (t.file, t.cluster, t.name))),
        errors=errors,
    )


def _files(paths: Iterable[str]) -> list[Path]:
    found: dict[Path, None] = {}
    for path in map(Path, paths):
        if not path.exists():
            raise FileNotFoundError(f"no file or folder {path}; a mixture is FILE:NAME")
        found.update(dict.fromkeys(file.resolve() for file in (_inside(path) if path.is_dir() else [path])))
    return list(found)


def _inside(folder: Path) -> list[Path]:
    """The Python files in a folder and below it, but nothing that is hidden or private, and no virtual environment."""
    names = {p: p.relative_to(folder).parts for p in sorted(folder.rglob("*.py"))}
    environments = {p.parent for p in folder.rglob("pyvenv.cfg")}
    return [
        file
        for file, parts in names.items()
        if not any(part.startswith((".", "_")) for part in parts) and environments.isdisjoint(file.parents)
    ]


def _task(task: Task, file: str) -> TaskEntry:
    return TaskEntry(
        name=task.name,
        cluster=task.cluster,
        file=file,
        source=task.source.name,
        train=task.train,
        evaluation=task.evaluation,
        rows=_known_rows(task, task.train),
        evaluation_rows=_known_rows(task, task.evaluation),
        templates=tuple(TemplateEntry(t.name, t.kind, t.input) for t in task.templates),
        styles=_styles(task),
        metrics=tuple(task.metrics),
        licence=task.licence,
        lineage=tuple(sorted(task.corpora)),
        link=task.link,
    )


def _known_rows(task: Task, split: str | None) -> int | None:
    if split is None:
        return None
    try:
        return known_rows(task.source, split)
    except (ValueError, OSError):  # the data is not here
        return None


def _styles(task: Task) -> tuple[str, ...]:
    """Returns the styles that the definition shows, in the words of `Style.name`."""
    used = {name for t in task.templates for name in t.input_variables | t.target_variables}
    shots = {t.shots for t in task.templates}
    can_be_few = task.few_shot and shots != {0}
    options = bool(used & {OPTIONS, CHOICES}) or any(t.options == "always" for t in task.templates)
    has = {
        "zero-shot": bool(shots & {None, 0}),
        "few-shot": can_be_few or any(shots - {None, 0}),
        "options": options,
        "chain-of-thought": RATIONALE in used,
        "forward": bool(task.forward),
        "inverted": bool(task.inverted),
    }
    return tuple(name for name, there in has.items() if there)


def _mixture(mixture: Mixture, address: str, tasks: dict[int, TaskEntry]) -> MixtureEntry:
    members = [tasks[id(task)] for task in mixture.tasks()]
    return MixtureEntry(
        name=mixture.name,
        address=address,
        tasks=tuple(t.name for t in members),
        clusters=tuple(mixture.clusters()),
        **_counts(members),
    )


def _clusters(tasks: Iterable[TaskEntry]) -> tuple[ClusterEntry, ...]:
    members: dict[str, list[TaskEntry]] = {}
    for task in tasks:
        members.setdefault(task.cluster, []).append(task)
    return tuple(
        ClusterEntry(
            name=name,
            tasks=tuple(sorted(t.name for t in some)),
            **_counts(some),
        )
        for name, some in sorted(members.items())
    )


def _counts(tasks: Sequence[TaskEntry]) -> dict[str, int]:
    rows = [t.rows for t in tasks if t.train]
    return {
        "templates": sum(len(t.templates) for t in tasks),
        "rows": sum(number for number in rows if number is not None),
        "uncounted": rows.count(None),
    }


def _has_all(words: Sequence[str], texts: Iterable[str]) -> bool:
    whole = "\n".join(texts).lower()
    return all(word.lower() in whole for word in words)


def _texts(task: TaskEntry) -> list[str]:
    facts = [task.name, task.cluster, task.file, task.source, task.licence, task.link]
    return [*facts, *task.lineage, *task.styles, *task.metrics, *(t.input for t in task.templates)]
