"""Measures how long 1,800 tasks of Parquet files, 2.3 million rows in all, take until their first batch.

    .venv/bin/python tests/benchmarks/start_of_many_tasks.py
    .venv/bin/python tests/benchmarks/start_of_many_tasks.py --tasks 3600 --folder /tmp/many

Each start is a process of its own: cold, without anything kept of earlier ones, and again from the index that the first wrote.
The files are made once, in a folder that stays if it is named. Memory is the process's highest, the interpreter and its
libraries included.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

ROWS_PER_TASK = 1278  # on average: 2.3 million rows in 1,800 tasks
WORDS = np.array(["the", "of", "to", "and", "that", "was", "for", "with", "as", "his", "they", "this", "from", "have", "had"])

MIXTURE = """
import json
from pathlib import Path

from flanjax import Example, Mixture, Task, Template, parquet, proportional

FOLDER = Path(__file__).parent
SIZES = json.loads((FOLDER / "sizes.json").read_text())


def read(row):
    options = ("no", "yes")
    return Example({"premise": row["premise"], "hypothesis": row["hypothesis"]}, options[row["label"]], options)


def task(number):
    ways = ("Does it follow, in", "Is it so, in", "True in")
    asks = [f"{{{{ premise }}}}\\n{way} {number}: {{{{ hypothesis }}}}?" for way in ways]
    source = parquet(train=FOLDER / f"{number:05d}.parquet", name=f"made{number}")
    return Task(name=f"made{number}", cluster=f"cluster{number % 60}", source=source, example=read,
                templates=[Template(text) for text in asks])


many = Mixture(name="many", parts=[task(number) for number in range(len(SIZES))], rate=proportional(3000))
"""


def make(folder: Path, tasks: int) -> None:
    """Writes the files of the tasks, of 100 to about 6,000 rows."""
    rng = np.random.default_rng(0)
    sizes = rng.lognormal(0, 1, tasks)
    sizes = np.maximum(sizes * ROWS_PER_TASK / sizes.mean(), 100).astype(int)
    for number, size in enumerate(sizes.tolist()):
        texts = [" ".join(words) for words in WORDS[rng.integers(0, len(WORDS), (size, 25))]]
        table = {
            "idx": np.arange(size),
            "premise": [f"{text} {number} {row}" for row, text in enumerate(texts)],
            "hypothesis": [f"{text[:60]} {row * 7919}" for row, text in enumerate(reversed(texts))],
            "label": rng.integers(0, 2, size),
        }
        pq.write_table(pa.table(table), folder / f"{number:05d}.parquet")
        then = time.time() - 1000  # nothing is kept of files that changed just now
        os.utime(folder / f"{number:05d}.parquet", (then, then))
    (folder / "sizes.json").write_text(json.dumps(sizes.tolist()))
    (folder / "many.py").write_text(MIXTURE)


def start(folder: Path, num_workers: int, batches: int) -> dict[str, str]:
    """Returns the seconds of each part of a start, by the clock and of this process alone, and the memory that it took."""
    began = at = time.perf_counter(), time.process_time()
    parts: dict[str, str] = {}

    def passed(name: str) -> None:
        nonlocal at
        now = time.perf_counter(), time.process_time()
        parts[name] = shown(at, now)
        at = now

    from flanjax.data.corpus import DataConfig, open_corpus, open_rows
    from flanjax.data.feature_config import FeatureConfig
    from flanjax.data.identity import split_identity
    from flanjax.data.pipeline import BatchIterator
    from flanjax.data.tokenizer import load_tokenizer
    from flanjax.tasks.clusters import hold_out
    from flanjax.tasks.registry import load_mixture

    passed("imports")
    mixture = load_mixture(f"{folder / 'many.py'}:many")
    passed("mixture")
    split = hold_out(mixture, ["cluster0"])
    passed("split")
    rows = open_rows(split.train)
    passed("rows")
    config = DataConfig(features=FeatureConfig(inputs_length=512, targets_length=128), num_workers=num_workers)
    corpus = open_corpus(split.train, rows, load_tokenizer("bytes"), config)
    passed("plan")
    split_identity(corpus.entries, dict(zip(corpus.names, corpus.rows, strict=True)), split.heldout)
    passed("identity")
    made = BatchIterator(corpus)
    next(made)
    passed("first batch")
    total = shown(began, at)
    for _ in range(batches):
        next(made)
    passed(f"{batches} more batches")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {**parts, "until the first batch": total, "memory": f"{peak:.0f} MiB"}


def shown(since: tuple[float, float], until: tuple[float, float]) -> str:
    clock, busy = (b - a for a, b in zip(since, until, strict=True))
    return f"{clock:.2f} s ({busy:.2f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=1800)
    parser.add_argument("--folder", help="where the files are made, or were; a temporary folder by default")
    parser.add_argument("--num_workers", type=int, default=0)
    parser.add_argument("--batches", type=int, default=20, help="further batches to time")
    parser.add_argument("--start", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.start:
        print(json.dumps(start(Path(args.start), args.num_workers, args.batches)))
        return
    with tempfile.TemporaryDirectory(prefix="flanjax-many-") as temporary:
        folder = Path(args.folder or temporary) / f"{args.tasks}-tasks"
        if not (folder / "many.py").exists():
            folder.mkdir(parents=True, exist_ok=True)
            make(folder, args.tasks)
        sizes, index = json.loads((folder / "sizes.json").read_text()), folder / "index"
        size = sum(file.stat().st_size for file in folder.glob("*.parquet"))
        print(f"{len(sizes):,} tasks, {sum(sizes):,} rows, {size / 1e6:.0f} MB of Parquet")
        shutil.rmtree(index, ignore_errors=True)
        for name in ("cold", "from the index"):
            asked = ["--start", str(folder), "--num_workers", str(args.num_workers), "--batches", str(args.batches)]
            environment = {**os.environ, "FLANJAX_INDEX": str(index)}
            done = subprocess.run(
                [sys.executable, __file__, *asked], stdout=subprocess.PIPE, text=True, check=True, env=environment
            )
            print(f"{name}, seconds (of them busy):")
            for part, measured in json.loads(done.stdout).items():
                print(f"  {part:<22}{measured}")
        kept = sum(file.stat().st_size for file in index.rglob("*") if file.is_file())
        print(f"kept between starts: {kept / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
