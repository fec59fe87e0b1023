"""The checkpoints of a run that writes them: saved, kept or removed, and restored when the run goes on."""

import contextlib
import functools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, NoReturn

import jax
import orbax.checkpoint as ocp
from etils import epath

from flanjax import records
from flanjax.checkpoint import checksums, step_folder
from flanjax.checkpoint.config import VALIDATION_LOSS, CheckpointConfig
from flanjax.checkpoint.reading import CheckpointError, anywhere, comparing, pass_over
from flanjax.checkpoint.step_folder import DATA, META, PARAMS, REST
from flanjax.failures import is_no_damage, is_out_of_memory

_ANY_SCORE, _UNREADABLE = "score", ".unreadable"  # older runs did not say of which cluster a score is
_REWRITTEN_AT_THE_END = "_CHECKPOINT_METADATA"  # Orbax rewrites it with the time when the step is complete


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
        self._best_by = config.best_by
        best = policies.BestN(get_metric_fn=self._goodness, n=config.keep_best, keep_checkpoints_without_metrics=False)
        self._manager = ocp.CheckpointManager(
            self._directory,
            options=ocp.CheckpointManagerOptions(
                preservation_policy=policies.AnyPreservationPolicy([policies.LatestN(config.keep), best]),
                best_fn=self._goodness,  # without it Orbax writes no metrics, and a later process cannot find the best
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
        known = {VALIDATION_LOSS: validation_loss}
        if self._best_by != VALIDATION_LOSS:
            known[self._best_by] = score
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
          CheckpointError: there are checkpoints, but none of them can be read, or the storage does not answer.
          FormatError: a newer flanjax wrote the step.
        """
        steps = sorted(self._manager.all_steps(), reverse=True)
        passed: list[int] = []
        for step in steps:
            restored, failed = self._restore_step(step, params, rest, check_data)
            if failed is not None and is_no_damage(failed):
                self._raise_unread(step, failed)
            if anywhere(failed is not None):
                pass_over(self._directory / str(step), failed or CheckpointError("another process cannot read it"))
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
            with comparing(folder):
                found = self._manager.restore(step, args=args)
            step_folder.check_meta(found[META], folder)
            with step_folder.naming(folder / DATA / step_folder.JSON_FILE):
                check_data(found[DATA])
        except records.FormatError:
            raise
        except Exception as error:
            return None, error
        return Restored(step, found[PARAMS], found[REST], found[DATA], found[META]), None

    def _raise_unread(self, step: int, error: Exception) -> NoReturn:
        """Raises why a sound checkpoint was not read: going on from an older one would lose steps."""
        if is_out_of_memory(error):
            raise error
        raise CheckpointError(
            f"checkpoint {self._directory / str(step)} could not be read now: {step_folder.reason(error)}. Run the same "
            "command again; if the checkpoint stays unreadable, move it away, and the run goes on from the one before"
        ) from error

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
            anywhere(False)  # no process reloads before process 0 has renamed
            self._manager.reload()

    def _goodness(self, metrics: dict[str, float]) -> float:
        """How good a checkpoint is by what `best_by` names now; the least if it was kept for something else."""
        if self._best_by == VALIDATION_LOSS:
            return -metrics.get(VALIDATION_LOSS, math.inf)
        return metrics.get(self._best_by, metrics.get(_ANY_SCORE, -math.inf))

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
