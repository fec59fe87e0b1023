"""Runs by several real processes on this machine, for the tests of them."""

import os
import socket
import subprocess
import sys
import time

from compiling import flags
from test_run import CONFIG, MIXTURE, finish, steps_on_record

STEPS = 20
SETTINGS = (
    f"--config.train.steps={STEPS}",
    "--config.train.validate_every=10",
    "--config.checkpoint.every_steps=5",
    "--config.data.num_streams=4",
)
_STARTED: list[subprocess.Popen] = []


def furnished(folder):
    """The folder, with a mixture and a config."""
    (folder / "toy.py").write_text(MIXTURE)
    (folder / "config.py").write_text(CONFIG)
    return folder


def end_all():
    """Ends what a test has left running."""
    for process in _STARTED:
        process.kill()
        process.communicate()
    _STARTED.clear()


def train(home, workdir, count, *more, **options):
    return together(home, count, "train", "--config", "config.py", "--workdir", workdir, *SETTINGS, *more, **options)


def together(home, count, *command, devices=None, environments=None):
    """A command by several processes.

    Args:
      devices: of each; four are shared when None.
      environments: what some of them have in theirs.
    """
    coordinator = f"127.0.0.1:{free_port()}"
    processes = []
    for index in range(count):
        joined = ("--coordinator", coordinator, "--num-processes", str(count), "--process-id", str(index))
        arguments = [a[index] if isinstance(a, dict) else a for a in command if not isinstance(a, dict) or index in a]
        arguments = ["-m", "flanjax.cli", *arguments, *(joined if count > 1 else ())]
        own = {"XLA_FLAGS": flags(devices or 4 // count)}
        processes.append(spawn(home, arguments, {**own, **(environments or {}).get(index, {})}))
    return processes


def spawn(home, arguments, environment):
    """A Python process, until `end_all`."""
    environment = {**os.environ, **environment}
    command, pipe = [sys.executable, *arguments], subprocess.PIPE
    _STARTED.append(subprocess.Popen(command, cwd=home, env=environment, stdout=pipe, stderr=subprocess.STDOUT, text=True))
    return _STARTED[-1]


def finished(processes):
    return [finish(p) for p in processes]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def until(workdir, step, processes):
    ended = time.monotonic() + 150
    while steps_on_record(workdir) < step:
        assert all(p.poll() is None for p in processes), [finish(p) for p in processes if p.poll() is not None]
        assert time.monotonic() < ended
        time.sleep(0.002)
