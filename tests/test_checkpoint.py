"""Checkpoints: whole and in part, on another mesh, damaged, kept and dropped, and on a disk that is full."""

import contextlib
import errno
import json
import logging
import os
import shutil
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest
from etils import epath
from jax.sharding import NamedSharding, PartitionSpec

from flanjax import checkpoint, records
from flanjax.checkpoint import CheckpointConfig, CheckpointError, Checkpoints, checksums, reading
from flanjax.parallel.sharding import MeshConfig, make_mesh

META = {"config": {"name": "toy"}, "split": {"heldout": ["nli"]}, "tokenizer": "ab", "plan": "cd", "model": {"d_model": 8}}


def params(step):
    return {"table": np.arange(64, dtype=np.float32).reshape(8, 8) + step, "norm": np.full(8, step, np.float32)}


def rest(step):
    return {"step": np.array(step, np.int32), "opt_state": {"mu": np.full((8, 8), -step, np.float32)}}


def on(mesh, tree, spec=("fsdp", "tensor")):
    def sharding(x):
        return NamedSharding(mesh, PartitionSpec(*spec) if x.ndim == 2 else PartitionSpec())

    return jax.tree.map(lambda x: jax.device_put(x, sharding(x)), tree)


def target(tree):
    return jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=x.sharding), tree)


def save(workdir, steps, losses=None, scores=None, **config):
    """A process's part of a run: opens, saves each step, closes."""
    mesh = make_mesh(MeshConfig(data=1, fsdp=4, tensor=2))
    writer = Checkpoints(workdir, CheckpointConfig(**config))
    for step in steps:
        arrays = {"params": on(mesh, params(step)), "rest": on(mesh, rest(step))}
        measured = {"validation_loss": (losses or {}).get(step), "score": (scores or {}).get(step)}
        writer.save(step, **arrays, data={"at": step}, meta=META, **measured)
    writer.wait()
    writer.close()


def restore(workdir, mesh=None, check_data=dict, **config):
    mesh = mesh or make_mesh(MeshConfig(data=2, fsdp=2, tensor=2))
    reader = Checkpoints(workdir, CheckpointConfig(**config))
    try:
        return reader.restore(target(on(mesh, params(0))), target(on(mesh, rest(0))), check_data)
    finally:
        reader.close()


def assert_is_step(restored, step):
    assert restored.step == step
    jax.tree.map(np.testing.assert_array_equal, restored.params, params(step))
    jax.tree.map(np.testing.assert_array_equal, restored.rest, rest(step))
    assert restored.data == {"at": step}
    assert restored.meta == META


def spoil(step_folder, how):
    """Halves every file under the folder, or removes those of one item."""
    item = {"remove": "*", "truncate": "*", "no arrays": "params/d/*", "no data": "data/*"}[how]
    files = [p for p in step_folder.rglob(item) if p.is_file()]
    assert files
    for path in files:
        if how == "truncate":
            os.truncate(path, path.stat().st_size // 2)
        else:
            path.unlink()


def test_a_checkpoint_comes_back_whole_on_another_mesh(tmp_path):
    save(tmp_path, [10])
    mesh = make_mesh(MeshConfig(data=1, fsdp=2, tensor=1), jax.devices()[:2])
    restored = restore(tmp_path, mesh)
    assert_is_step(restored, 10)
    assert restored.params["table"].sharding.mesh == mesh
    assert restored.params["table"].sharding.shard_shape((8, 8)) == (4, 8)


def test_parameters_and_meta_are_read_without_the_rest(tmp_path):
    save(tmp_path, [10, 20])
    for item in ("rest", "data"):
        spoil(tmp_path / "checkpoints" / "20" / item, "remove")
    step, meta = checkpoint.read_meta(tmp_path)
    assert (step, meta) == (20, META)
    mesh = make_mesh(MeshConfig(data=8, fsdp=1))
    read = checkpoint.read_params(tmp_path, 20, target(on(mesh, params(0))))
    jax.tree.map(np.testing.assert_array_equal, read, params(20))


def test_an_older_step_is_read_when_asked_for(tmp_path):
    save(tmp_path, [10, 20])
    assert checkpoint.read_meta(tmp_path, 10) == (10, META)
    with pytest.raises(CheckpointError, match=r"has no checkpoint of step 15; it has \[10, 20\]"):
        checkpoint.read_meta(tmp_path, 15)


def test_a_relative_workdir_is_a_workdir(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save("run", [10])
    assert_is_step(restore("run"), 10)
    assert checkpoint.read_meta("run") == (10, META)


def test_an_empty_workdir_restores_nothing(tmp_path):
    assert restore(tmp_path) is None
    assert checkpoint.steps_of(tmp_path / "nowhere") == []
    with pytest.raises(CheckpointError, match="holds no readable checkpoint"):
        checkpoint.read_meta(tmp_path)


@pytest.mark.parametrize("how", ["remove", "truncate", "no arrays", "no data"])
def test_a_corrupt_newest_step_is_passed_over_with_its_name(tmp_path, caplog, how):
    save(tmp_path, [10, 20])
    spoil(tmp_path / "checkpoints" / "20", how)
    with caplog.at_level(logging.WARNING, "flanjax"):
        restored = restore(tmp_path)
    assert_is_step(restored, 10)
    assert any(f"passing over checkpoint {tmp_path / 'checkpoints' / '20'}" in r.getMessage() for r in caplog.records)


@pytest.fixture(scope="module")
def two_steps(tmp_path_factory):
    folder = tmp_path_factory.mktemp("two")
    save(folder, [10, 20])
    return folder


@pytest.fixture
def workdir(two_steps, tmp_path):
    """A copy of a workdir with the steps 10 and 20."""
    return Path(shutil.copytree(two_steps, tmp_path / "run"))


def flip(path, at=None):
    """Turns one bit of a file; its middle one, when not said where."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2 if at is None else at] ^= 1
    path.write_bytes(content)


def test_a_bit_that_has_turned_in_any_file_of_a_step_is_found_and_the_step_passed_over(workdir, caplog):
    newest = workdir / "checkpoints" / "20"
    listed = json.loads((newest / "checksums.json").read_text())["files"]
    there = {str(p.relative_to(newest)) for p in newest.rglob("*") if p.is_file()}
    assert there - listed.keys() == {"checksums.json", "commit_success.txt", "_CHECKPOINT_METADATA"}
    for name in ("data/metadata", "meta/metadata", *(n for n in listed if n.startswith(("params/ocdbt", "rest/ocdbt")))):
        whole = (newest / name).read_bytes()
        flip(newest / name)
        caplog.clear()
        with caplog.at_level(logging.WARNING, "flanjax"):
            assert_is_step(restore(workdir), 10)
        said = [r.getMessage() for r in caplog.records]
        assert any(
            f"passing over checkpoint {newest}, which" in line and f"{newest / name} is damaged" in line for line in said
        )
        (workdir / "checkpoints" / "20.unreadable").rename(newest)
        (newest / name).write_bytes(whole)
    assert_is_step(restore(workdir), 20)


def test_evaluation_refuses_parameters_and_meta_that_are_damaged(workdir):
    newest = workdir / "checkpoints" / "20"
    content = (newest / "meta" / "metadata").read_text()
    (newest / "meta" / "metadata").write_text(content.replace("toy", "tox"))
    assert checkpoint.read_meta(workdir) == (10, META)
    with pytest.raises(CheckpointError, match="no readable checkpoint"):
        checkpoint.read_meta(workdir, 20)
    damaged = max((newest / "params" / "ocdbt.process_0" / "d").iterdir(), key=lambda p: p.stat().st_size)
    flip(damaged)
    with pytest.raises(CheckpointError, match=f"DamagedError: {damaged} is damaged"):
        checkpoint.read_params(workdir, 20, target(on(make_mesh(MeshConfig(data=8, fsdp=1)), params(0))))


def test_a_step_of_an_older_version_has_no_checksums_and_is_read_with_a_note(workdir, caplog):
    (workdir / "checkpoints" / "20" / "checksums.json").unlink()
    with caplog.at_level(logging.WARNING, "flanjax"):
        assert_is_step(restore(workdir), 20)
    assert [r.getMessage() for r in caplog.records] == [
        f"checkpoint {workdir / 'checkpoints' / '20'} has no checksums because an older flanjax wrote it: "
        "damage to it would not be noticed"
    ]


@pytest.fixture
def removing(monkeypatch):
    """Removes step folders as soon as something of them is read, as a run at work does."""

    def of(workdir, item, *steps):
        real = reading.comparing

        @contextlib.contextmanager
        def comparing(folder, what=""):
            if what == item and int(folder.name) in steps:
                shutil.rmtree(folder)
            with real(folder, what):
                yield

        monkeypatch.setattr(reading, "comparing", comparing)

    return of


def test_evaluation_reads_the_newest_step_where_the_run_removes_the_one_it_reads(workdir, removing, caplog):
    mesh = make_mesh(MeshConfig(data=8, fsdp=1))
    wanted = target(on(mesh, params(0)))
    removing(workdir, "params", 10)
    with caplog.at_level(logging.WARNING, "flanjax"):
        step, read = checkpoint.read_newest_params(workdir, 10, wanted)
    assert step == 20
    jax.tree.map(np.testing.assert_array_equal, read, params(20))
    assert f"step 10 of {workdir} was removed while it was read; there are now [20]; reading step 20 instead" in caplog.text


def test_a_step_that_was_asked_for_and_is_removed_meanwhile_is_named(workdir, removing):
    removing(workdir, "params", 10)
    with pytest.raises(checkpoint.StepGoneError, match=r"step 10 of .* was removed while it was read; there are now \[20\]"):
        checkpoint.read_params(workdir, 10, target(on(make_mesh(MeshConfig(data=8, fsdp=1)), params(0))))


def test_meta_is_that_of_the_newest_step_while_others_come_and_go(workdir, removing, caplog):
    removing(workdir, "meta", 20)
    with caplog.at_level(logging.WARNING, "flanjax"):
        assert checkpoint.read_meta(workdir) == (10, META)
    assert not caplog.records  # a step that goes is no damage


def test_every_file_is_compared_by_one_process_and_none_compares_much_more_than_another():
    sums = {f"file {i}": (size, "") for i, size in enumerate([900, 100, 100, 100, 100, 100, 100, 100, 100, 100])}
    shares = [checksums.share(sums, i, 2) for i in range(2)]
    assert sorted(shares[0] + shares[1]) == sorted(sums)
    assert [sum(sums[name][0] for name in share) for share in shares] == [900, 900]


def test_files_that_are_missing_short_or_other_are_told_apart(tmp_path):
    for name in ("same", "gone", "short", "other"):
        (tmp_path / name).write_text(name * 100)
    folder = epath.Path(tmp_path)
    checksums.write(folder, without=["same"])
    sums = checksums.read(folder)
    assert sums["short"] == (500, sums["short"][1])
    assert sums.keys() == {"gone", "short", "other"}
    checksums.check(folder, sums, sums)
    (tmp_path / "gone").unlink()
    os.truncate(tmp_path / "short", 20)
    flip(tmp_path / "other")
    with pytest.raises(checksums.DamagedError) as raised:
        checksums.check(folder, sums, sums)
    for said in ("gone cannot be read", "short has 20 bytes, 500 were written", "other is damaged: its checksum is"):
        assert f"{tmp_path}/{said}" in str(raised.value)


@pytest.mark.parametrize(
    ("item", "change", "said"),
    [
        ("meta", lambda meta: [meta], "holds a list, expected a JSON object"),
        ("meta", lambda meta: {**meta, "plan": 3}, "has plan='3', expected a str"),
        ("meta", lambda meta: {"config": {}}, "has split='None', expected a dict"),
        ("data", lambda data: {"at": -3}, "at is -3"),
    ],
)
def test_json_of_another_shape_is_passed_over_with_the_file_named(workdir, caplog, item, change, said):
    path = workdir / "checkpoints" / "20" / item / "metadata"
    path.write_text(json.dumps(change(json.loads(path.read_text()))))
    (workdir / "checkpoints" / "20" / "checksums.json").unlink()

    def check_data(data):
        if data["at"] < 0:
            raise ValueError(f"at is {data['at']}")

    if item == "meta":
        assert checkpoint.read_meta(workdir)[0] == 10
    with caplog.at_level(logging.WARNING, "flanjax"):
        assert_is_step(restore(workdir, check_data=check_data), 10)
    lines = [r.getMessage() for r in caplog.records]
    assert any(f"passing over checkpoint {path.parents[1]}," in line and said in line and str(path) in line for line in lines)


def test_a_step_of_a_newer_version_is_refused_and_not_passed_over(workdir):
    path = workdir / "checkpoints" / "20" / "meta" / "metadata"
    path.write_text(json.dumps({**META, "format": records.META + 1}))
    (workdir / "checkpoints" / "20" / "checksums.json").unlink()
    for read in (restore, checkpoint.read_meta):
        with pytest.raises(records.FormatError, match=f"{path} has format 2, this version of flanjax reads up to 1"):
            read(workdir)
    assert checkpoint.steps_of(workdir) == [10, 20]


def test_a_corrupt_step_is_written_again_when_it_is_reached_again(tmp_path):
    save(tmp_path, [10, 20])
    spoil(tmp_path / "checkpoints" / "20", "truncate")
    assert_is_step(restore(tmp_path), 10)
    assert checkpoint.steps_of(tmp_path) == [10]
    assert (tmp_path / "checkpoints" / "20.unreadable").is_dir()
    save(tmp_path, [20])
    assert_is_step(restore(tmp_path), 20)
    spoil(tmp_path / "checkpoints" / "20", "truncate")  # once more, beside what is left of the first
    assert_is_step(restore(tmp_path), 10)
    assert checkpoint.steps_of(tmp_path) == [10]


def test_corrupt_steps_do_not_drive_out_sound_ones(tmp_path):
    save(tmp_path, [10, 20, 30], keep=3)
    for step in (20, 30):
        spoil(tmp_path / "checkpoints" / str(step), "remove")
    assert_is_step(restore(tmp_path), 10)
    save(tmp_path, [13], keep=2, keep_best=0)
    assert checkpoint.steps_of(tmp_path) == [10, 13]


@pytest.mark.parametrize(
    ("error", "raised", "said"),
    [
        (ValueError("RESOURCE_EXHAUSTED: Out of memory allocating 8 bytes"), ValueError, "RESOURCE_EXHAUSTED"),
        (
            ValueError("UNAVAILABLE: the bucket does not answer"),
            CheckpointError,
            r"checkpoints/20 could not be read now: .*UNAVAI",
        ),
        (OSError(errno.EIO, "Input/output error"), CheckpointError, "could not be read now: .*Run the same command again"),
    ],
)
def test_a_failure_that_says_nothing_of_a_checkpoint_leaves_it_alone(workdir, monkeypatch, error, raised, said):
    def fails(*args, **kwargs):
        raise error

    monkeypatch.setattr("orbax.checkpoint.CheckpointManager.restore", fails)
    with pytest.raises(raised, match=said):
        restore(workdir)
    assert checkpoint.steps_of(workdir) == [10, 20]


def test_when_every_step_is_corrupt_the_error_names_them_and_nothing_is_renamed(tmp_path):
    save(tmp_path, [10, 20])
    for step in (10, 20):
        spoil(tmp_path / "checkpoints" / str(step), "truncate")
    with pytest.raises(CheckpointError, match=r"none of the checkpoints \[20, 10\] in .* can be read"):
        restore(tmp_path)
    assert checkpoint.steps_of(tmp_path) == [10, 20]
    with pytest.raises(CheckpointError, match=r"no readable checkpoint \(steps found: \[10, 20\]\)"):
        checkpoint.read_meta(tmp_path)


def test_a_temporary_folder_of_a_killed_write_is_ignored(tmp_path):
    save(tmp_path, [10, 20])
    (tmp_path / "checkpoints" / "20").rename(tmp_path / "checkpoints" / "20.orbax-checkpoint-tmp")
    assert checkpoint.steps_of(tmp_path) == [10]
    assert checkpoint.read_meta(tmp_path)[0] == 10
    assert_is_step(restore(tmp_path), 10)


def test_the_best_by_score_are_kept_whatever_their_loss(tmp_path):
    losses = {10: 3.0, 20: 2.0, 30: 1.0, 40: 1.5}
    save(tmp_path, [10, 20, 30, 40], losses, {10: 40.0, 20: 61.0, 30: 50.0, 40: 55.0}, keep=1, keep_best=1, best_by="nli")
    assert checkpoint.steps_of(tmp_path) == [20, 40]


def test_scores_of_another_cluster_and_losses_are_not_compared(tmp_path):
    kept = {"keep": 1, "keep_best": 1}
    losses = {60: 1.0, 70: 0.5, 80: 2.0}
    save(tmp_path, [10, 20], None, {10: 80.0, 20: 70.0}, best_by="nli", **kept)
    assert checkpoint.steps_of(tmp_path) == [10, 20]
    save(tmp_path, [30, 40, 50], None, {30: 40.0, 40: 60.0, 50: 50.0}, best_by="topic", **kept)
    assert checkpoint.steps_of(tmp_path) == [40, 50]
    save(tmp_path, [60, 70, 80], losses, **kept)
    assert checkpoint.steps_of(tmp_path) == [70, 80]


def test_the_newest_and_the_best_are_kept(tmp_path):
    save(tmp_path, [10, 20, 30, 40, 50], {10: 3.0, 20: 1.0, 30: 2.0, 40: 2.5, 50: 2.6}, keep=2, keep_best=1)
    assert checkpoint.steps_of(tmp_path) == [20, 40, 50]


def test_the_best_is_kept_by_the_next_process_too(tmp_path):
    losses = {10: 3.0, 20: 1.0, 30: 2.0, 40: 2.5, 50: 2.6}
    for steps in ([10, 20], [30], [40, 50]):
        save(tmp_path, steps, losses, keep=2, keep_best=1)
    assert checkpoint.steps_of(tmp_path) == [20, 40, 50]


@pytest.mark.parametrize("losses", [{}, {10: 2.0, 20: 1.0}, {10: 2.0, 20: 1.0, 30: float("nan")}])
def test_steps_that_were_not_measured_are_kept_only_while_new(tmp_path, losses):
    save(tmp_path, [10, 20, 30, 40, 50], losses, keep=2, keep_best=1)
    assert checkpoint.steps_of(tmp_path) == [*([20] if losses else []), 40, 50]


def test_without_best_ones_only_the_newest_are_kept(tmp_path):
    save(tmp_path, [10, 20, 30], {10: 1.0, 20: 2.0, 30: 3.0}, keep=1, keep_best=0)
    assert checkpoint.steps_of(tmp_path) == [30]


def test_a_step_saved_twice_is_saved_once(tmp_path):
    save(tmp_path, [10, 10])
    assert_is_step(restore(tmp_path), 10)


FULL_DISK = """
import resource, signal, sys
import numpy as np
from flanjax.checkpoint import CheckpointConfig, CheckpointError, Checkpoints

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
noise = np.random.default_rng(0).normal(size=(300, 300)).astype(np.float32)
writer = Checkpoints(sys.argv[1], CheckpointConfig(asynchronous=sys.argv[2] == "True"))

def save(step):
    writer.save(step, params={"w": noise + step}, rest={"step": np.array(step)}, data={}, meta={}, validation_loss=None)

save(10)
writer.wait()
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
try:
    save(20)
    save(30)
    writer.wait()
except CheckpointError as error:
    print("ERROR", error)
"""


@pytest.mark.parametrize("asynchronous", [True, False])
def test_a_full_disk_is_an_error_that_names_the_checkpoint_and_spares_the_earlier(tmp_path, asynchronous):
    command = [sys.executable, "-c", FULL_DISK, str(tmp_path), str(asynchronous)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, cwd=Path(__file__).parents[1])
    assert f"ERROR checkpoint {tmp_path / 'checkpoints' / '20'} was not written completely" in done.stdout, done.stderr
    assert "Earlier checkpoints [10] are untouched" in done.stdout
    assert checkpoint.steps_of(tmp_path) == [10]
    on_one = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    read = checkpoint.read_params(tmp_path, 10, {"w": jax.ShapeDtypeStruct((300, 300), np.float32, sharding=on_one)})
    noise = np.random.default_rng(0).normal(size=(300, 300)).astype(np.float32)
    np.testing.assert_array_equal(read["w"], noise + 10)
