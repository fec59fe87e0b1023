"""Checkpoints by Orbax: parameters, the rest of the state, the position in the data, and what the run is, as separate items.

A step that is incomplete or cannot be read is passed over with a warning that names it; nothing is deleted for it.
"""

import dataclasses
import logging
from typing import Any, NamedTuple

import jax
import orbax.checkpoint as ocp
from etils import epath

PARAMS, REST, DATA, META = "params", "rest", "data", "meta"
_DIRECTORY = "checkpoints"


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
        self._directory = epath.Path(workdir) / _DIRECTORY
        policies = ocp.checkpoint_managers
        keep = [policies.LatestN(config.keep)]
        if config.keep_best:
            keep.append(policies.BestN(get_metric_fn=lambda m: -m["validation_loss"], n=config.keep_best))
        self._manager = ocp.CheckpointManager(
            self._directory,
            options=ocp.CheckpointManagerOptions(
                preservation_policy=policies.AnyPreservationPolicy(keep),
                enable_async_checkpointing=config.asynchronous,
                cleanup_tmp_directories=True,
            ),
            item_names=(PARAMS, REST, DATA, META),
        )

    def save(
        self, step: int, *, params: Any, rest: Any, data: dict[str, Any], meta: dict[str, Any], validation_loss: float | None
    ) -> None:
        """Starts writing a step. A failure of an earlier write is raised here or by `wait`."""
        items = ocp.args.Composite(
            params=ocp.args.StandardSave(params),
            rest=ocp.args.StandardSave(rest),
            data=ocp.args.JsonSave(data),
            meta=ocp.args.JsonSave(meta),
        )
        metrics = None if validation_loss is None else {"validation_loss": validation_loss}
        try:
            self._manager.save(step, args=items, metrics=metrics, force=True)
        except Exception as error:
            raise self._write_error(step) from error

    def wait(self) -> None:
        """Until everything is on disk."""
        try:
            self._manager.wait_until_finished()
            self._manager.check_for_errors()
        except Exception as error:
            raise self._write_error(None) from error

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
        for step in steps:
            args = ocp.args.Composite(
                params=ocp.args.StandardRestore(params),
                rest=ocp.args.StandardRestore(rest),
                data=ocp.args.JsonRestore(),
                meta=ocp.args.JsonRestore(),
            )
            try:
                found = self._manager.restore(step, args=args)
            except Exception as error:
                _pass_over(self._directory / str(step), error)
                continue
            return Restored(step, found[PARAMS], found[REST], found[DATA], found[META])
        if steps:
            raise CheckpointError(
                f"none of the checkpoints {steps} in {self._directory} can be read (see the warnings above). "
                "Use another workdir, or move that folder away to start afresh"
            )
        return None

    def _write_error(self, step: int | None) -> CheckpointError:
        named = f"checkpoint {self._directory / str(step)}" if step is not None else f"a checkpoint in {self._directory}"
        return CheckpointError(
            f"{named} was not written completely (is the disk full?). Earlier checkpoints {sorted(self._manager.all_steps())} "
            "are untouched; make room and run the same command again to go on from the newest"
        )


def steps_of(workdir: epath.PathLike) -> list[int]:
    """The steps that have a checkpoint, ascending."""
    directory = epath.Path(workdir) / _DIRECTORY
    if not directory.exists():
        return []
    return sorted(int(p.name) for p in directory.iterdir() if p.name.isdigit() and p.is_dir())


def read_meta(workdir: epath.PathLike, step: int | None = None) -> tuple[int, dict[str, Any]]:
    """The newest step (or the one asked for) whose meta can be read, and that meta."""
    steps = steps_of(workdir)
    if step is not None and step not in steps:
        raise CheckpointError(f"{workdir} has no checkpoint of step {step}; it has {steps}")
    for candidate in [step] if step is not None else sorted(steps, reverse=True):
        path = epath.Path(workdir) / _DIRECTORY / str(candidate)
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
    path = epath.Path(workdir) / _DIRECTORY / str(step) / PARAMS
    try:
        with ocp.Checkpointer(ocp.StandardCheckpointHandler()) as checkpointer:
            return checkpointer.restore(path, args=ocp.args.StandardRestore(params))
    except Exception as error:
        raise CheckpointError(f"the parameters of {path} cannot be read: {error}") from error


def _pass_over(path: epath.Path, error: Exception) -> None:
    reason = str(error).strip().splitlines()
    logging.getLogger("flanjax").warning(
        "passing over checkpoint %s, which cannot be read: %s: %s", path, type(error).__name__, reason[0] if reason else ""
    )


def abstract(tree: Any, shardings: Any) -> Any:
    """ShapeDtypeStructs with shardings, which is what `restore` wants."""
    return jax.tree.map(lambda x, s: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=s), tree, shardings)
