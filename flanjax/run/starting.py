"""What a run begins with: its text, its devices, its program, and the state from which it trains."""

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
from etils import epath

from flanjax import checkpoint, parts, records
from flanjax.config import RunConfig
from flanjax.data import identity
from flanjax.data.corpus import Corpus, open_corpus, open_rows
from flanjax.data.features import MakeFeatures
from flanjax.data.pipeline import DataState, Host
from flanjax.models import functional
from flanjax.models.params import Params, Tuning
from flanjax.parallel import sharding
from flanjax.tasks.clusters import Split
from flanjax.tasks.mixture import Mixture
from flanjax.train.fitting import fit_program
from flanjax.train.objective import Objective
from flanjax.train.program import Program
from flanjax.train.step import TrainState
from flanjax.workdir import CONFIG, SHARDING, Workdir

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
    parts.check_batch(config, mesh)
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
    mesh: sharding.Mesh,
    checkpoints: checkpoint.Checkpoints,
    saved: dict[str, Any],
    meta: dict[str, Any],
    log: Log,
) -> tuple[Start, dict[str, Any]]:
    """The newest state that the workdir holds, or the first one; and `meta` with the weights that training began with.

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
    if restored and not program.params.frozen:
        params: Any = Params({}, {})
        base = restored.meta.get("base")
    else:
        first = weights.make(mesh)
        parts.check_base(saved.get("base"), first)
        base = parts.base_record(config, weights.step, first if program.params.frozen else None)
        params = program.split(first, jax.random.key(config.train.seed))
    meta = {**meta, "base": base}
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
