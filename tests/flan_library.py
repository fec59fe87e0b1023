"""The library of mixtures/flan/ and its tables: for each task its columns, where they are known from, and rows made up for it.

Beside each mixture file <name>.py lies tests/library/<name>.json, a list of objects with the keys of `Table`.
"""

import functools
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from flanjax.check.findings import Collector, Finding, read_known
from flanjax.check.renders import check_task
from flanjax.sources import Rows, rows
from flanjax.sources.hub import HubStore
from flanjax.tasks.mixture import Mixture
from flanjax.tasks.registry import catalog
from flanjax.tasks.styles import StyleShares
from flanjax.tasks.task import Task

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "mixtures" / "flan"
TABLES = ROOT / "tests" / "library"
FILES = tuple(sorted(path.stem for path in FOLDER.glob("*.py")))
KNOWN = read_known((FOLDER / "known_findings.json").read_text(encoding="utf-8"))


class Table(NamedTuple):
    """What is known of a task's rows.

    Attributes:
      columns: column -> its type, and the names of its labels.
      known_from: where the columns were read; "not verified" if nowhere.
      mirror_split: a split that the mirror has of the task's source in these columns; None if it has none.
      rows: rows made up for the tests, with exactly these columns.
    """

    task: str
    columns: dict[str, str]
    known_from: str
    mirror_split: str | None
    rows: list[dict[str, Any]]


@functools.cache
def mixtures(file: str) -> dict[str, Mixture]:
    """Variable -> mixture, of a file of the library."""
    return {name: value for name, value in catalog(FOLDER / f"{file}.py").items() if isinstance(value, Mixture)}


@functools.cache
def tasks(file: str) -> tuple[Task, ...]:
    return tuple({task.name: task for mixture in mixtures(file).values() for task in mixture.tasks()}.values())


def all_tasks() -> list[Task]:
    return [task for file in FILES for task in tasks(file)]


@functools.cache
def tables(file: str) -> dict[str, Table]:
    listed = json.loads((TABLES / f"{file}.json").read_text(encoding="utf-8"))
    return {entry["task"]: Table(**entry) for entry in listed}


@functools.cache
def _styles(file: str) -> dict[str, StyleShares]:
    """Task -> the styles in which its mixture shows it."""
    entries = [e for m in mixtures(file).values() for e in m.resolve({t.name: 1 for t in m.tasks()})]
    return {entry.task.name: entry.styles for entry in entries}


def made_rows(table: Table) -> Rows:
    return rows("made", train=table.rows).open("train")


def data_set(task: Task) -> str:
    """The name of the task's data set, which its configurations share."""
    store = getattr(task.source, "store", None)
    return store.path if isinstance(store, HubStore) else task.source.name


def mirrored_splits(task: Task) -> list[str]:
    """The splits that the mirror has of the task's source."""
    mirror, store = os.environ.get("FLANJAX_HUB_MIRROR"), getattr(task.source, "store", None)
    if not mirror or not isinstance(store, HubStore):
        return []
    folder = Path(mirror) / store.path
    configs = [path.name for path in folder.iterdir() if path.is_dir()] if folder.is_dir() else []
    config = store.config or (configs[0] if len(configs) == 1 else "default")
    return sorted(path.stem for path in (folder / config).glob("*.parquet"))


def findings(file: str, task: Task, splits: Mapping[str, Rows], count: int | None) -> tuple[list[Finding], dict[str, int]]:
    """Returns what `flanjax check` finds in every template and style and no list explains, and the numbers of rows and renders.

    Args:
      count: how many rows of each split are rendered; None for all.
    """
    found = Collector()
    counted = check_task(task, splits, _styles(file)[task.name], found, rows=count)
    return [f for f in found.findings({}) if not is_known(f)], dict(counted)


def is_known(finding: Finding) -> bool:
    return any(finding.key == key or finding.key.startswith(f"{key}/") for key in KNOWN)


def said(finding: Finding) -> str:
    """The finding on a line, with the first of its examples."""
    example = finding.examples[0] if finding.examples else None
    shown = example and f"{example.where}: {example.text}"
    return " · ".join(part for part in (finding.key, finding.style, finding.detail, f"{finding.count} times", shown) if part)
