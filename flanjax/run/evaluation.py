"""Evaluating a trained run: predictions, results and the report, read top-down."""

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from etils import epath

from flanjax import parts, storage
from flanjax.data import identity
from flanjax.data.garbage import collected_rarely
from flanjax.data.layout import Layout
from flanjax.evaluate import protocol
from flanjax.evaluate.config import EvaluationConfig
from flanjax.evaluate.predict import predict
from flanjax.evaluate.questions import Questions, ask, scoring_layout
from flanjax.evaluate.results import summarize
from flanjax.generate.scorer import Scorer
from flanjax.models.params import Full, Tuning
from flanjax.names import nearest
from flanjax.out_of_memory import explained
from flanjax.parallel import distributed, sharding
from flanjax.report.page import write_report
from flanjax.run.loaded import load_model
from flanjax.run.periodic import TRAINED
from flanjax.tasks.clusters import Split, check_disjoint
from flanjax.tasks.mixture import Mixture
from flanjax.tasks.registry import load_mixture
from flanjax.tasks.task import Task
from flanjax.train.log import ProgressBar
from flanjax.workdir import Workdir, open_workdir

UNTUNED = "untuned"


@collected_rarely()
def evaluate(
    workdir: epath.PathLike,
    *,
    tasks: Sequence[str] = (),
    step: int | None = None,
    changes: dict[str, Any] | None = None,
    mixture: Mixture | None = None,
    tuning: Tuning = Full(),
    log: Callable[[str], None] = print,
) -> epath.Path:
    """Evaluates a trained run on tasks of its mixture and writes predictions, results and the report.

    Several processes ask the same in step with each other, each on its share of the model; the first one writes.

    The config, the split and the tokenizer come from the checkpoint, so that no flag can call a trained-on task held out.

    Args:
      tasks: names of tasks or clusters; the held-out tasks when empty.
      step: of the checkpoint; the newest when None.
      changes: replacements for fields of EvaluationConfig.
      mixture: the one trained on, if it is at no address.
      tuning: the one trained with.
    """
    folder, log = open_workdir(workdir), distributed.first_only(log)
    saved = parts.open_saved(folder.path, step, tuning)
    config, meta, step = saved.config, saved.meta, saved.step
    evaluation = _changed(config.evaluation, changes or {})
    split = parts.split_of(config, mixture)
    chosen = _chosen(split, meta["split"], tasks)
    if trained := [t.name for t in chosen if t.name in meta["split"]["train"]]:
        log(f"warning: {', '.join(trained)} was trained on: its scores are not held-out scores")

    known = [t for t in (*split.train.tasks(), *split.heldout) if t.name not in meta["split"].get("quarantined", {})]
    changed = identity.changed_since(meta.get("tasks"), known, chosen, meta["split"]["train"])
    for line in changed or ():
        log(f"warning: the mixture has changed since the training: {line}")

    layout = scoring_layout(config.data.features, evaluation, saved.tokenizer)
    asked = _asked(chosen, evaluation, layout, log)
    mesh = parts.mesh_for(sharding.MeshConfig(), saved.model)  # the devices here may be others than those of the training
    began = time.perf_counter()
    readers: dict[str, Callable[[], tuple[int, Any]]] = {TRAINED: lambda: saved.read_params(mesh)}
    if evaluation.untuned:
        readers[UNTUNED] = lambda: (0, saved.base_params(mesh))
    tables: list[pa.Table] = []
    for label, read in readers.items():
        at, params = read()
        step = at if label == TRAINED else step
        with _progress(f"evaluating {label}", asked) as advance, explained("scoring", config, batch_size=evaluation.batch_size):
            read_as = layout if label == TRAINED else scoring_layout(saved.base_features, evaluation, saved.tokenizer)
            scorer = Scorer(saved.model, params, mesh, read_as, batch_size=evaluation.batch_size, progress=advance)
            tables.append(predict(asked, evaluation, read_as, scorer, model=label, step=at))
        del scorer, params

    asked_how = protocol.protocol(evaluation, tasks, asked.digest, {"train": config.train.seed, "data": config.data.seed})
    made = protocol.record(asked_how, step, seconds=time.perf_counter() - began, devices=sharding.describe(mesh))
    return _write(folder, pa.concat_tables(tables), made, changed, log)


@collected_rarely()
def evaluate_model(
    source: epath.PathLike,
    mixture: Mixture | str,
    *,
    tasks: Sequence[str] = (),
    output: epath.PathLike | None = None,
    changes: dict[str, Any] | None = None,
    log: Callable[[str], None] = print,
) -> epath.Path:
    """Evaluates any model on tasks of any mixture and writes predictions, results and the report.

    Args:
      source: a run's workdir, a directory in Hugging Face's layout, or an id of the hub, as `load_model` takes it.
      mixture: an object, or the address of one.
      tasks: names of tasks or clusters; all tasks that have an evaluation split when empty.
      output: a folder for this model's evaluations; "evaluations/NAME" when None.
      changes: replacements for fields of EvaluationConfig.
    """
    log, evaluation = distributed.first_only(log), EvaluationConfig(**(changes or {}))
    mixture = load_mixture(mixture) if isinstance(mixture, str) else mixture
    chosen = named_tasks(mixture, tasks)
    model = load_model(source)
    if trained := sorted(model.trained_on & {task.name for task in chosen}):
        log(f"warning: the model was trained on {', '.join(trained)}: these scores are not held-out scores")
    layout = scoring_layout(model.features, evaluation, model.tokenizer)
    asked, began = _asked(chosen, evaluation, layout, log), time.perf_counter()
    with _progress(f"evaluating {model.name}", asked) as advance:
        scorer = model.scorer(layout, batch_size=evaluation.batch_size, progress=advance)
        predictions = predict(asked, evaluation, layout, scorer, model=TRAINED, step=model.step)
    asked_how = protocol.protocol(evaluation, tasks or (mixture.name,), asked.digest, {})
    devices = sharding.describe(sharding.make_mesh(sharding.MeshConfig()))
    made = protocol.record(asked_how, model.step, seconds=time.perf_counter() - began, devices=devices)
    folder = open_workdir(output if output is not None else epath.Path("evaluations") / epath.Path(str(source)).name)
    return _write(folder, predictions, made, None, log)


def _asked(chosen: Sequence[Task], evaluation: EvaluationConfig, layout: Layout, log: Callable[[str], None]) -> Questions:
    asked = ask(chosen, evaluation, layout)
    for name, lost in asked.left_out.items():
        log(f"warning: task {name}: {lost['left_out']} of {lost['rows']} evaluation rows left out; {lost['reasons'][0]}")
    return asked


@contextlib.contextmanager
def _progress(title: str, asked: Questions) -> Iterator[Callable[[int], None]]:
    bar = ProgressBar(title, len(asked.items), silent=not distributed.is_first())
    try:
        yield bar.advance
    finally:
        bar.close()


def _write(
    folder: Workdir, predictions: pa.Table, made: dict[str, Any], changed: Any, log: Callable[[str], None]
) -> epath.Path:
    """The report of an evaluation, in a folder of its protocol's: another protocol overwrites nothing."""
    place = folder.evaluations / protocol.folder_name(made["protocol"], made["step"])
    report = place / "report.html"
    if not distributed.is_first():
        return report
    place.mkdir(parents=True, exist_ok=True)
    with (place / "predictions.parquet").open("wb") as file:
        pq.write_table(predictions, file)
    results = {**summarize(predictions), "changed": changed}
    storage.write_json(place / "results.json", results)
    storage.write_json(place / protocol.NAME, made)
    for line in results["verdicts"]:
        log(line)
    log(f"report: {write_report([folder.path], report, evaluation=place.name)}")
    return report


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
    return _named(by_name, names)


def named_tasks(mixture: Mixture, names: Sequence[str]) -> list[Task]:
    """The tasks of a mixture with these names or in these clusters; without names, all that have an evaluation split."""
    known = {task.name: task for task in mixture.tasks()}
    return _named(known, names) if names else [task for task in known.values() if task.evaluation]


def _named(by_name: Mapping[str, Task], names: Sequence[str]) -> list[Task]:
    """The tasks of these names or clusters."""
    found = [t for t in by_name.values() if {t.name, t.cluster} & set(names)]
    for name in names:
        if not any(name in (t.name, t.cluster) for t in found):
            raise KeyError(f"no task or cluster {name!r}; {nearest(name, [*by_name, *{t.cluster for t in by_name.values()}])}")
    return found


def _changed(config: EvaluationConfig, changes: dict[str, Any]) -> EvaluationConfig:
    return EvaluationConfig(**{**vars(config), **changes})
