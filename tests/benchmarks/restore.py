"""Measures what comparing checksums adds to restoring a checkpoint, which is to stay under 10 %.

    .venv/bin/python tests/benchmarks/restore.py [--mb 500] [--times 5] [--folder DIR] [--cold]

It writes one checkpoint of random parameters and two moments, and restores it in turn with and without the comparison. Without
--cold the files are in the machine's cache, so that reading is fastest and the comparison weighs most. --cold empties the
cache before each restore, which takes root. The exit status is 1 if the median with the comparison is more than 10 % longer.
"""

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np

from flanjax.checkpoint import CheckpointConfig, Checkpoints, step_folder

LIMIT = 1.10
LAYERS, WIDTH = 12, 1024
META = {"config": {}, "split": {}, "tokenizer": "", "plan": "", "model": {}}


def trees(mb: int) -> tuple[dict[str, jax.Array], dict[str, dict[str, jax.Array]]]:
    """Parameters of a third of the size, stacked by layers, and moments of two thirds."""
    rng = np.random.default_rng(0)
    depth = mb * 10**6 // (3 * 4 * LAYERS * WIDTH)
    made = [jnp.asarray(rng.standard_normal((LAYERS, WIDTH, depth), np.float32)) for _ in range(3)]
    return {"kernel": made[0]}, {"opt_state": {"mu": made[1], "nu": made[2]}}


def abstract(tree):
    return jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=x.sharding), tree)


def restore(folder: Path, params, rest, *, compared: bool, cold: bool) -> float:
    """Seconds until every array is there."""
    if cold:
        Path("/proc/sys/vm/drop_caches").write_text("1")
    reader = Checkpoints(folder, CheckpointConfig())
    compare = step_folder.compare if compared else lambda *_: None
    with mock.patch.object(step_folder, "compare", compare):
        began = time.perf_counter()
        found = reader.restore(params, rest)
        assert found is not None
        jax.block_until_ready((found.params, found.rest))
        seconds = time.perf_counter() - began
    reader.close()
    return seconds


def measure(folder: Path, mb: int, times: int, cold: bool) -> float:
    """Prints both medians; returns the ratio."""
    params, rest = trees(mb)
    writer = Checkpoints(folder, CheckpointConfig(asynchronous=False))
    writer.save(1, params=params, rest=rest, data={}, meta=META, validation_loss=None)
    writer.close()
    size = sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())
    params, rest = abstract(params), abstract(rest)
    restore(folder, params, rest, compared=True, cold=False)  # the first of a process is slower
    seconds: dict[bool, list[float]] = {True: [], False: []}
    for _ in range(times):
        for compared, found in seconds.items():
            found.append(restore(folder, params, rest, compared=compared, cold=cold))
    with_sums, without = statistics.median(seconds[True]), statistics.median(seconds[False])
    print(f"{size / 1e6:.0f} MB, {'from the disk' if cold else 'from the cache'}, medians of {times}")
    for name, found in (("with checksums", seconds[True]), ("without", seconds[False])):
        print(f"  {name:15s} {statistics.median(found):.2f} s  ({min(found):.2f} to {max(found):.2f})")
    print(f"  {with_sums / without - 1:+.1%}")
    return with_sums / without


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mb", type=int, default=500)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="where the checkpoint is written; a temporary folder if not given")
    parser.add_argument("--cold", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as made:
        sys.exit(measure(Path(made), options.mb, options.times, options.cold) > LIMIT)
