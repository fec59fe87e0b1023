"""`flanjax doctor`: examines a config or a workdir, prints what was found, and writes it as JSON or as a page."""

import argparse
import json
import sys
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from flanjax import storage
from flanjax.lab.doctor.examine import checks_named, examine
from flanjax.lab.doctor.outcome import FAILED, NOT_CHECKED, PASSED, Report
from flanjax.lab.doctor.page import render
from flanjax.lab.doctor.patient import open_patient
from flanjax.parallel import sharding

_WIDTH = 150  # columns, if the output is not a terminal
_MARKS = {PASSED: ("passed", "green"), FAILED: ("failed", "bold red"), NOT_CHECKED: ("not checked", "dim")}


def doctor(args: argparse.Namespace, mixture: Any = None) -> int:
    """Examines what the arguments name, and returns the exit status: 1 if a check failed."""
    console = Console(width=None if sys.stdout.isatty() else _WIDTH)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    checks_named(args.only or ())  # a misspelt one is told before anything is opened
    json_file, page = (storage.prepare_file(path) if path else None for path in (args.json, args.html))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        bar = bars.add_task("opening", total=None)

        def progress(done: int, of: int, name: str) -> None:
            bars.update(bar, description=name, completed=done, total=of)
            if not bars.console.is_terminal:
                print(f"{name} ...", file=sys.stderr, flush=True)

        with open_patient(args.source, args.overrides, mixture=mixture) as patient:
            results = examine(patient, args.only or (), progress)
            devices = sharding.describe(patient.mesh)
            report = Report(patient.name, args.source, patient.step, patient.program.size, devices, tuple(results))
    print_report(report, console)
    if json_file:
        storage.replace_text(json_file, json.dumps(report.to_json(), indent=1, ensure_ascii=False))
    if page:
        storage.replace_text(page, render(report))
    for path in filter(None, (json_file, page)):
        console.print(Text(f"written: {path}"))
    return 1 if report.failed else 0


def print_report(report: Report, console: Console) -> None:
    """Prints a line for each check, and what is wrong below it; then an example of each layout as the model sees it."""
    table = Table(title=Text(f"{report.name}: {report.size}, {report.devices}"), header_style="bold")
    for name in ("check", "", "what was found", "seconds"):
        table.add_column(name, justify="right" if name == "seconds" else "left", overflow="fold")
    for result in report.results:
        word, style = _MARKS[result.status]
        said = Text(result.outcome.said)
        for finding in result.outcome.findings:
            at = ", ".join(part for part in (finding.task, finding.template and f"template {finding.template}") if part)
            cases = f" ({finding.count:,} of {finding.of:,})" if finding.of > 1 else ""
            said += Text(f"\n{finding.kind}{f', {at}' if at else ''}: {finding.detail}{cases}", style="red")
        table.add_row(result.name, Text(word, style=style), said, f"{result.seconds:.1f}")
    console.print(table)
    for shown in {s.layout: s for result in report.results for s in result.outcome.shown}.values():
        line = Text(f"{shown.layout}, {shown.task}: ", style="dim")
        for run in shown.runs:
            line += Text(run.text, style="reverse" if run.role == "trained" else "")
        console.print(line)
    passed = len(report.results) - len(report.failed)
    unchecked = sum(r.status == NOT_CHECKED for r in report.results)
    console.print(Text(f"{len(report.failed)} checks failed, {passed - unchecked} passed, {unchecked} could not be made"))
