"""What of a study is finished: found in its folder, so that it does not matter who ran it, or how often it was interrupted."""

import hashlib
import json
import shlex
import statistics
from collections.abc import Iterable
from typing import NamedTuple

from etils import epath

from flanjax import checkpoint, records, storage
from flanjax.checkpoint import step_folder
from flanjax.config import ConfigError, RunConfig, differences, same_mixture
from flanjax.data import kept_tokenizer
from flanjax.evaluate import protocol
from flanjax.evaluate.arms import Arm, read_arm
from flanjax.lab.ablate.plan import Cell, Plan, Training
from flanjax.tasks.ablation import completed
from flanjax.workdir import CONFIG, open_workdir

RUNS = "runs"


class Finished(NamedTuple):
    """The evaluation of a finished cell.

    Attributes:
      questions: the digest of all that was asked, from its protocol.
    """

    cell: Cell
    folder: epath.Path
    questions: str

    @property
    def predictions(self) -> epath.Path:
        return self.folder / "predictions.parquet"

    @property
    def report(self) -> epath.Path:
        return self.folder / "report.html"


def workdir_of(out: epath.PathLike, training: str) -> epath.Path:
    return epath.Path(out) / RUNS / training


def find(out: epath.PathLike, cell: Cell) -> Finished | None:
    """Returns the cell's evaluation after its last step, with the settings that it asks for; None if there is none yet.

    Of several, which were asked other questions, the newest counts.
    """
    asked = protocol.protocol(cell.config.evaluation, (), "", {})["evaluation"]
    folder = open_workdir(workdir_of(out, cell.training)).evaluations
    dated: dict[str, Finished] = {}
    for place in sorted(folder.iterdir()) if folder.is_dir() else []:
        record = storage.read_json(place / protocol.NAME, protocol.FORMAT)
        if not record or not (place / "report.html").exists():  # which is written last
            continue
        found = record["protocol"]
        if record["step"] == cell.config.train.steps and not found["tasks"] and found["evaluation"] == asked:
            dated[record["made"]["date"]] = Finished(cell, place, found["questions"])
    return dated[max(dated)] if dated else None


def find_all(out: epath.PathLike, plan: Plan) -> list[Finished]:
    """Returns all finished cells of a plan.

    Raises:
      ConfigError: a run in the folder was made by another config than the plan's, or two runs were asked other questions by the
        same settings; the message names both values or both runs.
    """
    for training in plan.trainings.values():
        check_same(out, training)
    finished = [found for cell in plan.cells if (found := find(out, cell)) is not None]
    check_questions(out, plan, finished)
    return finished


def check_same(out: epath.PathLike, training: Training) -> None:
    """Raises ConfigError if the training's folder has a run of another config. A run may be logged or saved otherwise."""
    workdir = workdir_of(out, training.name)
    there = open_workdir(workdir).read_record(CONFIG, records.CONFIG)
    if not there:
        return
    wanted = json.loads(json.dumps(training.config.to_dict()))
    if same_mixture(there.get("mixture", ""), wanted["mixture"]):
        wanted["mixture"] = there["mixture"]
    known = {key: there[key] for key in wanted if key in there}
    before = RunConfig.from_config_dict({**known, "ablation": completed(there.get("ablation"))})
    changed = differences(json.loads(json.dumps(before.to_dict())), wanted)  # with the keys that older runs had not
    if changed := [d for d in changed if not d.startswith(_FREE)]:
        raise ConfigError(
            f"{workdir} was run by another config: {'; '.join(changed)}. Use another --out, or set these back; to run it "
            "again, remove the folder"
        )


_FREE = ("checkpoint.", "evaluation.", "mesh.", "train.microbatches", "train.log_every", "train.validat", "train.heldout_",
         "train.tensorboard", "train.wandb", "data.num_", "data.prefetch_windows")  # fmt: skip


def check_questions(out: epath.PathLike, plan: Plan, finished: Iterable[Finished]) -> None:
    """Raises ConfigError if two runs were evaluated alike, but on other questions: the mixture was edited between them.

    Runs that read by other tokenizers may differ: a prompt that is too long for one of them is cut, or has fewer exemplars.
    """
    alike: dict[str, list[Finished]] = {}
    for one in finished:
        alike.setdefault(_asked(plan, one.cell), []).append(one)
    for members in alike.values():
        first: dict[str, Finished] = {}  # by tokenizer
        for one in members if len({member.questions for member in members}) > 1 else ():
            other = first.setdefault(_tokenizer_digest(workdir_of(out, one.cell.training)), one)
            if one.questions != other.questions:
                raise ConfigError(
                    f"{other.cell.training} and {one.cell.training} were evaluated by the same settings, but on other "
                    f"questions: {one.cell.config.mixture}, its data or flanjax changed between them. Evaluate both as it is "
                    f"now: {' and '.join(shlex.join(['flanjax', *heldout_command(out, e.cell)]) for e in (other, one))}"
                )


def _asked(plan: Plan, cell: Cell) -> str:
    """All that decides which questions a cell is asked, beside its tokenizer and the contents of the mixture's file."""
    config, split = cell.config, plan.base.split
    clusters = {task.name: task.cluster for task in (*split.train.tasks(), *split.heldout)}
    settings = protocol.protocol(config.evaluation, (), "", {})["evaluation"]
    left_out = sorted(name for name in config.leave_out if clusters.get(name) in config.heldout)
    return repr((settings, config.mixture, config.heldout, left_out, config.data.features, config.tokenizer))


def heldout_command(out: epath.PathLike, cell: Cell) -> list[str]:
    """The arguments of `flanjax` that evaluate a cell's run."""
    return ["heldout", "--workdir", str(workdir_of(out, cell.training)), *cell.flags]


def _tokenizer_digest(workdir: epath.PathLike) -> str:
    """A hash of the tokenizer that a run keeps; the same for all runs that keep none."""
    folder, digest = open_workdir(workdir).tokenizer, hashlib.blake2b(digest_size=8)
    for file in sorted(folder.iterdir()) if folder.is_dir() else []:
        if file.is_file() and file.name != kept_tokenizer.ORIGIN:
            digest.update(file.name.encode() + file.read_bytes())
    return digest.hexdigest()


def arms_of(finished: Iterable[Finished]) -> dict[tuple[str, ...], Arm]:
    """Returns the arm of each combination of levels, from the seeds that are finished."""
    grouped: dict[tuple[str, ...], list[Finished]] = {}
    for found in finished:
        grouped.setdefault(found.cell.labels, []).append(found)
    arms = {}
    for labels, members in grouped.items():
        try:
            tables = {f.cell.seed: storage.read_table(f.predictions) for f in members}
            arms[labels] = read_arm(tables, names={f.cell.seed: f.cell.training for f in members})
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
