"""Several real processes on one machine: the same run as one, saved and continued together, and ended together."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pyarrow.parquet as pq
import pytest
from test_run import CONFIG, MIXTURE, figures, finish, steps_on_record

from flanjax import checkpoint, distributed

STEPS = 20
SETTINGS = (
    f"--config.train.steps={STEPS}",
    "--config.train.validate_every=10",
    "--config.checkpoint.every_steps=10",
    "--config.data.num_streams=4",
)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hosts")
    (folder / "toy.py").write_text(MIXTURE)
    (folder / "config.py").write_text(CONFIG)
    return folder


@pytest.fixture(scope="module")
def runs(home):
    """The workdir of the same run, by its number of processes."""
    for count in (1, 2, 4):
        for status, said in finished(train(home, f"by_{count}", count)):
            assert status == 0, said
    return {count: home / f"by_{count}" for count in (1, 2, 4)}


def train(home, workdir, count, *more, **options):
    return together(home, count, "train", "--config", "config.py", "--workdir", workdir, *SETTINGS, *more, **options)


def together(home, count, *command, only=None, last=None):
    """A command by several processes that share four devices.

    Args:
      only: the processes that are started; all when None.
      last: environment of the last process alone.
    """
    environment = {
        **os.environ,
        "XLA_FLAGS": f"--xla_force_host_platform_device_count={4 // count}",
        "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",  # compiling is most of the time here, in every process anew
        "JAX_COMPILATION_CACHE_DIR": str(home / "cache"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    }
    coordinator = f"127.0.0.1:{free_port()}"
    processes = []
    for index in range(count) if only is None else only:
        join = ("--coordinator", coordinator, "--num-processes", str(count), "--process-id", str(index))
        arguments = [a[index] if isinstance(a, dict) else a for a in command if not isinstance(a, dict) or index in a]
        arguments = [sys.executable, "-m", "flanjax.cli", *arguments, *(join if count > 1 else ())]
        processes.append(
            subprocess.Popen(
                arguments,
                cwd=home,
                env={**environment, **(last or {} if index == count - 1 else {})},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        )
    return processes


def finished(processes):
    return [finish(p) for p in processes]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def until(workdir, step, processes):
    ended = time.monotonic() + 100
    while steps_on_record(workdir) < step:
        assert all(p.poll() is None for p in processes), [finish(p) for p in processes if p.poll() is not None]
        assert time.monotonic() < ended
        time.sleep(0.002)


def same_figures(workdir, other, kind="train"):
    found, expected = (np.array(figures(w, kind), float) for w in (workdir, other))
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("count", [2, 4])
def test_processes_train_as_one_does(runs, count):
    assert [step for step, *_ in figures(runs[count])] == list(range(1, STEPS + 1))
    same_figures(runs[count], runs[1])
    same_figures(runs[count], runs[1], "validation")


def from_step_10(runs, name):
    """A workdir whose newest checkpoint is of step 10, saved by four processes."""
    workdir = runs[4].with_name(name)
    shutil.copytree(runs[4], workdir)
    shutil.rmtree(workdir / "checkpoints" / str(STEPS))
    record = workdir / "metrics.jsonl"
    lines = record.read_text().splitlines(keepends=True)
    record.write_text("".join(line for line in lines if json.loads(line)["step"] <= 10))
    return workdir


def test_a_run_saved_by_four_processes_goes_on_with_one(home, runs):
    workdir = from_step_10(runs, "from_4_by_1")
    ((status, said),) = finished(train(home, workdir.name, 1))
    assert (status, "going on from step 10" in said) == (0, True), said
    same_figures(workdir, runs[1])


def test_a_signal_to_one_process_saves_the_same_step_in_all_and_another_number_goes_on(home, runs):
    workdir = from_step_10(runs, "from_4_by_2_by_1")
    processes = train(home, workdir.name, 2, "--config.checkpoint.every_steps=1000")
    until(workdir, 12, processes)
    processes[1].send_signal(signal.SIGTERM)
    results = finished(processes)
    assert [status for status, _ in results] == [128 + signal.SIGTERM] * 2, results
    reached = checkpoint.steps_of(workdir)[-1]
    assert 12 <= reached < STEPS
    assert "going on from step 10" in results[0][1]
    assert all(f"stopped by SIGTERM at step {reached}" in said for _, said in results)
    assert steps_on_record(workdir) == reached
    ((status, said),) = finished(train(home, workdir.name, 1))
    assert (status, f"going on from step {reached}" in said) == (0, True), said
    same_figures(workdir, runs[1])


def test_only_the_first_process_speaks_and_writes(home, runs):
    (first, said), (second, nothing) = finished(train(home, "by_2", 2))
    assert (first, second) == (0, 0), (said, nothing)
    assert f"has trained its {STEPS} steps already" in said
    assert "steps" not in nothing


def test_two_processes_score_heldout_tasks_as_one_does(home, runs):
    tables = []
    for count in (1, 2):
        results = finished(together(home, count, "heldout", "--workdir", runs[count].name, "--no-untuned"))
        assert [status for status, _ in results] == [0] * count, results
        place = runs[count] / "evaluation" / f"step_{STEPS}"
        tables.append(pq.read_table(place / "predictions.parquet").to_pylist())
        assert (place / "report.html").exists()
    one, two = ([p["option_log_likelihoods"] for p in table] for table in tables)
    np.testing.assert_allclose(one, two, atol=1e-4)
    assert [p["prompt"] for p in tables[0]] == [p["prompt"] for p in tables[1]]


@pytest.mark.parametrize("killed", [0, 1])
def test_when_a_process_is_killed_the_others_end_and_say_so(home, runs, killed):
    processes = train(home, f"killed_{killed}", 2, "--config.train.steps=100000", "--config.train.validate_every=0")
    until(home / f"killed_{killed}", 2, processes)
    processes[killed].kill()
    began = time.monotonic()
    status, said = finish(processes[1 - killed])
    finish(processes[killed])
    assert status != 0
    assert time.monotonic() - began < distributed.HEARTBEAT_TIMEOUT_SECONDS + 15
    assert "another process ended first" in said or "another task died" in said, said


@pytest.mark.parametrize("wrong", [0, 1])
def test_a_mistake_in_one_process_ends_all(home, wrong):
    began = time.monotonic()
    results = finished(train(home, "mistaken", 2, {wrong: "--config.mixture=toi.py:toy"}))
    assert all(status != 0 for status, _ in results), results
    assert "toi.py" in results[wrong][1]
    assert f"flanjax: process {wrong} of 2: " in results[wrong][1]
    assert time.monotonic() - began < distributed.HEARTBEAT_TIMEOUT_SECONDS + 30


def test_a_row_that_only_one_process_reads_ends_all(home):
    raising = "def copied(row):\n    import os\n    if 'LAST' in os.environ:\n        raise OSError('the disk is gone')"
    broken = MIXTURE.replace("def copied(row):", raising)
    (home / "broken.py").write_text(broken)
    results = finished(train(home, "broken", 2, "--config.mixture=broken.py:toy", last={"LAST": "1"}))
    assert all(status != 0 for status, _ in results), results
    assert "flanjax: process 1 of 2: " in results[1][1]
    assert "the disk is gone" in results[1][1]


@pytest.mark.parametrize("missing", [0, 1])
def test_when_a_process_never_starts_the_others_name_what_they_waited_for(home, missing):
    ((status, said),) = finished(train(home, "never", 2, "--startup-timeout", "3", only=[1 - missing]))
    assert status == 1
    assert f"flanjax: process {1 - missing} of 2: all 2 processes were expected within 3 s at 127.0.0.1:" in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"coordinator": "host:1"}, "--num-processes=None"),
        ({"coordinator": "host", "num_processes": 2, "process_id": 0}, "expected HOST:PORT"),
        ({"coordinator": "host:1", "num_processes": 2, "process_id": 2}, "expected a process id from 0 to 1"),
        ({"detect": True, "process_id": 1}, "leave these out"),
        ({"coordinator": "h:1", "num_processes": 2, "process_id": 0, "timeout_seconds": 0}, "expected at least 1 second"),
    ],
)
def test_flags_that_do_not_fit_together_are_refused(given, said):
    with pytest.raises(ValueError, match=said):
        distributed.start(**given)


def test_rows_of_a_batch_split_over_processes_are_refused(home):
    results = finished(train(home, "split", 2, "--config.mesh.tensor=4", "--config.mesh.fsdp=1"))
    assert all(status != 0 for status, _ in results), results
    assert any("mesh.tensor must divide the 2 devices of a process" in said for _, said in results)
