"""The page while runs train: written again whenever they have logged or evaluated, until all of them have ended.

A run has ended when nobody claims its folder any more. What a training does last, it does before it gives its claim back: the
last validation, held-out scores and checkpoint.
"""

import sys
import time
from collections.abc import Callable, Iterator, Sequence

from etils import epath

from flanjax import checkpoint, claim
from flanjax.report.page import write_report
from flanjax.report.runs import load_run
from flanjax.workdir import open_workdir

Stamp = tuple[tuple[str, int, float], ...]  # name, length and time of each file that the page is made of


def watch(
    workdirs: Sequence[epath.PathLike],
    output: epath.PathLike,
    every_seconds: int,
    *,
    log: Callable[[str], None] = print,
    sleep: Callable[[float], None] = time.sleep,
) -> epath.Path:
    """Writes the page until every run has ended; returns where it is. A browser loads it anew by itself.

    Runs that have not begun to write are waited for. The last page, of ended runs, is one that stays as it is. Runs that ended
    before their last step are named on stderr.
    """
    last: Stamp | None = None
    for workdir in workdirs:
        if not stamp(workdir):
            print(f"{workdir}: nothing is logged there yet; waiting for it", file=sys.stderr)
    while True:
        # Asked before the files are read: whoever gives a claim back has written all of them.
        running = any(claim.is_claimed(workdir) for workdir in workdirs)
        begun = [workdir for workdir in workdirs if stamp(workdir)]
        now = tuple(one for workdir in begun for one in stamp(workdir))
        ended = len(begun) == len(workdirs) and not running
        if begun and (now != last or ended):
            page = write_report(begun, output, reload_seconds=0 if ended else every_seconds)
            log(f"report: {page}{'' if ended else ', which is written again as the runs go on'}")
            last = now
        if ended:
            for line in filter(None, map(unfinished, workdirs)):
                print(line, file=sys.stderr)
            return page
        sleep(every_seconds)


def stamp(workdir: epath.PathLike) -> Stamp:
    """Returns what changes as soon as a run has logged or evaluated; empty if there is nothing yet."""
    return tuple((file.name, stat.length, float(stat.mtime)) for file in _files(workdir) for stat in [file.stat()])


def _files(workdir: epath.PathLike) -> Iterator[epath.Path]:
    folder = open_workdir(workdir)
    for pattern in ("*.json", "metrics*", "metrics/*"):
        yield from sorted(file for file in folder.path.glob(pattern) if file.is_file() and file.name != claim.NAME)
    yield from sorted(folder.evaluations.glob("*/results.json"))


def unfinished(workdir: epath.PathLike) -> str:
    """Says where a run has stopped that has no checkpoint of its last step; "" if it has one, or if it is no training."""
    run = load_run(workdir)
    steps = (run.config.get("train") or {}).get("steps")
    if steps is None or steps in checkpoint.steps_of(workdir):
        return ""
    reached = run.train[-1]["step"] if run.train else 0
    return (
        f"{workdir} has stopped at step {reached:,} of {steps:,}, without its last checkpoint; when it trains again, the same "
        "command watches it again"
    )
