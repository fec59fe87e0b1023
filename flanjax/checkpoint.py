"""Checkpoints with Orbax: parameters, the rest of the state, the position in the data, and the run's record, as separate items.

A step that is incomplete, damaged or unreadable is passed over with a warning that names it. When a run continues from an older
step, the unreadable one is renamed, so that it neither blocks the step's next checkpoint nor counts as one to keep. Every step
has the checksums of its files, which are written before the step counts as complete and compared when it is read.
"""

import contextlib
import dataclasses
import functools
import logging
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
import orbax.checkpoint as ocp
from etils import epath
from jax.experimental import multihost_utils

from flanjax import checksums, fields, records, step_folder
from flanjax.fields import Count, Whole
from flanjax.step_folder import DATA, META, PARAMS, REST

VALIDATION_LOSS = "validation_loss"
_LOSS, _SCORE, _UNREADABLE = VALIDATION_LOSS, "score", ".unreadable"
_REWRITTEN_AT_THE_END = "_CHECKPOINT_METADATA"  # Orbax rewrites it with the time when the step is complete


class CheckpointError(RuntimeError):
    """A checkpoint cannot be read or written; the message names it and says what to do."""


class StepGoneError(CheckpointError):
    """The step was removed while it was read. A running trainer does that, since it keeps only its newest steps."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class CheckpointConfig:
    """When checkpoints are written and which are kept.

    Args:
      every_steps: steps between checkpoints; the last step always has one.
      keep: how many of the newest checkpoints are kept.
      keep_best: how many of the best checkpoints are kept in addition.
      best_by: what the best ones have: the lowest loss on evaluation rows of the training tasks (validation_loss), or the
        highest score of the held-out cluster that it names. That cluster's score then helped to choose: report others.
      asynchronous: write checkpoints while training goes on.
    """

    every_steps: Count = 500
    keep: Count = 2
    keep_best: Whole = 1
    best_by: str = VALIDATION_LOSS
    asynchronous: bool = True

    def __post_init__(self) -> None:
        fields.check(self)


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
        self._directory = step_folder.directory(workdir)
        self._writing: int | None = None
        self._asynchronous = config.asynchronous
        self._params, rest = _SummedHandler(PARAMS), _SummedHandler(REST)
        registry = ocp.handlers.DefaultCheckpointHandlerRegistry()
        for item, handler in ((PARAMS, self._params), (REST, rest)):
            registry.add(item, ocp.args.StandardSave, handler)
            registry.add(item, ocp.args.StandardRestore, handler)
        for item in (DATA, META):
            as_json = ocp.JsonCheckpointHandler()
            registry.add(item, ocp.args.JsonSave, as_json)
            registry.add(item, ocp.args.JsonRestore, as_json)
        policies = ocp.checkpoint_managers
        best = policies.BestN(get_metric_fn=_goodness, n=config.keep_best, keep_checkpoints_without_metrics=False)
        self._manager = ocp.CheckpointManager(
            self._directory,
            options=ocp.CheckpointManagerOptions(
                preservation_policy=policies.AnyPreservationPolicy([policies.LatestN(config.keep), best]),
                best_fn=_goodness,  # without it Orbax writes no metrics, and a later process cannot find the best
                # Only asynchronous writing calls back before a step counts as complete. For synchronous saves, `save` waits.
                async_options=ocp.options.AsyncOptions(post_finalization_callback=self._sum),
                cleanup_tmp_directories=True,
            ),
            handler_registry=registry,
        )

    def save(
        self,
        step: int,
        *,
        params: Any,
        rest: Any,
        data: dict[str, Any],
        meta: dict[str, Any],
        validation_loss: float | None,
        score: float | None = None,
    ) -> None:
        """Starts writing a step, unless it exists. A failure of an earlier write is raised here or by `wait`.

        Args:
          validation_loss: the loss of these parameters; None if it was not measured.
          score: of the cluster by which the best are kept instead of by the loss; None if there is none or it was not measured.
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
        known = {_LOSS: validation_loss} if score is None else {_SCORE: score}
        metrics = {name: value for name, value in known.items() if value is not None and math.isfinite(value)} or None
        self._writing = step
        with self._naming_failure():
            self._manager.save(step, args=items, metrics=metrics, force=True)
        if not self._asynchronous:
            self.wait()

    def wait(self) -> None:
        """Waits until everything is on disk."""
        with self._naming_failure():
            self._manager.wait_until_finished()
            self._manager.check_for_errors()
        self._writing = None

    def close(self) -> None:
        self._manager.close()

    def restore(self, params: Any, rest: Any, check_data: Callable[[dict[str, Any]], Any] = dict) -> Restored | None:
        """Returns the newest checkpoint that is readable and undamaged; None if the workdir has no checkpoint.

        Args:
          params, rest: trees of ShapeDtypeStruct with the shardings to restore to.
          check_data: raises an error for an invalid position in the data.

        Raises:
          CheckpointError: there are checkpoints, but none of them can be read.
          FormatError: a newer flanjax wrote the step.
        """
        steps = sorted(self._manager.all_steps(), reverse=True)
        passed: list[int] = []
        for step in steps:
            restored, failed = self._restore_step(step, params, rest, check_data)
            if _anywhere(failed is not None):
                _pass_over(self._directory / str(step), failed or CheckpointError("another process cannot read it"))
                passed.append(step)
                continue
            self._set_aside(passed)
            return restored
        if steps:
            raise CheckpointError(
                f"none of the checkpoints {steps} in {self._directory} can be read (see the warnings above). "
                "Use another workdir, or move that folder away to start afresh"
            )
        return None

    def _restore_step(
        self, step: int, params: Any, rest: Any, check_data: Callable[[dict[str, Any]], Any]
    ) -> tuple[Restored | None, Exception | None]:
        args = ocp.args.Composite(
            params=ocp.args.StandardRestore(params),
            rest=ocp.args.StandardRestore(rest),
            data=ocp.args.JsonRestore(),
            meta=ocp.args.JsonRestore(),
        )
        folder = self._directory / str(step)
        try:
            with _comparing(folder):
                found = self._manager.restore(step, args=args)
            step_folder.check_meta(found[META], folder)
            with step_folder.naming(folder / DATA / step_folder.JSON_FILE):
                check_data(found[DATA])
        except records.FormatError:
            raise
        except Exception as error:
            return None, error
        return Restored(step, found[PARAMS], found[REST], found[DATA], found[META]), None

    def _sum(self) -> None:
        """Writes the step's checksums. Called in process 0 when all items are on disk, before the step counts as complete."""
        assert self._params.written_to is not None
        checksums.write(self._params.written_to, without=[_REWRITTEN_AT_THE_END])

    def _set_aside(self, steps: Sequence[int]) -> None:
        """Renames steps that cannot be read, and removes what had the new name before."""
        for step in steps if jax.process_index() == 0 else ():
            aside = self._directory / f"{step}{_UNREADABLE}"
            if aside.exists():
                aside.rmtree()
            (self._directory / str(step)).rename(aside)
        if steps:
            _anywhere(False)  # no process reloads before process 0 has renamed
            self._manager.reload()

    @contextlib.contextmanager
    def _naming_failure(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            step, self._writing = self._writing, None
            named = f"checkpoint {self._directory / str(step)}" if step is not None else f"a checkpoint in {self._directory}"
            earlier = [s for s in step_folder.steps_in(self._directory) if s != step]
            raise CheckpointError(
                f"{named} was not written completely ({step_folder.reason(error)}). Earlier checkpoints {earlier} are "
                "untouched; when there is room on the disk, run the same command again to go on from the newest"
            ) from error


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
        candidate = _as_first(max((s for s in steps if s not in passed and step in (None, s)), default=step_folder.NO_STEP))
        if candidate == step_folder.NO_STEP:
            break
        path = step_folder.directory(workdir) / str(candidate)
        failed: Exception | None = None
        try:
            with _comparing(path, META), ocp.Checkpointer(ocp.JsonCheckpointHandler()) as checkpointer:
                meta = checkpointer.restore(path / META)
            step_folder.check_meta(meta, path)
        except records.FormatError:
            raise
        except Exception as error:
            failed = error
        if not _anywhere(failed is not None):
            return candidate, meta
        passed.append(candidate)
        if path.exists():  # otherwise the run that writes here has removed it
            _pass_over(path, failed or CheckpointError("another process cannot read it"))
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
        with _comparing(folder, PARAMS), ocp.Checkpointer(ocp.StandardCheckpointHandler()) as checkpointer:
            found = checkpointer.restore(folder / PARAMS, args=ocp.args.StandardRestore(params))
    except Exception as error:
        failed = error
    if not _anywhere(failed is not None):
        return found
    reason = step_folder.reason(failed) if failed else "another process cannot read them"
    if _anywhere(step_folder.is_removed(folder)):
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
            newest = _as_first(max(steps_of(workdir), default=step_folder.NO_STEP))
            if newest == step_folder.NO_STEP:
                raise
            logging.getLogger("flanjax").warning("%s; reading step %s instead", error, newest)
            step = newest


class _SummedHandler(ocp.StandardCheckpointHandler):
    """Writes a tree of arrays. When a process's files are on disk, it writes their checksums beside them.

    Attributes:
      written_to: the step's folder, under its temporary name.
    """

    def __init__(self, item: str):
        super().__init__()
        self._item = item
        self.written_to: epath.Path | None = None

    async def async_save(self, directory: Any, *args: Any, **kwargs: Any) -> list[Any]:
        written = await super().async_save(directory, *args, **kwargs)
        directory = epath.Path(directory)
        self.written_to = directory.parent
        return [ocp.future.ChainedFuture(written or [], functools.partial(self._sum, directory))]

    def _sum(self, directory: epath.Path) -> None:
        own = f"ocdbt.process_{jax.process_index()}"
        sums = {f"{self._item}/{own}/{name}": found for name, found in checksums.sums_of(directory / own).items()}
        checksums.write_part(directory.parent, f"{self._item}.{jax.process_index()}", sums)


@contextlib.contextmanager
def _comparing(folder: epath.Path, item: str = "") -> Iterator[None]:
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


def _as_first(number: int) -> int:
    """Returns the number that process 0 has. All processes must call it."""
    return number if jax.process_count() == 1 else int(multihost_utils.broadcast_one_to_all(np.array(number)))


def _anywhere(here: bool) -> bool:
    """Whether `here` is true in any process. All processes must call it."""
    return here if jax.process_count() == 1 else bool(multihost_utils.process_allgather(np.array(here)).any())


def _goodness(metrics: dict[str, float]) -> float:
    return metrics[_SCORE] if _SCORE in metrics else -metrics[_LOSS]


def _pass_over(path: epath.Path, error: Exception) -> None:
    logging.getLogger("flanjax").warning(
        "passing over checkpoint %s, which cannot be read: %s", path, step_folder.reason(error)
    )
