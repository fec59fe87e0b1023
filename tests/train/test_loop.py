"""The training loop alone, with a tiny step: when it logs, runs periodic actions, stops or diverges, and its messages."""

import dataclasses
import itertools
import json
import os
import signal
import time

import numpy as np
import pytest

from flanjax.train.goodput import Goodput, latest
from flanjax.train.log import MetricsWriter, ProgressBar
from flanjax.train.loop import Diverged, Interrupted, Periodic, Report, Stop, fit, mean_by
from flanjax.train.meter import Meter, Work
from flanjax.train.objective import Mean
from flanjax.train.step import StepMetrics
from flanjax.workdir import open_workdir

TASKS, CLUSTERS = ("a", "b", "c"), ("x", "x", "y")
STEPS = 10


@dataclasses.dataclass
class ToyStep:
    """What the toy step gives; a step may be told to give something else."""

    others: dict[int, dict[str, float]] = dataclasses.field(default_factory=dict)
    seen: list[int] = dataclasses.field(default_factory=list)

    def __call__(self, state, batch):
        step = state + 1
        self.seen.append(int(batch["n"]))
        by_task = {"loss": Mean(np.array([0.5, 3.0, 0.0]) * step, np.array([0.25, 0.5, 0.0]) * step)}
        values = {"loss": 100.0 - step, "accuracy": step / 100, "grad_norm": 1.0, "learning_rate": step * 1e-3}
        return step, StepMetrics({**values, **self.others.get(step, {})}, by_task)


@pytest.fixture(scope="module")
def limit():
    """The slow part of a meter, once."""
    return Meter(1)


@pytest.fixture
def train(tmp_path, limit, monkeypatch):
    """Fits with the toy step; gives the state, and the records of metrics.jsonl come from `records`."""
    monkeypatch.setattr("flanjax.train.meter.measured_matmul_flops", lambda: (limit.limit, limit.limit_named))

    def run(
        toy_step=None,
        *,
        start=0,
        steps=STEPS,
        log_every=3,
        periodic=(),
        stop=None,
        agree=int,
        save=None,
        search=int,
        width=None,
    ):
        writer = MetricsWriter(open_workdir(tmp_path), start=start, tensorboard=False)
        report = Report(writer, ProgressBar("toy", steps, start, silent=True), Meter(1), TASKS, CLUSTERS)
        more = {"log_every": log_every, "work_of": lambda batch: Work(examples=1), "report": report, "periodic": periodic}
        batches = (
            {"n": np.array(n), "row": np.zeros(width(n) if width else 1)}
            for n in itertools.count(start + 1)
            if search(n) is not None
        )
        more |= {"stop": stop or Stop(), "agree": agree, "save": save or (lambda step, state: None)}
        return fit(start, batches, toy_step or ToyStep(), lambda b: b, start=start, steps=steps, **more)

    return run


def records(tmp_path):
    return [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]


def test_records_fall_on_multiples_of_log_every_and_hold_the_means_since_the_last(train, tmp_path):
    figures = ToyStep()
    assert train(figures) == STEPS
    assert figures.seen == list(range(1, STEPS + 1))
    found = records(tmp_path)
    assert [r["step"] for r in found] == [3, 6, 9, 10]
    assert [r["loss"] for r in found] == [98.0, 95.0, 92.0, 90.0]
    np.testing.assert_allclose([r["accuracy"] for r in found], [0.02, 0.05, 0.08, 0.1])
    np.testing.assert_allclose([r["learning_rate"] for r in found], [3e-3, 6e-3, 9e-3, 1e-2])


def test_a_continued_run_logs_at_the_same_steps(train, tmp_path):
    train(steps=7)
    figures = ToyStep()
    train(figures, start=7)
    assert figures.seen == [8, 9, 10]
    found = records(tmp_path)
    assert [(r["step"], r["loss"]) for r in found] == [(3, 98.0), (6, 95.0), (7, 93.0), (9, 91.5), (10, 90.0)]


def test_what_is_due_acts_at_its_steps_after_these_are_on_record(train, tmp_path):
    acted = []

    def action(name):
        return lambda step, state: acted.append((name, step, state, records(tmp_path)[-1]["step"]))

    never, fourth, last = Periodic(0, action("never")), Periodic(4, action("4th")), Periodic(6, action("end"), at_end=True)
    train(periodic=[never, fourth, last])
    expected = [("4th", 4), ("end", 6), ("4th", 8), ("end", 10)]
    assert acted == [(name, step, step, step) for name, step in expected]
    assert [r["step"] for r in records(tmp_path)] == [3, 4, 6, 8, 9, 10]
    assert records(tmp_path)[-2]["loss"] == 91.0, "step 9 alone"


@pytest.mark.parametrize(
    ("figures", "what"),
    [({"loss": float("nan")}, "loss"), ({"grad_norm": float("nan")}, "gradient"), ({"grad_norm": float("inf")}, "gradient")],
)
def test_a_loss_or_gradient_that_is_no_number_ends_the_run_before_it_is_saved(train, tmp_path, figures, what):
    saved = []
    save = Periodic(5, lambda step, state: saved.append(step), at_end=True)
    with pytest.raises(Diverged) as raised:
        train(ToyStep({8: figures, 9: {"loss": float("nan")}}), periodic=[save])
    said = str(raised.value)
    assert f"the {what} is not a number at step 8, after step 7, the last sound one" in said
    assert saved == [5]
    assert [r["step"] for r in records(tmp_path)] == [3, 5, 6]


def test_task_losses_are_means_whatever_their_weights(train, tmp_path):
    train(steps=2, log_every=2)
    (record,) = records(tmp_path)
    assert record["task_loss"] == {"a": pytest.approx(2.0), "b": pytest.approx(6.0)}, "c was not seen"
    assert record["cluster_loss"] == {"x": pytest.approx(3.5 / 0.75)}
    assert mean_by(("a", "a", "b"), np.array([0.01, 0.02, 0.0]), np.array([0.02, 0.04, 0.0])) == {"a": pytest.approx(0.5)}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_saves_one_step_after_it_was_heard_and_stops(train, tmp_path, number):
    saved = []
    send = Periodic(4, lambda step, state: os.kill(os.getpid(), number) if step == 4 else None)
    handlers = [signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)]
    with Stop() as stop, pytest.raises(Interrupted) as raised:
        train(stop=stop, periodic=[send], save=lambda step, state: saved.append((step, state)))
    # Heard after step 4, asked of all at 5, answered at 6.
    assert saved == [(6, 6)]
    assert raised.value.signal == number
    assert f"stopped by {number.name} at step 6; run the same command again" in str(raised.value)
    assert records(tmp_path)[-1]["step"] == 6
    assert [signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)] == handlers


@pytest.mark.parametrize(("searching", "reached", "saves"), [(6, 5, [5]), (1, 0, [])])
def test_a_signal_ends_the_search_for_a_batch_at_once(train, tmp_path, searching, reached, saves):
    saved = []

    def search(n):
        if n == searching:
            os.kill(os.getpid(), signal.SIGTERM)
            stop.while_waiting()
            raise AssertionError("the search goes on")
        return n

    with Stop() as stop, pytest.raises(Interrupted, match=f"SIGTERM at step {reached}; run the same command") as raised:
        train(stop=stop, search=search, save=lambda step, state: saved.append(step))
    assert saved == saves, "the last whole step, unless nothing was trained"
    assert raised.value.signal == signal.SIGTERM
    assert not saves or [r["step"] for r in records(tmp_path)] == [3, 5]


def test_one_of_several_processes_that_is_stopped_before_its_first_batch_tells_the_others(train, monkeypatch):
    """Its error goes through `distributed.leave`, as an Interrupted does not."""
    monkeypatch.setattr("flanjax.train.loop.jax.process_count", lambda: 2)

    def search(n):
        os.kill(os.getpid(), signal.SIGTERM)
        stop.while_waiting()
        raise AssertionError("the search goes on")

    with Stop() as stop, pytest.raises(RuntimeError, match="SIGTERM at step 0 while it looked for a batch"):
        train(stop=stop, search=search)


def test_one_of_several_processes_does_not_leave_the_others_in_the_middle_of_a_run(train, monkeypatch):
    monkeypatch.setattr("flanjax.train.loop.jax.process_count", lambda: 2)

    def search(n):
        if n == 4:
            os.kill(os.getpid(), signal.SIGTERM)
        stop.while_waiting()
        return n

    with Stop() as stop, pytest.raises(Interrupted, match="SIGTERM at step 5"):
        train(stop=stop, search=search)


def test_one_of_several_processes_that_finds_no_batch_ends_unsaved_but_before_it_is_killed(train, tmp_path, monkeypatch):
    monkeypatch.setattr("flanjax.train.loop.jax.process_count", lambda: 2)
    looks, now = [], [100.0]
    monkeypatch.setattr("flanjax.train.loop.time.monotonic", lambda: now[0])

    def search(n):
        if n == 6:
            os.kill(os.getpid(), signal.SIGTERM)
            for now[0] in (100.0, 110.0, 125.0):
                looks.append(now[0])
                stop.while_waiting()
            raise AssertionError("the search goes on")
        return n

    with Stop() as stop, pytest.raises(RuntimeError, match=r"SIGTERM at step 5 while .* goes on from the newest checkpoint"):
        train(stop=stop, search=search, save=lambda step, state: pytest.fail("the others have begun another step"))
    assert looks == [100.0, 110.0, 125.0]
    assert [r["step"] for r in records(tmp_path)] == [3, 5]


def test_a_signal_to_another_process_stops_this_one_too(train):
    with pytest.raises(Interrupted, match="SIGTERM at step 2"):
        train(agree=lambda own: int(signal.SIGTERM))


def test_goodput_is_of_all_starts_and_counts_lost_steps_as_lost(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("flanjax.train.goodput.time.perf_counter", lambda: now[0])
    first = Goodput(began=90.0)  # ten seconds to start
    log = []
    for step in (1, 2, 3):
        now[0] += 10
        first.add(10)
        log.append({"step": step, **first.read()})
    assert [r["goodput"] for r in log] == pytest.approx([10 / 20, 20 / 30, 30 / 40])
    now[0] = 5000.0  # killed, and started again much later from step 1: the time between does not count, steps 2 and 3 are lost
    second = Goodput([*log, {"step": 3, "kind": "validation"}], start=1, began=4990.0)
    second.add(0)
    assert second.read() == {"goodput": pytest.approx(10 / 50), "wall_seconds": pytest.approx(50)}
    assert latest([*log, {"step": 4, "kind": "heldout"}]) == pytest.approx(30 / 40)
    assert latest([{"step": 1}]) is None


def test_goodput_leaves_out_the_wait_for_the_first_batch_and_the_compiling_of_every_shape(train, tmp_path, monkeypatch):
    now, seen = [100.0], set()
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])

    class Compiled(ToyStep):
        def __call__(self, state, batch):
            now[0] += 1 if batch["row"].shape in seen else 30
            seen.add(batch["row"].shape)
            return super().__call__(state, batch)

    def search(n):
        now[0] += 60 if n == 1 else 2
        return n

    train(Compiled(), steps=6, search=search, width=lambda n: {1: 128, 4: 32}.get(n, 64))
    first, second = records(tmp_path)
    assert first["wall_seconds"] == 60 + 30 + (2 + 30) + (2 + 1) + (2 + 30), "read when the fourth step has been started"
    assert first["goodput"] * first["wall_seconds"] == pytest.approx(2 + (2 + 1) + 2)
    assert second["wall_seconds"] - first["wall_seconds"] == 2 * (2 + 1)
    assert second["goodput"] * second["wall_seconds"] == pytest.approx(7 + 2 * (2 + 1))


def test_an_action_between_steps_is_no_time_of_theirs(train, tmp_path, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])

    def search(n):
        now[0] += 2
        return n

    def evaluate(step, state):
        now[0] += 500

    train(steps=6, log_every=2, search=search, periodic=[Periodic(2, evaluate)])
    assert max(r["seconds"] for r in records(tmp_path)) <= 3


def test_a_lost_terminal_stays_ignored_under_nohup():
    old = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Stop() as stop:
            os.kill(os.getpid(), signal.SIGHUP)
            assert stop.signal == 0
    finally:
        signal.signal(signal.SIGHUP, old)


@pytest.mark.parametrize("first", [signal.SIGINT, signal.SIGTERM])
def test_a_second_ctrl_c_ends_the_program_at_once(first):
    with Stop() as stop:
        os.kill(os.getpid(), first)
        assert stop.signal == first
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_every_record_holds_goodput_and_a_damaged_line_does_not_stop_a_run(train, tmp_path):
    train(steps=6)
    found = records(tmp_path)
    assert all(0 < r["goodput"] <= 1 for r in found)
    assert found[0]["wall_seconds"] < found[1]["wall_seconds"]
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('[1]\n{"step": "x"}\n{"step": 7, "lo')
    assert open_workdir(tmp_path).read_metrics() == found
    assert open_workdir(tmp_path / "none").read_metrics() == []
