"""Checkpoints by Orbax: parameters, the rest of the state, the position in the data, and what the run is, as separate items.

A step that is incomplete or cannot be read is passed over with a warning that names it. A run that goes on from an older step
keeps it under another name, so that it neither stands in the way of the step's next checkpoint nor counts as one to keep.
"""

import contextlib
import dataclasses
import logging
import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
import orbax.checkpoint as ocp
from etils import epath
from jax.experimental import multihost_utils

from flanjax.storage import is_remote
from flanjax.workdir import open_workdir

PARAMS, REST, DATA, META = "params", "rest", "data", "meta"
_LOSS, _UNREADABLE = "validation_loss", ".unreadable"
_COMMITTED = "commit_success.txt"  # Orbax's name for it


class CheckpointError(RuntimeError):
    """A checkpoint cannot be read or written; the message names it and what to do."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class CheckpointConfig:
    """When checkpoints are written and which are kept.

    Args:
      every_steps: between checkpoints; the last step always has one.
      keep: the newest ones kept.
      keep_best: how many of the lowest validation losses are kept besides.
      asynchronous: write while training goes on.
    """

    every_steps: int = 500
    keep: int = 2
    keep_best: int = 1
    asynchronous: bool = True

    def __post_init__(self) -> None:
        if self.every_steps < 1 or self.keep < 1 or self.keep_best < 0:
            raise ValueError(f"checkpoint {self}: expected every_steps and keep of at least 1, keep_best of at least 0")


class Restored(NamedTuple):
    """A whole checkpoint."""

    step: int
    params: Any
    rest: Any
    data: dict[str, Any]
    meta: dict[str, Any]


class Checkpoints:
    """The checkpoints of a workdir, for one run that writes them."""

    def __init__(self, workdir: epath.PathLike, config: CheckpointConfig):
        self._directory = _directory(workdir)
        self._writing: int | None = None
        policies = ocp.checkpoint_managers
        best = policies.BestN(get_metric_fn=_goodness, n=config.keep_best, keep_checkpoints_without_metrics=False)
        self._manager = ocp.CheckpointManager(
            self._directory,
            options=ocp.CheckpointManagerOptions(
                preservation_policy=policies.AnyPreservationPolicy([policies.LatestN(config.keep), best]),
                best_fn=_goodness,  # without it Orbax writes no metrics, and a later process knows no best
                enable_async_checkpointing=config.asynchronous,
                cleanup_tmp_directories=True,
            ),
            item_names=(PARAMS, REST, DATA, META),
        )

    def save(
        self, step: int, *, params: Any, rest: Any, data: dict[str, Any], meta: dict[str, Any], validation_loss: float | None
    ) -> None:
        """Starts writing a step, unless it is there. A failure of an earlier write is raised here or by `wait`.

        Args:
          validation_loss: of these parameters; None where it was not measured.
        """
        self.wait()
        if step in self._manager.all_steps():
            return
        items = ocp.args.Composite(
            params=ocp.args.StandardSave(params),
            rest=ocp.args.StandardSave(rest),
            data=ocp.args.JsonSave(data),
            meta=ocp.args.JsonSave(meta),
        )
        metrics = None if validation_loss is None or not math.isfinite(validation_loss) else {_LOSS: validation_loss}
        self._writing = step
        with self._naming_failure():
            self._manager.save(step, args=items, metrics=metrics, force=True)

    def wait(self) -> None:
        """Until everything is on disk."""
        with self._naming_failure():
            self._manager.wait_until_finished()
            self._manager.check_for_errors()
        self._writing = None

    def close(self) -> None:
        self._manager.close()

    def restore(self, params: Any, rest: Any) -> Restored | None:
        """The newest checkpoint that can be read, or None where there is none at all.

        Args:
          params, rest: trees of ShapeDtypeStruct with the shardings to restore to.

        Raises:
          CheckpointError: there are checkpoints, and none of them can be read.
        """
        steps = sorted(self._manager.all_steps(), reverse=True)
        passed: list[int] = []
        for step in steps:
            args = ocp.args.Composite(
                params=ocp.args.StandardRestore(params),
                rest=ocp.args.StandardRestore(rest),
                data=ocp.args.JsonRestore(),
                meta=ocp.args.JsonRestore(),
            )
            failed: Exception | None = None
            try:
                found = self._manager.restore(step, args=args)
            except Exception as error:
                failed = error
            if _anywhere(failed is not None):
                _pass_over(self._directory / str(step), failed or CheckpointError("another process cannot read it"))
                passed.append(step)
                continue
            self._set_aside(passed)
            return Restored(step, found[PARAMS], found[REST], found[DATA], found[META])
        if steps:
            raise CheckpointError(
                f"none of the checkpoints {steps} in {self._directory} can be read (see the warnings above). "
                "Use another workdir, or move that folder away to start afresh"
            )
        return None

    def _set_aside(self, steps: Sequence[int]) -> None:
        """Renames steps that cannot be read; an older one of the same name goes."""
        for step in steps if jax.process_index() == 0 else ():
            aside = self._directory / f"{step}{_UNREADABLE}"
            if aside.exists():
                aside.rmtree()
            (self._directory / str(step)).rename(aside)
        if steps:
            _anywhere(False)  # none reloads before the first has renamed
            self._manager.reload()

    @contextlib.contextmanager
    def _naming_failure(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            step, self._writing = self._writing, None
            named = f"checkpoint {self._directory / str(step)}" if step is not None else f"a checkpoint in {self._directory}"
            earlier = [s for s in _steps_in(self._directory) if s != step]
            raise CheckpointError(
                f"{named} was not written completely ({_reason(error)}). Earlier checkpoints {earlier} are untouched; "
                "when there is room on the disk, run the same command again to go on from the newest"
            ) from error


def steps_of(workdir: epath.PathLike) -> list[int]:
    """The steps that have a checkpoint, ascending."""
    return _steps_in(_directory(workdir))


def read_meta(workdir: epath.PathLike, step: int | None = None) -> tuple[int, dict[str, Any]]:
    """The newest step (or the one asked for) whose meta can be read, and that meta."""
    steps = steps_of(workdir)
    if step is not None and step not in steps:
        raise CheckpointError(f"{workdir} has no checkpoint of step {step}; it has {steps}")
    for candidate in [step] if step is not None else sorted(steps, reverse=True):
        path = _directory(workdir) / str(candidate)
        try:
            with ocp.Checkpointer(ocp.JsonCheckpointHandler()) as checkpointer:
                return candidate, checkpointer.restore(path / META)
        except Exception as error:
            _pass_over(path, error)
    raise CheckpointError(
        f"{workdir} holds no readable checkpoint (steps found: {steps}); is it the workdir of a training run?"
    )


def read_params(workdir: epath.PathLike, step: int, params: Any) -> Any:
    """The parameters alone, onto the shardings of the given tree of ShapeDtypeStruct."""
    path = _directory(workdir) / str(step) / PARAMS
    try:
        with ocp.Checkpointer(ocp.StandardCheckpointHandler()) as checkpointer:
            return checkpointer.restore(path, args=ocp.args.StandardRestore(params))
    except Exception as error:
        raise CheckpointError(f"the parameters of {path} cannot be read: {error}") from error


def _anywhere(here: bool) -> bool:
    """Whether it is so in any process; all must ask."""
    return here if jax.process_count() == 1 else bool(multihost_utils.process_allgather(np.array(here)).any())


def _directory(workdir: epath.PathLike) -> epath.Path:
    return open_workdir(workdir).checkpoints


def _steps_in(directory: epath.Path) -> list[int]:
    if not directory.exists():
        return []
    return sorted(int(p.name) for p in directory.iterdir() if p.name.isdigit() and _is_complete(p))


def _is_complete(folder: epath.Path) -> bool:
    """Whether a step is. In a bucket it has its name while it is written, and one file more once it is complete."""
    return (folder / _COMMITTED).exists() if is_remote(folder) else folder.is_dir()


def _goodness(metrics: dict[str, float]) -> float:
    return -metrics[_LOSS]


def _pass_over(path: epath.Path, error: Exception) -> None:
    logging.getLogger("flanjax").warning("passing over checkpoint %s, which cannot be read: %s", path, _reason(error))


def _reason(error: BaseException) -> str:
    """One line that says what happened."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:300] if lines else ''}"
