"""What a run's folder holds, on a disk and in a bucket: records, and lines of metrics that are neither lost nor doubled."""

import uuid

import pytest
from gcs_stand_in import BUCKET, bucket

from flanjax import storage, workdir
from flanjax.train.log import MetricsWriter
from flanjax.workdir import open_workdir


@pytest.fixture(params=["disk", "bucket"])
def folder(request, tmp_path):
    bucket()
    return open_workdir(f"gs://{BUCKET}/{uuid.uuid4().hex}" if request.param == "bucket" else tmp_path / "run")


def test_checkpoints_of_a_relative_workdir_are_at_an_absolute_path_and_those_of_a_bucket_in_it(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert str(open_workdir("runs/../toy").checkpoints) == str(tmp_path / "toy" / "checkpoints")
    assert str(open_workdir("toy").path) == "toy"
    assert str(open_workdir("gs://bucket/toy").checkpoints) == "gs://bucket/toy/checkpoints"


def test_lines_of_a_killed_run_after_its_checkpoint_are_dropped_and_all_others_kept(folder, monkeypatch):
    monkeypatch.setattr(storage, "PART_BYTES", 40)
    folder.path.mkdir(parents=True, exist_ok=True)
    for start, stop in ((0, 9), (6, 8), (7, 12)):  # the last step on record, and how far this time
        log = folder.metrics_log(start)
        for step in range(start + 1, stop + 1):
            log.write({"step": step, "from": start})
            log.flush()
    assert [(r["step"], r["from"]) for r in folder.read_metrics()] == [
        *((s, 0) for s in range(1, 7)),
        (7, 6),
        *((s, 7) for s in range(8, 13)),
    ]


def test_a_line_costs_a_bucket_no_upload_and_no_upload_is_larger_than_a_part(monkeypatch):
    folder = open_workdir(f"gs://{BUCKET}/bounded")
    monkeypatch.setattr(storage, "PART_BYTES", 2000)
    log, before = folder.metrics_log(0), len(bucket().uploads)
    for step in range(1, 201):
        log.write({"step": step})
    assert len(bucket().uploads) == before
    for step in range(201, 801):
        log.write({"step": step})
        if step % 20 == 0:
            log.flush()
    uploads = bucket().uploads[before:]
    assert all(size < 6000 for _, size in uploads)
    assert 2 < len({name for name, _ in uploads}) < len(uploads)
    assert [r["step"] for r in folder.read_metrics()] == list(range(1, 801))


def test_lines_reach_a_bucket_by_themselves_after_a_while(monkeypatch):
    folder = open_workdir(f"gs://{BUCKET}/timed")
    log = folder.metrics_log(0)
    log.write({"step": 1})
    assert folder.read_metrics() == []
    monkeypatch.setattr(workdir, "UPLOAD_SECONDS", 0)
    log.write({"step": 2})
    assert [r["step"] for r in folder.read_metrics()] == [1, 2]


def test_events_in_a_bucket_are_files_that_tensorboard_reads_one_after_another(monkeypatch):
    monkeypatch.setattr(storage, "PART_BYTES", 100)
    folder = open_workdir(f"gs://{BUCKET}/events")
    for start in (0, 4):
        writer = MetricsWriter(folder, start=start, tensorboard=True)
        for step in range(start + 1, start + 5):
            writer.write({"step": step, "loss": 1.0 / step})
            writer._events.flush()
        writer.close()
    files = sorted(folder.events.iterdir(), key=str)
    assert len(files) >= 2
    assert [step for path in files for step in steps_of_events(path.read_bytes())] == list(range(1, 9))


def steps_of_events(data):
    """Steps of a file's records with a value: eight bytes of length, four of checksum, an Event, four of checksum."""
    from tensorboardX.proto.event_pb2 import Event

    while data:
        length = int.from_bytes(data[:8], "little")
        event = Event.FromString(data[12 : 12 + length])
        if event.summary.value:
            yield event.step
        data = data[16 + length :]


@pytest.mark.parametrize(("text", "said"), [("{", "is not JSON"), ("[1]", "holds a list, expected a JSON object")])
def test_a_record_that_is_none_is_named(folder, text, said):
    assert folder.read_record("config.json", 1) == {}
    folder.path.mkdir(exist_ok=True)
    folder.write_text("config.json", text)
    with pytest.raises(ValueError, match=f"config.json {said}"):
        folder.read_record("config.json", 1)
