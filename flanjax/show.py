"""`flanjax show`: what a mixture is, before anything is trained: its plan, its lengths, and its examples as text."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from flanjax.data.data_stats import DataStats
from flanjax.data.feature_config import FeatureConfig
from flanjax.data.features import make_features
from flanjax.data.pipeline import Corpus, DataConfig, open_corpus, open_rows
from flanjax.data.plan import Visits, realised_shares
from flanjax.data.prompts import Prompt, build_prompts
from flanjax.data.queries import Query, read_queries
from flanjax.data.tokenizer import load_tokenizer
from flanjax.tasks.clusters import hold_out
from flanjax.tasks.mixture import Mixture
from flanjax.tasks.names import nearest
from flanjax.tasks.registry import load_mixture
from flanjax.tasks.render import Wording
from flanjax.tasks.task import Task

_TEXT_COLUMNS = ("task", "cluster")
_FIGURE_COLUMNS = ("rows", "asked %", "realised %", "examples", "epochs", "input mean / p95", "target", "cut %")
_TRIES = 2000
_WIDTH = 150  # where the output is not a terminal


class Lengths(NamedTuple):
    """Of one task, in tokens."""

    mean_input: float
    p95_input: float
    mean_target: float


def show(args: argparse.Namespace, console: Console | None = None) -> None:
    """Prints the plan of the mixture, or rendered examples where a task, a template or a style is asked for."""
    console = console or Console(width=None if sys.stdout.isatty() else _WIDTH)
    mixture = load_mixture(args.mixture)
    if args.heldout:
        split = hold_out(mixture, args.heldout)
        for name, reason in split.removed.items():
            console.print(f"not trained on: {name} ({reason})", highlight=False)
        mixture = split.train
    features = FeatureConfig(inputs_length=args.inputs_length, targets_length=args.targets_length)
    config = DataConfig(seed=args.seed, features=features)
    wanted = [mixture.task(args.task)] if args.task else list(mixture.tasks())
    if args.task or args.template or args.style:
        alone = _alone(mixture, wanted)
        _print_examples(open_corpus(alone, open_rows(alone), load_tokenizer(args.tokenizer), config), args, console)
        return
    corpus = open_corpus(mixture, open_rows(mixture), load_tokenizer(args.tokenizer), config)
    console.print(_plan_table(corpus, args))
    console.print(
        f"plan {corpus.plan.hash()}, in blocks of {corpus.plan.block_size:,} examples; lengths in tokens of {args.tokenizer}",
        highlight=False,
    )


def _alone(mixture: Mixture, tasks: Sequence[Task]) -> Mixture:
    """The tasks with the styles that they have in the mixture, without opening the others."""
    styles = {e.task.name: e.styles for e in mixture.resolve({t.name: 1 for t in mixture.tasks()})}
    parts = [Mixture(name=t.name, parts=[t], styles=styles[t.name]) for t in tasks]
    return Mixture(name=mixture.name, parts=parts)


def _plan_table(corpus: Corpus, args: argparse.Namespace) -> Table:
    table = Table(title=f"{args.mixture}: the first {args.num_examples:,} examples", header_style="bold")
    for name in _TEXT_COLUMNS:
        table.add_column(name)
    for name in _FIGURE_COLUMNS:
        table.add_column(name, justify="right")
    table.add_column("skipped in sample")
    stats, lengths = _sample(corpus, args.sample) if args.sample else (DataStats(len(corpus.entries)), {})
    for i, (entry, row) in enumerate(zip(corpus.entries, realised_shares(corpus.plan, args.num_examples), strict=True)):
        cells = (f"{row['rows']:,}", _percent(row["asked_share"]), _percent(row["realised_share"]), f"{row['examples']:,}")
        table.add_row(
            entry.task.name,
            entry.task.cluster,
            *cells,
            f"{row['epochs']:.2f}",
            *_measured(stats, lengths.get(i), i),
            _skipped(stats, i),
        )
    return table


def _measured(stats: DataStats, lengths: Lengths | None, task: int) -> tuple[str, str, str]:
    if lengths is None:
        return "-", "-", "-"
    cut = stats.counts["cut_examples"][task] / max(int(stats.counts["examples"][task]), 1)
    return f"{lengths.mean_input:.0f} / {lengths.p95_input:.0f}", f"{lengths.mean_target:.0f}", _percent(cut)


def _skipped(stats: DataStats, task: int) -> str:
    found = {name: int(stats.counts[name][task]) for name in ("bad", "left_out", "too_long")}
    return ", ".join(f"{n} {name.replace('_', ' ')}" for name, n in found.items() if n)


def _percent(share: float) -> str:
    return f"{100 * share:.2f}"


def _sample(corpus: Corpus, examples: int) -> tuple[DataStats, dict[int, Lengths]]:
    """Counts and lengths over about as many examples, the same number of each task."""
    each = max(examples // len(corpus.entries), 20)
    tasks = np.repeat(np.arange(len(corpus.entries)), each)
    rows = np.concatenate([np.linspace(0, n, each, endpoint=False).astype(np.int64) for n in corpus.plan.num_rows])
    visits = Visits(tasks, rows, np.zeros_like(rows))
    found = make_features(corpus.entries, corpus.rows, visits, corpus.layout, corpus.config.seed)
    stats = DataStats(len(corpus.entries))
    stats.add(found)
    by_task: dict[int, list[tuple[int, int]]] = {}
    for example in found.examples:
        by_task.setdefault(example.task, []).append((len(example.inputs), len(example.targets)))
    return stats, {task: _lengths(np.array(pairs)) for task, pairs in by_task.items()}


def _lengths(pairs: np.ndarray) -> Lengths:
    return Lengths(float(pairs[:, 0].mean()), float(np.percentile(pairs[:, 0], 95)), float(pairs[:, 1].mean()))


def _print_examples(corpus: Corpus, args: argparse.Namespace, console: Console) -> None:
    tasks = [e.task for e in corpus.entries]
    if args.template and not any(t.name == args.template for task in tasks for t in task.templates):
        names = [t.name for task in tasks for t in task.templates]
        raise KeyError(f"no template {args.template!r}; {nearest(args.template, names)}")
    shown = 0
    for task, wording, prompt in _worded(corpus, args):
        style = wording.style._replace(few_shot=prompt.num_shots > 0)
        title = f"{task.name} · template {task.templates[wording.template].name} · {style.name} · {prompt.num_shots} shots"
        counts = f"{len(prompt.ids)} input tokens, {len(prompt.target_ids)} target tokens" + (
            f", {prompt.cut_tokens} cut" if prompt.cut_tokens else ""
        )
        body = Text(prompt.text) + Text("\n\n=> ", style="bold green") + Text(prompt.rendered.target, style="green")
        console.print(Panel(body, title=title, subtitle=counts, title_align="left", subtitle_align="right"))
        shown += 1
        if shown == args.examples:
            return
    if not shown:
        raise ValueError(
            f"no example of {[t.name for t in tasks][:5]} has template {args.template!r}, style {args.style!r} ({_TRIES} tried)"
        )


def _worded(corpus: Corpus, args: argparse.Namespace) -> Iterator[tuple[Task, Wording, Prompt]]:
    """Examples of the plan that have the template and the style asked for."""
    visits = corpus.plan.visits(np.arange(_TRIES))
    for _, _, query in read_queries(corpus.entries, corpus.rows, visits, corpus.config.seed):
        if not isinstance(query, Query):
            continue
        named = query.task.templates[query.wording.template].name
        if (args.template and named != args.template) or not _has_style(query.wording.style.name, args.style):
            continue
        (prompt,) = build_prompts([query], corpus.tokenizer, corpus.layout.budget)
        if isinstance(prompt, Prompt):
            yield query.task, query.wording, prompt


def _has_style(style: str, wanted: str | None) -> bool:
    parts: Sequence[str] = wanted.split("/") if wanted else ()
    return all(part in style.split("/") for part in parts)
