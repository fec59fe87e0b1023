"""An environment of its own for SeqIO, which needs TensorFlow: made once, in a cache folder.

It holds what pip finds for the requirements below, and is made again where they have changed.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

REQUIREMENTS = ("seqio==0.0.20", "tensorflow==2.21.*")
MINUTES = 30


def cache() -> Path:
    """The folder of what benchmarks keep: FLANJAX_BENCHMARKS, or flanjax/benchmarks in the user's cache."""
    named = os.environ.get("FLANJAX_BENCHMARKS")
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(named) if named else home / "flanjax" / "benchmarks"


def interpreter() -> str:
    """Returns the Python of the environment, which is made if need be. Raises OSError saying why it cannot be."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    wanted = " ".join((*REQUIREMENTS, version))
    folder = cache() / f"seqio-{hashlib.sha256(wanted.encode()).hexdigest()[:12]}"
    python, done = folder / "bin" / "python", folder / "installed"
    if done.exists():
        return str(python)
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    commands = [
        [sys.executable, "-m", "venv", str(folder)],
        [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *REQUIREMENTS],
        [str(python), "-c", "import seqio"],
    ]
    for command in commands:
        try:
            ended = subprocess.run(command, capture_output=True, text=True, timeout=60 * MINUTES)
        except subprocess.TimeoutExpired:
            raise OSError(f"SeqIO could not be installed in {MINUTES} minutes: {' '.join(command)}") from None
        if ended.returncode:
            why = (ended.stderr or ended.stdout).strip().splitlines() or [f"status {ended.returncode}"]
            raise OSError(f"SeqIO could not be installed ({' '.join(command[1:])}): {why[-1]}")
    done.write_text(wanted)
    return str(python)
