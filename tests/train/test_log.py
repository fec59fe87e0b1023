"""The log of a run: what a continued run keeps of metrics.jsonl, and what TensorBoard, W&B and the bar are told."""

import io
import json
import logging
import sys

import pytest

from flanjax.train.heldout_curve import Point, curve_text, point, points_of
from flanjax.train.log import MetricsWriter, ProgressBar
from flanjax.train.wandb_run import open_wandb
from flanjax.workdir import open_workdir


def test_a_continued_run_drops_later_steps_and_damaged_lines_which_it_names(tmp_path, caplog):
    path = tmp_path / "metrics.jsonl"
    lines = [json.dumps({"step": step, "loss": 1.5 / step}) for step in (1, 2, 3, 4)]
    damaged = ["{half", "7", '{"loss": 1.0}', '{"step": "two"}']
    path.write_text("\n".join([lines[0], *damaged, *lines[1:], '{"step": 1, "lo']))
    with caplog.at_level(logging.WARNING, "flanjax"):
        writer = MetricsWriter(open_workdir(tmp_path), start=3, tensorboard=False)
    writer.write({"step": 4, "loss": 9.0})
    assert path.read_text().splitlines() == [*lines[:3], '{"step": 4, "loss": 9.0}']
    assert [r.getMessage().partition(" is damaged")[0] for r in caplog.records] == [f"{path}, line {n}" for n in (2, 3, 4, 5)]


SCORES = {
    "nli": {"mean": 40.0, "low": 34.0, "high": 46.0},
    "topic": {"mean": 60.0, "low": 52.0, "high": 68.0},
}


def heldout(step, more=0.0):
    moved = {name: {end: value + more for end, value in score.items()} for name, score in SCORES.items()}
    return {"step": step, "kind": "heldout", "cluster_score": moved}


def test_the_bar_shows_the_held_out_curve_with_its_noise():
    out = io.StringIO()
    bar = ProgressBar("toy", 400, file=out, heldout=points_of([heldout(100), heldout(900)], until=200))
    bar.report(110, "loss 2.0")
    bar.score(point(200, heldout(200, 21.0)["cluster_score"]))
    bar.score(point(300, heldout(300, 20.0)["cluster_score"]))
    bar.report(310, "loss 1.0")
    bar.close()
    first, second = out.getvalue().splitlines()
    assert first == "toy 110/400  loss 2.0  held-out 50.0 ±5.0"  # hypot(6, 8) / 2
    assert second.startswith("toy 310/400  loss 1.0  held-out ")
    assert second.endswith(" 70.0 ±5.0, best 71.0 at 200, within the noise")
    curve = second.split()[5]
    assert len(curve) == 3
    assert curve[0] < curve[1] == curve[2]  # a point within the noise looks the same


def test_without_noise_a_curve_has_none_and_a_large_fall_is_no_noise():
    bare = [point(step, {"x": {"mean": mean, "low": None, "high": None}}) for step, mean in ((1, 50.0), (2, 40.0))]
    assert curve_text(bare) == "held-out █▁ 40.0, best 50.0 at 1"
    assert curve_text([Point(1, 80.0, 4.0), Point(2, 60.0, 4.0)]).endswith("60.0 ±4.0, best 80.0 at 1")
    assert curve_text([]) == ""


def test_tensorboard_has_the_held_out_curve_with_the_ends_of_its_band(tmp_path):
    from tensorboardX.proto.event_pb2 import Event

    folder = open_workdir(tmp_path)
    writer = MetricsWriter(folder, start=0, tensorboard=True)
    writer.write(heldout(100))
    writer.write(heldout(200, 20.0))
    writer.close()
    (file,) = folder.events.iterdir()
    data, found = file.read_bytes(), {}
    while data:
        length = int.from_bytes(data[:8], "little")
        event = Event.FromString(data[12 : 12 + length])
        found |= {(value.tag, event.step): value.simple_value for value in event.summary.value}
        data = data[16 + length :]
    for step, more in ((100, 0.0), (200, 20.0)):
        for name, score in SCORES.items():
            for end, value in score.items():
                assert found[f"heldout/cluster_score/{name}/{end}", step] == value + more


class Stand:
    """A stand-in for the package wandb."""

    def __init__(self, error=None):
        self.error, self.started, self.logged, self.finished = error, [], [], 0

    def init(self, **how):
        if self.error:
            raise self.error
        self.started.append(how)
        return self

    def log(self, numbers, step):
        self.logged.append((step, numbers))

    def finish(self):
        self.finished += 1


def test_wandb_gets_the_numbers_and_a_continued_run_is_the_same_one_there(tmp_path, monkeypatch):
    stand = Stand()
    monkeypatch.setitem(sys.modules, "wandb", stand)
    folder = open_workdir(tmp_path)
    for start in (0, 7, 0):
        run = open_wandb("mine", folder, name="toy", config={"steps": 9}, start=start)
        writer = MetricsWriter(folder, start=start, tensorboard=False, wandb=run)
        writer.write({"step": start + 1, "loss": 2.0, "cluster_loss": {"nli": 1.0}, "note": "text"})
        writer.write(heldout(start + 1))
        writer.close()
    ids = [how["id"] for how in stand.started]
    assert ids[0] == ids[1] != ids[2]
    assert {(how["project"], how["name"], how["resume"]) for how in stand.started} == {("mine", "toy", "allow")}
    assert stand.logged[0] == (1, {"train/loss": 2.0, "train/cluster_loss/nli": 1.0})
    assert stand.logged[1][1]["heldout/cluster_score/nli/low"] == 34.0
    assert [step for step, _ in stand.logged] == [1, 1, 8, 8, 1, 1]
    assert stand.finished == 3


def test_a_missing_or_refusing_wandb_is_named(tmp_path, monkeypatch):
    folder = open_workdir(tmp_path)
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(RuntimeError, match=r"train.wandb=mine needs the package wandb: pip install 'flanjax\[wandb\]'"):
        open_wandb("mine", folder, name="toy", config={}, start=0)
    monkeypatch.setitem(sys.modules, "wandb", Stand(ValueError("no API key")))
    with pytest.raises(RuntimeError, match=r"does not start: no API key. Log in with `wandb login`, set WANDB_MODE=offline"):
        open_wandb("mine", folder, name="toy", config={}, start=0)
