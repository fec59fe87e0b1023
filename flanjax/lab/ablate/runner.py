"""Runs a plan: each training and each evaluation is a process of its own, as on a command line, one after another.

Nothing is kept of what was done: a cell is finished when its evaluation lies in the study's folder. So the same command goes on
after any interruption. A run that was stopped half-way goes on from its own checkpoint.
"""

import contextlib
import ctypes
import fcntl
import os
import shlex
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from etils import epath

from flanjax.lab.ablate import finished
from flanjax.lab.ablate.plan import Cell, Plan, Training

LOGS = "logs"
_PR_SET_PDEATHSIG = 1
_TOLD = 300  # characters of the last line that a failed process printed
_LOOKS = 0.2  # seconds between two looks at a process

Log = Callable[[str], None]
# Runs a command with its output appended to a file, and returns its status.
Execute = Callable[[Sequence[str], Path], int]


class Failure(NamedTuple):
    """A run that ended with an error."""

    name: str
    status: int
    told: str
    log: Path


class StudyStopped(RuntimeError):
    """A signal ended the study. Its run has saved what it had."""

    def __init__(self, number: int):
        super().__init__(f"the study was stopped by {signal.Signals(number).name}; the same command goes on with it")
        self.signal = number


def train_command(out: epath.PathLike, plan: Plan, training: Training, *more: str) -> list[str]:
    """The arguments of `flanjax` that train a run."""
    overrides = [f"--config.{key}={value}" for key, value in training.overrides.items()]
    workdir = finished.workdir_of(out, training.name)
    return ["train", "--config", plan.study.config, "--workdir", str(workdir), *more, *overrides]


def run_plan(plan: Plan, out: Path, execute: Execute, log: Log) -> list[Failure]:
    """Runs what is not finished, and returns what failed; the others go on.

    Raises:
      StudyStopped: a signal ended it.
    """
    (out / LOGS).mkdir(parents=True, exist_ok=True)
    left = [cell for cell in plan.cells if finished.find(out, cell) is None]
    done, failed = len(plan.cells) - len(left), dict[str, Failure]()
    began, spent = time.monotonic(), 0
    for cell in left:
        if cell.training in failed:
            continue
        where = f"[{done + spent + 1}/{len(plan.cells)}] {_label(plan, cell)}"
        log_file = out / LOGS / f"{cell.training}.log"
        for command in _commands(plan, out, cell, _is_trained(plan, out, cell)):
            log(f"{where}: {'training' if command[0] == 'train' else 'evaluating'}")
            if status := execute(command, log_file):
                failed[cell.training] = Failure(cell.training, status, last_line(log_file), log_file)
                log(f"{where}: failed with status {status}: {failed[cell.training].told}")
                break
        spent += 1
        if cell.training not in failed:
            seconds = (time.monotonic() - began) / spent * (len(left) - spent)
            log(f"{where}: done" + (f"; about {_told_time(seconds)} left" if spent < len(left) else ""))
    return list(failed.values())


def commands_left(plan: Plan, out: epath.PathLike) -> list[list[str]]:
    """Returns the arguments of `flanjax` that finish a study, in an order in which they can be run."""
    commands: list[list[str]] = []
    begun: set[str] = set()
    for cell in plan.cells:
        if finished.find(out, cell) is None:
            commands += _commands(plan, out, cell, cell.training in begun or _is_trained(plan, out, cell))
            begun.add(cell.training)
    return commands


def _is_trained(plan: Plan, out: epath.PathLike, cell: Cell) -> bool:
    training = plan.trainings[cell.training]
    return finished.steps_done(out, training) >= training.steps


def _commands(plan: Plan, out: epath.PathLike, cell: Cell, trained: bool) -> Iterator[list[str]]:
    """What is left of a cell. Where it is evaluated as its config says, one process trains and evaluates."""
    if not trained:
        yield train_command(out, plan, plan.trainings[cell.training], *([] if cell.flags else ["--heldout"]))
    if trained or cell.flags:
        yield finished.heldout_command(out, cell)


def measure(plan: Plan, out: Path, execute: "Processes", log: Log) -> None:
    """Starts the first run until it has logged two times, so that the time of a step is known, and stops it.

    Nothing is lost: it has saved, and goes on from there.
    """
    training = next(iter(plan.trainings.values()))
    (out / LOGS).mkdir(parents=True, exist_ok=True)
    log(f"measuring a step: the first run begins, and is stopped after {2 * training.config.train.log_every} steps")
    execute.until(
        train_command(out, plan, training),
        out / LOGS / f"{training.name}.log",
        lambda: finished.seconds_per_step(out, plan) is not None,
    )


class Processes:
    """Runs commands of flanjax as processes that end with this one: by SIGTERM, on which a training saves.

    On Linux they end even if this process is killed. Each holds its log locked, and a study that begins again waits for it.
    """

    def __init__(self, environment: dict[str, str] | None = None):
        self._environment = {**os.environ, **(environment or {})}

    def __call__(self, command: Sequence[str], log: Path) -> int:
        return self.until(command, log, lambda: False)

    def until(self, command: Sequence[str], log: Path, enough: Callable[[], bool]) -> int:
        """Runs a command, but stops it once it is enough; its status."""
        with stoppable(), log.open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # the process inherits it
            print(f"$ flanjax {shlex.join(command)}", file=file, flush=True)
            with warnings.catch_warnings():
                # jax warns of every fork; between this one and the new program nothing is run but _end_with's one call.
                warnings.filterwarnings("ignore", r"os\.fork\(\) was called", RuntimeWarning)
                process = subprocess.Popen(
                    [sys.executable, "-m", "flanjax.cli", *command],
                    stdin=subprocess.DEVNULL,
                    stdout=file,
                    stderr=subprocess.STDOUT,
                    env=self._environment,
                    start_new_session=True,  # a Ctrl-C reaches this process alone, which then ends the other in order
                    preexec_fn=_end_with(os.getpid()) if sys.platform == "linux" else None,
                )
            try:
                while process.poll() is None and not enough():
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        process.wait(_LOOKS)
            finally:
                if process.poll() is None:
                    process.terminate()
                    process.wait()
        return process.returncode


@contextlib.contextmanager
def stoppable() -> Iterator[None]:
    """Turns SIGTERM, and Ctrl-C, into StudyStopped for the while."""

    def stop(number: int, _: Any) -> None:
        raise StudyStopped(number)

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _told_time(seconds: float) -> str:
    """Returns text such as 40 s or 12 min."""
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def last_line(log: Path) -> str:
    """The last line that a process printed."""
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1][:_TOLD] if lines else "it printed nothing"


def _end_with(parent: int) -> Callable[[], None]:
    """What a child does first: asks the kernel for SIGTERM when its parent ends (prctl(2))."""
    libc = ctypes.CDLL(None)

    def ask() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it has ended meanwhile
            os._exit(128 + signal.SIGTERM)

    return ask


def _label(plan: Plan, cell: Cell) -> str:
    levels = [f"{axis.name}={label}" for axis, label in zip(plan.axes, cell.labels, strict=True)]
    return ", ".join([*levels, f"seed {cell.seed}"])
