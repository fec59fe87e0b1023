"""`flanjax suite`: evaluates a model on a suite, or computes its baselines, and prints what others scored beside it."""

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from etils import epath
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from flanjax import run, storage
from flanjax.evaluate import protocol
from flanjax.evaluate.results import SCHEMA_VERSION
from flanjax.evaluate.suites import Beside, Suite, SuiteScore, beside, read_suite, score, shortfalls
from flanjax.lab.suite.baselines import Baseline, baselines
from flanjax.run.evaluation import named_tasks
from flanjax.tasks.registry import load_mixture
from flanjax.tasks.task import Task

SUITE = "suite.json"
_WIDTH = 130  # columns, if the output is not a terminal


def suite(args: argparse.Namespace) -> None:
    """Does what the arguments say: a model's scores, those of an earlier evaluation, or the baselines."""
    chosen = sum(map(bool, (args.model, args.evaluation, args.baselines)))
    if chosen != 1:
        raise ValueError("flanjax suite needs one of --model WORKDIR|HF, --evaluation DIR and --baselines")
    console = Console(width=None if sys.stdout.isatty() else _WIDTH)
    described = read_suite(args.suite)
    mixture = load_mixture(described.mixture)
    tasks = named_tasks(mixture, described.tasks)
    if args.baselines:
        some = named_tasks(mixture, args.tasks) if args.tasks else tasks
        print_baselines(described, _baselines(described, some, args.items or 0), console)
        return
    folder = epath.Path(args.evaluation) if args.evaluation else _evaluated(described, mixture, args)
    results = storage.read_json(folder / "results.json", SCHEMA_VERSION)
    settings = storage.read_json(folder / protocol.NAME, protocol.FORMAT)["protocol"]["evaluation"]
    ours = score(described, results)
    found = list(beside(described, ours, settings, [task.name for task in tasks], shortfalls(results)))
    print_scores(described, ours, found, console)
    storage.write_json(folder / SUITE, record(described, ours, found))
    console.print(Text(f"written: {folder / SUITE}"))


def _evaluated(described: Suite, mixture: Any, args: argparse.Namespace) -> epath.Path:
    changes = {**described.settings, **({} if args.items is None else {"items": args.items})}
    changes.pop("untuned", None)
    report = run.evaluate_model(args.model, mixture, tasks=args.tasks or described.tasks, output=args.output, changes=changes)
    return report.parent


def _baselines(described: Suite, tasks: Sequence[Task], items: int) -> list[Baseline]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        bar = bars.add_task("tasks", total=len(tasks))
        return list(baselines(tasks, described.metric, items=items, advance=lambda: bars.advance(bar)))


def print_baselines(described: Suite, found: Sequence[Baseline], console: Console) -> None:
    """Prints the means over tasks, and over the tasks of each cluster."""
    table = Table(title=Text(f"{described.name}: {described.metric} without a model"), header_style="bold")
    table.add_column("cluster")
    for name in ("tasks", "items", "the input given back", "a demonstration's answer"):
        table.add_column(name, justify="right")
    clusters = {one.cluster: [o for o in found if o.cluster == one.cluster] for one in found}
    for name, those in [*sorted(clusters.items()), ("all", list(found))]:
        copied = [one.copied_demonstration for one in those if one.copied_demonstration is not None]
        cells = (str(len(those)), f"{sum(o.items for o in those):,}", f"{_mean([o.copied_input for o in those]):.2f}")
        table.add_row(Text(name), *cells, f"{_mean(copied):.2f}" if copied else "–", end_section=name == "all")
    console.print(table)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def print_scores(described: Suite, ours: SuiteScore, found: Sequence[Beside], console: Console) -> None:
    """Prints our score, and every published one with ours beside it or with what forbids that."""
    console.print(Text(f"{described.name}: {ours.mean:.1f} {described.metric}, mean over {len(ours.tasks)} tasks"))
    for cluster, value in ours.clusters.items() if len(ours.clusters) > 1 else ():
        console.print(Text(f"  {cluster}: {value:.1f}"))
    if not found:
        return
    table = Table(title=Text("published scores"), header_style="bold")
    for name in ("model", "of", "theirs", "ours", "", "source"):
        table.add_column(name, justify="right" if name in ("theirs", "ours") else "left", overflow="fold")
    for one in found:
        ours_said = "" if one.ours is None else f"{one.ours:.1f}"
        why = f"refused: {one.refused}" if one.refused else one.reference.differs
        table.add_row(one.reference.model, one.what, f"{one.theirs:.1f}", ours_said, Text(why), Text(one.reference.source))
    console.print(table)


def record(described: Suite, ours: SuiteScore, found: Sequence[Beside]) -> dict[str, Any]:
    """Returns suite.json of an evaluation's folder."""
    published = [
        {"model": one.reference.model, "of": one.what, "theirs": one.theirs, "ours": one.ours, "refused": one.refused}
        | {"source": one.reference.source, "differs": one.reference.differs}
        for one in found
    ]
    return {"suite": described.name, "metric": described.metric, **ours._asdict(), "published": published}
