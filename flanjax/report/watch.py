"""The page while runs train: written again whenever they have logged or evaluated, until all of them have ended."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence

from etils import epath

from flanjax.report.page import write_report
from flanjax.report.runs import RunRecord, load_run
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
    """Writes the page until every run has trained its train.steps; returns where it is. A browser loads it anew by itself.

    Runs that have not begun to write are waited for. The last page, of ended runs, is one that stays as it is.
    """
    last: Stamp | None = None
    for workdir in workdirs:
        if not stamp(workdir):
            print(f"{workdir}: nothing is logged there yet; waiting for it", file=sys.stderr)
    while True:
        begun = [workdir for workdir in workdirs if stamp(workdir)]
        now = tuple(one for workdir in begun for one in stamp(workdir))
        ended = len(begun) == len(workdirs) and all(has_ended(load_run(workdir)) for workdir in workdirs)
        if begun and (now != last or ended):
            page = write_report(begun, output, reload_seconds=0 if ended else every_seconds)
            log(f"report: {page}{'' if ended else ', which is written again as the runs go on'}")
            last = now
        if ended:
            return page
        sleep(every_seconds)


def stamp(workdir: epath.PathLike) -> Stamp:
    """Returns what changes as soon as a run has logged or evaluated; empty if there is nothing yet."""
    return tuple((file.name, stat.length, float(stat.mtime)) for file in _files(workdir) for stat in [file.stat()])


def _files(workdir: epath.PathLike) -> Iterator[epath.Path]:
    folder = open_workdir(workdir)
    for pattern in ("*.json", "metrics*"):
        yield from sorted(file for file in folder.path.glob(pattern) if file.is_file())
    yield from sorted(folder.evaluations.glob("*/results.json"))


def has_ended(run: RunRecord) -> bool:
    """Whether a run has logged its last step."""
    steps = (run.config.get("train") or {}).get("steps")
    return bool(run.train) and steps is not None and run.train[-1]["step"] >= steps
