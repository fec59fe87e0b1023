"""`flanjax check`: prints what is wrong with a mixture, and writes it as JSON or as a page."""

import argparse
import json
import sys
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from flanjax import storage
from flanjax.check.findings import KINDS, Report, excerpt, read_known
from flanjax.check.page import render
from flanjax.check.run_checks import check_mixture
from flanjax.data.tokenizer import load_tokenizer
from flanjax.tasks.registry import load_mixture

KNOWN = "known_findings.json"  # beside the mixture's file
_WIDTH = 150  # columns, if the output is not a terminal


def check(args: argparse.Namespace, console: Console | None = None) -> int:
    """Checks the mixture of the arguments, and returns the exit status: 1 if there are findings that are not known."""
    console = console or Console(width=None if sys.stdout.isatty() else _WIDTH)
    json_file, page = (storage.prepare_file(path) if path else None for path in (args.json, args.html))
    mixture = load_mixture(args.mixture)
    known = known_beside(args.known, args.mixture)
    with Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), console=Console(stderr=True), transient=True
    ) as bars:
        shown = bars.add_task("opening", total=None)
        report = check_mixture(
            mixture,
            rows=None if args.all else args.rows,
            tokenizer=load_tokenizer(args.tokenizer) if args.tokenizer else None,
            leaks=not args.no_leaks,
            tasks=args.tasks or (),
            known=known,
            progress=lambda what, done, of: bars.update(shown, description=what, completed=done, total=of),
        )
    if json_file:
        storage.replace_text(json_file, json.dumps(report.to_json(), indent=1, ensure_ascii=False))
    if page:
        storage.replace_text(page, render(report))
    print_report(report, console)
    for path in filter(None, (json_file, page)):
        console.print(Text(f"written: {path}"))
    return 1 if report.new else 0


def known_beside(path: str | None, address: str) -> dict[str, str]:
    """Returns the known findings: of the file that was named, or of the one beside the mixture's file, if there is one."""
    beside = Path(address.partition(":")[0]).parent / KNOWN
    if path is None and not beside.exists():
        return {}
    file = Path(path) if path else beside
    if not file.is_file():
        raise FileNotFoundError(f"there is no file {file} of known findings; see --known in flanjax check --help")
    try:
        return read_known(file.read_text(encoding="utf-8"))
    except ValueError as error:
        error.add_note(f"in {file}")
        raise


def print_report(report: Report, console: Console) -> None:
    """Prints the findings that are not known as a table, and counts the others."""
    counts = ", ".join(f"{number:,} {what}" for what, number in report.checked.items())
    if report.new:
        table = Table(title=Text(f"{report.mixture}: {len(report.new)} findings"), header_style="bold")
        for name in ("kind", "task", "template", "cases", "what", "for example"):
            table.add_column(name, justify="right" if name == "cases" else "left", overflow="fold")
        for finding in report.new:
            example = finding.examples[0] if finding.examples else None
            cell = Text(" ".join(excerpt(example.text, width=200).split())) if example else Text("")
            if example:
                cell += Text(f" ({example.where})", style="dim")
            what = " ".join(part for part in (finding.detail, finding.style and f"({finding.style})") if part)
            other = finding.template or (f"with {finding.other}" if finding.other else "")
            table.add_row(
                Text(finding.kind), Text(finding.task), Text(other), f"{finding.count:,} of {finding.of:,}", Text(what), cell
            )
        console.print(table)
        for kind in KINDS:
            if any(f.kind == kind for f in report.new):
                console.print(Text(f"{kind}: {KINDS[kind]}", style="dim"))
    explained = len(report.findings) - len(report.new)
    console.print(Text(f"checked: {counts}"))
    console.print(Text(f"{len(report.new)} findings, and {explained} that are known and explained"))
    for key in report.stale:
        console.print(Text(f"known finding {key!r} was not made: take it out of the list, or check more rows"))
