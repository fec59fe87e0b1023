"""How soon commands start: those that need no jax, and `flanjax train` up to its first step, cold and again.

Each is a process of its own. The stages are those that `flanjax train` prints (flanjax/run/stages.py).
"""

import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .sides import ROOT, SideError

CONFIG = "configs/quickstart.py"
MIXTURE = "mixtures/quickstart.py:quickstart"
WITHOUT_JAX: Mapping[str, Sequence[str]] = {
    "import flanjax": ("-c", "import flanjax"),
    "flanjax --help": ("-m", "flanjax.cli", "--help"),
    "flanjax show FOLDER": ("-m", "flanjax.cli", "show", "mixtures/quickstart.py"),
    "flanjax show MIXTURE": ("-m", "flanjax.cli", "show", MIXTURE),
    "flanjax check MIXTURE": ("-m", "flanjax.cli", "check", MIXTURE, "--rows", "5"),
}
# What these import, without what they then do: the commands end before they run.
IMPORTS = {
    "show": "import flanjax.cli, flanjax.show.command",
    "check": "import flanjax.cli, flanjax.check.command",
    "explore": "import flanjax.cli, flanjax.explore.command",
    "report": "import flanjax.cli, flanjax.report.page",
}
TOLD = re.compile(r"the first step was done after ([\d.]+) s: (.*)")


def measure(rounds: int, *, tiny: bool) -> dict[str, Any]:
    """Returns seconds of imports and commands, medians, and the stages of a first and of a second start."""
    imports = {f"flanjax {name}, imports": _median(["-c", code], rounds) for name, code in IMPORTS.items()}
    commands = {name: _median(arguments, rounds) for name, arguments in WITHOUT_JAX.items()}
    with tempfile.TemporaryDirectory(prefix="flanjax-starts-") as folder:
        # The second run finds what the first one compiled in the folder that both lie in.
        first = start(Path(folder) / "first", tiny=tiny, whole=not tiny)
        second = start(Path(folder) / "second", tiny=tiny, whole=False)
    return {"seconds_without_jax": {**imports, **commands}, "first_start": first, "second_start": second}


def start(workdir: Path, *, tiny: bool, whole: bool) -> dict[str, Any]:
    """Returns the stages of a start, in seconds, and how long the whole training took if it was let run to its end."""
    changes = [] if whole else ["--config.train.steps=1", "--config.train.optimizer.warmup_steps=0"]
    if tiny:
        changes += ["--config.model.d_model=16", "--config.model.num_layers=1", "--config.model.num_decoder_layers=1"]
    command = ["-m", "flanjax.cli", "train", "--config", CONFIG, "--workdir", str(workdir), *changes]
    began = time.perf_counter()
    done = _run(command)
    seconds = time.perf_counter() - began
    if (told := TOLD.search(done)) is None:
        raise SideError(f"flanjax train does not say how long its start took: {done[-200:]}")
    stages = {name: float(spent) for name, spent in (part.rsplit(" ", 1) for part in told[2].split(", "))}
    return {"until_first_step": float(told[1]), "stages": stages} | ({"whole_run": seconds} if whole else {})


def _median(arguments: Sequence[str], rounds: int) -> float:
    _run(arguments)  # once unmeasured: files are read, bytecode is written
    seconds = []
    for _ in range(rounds):
        began = time.perf_counter()
        _run(arguments)
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)


def _run(arguments: Sequence[str]) -> str:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))}
    done = subprocess.run([sys.executable, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SideError(f"{' '.join(arguments)} ended with status {done.returncode}: {done.stderr.strip()[-200:]}")
    return done.stdout
