"""Weights of a mixture from a swarm of runs: planted effects are found, noise is refused, and chosen weights are an axis."""

import itertools
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from scripted_study import Script, furnish, predictions, share_of

from flanjax.cli import main
from flanjax.lab.ablate.command import write
from flanjax.lab.ablate.plan import make_plan
from flanjax.lab.ablate.runner import run_plan
from flanjax.lab.ablate.study import Study
from flanjax.lab.ablate.weights import LEAST, drawn_shares
from flanjax.lab.swarm.choice import Swarm, bounds, judge
from flanjax.lab.swarm.fit import best_shares, fit, rank_correlation
from flanjax.lab.swarm.losses import held_out_losses

FLOOR = 0.6


@pytest.fixture
def here(tmp_path, monkeypatch):
    furnish(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def swarm(losses_of, clusters=5, runs=30, tasks=2, seed=0):
    generator = np.random.default_rng(seed)
    shares = generator.dirichlet(np.ones(clusters), runs)
    return Swarm(
        labels=tuple(map(str, range(runs))),
        clusters=tuple("abcdefgh"[:clusters]),
        shares=shares,
        tasks=tuple(("held", str(task)) for task in range(tasks)),
        losses=losses_of(shares, generator),
        own=np.full(clusters, 1 / clusters),
        proportional=np.linspace(1, 2, clusters) / np.linspace(1, 2, clusters).sum(),
        repeats=np.full(clusters, 10.0),
    )


def planted(clusters=5, tasks=2, noise=0.03, seed=0):
    """A law that is not the fitted one's own in its floor, seen through noise; and the swarm."""
    generator = np.random.default_rng(100 + seed)
    effects = generator.permutation(np.linspace(-1, 1, clusters))[:, None] + generator.normal(0, 0.1, (clusters, tasks))

    def law(shares):
        return FLOOR + np.exp(shares @ effects)

    def seen(shares, generator):
        return law(shares) * np.exp(generator.normal(0, noise, (len(shares), tasks)))

    return law, effects, swarm(seen, clusters, tasks=tasks, seed=seed)


# ---- the law


@pytest.mark.parametrize("seed", range(3))
def test_planted_effects_are_recovered(seed):
    law, effects, made = planted(seed=seed)
    found = judge(made, draws=40)
    assert not found.refused
    unseen = np.random.default_rng(7).dirichlet(np.ones(5), 300)
    assert rank_correlation(fit(made.shares, made.losses)(unseen).mean(1), law(unseen).mean(1)) > 0.95
    wanted = -(effects.mean(1) - effects.mean())
    assert rank_correlation(np.array([effect.value for effect in found.effects]), wanted) > 0.95
    shares = np.array([share.value for share in found.chosen.shares])
    assert shares.sum() == pytest.approx(1)
    gain = (law(made.own) - law(shares)).mean()
    assert gain > 0.1
    told = found.chosen.gain["own"]
    assert told.low - 0.05 < gain < told.high + 0.05


def test_noise_is_refused():
    def noise(shares, generator):
        return np.exp(generator.normal(0, 0.1, (len(shares), 2)))

    for seed in range(20):
        found = judge(swarm(noise, seed=seed), draws=1)
        assert found.chosen is None
        assert "nothing is chosen" in found.refused


def test_the_law_of_a_law_is_itself_and_its_minimum_that_of_a_grid():
    effects = np.array([[1.0, -1.0], [0.0, 0.5], [-0.5, 1.0]])
    made = swarm(lambda shares, _: np.exp(shares @ effects), clusters=3)
    law = fit(made.shares, made.losses)
    assert law.effects == pytest.approx(effects)
    assert law.floors == pytest.approx(0)
    grid = [
        np.array([a, b, 100 - a - b]) / 100 for a, b in itertools.product(range(5, 61), range(5, 61)) if 5 <= 100 - a - b <= 60
    ]
    least = min(grid, key=lambda shares: law(shares) @ made.task_weights)
    assert best_shares(law, made.task_weights, np.full(3, 0.05), np.full(3, 0.6)) == pytest.approx(least, abs=0.011)


def test_no_rows_are_gone_through_more_often_than_allowed():
    _, _, made = planted()
    found = judge(made, repeats=3.0, draws=20)
    assert all(share.value * 10 <= 3 + 1e-6 for share in found.chosen.shares)
    free = judge(made, draws=20)
    assert any(share.value * 10 > 3 for share in free.chosen.shares)
    with pytest.raises(ValueError, match=r"1.5 times at most allows shares of a 0.150.*raise --repeats or lower --examples"):
        bounds(made, 1.5)


def test_too_few_runs_are_refused():
    with pytest.raises(ValueError, match="5 runs cannot tell 5 clusters apart"):
        fit(np.eye(5), np.ones((5, 1)))
    with pytest.raises(ValueError, match="9 runs do not tell 5 clusters apart; expected 10 or more"):
        judge(swarm(lambda shares, _: 1 + shares[:, :2], runs=9))


def test_the_loss_is_that_of_the_right_answers_alone():
    table = predictions("nli", 1.0, "run", 40)
    found = held_out_losses(table)
    frame = table.to_pandas()
    for (cluster, task), loss in found.items():
        rows = frame[(frame.cluster == cluster) & (frame.task == task)]
        at = [list(row.options).index(row.references[0]) for row in rows.itertuples()]
        pairs = list(zip(at, rows.itertuples(), strict=True))
        nats = -sum(row.option_log_likelihoods[place] for place, row in pairs)
        assert loss == pytest.approx(nats / sum(row.option_tokens[place] for place, row in pairs))
    written = table.set_column(table.column_names.index("scorer"), "scorer", pa.array(["generate"] * len(table)))
    assert held_out_losses(written) == {}


# ---- the runs


def test_drawn_shares_sum_to_one_with_all_clusters_and_fewer_are_the_first_of_more():
    own = {"a": 0.9, "b": 0.08, "c": 0.02}
    drawn = drawn_shares(own, 200, 3)
    assert all(sum(one.values()) == pytest.approx(1, abs=1e-3) and min(one.values()) >= 0.9 * LEAST for one in drawn)
    assert drawn_shares(own, 20, 3) == drawn[:20]
    assert drawn_shares(own, 20, 4) != drawn[:20]
    means = {name: np.mean([one[name] for one in drawn]) for name in own}
    assert means == pytest.approx({name: (share + 1 / 3) / 2 for name, share in own.items()}, abs=0.06)


def of_topic(config):
    """The log odds of a right answer, by the shares of two clusters."""
    return 4 * share_of("topic", config) - share_of("reading", config)


def ran(axes, effect=of_topic, out=Path("out")):
    plan = make_plan(Study(config="config.py", axes=axes, seeds=1))
    assert not run_plan(plan, out, Script(plan, out, effect), lambda line: None)
    write(plan, out, [], lambda line: None)
    return plan


def test_a_swarm_chooses_the_cluster_that_matters_and_its_weights_are_an_axis(here, capsys):
    plan = ran({"weights": ("swarm:16",)})
    assert [cell.labels[0] for cell in plan.cells][:4] == ["own", "equal", "proportional", "drawn-01"]
    assert main(["weights", "out", "--examples", "9000"]) == 0
    said = capsys.readouterr().out
    record = json.loads(Path("out/weights.json").read_text())
    chosen = {name: row["share"] for name, row in record["chosen"].items()}
    assert max(chosen, key=chosen.get) == "topic"
    assert chosen["topic"] > 0.6
    assert record["own"] == pytest.approx(dict.fromkeys(chosen, 1 / 3))
    # A cluster's two tasks have nine rows each: at 9,000 examples of the cluster alone each is gone through 500 times.
    assert record["chosen"]["topic"]["repeats"] == pytest.approx(500 * chosen["topic"])
    assert "to the test: flanjax ablate --config config.py --axis weights=own,equal,proportional,out/weights.json" in said
    assert set(record["gain"]) == {"own", "equal", "proportional"}
    assert "rank correlation" in Path("out/weights.html").read_text()
    Path("out/runs/weights-equal_seed-0/config.json").rename("kept")
    assert main(["weights", "out"]) == 1  # and not taken to have had the mixture's own weights
    assert "weights-equal_seed-0 has no config.json" in capsys.readouterr().err
    Path("kept").rename("out/runs/weights-equal_seed-0/config.json")
    again = make_plan(Study(config="config.py", axes={"weights": ("own", "out/weights.json")}, seeds=2))
    assert [level.label for level in again.axes[0].levels] == ["own", "out"]
    given = dict(text.split(":") for text in again.cells[-1].config.ablation.weights)
    assert {name: float(share) for name, share in given.items()} == pytest.approx(chosen, abs=1e-3)


def test_a_swarm_whose_weights_do_not_matter_chooses_none(here, capsys):
    ran({"weights": ("swarm:12",)}, lambda config: 1.0)
    assert main(["weights", "out"]) == 1
    assert "no weights are chosen from 12 runs" in capsys.readouterr().out
    assert json.loads(Path("out/weights.json").read_text())["chosen"] is None
    assert "o weights are chosen" in Path("out/weights.html").read_text()
    with pytest.raises(ValueError, match=r"out/weights.json chose no weights: no weights are chosen from 12 runs"):
        make_plan(Study(config="config.py", axes={"weights": ("own", "out/weights.json")}, seeds=1))


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("swarm", "did you mean 'swarm:N'"),
        ("swarm:two", "expected swarm:N or swarm:N:SEED"),
        ("swarm:3", "of at least 4"),
        ("swarm:5", "expected 6 runs or more for 3 clusters"),
        ("none.json", "there is no none.json; `flanjax weights` writes one"),
        ("equel", "did you mean 'equal'"),
    ],
)
def test_a_wrong_value_of_the_axis_is_named(here, value, said):
    with pytest.raises(ValueError, match=said):
        make_plan(Study(config="config.py", axes={"weights": ("own", value)}))


def test_a_swarm_in_an_object_store_keeps_its_address(monkeypatch, capsys):
    def read(out, examples):
        raise ValueError(f"asked for {out / 'study.json'}")

    monkeypatch.setattr("flanjax.lab.swarm.command.read_swarm", read)
    assert main(["weights", "gs://bucket/out"]) == 1
    assert "asked for gs://bucket/out/study.json" in capsys.readouterr().err


def test_what_holds_no_swarm_is_named(here, capsys):
    assert main(["weights", "nothere"]) == 1
    assert "nothere has no study.json" in capsys.readouterr().err
    Path("half").mkdir()
    Path("half/study.json").write_text('{"format": 1, "axes": []}')
    assert main(["weights", "half"]) == 1
    assert "half/study.json lacks config, fixed, runs" in capsys.readouterr().err
    ran({"templates": (1, 2)}, lambda config: 1.0)
    assert main(["weights", "out"]) == 1
    assert "out varies templates; weights are fitted to a study that varies weights alone" in capsys.readouterr().err
    for arguments, said in (
        ([], "needs a study file with the axis weights, or --config"),
        (["config.py"], "config.py has no Study"),
        (["config.py", "--runs", "9"], "stand in the study file"),
    ):
        assert main(["swarm", *arguments, "--out", "swarm"]) == 1
        assert said in capsys.readouterr().err
