"""Prints a mixture before training: its plan and its bad rows, or its examples as text."""

import argparse
import sys

from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from flanjax.data.feature_config import FeatureConfig
from flanjax.data.tokenizer import load_tokenizer
from flanjax.describe.opened import training_part
from flanjax.describe.pairs import Suggestion
from flanjax.describe.plan import Description, TaskDescription, describe
from flanjax.describe.samples import Sample, sample
from flanjax.tasks.registry import load_mixture

_TEXT_COLUMNS = ("task", "cluster")
_NUMBER_COLUMNS = ("rows", "asked %", "realised %", "examples", "epochs", "input mean / p95", "target", "cut %", "no example %")
_WIDTH = 150  # columns, if the output is not a terminal


def show_mixture(args: argparse.Namespace, console: Console | None = None) -> None:
    """Prints the plan of the mixture, or rendered examples if a task, a template or a style is given.

    Raises:
      ValueError: the data of some tasks cannot be opened, which is said after the others are shown; or there is nothing to
        show, because no sampled row gives an example.
    """
    console = console or Console(width=None if sys.stdout.isatty() else _WIDTH)
    mixture, removed = training_part(load_mixture(args.mixture), args.heldout)
    for name, reason in removed.items():
        console.print(Text(f"not trained on: {name} ({reason})"))
    features = FeatureConfig(inputs_length=args.inputs_length, targets_length=args.targets_length, lengths=args.lengths)
    tokenizer = load_tokenizer(args.tokenizer)
    if args.task or args.template or args.style:
        asked = {"task": args.task, "template": args.template, "style": args.style, "count": args.examples}
        asked["on_error"] = args.on_error
        for one in sample(mixture, tokenizer, **asked, features=features, seed=args.seed):
            console.print(_panel(one))
        return
    described = describe(
        mixture,
        tokenizer,
        features=features,
        seed=args.seed,
        num_examples=args.num_examples,
        sample=args.sample,
    )
    print_description(described, args.mixture, args.tokenizer, console)
    if described.missing and args.on_error == "stop":
        raise ValueError(f"{args.mixture}: the data of {len(described.missing)} tasks cannot be opened")
    if args.sample and not any(task.lengths for task in described.tasks):
        raise ValueError(f"{args.mixture}: none of the {sum(t.sampled for t in described.tasks)} sampled rows gives an example")


def print_description(described: Description, address: str, tokenizer: str, console: Console) -> None:
    """Prints the plan, the styles, the packing, and why rows give no example."""
    console.print(_plan_table(described, address))
    console.print(
        Text(f"plan {described.plan_hash}, in blocks of {described.block_size:,} examples; lengths in tokens of {tokenizer}")
    )
    if described.packing:
        fill = ", ".join(f"{_percent(share)}% of {part}" for part, share in described.packing.fill.items())
        console.print(
            Text(f"packed: the first {described.packing.examples:,} examples in {described.packing.rows:,} rows ({fill})")
        )
        if better := described.packing.better:
            filled = " and ".join(f"{_percent(share)}%" for share in better.fill)
            console.print(Text(f"rows of several lengths would be filled to {filled}: data.features.lengths={_pairs(better)}"))
    if described.styles:
        shares = sorted(described.styles.items(), key=lambda item: -item[1])
        console.print(Text("styles: " + ", ".join(f"{name} {_percent(share)}%" for name, share in shares)))
    if any(task.reasons for task in described.tasks):
        console.print(_reasons_table(described))
    for name, reason in described.missing.items():
        share = f" ({_percent(described.published[name])}% of the whole mixture)" if name in described.published else ""
        console.print(Text(f"task {name}{share}: its data cannot be opened: {reason}", style="bold red"))
    if described.missing and described.tasks:
        console.print(Text(f"this is the plan of {described.mixture}"))
    for task in described.tasks:
        if task.sampled and not task.lengths:
            console.print(Text(f"task {task.name}: none of its {task.sampled} sampled rows gives an example", style="bold red"))


def _plan_table(described: Description, address: str) -> Table:
    whole = f"{address}, as {described.mixture}" if described.missing and described.tasks else address
    table = Table(title=Text(f"{whole}: the first {described.num_examples:,} examples"), header_style="bold")
    for name in _TEXT_COLUMNS:
        table.add_column(name)
    published = ("published %",) if any(task.published_share is not None for task in described.tasks) else ()
    for name in (*_NUMBER_COLUMNS[:1], *published, *_NUMBER_COLUMNS[1:]):
        table.add_column(name, justify="right")
    for task in described.tasks:
        table.add_row(
            task.name,
            Text(task.cluster),
            f"{task.rows:,}",
            *((_percent(task.published_share or 0),) if published else ()),
            _percent(task.asked_share),
            _percent(task.realised_share),
            f"{task.examples:,}",
            f"{task.epochs:.2f}",
            *_measured(task),
        )
    return table


def _measured(task: TaskDescription) -> tuple[str, str, str, str]:
    without = _percent(sum(r.rows for r in task.reasons) / task.sampled) if task.reasons else ""
    if task.lengths is None:
        return "-", "-", "-", without
    lengths = task.lengths
    return (
        f"{lengths.mean_inputs:.0f} / {lengths.p95_inputs:.0f}",
        f"{lengths.mean_targets:.0f}",
        _percent(task.cut_share),
        without,
    )


def _reasons_table(described: Description) -> Table:
    table = Table(title="rows of the sample that give no example", header_style="bold")
    for name in ("task", "rows", "why", "for example", "where"):
        table.add_column(name, justify="right" if name == "rows" else "left", overflow="fold")
    for task in described.tasks:
        for reason in task.reasons:
            table.add_row(task.name, f"{reason.rows} of {task.sampled}", reason.kind, Text(reason.text), Text(reason.where))
    return table


def _panel(shown: Sample) -> Panel:
    title = f"{shown.task} · template {shown.template} · {shown.style} · {shown.num_shots} shots"
    cut = f", {shown.cut_tokens} cut" if shown.cut_tokens else ""
    counts = f"{shown.where} · {shown.input_tokens} input tokens, {shown.target_tokens} target tokens{cut}"
    body = Text(shown.input) + Text("\n\n=> ", style="bold green") + Text(shown.target, style="green")
    return Panel(body, title=Text(title), subtitle=Text(counts), title_align="left", subtitle_align="right")


def _pairs(better: Suggestion) -> str:
    return "(" + ", ".join(f"({pair.inputs}, {pair.targets})" for pair in better.lengths) + ")"


def _percent(share: float) -> str:
    return f"{100 * share:.2f}"
