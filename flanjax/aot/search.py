"""Finds what a config should say for a TPU slice or for GPUs, by compiling its step in many ways: recomputation, XLA's options,
mesh and microbatches; on GPUs with layers scanned and unrolled instead of with XLA's options.

A way is judged by the shortest time of its compiled program (flanjax.aot.roofline), among those that fit the memory. That is
not a measured time: what cannot overlap on the hardware, and the time of small operations, are not in it.
"""

import dataclasses
from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

from flanjax.aot.compile import CompileReport, compile_training, mfu, slice_mesh, times
from flanjax.aot.cuda import is_gpu
from flanjax.aot.topology import chip_name, chip_of
from flanjax.config import ConfigError, RunConfig
from flanjax.models.stack import REMAT
from flanjax.parallel.sharding import MeshConfig, num_batch_shards
from flanjax.train.fitting import USABLE

# By default XLA cuts a product whose operand arrives from other chips into pieces, which it multiplies as they arrive. That
# hides the exchange, but each piece reads and writes the result once more; often it pays to gather first.
_GATHER_FIRST = "xla_jf_spmd_threshold_for_windowed_einsum_mib=1000000"
OPTIONS: tuple[tuple[str, ...], ...] = ((), (_GATHER_FIRST,))  # of TPUs; GPUs are given none
# Of two ways whose shortest times differ by less, the one that takes less if nothing overlaps is better: no program overlaps
# everything, and a roofline tells no smaller differences.
_AS_GOOD = 1.05


class Way(NamedTuple):
    """What the search chooses."""

    remat: str
    xla_options: tuple[str, ...]
    mesh: MeshConfig
    microbatches: int | Literal["auto"]
    scan: bool = True  # False: layers are unrolled

    def of(self, config: RunConfig) -> RunConfig:
        """Returns the config that says so."""
        fields = {**config.model.fields, "remat": self.remat, "scan": self.scan}
        train = dataclasses.replace(config.train, xla_options=self.xla_options, microbatches=self.microbatches)
        return dataclasses.replace(config, model=dataclasses.replace(config.model, fields=fields), train=train, mesh=self.mesh)

    def overrides(self) -> list[str]:
        """Returns it as options of a command."""
        mesh = [f"--config.mesh.{name}={size}" for name, size in dataclasses.asdict(self.mesh).items()]
        options = f"--config.train.xla_options={','.join(self.xla_options)}"
        model = [f"--config.model.remat={self.remat}", f"--config.model.scan={self.scan}"]
        return [*model, f"--config.train.microbatches={self.microbatches}", options, *mesh]


class Tried(NamedTuple):
    """A way that fits, with the seconds of one round of steps, a step for each length pair.

    Attributes:
      seconds: if all parts of the program overlap.
      serial_seconds: if nothing does.
      bound: the part that takes longest: compute, memory or interconnect.
      mfu: of the step on the longest rows.
      peak_bytes: peak memory of a chip.
    """

    way: Way
    seconds: float
    serial_seconds: float
    bound: str
    mfu: float
    peak_bytes: int


def search(config: RunConfig, topology: str, log: Callable[[str], None] = lambda line: None) -> tuple[Tried | None, Tried]:
    """Returns what the config itself gives on a slice, None if that does not fit, and the best way found.

    Tried are all recomputations with each of OPTIONS (on GPUs scanned and unrolled), on the config's mesh; then for the best of
    these other meshes, and twice as many microbatches. Otherwise a way has the smallest number of microbatches with which it
    fits.

    Args:
      log: called with a line of a Markdown table for each way.

    Raises:
      ConfigError: nothing fits, the topology is unknown, or the config's mesh does not fit it.
    """
    slice_mesh(config, topology)  # an unknown slice is refused at once
    for line in TABLE_HEAD.splitlines():
        log(line)
    fields, train = config.model.fields, config.train
    scan = bool(fields.get("scan", True))
    given = Way(str(fields.get("remat", "none")), train.xla_options, config.mesh, train.microbatches, scan)
    tried: list[Tried] = []
    asked: set[Way] = set()

    def attempt(way: Way, note: str = "") -> Tried | None:
        if way in asked:
            return None
        asked.add(way)
        try:
            found = _tried(way, compile_training(way.of(config), topology, USABLE), config, topology)
        except ConfigError as error:
            said = str(error).splitlines()[0]
            log(_row(way, "does not fit" if "does not fit" in said else said[:120]))
            return None
        log(_row(found.way, *_cells(found, topology), note=note))
        tried.append(found)
        return found

    as_configured = attempt(given, "as configured")
    # A scan copies what each layer keeps for the backward pass into one array and out again; on a GPU memory is what counts.
    programs = [((), True), ((), False)] if is_gpu(chip_name(topology)) else [(options, scan) for options in OPTIONS]
    for options, scan in programs:
        for remat in REMAT:
            attempt(Way(remat, options, config.mesh, "auto", scan))
    if not tried:
        raise ConfigError(f"{config.name} fits {topology} in no way. Use more chips, a smaller batch, or shorter rows")
    best = best_of(tried).way
    for mesh in _meshes(config, topology):
        attempt(best._replace(mesh=mesh, microbatches="auto"))
    best = best_of(tried).way
    if _rows_a_chip(config, best.mesh, topology) % (2 * int(best.microbatches)) == 0:
        attempt(best._replace(microbatches=2 * int(best.microbatches)))
    return as_configured, best_of(tried)


def best_of(tried: list[Tried]) -> Tried:
    """Returns the fastest way; of those that are as good, the one that takes least if nothing overlaps."""
    least = min(each.seconds for each in tried)
    return min((each for each in tried if each.seconds <= _AS_GOOD * least), key=lambda each: each.serial_seconds)


def verdict(topology: str, as_configured: Tried | None, best: Tried) -> str:
    """Returns what was found, and what to put into the config."""
    now = f"{as_configured.seconds * 1e3:.0f} ms, MFU {as_configured.mfu:.0%}" if as_configured else "does not fit"
    if as_configured and best.way == as_configured.way:
        return f"the config is the best way found on {topology}: {now} at best"
    return "\n".join(
        [
            f"best on {topology}: {best.seconds * 1e3:.0f} ms, MFU {best.mfu:.0%}; as configured: {now}. Put into the config,",
            f'  "model": {{"remat": "{best.way.remat}", "scan": {best.way.scan}}},',
            f'  "mesh": {dataclasses.asdict(best.way.mesh)},',
            f'  "train": {{"microbatches": {best.way.microbatches}, "xla_options": {best.way.xla_options}}}',
            "or give to a command",
            f"  {' '.join(best.way.overrides())}",
        ]
    )


TABLE_HEAD = """\
| remat | XLA's options | mesh: data, fsdp, tensor | microbatches | peak, GiB a chip | at best | if nothing overlaps | MFU |
|---|---|---|---|---|---|---|---|"""


def _tried(way: Way, found: CompileReport, config: RunConfig, topology: str) -> Tried:
    """Raises ConfigError if libtpu cannot print the program."""
    longest, *shorter = sorted(set(config.data.features.pairs), reverse=True)
    reports = dict(zip((longest, *shorter), (found, *found.shorter), strict=True))
    measured = {lengths: times(each, topology) for lengths, each in reports.items()}
    rounds = [best for lengths in config.data.features.pairs if (best := measured[lengths])]
    if len(rounds) < len(config.data.features.pairs) or not (of_longest := measured[longest]):
        raise ConfigError(f"libtpu cannot print the program for {topology}, so its time is not known")
    return Tried(
        way=way._replace(microbatches=found.microbatches, remat=found.remat),
        seconds=sum(best.overlapped_seconds for best in rounds),
        serial_seconds=sum(best.serial_seconds for best in rounds),
        bound=max(rounds, key=lambda best: best.overlapped_seconds).bound,
        mfu=mfu(found, topology, of_longest),
        peak_bytes=found.peak_bytes,
    )


def _meshes(config: RunConfig, topology: str) -> Iterator[MeshConfig]:
    """Yields meshes beside the config's own: parameters on every chip, split over half of them, wide dimensions split."""
    for mesh in (MeshConfig(data=-1, fsdp=1), MeshConfig(data=2), MeshConfig(tensor=2)):
        if mesh != config.mesh and _rows_a_chip(config, mesh, topology):
            yield mesh


def _rows_a_chip(config: RunConfig, mesh: MeshConfig, topology: str) -> int:
    """Returns the rows of a batch on one chip; 0 if they do not divide, or the chips do not."""
    try:
        shards = num_batch_shards(slice_mesh(dataclasses.replace(config, mesh=mesh), topology))
    except ConfigError:
        return 0
    rows, rest = divmod(config.data.batch_size, shards)
    return 0 if rest else rows


def _cells(found: Tried, topology: str) -> tuple[str, ...]:
    return (
        f"{found.peak_bytes / 2**30:.1f} of {chip_of(topology).hbm_gib}",
        f"{found.seconds * 1e3:.0f} ms ({found.bound})",
        f"{found.serial_seconds * 1e3:.0f} ms",
        f"{found.mfu:.0%}",
    )


def _row(way: Way, *cells: str, note: str = "") -> str:
    mesh = ", ".join(map(str, dataclasses.astuple(way.mesh)))
    first = (
        way.remat + ("" if way.scan else ", unrolled") + (f" ({note})" if note else ""),
        " ".join(way.xla_options) or "none",
        mesh,
        str(way.microbatches),
    )
    return f"| {' | '.join([*first, *cells, *[''] * (4 - len(cells))])} |"
