"""Prints a catalogue of folders as tables, or as JSON."""

import argparse
import itertools
import json
import sys
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from flanjax.describe.catalogue import Catalogue, ClusterEntry, MixtureEntry, TaskEntry, catalogue

_WIDTH = 190  # columns, if the output is not a terminal


def show_catalogue(args: argparse.Namespace, console: Console | None = None) -> int:
    """Prints what the folders and files define, and returns the exit status: 1 if one of the files cannot be loaded."""
    console = console or Console(width=None if sys.stdout.isatty() else _WIDTH)
    found = catalogue(args.what).matching(" ".join(args.search or ()).split())
    if args.json:
        print(json.dumps(found.to_json(), indent=1, ensure_ascii=False))
    else:
        print_catalogue(found, console)
    return 1 if found.errors else 0


def print_catalogue(found: Catalogue, console: Console) -> None:
    """Prints the mixtures, the clusters, the tasks of each file, and the files that cannot be loaded."""
    mixtures = ((m.name, m.address, _number(len(m.tasks)), _number(len(m.clusters)), *_counts(m)) for m in found.mixtures)
    _print(console, "mixtures", ("mixture", "address", "tasks #", "clusters #", "templates #", "rows #"), mixtures)
    clusters = ((c.name, _number(len(c.tasks)), *_counts(c), ", ".join(c.tasks)) for c in found.clusters)
    _print(console, "clusters", ("cluster", "tasks #", "templates #", "rows #", "which"), clusters)
    names = ("task", "cluster", "rows #", "evaluation #", "templates #", "styles", "licence", "lineage", "link")
    for file, tasks in itertools.groupby(found.tasks, key=lambda task: task.file):
        _print(console, file, names, (_task(task) for task in tasks))
    if found.errors:
        _print(console, "files that cannot be loaded", ("file", "why"), found.errors.items(), style="bold red")
    counts = f"{len(found.mixtures)} mixtures, {len(found.clusters)} clusters, {len(found.tasks)} tasks"
    templates = sum(len(t.templates) for t in found.tasks)
    console.print(Text(f"{counts}, {templates:,} templates; rows are counted where that needs no data to be opened"))


def _print(console: Console, title: str, names: Sequence[str], rows: Iterable[Sequence[str]], style: str = "") -> None:
    """Prints a table, if it has rows; a name that ends in # is that of a column of numbers."""
    table = Table(title=Text(title, style=style), header_style="bold")
    for name in names:
        table.add_column(name.removesuffix(" #"), justify="right" if name.endswith("#") else "left", overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    if table.row_count:
        console.print(table)


def _task(task: TaskEntry) -> tuple[str, ...]:
    inverted = sum(t.kind == "inverted" for t in task.templates)
    templates = f"{len(task.templates)}" + (f" ({inverted} inverted)" if inverted else "")
    styles = ", ".join(style for style in task.styles if style not in ("forward", "inverted"))
    rows = (_rows(task.train, task.rows), _rows(task.evaluation, task.evaluation_rows))
    return (task.name, task.cluster, *rows, templates, styles, task.licence or "-", ", ".join(task.lineage), task.link or "-")


def _rows(split: str | None, count: int | None) -> str:
    return "none" if split is None else "?" if count is None else _number(count)


def _counts(entry: MixtureEntry | ClusterEntry) -> tuple[str, str]:
    """Returns the numbers of templates and rows; "+ 3 tasks" has more rows that are not counted."""
    more = f" + {entry.uncounted} tasks" if entry.uncounted else ""
    return _number(entry.templates), f"{_number(entry.rows)}{more}"


def _number(count: int) -> str:
    return f"{count:,}"
