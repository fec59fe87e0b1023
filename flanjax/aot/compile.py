"""Compiles a config's steps for a TPU slice or for GPUs on a machine without them: do they fit, what is sent, how fast could
they be?

libtpu and JAX's plugin for CUDA, from the package index, compile for any of them (flanjax/aot/libtpu.py, cuda.py). No data,
weights or tokenizer are opened.
"""

import dataclasses
import functools
import logging
import re
import time
from collections.abc import Sequence
from typing import NamedTuple

import jax
import numpy as np

from flanjax import parts
from flanjax.adapt.methods import make_tuning
from flanjax.aot import hlo
from flanjax.aot.roofline import Roofline, explain, roofline
from flanjax.aot.topology import chip_of, devices_of, memory_bytes, memory_words, seen_as_here
from flanjax.config import ConfigError, RunConfig
from flanjax.config.model import SCRATCH
from flanjax.data.feature_config import Lengths
from flanjax.data.layout import make_layout
from flanjax.data.tokenizer import ByteTokenizer
from flanjax.generate.reading import read_program
from flanjax.generate.scorer import score_program, whole_batch
from flanjax.models import functional
from flanjax.models.flops import BACKWARD_AND_FORWARD, StepFlops
from flanjax.models.params import Full, Tuning
from flanjax.parallel import sharding
from flanjax.tasks.user_code import UserCodeError
from flanjax.train.fitting import fit_program
from flanjax.train.program import Compiled, Program, compile_for

GIB = 2**30
_MANY_TASKS = 2000  # of a mixture whose file cannot be run here
_PER_ROW = 4  # assumed number of examples in a full row, for all FLOPs here; it is printed beside them
# libtpu 0.0.51 compiles embedding look-ups for the SparseCores of a v5p or v6e, and then cannot print the program.
_PRINTED = {"xla_tpu_offload_gather_to_sparsecore": False, "xla_tpu_enable_offloading_scatter_to_sparsecore": False}
_tasks_of: dict[tuple[object, ...], int] = {}
TRAINING, SCORING = "training step", "scoring"


class CompileReport(NamedTuple):
    """The results of compiling, per chip.

    Attributes:
      what: TRAINING, with its rows' lengths if these differ, or SCORING.
      state_bytes: memory that is held all the time: parameters, and in training the optimizer state.
      peak_bytes: peak memory, state included.
      microbatches, remat, why: the number of microbatches of a training step, what its backward pass recomputes, and how these
        two were found if the config leaves them open.
      model_flops: FLOPs of one execution on a chip, without recomputation.
      kernel_flops: the part of them in attention kernels.
      texts: the texts of the compiled programs; empty if libtpu cannot print one.
      texts_differ: whether the texts are those of programs compiled with _PRINTED.
      shorter: the same of the steps on shorter rows; see data.features.lengths.
    """

    what: str
    chips: int
    num_parameters: int
    state_bytes: int
    peak_bytes: int
    microbatches: int
    remat: str
    why: str
    attention: str
    model_flops: float
    kernel_flops: float
    texts: tuple[str, ...]
    texts_differ: bool
    seconds: float
    shorter: tuple["CompileReport", ...] = ()


def _num_tasks(config: RunConfig) -> int:
    """The number of tasks trained on, for which the step keeps a few sums; many, if their data is not here to say."""
    known = (config.mixture, config.heldout, config.leave_out, config.ablation)
    if known not in _tasks_of:  # a search asks often
        _tasks_of[known] = _count_tasks(config)
    return _tasks_of[known]


def _count_tasks(config: RunConfig) -> int:
    try:
        return len(list(parts.split_of(config).train.tasks()))
    except UserCodeError as error:
        logging.getLogger("flanjax").warning("%s. Compiling for %d tasks instead", str(error).splitlines()[0], _MANY_TASKS)
        return _MANY_TASKS


def compile_training(config: RunConfig, topology: str, usable: float = 1.0) -> CompileReport:
    """Returns the results of compiling a config's training step for a slice such as "v5e:4x4", or GPUs such as "h100:8".

    Args:
      usable: the share of a chip's memory that the step may take.

    Raises:
      ConfigError: the topology is unknown, its compiler is missing, or the step does not fit.
    """
    with seen_as_here(topology):
        return _compile_training(config, topology, usable)


def compile_scoring(config: RunConfig, topology: str) -> CompileReport:
    """Returns the results of compiling what evaluation runs: reading full prompts, then scoring full options,
    `evaluation.batch_size` at a time."""
    with seen_as_here(topology):
        return _compile_scoring(config, topology)


def _compile_training(config: RunConfig, topology: str, usable: float) -> CompileReport:
    mesh = slice_mesh(config, topology)
    parts.check_batch(config, mesh)
    model, batch = model_of(config), parts.batch_shapes(config, mesh, parts.numbers_of(config))
    began, hbm = time.perf_counter(), int(usable * memory_bytes(topology))
    objective = parts.objective_of(config, num_tasks := _num_tasks(config))
    make = functools.partial(Program, mesh=mesh, num_tasks=num_tasks, objective=objective, tuning=_tuning(config, model))
    try:
        fit = fit_program(make, config.train, model, batch, mesh, hbm)
    except ValueError as error:
        raise ConfigError(f"{config.name} on {topology}: {error}") from error
    longest, *shorter = sorted(set(config.data.features.pairs), reverse=True)

    def report(lengths: Lengths, began: float) -> CompileReport:
        batch = parts.batch_shapes(config, mesh, parts.numbers_of(config), lengths)
        found = fit.program.compile(batch)
        if found.executable is None or found.peak_bytes > hbm:
            raise ConfigError(_too_large(TRAINING, topology, found.message or _over(found.peak_bytes, hbm)))
        flops = functional.step_flops_of(model, *_lengths(lengths, config.data.batch_size))
        texts, texts_differ = _texts(found)
        return CompileReport(
            what=f"{TRAINING}, rows of {lengths.inputs} + {lengths.targets}" if shorter else TRAINING,
            chips=mesh.size,
            num_parameters=fit.program.num_parameters,
            state_bytes=_bytes_per_device((fit.program.state, fit.program.params.frozen)),
            peak_bytes=found.peak_bytes,
            microbatches=fit.microbatches,
            remat=fit.remat,
            why=fit.reason,
            attention=fit.program.attention(batch),
            model_flops=flops.total / mesh.size,
            kernel_flops=_hidden(flops, texts) / mesh.size,
            texts=texts,
            texts_differ=texts_differ,
            seconds=time.perf_counter() - began,
        )

    # The longest rows need the most memory, so they decide the number of microbatches.
    return report(longest, began)._replace(shorter=tuple(report(pair, time.perf_counter()) for pair in shorter))


def _compile_scoring(config: RunConfig, topology: str) -> CompileReport:
    mesh, model = slice_mesh(config, topology), model_of(config)
    features = dataclasses.replace(config.data.features, chat=False)
    layout = make_layout(features, ByteTokenizer())
    reads, scores, placed = read_program(model, mesh), score_program(model, mesh), sharding.batch_sharding(mesh)
    tuning = _tuning(config, model)
    pair = parts.abstract_pair(model, tuning, mesh)
    params = pair.trainable
    if pair.frozen:
        join = jax.jit(tuning.join).lower(pair)
        params = sharding.abstract(join.out_info, join.compile().output_shardings)
    rows = whole_batch(config.evaluation.batch_size, mesh)

    def ids(*shape: int) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct(shape, np.int32, sharding=placed)

    began, hbm = time.perf_counter(), memory_bytes(topology)
    prompts = {
        name: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=placed)
        for name, x in layout.prompts([], rows, features.inputs_length).items()
    }
    read = compile_for(reads, params, prompts)
    if read.executable is None:
        raise ConfigError(_too_large(SCORING, topology, read.message))
    memory = jax.tree.map(
        lambda x, place: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=place),
        jax.eval_shape(reads, params, prompts),
        read.executable.output_shardings,
    )
    options = ids(rows, features.targets_length)
    score = compile_for(scores, params, memory, ids(rows), options, options)
    peak = max(read.peak_bytes, score.peak_bytes)
    if score.executable is None or peak > hbm:
        raise ConfigError(_too_large(SCORING, topology, score.message or _over(peak, hbm)))
    whole = np.full(rows, features.inputs_length), np.full(rows, features.targets_length)
    flops = functional.step_flops_of(model, *whole)
    texts, texts_differ = _texts(read, score)
    return CompileReport(
        what=SCORING,
        chips=mesh.size,
        num_parameters=sum(int(np.prod(x.shape)) for x in jax.tree.leaves(params)),
        state_bytes=_bytes_per_device(params),
        peak_bytes=peak,
        microbatches=1,
        remat="none",
        why="",
        attention="",
        model_flops=flops.total / BACKWARD_AND_FORWARD / mesh.size,
        kernel_flops=_hidden(flops, texts) / BACKWARD_AND_FORWARD / mesh.size,
        texts=texts,
        texts_differ=texts_differ,
        seconds=time.perf_counter() - began,
    )


def slice_mesh(config: RunConfig, topology: str) -> sharding.Mesh:
    """Returns the config's mesh on a topology. Raises ConfigError if there is none of that name or the mesh does not fit it."""
    devices = devices_of(topology)
    try:
        return sharding.make_mesh(config.mesh, devices)
    except ValueError as error:
        raise ConfigError(f"{topology}: {error}") from error


def parameters(config: RunConfig, topology: str) -> str:
    """Returns a table of all parameters: logical axes, mesh axes and bytes on a device. Nothing is compiled."""
    mesh, model = slice_mesh(config, topology), model_of(config)
    tuning = _tuning(config, model)
    pair, axes = parts.abstract_pair(model, tuning, mesh), tuning.axes(functional.logical_axes(model))
    frozen = sharding.placements({"frozen": pair.frozen}, {"frozen": axes.frozen})
    return sharding.table(sharding.placements(pair.trainable, axes.trainable) + frozen)


def model_of(config: RunConfig) -> functional.Config:
    """Returns the config's model, without opening a tokenizer: its vocabulary is the one that the tokenizer's config asks for,
    or the model size's own."""
    size = config.model.size
    is_known = config.tokenizer.path != "train" or config.model.init != SCRATCH  # weights bring their tokenizer
    known = functional.SIZES[size].vocab_size if size and is_known else config.tokenizer.vocab_size
    return config.model.build(known)


def _tuning(config: RunConfig, model: functional.Config) -> Tuning:
    """The tuning of model.adapt; the words that soft tokens begin with change nothing here."""
    method = config.model.adapt
    return make_tuning(method, config.adapt, model, lambda text: [0]) if method else Full()


def describe(config: RunConfig, topology: str, found: CompileReport) -> str:
    """Returns the lines that `flanjax compile` prints."""
    chips = f"{found.chips} {'chip' if found.chips == 1 else 'chips'}"
    lines = [
        f"{config.name}, {found.what} on {topology}: {chips}, mesh {dataclasses.asdict(config.mesh)}, "
        f"compiled in {found.seconds:.0f} s",
        f"  parameters    {found.num_parameters / 1e6:,.1f} million",
        f"  held          {found.state_bytes / GIB:.2f} GiB a chip",
        f"  peak          {found.peak_bytes / GIB:.2f} GiB of {memory_words(topology)}: fits",
        f"  model FLOPs   {found.model_flops / 1e12:,.2f} TFLOP a chip, if rows are full and hold {_PER_ROW} examples each",
    ]
    if found.what != SCORING:
        lines.append(f"  microbatches  {found.microbatches}, remat {found.remat}" + (f" ({found.why})" if found.why else ""))
        lines.append(f"  {found.attention}")
    lines += ["  " + line for line in _moved(found, topology)]
    return "\n".join([*lines, *(describe(config, topology, each) for each in found.shorter)])


def table_row(config: RunConfig, topology: str, found: CompileReport) -> str:
    """Returns one line of the Markdown table whose head is TABLE_HEAD, and one of each step on shorter rows."""
    counts = _counts(found)
    largest = max((kind.largest_bytes for kind in counts.collectives.values()), default=0) if counts else None
    gathered = "not known" if largest is None else f"{largest / 2**20:.0f} MiB"
    step = "not known"
    if best := times(found, topology):
        step = f"{best.overlapped_seconds * 1e3:,.0f} ms ({best.bound}), MFU {mfu(found, topology, best):.0%}"
    cells = (
        config.name,
        found.what,
        topology,
        f"{found.num_parameters / 1e6:,.1f} M",
        found.microbatches,
        f"{found.state_bytes / GIB:.2f}",
        f"{found.peak_bytes / GIB:.2f} of {chip_of(topology).hbm_gib}",
        gathered,
        step,
    )
    return "\n".join([f"| {' | '.join(map(str, cells))} |", *(table_row(config, topology, each) for each in found.shorter)])


def times(found: CompileReport, topology: str) -> Roofline | None:
    """Returns the shortest times of a compiled program; None if libtpu cannot print it."""
    counts = _counts(found)
    return counts and roofline(counts, chip_of(topology), found.kernel_flops if counts.custom_calls else 0.0)


def mfu(found: CompileReport, topology: str, best: Roofline) -> float:
    """Returns the share of the chips' peak that the model's FLOPs would be, if the program took its shortest time."""
    chip = chip_of(topology)
    return found.model_flops * chip.devices / (best.overlapped_seconds * chip.bf16_flops)


TABLE_HEAD = (
    "| config | what | slice | parameters | microbatches | held, GiB/chip | peak, GiB/chip | largest collective | at best |\n"
    "|---|---|---|---|---|---|---|---|---|"
)


def _moved(found: CompileReport, topology: str) -> list[str]:
    counts = _counts(found)
    if counts is None:
        return ["collectives and time are not known: libtpu cannot print this program"]
    kinds = [
        f"{kind} x {c.executions}, largest {c.largest_bytes / 2**20:.1f} MiB, {c.received_bytes / 1e9:.2f} GB received in all"
        for kind, c in counts.collectives.items()
    ]
    kernels = found.kernel_flops if counts.custom_calls else 0.0
    at_best = explain(counts, chip_of(topology), found.model_flops, kernels).splitlines()
    if found.texts_differ:
        at_best.append("collectives and times are of the program without look-ups on SparseCores, which libtpu cannot print")
    return [f"collectives   {'; '.join(kinds) or 'none'}", *at_best]


def _counts(found: CompileReport) -> hlo.Counts | None:
    return functools.reduce(hlo.both, map(hlo.count, found.texts)) if found.texts else None


def _hidden(flops: StepFlops, texts: Sequence[str]) -> float:
    """Returns the FLOPs of attention in kernels that do not say how much they compute."""
    return flops.attention if any("triton_attention_" in text for text in texts) else flops.unbiased


def _texts(*programs: Compiled) -> tuple[tuple[str, ...], bool]:
    """Returns the texts of programs, and whether these had to be compiled with _PRINTED; no texts if one cannot be printed."""
    for options in ({}, _PRINTED):
        try:
            again = (p.lowered.compile(compiler_options=options) if options else p.executable for p in programs)
            return tuple(executable.as_text() or "" for executable in again), bool(options)
        except jax.errors.JaxRuntimeError:
            continue
    return (), False


def _bytes_per_device(state: object) -> int:
    leaves = jax.tree.leaves(state)
    return sum(int(np.prod(x.sharding.shard_shape(x.shape))) * x.dtype.itemsize for x in leaves)


def _lengths(lengths: Lengths, rows: int) -> tuple[np.ndarray, np.ndarray]:
    examples = _PER_ROW * rows
    return np.full(examples, lengths.inputs // _PER_ROW), np.full(examples, lengths.targets // _PER_ROW)


def _over(peak_bytes: int, hbm_bytes: int) -> str:
    return f"{peak_bytes / GIB:.2f} GiB of {hbm_bytes / GIB:.0f} GiB"


def _too_large(what: str, topology: str, message: str) -> str:
    figures = re.search(r"\(\d[^)]*\) exceeds available HBM \([^)]*\)", message)
    reason = figures.group() if figures else message.splitlines()[0][:200]
    helps = {
        TRAINING: "train.microbatches=auto, model.remat=full, more chips, mesh.tensor=2",
        SCORING: "a smaller evaluation.batch_size, more chips, mesh.tensor=2",
    }
    return f"the {what} does not fit a chip of {topology}: {reason}. Try, in this order: {helps[what]}"
