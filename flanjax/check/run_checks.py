"""Checks a whole mixture: its renders, its corpora, and its leaks."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence, Set
from typing import NamedTuple

from flanjax.check.findings import LEAKS, Collector, Finding, Report, ordered
from flanjax.check.leaks import Part, find_leaks
from flanjax.check.renders import check_task, spread
from flanjax.data.tokenizer import Tokenizer
from flanjax.names import nearest
from flanjax.sources import Rows
from flanjax.tasks.clusters import hold_out
from flanjax.tasks.mixture import Mixture
from flanjax.tasks.task import Task

Progress = Callable[[str, int, int], None]  # what is done, how much of it, of how much


class _Opened(NamedTuple):
    """The rows of a mixture's tasks: task -> split expression -> rows."""

    rows: dict[str, dict[str, Rows]]
    missing: list[Finding]


def check_mixture(
    mixture: Mixture,
    *,
    rows: int | None = 20,
    tokenizer: Tokenizer | None = None,
    leaks: bool = True,
    tasks: Sequence[str] = (),
    known: Mapping[str, str] | None = None,
    progress: Progress = lambda what, done, of: None,
) -> Report:
    """Returns all findings about a mixture.

    Args:
      rows: how many rows of each split are rendered, in every template and style; None for all.
      tokenizer: the one whose losses are looked for; None for none.
      leaks: whether evaluation rows are looked for among all training rows.
      tasks: the names of tasks or clusters to check; all when empty.
      known: findings that are no defects, and why; see `findings.read_known`.
      progress: is told how far the check is.

    Raises:
      KeyError: there is no such task or cluster.
    """
    chosen = _chosen(mixture, tasks)
    opened = _open(chosen)
    found, counted, tried = Collector(), Counter[str](), {}
    shares = {e.task.name: e.styles for e in mixture.resolve({t.name: 1 for t in mixture.tasks()})}
    total = sum(len(spread(len(r), rows)) for splits in opened.rows.values() for r in splits.values())
    done = Counter[str]()
    for task in chosen:
        if task.name not in opened.rows:
            continue

        def advance(name: str = task.name) -> None:
            done["rows"] += 1
            progress(f"rendering {name}", done["rows"], total)

        numbers = check_task(
            task, opened.rows[task.name], shares[task.name], found, rows=rows, tokenizer=tokenizer, advance=advance
        )
        counted += numbers
        tried.update({(task.name, t.name): numbers["examples"] for t in task.templates})
        tried[task.name, ""] = numbers["rows"]
    findings = [*opened.missing, *found.findings(tried), *_shared_corpora(mixture, {task.name for task in chosen})]
    if leaks:
        findings += _leaks(chosen, list(mixture.tasks()), opened, progress)
    checked = {
        "tasks": len(opened.rows),
        "templates": sum(len(t.templates) for t in chosen if t.name in opened.rows),
        "rows": counted["rows"],
        "renders": counted["renders"],
    }
    names = {task.name for task in chosen}, {task.name for task in mixture.tasks()} if leaks else set()
    return Report(
        mixture=mixture.name,
        findings=ordered(findings),
        checked=checked,
        known={key: reason for key, reason in (known or {}).items() if _concerns(key, *names)},
        complete=rows is None,
    )


def _concerns(key: str, checked: Set[str], compared: Set[str]) -> bool:
    """Whether a known finding is about a task that was checked and, if about a leak, another that it was compared with."""
    kind, task, other = [*key.split("/", 2), "", ""][:3]
    return task in checked and (kind not in LEAKS or not other or other in compared)


def _chosen(mixture: Mixture, names: Sequence[str]) -> list[Task]:
    clusters, tasks = mixture.clusters(), {task.name: task for task in mixture.tasks()}
    for name in names:
        if name not in clusters and name not in tasks:
            raise KeyError(f"mixture {mixture.name} has no task or cluster {name!r}; {nearest(name, (*clusters, *tasks))}")
    chosen = {task.name: task for name in names for task in clusters.get(name) or (tasks[name],)}
    return list(chosen.values()) if names else list(tasks.values())


def _open(tasks: Sequence[Task]) -> _Opened:
    rows: dict[str, dict[str, Rows]] = {}
    missing: list[Finding] = []
    for task in tasks:
        opened = {}
        for split in filter(None, (task.train, task.evaluation)):
            try:
                opened[split] = task.source.open(split)
                len(opened[split])
            except Exception as error:  # whatever a source raises, the other tasks can be checked
                opened.pop(split, None)
                detail = f"{split}: {str(error).partition(chr(10))[0]}"
                missing.append(Finding(kind="not checked", task=task.name, detail=detail))
        if opened:
            rows[task.name] = opened
    return _Opened(rows, missing)


def _shared_corpora(mixture: Mixture, checked: Set[str]) -> list[Finding]:
    """Returns a finding for each task that leaves training, for corpora that it shares with a checked task which is held out.

    This is no defect of the hold-out, which takes the task out. It is what a reader of a score should know.
    """
    found = []
    for cluster, members in mixture.clusters().items():
        if len(mixture.clusters()) < 2 or not any(t.evaluation for t in members):
            continue
        try:
            removed = hold_out(mixture, [cluster]).removed
        except ValueError:  # nothing would be left to train on
            continue
        for name, reason in removed.items():
            if reason.startswith("shares "):
                corpus, _, other = reason.removeprefix("shares ").partition(" with held-out ")
                if other in checked:
                    detail = f"{corpus}; {name} leaves training with it"
                    found.append(Finding(kind="shared corpus", task=other, other=name, detail=detail))
    return found


def _leaks(chosen: Sequence[Task], all_tasks: Sequence[Task], opened: _Opened, progress: Progress) -> list[Finding]:
    rows = {**opened.rows, **_open([t for t in all_tasks if t.name not in opened.rows]).rows}
    evaluation = [
        Part(t.name, rows[t.name][t.evaluation]) for t in chosen if t.evaluation and t.evaluation in rows.get(t.name, {})
    ]
    training = [Part(t.name, rows[t.name][t.train]) for t in all_tasks if t.train and t.train in rows.get(t.name, {})]
    total, done = sum(len(p.rows) for p in (*evaluation, *training)), Counter[str]()

    def advance(count: int) -> None:
        done["rows"] += count
        progress("looking for evaluation rows among training rows", done["rows"], total)

    return find_leaks(evaluation, training, advance) if evaluation and training else []
