"""Processes start and end together: missing ones are named, and all print what ended one of them."""

import os
import signal
import socket
import sys
import time
import types

import jax
import pytest
from compiling import flags
from processes import end_all, finished, free_port, furnished, spawn, train
from test_run import MIXTURE

from flanjax.cli import main
from flanjax.parallel import distributed, peer_watch

HOST = socket.gethostname()
# A run without data or model: processes in step with each other, until one of them does what it is told to.
PROGRAM = """
import os, sys, time
import numpy as np
from jax.experimental import multihost_utils
from flanjax.parallel import distributed, peer_watch

if "HURRY" in os.environ:
    peer_watch._PROBE_EVERY_SECONDS, peer_watch.LOST_SECONDS, peer_watch.STOPPED_SECONDS = 1, 5, 12
    distributed.HEARTBEAT_TIMEOUT_SECONDS = 30
try:
    if "PROCESS" in os.environ:
        index, count = int(os.environ["PROCESS"]), int(os.environ["OF"])
        where = {"coordinator": os.environ["AT"], "num_processes": count, "process_id": index}
    else:
        where = {"detect": True}
    distributed.start(**where, timeout_seconds=int(os.environ["TIMEOUT"]))
    deed = os.environ.get("DEED")
    for step in range(int(os.environ["STEPS"])):
        everyone = multihost_utils.process_allgather(np.array(int(os.environ.get("PROCESS", step))))
        print("step", step, everyone.tolist(), flush=True)
        if deed and step == 3:
            print("DEED", time.time(), flush=True)
            if deed == "sleep":
                time.sleep(1000)
            raise OSError("the disk is gone") if deed == "fail" else TypeError("a mistake of ours")
except (ValueError, OSError, RuntimeError) as error:
    sys.exit(distributed.leave(1, str(error), error))
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return furnished(tmp_path_factory.mktemp("hosts"))


@pytest.fixture(autouse=True)
def no_process_stays():
    yield
    end_all()


def alike(home, environments, steps=10**9, timeout=60):
    """The program by several processes, each with its environment."""
    own = {"XLA_FLAGS": flags(1), "STEPS": str(steps), "TIMEOUT": str(timeout)}
    return [spawn(home, ["-c", PROGRAM], {**own, **each}) for each in environments]


def numbered(indices, count):
    at = f"127.0.0.1:{free_port()}"
    return [{"PROCESS": str(index), "OF": str(count), "AT": at} for index in indices]


def until_step(processes, step):
    for process in processes:
        while (line := process.stdout.readline()) and not line.startswith(f"step {step} "):
            pass
        assert line, process.wait()


@pytest.mark.parametrize(("failing", "deed"), [(0, "fail"), (1, "crash")])
def test_what_ends_one_process_is_said_by_all(home, failing, deed):
    environments = numbered(range(3), 3)
    environments[failing]["DEED"] = deed
    environments[2]["DEED"] = "sleep"  # the others wait in a collective
    results = finished(alike(home, environments))
    ended = time.time()
    assert [status for status, _ in results] == [1] * 3, results
    message = {"fail": "OSError: the disk is gone", "crash": "TypeError: a mistake of ours"}[deed]
    for index, (_, said) in enumerate(results):
        if index == failing:
            assert message.partition(": ")[2] in said
        else:
            assert f"flanjax: process {failing} of 3 on {HOST}: {message} (so process {index} ends too)" in said, said
    began = float(results[failing][1].partition("DEED ")[2].split()[0])
    print(f"\nended {ended - began:.1f} s after process {failing} failed")
    assert ended - began < distributed.ENDS_WITHIN_SECONDS


@pytest.mark.parametrize("killed", [0, 2])
def test_a_killed_process_is_named_by_all_others(home, killed):
    processes = alike(home, numbered(range(3), 3))
    until_step(processes, 3)
    processes[killed].kill()
    began = time.monotonic()
    results = finished(processes)
    print(f"\nended {time.monotonic() - began:.1f} s after process {killed} was killed")
    assert time.monotonic() - began < distributed.ENDS_WITHIN_SECONDS
    for index, (status, said) in enumerate(results):
        if index == killed:
            assert status == -signal.SIGKILL
            continue
        assert status != 0
        gone = f"flanjax: process {killed} of 3 on {HOST} is gone without a word"
        # jax ends a process at once when process 0, which serves its connections, is gone; it may be faster than we are.
        assert gone in said or (killed == 0 and "the leader (usually slice 0 task 0)" in said), said


def test_the_message_is_out_before_anything_may_end_the_process(monkeypatch):
    watch = peer_watch.PeerWatch("127.0.0.1:1", 1, 3)
    was_set = []
    stderr = types.SimpleNamespace(write=lambda text: was_set.append(watch.someone_ended.is_set()), flush=lambda: None)
    monkeypatch.setattr(sys, "stderr", stderr)
    monkeypatch.setattr(peer_watch, "GRACE_SECONDS", 0)
    monkeypatch.setattr(peer_watch, "end_process", lambda status: None)
    watch._follow("process 2 of 3 is gone")
    assert watch.someone_ended.is_set()
    assert was_set
    assert not any(was_set)


@pytest.mark.parametrize("stopped", [0, 1])
def test_a_stopped_process_is_named_and_the_others_end_without_a_crash(home, stopped):
    processes = alike(home, [{**each, "HURRY": "1"} for each in numbered(range(3), 3)])
    until_step(processes, 3)
    processes[stopped].send_signal(signal.SIGSTOP)
    for index, process in enumerate(processes):
        if index == stopped:
            continue
        [(status, said)] = finished([process])
        assert status == 1, said
        assert f"process {stopped} of 3 on {HOST} has not been heard of for 5 s" in said
        assert f"has not been heard of for 12 s: it is stopped, or its machine hangs (so process {index} ends too)" in said
        assert "Check failure" not in said


def test_processes_that_do_not_come_are_named_with_the_hosts_that_did(home):
    results = finished(alike(home, numbered([0, 1, 2], 4), timeout=20))
    for status, said in results:
        assert status == 1
        assert "process 3 of 4 did not come to 127.0.0.1:" in said
        assert f"within 20 s; present are 0 ({HOST}), 1 ({HOST}), 2 ({HOST})" in said, said
        assert "Traceback" not in said


def test_without_process_0_the_others_say_where_they_looked_for_it(home):
    for index, (status, said) in zip((1, 2), finished(alike(home, numbered([1, 2], 3), timeout=2)), strict=True):
        assert status == 1
        assert f"process {index} of 3 on {HOST} could not reach process 0 at 127.0.0.1:" in said, said
        assert "Traceback" not in said


def test_a_process_that_does_not_belong_is_refused_and_the_others_wait_on(home):
    environments = numbered([0, 1, 1, 2], 3)
    environments[3]["OF"] = "5"
    (_, first), *ones, (_, stranger) = finished(alike(home, environments, timeout=20))
    assert "was started for 3 processes, this one for 5" in stranger
    assert (
        sum(f"process 1 of 3 on {HOST} is there already: each needs a process id of its own" in said for _, said in ones) == 1
    )
    assert "process 2 of 3 did not come" in first


def test_a_mistake_in_one_process_of_a_run_is_said_by_both(home):
    results = finished(train(home, "mistaken", 2, {1: "--config.mixture=toi.py:toy"}))
    assert [status for status, _ in results] == [1, 1], results
    assert f"flanjax: process 1 of 2 on {HOST}: mixture is 'toi.py:toy', but there is no file" in results[1][1]
    assert f"flanjax: process 1 of 2 on {HOST}: ConfigError: mixture is 'toi.py:toy', but there is no file" in results[0][1]


def test_a_row_that_only_one_process_cannot_read_ends_both_with_its_message(home):
    raising = "def copied(row):\n    import os\n    if 'LAST' in os.environ:\n        raise OSError('the disk is gone')"
    (home / "broken.py").write_text(MIXTURE.replace("def copied(row):", raising))
    changes = ("--config.mixture=broken.py:toy", "--config.train.validate_every=0", "--config.mesh.tensor=2")
    results = finished(train(home, "broken", 2, *changes, environments={1: {"LAST": "1"}}))
    assert [status for status, _ in results] == [1, 1], results
    for _, said in results:
        assert "the disk is gone" in said
    assert f"flanjax: process 1 of 2 on {HOST}: " in results[0][1]


def test_processes_of_a_slurm_job_find_each_other(home):
    job = {"SLURM_JOB_ID": str(unused_job()), "SLURM_STEP_NODELIST": "localhost", "SLURM_NTASKS": "2"}
    places = [{**job, "SLURM_PROCID": str(index), "SLURM_LOCALID": str(index)} for index in range(2)]
    results = finished(alike(home, places, steps=2))
    assert [status for status, _ in results] == [0, 0], results
    assert all("step 1 [1, 1]" in said for _, said in results)


def test_a_command_is_told_to_look_for_the_other_processes(tmp_path, monkeypatch):
    started = []
    monkeypatch.setattr(distributed, "start", lambda **given: started.append(given))
    command = ["train", "--config", f"{tmp_path}/nowhere.py", "--workdir", f"{tmp_path}/run"]
    assert main([*command, "--distributed", "auto", "--startup-timeout", "7"]) == 1  # there is no config
    assert main([*command, "--coordinator", "h:1", "--num-processes", "2", "--process-id", "0"]) == 1
    nothing = {"coordinator": None, "num_processes": None, "process_id": None}
    assert started[0] == {**nothing, "detect": True, "timeout_seconds": 7}
    assert started[1] == {"coordinator": "h:1", "num_processes": 2, "process_id": 0, "detect": False, "timeout_seconds": 300}


def unused_job():
    """A SLURM job whose coordinator's port, which jax derives from it, is free."""
    for job in range(4096):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", 65535 - 4096 + 1 + (job + os.getpid()) % 4096)):
                return job + os.getpid()
    raise AssertionError("no free port")


@pytest.mark.parametrize(
    "places",
    [
        [{"TPU_WORKER_HOSTNAMES": "localhost,localhost", "TPU_WORKER_ID": str(i)} for i in range(2)],
        [
            {"TPU_WORKER_HOSTNAMES": "localhost", "TPU_WORKER_ID": "0", "MEGASCALE_SLICE_ID": str(i), **slices}
            for i, slices in enumerate([{"MEGASCALE_NUM_SLICES": "2", "MEGASCALE_COORDINATOR_ADDRESS": "localhost:8080"}] * 2)
        ],
    ],
    ids=["one slice", "two slices"],
)
def test_hosts_of_tpu_slices_find_each_other_by_their_metadata(home, places):
    # An empty value is "not set" to jax, without a question to the metadata server, which is only there on a cloud machine.
    alone = dict.fromkeys(("MEGASCALE_COORDINATOR_ADDRESS", "MEGASCALE_NUM_SLICES", "MEGASCALE_SLICE_ID"), "")
    on_tpu = {**alone, "JAX_FORCE_TPU_INIT": "1", "JAX_COORDINATOR_PORT": str(free_port())}
    results = finished(alike(home, [{**on_tpu, **place} for place in places], steps=2))
    assert [status for status, _ in results] == [0, 0], results
    assert all("step 1 [1, 1]" in said for _, said in results)


def test_where_nothing_can_be_detected_the_error_says_what_to_give(monkeypatch):
    for name in [name for name in os.environ if name.startswith(("SLURM_", "OMPI_", "TPU_WORKER", "KUBERNETES_"))]:
        monkeypatch.delenv(name)
    with pytest.raises(ValueError, match="found no TPU slice and no SLURM job here; give --coordinator"):
        distributed.start(detect=True)


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


@pytest.mark.parametrize(
    ("error", "consequence"),
    [
        (ValueError("UNKNOWN: Gloo AllGather failed: Connection reset by peer"), True),
        (jax.errors.JaxRuntimeError("anything"), True),
        (ValueError("train.steps is 0, expected at least 1"), False),
        (OSError("the disk is full"), False),
    ],
)
def test_what_a_collective_says_may_be_the_consequence_of_anothers_end(error, consequence):
    assert distributed._broke_off(error) is consequence
    wrapped = RuntimeError("while saving")
    wrapped.__cause__ = error
    assert distributed._broke_off(wrapped) is consequence
