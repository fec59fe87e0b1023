"""`flanjax ablate`: plans a study, prints its cost, runs what is not finished, and writes study.json and the page."""

import argparse
import contextlib
import math
import os
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from etils import epath

from flanjax import storage
from flanjax.claim import Claim
from flanjax.evaluate import seeds
from flanjax.evaluate.statistics import SCALE
from flanjax.evaluate.verdict import count
from flanjax.lab.ablate import finished
from flanjax.lab.ablate.findings import findings
from flanjax.lab.ablate.jobs import script
from flanjax.lab.ablate.page import render
from flanjax.lab.ablate.plan import Plan, make_plan
from flanjax.lab.ablate.runner import Failure, Processes, StudyStopped, commands_left, measure, run_plan
from flanjax.lab.ablate.study import Study, load_study, study_of_options
from flanjax.lab.folder import made_folder
from flanjax.parts import split_of
from flanjax.sources.base import known_rows
from flanjax.tasks.task import Task

PAGE, RECORD = "index.html", "study.json"
# Assumed before there are runs: of the difference of two arms, between seeds and between items, in points.
ASSUMED_SEED_SD, ASSUMED_ITEM_SD = 2.0, 30.0
_UNKNOWN_ITEMS = 200  # of a task that is evaluated in full, where its rows can be counted only by reading them


def ablate(args: argparse.Namespace) -> int:
    """Runs the study of the arguments; 0 if every run is finished."""
    return run_study(study_of(args), args.out, plan_only=args.plan, jobs=args.print)


def run_study(study: Study, out: str, *, plan_only: bool = False, jobs: str | None = None) -> int:
    """Plans a study, runs what is not finished and writes the page; 0 if every run is finished.

    Of a study in a bucket nothing is run: the commands that finish it are printed.

    Args:
      jobs: print the runs as jobs of this kind instead, and the plan on stderr.
    """
    plan = make_plan(study)
    if jobs:
        print(*plan_lines(plan), *left_out_lines(plan, out), sep="\n", file=sys.stderr, flush=True)
        print(script(jobs, plan, out), end="")
        return 0
    found, failed = finished.find_all(out, plan), list[Failure]()
    print(*plan_lines(plan, found), sep="\n")
    if storage.is_remote(out):
        return 0 if plan_only else write_remote(plan, out)
    if len(found) < len(plan.cells):
        try:
            with claimed(out) as folder:
                measured(plan, folder)
                failed = [] if plan_only else run_plan(plan, folder, Processes(), print)
        except StudyStopped as stopped:
            print(stopped, file=sys.stderr)
            return 128 + stopped.signal
    return 0 if plan_only else write(plan, out, failed)


@contextlib.contextmanager
def claimed(out: str) -> Iterator[Path]:
    """The study's folder, this process's own for the while."""
    folder = made_folder(out)
    claim = Claim(folder)
    claim.take()
    try:
        yield folder
    finally:
        claim.release()


def study_of(args: argparse.Namespace) -> Study:
    """The study of the arguments: a file's, or one of a config and axes."""
    if bool(args.study) is bool(args.config):
        raise ValueError("flanjax ablate needs a study file, or --config with --axis KEY=VALUE,VALUE")
    if args.config:
        return study_of_options(args.config, args.axis or (), args.seeds or 3, args.overrides)
    if args.axis or args.seeds or args.overrides:
        raise ValueError("--axis, --seeds and --config.KEY stand in the study file; give either a file or --config")
    return load_study(args.study)


def measured(plan: Plan, out: Path) -> None:
    """Says how long the study takes, after the first run's first steps if no run has logged any."""
    if finished.seconds_per_step(out, plan) is None:
        measure(plan, out, Processes(), print)
    print(time_line(plan, out))


def plan_lines(plan: Plan, found: Sequence[finished.Finished] | None = None) -> list[str]:
    """What the study will run, and what it costs.

    Args:
      found: what is finished of it; None if nobody has looked.
    """
    crossed = " x ".join(f"{axis.name} ({', '.join(level.label for level in axis.levels)})" for axis in plan.axes)
    trainings = plan.trainings.values()
    tokens = sum(t.tokens for t in trainings)
    lines = [
        f"{plan.title}: {crossed} x {count(plan.study.seeds, 'seed')}",
        f"{count(len(trainings), 'training')} of {sum(t.steps for t in trainings):,} steps together, up to {tokens:,} tokens; "
        f"{count(len(plan.cells), 'evaluation')}{'' if found is None else f', {len(found)} of them finished'}",
    ]
    if plan.study.seeds < 2:
        return [*lines, "one seed compares runs, not configs: nothing will be claimed about a config"]
    return [*lines, detectable_line(plan)]


def detectable_line(plan: Plan) -> str:
    """What the study will be able to see, by variances that are assumed."""
    items, seed_sd, item_sd = _num_items(plan), ASSUMED_SEED_SD, ASSUMED_ITEM_SD
    comparisons = max(len(axis.levels) - 1 if axis.compared else 1 for axis in plan.axes)
    smallest = math.inf
    if items > 1:
        smallest = seeds.planned(plan.study.seeds, items, seed_sd=seed_sd, item_sd=item_sd, comparisons=comparisons)
    seen = f"you can see {smallest:.1f} points" if smallest <= SCALE else "no difference is large enough to be seen"
    return (
        f"with {plan.study.seeds} seeds and {count(items, 'item')} {seen} (8 times in 10, at 5%"
        f"{f' over {comparisons} comparisons' if comparisons > 1 else ''}), if the "
        f"difference of two runs varies by {seed_sd:g} points with the seed (sd) and by {item_sd:g} with the item; the page "
        "says it by the variances found"
    )


def _num_items(plan: Plan) -> int:
    """Items of an arm, at most."""
    config = plan.cells[0].config
    return sum(_num_items_of(task, config.evaluation.items) for task in split_of(config).heldout if task.evaluation)


def _num_items_of(task: Task, items: int) -> int:
    """Items of a task, at most, if so many are asked for; 0 for all."""
    try:
        rows = known_rows(task.source, task.evaluation or "")
    except (ValueError, OSError):  # the data is not on this machine
        rows = None
    if rows is None:
        return items or _UNKNOWN_ITEMS
    return min(items or rows, rows)


def left_out_lines(plan: Plan, out: str) -> list[str]:
    """Says what the jobs of a plan leave out."""
    if not (left_out := sum(1 for cell in plan.cells if cell.flags)):
        return []
    then = "prints the commands that make them" if storage.is_remote(out) else "makes them"
    settings = f"the jobs leave out {count(left_out, 'evaluation')} with settings of their own"
    return [f"{settings}: when they are done, the same command without --print {then}"]


def time_line(plan: Plan, out: epath.PathLike) -> str:
    """How long the trainings that are left take, by the steps so far."""
    each = finished.seconds_per_step(out, plan)
    if each is None:
        return "the time of a step is not known: the first run logged none; its log says why"
    found = {cell.training for cell in plan.cells if finished.find(out, cell) is not None}
    steps = sum(t.steps - finished.steps_done(out, t) for t in plan.trainings.values() if t.name not in found)
    minutes = steps * each / 60
    return f"{steps:,} steps are left: at {each:.3g} s a step about {minutes:.1f} minutes, beside starts and evaluations"


def write(plan: Plan, out: epath.PathLike, failed: Sequence[Failure], log: Callable[[str], None] = print) -> int:
    """Writes study.json and the page of what is finished; 1 if something is not."""
    found = finished.find_all(out, plan)
    problems = [f"{f.name} failed with status {f.status}: {f.told} (all of it: {f.log})" for f in failed]
    if (left := len(plan.cells) - len(found)) and not failed:
        then = "prints the commands that finish them" if storage.is_remote(out) else "goes on with them"
        problems.append(f"{count(left, 'evaluation')} not finished; the same command {then}")
    if found:
        result = findings(plan.axes, finished.arms_of(found))
        costs = {name: finished.cost_of(finished.workdir_of(out, name)) for name in {f.cell.training for f in found}}
        place = epath.Path(out)
        runs = [_run_row(one, Path(out)) for one in found]
        storage.write_json(place / RECORD, {**result, "config": plan.study.config, "fixed": plan.study.fixed, "runs": runs})
        storage.replace_text(place / PAGE, render(plan, result, found, costs, problems, Path(out)))
        for axis in result["axes"]:
            log(axis["verdict"])
        log(f"page: {place / PAGE}")
    for problem in problems:
        log(problem)
    return 1 if problems else 0


def write_remote(plan: Plan, out: str) -> int:
    """Writes the page of a study in a bucket and prints the commands that finish it; 1 if there are any."""
    status = write(plan, out, [])
    if commands := commands_left(plan, out):
        print("to be run where there are devices; --print starts trainings as jobs:")
        print(*(shlex.join(["flanjax", *command]) for command in commands), sep="\n")
    return status


def _run_row(one: finished.Finished, out: Path) -> dict[str, Any]:
    """A cell in study.json; paths are relative to it."""
    paths = {"report": one.report, "predictions": one.predictions}
    relative = {name: os.path.relpath(path, out) for name, path in paths.items()}
    return {"labels": list(one.cell.labels), "seed": one.cell.seed, "training": one.cell.training, **relative}
