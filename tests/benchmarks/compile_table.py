"""The table of docs/performance.md: what the shipped configs need of TPU slices. Compiled on a CPU, by libtpu; nothing is run.

    python tests/benchmarks/compile_table.py                 # all, some minutes a line
    python tests/benchmarks/compile_table.py flan_t5.py:base  # the lines of one config

Needs libtpu (`pip install libtpu`), or `make test` once, which puts it beside the environment.
"""

import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import tpu_compiler

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
    ("flan_t5.py:xxl", "v5e:8x8", ()),
    ("flan_t5.py:xxl", "v5p:8x8x4", ("data.batch_size=256",)),
    ("flan_decoder.py:qwen3_0_6b", "v5e:2x4", ()),
    ("flan_decoder.py:qwen3_0_6b", "v5e:4x4", ()),
    ("flan_decoder.py:llama3_8b", "v5e:4x4", ()),
    ("flan_decoder.py:llama3_8b", "v5e:8x8", ()),
    ("flan_decoder.py:llama3_8b", "v5e:16x16", ("mesh.tensor=4",)),
    ("flan_decoder.py:llama3_8b", "v4:2x2x4", ()),
]
LINE = """
import sys
from flanjax.aot import compile as aot
from flanjax.config import load_config
config, topology = load_config(sys.argv[1], sys.argv[3:]), sys.argv[2]
for compiled in (aot.compile_training, aot.compile_scoring):
    print(aot.table_row(config, topology, compiled(config, topology)), flush=True)
"""


def main(asked: list[str]) -> int:
    lines = [line for line in LINES if not asked or line[0] in asked]
    if not lines:
        print(f"no line of {asked}; there are {sorted({line[0] for line in LINES})}", file=sys.stderr)
        return 1
    from flanjax.aot import compile as aot

    print(aot.TABLE_HEAD, flush=True)
    failed = 0
    for config, topology, overrides in lines:
        command = [sys.executable, "-c", LINE, f"configs/{config}", topology, *overrides]
        ran = subprocess.run(command, cwd=tpu_compiler.ROOT, env=tpu_compiler.environment(), capture_output=True, text=True)
        print(ran.stdout, end="", flush=True)
        if ran.returncode:
            failed += 1
            print(f"| {config} | | {topology} | {ran.stderr.strip().splitlines()[-1][:300]} |", flush=True)
    return min(failed, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
