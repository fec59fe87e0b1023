"""The tables of docs/performance.md: what the shipped configs need of TPU slices and GPUs. Compiled on a CPU, nothing is run.

    python tests/benchmarks/compile_table.py                 # all, some minutes a line
    python tests/benchmarks/compile_table.py flan_t5.py:base  # the lines of one config
    python tests/benchmarks/compile_table.py --gpu           # those of GPUs, half a minute a line

Needs the compilers that `flanjax compile` needs; `make test` puts them beside the environment.
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Config, slice, overrides. Every config is on the smallest slice it was tried on and on a larger one; the lines with a batch of
# 256 show one step on 16, 64 and 256 chips.
LINES = [
    ("flan_t5.py:small", "v5e:1x1", ()),
    ("flan_t5.py:small", "v5e:2x4", ()),
    ("flan_t5.py:base", "v5e:2x4", ()),
    ("flan_t5.py:base", "v5e:4x4", ("data.batch_size=256",)),
    ("flan_t5.py:base", "v5e:8x8", ("data.batch_size=256",)),
    ("flan_t5.py:base", "v5e:16x16", ("data.batch_size=256",)),
    ("flan_t5.py:large", "v5e:2x4", ()),
    ("flan_t5.py:xl", "v5e:4x4", ()),
    ("flan_t5.py:xl", "v6e:2x4", ()),
    ("flan_t5.py:xxl", "v5e:4x8", ()),
    ("flan_t5.py:xxl", "v5p:8x8x4", ("data.batch_size=256",)),
    ("flan_decoder.py:qwen3_0_6b", "v5e:2x4", ()),
    ("flan_decoder.py:qwen3_0_6b", "v5e:4x4", ()),
    ("flan_decoder.py:llama3_8b", "v5e:4x4", ()),
    ("flan_decoder.py:llama3_8b", "v5e:8x8", ()),
    ("flan_decoder.py:llama3_8b", "v5e:16x16", ("mesh.tensor=4",)),
    ("flan_decoder.py:llama3_8b", "v4:2x2x4", ()),
]
_TRITON, _UNROLLED = "model.attention=triton", "model.scan=False"
# Each T5 first with attention in XLA.
ON_GPUS = [
    ("flan_t5.py:base", "h100:1", ("model.remat=dots",)),
    ("flan_t5.py:base", "h100:1", ("model.remat=dots", _TRITON)),
    ("flan_t5.py:base", "h100:1", ("model.remat=dots", _TRITON, _UNROLLED)),
    ("flan_t5.py:base", "h200:1", ("model.remat=none", _TRITON, _UNROLLED)),
    ("flan_t5.py:base", "a100:1", ("model.remat=dots", _TRITON, _UNROLLED)),
    ("flan_t5.py:large", "h100:8", ("model.remat=dots",)),
    ("flan_t5.py:large", "h100:8", ("model.remat=dots", _TRITON, _UNROLLED)),
    ("flan_t5.py:xl", "h100:8", ("model.remat=dots", _TRITON, _UNROLLED)),
    ("flan_t5.py:xxl", "h100:8", ("model.remat=full", _TRITON)),
    ("flan_decoder.py:qwen3_0_6b", "h100:1", ("model.remat=full",)),
    ("flan_decoder.py:qwen3_0_6b", "h100:1", ("model.remat=full", _TRITON, _UNROLLED)),
    ("flan_decoder.py:llama3_8b", "h100:8", ("model.remat=full",)),
    ("flan_decoder.py:llama3_8b", "h100:8", ("model.remat=full", _TRITON)),
]
LINE = """
import sys
from flanjax.aot import compile as aot
from flanjax.aot.topology import find_compilers
from flanjax.config import load_config
find_compilers(sys.argv[2:3])
config, topology = load_config(sys.argv[1], sys.argv[3:]), sys.argv[2]
for compiled in (aot.compile_training, aot.compile_scoring):
    print(aot.table_row(config, topology, compiled(config, topology)), flush=True)
"""
HEAD_ON_GPUS = (
    "| config | GPUs | with | microbatches | peak, GiB a GPU | bytes moved, GB a GPU | at best |\n|---|---|---|---|---|---|---|"
)
LINE_ON_GPUS = """
import sys
from flanjax.aot import compile as aot
from flanjax.aot.topology import find_compilers
from flanjax.config import load_config
(path, topology), overrides = sys.argv[1:3], sys.argv[3:]
find_compilers([topology])
config = load_config(path, overrides)
found = aot.compile_training(config, topology)
best, moved = aot.times(found, topology), sum(aot.hlo.count(text).hbm_bytes for text in found.texts)
at_best = f"{best.overlapped_seconds * 1e3:,.0f} ms ({best.bound}), MFU {aot.mfu(found, topology, best):.0%}"
cells = config.name, topology, " ".join(overrides) or "as configured", found.microbatches, f"{found.peak_bytes / 2**30:.1f}"
print(f"| {' | '.join(map(str, (*cells, f'{moved / 1e9:,.0f}', at_best)))} |")
"""


def main(asked: list[str]) -> int:
    of_gpus = "--gpu" in asked
    names = [name for name in asked if name != "--gpu"]
    table, head, line = (ON_GPUS, HEAD_ON_GPUS, LINE_ON_GPUS) if of_gpus else (LINES, None, LINE)
    lines = [each for each in table if not names or each[0] in names]
    if not lines:
        print(f"no line of {names}; there are {sorted({each[0] for each in table})}", file=sys.stderr)
        return 1
    from flanjax.aot import compile as aot

    print(head or aot.TABLE_HEAD, flush=True)
    failed = 0
    for config, topology, overrides in lines:
        command = [sys.executable, "-c", line, f"configs/{config}", topology, *overrides]
        ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        print(ran.stdout, end="", flush=True)
        if ran.returncode:
            failed += 1
            print(f"| {config} | | {topology} | {ran.stderr.strip().splitlines()[-1][:300]} |", flush=True)
    return min(failed, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
