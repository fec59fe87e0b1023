"""The training loop: takes batches, runs steps, and calls the periodic actions. It builds nothing itself."""

import math
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from flanjax.train.log import MetricsWriter, ProgressBar
from flanjax.train.meter import Meter, Work
from flanjax.train.step import StepMetrics, TrainState

PATIENCE_SECONDS = 15  # a process that is told to end is often killed after 30


class Interrupted(Exception):
    """A signal asked the run to stop. The state was saved before this is raised."""

    def __init__(self, number: int, step: int):
        super().__init__(f"stopped by {signal.Signals(number).name} at step {step}; run the same command again to go on")
        self.signal = number


class StoppedWaiting(Exception):
    """A signal came while a batch was waited for."""


class Diverged(RuntimeError):
    """The loss or the gradient norm is not finite."""


class Periodic(NamedTuple):
    """An action that runs every `every` steps (0: never), and after the last step if `at_end`."""

    every: int
    action: Callable[[int, TrainState], None]
    at_end: bool = False

    def due(self, step: int, last: int) -> bool:
        return (bool(self.every) and step % self.every == 0) or (self.at_end and step == last)


class Stop:
    """A flag that SIGTERM, Ctrl-C or a lost terminal sets. A second Ctrl-C ends the program at once.

    The loop reads the flag between steps, and stops one step after all processes have agreed to.

    Attributes:
      at_once: whether this process need not ask the others, so that a signal also breaks off the search for a batch. Otherwise
        it does so only after PATIENCE_SECONDS.
    """

    def __init__(self) -> None:
        self.signal = 0
        self.at_once = False
        self._since = 0.0
        self._old: dict[int, Any] = {}

    def __enter__(self) -> "Stop":
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                # Under nohup a lost terminal stays ignored. A shell's background job ignores SIGINT by default, but one that
                # is sent to it by `kill` is meant for it.
                if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
                    self._old[number] = signal.signal(number, self._set)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._old.items():
            signal.signal(number, handler)

    def while_waiting(self) -> None:
        """Raises StoppedWaiting if a signal has come and is to be obeyed now."""
        if self.signal and (self.at_once or time.monotonic() - self._since > PATIENCE_SECONDS):
            raise StoppedWaiting

    def _set(self, number: int, _: object) -> None:
        self.signal, self._since = number, time.monotonic()
        signal.signal(signal.SIGINT, signal.default_int_handler)


class Report(NamedTuple):
    """Where the metrics of the steps go."""

    writer: MetricsWriter
    bar: ProgressBar
    meter: Meter
    task_names: Sequence[str]
    task_clusters: Sequence[str]


def fit(
    state: TrainState,
    batches: Iterator[Mapping[str, np.ndarray]],
    step_fn: Callable[[TrainState, Any], tuple[TrainState, StepMetrics]],
    put: Callable[[Mapping[str, np.ndarray]], Any],
    *,
    start: int,
    steps: int,
    log_every: int,
    work_of: Callable[[Mapping[str, np.ndarray]], Work],
    report: Report,
    periodic: Sequence[Periodic],
    stop: Stop,
    agree: Callable[[int], Any],
    save: Callable[[int, TrainState], None],
) -> TrainState:
    """Returns the state after `steps` steps.

    Metrics are read one step late, so that the device never waits for the host. Where a periodic action is due they are read
    at once: a state that is saved or evaluated is then known to be finite, and its steps are on record.

    Args:
      agree: maps this process's number to the largest of all processes, as a value that int() waits for. A signal reaches one
        process, but all must save at the same step. So each step starts this reduction and the next step reads its result,
        which costs no more than one small collective a step.

    Raises:
      Interrupted: a signal asked the run to stop; the state is saved.
      RuntimeError: the same, but this one of several processes found no batch for so long that it ends without the others.
      Diverged: a loss or gradient norm is not finite; the message names the step.
    """
    pending: list[tuple[int, StepMetrics]] = []
    asked: Any = 0
    compiled: set[Any] = set()  # the shapes of batches seen so far
    for step in range(start + 1, steps + 1):
        # Before the first step there is nothing to save, so nobody has to be asked.
        stop.at_once = jax.process_count() == 1 or step == start + 1
        try:
            batch = next(batches)
        except StoppedWaiting:
            if pending:
                _report(pending, report)
            if jax.process_count() > 1:
                raise RuntimeError(
                    f"stopped by {signal.Signals(stop.signal).name} at step {step - 1} while it looked for a batch. The other "
                    "processes could not be asked to save, so the same command goes on from the newest checkpoint"
                ) from None
            if step > start + 1:
                save(step - 1, state)
            raise Interrupted(stop.signal, step - 1) from None
        if step == start + 1:
            report.meter.begin()
        began = time.perf_counter()
        state, metrics = step_fn(state, put(batch))
        if (shapes := frozenset((name, x.shape) for name, x in batch.items())) not in compiled:
            compiled.add(shapes)
            report.meter.compiled(time.perf_counter() - began)
        if pending and (step - 1) % log_every == 0:
            _report(pending, report)
            pending = []
        report.meter.add(work_of(batch))
        pending.append((step, metrics))
        report.bar.advance()
        answer, asked = asked, agree(stop.signal)
        stopping = int(answer)
        due = [each for each in periodic if each.due(step, steps)]
        if due or stopping or step == steps:
            _report(pending, report)
            pending = []
        began = time.perf_counter()
        for each in due:
            each.action(step, state)
        report.meter.pause(time.perf_counter() - began)
        if stopping:
            save(step, state)
            raise Interrupted(stopping, step)
    return state


def _report(pending: Sequence[tuple[int, StepMetrics]], report: Report) -> None:
    """Reports the pending steps as one record: the means of their metrics, and each task's mean over all of them."""
    step = pending[-1][0]
    metrics: list[StepMetrics] = jax.device_get([m for _, m in pending])
    means = {name: float(np.mean([m.values[name] for m in metrics])) for name in metrics[0].values if name != "learning_rate"}
    if not all(map(math.isfinite, means.values())):
        steps = [(step, told.values) for (step, _), told in zip(pending, metrics, strict=True)]
        bad, what = next((step, name) for step, values in steps for name in means if not np.isfinite(values[name]))
        what = {"grad_norm": "gradient"}.get(what, what)
        raise Diverged(f"the {what} is not a number at step {bad}, after step {bad - 1}, the last sound one: {means}")
    record: dict[str, Any] = {
        "step": step,
        **means,
        "learning_rate": float(metrics[-1].values["learning_rate"]),
        **report.meter.read(len(pending)),
    }
    for name in metrics[0].by_task:
        total = np.sum([m.by_task[name].total for m in metrics], axis=0)
        weight = np.sum([m.by_task[name].weight for m in metrics], axis=0)
        record[f"task_{name}"] = mean_by(report.task_names, total, weight)
        record[f"cluster_{name}"] = mean_by(report.task_clusters, total, weight)
    report.writer.write(record)
    report.bar.report(
        step,
        f"loss {record['loss']:.3f}  {record['target_tokens_per_second']:,.0f} target tokens/s  MFU {record['mfu']:.1%}",
    )


def mean_by(names: Sequence[str], sums: np.ndarray, weights: np.ndarray) -> dict[str, float]:
    """Returns sum / weight for each distinct name whose weight is not 0."""
    totals: dict[str, tuple[float, float]] = {}
    for name, s, w in zip(names, sums.tolist(), weights.tolist(), strict=True):
        old = totals.get(name, (0.0, 0.0))
        totals[name] = (old[0] + s, old[1] + w)
    return {name: s / w for name, (s, w) in totals.items() if w > 0}
