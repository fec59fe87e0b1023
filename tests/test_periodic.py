"""What is done every so many steps, by itself: the validation loss of sums that are known."""

import json
import types

import jax.numpy as jnp
import numpy as np
import pytest

from flanjax.checkpoint import CheckpointConfig
from flanjax.parallel.sharding import MeshConfig, make_mesh
from flanjax.run import periodic
from flanjax.run.periodic import Validation
from flanjax.train.log import MetricsWriter
from flanjax.train.objective import Mean, Sums
from flanjax.workdir import open_workdir

CLUSTERS = ("x", "x", "y")


def sums_of(params, frozen, batch):
    """Three tasks: as many tokens as the batch has ones, each with the loss of its task; and a regulariser of 100."""
    weight = jnp.array([batch["n"].sum(), 0.5, 0.0])
    by_task = {"loss": Mean(jnp.array([2.0, 4.0, 9.0]) * weight, weight)}
    return Sums(
        jnp.array(100.0) + by_task["loss"].total.sum(), weight.sum(), {"accuracy": Mean(weight[0], weight.sum())}, by_task
    )


@pytest.mark.parametrize("by_task", [True, False])
def test_the_validation_loss_is_the_mean_over_all_batches_without_regularisers_where_the_plain_loss_is_known(tmp_path, by_task):
    def validate(*arguments):
        found = sums_of(*arguments)
        return found if by_task else found._replace(by_task={})

    losses = {}
    batches = [{"n": np.array([1.0] * n + [0.0] * (8 - n), np.float32)} for n in (1, 3)]
    writer = MetricsWriter(open_workdir(tmp_path), start=0, tensorboard=False)
    program = types.SimpleNamespace(validate=validate)
    Validation(program, None, batches, make_mesh(MeshConfig()), CLUSTERS, writer, losses)(7, types.SimpleNamespace(params=None))
    writer.close()
    (record,) = (json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines())
    plain = (2 * 4 + 4 * 1) / 5  # four tokens of the first task, and half a token in each batch of the second
    assert losses == {7: pytest.approx(plain if by_task else plain + 2 * 100 / 5)}
    assert (record["step"], record["kind"], record["loss"]) == (7, "validation", losses[7])
    assert record["accuracy"] == pytest.approx(4 / 5)
    assert record.get("cluster_loss") == ({"x": pytest.approx(plain)} if by_task else None)


def test_tensorboard_forgets_the_steps_that_a_killed_run_lost(tmp_path, monkeypatch):
    purged = []
    writer = types.SimpleNamespace(add_scalar=lambda *args, **more: None, close=lambda: None, flush=lambda: None)
    monkeypatch.setattr("tensorboardX.SummaryWriter", lambda place, purge_step: purged.append(purge_step) or writer)
    for start in (0, 500):
        MetricsWriter(open_workdir(tmp_path), start=start, tensorboard=True).close()
    assert purged == [None, 501]


@pytest.mark.parametrize("best_by", ["nli", "validation_loss"])
def test_the_score_of_the_declared_cluster_is_kept_for_the_checkpoint(tmp_path, monkeypatch, best_by):
    scores = [
        {"cluster": name, "mean": mean, "low": mean - 1, "high": mean + 1} for name, mean in (("nli", 61.0), ("topic", 9.0))
    ]
    monkeypatch.setattr(periodic, "predict", lambda *args, **how: None)
    monkeypatch.setattr(periodic, "summarize", lambda predictions: {"clusters": scores})
    run = types.SimpleNamespace(checkpoint=CheckpointConfig(best_by=best_by))
    program = types.SimpleNamespace(join=lambda trainable, frozen: trainable)
    scorer = types.SimpleNamespace(use=lambda params: None)
    writer = MetricsWriter(open_workdir(tmp_path), start=0, tensorboard=False)
    kept, shown = {}, []
    action = periodic.HeldoutScores(run, program, None, None, None, None, scorer, writer, kept, shown.append)
    action(40, types.SimpleNamespace(params=None))
    writer.close()
    assert kept == ({40: 61.0} if best_by == "nli" else {})
    assert [(one.step, one.mean) for one in shown] == [(40, 35.0)]
    assert json.loads((tmp_path / "metrics.jsonl").read_text())["cluster_score"]["topic"]["mean"] == 9.0
