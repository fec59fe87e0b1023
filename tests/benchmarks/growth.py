"""How the cost grows: a step in row length, segments and width, the plan in tasks, a checkpoint in parameters and hosts.

    python -m tests.benchmarks.growth --json growth.json     # measures; some minutes on two quiet cores
    python -m tests.benchmarks.growth --draw growth.json     # writes docs/growth/*.svg and a section of docs/performance.md
    python -m tests.benchmarks.growth --tiny --json /tmp/g   # a smoke test: its figures mean nothing

Steps are of flan_mini's T5 (width 256, 5 + 5 layers, vocabulary 30,000) with 4,096 input and 1,024 target positions a batch,
however long its rows are, in random tokens and with AdamW; where segments or width grow, rows have 2,048 + 512 and 512 + 128.
Seconds are medians. The memory of a step is what its compiler says of it: arguments, results and temporary arrays together.
A checkpoint is one of `flanjax train`: parameters, the optimizer's two moments, checksums; written and read on one disk. Hosts
are processes of one machine, which share its cores and its disk: each holds, writes and reads its share of the same parameters.
"""

import argparse
import json
import socket
import statistics
import subprocess
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from . import machine, page
from .plots import Panel, draw
from .sides import Side, python, serve

FOLDER = "growth"  # beside the page
BEGIN, END = "<!-- made by `python -m tests.benchmarks.growth --draw FILE` -->", "<!-- end of the plots -->"
POSITIONS, TARGET_SHARE = 4_096, 4  # inputs of a batch; by which targets are fewer
LENGTHS, SEGMENTS, WIDTHS = (512, 1_024, 2_048, 4_096), (1, 2, 5, 10, 20), (128, 256, 512, 1_024)
META = {"config": {}, "split": {}, "tokenizer": "", "plan": "", "model": {}}
TASKS, PARAMETERS_AT = (100, 300, 1_000, 3_000, 10_000), (128, 256, 512, 1_024)
HOSTS, HOSTS_WIDTH = (1, 2, 4), 512
MINI: dict[str, Any] = {"vocab_size": 30_000, "d_model": 256, "d_ff": 1_024, "num_layers": 5, "num_decoder_layers": 5}
MINI |= {"num_heads": 8, "head_dim": 32, "scan": False, "dropout": 0.0}
TINY: dict[str, Any] = {"vocab_size": 99, "d_ff": 32, "num_layers": 1, "num_decoder_layers": 1, "num_heads": 2, "head_dim": 8}

Point = dict[str, float]


def batch_of(length: int, segments: int, rows: int, vocabulary: int) -> dict[str, Any]:
    """Full rows of equally long segments, with as many target positions as TARGET_SHARE says: arrays [rows, length]."""
    import numpy as np

    from flanjax.data.feature_config import FeatureConfig
    from flanjax.data.layout import make_layout
    from flanjax.data.packing import Encoded
    from flanjax.data.tokenizer import ByteTokenizer

    rng = np.random.default_rng(0)
    layout = make_layout(FeatureConfig(inputs_length=length, targets_length=length // TARGET_SHARE), ByteTokenizer())
    sizes = length // segments, length // TARGET_SHARE // segments

    def row() -> dict[str, Any]:
        drawn = [[rng.integers(3, vocabulary, size).astype(np.int32) for size in sizes] for _ in range(segments)]
        return layout.row([Encoded(read, written, 1.0, 0, 0, 0) for read, written in drawn], layout.lengths[0])

    made = [row() for _ in range(rows)]
    return {name: np.stack([one[name] for one in made]) for name in made[0]}


def step(length: int, segments: int, *, tiny: bool, repeats: int = 3, width: int | None = None) -> Point:
    """Returns the seconds and MiB of a step."""
    import jax

    from flanjax import parts
    from flanjax.models import functional
    from flanjax.models.t5 import T5Config
    from flanjax.parallel import sharding
    from flanjax.train.config import TrainConfig
    from flanjax.train.optimizer import OptimizerConfig
    from flanjax.train.program import Program

    fields: dict[str, Any] = {**MINI, **(TINY if tiny else {})}
    if width:
        fields |= {"d_model": width, "d_ff": 4 * width, "head_dim": max(width // fields["num_heads"], 4)}
    model = T5Config(**fields)
    mesh = sharding.make_mesh(sharding.MeshConfig(), jax.devices()[:1])
    config = TrainConfig(steps=100, optimizer=OptimizerConfig(name="adamw", warmup_steps=0))
    program = Program(config, model, mesh, num_tasks=1)
    batch = sharding.to_global(batch_of(length, segments, max(POSITIONS // length, 1), model.vocab_size), mesh)
    placed = sharding.batch_sharding(mesh)
    shapes = {name: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=placed) for name, x in batch.items()}
    peak = program.compile(shapes).peak_bytes
    made = jax.jit(lambda: functional.init(model, jax.random.key(0)), out_shardings=parts.param_shardings(model, mesh))()
    state = program.init(made)
    seconds = []
    for _ in range(repeats + 1):
        began = time.perf_counter()
        state, _ = jax.block_until_ready(program.step(state, {}, batch))
        seconds.append(time.perf_counter() - began)
    return {"seconds": statistics.median(seconds[1:]), "mib": peak / 2**20}


def plan(tasks: int) -> Point:
    """Returns the seconds to make the plan of tasks and to take a window of 1,024 from it, and the MiB that it keeps."""
    import numpy as np

    from flanjax.data.plan import Plan

    rng = np.random.default_rng(0)
    rows = rng.integers(100, 3_000, tasks)
    shares = (np.minimum(rows, 1_000) / np.minimum(rows, 1_000).sum()).tolist()

    def make() -> Plan:
        made = Plan([f"task{i}" for i in range(tasks)], shares, rows.tolist(), seed=0)
        made.visits(np.arange(1_024))
        return made

    began = time.perf_counter()
    make()
    seconds = time.perf_counter() - began
    tracemalloc.start()  # slows what it counts
    made = make()
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    del made
    return {"seconds": seconds, "mib": kept / 2**20}


def checkpoint(width: int, *, tiny: bool) -> Point:
    """Returns the parameters of a T5 of that width, seconds to write and to read its checkpoint, and its MiB on disk."""
    with tempfile.TemporaryDirectory(prefix="flanjax-growth-") as folder:
        return _written_and_read(width, tiny, folder)


def checkpoint_by_hosts(hosts: int, *, tiny: bool) -> Point:
    """Returns the same for width HOSTS_WIDTH, written and read by this many processes together; x is their number."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="flanjax-growth-") as folder:
        jobs = [{"index": i, "hosts": hosts, "port": port, "folder": folder, "tiny": tiny} for i in range(hosts)]
        commands = [python("growth", "--host", json.dumps(job)) for job in jobs]
        started = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for command in commands]
        said = [process.communicate()[0] for process in started]
    if any(process.returncode for process in started):
        raise RuntimeError(f"of {hosts} hosts, these failed: {[i for i, p in enumerate(started) if p.returncode]}")
    return {**json.loads(said[0].splitlines()[-1]), "x": float(hosts)}


def be_a_host(index: int, hosts: int, port: int, folder: str, tiny: bool) -> None:
    """One of the processes of `checkpoint_by_hosts`; the first prints the point."""
    from flanjax.parallel import distributed, sharding

    if hosts > 1:
        distributed.start(coordinator=f"127.0.0.1:{port}", num_processes=hosts, process_id=index)
    point = _written_and_read(HOSTS_WIDTH // (32 if tiny else 1), tiny, folder, sharding.make_mesh(sharding.MeshConfig()))
    if index == 0:
        print(json.dumps(point))


def _written_and_read(width: int, tiny: bool, folder: str, mesh: Any = None) -> Point:
    """Returns the point of a checkpoint in that folder, of parameters split over the mesh, or of this process alone."""
    import jax
    from jax.experimental import multihost_utils

    from flanjax import parts
    from flanjax.checkpoint import CheckpointConfig, Checkpoints
    from flanjax.models import functional
    from flanjax.models.t5 import T5Config

    fields: dict[str, Any] = {**MINI, **(TINY if tiny else {}), "d_model": width, "d_ff": 4 * width}
    model = T5Config(**fields)
    placed = parts.param_shardings(model, mesh) if mesh else None
    params = jax.jit(lambda: functional.init(model, jax.random.key(0)), out_shardings=placed)()
    moments = {"mu": params, "nu": jax.tree.map(lambda x: x * x, params)}
    kept = Checkpoints(folder, CheckpointConfig(asynchronous=False))
    multihost_utils.sync_global_devices("begin")
    began = time.perf_counter()
    kept.save(1, params=params, rest=moments, data={}, meta=META, validation_loss=None)
    kept.wait()
    written = time.perf_counter() - began
    shapes = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=x.sharding), (params, moments))
    began = time.perf_counter()
    jax.block_until_ready(kept.restore(*shapes))
    multihost_utils.sync_global_devices("end")
    read = time.perf_counter() - began
    kept.close()
    size = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
    count = sum(int(x.size) for x in jax.tree.leaves(params))
    return {"x": float(count), "seconds": written, "read_seconds": read, "mib": size / 2**20}


class Growth(NamedTuple):
    """What is drawn as one file: points over x, each measured in a process of its own.

    Attributes:
      titles: key of a point -> the title of its panel.
      point: (x, tiny) -> the point; it may have another x.
    """

    across: str
    xs: Sequence[int]
    titles: dict[str, str]
    point: Callable[[int, bool], Point]


STEP = {"seconds": "seconds a step", "mib": "MiB of memory a step"}
CHECKPOINT = {"seconds": "seconds to write", "read_seconds": "seconds to read", "mib": "MiB of files"}
GROWTHS = {
    "row_length": Growth(
        "input positions of a row", LENGTHS, STEP, lambda x, tiny: step(x // (8 if tiny else 1), 2, tiny=tiny)
    ),
    "segments": Growth(
        "segments of a row of 2,048", SEGMENTS, STEP, lambda x, tiny: step(256 if tiny else 2_048, x, tiny=tiny)
    ),
    "width": Growth(
        "width", WIDTHS, STEP, lambda x, tiny: step(128 if tiny else 512, 2, tiny=tiny, width=x // (16 if tiny else 1))
    ),
    "tasks": Growth(
        "tasks",
        TASKS,
        {"seconds": "seconds to plan and take 1,024 examples", "mib": "MiB kept"},
        lambda x, tiny: plan(x // (10 if tiny else 1)),
    ),
    "parameters": Growth(
        "parameters",
        PARAMETERS_AT,
        CHECKPOINT,
        lambda x, tiny: checkpoint(x // (8 if tiny else 1), tiny=tiny),
    ),
    "hosts": Growth("hosts", HOSTS, CHECKPOINT, lambda x, tiny: checkpoint_by_hosts(x, tiny=tiny)),
}


def measure(tiny: bool) -> dict[str, Any]:
    """Returns name -> its points, each with its x."""
    found: dict[str, Any] = {}
    for name, growth in GROWTHS.items():
        found[name] = []
        for x in growth.xs[: 2 if tiny else None]:
            with Side(f"growth of {name}", python("growth", "--side")) as side:
                told = side.ask("point", name, x, tiny)
            found[name].append({"x": x, **told})
            print(f"{name} {x:,}: " + ", ".join(f"{key} {value:,.3f}" for key, value in told.items()), flush=True)
    return {**found, "about": machine.about()}


class Points:
    def point(self, name: str, x: int, tiny: bool) -> Point:
        return GROWTHS[name].point(x, tiny)


def section(record: dict[str, Any], folder: Path, place: Path) -> list[str]:
    """Returns the lines of the page: each plot, and by what factors its ends lie apart."""
    about = record["about"]
    lines = [f"{about['processor']}, {about['usable_cores']} cores, load {about['load'][0]}, {about['date'][:10]}."]
    for name, growth in GROWTHS.items():
        first, last = record[name][0], record[name][-1]
        factors = (f"{last[key] / first[key]:.3g} times the {title}" for key, title in growth.titles.items())
        shown = (folder / f"{name}.svg").relative_to(place.parent)
        lines += ["", f"{last['x'] / first['x']:.3g} times the {growth.across}: {', '.join(factors)}.", ""]
        lines += [f"![{growth.across}]({shown})"]
    return lines


def draw_all(record: dict[str, Any], folder: Path) -> None:
    """Writes one file a growth: seconds on the left, memory or files on the right."""
    for name, growth in GROWTHS.items():
        points = record[name]
        xs = [point["x"] for point in points]
        panels = [Panel(title, growth.across, xs, {key: [p[key] for p in points]}) for key, title in growth.titles.items()]
        draw(panels, folder / f"{name}.svg")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="measure, into this file")
    parser.add_argument("--draw", type=Path, help="draw what this file holds")
    parser.add_argument("--page", type=Path, default=page.PAGE, help="the plots are put into its folder growth/")
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--side", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--host", type=json.loads, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.side:
        serve(Points)
        return
    if args.host:
        be_a_host(**args.host)
        return
    if bool(args.json) is bool(args.draw):
        parser.error("either --json FILE, to measure, or --draw FILE, to draw")
    if args.json:
        args.json.write_text(json.dumps(measure(args.tiny), indent=1) + "\n")
    elif not args.draw.is_file():
        parser.error(f"there is no file {args.draw}; --json {args.draw} makes one")
    else:
        record, place = json.loads(args.draw.read_text()), args.page
        draw_all(record, place.parent / FOLDER)
        page.put(section(record, place.parent / FOLDER, place), place, BEGIN, END)


if __name__ == "__main__":
    main()
