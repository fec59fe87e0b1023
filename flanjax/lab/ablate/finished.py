"""What of a study is finished: found in its folder, so that it does not matter who ran it, or how often it was interrupted."""

import json
import statistics
from collections.abc import Iterable
from typing import NamedTuple

from etils import epath

from flanjax import checkpoint, records, storage
from flanjax.checkpoint import step_folder
from flanjax.config import ConfigError, differences, same_mixture
from flanjax.evaluate import protocol
from flanjax.evaluate.arms import Arm, read_arm
from flanjax.lab.ablate.plan import Cell, Plan, Training
from flanjax.tasks.ablation import completed
from flanjax.workdir import CONFIG, open_workdir

RUNS = "runs"


class Finished(NamedTuple):
    """The evaluation of a finished cell."""

    cell: Cell
    folder: epath.Path

    @property
    def predictions(self) -> epath.Path:
        return self.folder / "predictions.parquet"

    @property
    def report(self) -> epath.Path:
        return self.folder / "report.html"


def workdir_of(out: epath.PathLike, training: str) -> epath.Path:
    return epath.Path(out) / RUNS / training


def find(out: epath.PathLike, cell: Cell) -> Finished | None:
    """Returns the cell's evaluation after its last step, with the settings that it asks for; None if there is none yet."""
    asked = protocol.protocol(cell.config.evaluation, (), "", {})["evaluation"]
    folder = open_workdir(workdir_of(out, cell.training)).evaluations
    for place in sorted(folder.iterdir()) if folder.is_dir() else []:
        record = storage.read_json(place / protocol.NAME, protocol.FORMAT)
        if not record or not (place / "report.html").exists():  # which is written last
            continue
        found = record["protocol"]
        if record["step"] == cell.config.train.steps and not found["tasks"] and found["evaluation"] == asked:
            return Finished(cell, place)
    return None


def find_all(out: epath.PathLike, plan: Plan) -> list[Finished]:
    """Returns all finished cells of a plan.

    Raises:
      ConfigError: a run in the folder was made by another config than the plan's; the message names both values.
    """
    for training in plan.trainings.values():
        check_same(out, training)
    return [found for cell in plan.cells if (found := find(out, cell)) is not None]


def check_same(out: epath.PathLike, training: Training) -> None:
    """Raises ConfigError if the training's folder has a run of another config. A run may be logged or saved otherwise."""
    workdir = workdir_of(out, training.name)
    there = open_workdir(workdir).read_record(CONFIG, records.CONFIG)
    if not there:
        return
    wanted = json.loads(json.dumps(training.config.to_dict()))
    if same_mixture(there.get("mixture", ""), wanted["mixture"]):
        wanted["mixture"] = there["mixture"]
    before = {**{key: there.get(key) for key in wanted}, "ablation": completed(there.get("ablation"))}
    changed = differences(before, wanted)
    if changed := [d for d in changed if not d.startswith(_FREE)]:
        raise ConfigError(
            f"{workdir} was run by another config: {'; '.join(changed)}. Use another --out, or set these back; to run it "
            "again, remove the folder"
        )


_FREE = ("checkpoint.", "evaluation.", "mesh.", "train.microbatches", "train.log_every", "train.validat", "train.heldout_",
         "train.tensorboard", "train.wandb", "data.num_", "data.prefetch_windows")  # fmt: skip


def arms_of(finished: Iterable[Finished]) -> dict[tuple[str, ...], Arm]:
    """Returns the arm of each combination of levels, from the seeds that are finished."""
    grouped: dict[tuple[str, ...], list[Finished]] = {}
    for found in finished:
        grouped.setdefault(found.cell.labels, []).append(found)
    arms = {}
    for labels, members in grouped.items():
        try:
            arms[labels] = read_arm({f.cell.seed: storage.read_table(f.predictions) for f in members})
        except ValueError as error:
            error.add_note(f"in the runs of {', '.join(labels)}")
            raise
    return arms


def seconds_per_step(out: epath.PathLike, plan: Plan) -> float | None:
    """Returns the mean time of a step in the study's runs so far, without their first logged steps; None if none was logged."""
    times = []
    for name in plan.trainings:
        lines = [m for m in open_workdir(workdir_of(out, name)).read_metrics() if "kind" not in m and "seconds" in m]
        times += [line["seconds"] for line in lines[1:]]
    return sum(times) / len(times) if times else None


def steps_done(out: epath.PathLike, training: Training) -> int:
    """Returns how many steps a training has behind it, by its newest checkpoint."""
    return max(checkpoint.steps_of(workdir_of(out, training.name)), default=0)


class Cost(NamedTuple):
    """What a training took, as its log says: real tokens of inputs and targets, seconds in steps, FLOPs that the model needs.

    Runs of older versions did not log all of it; None stands for what is not known.

    Attributes:
      step_seconds: median time of a step, without the first logged ones, in which the step is compiled.
      trained_share: of the parameters, in percent.
      held_bytes: parameters and optimizer state on a device.
      checkpoint_bytes: the files of the last checkpoint.
    """

    tokens: float
    seconds: float
    flops: float | None
    step_seconds: float | None = None
    trained_share: float | None = None
    held_bytes: float | None = None
    checkpoint_bytes: float | None = None


def cost_of(workdir: epath.PathLike) -> Cost:
    """Returns the cost of a training, summed over the lines of its metrics."""
    before, seconds, tokens, flops = 0, 0.0, 0.0, list[float]()
    lines = [m for m in open_workdir(workdir).read_metrics() if "kind" not in m and "seconds" in m]
    for line in lines:
        took, before = line["seconds"] * (line["step"] - before), line["step"]
        seconds += took
        tokens += took * (line["input_tokens_per_second"] + line["target_tokens_per_second"])
        flops += [took * line["flops_per_second"]] if "flops_per_second" in line else []
    size = (open_workdir(workdir).read_record(CONFIG, records.CONFIG) or {}).get("size", {})
    return Cost(
        tokens,
        seconds,
        sum(flops) if len(flops) == len(lines) else None,
        step_seconds=statistics.median(line["seconds"] for line in lines[1:]) if lines[1:] else None,
        trained_share=100 * size["trained"] / size["parameters"] if size else None,
        held_bytes=size.get("held_bytes_per_device"),
        checkpoint_bytes=step_folder.newest_bytes(workdir),
    )
