"""A trace of some steps of a run, for TensorBoard's profile tab or XProf: profile/ in the workdir."""

import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
from etils import epath

FOLDER = "profile"
_WARM_UP_STEPS = 2  # of a start, of which the first compiles


class Steps(NamedTuple):
    """The first and the last step to trace."""

    first: int
    last: int


def parse_steps(text: str, start: int) -> Steps:
    """The steps that --profile names.

    Args:
      text: "10:13" for the steps 10, 11, 12 and 13; "4" for so many, once this start of the run is warm.
      start: the step that the run goes on from.

    Raises:
      ValueError: it is neither.
    """
    found = re.fullmatch(r"([1-9]\d{0,8})(?::([1-9]\d{0,8}))?", text)
    first, last = (int(found[1]), int(found[2] or 0)) if found else (1, 0)
    if found and not found[2]:
        return Steps(start + _WARM_UP_STEPS + 1, start + _WARM_UP_STEPS + first)
    if last < first:
        raise ValueError(f"--profile is {text!r}, expected FIRST:LAST, such as 10:13, or a number of steps")
    return Steps(first, last)


class Profiler:
    """Traces some of a run's steps; to be used in a `with`, which ends a trace that the run does not complete.

    Args:
      steps: what to trace; None for nothing.
      start: the step that the run goes on from.
      silent: trace nothing, as one of several processes, which all run the same program.
    """

    def __init__(self, steps: Steps | None, workdir: epath.PathLike, start: int, *, silent: bool = False):
        self._steps, self._step = None if silent else steps, start
        self._target = epath.Path(workdir) / FOLDER
        self._local: tempfile.TemporaryDirectory | None = None

    def around(self, step_fn: Callable[..., tuple[Any, dict[str, jax.Array]]]) -> Callable[..., Any]:
        """The same step function, which counts its calls and traces those that were asked for."""
        if self._steps is None:
            return step_fn
        first, last = self._steps

        def counted(*arguments: Any) -> Any:
            self._step += 1
            if first <= self._step <= last and self._local is None:
                self._begin()
            with jax.profiler.StepTraceAnnotation("train", step_num=self._step):
                result = step_fn(*arguments)
            if self._step == last:
                jax.block_until_ready(result)
                self._end()
            return result

        return counted

    def __enter__(self) -> "Profiler":
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def _begin(self) -> None:
        # The profiler writes to local disks only; what it wrote is copied, so that a bucket may be the workdir.
        self._local = tempfile.TemporaryDirectory(prefix="flanjax-profile-")
        jax.profiler.start_trace(self._local.name)

    def _end(self) -> None:
        if self._local is None:
            return
        jax.profiler.stop_trace()
        local = Path(self._local.name)
        for file in sorted(f for f in local.rglob("*") if f.is_file()):
            target = self._target / str(file.relative_to(local))
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.read_bytes())
        self._local.cleanup()
        self._local = None
