"""Mixtures: shares worked out by hand, nesting, and what is left when tasks are taken out."""

import pytest

from flanjax.sources import rows
from flanjax.tasks.mixture import Mixture, Part, equal, proportional, t0, temperature
from flanjax.tasks.styles import StyleShares
from flanjax.tasks.task import Example, Task
from flanjax.tasks.template import Template


def task(name, templates=1, cluster="c"):
    return Task(
        name=name,
        cluster=cluster,
        source=rows(name, train=[{}]),
        example=lambda row: Example({}, "a"),
        templates=[Template(f"{i}?") for i in range(templates)],
    )


A, B, C = task("a"), task("b"), task("c")


def shares(mixture, **num_rows):
    return {e.task.name: pytest.approx(e.share) for e in mixture.resolve(num_rows)}


def test_proportional_shares_follow_the_sizes():
    assert shares(Mixture(name="m", parts=[A, B], rate=proportional()), a=100, b=300) == {"a": 0.25, "b": 0.75}


def test_the_default_is_flans_cap_of_3000_examples():
    assert shares(Mixture(name="flan", parts=[A, B, C]), a=100, b=3000, c=1_000_000) == {
        "a": 100 / 6100,
        "b": 3000 / 6100,
        "c": 3000 / 6100,
    }


def test_temperature_takes_roots_of_the_capped_sizes():
    assert shares(Mixture(name="m", parts=[A, B], rate=temperature(2)), a=100, b=400) == {"a": 1 / 3, "b": 2 / 3}
    assert shares(Mixture(name="m", parts=[A, B], rate=temperature(2, cap=225)), a=100, b=400) == {"a": 0.4, "b": 0.6}
    assert shares(Mixture(name="m", parts=[A, B], rate=temperature(1)), a=100, b=300) == {"a": 0.25, "b": 0.75}
    with pytest.raises(ValueError, match="temperature is 0"):
        temperature(0)


def test_equal_shares_do_not_depend_on_size():
    assert shares(Mixture(name="m", parts=[A, B], rate=equal()), a=1, b=10**9) == {"a": 0.5, "b": 0.5}


def test_t0s_rule_drops_by_the_number_of_templates_just_above_the_limit():
    rate = t0()
    assert rate(500_000, 10) == 5_000_000
    assert rate(500_001, 10) == 500_000
    assert rate(500_001, 3) == 3 * 166_666
    assert rate(10_000_000, 10) == 500_000
    assert rate(2_500, 8) == 20_000
    under, above = task("under", 10), task("above", 10)
    mixture = Mixture(name="t0", parts=[under, above], rate=t0())
    assert shares(mixture, under=500_000, above=500_001) == {"under": 10 / 11, "above": 1 / 11}


def test_weights_are_relative_and_blind_to_size():
    assert shares(Mixture(name="m", parts=[Part(A, 1), Part(B, 3)]), a=10**6, b=1) == {"a": 0.25, "b": 0.75}


def test_a_nested_mixture_counts_as_its_tasks_together_and_divides_its_share_by_its_own_rule():
    inner = Mixture(name="inner", parts=[A, B], rate=equal())
    outer = Mixture(name="outer", parts=[inner, C], rate=proportional(cap=3000))
    assert shares(outer, a=1000, b=5000, c=4000) == {"a": 2 / 7, "b": 2 / 7, "c": 3 / 7}
    weighted = Mixture(name="weighted", parts=[Part(inner, 0.4), Part(C, 0.1)])
    assert shares(weighted, a=1, b=1, c=1) == {"a": 0.4, "b": 0.4, "c": 0.2}


def test_shares_sum_to_one_at_any_depth():
    deep = Mixture(name="0", parts=[A])
    for depth, extra in enumerate([B, C, task("d"), task("e")]):
        deep = Mixture(name=str(depth + 1), parts=[deep, extra], rate=temperature(3))
    sizes = {t.name: 7**i for i, t in enumerate(deep.tasks())}
    assert sum(e.share for e in deep.resolve(sizes)) == pytest.approx(1)


def test_the_innermost_styles_win():
    own, outer, default = StyleShares(few_shot=0.1), StyleShares(few_shot=0.2), StyleShares(few_shot=0.3)
    inner = Mixture(name="inner", parts=[A], styles=own)
    bare = Mixture(name="bare", parts=[B])
    styles = {
        e.task.name: e.styles for e in Mixture(name="m", parts=[inner, bare, C], styles=outer).resolve(dict.fromkeys("abc", 1))
    }
    assert styles == {"a": own, "b": outer, "c": outer}
    assert bare.resolve({"b": 1}, default)[0].styles == default
    assert bare.resolve({"b": 1})[0].styles == StyleShares()


def test_without_takes_tasks_out_at_any_depth_and_leaves_weights_and_the_original_alone():
    inner = Mixture(name="inner", parts=[A, B], rate=equal())
    mixture = Mixture(name="m", parts=[Part(inner, 3), Part(C, 1)])
    assert shares(mixture.without({"a"}), b=1, c=1) == {"b": 0.75, "c": 0.25}
    assert [t.name for t in mixture.without({"a", "b"}).tasks()] == ["c"]
    assert [t.name for t in mixture.tasks()] == ["a", "b", "c"]
    with pytest.raises(ValueError, match=r"nothing is left.*\['a', 'b', 'c'\]"):
        mixture.without({"a", "b", "c"})


def test_clusters_and_exclusions_are_gathered_from_nested_mixtures():
    d = task("d", cluster="nli")
    inner = Mixture(name="inner", parts=[A, d], exclusions={"nli": ["a"]})
    outer = Mixture(name="outer", parts=[inner, B], exclusions={"nli": ["b"], "c": ["d"]})
    assert {k: [t.name for t in v] for k, v in outer.clusters().items()} == {"c": ["a", "b"], "nli": ["d"]}
    assert {k: set(v) for k, v in outer.all_exclusions().items()} == {"nli": {"a", "b"}, "c": {"d"}}


@pytest.mark.parametrize(
    ("parts", "error", "message"),
    [
        ([], ValueError, "mixture m: no parts"),
        ([Part(A, 1), B], ValueError, r"\['b'\] have no weight"),
        ([Part(A, 0)], ValueError, "weight of a is 0"),
        ([Part(A, float("nan"))], ValueError, "weight of a is nan"),
        (["a"], TypeError, "'a' is a str"),
        ([A, Mixture(name="inner", parts=[B, A])], ValueError, r"\['a'\] occur more than once"),
        ([A, task("a")], ValueError, r"\['a'\] occur more than once"),
    ],
)
def test_a_mixture_that_cannot_be_is_refused_by_name(parts, error, message):
    with pytest.raises(error, match=message):
        Mixture(name="m", parts=parts)


def test_an_unknown_task_is_an_error_with_the_nearest_names():
    with pytest.raises(KeyError, match="did you mean 'sst2'"):
        Mixture(name="m", parts=[task("sst2"), task("rte")]).task("sst-2")


@pytest.mark.parametrize(
    "bad", [{"few_shot": 1.5}, {"options": -0.1}, {"max_shots": 0}, {"max_shots": 10**9}, {"option_styles": ()}]
)
def test_style_shares_outside_their_range_are_refused_with_their_name(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        StyleShares(**bad)
