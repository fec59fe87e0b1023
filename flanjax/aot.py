"""Compiling a config's real training step for a TPU slice on a machine without one: does it fit, and what moves between chips?

libtpu from the package index (`pip install libtpu`) compiles for any topology. No data, weights or tokenizer is opened.
"""

import dataclasses
import re
import time
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

import jax
import numpy as np
from jax.experimental import topologies

from flanjax import assemble, sharding
from flanjax.config import ConfigError, RunConfig
from flanjax.models.t5 import SIZES, T5Config
from flanjax.tasks.names import nearest
from flanjax.train.flops import peak_flops, t5_step_flops
from flanjax.train.program import Program

GIB = 2**30

# HBM of a chip in GiB (cloud.google.com/tpu/docs, the page of each chip).
CHIPS = {"v4": 32, "v5e": 16, "v5p": 95, "v6e": 32}

_COLLECTIVE = re.compile(r"= (.+?) (all-gather|all-reduce|reduce-scatter|all-to-all|collective-permute)(?:-start)?\(")
_ARRAY = re.compile(r"(pred|[su]\d+|bf16|f\d+)\[([\d,]*)\]")
_BYTES = {"pred": 1, "bf16": 2}


class Compiled(NamedTuple):
    """What compiling told, per chip.

    Attributes:
      state_bytes: parameters and optimizer state, held between steps.
      peak_bytes: at the fullest moment of a step, the state included.
      hbm_bytes: what the chip has.
      collectives: kind -> (number in the program, bytes of the largest); those in the loop over layers run once a layer.
        None where libtpu cannot print the program.
    """

    chips: int
    num_parameters: int
    state_bytes: int
    peak_bytes: int
    hbm_bytes: int
    collectives: dict[str, tuple[int, int]] | None
    model_flops: float
    step_seconds: float
    seconds: float

    @property
    def fits(self) -> bool:
        return self.peak_bytes <= self.hbm_bytes


def compile_step(config: RunConfig, topology: str) -> Compiled:
    """Compiles the training step of a config for a slice such as "v5e:4x4".

    Raises:
      ConfigError: the topology is unknown, libtpu is missing, or the config does not fit the slice's shape.
    """
    kind = _chip(topology)
    mesh = sharding.make_mesh(config.mesh, _devices(topology))
    _check_batch(config, mesh)
    model = model_of(config)
    tasks = list(assemble.split_of(config).train.tasks())
    program = Program(config.train, model, mesh, num_tasks=len(tasks))
    began = time.perf_counter()
    try:
        compiled = program.step.lower(program.state, batch_shapes(config, mesh)).compile()
    except jax.errors.JaxRuntimeError as error:
        if "RESOURCE_EXHAUSTED" in str(error):
            raise ConfigError(_too_large(topology, str(error))) from error
        raise
    memory = compiled.memory_analysis()
    assert memory is not None
    peak = memory.argument_size_in_bytes + memory.output_size_in_bytes - memory.alias_size_in_bytes + memory.temp_size_in_bytes
    flops = _model_flops(config, model)
    rate, _ = peak_flops(mesh.devices.flat[0]) or (float("nan"), "")
    return Compiled(
        chips=mesh.size,
        num_parameters=program.num_parameters,
        state_bytes=_bytes_per_device(program.state),
        peak_bytes=peak,
        hbm_bytes=CHIPS[kind] * GIB,
        collectives=_collectives_of(compiled),
        model_flops=flops,
        step_seconds=flops / (rate * mesh.size),
        seconds=time.perf_counter() - began,
    )


def model_of(config: RunConfig) -> T5Config:
    """The config's model with the vocabulary that its tokenizer was asked for, or that of its size; no tokenizer is opened."""
    size = config.model.size
    known = SIZES[size].vocab_size if size and config.tokenizer.path != "train" else config.tokenizer.vocab_size
    return config.model.build(known)


def batch_shapes(config: RunConfig, mesh: sharding.Mesh) -> dict[str, jax.ShapeDtypeStruct]:
    """The arrays of a global batch, as training puts them on the mesh."""
    features, rows = config.data.features, config.data.batch_size
    long, short = (rows, features.inputs_length), (rows, features.targets_length)
    shapes = {"inputs": long, "inputs_segment_ids": long}
    shapes |= dict.fromkeys(("decoder_inputs", "targets", "segment_ids", "positions", "task_ids", "loss_weights"), short)
    placed = sharding.batch_sharding(mesh)

    def struct(name: str, shape: tuple[int, int]) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct(shape, np.float32 if name == "loss_weights" else np.int32, sharding=placed)

    return {name: struct(name, shape) for name, shape in shapes.items()}


def _collectives_of(compiled: jax.stages.Compiled) -> dict[str, tuple[int, int]] | None:
    try:
        return collectives(compiled.as_text() or "")
    except jax.errors.JaxRuntimeError:  # libtpu 0.0.51 cannot print programs for v5p
        return None


def collectives(program: str) -> dict[str, tuple[int, int]]:
    """Kind -> (number, bytes of the largest result), of a compiled program's text.

    >>> collectives("%a = f32[8,128]{1,0} all-reduce(%b), ...")
    {'all-reduce': (1, 4096)}
    """
    counts: Counter[str] = Counter()
    largest: Counter[str] = Counter()
    for result, kind in _COLLECTIVE.findall(program):
        counts[kind] += 1
        largest[kind] = max(largest[kind], max(_sizes(result), default=0))
    return {kind: (n, largest[kind]) for kind, n in sorted(counts.items())}


def _sizes(result: str) -> Iterable[int]:
    for dtype, shape in _ARRAY.findall(result):
        width = _BYTES.get(dtype) or int(dtype.lstrip("suf")) // 8
        yield width * int(np.prod([int(n) for n in shape.split(",") if n]))


def _chip(topology: str) -> str:
    kind = topology.partition(":")[0]
    if kind not in CHIPS or ":" not in topology:
        raise ConfigError(f"topology is {topology!r}, expected a chip and its grid such as v5e:4x4; {nearest(kind, CHIPS)}")
    return kind


def _devices(topology: str) -> list[jax.Device]:
    try:
        return list(topologies.get_topology_desc(topology, "tpu").devices)
    except Exception as error:
        raise ConfigError(
            f"libtpu cannot describe {topology!r}: {str(error)[:300]}. `pip install libtpu`, or check the grid"
        ) from error


def _check_batch(config: RunConfig, mesh: sharding.Mesh) -> None:
    rows = config.data.batch_size // config.train.microbatches
    shards = sharding.num_batch_shards(mesh)
    if rows % shards:
        raise ConfigError(
            f"data.batch_size / train.microbatches is {rows} rows, which {shards} chips (data x fsdp) do not divide; "
            "raise the batch or set mesh.tensor"
        )


def _bytes_per_device(state: object) -> int:
    leaves = jax.tree.leaves(state)
    return sum(int(np.prod(x.sharding.shard_shape(x.shape))) * x.dtype.itemsize for x in leaves)


def _model_flops(config: RunConfig, model: T5Config) -> float:
    """Of a full batch whose rows hold four examples each: an assumption, printed beside the estimate."""
    features, examples = config.data.features, 4 * config.data.batch_size
    inputs, targets = features.inputs_length // 4, features.targets_length // 4
    return t5_step_flops(model, np.full(examples, inputs), np.full(examples, targets))


def _too_large(topology: str, message: str) -> str:
    figures = re.search(r"\(\d[^)]*\) exceeds available HBM \([^)]*\)", message)
    reason = figures.group() if figures else message.splitlines()[0][:200]
    return (
        f"the training step does not fit a chip of {topology}: {reason}. "
        "What helps, in this order: train.microbatches=2 or more, model.remat=full, more chips, mesh.tensor=2"
    )


def describe(config: RunConfig, topology: str, found: Compiled) -> str:
    """The lines that `flanjax compile` prints."""
    known = found.collectives
    moved = [f"{n} {kind}, largest {size / 2**20:.2f} MiB" for kind, (n, size) in (known or {}).items()]
    collected = "not known: libtpu cannot print this program" if known is None else "; ".join(moved) or "none"
    verdict = "fits" if found.fits else "DOES NOT FIT"
    shape = dataclasses.asdict(config.mesh)
    lines = [
        f"{config.name} on {topology}: {found.chips} chips, mesh {shape}, compiled in {found.seconds:.0f} s",
        f"  parameters        {found.num_parameters / 1e6:,.1f} million",
        f"  state per chip    {found.state_bytes / GIB:.2f} GiB (parameters and optimizer)",
        f"  peak per chip     {found.peak_bytes / GIB:.2f} GiB of {found.hbm_bytes / GIB:.0f} GiB: {verdict}",
        f"  model FLOPs       {found.model_flops / 1e12:,.2f} TFLOP a step, if full rows hold four examples each",
        f"  shortest step     {found.step_seconds * 1e3:.1f} ms, at the chips' published bf16 peak",
        f"  collectives       {collected}",
    ]
    return "\n".join(lines)
