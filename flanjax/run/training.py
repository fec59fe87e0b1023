"""Training a run, read top-down. Each stage makes one value, and later stages see no more than the values they are given."""

import contextlib
import dataclasses
import functools
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import jax
from etils import epath

from flanjax import checkpoint, parts, records
from flanjax.checkpoint import VALIDATION_LOSS
from flanjax.claim import Claim
from flanjax.config import RunConfig
from flanjax.data import identity
from flanjax.data.corpus import Corpus, open_corpus, open_rows
from flanjax.data.features import MakeFeatures, make_features
from flanjax.data.pipeline import BatchIterator, DataState, Host
from flanjax.data.validation import validation_batches
from flanjax.evaluate.config import EvaluationConfig
from flanjax.evaluate.questions import ask, scoring_layout
from flanjax.generate.scorer import Scorer
from flanjax.models import functional
from flanjax.models.params import Full, Params, Tuning
from flanjax.out_of_memory import explained
from flanjax.parallel import cores, distributed, sharding
from flanjax.run.periodic import HeldoutScores, Saving, Validation
from flanjax.run.references import with_references
from flanjax.run.stages import Stages
from flanjax.tasks.clusters import Split
from flanjax.tasks.mixture import Mixture
from flanjax.train.fitting import fit_program
from flanjax.train.goodput import Goodput
from flanjax.train.heldout_curve import points_of
from flanjax.train.log import MetricsWriter, ProgressBar
from flanjax.train.loop import Diverged, Interrupted, Periodic, Report, Stop, fit
from flanjax.train.meter import Meter, work_of
from flanjax.train.objective import Objective
from flanjax.train.profiling import Profiler, parse_steps
from flanjax.train.program import Program
from flanjax.train.step import TrainState
from flanjax.train.wandb_run import open_wandb
from flanjax.workdir import CONFIG, SHARDING, Workdir, open_workdir

Log = Callable[[str], None]


class Text(NamedTuple):
    """What is trained on, opened."""

    split: Split
    corpus: Corpus


class Devices(NamedTuple):
    """Where is trained.

    Attributes:
      hosts: the processes that make each share of a batch.
      host: which share is made here.
    """

    mesh: sharding.Mesh
    hosts: list[tuple[int, ...]]
    host: Host


class Start(NamedTuple):
    """Where training begins or goes on.

    Attributes:
      frozen: the parameters that are not trained.
      data: the position in the data; None at its beginning.
    """

    step: int
    state: TrainState
    frozen: Any
    data: DataState | None


def train(
    config: RunConfig,
    workdir: epath.PathLike,
    *,
    mixture: Mixture | None = None,
    objective: Objective | None = None,
    tuning: Tuning = Full(),
    features: MakeFeatures = make_features,
    numbers: Sequence[str] = (),
    profile: str | None = None,
    began: float | None = None,
    log: Log = print,
) -> int:
    """Trains until `config.train.steps`, going on from the newest checkpoint of the workdir if there is one.

    Args:
      mixture: to train on instead of the one at the config's address.
      objective: to minimise instead of the config's.
      tuning: which parameters are trained.
      features, numbers: as `open_corpus` takes them.
      profile: the steps of which a trace is written (train/profiling.py), such as "10:13".
      began: time.perf_counter() when the program began, whose imports are then told as a stage of the start; None for now.

    Returns:
      The number of steps that the run has trained.

    Raises:
      ClaimError: another run trains there.
      OutOfMemoryError: saying what would help.
    """
    use_cores(config)
    log, stages = distributed.first_only(log), Stages(time.perf_counter() if began is None else began)
    if began is not None:
        stages.passed("imports")
    with explained("training", config), claimed(open_workdir(workdir), log) as folder:
        return _train(config, folder, mixture, objective, tuning, features, numbers, profile, stages, log)


def use_cores(config: RunConfig) -> None:
    """Gives each core of a CPU a device, before there are devices, unless the config has a mesh of its own."""
    if config.mesh == sharding.MeshConfig():
        microbatches = 1 if config.train.microbatches == "auto" else config.train.microbatches
        cores.a_device_each(config.data.batch_size // microbatches)


def _train(
    config: RunConfig,
    folder: Workdir,
    mixture: Mixture | None,
    objective: Objective | None,
    tuning: Tuning,
    features: MakeFeatures,
    numbers: Sequence[str],
    profile: str | None,
    stages: Stages,
    log: Log,
) -> int:
    workdir = folder.path
    config = parts.settled(config)
    text = open_text(config, workdir, mixture, features, numbers or parts.numbers_of(config), log)
    stages.passed("mixture and tokenizer")
    devices = open_devices(config)
    prepared = parts.prepared_of(config, text.corpus, devices.host)
    saved = checkpoint.read_meta(workdir)[1] if checkpoint.steps_of(workdir) else {}
    weights = parts.weights_of(config, text.corpus.tokenizer, devices.mesh, (saved.get("base") or {}).get("step"))
    tuning = parts.tuning_of(config, weights.model, text.corpus.tokenizer, tuning)
    for line in weights.notes:
        log(f"note: {line}")
    objective = parts.objective_of(config, len(text.corpus.entries), objective)
    program = make_program(config, text, devices, weights.model, objective, tuning, log)
    stages.passed("model")

    meta = parts.meta_of(config, text.split, text.corpus, weights.model, tuning)
    if config.objective.of_pairs:
        corpus = with_references(config, folder, text.corpus, program, weights, devices.mesh, log)
        text = text._replace(corpus=corpus)
    checkpoints = checkpoint.Checkpoints(workdir, config.checkpoint)
    start, meta = find_start(config, workdir, text.corpus, program, weights, checkpoints, saved, meta, log)
    if start.step >= config.train.steps:
        checkpoints.close()
        log(f"{workdir} has trained its {start.step} steps already; a larger train.steps would go on from there")
        return start.step
    stages.passed("weights")

    write_records(config, folder, weights.model, program, meta)
    stop = Stop()
    batches = BatchIterator(text.corpus, devices.host, start.data, prepared, stop.while_waiting)
    report = open_report(config, folder, text.corpus, devices, start.step, stages.began)
    prompts = parts.training_prompts(text.corpus)
    saving = Saving(folder, report.writer, checkpoints, meta, text.split, text.corpus, batches, devices.hosts, prompts)
    actions = periodic_actions(config, text, devices, program, weights.model, start, report, saving)
    log(f"{program.size} on {sharding.describe(devices.mesh)}; MFU against {report.meter.limit_named}")
    for line in attention_lines(config, devices, program, text.corpus):
        log(line)
    stages.passed("records and logs")
    step_fn, work = step_of(program, start.frozen), functools.partial(work_of, model=weights.model)
    first, state = start.step, start.state
    del start, weights  # the step takes over the memory of the state that it is given
    steps_to_trace = parse_steps(profile, first) if profile else None
    with Profiler(steps_to_trace, workdir, first, silent=not folder.writes) as profiler:
        traced = stages.until_first(profiler.around(step_fn), log)
        loop(config, devices, first, state, batches, traced, work, report, actions, saving, checkpoints, stop)
    log(f"trained {config.train.steps} steps; checkpoints and metrics are in {workdir}")
    return config.train.steps


@contextlib.contextmanager
def claimed(folder: Workdir, log: Log) -> Iterator[Workdir]:
    """The folder, this run's own for the while: the first of several processes claims it and writes there."""
    claim = Claim(folder.path, log)
    distributed.first_then_others("claim", claim.take)
    try:
        yield dataclasses.replace(folder, check=claim.check, writes=distributed.is_first())
    finally:
        claim.release()


def open_text(
    config: RunConfig,
    workdir: epath.Path,
    mixture: Mixture | None,
    features: MakeFeatures,
    numbers: Sequence[str],
    log: Log,
) -> Text:
    """Returns the split mixture with its rows and tokenizer; prints what is held out and what the tokenizer loses."""
    split = parts.split_of(config, mixture)
    if config.data.on_error == "quarantine":
        split = parts.without_unopened(config, split, parts.earlier_quarantine(config, workdir))
    rows = open_rows(split.train)
    workdir.mkdir(parents=True, exist_ok=True)
    tokenizer = parts.tokenizer_of(config, workdir, split.train, rows)
    corpus = open_corpus(split.train, rows, tokenizer, config.data, features=features, numbers=numbers)
    for line in parts.template_warnings(split.train, tokenizer):
        log(f"warning: {line}")
    heldout = ", ".join(t.name for t in split.heldout) or "none"
    log(f"{len(rows)} tasks, {sum(map(len, rows.values())):,} rows; held out: {heldout}")
    for name, reason in split.removed.items():
        log(f"  not trained on: {name} ({reason})")
    for line in parts.quarantine_lines(split):
        log(line)
    return Text(split, corpus)


def open_devices(config: RunConfig) -> Devices:
    """The mesh over all devices, and this process's share of the data."""
    mesh = sharding.make_mesh(config.mesh)
    hosts = sharding.data_hosts(mesh)
    index = next(i for i, processes in enumerate(hosts) if jax.process_index() in processes)
    return Devices(mesh, hosts, Host(index, len(hosts)))


def make_program(
    config: RunConfig,
    text: Text,
    devices: Devices,
    model: functional.Config,
    objective: Objective,
    tuning: Tuning,
    log: Log,
) -> Program:
    """The compiled functions of the run and the shapes of all that they touch; no array exists yet."""
    make = functools.partial(Program, mesh=devices.mesh, num_tasks=len(text.corpus.entries), objective=objective, tuning=tuning)
    batch = parts.batch_shapes(config, devices.mesh, text.corpus.layout.numbers)
    found = fit_program(make, config.train, model, batch, devices.mesh)
    if found.reason:
        log(f"microbatches: {found.microbatches}, remat: {found.remat} ({found.reason})")
    return found.program


def attention_lines(config: RunConfig, devices: Devices, program: Program, corpus: Corpus) -> list[str]:
    """What computes attention; one line for each length pair for which it differs."""
    pairs = sorted(set(corpus.layout.lengths), reverse=True)
    shapes = {pair: parts.batch_shapes(config, devices.mesh, corpus.layout.numbers, pair) for pair in pairs}
    lines = {pair: program.attention(shape) for pair, shape in shapes.items()}
    if len(set(lines.values())) == 1:
        return [lines[pairs[0]]]
    return [f"rows of {pair.inputs} + {pair.targets}: {line}" for pair, line in lines.items()]


def find_start(
    config: RunConfig,
    workdir: epath.Path,
    corpus: Corpus,
    program: Program,
    weights: parts.Weights,
    checkpoints: checkpoint.Checkpoints,
    saved: dict[str, Any],
    meta: dict[str, Any],
    log: Log,
) -> tuple[Start, dict[str, Any]]:
    """The newest state that the workdir holds, or the first one; and `meta` with the base, if not all weights are trained.

    Args:
      saved: the meta of the newest checkpoint; {} if there is none.
    """
    if saved:
        parts.check_same_run(workdir, saved, meta)
        for line in identity.changes(saved.get("tasks", meta["tasks"]), meta["tasks"]):
            log(f"warning: the mixture has changed since the checkpoint: {line}")
    shapes, num_tasks = program.state, len(corpus.entries)
    restored = checkpoints.restore(
        shapes.params,
        {"step": shapes.step, "opt_state": shapes.opt_state},
        lambda data: DataState.from_json(data).check(config.data.num_streams, num_tasks, len(config.data.features.pairs)),
    )
    params: Any = Params({}, {})
    if not restored or program.params.frozen:
        base = weights.make()
        if program.params.frozen:
            parts.check_base(saved.get("base"), base)
            meta = {**meta, "base": parts.base_record(config, weights.step, base)}
        params = program.split(base, jax.random.key(config.train.seed))
    if not restored:
        if weights.directory:
            log(f"weights of {weights.directory}")
        trainable = parts.beginning(config, weights.model, params.trainable)
        return Start(0, program.init(trainable), params.frozen, None), meta
    state = TrainState(restored.rest["step"], restored.params, restored.rest["opt_state"])
    log(f"going on from step {restored.step} of {workdir}")
    return Start(restored.step, state, params.frozen, DataState.from_json(restored.data)), meta


def write_records(config: RunConfig, folder: Workdir, model: functional.Config, program: Program, meta: dict[str, Any]) -> None:
    """config.json, and sharding.txt: where every parameter lies, and what the optimizer keeps of each."""
    rows = sharding.placements(program.params.trainable, program.axes.trainable)
    rows += sharding.placements({"frozen": program.params.frozen}, {"frozen": program.axes.frozen})
    rows += sharding.placements({"optimizer": program.state.opt_state})
    held = sum(row.bytes_per_device for row in rows)
    size = {"parameters": program.num_parameters, "trained": program.num_trainable, "held_bytes_per_device": held}
    record = {**config.to_dict(), "built": functional.record_of(model), "size": size, "versions": meta["versions"]}
    folder.write_record(CONFIG, records.stamped(record, records.CONFIG))
    folder.write_text(SHARDING, sharding.table(rows) + "\n")


def open_report(config: RunConfig, folder: Workdir, corpus: Corpus, devices: Devices, start: int, began: float) -> Report:
    """What is told of the steps, and where."""
    earlier = folder.read_metrics()
    wandb = None
    if config.train.wandb and folder.writes:
        wandb = open_wandb(config.train.wandb, folder, name=config.name, config=config.to_dict(), start=start)
    writer = MetricsWriter(folder, start=start, tensorboard=config.train.tensorboard, wandb=wandb)
    scored = points_of(earlier, start)
    bar = ProgressBar(config.name, config.train.steps, start, silent=not folder.writes, heldout=scored)
    clusters = [e.task.cluster for e in corpus.entries]
    meter = Meter(len(devices.hosts), Goodput(earlier, start, began))
    return Report(writer, bar, meter, corpus.names, clusters)


def periodic_actions(
    config: RunConfig,
    text: Text,
    devices: Devices,
    program: Program,
    model: functional.Config,
    start: Start,
    report: Report,
    saving: Saving,
) -> list[Periodic]:
    """What is done every so many steps: validation, scores of the held-out clusters, and a checkpoint after them."""
    actions, every = [], config.train
    if every.validate_every:
        batches = validation_batches(text.corpus, every.validation_examples)
        if not batches:
            raise ValueError(
                f"train.validate_every is {every.validate_every}, but no training task has an evaluation split; "
                "give one `evaluation=`, or set train.validate_every=0"
            )
        clusters = [e.task.cluster for e in text.corpus.entries]
        validation = Validation(program, start.frozen, batches, devices.mesh, clusters, report.writer, saving.validation_losses)
        actions.append(Periodic(every.validate_every, validation, at_end=True))
    if every.heldout_every and text.split.heldout:
        preset, size = config.evaluation.preset, config.evaluation.batch_size
        quick = EvaluationConfig(preset=preset, items=every.heldout_items, batch_size=size)
        layout = scoring_layout(config.data.features, quick, text.corpus.tokenizer)
        scorer = Scorer(model, None, devices.mesh, layout, batch_size=size)
        asked = ask(text.split.heldout, quick, layout)
        by = saving.cluster_scores
        show = report.bar.score
        scores = HeldoutScores(config, program, start.frozen, asked, quick, layout, scorer, report.writer, by, show)
        actions.append(Periodic(every.heldout_every, scores, at_end=config.checkpoint.best_by != VALIDATION_LOSS))
    return [*actions, Periodic(config.checkpoint.every_steps, saving, at_end=True)]


def step_of(program: Program, frozen: Any) -> Callable[[TrainState, Any], Any]:
    """The program's step with the frozen parameters given."""
    return lambda state, batch: program.step(state, frozen, batch)


def loop(
    config: RunConfig,
    devices: Devices,
    start: int,
    state: TrainState,
    batches: BatchIterator,
    step_fn: Callable[[TrainState, Any], Any],
    work: Callable[[Any], Any],
    report: Report,
    actions: Sequence[Periodic],
    saving: Saving,
    checkpoints: checkpoint.Checkpoints,
    stop: Stop,
) -> None:
    """The steps, and an end in order: what was begun is written, unless another process is gone and would be waited for."""
    several = jax.process_count() > 1
    alike = not several  # whether all processes come to the same end
    with stop:
        try:
            fit(
                state,
                batches,
                step_fn,
                lambda batch: sharding.to_global(batch, devices.mesh),
                start=start,
                steps=config.train.steps,
                log_every=config.train.log_every,
                work_of=work,
                report=report,
                periodic=actions,
                stop=stop,
                agree=sharding.largest(devices.mesh) if several else int,
                save=saving,
            )
            alike = True
        except (Interrupted, Diverged):
            alike = True
            raise
        finally:
            report.bar.close()
            report.writer.close()
            if alike:
                checkpoints.wait()
                checkpoints.close()
