"""Reading of a step that is complete and undamaged, by all processes alike; what cannot be read is passed over, or named."""

import contextlib
import functools
import logging
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp
from etils import epath
from jax.experimental import multihost_utils

from flanjax import records
from flanjax.checkpoint import step_folder
from flanjax.checkpoint.step_folder import META, PARAMS


class CheckpointError(RuntimeError):
    """A checkpoint cannot be read or written; the message names it and says what to do."""


class StepGoneError(CheckpointError):
    """The step was removed while it was read. A running trainer does that, since it keeps only its newest steps."""


def steps_of(workdir: epath.PathLike) -> list[int]:
    """Returns the steps that have a checkpoint, ascending."""
    return step_folder.steps_in(step_folder.directory(workdir))


def read_meta(workdir: epath.PathLike, step: int | None = None) -> tuple[int, dict[str, Any]]:
    """Returns the newest step (or the given one) whose meta can be read, and that meta. All processes get the same.

    Raises:
      CheckpointError: there is no such step.
      FormatError: a newer flanjax wrote it.
    """
    passed: list[int] = []
    while True:
        steps = steps_of(workdir)
        candidate = as_first(max((s for s in steps if s not in passed and step in (None, s)), default=step_folder.NO_STEP))
        if candidate == step_folder.NO_STEP:
            break
        path = step_folder.directory(workdir) / str(candidate)
        failed: Exception | None = None
        try:
            with comparing(path, META), ocp.Checkpointer(ocp.JsonCheckpointHandler()) as checkpointer:
                meta = checkpointer.restore(path / META)
            step_folder.check_meta(meta, path)
        except records.FormatError:
            raise
        except Exception as error:
            failed = error
        if not anywhere(failed is not None):
            return candidate, meta
        passed.append(candidate)
        if path.exists():  # otherwise the run that writes here has removed it
            pass_over(path, failed or CheckpointError("another process cannot read it"))
    if step is not None and step not in steps:
        raise CheckpointError(f"{workdir} has no checkpoint of step {step}; it has {steps}")
    raise CheckpointError(
        f"{workdir} holds no readable checkpoint (steps found: {steps}); is it the workdir of a training run?"
    )


def read_params(workdir: epath.PathLike, step: int, params: Any) -> Any:
    """Returns only the parameters, with the shardings of the given tree of ShapeDtypeStruct.

    Raises:
      CheckpointError: they cannot be read, or are damaged.
      StepGoneError: they cannot be read because the run that writes here has removed the step.
    """
    folder = step_folder.directory(workdir) / str(step)
    failed: Exception | None = None
    try:
        with comparing(folder, PARAMS), ocp.Checkpointer(ocp.StandardCheckpointHandler()) as checkpointer:
            found = checkpointer.restore(folder / PARAMS, args=ocp.args.StandardRestore(params))
    except Exception as error:
        failed = error
    if not anywhere(failed is not None):
        return found
    reason = step_folder.reason(failed) if failed else "another process cannot read them"
    if anywhere(step_folder.is_removed(folder)):
        raise StepGoneError(
            f"step {step} of {workdir} was removed while it was read; there are now {steps_of(workdir)}"
        ) from failed
    raise CheckpointError(f"the parameters of {folder / PARAMS} cannot be read: {reason}") from failed


def read_newest_params(workdir: epath.PathLike, step: int, params: Any) -> tuple[int, Any]:
    """Returns the step that was read and its parameters, of a run that may still be training.

    It works like `read_params`, but if the run removes the step in the meantime, the newest step is read instead.
    """
    while True:
        try:
            return step, read_params(workdir, step, params)
        except StepGoneError as error:
            newest = as_first(max(steps_of(workdir), default=step_folder.NO_STEP))
            if newest == step_folder.NO_STEP:
                raise
            logging.getLogger("flanjax").warning("%s; reading step %s instead", error, newest)
            step = newest


@contextlib.contextmanager
def comparing(folder: epath.Path, item: str = "") -> Iterator[None]:
    """Compares this process's share of a step's (or an item's) files with their checksums, after the `with` block read them.

    Raises:
      DamagedError: a file differs from what was written. It takes precedence over an error in the block.
    """
    compare = functools.partial(step_folder.compare, folder, item, jax.process_index(), jax.process_count())
    try:
        yield
    except Exception:
        compare()
        raise
    compare()  # afterwards, when the files are cached in memory: in parallel both would fetch them


def as_first(number: int) -> int:
    """Returns the number that process 0 has. All processes must call it."""
    return number if jax.process_count() == 1 else int(multihost_utils.broadcast_one_to_all(np.array(number)))


def anywhere(here: bool) -> bool:
    """Whether `here` is true in any process. All processes must call it."""
    return here if jax.process_count() == 1 else bool(multihost_utils.process_allgather(np.array(here)).any())


def pass_over(path: epath.Path, error: Exception) -> None:
    logging.getLogger("flanjax").warning(
        "passing over checkpoint %s, which cannot be read: %s", path, step_folder.reason(error)
    )
