"""What a run trains on, thinned out: nested draws, and held-out tasks left as they are."""

import dataclasses

import pytest

from flanjax import Example, Mixture, Part, StyleShares, Task, Template, proportional, rows
from flanjax.config import ConfigError, RunConfig
from flanjax.parts import check_same_run, split_of
from flanjax.tasks.ablation import AblationConfig, thinned
from flanjax.tasks.clusters import hold_out


def task(name, cluster, templates=6):
    forward = [Template(f"{{{{ text }}}} {name} {i}") for i in range(templates)]
    return Task(
        name=name,
        cluster=cluster,
        source=rows(name, train=[{"text": "a"}] * 3, test=[{"text": "b"}]),
        example=lambda row: Example({"text": row["text"]}, "x"),
        templates=[*forward, Template("{{ answer }}", "{{ text }}", kind="inverted")],
        evaluation="test",
    )


INNER = Mixture(name="inner", parts=[task("e1", "e"), task("e2", "e")], styles=StyleShares(chain_of_thought=0.7))
MIXTURE = Mixture(
    name="whole",
    parts=[Part(task(f"{c}{i}", c), 1 + i) for c in "abcd" for i in (1, 2)] + [Part(INNER, 5)],
)
ROWS = {t.name: 10 * (1 + n) for n, t in enumerate(MIXTURE.tasks())}


def split(**settings):
    return thinned(hold_out(MIXTURE, ["a"]), AblationConfig(**settings))


def test_fewer_clusters_of_a_seed_are_among_more_and_another_seed_draws_others():
    drawn = {seed: [set(split(clusters=n, seed=seed).train.clusters()) for n in (1, 2, 3)] for seed in range(8)}
    for sets in drawn.values():
        assert [len(s) for s in sets] == [1, 2, 3]
        assert sets[0] < sets[1] < sets[2] <= {"b", "c", "d", "e"}
    assert len({frozenset(sets[0]) for sets in drawn.values()}) > 1


def test_tasks_are_drawn_from_the_clusters_that_are_left():
    found = split(clusters=2, tasks=3, seed=1)
    assert len(list(found.train.tasks())) == 3
    assert set(found.train.clusters()) <= set(split(clusters=2, seed=1).train.clusters())
    assert {"not of the clusters drawn", "not of the tasks drawn"} <= set(found.removed.values())


def test_training_has_fewer_forward_templates_and_the_held_out_tasks_have_all():
    found = split(templates=2, seed=3)
    assert {len(t.forward) for t in found.train.tasks()} == {2}
    assert {len(t.inverted) for t in found.train.tasks()} == {1}
    assert {len(t.forward) for t in found.heldout} == {6}
    fewer, more = ({n for t in split(templates=k, seed=3).train.tasks() for n in names(t)} for k in (2, 4))
    assert fewer < more


def test_long_fields_of_templates_that_are_not_drawn_are_no_longer_declared():
    one = task("e3", "e", templates=2)
    long = dataclasses.replace(
        one, templates=[*one.templates[:2], Template("{{ text }} {{ details }}", name="long")], long_fields=["text", "details"]
    )
    seen = set()
    for seed in range(10):
        (drawn,) = thinned(hold_out(Mixture(name="m", parts=[long]), []), AblationConfig(templates=1, seed=seed)).train.tasks()
        seen.add((names(drawn) == {"long"}, tuple(drawn.long_fields)))
    assert seen == {(True, ("text", "details")), (False, ("text",))}


def names(one):
    return {one.templates[i].name for i in one.forward}


def test_a_rate_puts_the_weights_of_every_level_out_of_force():
    own = {e.task.name: e.share for e in split().train.resolve(ROWS)}
    equal = {e.task.name: e.share for e in split(rate="equal").train.resolve(ROWS)}
    capped = {e.task.name: e.share for e in split(rate="proportional:50").train.resolve(ROWS)}
    assert len(set(own.values())) > 2
    assert equal == pytest.approx(dict.fromkeys(own, 1 / 8))
    wanted = {name: proportional(50)(ROWS[name], 7) for name in own}
    assert capped == pytest.approx({name: rate / sum(wanted.values()) for name, rate in wanted.items()})


def test_no_reasoning_is_no_reasoning_in_nested_mixtures_too():
    assert {e.styles.chain_of_thought for e in split().train.resolve(ROWS)} == {0.5, 0.7}
    assert {e.styles.chain_of_thought for e in split(chain_of_thought=False).train.resolve(ROWS)} == {0.0}
    assert {e.styles.few_shot for e in split(chain_of_thought=False).train.resolve(ROWS)} == {0.5}


def test_nothing_changes_by_default():
    whole = hold_out(MIXTURE, ["a"])
    assert thinned(whole, AblationConfig()) == whole


def test_more_than_there_is_and_unknown_rates_are_refused():
    with pytest.raises(ValueError, match=r"ablation\.clusters is 9, but there are 4 clusters to train on: b, c, d, e"):
        split(clusters=9)
    with pytest.raises(ValueError, match=r"ablation\.tasks is 3, but there are 2"):
        split(clusters=1, tasks=3)
    wrong = (
        "equall",
        "temperature",
        "temperature:0",
        "temperature:nan",
        "proportional:x",
        "proportional:0",
        "t0:-3",
        "equal:3",
    )
    for rate in wrong:
        with pytest.raises(ConfigError, match=r"ablation.rate is .* expected text such as 'own', 'equal'"):
            RunConfig.from_config_dict({"name": "x", "mixture": "m", "model": {"size": "t5_small"}, "ablation": {"rate": rate}})


def test_a_run_is_split_as_its_config_says():
    config = RunConfig.from_config_dict(
        {"name": "x", "mixture": "m", "heldout": "a", "model": {"size": "t5_small"}, "ablation": {"clusters": 2, "seed": 5}}
    )
    found = split_of(config, MIXTURE)
    assert set(found.train.clusters()) == set(split(clusters=2, seed=5).train.clusters())
    assert dataclasses.replace(config, ablation=AblationConfig()) != config


def test_a_run_from_before_there_were_ablations_goes_on_unless_one_is_asked_for():
    plain = {"name": "x", "mixture": "m.py:m", "model": {"size": "t5_small"}}

    def meta(**more):
        return {"config": RunConfig.from_config_dict({**plain, **more}).to_dict(), "tokenizer": "t", "plan": "p"}

    names = ("vocab_size", "d_model", "d_ff", "num_layers", "num_decoder_layers", "num_heads", "head_dim")
    old = {**meta(), "model": {"kind": "t5", **dict.fromkeys(names, 2)}}
    del old["config"]["ablation"]
    for more, changed in (
        ({"ablation": {"templates": 3}}, r"ablation\.templates: 0 -> 3"),
        ({"train": {"seed": 1}}, r"train\.seed: 0 -> 1"),
    ):
        with pytest.raises(ConfigError, match=rf"another config: {changed}\. Use"):
            check_same_run("w", old, meta(**more))


def test_weights_are_shares_of_clusters_within_which_tasks_stay_as_they_are():
    plain = {e.task.name: e.share for e in split().train.resolve(ROWS)}
    found = {e.task.name: e for e in split(weights=("b:3", "c:1", "d:4", "e:2")).train.resolve(ROWS)}
    for cluster, share in (("b", 0.3), ("c", 0.1), ("d", 0.4), ("e", 0.2)):
        names = [name for name in found if name[0] == cluster]
        assert sum(found[name].share for name in names) == pytest.approx(share)
        own = sum(plain[name] for name in names)
        for name in names:
            assert found[name].share == pytest.approx(share * plain[name] / own)
    assert found["e1"].styles.chain_of_thought == 0.7
    assert found["b1"].styles.chain_of_thought != 0.7


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"weights": ("b:1", "c:1", "d:1")}, "has no weight for e; give every cluster"),
        ({"weights": ("b:1", "c:1", "d:1", "e:1", "a:1")}, "no cluster 'a' is trained on"),
        ({"weights": ("b:0", "c:1", "d:1", "e:1")}, "such as 'reading:0.3', with a weight over 0"),
        ({"weights": ("b", "c:1", "d:1", "e:1")}, "such as 'reading:0.3', with a weight over 0"),
        ({"weights": ("b:1", "b:2", "c:1", "d:1", "e:1")}, "each cluster once"),
        ({"weights": ("b:1", "c:1", "d:1", "e:1"), "rate": "equal"}, "rate is 'equal', expected 'own'"),
    ],
)
def test_wrong_weights_are_named(settings, said):
    with pytest.raises(ValueError, match=said):
        split(**settings)
