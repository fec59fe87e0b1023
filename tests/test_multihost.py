"""Several real processes on one machine: the run of one device, stopped, killed, damaged and continued by any number."""

import contextlib
import json
import os
import signal
import socket
import time

import jax
import numpy as np
import pyarrow.parquet as pq
import pytest
from processes import SETTINGS, STEPS, end_all, finished, furnished, together, train, until
from test_run import figures, steps_on_record

from flanjax import checkpoint, run
from flanjax.cli import main
from flanjax.config import load_config
from flanjax.huggingface.weight_files import WEIGHTS
from flanjax.parallel import distributed, sharding

ALONE = "1 device"
# What runs the same config: processes, devices of each, and the mesh (data, fsdp, tensor). `make study` has more.
MESHES = {
    ALONE: (1, 1, (1, -1, 1)),
    "8 devices, all axes": (1, 8, (2, 2, 2)),
    "2 processes of 2 devices": (2, 2, (1, -1, 2)),
}
TENSOR = "--config.mesh.tensor=2"  # of all runs by several processes
VALIDATED = (ALONE, "2 processes of 2 devices")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return furnished(tmp_path_factory.mktemp("hosts"))


@pytest.fixture(autouse=True)
def no_process_stays():
    yield
    end_all()


class Runs(dict):
    """Name -> the workdir of that way to run the same config, which is run when it is first asked for.

    Args:
      more: further settings of every run, in whose names `title` comes first.
    """

    def __init__(self, home, meshes=MESHES, more=(), title=""):
        self._home, self._meshes, self._more, self._title = home, meshes, more, title

    def __missing__(self, name):
        count, devices, (data, fsdp, tensor) = self._meshes[name]
        settings = [f"--config.mesh.data={data}", f"--config.mesh.fsdp={fsdp}", f"--config.mesh.tensor={tensor}"]
        settings += self._more
        settings += [] if name in VALIDATED else ["--config.train.validate_every=0"]
        workdir = self._home / f"{self._title}{name}".replace(" ", "_").replace(",", "")
        if count == 1:
            train_here(self._home, workdir, settings, devices)
        else:
            results = finished(train(self._home, workdir.name, count, *settings, devices=devices))
            for index, (status, said) in enumerate(results):
                assert status == 0, said
                assert (f"trained {STEPS} steps" in said, "steps" in said) == (index == 0, index == 0), "only the first speaks"
        self[name] = workdir
        return workdir


@pytest.fixture(scope="module")
def runs(home):
    return Runs(home)


def train_here(home, workdir, settings=(), devices=1):
    """On so many of this process's eight devices: no start, no second import. What was said comes back."""
    overrides = [setting.removeprefix("--config.") for setting in (*SETTINGS, *settings)]
    said: list[str] = []
    make_mesh = sharding.make_mesh
    jax.config.update("jax_disable_most_optimizations", True)
    with contextlib.chdir(home), pytest.MonkeyPatch.context() as patched:
        patched.setattr(sharding, "make_mesh", lambda config: make_mesh(config, jax.devices()[:devices]))
        run.train(load_config("config.py", overrides), workdir, log=said.append)
    jax.config.update("jax_disable_most_optimizations", False)
    return said


def compared(workdir, other, kind="train", upto=STEPS):
    """Figures of both until a step, as arrays [records, 3]."""
    return tuple(np.array([f for f in figures(w, kind) if f[0] <= upto], float) for w in (workdir, other))


def assert_same_figures(workdir, other, kind="train"):
    found, expected = compared(workdir, other, kind)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_few_weights_over_a_base_in_eight_bits_are_trained_alike_by_one_device_and_eight(home):
    train_here(home, home / "base")
    keys = ["model.init=base", "model.adapt=lora", "adapt.learning_rate=0.01", "adapt.dora=true", "adapt.int8=true"]
    few = Runs(home, MESHES, [f"--config.{key}" for key in keys], "few ")
    found, expected = compared(few["8 devices, all axes"], few[ALONE])
    assert expected[-1, 1] < expected[0, 1]
    np.testing.assert_allclose(found, expected, atol=1e-5)


PAIRS = """
from flanjax import Mixture
from flanjax.importers.preferences import preferences

(judged,) = preferences("judged.jsonl", train="train[16:]", evaluation="train[:16]").tasks
pairs = Mixture(name="pairs", parts=[judged])
"""


def test_pairs_are_trained_on_alike_by_one_device_by_eight_and_by_two_processes(home):
    """With the references, which are computed before the first step, by each in its own share of the rows."""
    train_here(home, home / "base")
    (home / "pairs.py").write_text(PAIRS)
    rows = [{"prompt": f"say {n}", "chosen": f"it is {n}", "rejected": f"no, {n} not"} for n in range(80)]
    (home / "judged.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    keys = ["mixture=pairs.py:pairs", "heldout=", "objective.name=dpo", "model.init=base", "data.features.lengths="]
    of_pairs = Runs(home, MESHES, [f"--config.{key}" for key in keys], "pairs ")
    for name in MESHES:
        found, expected = compared(of_pairs[name], of_pairs[ALONE])
        assert expected[0, 1] == pytest.approx(np.log(2), abs=0.02)  # dropout moves it
        assert expected[-1, 1] < expected[0, 1] - 0.01
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_every_mesh_and_number_of_processes_gives_the_losses_of_one_device(runs):
    assert_losses_of_one_device(runs, MESHES)
    for name in VALIDATED:
        assert_same_figures(runs[name], runs[ALONE], "validation")
        assert len(figures(runs[name], "validation")) == 2


def assert_losses_of_one_device(runs, meshes):
    workdirs = {name: runs[name] for name in meshes}
    title = "losses of the same config, data and seed"
    print(f"\n{title:42s} {'step 1':>9s} {'step 10':>9s} {'step 20':>9s}  largest difference")
    for name, workdir in workdirs.items():
        found, expected = compared(workdir, runs[ALONE])
        assert found[:, 0].tolist() == list(range(1, STEPS + 1))
        losses, apart = found[:, 1], np.abs(found[:, 1] - expected[:, 1]).max()
        print(f"{name:42s} {losses[0]:9.6f} {losses[9]:9.6f} {losses[19]:9.6f}  {apart:.1e}")
        np.testing.assert_allclose(found, expected, atol=1e-5, err_msg=name)
    assert expected[-5:, 1].mean() < expected[:5, 1].mean() - 0.05


def test_what_was_seen_is_counted_once_however_many_processes_see_it(runs):
    alone, *others = (json.loads((runs[name] / "mixture.json").read_text()) for name in MESHES)
    for other in others:
        assert other == alone


def test_checksums_are_of_the_files_of_every_process(runs):
    for step in (runs["2 processes of 2 devices"] / "checkpoints").iterdir():
        listed = json.loads((step / "checksums.json").read_text())["files"]
        there = {str(p.relative_to(step)): p.stat().st_size for p in step.rglob("*") if p.is_file()}
        assert {name: size for name, (size, _) in listed.items()}.items() <= there.items()
        assert there.keys() - listed.keys() == {"checksums.json", "commit_success.txt", "_CHECKPOINT_METADATA"}
        assert {name.split("/")[1] for name in listed if name.startswith("params/ocdbt.")} == {
            f"ocdbt.process_{process}" for process in range(2)
        }


def test_a_run_writes_where_its_arrays_lie(runs):
    text = (runs["2 processes of 2 devices"] / "sharding.txt").read_text()
    assert "vocab embed" in text
    assert "tensor fsdp" in text
    assert "optimizer/" in text


def start_again(home, workdir, count, start):
    """The run by so many processes, whose record ends where it goes on from, so that its own steps can be waited for."""
    record = workdir / "metrics.jsonl"
    lines = record.read_text().splitlines(keepends=True) if record.exists() else []
    if lines:
        record.write_text("".join(line for line in lines if json.loads(line)["step"] <= start))  # as the run itself will do
    return train(home, workdir.name, count, "--config.train.validate_every=0", TENSOR)


def signalled_at(home, workdir, step, number, receivers, start=0):
    """Two processes go on from a step, and a signal is sent to some; both have saved the same step, which comes back."""
    processes = start_again(home, workdir, 2, start)
    until(workdir, step, processes)
    for index in receivers:
        processes[index].send_signal(number)
    results = finished(processes)
    assert (f"going on from step {start}" in results[0][1]) is (start > 0)
    reached = checkpoint.steps_of(workdir)[-1]
    assert step <= reached < STEPS
    for status, said in results:
        assert status == 128 + number, said
        assert f"stopped by {signal.Signals(number).name} at step {reached}" in said
    assert steps_on_record(workdir) == reached
    return reached


def killed_at(home, workdir, killed, start):
    """One of four processes is killed once it has gone on and saved a step; all have ended, and named it."""
    processes = start_again(home, workdir, 4, start)
    until(workdir, start + 1, processes)
    while checkpoint.steps_of(workdir)[-1] <= start:
        assert all(p.poll() is None for p in processes), finished(processes)
        time.sleep(0.01)
    processes[killed].kill()
    began = time.monotonic()
    results = finished(processes)
    assert time.monotonic() - began < distributed.ENDS_WITHIN_SECONDS
    for index, (status, said) in enumerate(results):
        assert status == (-signal.SIGKILL if index == killed else 1)
        assert index == killed or f"process {killed} of 4 on {socket.gethostname()} is gone without a word" in said, said
    return results


def test_stopped_damaged_and_killed_a_run_of_two_goes_on_by_two_by_four_and_by_one(home, runs):
    workdir = home / "disturbed"
    first = signalled_at(home, workdir, 3, signal.SIGTERM, [1])
    reached = signalled_at(home, workdir, first + 3, signal.SIGINT, [0, 1], start=first)  # as a terminal does
    again, undisturbed = compared(workdir, runs["2 processes of 2 devices"], upto=reached)
    np.testing.assert_array_equal(again, undisturbed)  # on the same devices bit for bit

    older = checkpoint.steps_of(workdir)[-2]
    for path in (workdir / "checkpoints" / str(reached) / "params").rglob("*"):
        if path.is_file():
            os.truncate(path, path.stat().st_size // 2)
    results = killed_at(home, workdir, 2, older)
    for _, said in results:
        assert f"passing over checkpoint {workdir / 'checkpoints' / str(reached)}" in said
    assert f"going on from step {older}" in results[0][1]

    assert any("going on from step" in line for line in train_here(home, workdir, ["--config.train.validate_every=0"]))
    assert_same_figures(workdir, runs[ALONE])


def test_two_processes_score_heldout_tasks_as_one_does(home, runs):
    tables = []
    results = finished(together(home, 2, "heldout", "--workdir", runs["2 processes of 2 devices"].name, "--no-untuned"))
    assert [status for status, _ in results] == [0, 0], results
    with contextlib.chdir(home):
        assert main(["heldout", "--workdir", str(runs[ALONE]), "--no-untuned"]) == 0
    for name in (ALONE, "2 processes of 2 devices"):
        (place,) = (runs[name] / "evaluation").glob(f"{STEPS}-*")
        tables.append(pq.read_table(place / "predictions.parquet").to_pylist())
        assert (place / "report.html").exists()
    one, two = ([p["option_log_likelihoods"] for p in table] for table in tables)
    np.testing.assert_allclose(one, two, atol=1e-4)
    assert [p["prompt"] for p in tables[0]] == [p["prompt"] for p in tables[1]]


def test_two_processes_export_what_one_exports(home, runs):
    workdir = runs["8 devices, all axes"]  # of a mesh that neither has
    results = finished(together(home, 2, "export", "--workdir", workdir.name, "--output", "by_two"))
    assert [status for status, _ in results] == [0, 0], results
    assert main(["export", "--workdir", str(workdir), "--output", str(home / "by_one")]) == 0
    one, two = ({p.name: p.read_bytes() for p in (home / name).iterdir()} for name in ("by_one", "by_two"))
    assert WEIGHTS in one
    assert one == two
