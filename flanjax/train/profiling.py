"""Profiling: traces some steps of a run into profile/ in its workdir, for TensorBoard's profile tab or XProf."""

import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
from etils import epath

FOLDER = "profile"
_WARM_UP_STEPS = 2  # steps after a start that are not traced; the first one compiles


class Steps(NamedTuple):
    """The first and the last step to trace."""

    first: int
    last: int


def parse_steps(text: str, start: int) -> Steps:
    """Returns the steps that --profile names.

    Args:
      text: "10:13" for the steps 10, 11, 12 and 13; "4" for four steps, after this start's warm-up.
      start: the step that the run continues from.

    Raises:
      ValueError: the text has neither form.
    """
    found = re.fullmatch(r"([1-9]\d{0,8})(?::([1-9]\d{0,8}))?", text)
    first, last = (int(found[1]), int(found[2] or 0)) if found else (1, 0)
    if found and not found[2]:
        return Steps(start + _WARM_UP_STEPS + 1, start + _WARM_UP_STEPS + first)
    if last < first:
        raise ValueError(f"--profile is {text!r}, expected FIRST:LAST, such as 10:13, or a number of steps")
    return Steps(first, last)


class Profiler:
    """Traces some of a run's steps. Use it in a `with` block, which also ends a trace that the run leaves incomplete.

    Args:
      steps: the steps to trace; None traces nothing.
      start: the step that the run continues from.
      silent: trace nothing. One process of several is enough, since all run the same program.
    """

    def __init__(self, steps: Steps | None, workdir: epath.PathLike, start: int, *, silent: bool = False):
        self._steps, self._step = None if silent else steps, start
        self._target = epath.Path(workdir) / FOLDER
        self._local: tempfile.TemporaryDirectory | None = None

    def around(self, step_fn: Callable[..., tuple[Any, dict[str, jax.Array]]]) -> Callable[..., Any]:
        """Returns the step function wrapped so that it counts its calls and traces the chosen ones."""
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
        # The profiler writes to local disks only. Its files are copied afterwards, because the workdir may be a bucket.
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
