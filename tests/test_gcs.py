"""A whole run in a bucket: trained, refused to a second trainer, killed, continued, evaluated, reported and exported."""

import json
import signal
import time

import jax
import numpy as np
import pytest
from etils import epath
from gcs_stand_in import BUCKET, bucket
from test_run import CONFIG, MIXTURE, finish, refused, start, train_here

from flanjax import checkpoint, storage
from flanjax import huggingface as hf
from flanjax.cli import main
from flanjax.models import functional
from flanjax.workdir import open_workdir

STEPS, EVERY = 24, 4
PLACE = f"gs://{BUCKET}/runs/toy"
SETTINGS = (
    f"--config.train.steps={STEPS}",
    "--config.train.validate_every=8",
    f"--config.checkpoint.every_steps={EVERY}",
    "--config.train.tensorboard=True",
)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    bucket().objects.clear()  # of other files' tests in this process
    folder = tmp_path_factory.mktemp("home")
    (folder / "toy.py").write_text(MIXTURE)
    (folder / "config.py").write_text(CONFIG)
    return folder


@pytest.fixture(scope="module")
def killed(home):
    """What a run that was killed after its second checkpoint had left: steps, lines of metrics, the refusal of a second one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        first = started(home)
        try:
            until(first, lambda: "runs/toy/claim.json" in bucket().objects)
            process, since = first.pid, held_since()
            with pytest.raises(Exception, match="belongs to another run") as refusal:
                main(["--traceback", "train", "--config", "config.py", "--workdir", PLACE, *SETTINGS])
            until(first, lambda: f"runs/toy/checkpoints/{2 * EVERY}/commit_success.txt" in bucket().objects)
        finally:
            first.send_signal(signal.SIGKILL)
            finish(first)
    found = checkpoint.steps_of(PLACE), open_workdir(PLACE).read_metrics()
    return *found, (process, since, str(refusal.value))


@pytest.fixture(scope="module")
def continued(home, killed):
    status, said = train_here(home, PLACE, *SETTINGS)
    assert status == 0, said
    return said


def started(home):
    return start(home, PLACE, *SETTINGS, **bucket().environment())


def until(process, reached):
    ends = time.monotonic() + 100
    while not reached():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < ends
        time.sleep(0.02)


def held_since():
    claim = json.loads(bucket().objects["runs/toy/claim.json"].content)
    return claim["since"]


def test_a_second_trainer_in_a_bucket_is_refused_with_the_first_ones_process(killed):
    *_, (process, since, message) = killed
    assert f"process {process} on host" in message
    assert time.strftime("since %Y-%m-%d %H:%M:%S UTC", time.gmtime(since)) in message


def test_a_killed_run_has_left_every_line_up_to_its_newest_checkpoint(killed):
    steps, lines, _ = killed
    assert 2 * EVERY <= steps[-1] < STEPS
    trained = [line["step"] for line in lines if line.get("kind", "train") == "train"]
    assert trained[: steps[-1]] == list(range(1, steps[-1] + 1))


def test_a_run_goes_on_in_a_bucket_without_losing_or_doubling_a_line(killed, continued):
    assert f"going on from step {killed[0][-1]} of {PLACE}" in continued
    lines = open_workdir(PLACE).read_metrics()
    assert [line["step"] for line in lines if line.get("kind", "train") == "train"] == list(range(1, STEPS + 1))
    assert [line["step"] for line in lines if line.get("kind") == "validation"] == [8, 16, STEPS]
    assert checkpoint.steps_of(PLACE)[-1] == STEPS
    names = set(bucket().objects)
    assert {f"runs/toy/{name}" for name in ("config.json", "mixture.json", "sharding.txt")} <= names
    assert "runs/toy/claim.json" not in names
    assert [n for n in names if n.startswith("runs/toy/tensorboard/events.out.tfevents.")]
    assert not [n for n in names if not n.startswith("runs/toy/")]


def test_a_step_that_is_still_being_written_is_none(continued):
    with bucket().lock:
        bucket().put("runs/toy/checkpoints/99/params/d/half", b"half", {})
    try:
        assert 99 not in checkpoint.steps_of(PLACE)
        assert checkpoint.read_meta(PLACE)[0] == STEPS
    finally:
        del bucket().objects["runs/toy/checkpoints/99/params/d/half"]


def test_a_run_in_a_bucket_is_evaluated_and_reported_there(home, continued, capsys, monkeypatch):
    monkeypatch.chdir(home)
    assert main(["heldout", "--workdir", PLACE, "--no-untuned"]) == 0
    said = capsys.readouterr().out
    page = epath.Path(said.rpartition("report: ")[2].strip())
    assert str(page).startswith(f"{PLACE}/evaluation/")
    assert "hidden" in page.read_text()
    results = storage.read_json(page.parent / "results.json", 2)
    assert [row["task"] for row in results["tasks"]] == ["hidden"]
    assert main(["report", PLACE, "--output", f"{PLACE}/both.html"]) == 0
    assert (epath.Path(PLACE) / "both.html").read_text().count("<svg") >= 2


def test_a_run_in_a_bucket_is_exported_there(home, continued, tmp_path, monkeypatch):
    monkeypatch.chdir(home)
    exported = epath.Path(f"{PLACE}/export")
    assert main(["export", "--workdir", PLACE, "--output", str(exported)]) == 0
    for path in exported.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    assert not list(tmp_path.glob("*.tmp"))
    assert (tmp_path / "tokenizer.json").exists()
    config, params = hf.load(tmp_path)
    _, shapes = functional.abstract(config)
    kept = checkpoint.read_params(PLACE, STEPS, one_device(shapes))
    jax.tree.map(np.testing.assert_array_equal, params, kept)


def one_device(shapes):
    sharding = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    return jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=sharding), shapes)


def test_a_bucket_without_its_library_is_one_line_that_names_the_extra(capsys, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert "pip install 'flanjax[gcs]'" in refused(capsys, "report", PLACE)
