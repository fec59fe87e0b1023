"""The main paths, read top-down: train, evaluate, heldout. Everything meets here and nowhere else."""

import contextlib
import dataclasses
import functools
import json
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from etils import epath
from jax.experimental import multihost_utils

from flanjax import checkpoint, parts, storage
from flanjax.claim import Claim
from flanjax.config import RunConfig
from flanjax.data.pipeline import BatchIterator, DataState, Host, open_corpus, open_rows
from flanjax.data.tokenizer import Tokenizer, load_tokenizer
from flanjax.data.validation import validation_batches
from flanjax.evaluate.config import EvaluationConfig
from flanjax.evaluate.metrics import METRICS
from flanjax.evaluate.predict import ask, predict, scoring_layout
from flanjax.evaluate.results import summarize
from flanjax.generate.scorer import Scorer
from flanjax.huggingface import directory as hf
from flanjax.models import functional
from flanjax.models.t5_config import T5Config
from flanjax.parallel import distributed, sharding
from flanjax.report.page import write_report
from flanjax.tasks.clusters import Split, check_disjoint
from flanjax.tasks.names import nearest
from flanjax.tasks.task import Task
from flanjax.train.log import MetricsWriter, ProgressBar
from flanjax.train.loop import Diverged, Interrupted, Periodic, Report, Stop, fit, mean_by
from flanjax.train.meter import Meter, work_of
from flanjax.train.microbatches import fit_program
from flanjax.train.program import Program
from flanjax.train.step import Sums, TrainState
from flanjax.workdir import CONFIG, MIXTURE, SHARDING, TOKENIZER, Workdir, open_workdir

UNTUNED, TRAINED = "untuned", "trained"


def train(config: RunConfig, workdir: epath.PathLike, say=print) -> None:
    """Trains until `config.train.steps`, going on from the newest checkpoint of the workdir if there is one.

    Raises:
      ClaimError: another run trains there.
    """
    say = _say(say)
    with _claimed(open_workdir(workdir), say) as folder:
        _train(config, folder, say)


def _train(config: RunConfig, folder: Workdir, say: Callable[[str], None]) -> None:
    workdir = folder.path
    began = time.perf_counter()
    silent = not distributed.is_first()

    # What is trained on, as text.
    split = parts.split_of(config)
    rows = open_rows(split.train)
    workdir.mkdir(parents=True, exist_ok=True)
    tokenizer = parts.tokenizer_of(config, workdir, split.train, rows)
    corpus = open_corpus(split.train, rows, tokenizer, config.data)
    for task in split.train.tasks():
        _check_metrics(task)
    for line in parts.template_warnings(split.train, tokenizer):
        say(f"warning: {line}")
    heldout = ", ".join(t.name for t in split.heldout) or "none"
    say(f"{len(rows)} tasks, {sum(map(len, rows.values())):,} rows; held out: {heldout}")
    for name, reason in split.removed.items():
        say(f"  not trained on: {name} ({reason})")

    # Shapes before arrays.
    mesh = sharding.make_mesh(config.mesh)
    hosts = sharding.data_hosts(mesh)
    host = Host(next(i for i, processes in enumerate(hosts) if jax.process_index() in processes), len(hosts))
    prepared = parts.prepared_of(config, corpus, host)
    weights = parts.weights_of(config, tokenizer, mesh)
    model = weights.model
    batch_shapes = parts.batch_shapes(config, mesh)
    fit_to = functools.partial(Program, model=model, mesh=mesh, num_tasks=len(corpus.entries))
    program, microbatches, why = fit_program(fit_to, config.train, batch_shapes, mesh)
    if config.train.microbatches != microbatches:
        say(f"microbatches: {microbatches} ({why})")

    # The newest state there is.
    checkpoints = checkpoint.Checkpoints(workdir, config.checkpoint)
    meta = parts.meta_of(config, split, corpus, model)
    if checkpoint.steps_of(workdir):
        parts.check_same_run(workdir, checkpoint.read_meta(workdir)[1], meta)
    shapes = program.state
    restored = checkpoints.restore(shapes.params, {"step": shapes.step, "opt_state": shapes.opt_state})
    if restored:
        state = TrainState(restored.rest["step"], restored.params, restored.rest["opt_state"])
        data_state = DataState.from_json(restored.data)
        start = restored.step
        if start >= config.train.steps:
            checkpoints.close()
            say(f"{workdir} has trained its {start} steps already; a larger train.steps would go on from there")
            return
        say(f"going on from step {start} of {workdir}")
    else:
        if weights.directory:
            say(f"weights of {weights.directory}")
        state = program.init(weights.make())
        data_state, start = None, 0
    del restored
    folder.write_record(CONFIG, {**config.to_dict(), "built": vars(model), "versions": meta["versions"]})
    folder.write_text(SHARDING, _placements(model, program) + "\n")

    # Batches and the step.
    batches = BatchIterator(corpus, host, data_state, prepared)
    meter = Meter(len(hosts))
    say(f"{program.num_parameters / 1e6:.1f}M parameters on {sharding.describe(mesh)}; MFU against {meter.limit_named}")
    say(program.attention(batch_shapes))
    writer = MetricsWriter(folder, start=start, tensorboard=config.train.tensorboard)
    clusters = [e.task.cluster for e in corpus.entries]
    bar = ProgressBar(config.name, config.train.steps, start, silent=silent)
    report = Report(writer, bar, meter, corpus.names, clusters)
    validation_loss: dict[int, float] = {}

    def validate(step: int, state: TrainState) -> None:
        found = _validate(program.validate, state.params, validation, mesh, clusters)
        validation_loss[step] = found["loss"]
        writer.write({"step": step, "kind": "validation", **found})

    def save(step: int, state: TrainState) -> None:
        folder.check()
        writer.flush()
        position = _all_hosts(batches.state(), [processes[0] for processes in hosts])
        checkpoints.save(
            step,
            params=state.params,
            rest={"step": state.step, "opt_state": state.opt_state},
            data=position,
            meta=meta,
            validation_loss=validation_loss.get(step),
        )
        merged = DataState.from_json(position)
        visits = parts.num_visits(corpus, merged.streams)
        folder.write_record(MIXTURE, parts.mixture_record(split, corpus, merged.tally, visits))

    def score_heldout(step: int, state: TrainState) -> None:
        scorer.use(state.params)
        found = summarize(predict(asked, quick, layout, scorer, model=TRAINED, step=step))
        scores = {c["cluster"]: {k: c[k] for k in ("mean", "low", "high")} for c in found["clusters"]}
        writer.write({"step": step, "kind": "heldout", "cluster_score": scores})

    periodic = []
    if config.train.validate_every:
        validation = validation_batches(corpus, config.train.validation_examples)
        if not validation:
            raise ValueError(
                f"train.validate_every is {config.train.validate_every}, but no training task has an evaluation split; "
                "give one `evaluation=`, or set train.validate_every=0"
            )
        periodic.append(Periodic(config.train.validate_every, validate, at_end=True))
    if config.train.heldout_every and split.heldout:
        quick = EvaluationConfig(
            preset=config.evaluation.preset, items=config.train.heldout_items, batch_size=config.evaluation.batch_size
        )
        layout = scoring_layout(config.data.features, quick, tokenizer)
        asked = ask(split.heldout, quick, layout)
        scorer = Scorer(model, state.params, mesh, layout, batch_size=quick.batch_size)
        periodic.append(Periodic(config.train.heldout_every, score_heldout))
    periodic.append(Periodic(config.checkpoint.every_steps, save, at_end=True))

    say(f"ready after {time.perf_counter() - began:.1f} s")
    several = jax.process_count() > 1
    alike = not several  # whether all processes come to the same end; else there is nobody to wait for
    with Stop() as stop:
        try:
            state = fit(
                state,
                batches,
                program.step,
                lambda batch: sharding.to_global(batch, mesh),
                start=start,
                steps=config.train.steps,
                log_every=config.train.log_every,
                work_of=lambda batch: work_of(batch, model),
                report=report,
                periodic=periodic,
                stop=stop,
                agree=sharding.largest(mesh) if several else int,
                save=save,
            )
            alike = True
        except (Interrupted, Diverged):
            alike = True
            raise
        finally:
            bar.close()
            writer.close()
            if alike:
                checkpoints.wait()
                checkpoints.close()
    say(f"trained {config.train.steps} steps; checkpoints and metrics are in {workdir}")


def evaluate(
    workdir: epath.PathLike,
    *,
    tasks: Sequence[str] = (),
    step: int | None = None,
    changes: dict[str, Any] | None = None,
    say=print,
) -> epath.Path:
    """Evaluates a trained run on tasks of its mixture and writes predictions, results and the report.

    Several processes ask the same in step with each other, each on its share of the model; the first one writes.

    The config, the split and the tokenizer come from the checkpoint, so that no flag can call a trained-on task held out.

    Args:
      tasks: names of tasks or clusters; the held-out tasks when empty.
      step: of the checkpoint; the newest when None.
      changes: replacements for fields of EvaluationConfig.
    """
    folder = open_workdir(workdir)
    workdir = folder.path
    say, silent = _say(say), not distributed.is_first()
    step, meta = checkpoint.read_meta(workdir, step)
    config = RunConfig.from_config_dict(meta["config"])
    evaluation = _changed(config.evaluation, changes or {})
    split = parts.split_of(config)
    chosen = _chosen(split, meta["split"], tasks)
    if trained := [t.name for t in chosen if t.name in meta["split"]["train"]]:
        say(f"warning: {', '.join(trained)} was trained on: its scores are not held-out scores")

    tokenizer = _tokenizer_of(workdir, config, meta)
    layout = scoring_layout(config.data.features, evaluation, tokenizer)
    asked = ask(chosen, evaluation, layout)
    for name, reasons in asked.skipped.items():
        if reasons:
            say(f"warning: task {name}: {len(reasons)} evaluation rows left out; {reasons[0]}")

    mesh = sharding.make_mesh(sharding.MeshConfig())  # the devices here may be others than those of the training
    model = functional.config_from(meta["model"])
    tables: list[pa.Table] = []
    for label, params in _models(config, workdir, step, model, tokenizer, mesh, evaluation.untuned):
        bar = ProgressBar(f"evaluating {label}", len(asked.items), silent=silent)
        scorer = Scorer(model, params(), mesh, layout, batch_size=evaluation.batch_size, progress=bar.advance)
        tables.append(predict(asked, evaluation, layout, scorer, model=label, step=step if label == TRAINED else 0))
        bar.close()
        del scorer
    predictions = pa.concat_tables(tables)

    # Tasks asked for by name stand beside the held-out ones, and do not replace them.
    place = folder.evaluations / "_".join([*sorted(tasks), "step", str(step)])
    report = place / "report.html"
    if silent:
        return report
    place.mkdir(parents=True, exist_ok=True)
    with (place / "predictions.parquet").open("wb") as file:
        pq.write_table(predictions, file)
    results = summarize(predictions)
    storage.write_json(place / "results.json", results)
    for line in results["verdicts"]:
        say(line)
    say(f"report: {write_report([workdir], report)}")
    return report


def export(
    workdir: epath.PathLike, output: epath.PathLike, *, step: int | None = None, dtype: str = "float32", say=print
) -> None:
    """Writes a checkpoint's model and tokenizer as a directory that transformers loads.

    Several processes read a share each, for a model that the devices of one cannot hold; the first one writes, one tensor at a
    time in its memory.

    Args:
      dtype: of the weights' files, "float32" or "bfloat16".
    """
    workdir, say = open_workdir(workdir).path, _say(say)
    storage.reach(output)
    step, meta = checkpoint.read_meta(workdir, step)
    config = RunConfig.from_config_dict(meta["config"])
    model = functional.config_from(meta["model"])
    tokenizer = _tokenizer_of(workdir, config, meta)
    params = parts.read_params(workdir, step, model, sharding.make_mesh(sharding.MeshConfig()))
    model_type = "mt5" if (config.model.size or "").startswith("mt5") else None
    ids = {f"{name}_token_id": getattr(tokenizer, f"{name}_id") for name in ("bos", "eos", "pad")}
    if isinstance(model, T5Config):
        ids["decoder_start_token_id"] = tokenizer.pad_id
    hf.save(output, model, params, model_type=model_type, settings=ids, dtype=dtype)
    distributed.first_then_others("export", lambda: tokenizer.save(output))
    say(f"step {step} of {workdir} written to {output}")


@contextlib.contextmanager
def _claimed(folder: Workdir, say: Callable[[str], None]) -> Iterator[Workdir]:
    """The folder, this run's own for the while: the first of several processes claims it and writes there."""
    claim = Claim(folder.path, say)
    distributed.first_then_others("claim", claim.take)
    try:
        yield dataclasses.replace(folder, check=claim.check, writes=distributed.is_first())
    finally:
        claim.release()


def _validate(
    validate_fn, params: Any, batches: Sequence[dict[str, np.ndarray]], mesh: sharding.Mesh, clusters: list[str]
) -> dict[str, Any]:
    found: list[Sums] = jax.device_get([validate_fn(params, sharding.spread(b, mesh)) for b in batches])
    nll = np.sum([f.task_nll for f in found], axis=0)
    task_weight = np.sum([f.task_weight for f in found], axis=0)
    weight = max(sum(float(f.weight) for f in found), 1e-9)
    return {
        "loss": float(nll.sum() / max(task_weight.sum(), 1e-9)),
        "accuracy": sum(float(f.correct) for f in found) / weight,
        "cluster_loss": mean_by(clusters, nll, task_weight),
    }


def _models(
    config: RunConfig,
    workdir: epath.Path,
    step: int,
    model: functional.Config,
    tokenizer: Tokenizer,
    mesh: sharding.Mesh,
    untuned: bool,
):
    """(label, () -> parameters) of the models to ask."""
    yield TRAINED, lambda: parts.read_params(workdir, step, model, mesh)
    if untuned:
        yield UNTUNED, lambda: parts.weights_of(config, tokenizer, mesh).make()


def _tokenizer_of(workdir: epath.Path, config: RunConfig, meta: dict[str, Any]) -> Tokenizer:
    path = str(workdir / TOKENIZER) if config.tokenizer.path == "train" else config.tokenizer.path
    tokenizer = load_tokenizer(path)
    if tokenizer.fingerprint != meta["tokenizer"]:
        raise ValueError(
            f"the tokenizer at {path} ({tokenizer.fingerprint}) is not the one that {workdir} was trained with "
            f"({meta['tokenizer']})"
        )
    return tokenizer


def _chosen(split: Split, saved: dict[str, Any], names: Sequence[str]) -> list[Task]:
    """The tasks to evaluate. What the checkpoint says was trained on stays called so, whatever the mixture file says now."""
    by_name = {t.name: t for t in (*split.train.tasks(), *split.heldout)}
    if not names:
        missing = [n for n in saved["heldout"] if n not in by_name]
        if missing or not saved["heldout"]:
            raise ValueError(
                f"nothing to evaluate: held-out tasks of the run are {saved['heldout']}, missing now {missing}; name --tasks"
            )
        heldout = [by_name[n] for n in saved["heldout"]]
        check_disjoint([by_name[n] for n in saved["train"] if n in by_name], heldout)
        return heldout
    found = [t for t in by_name.values() if {t.name, t.cluster} & set(names)]
    for name in names:
        if not any(name in (t.name, t.cluster) for t in found):
            raise KeyError(f"no task or cluster {name!r}; {nearest(name, [*by_name, *{t.cluster for t in by_name.values()}])}")
    return found


def _say(say: Callable[[str], None]) -> Callable[[str], None]:
    """The first of several processes speaks for all."""
    return say if distributed.is_first() else lambda line: None


def _changed(config: EvaluationConfig, changes: dict[str, Any]) -> EvaluationConfig:
    return EvaluationConfig(**{**vars(config), **changes})


def _check_metrics(task: Task) -> None:
    for name in task.metrics:
        if name not in METRICS:
            raise KeyError(f"task {task.name}: no metric {name!r}; {nearest(name, METRICS)}")


def _placements(model: functional.Config, program: Program) -> str:
    """Where every parameter lies, and what the optimizer keeps of each."""
    rows = sharding.placements(program.state.params, functional.logical_axes(model))
    return sharding.table([*rows, *sharding.placements({"optimizer": program.state.opt_state})])


def _all_hosts(state: DataState, processes: Sequence[int]) -> dict[str, Any]:
    """One record of every host's position, the same on every host.

    Args:
      processes: one of each data host.
    """
    if jax.process_count() == 1:
        return state.to_json()
    mine = np.frombuffer(json.dumps(state.to_json()).encode(), np.uint8)
    lengths = multihost_utils.process_allgather(np.array(len(mine)))
    padded = np.zeros(lengths.max(), np.uint8)
    padded[: len(mine)] = mine
    every = multihost_utils.process_allgather(padded)
    return DataState.merge([json.loads(every[p, : lengths[p]].tobytes()) for p in processes])
