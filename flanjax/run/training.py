"""Training a run, read top-down. Each stage makes one value, and later stages see no more than the values they are given."""

import contextlib
import dataclasses
import functools
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
from etils import epath

from flanjax import checkpoint, parts
from flanjax.checkpoint import VALIDATION_LOSS
from flanjax.claim import Claim
from flanjax.config import RunConfig
from flanjax.data.corpus import Corpus
from flanjax.data.features import MakeFeatures, make_features
from flanjax.data.garbage import collected_rarely
from flanjax.data.pipeline import BatchIterator
from flanjax.data.validation import validation_batches
from flanjax.evaluate.config import EvaluationConfig
from flanjax.evaluate.questions import ask, scoring_layout
from flanjax.generate.scorer import Scorer
from flanjax.models import functional
from flanjax.models.params import Full, Tuning
from flanjax.out_of_memory import explained
from flanjax.parallel import cores, distributed, sharding
from flanjax.run.periodic import HeldoutScores, Saving, Validation
from flanjax.run.references import with_references
from flanjax.run.stages import Stages
from flanjax.run.starting import (
    Devices,
    Log,
    Start,
    Text,
    attention_lines,
    find_start,
    make_program,
    open_devices,
    open_text,
    write_records,
)
from flanjax.tasks.mixture import Mixture
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
from flanjax.workdir import Workdir, open_workdir


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
    if profile:
        parse_steps(profile, 0)  # a mistake is told before anything is opened
    config = parts.settled(config)
    text = open_text(config, workdir, mixture, features, numbers or parts.numbers_of(config), log)
    stages.passed("mixture and tokenizer")
    devices = open_devices(config)
    prepared = parts.prepared_of(config, text.corpus, devices.host)
    saved = checkpoint.read_meta(workdir)[1] if checkpoint.steps_of(workdir) else {}
    weights = parts.weights_of(config, text.corpus.tokenizer, parts.base_step(saved.get("base"), config.model.init))
    devices = devices._replace(mesh=parts.mesh_for(config.mesh, weights.model))
    tuning = parts.tuning_of(config, weights.model, text.corpus.tokenizer, tuning)
    for line in (*weights.notes, *config.notes()):
        log(f"note: {line}")
    objective = parts.objective_of(config, len(text.corpus.entries), objective)
    program = make_program(config, text, devices, weights.model, objective, tuning, log)
    stages.passed("model")

    meta = parts.meta_of(config, text.split, text.corpus, weights.model, tuning)
    if config.objective.of_pairs:
        corpus = with_references(config, folder, text.corpus, program, weights, devices.mesh, log, resumed=bool(saved))
        text = text._replace(corpus=corpus)
    checkpoints = checkpoint.Checkpoints(workdir, config.checkpoint)
    start, meta = find_start(config, workdir, text.corpus, program, weights, devices.mesh, checkpoints, saved, meta, log)
    if start.step >= config.train.steps:
        checkpoints.close()
        log(f"{workdir} has trained its {start.step} steps already; a larger train.steps would go on from there")
        return start.step
    stages.passed("weights")

    write_records(config, folder, weights.model, program, meta)
    stop = Stop()
    batches = BatchIterator(text.corpus, devices.host, start.data, prepared, stop.while_waiting)
    report = open_report(config, folder, text.corpus, devices, start.step, stages.began)
    with contextlib.closing(report.bar):
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
        if steps_to_trace and not first < steps_to_trace.last <= config.train.steps:
            log(f"note: --profile={profile} traces no step, or not all: the run goes from step {first} to {config.train.steps}")
        with Profiler(steps_to_trace, workdir, first, silent=not folder.writes) as profiler, collected_rarely():
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
        except Interrupted:
            alike = True
            raise
        except Diverged as error:
            alike = True
            rate = "adapt" if config.model.adapt else "train.optimizer"
            raise Diverged(
                f"{error}. A workdir keeps its optimizer, so train again in another --workdir, with "
                f"--config.train.optimizer.clip_norm=1.0 or with a lower --config.{rate}.learning_rate"
            ) from None
        finally:
            report.bar.close()
            report.writer.close()
            if alike:
                checkpoints.wait()
                checkpoints.close()
