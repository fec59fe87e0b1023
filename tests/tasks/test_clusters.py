"""Holding a cluster out takes out everything that would give it away, and an overlap is an error."""

import json

import pytest

from flanjax.sources import rows
from flanjax.tasks.clusters import OverlapError, check_disjoint, hold_out
from flanjax.tasks.mixture import Mixture
from flanjax.tasks.task import Example, Task
from flanjax.tasks.template import Template


def task(name, cluster, source=None, lineage=()):
    return Task(
        name=name,
        cluster=cluster,
        source=rows(source or name, train=[{}]),
        example=lambda row: Example({}, "a"),
        templates=[Template("?")],
        lineage=lineage,
    )


RTE = task("rte", "nli")
QNLI = task("qnli", "nli", lineage=["squad"])
SQUAD = task("squad", "reading", lineage=["squad"])
BOOLQ = task("boolq", "reading")
PAWS = task("paws", "paraphrase")
SST2 = task("sst2", "sentiment")


def mixture(*parts, exclusions=()):
    return Mixture(name="m", parts=parts or (RTE, QNLI, SQUAD, BOOLQ, PAWS, SST2), exclusions=dict(exclusions))


def names(tasks):
    return [t.name for t in tasks]


def test_the_cluster_its_exclusions_and_its_relations_leave_training():
    split = hold_out(mixture(exclusions={"nli": ["paraphrase"]}), ["nli"])
    assert names(split.heldout) == ["rte", "qnli"]
    assert names(split.train.tasks()) == ["boolq", "sst2"]
    assert split.removed == {
        "rte": "cluster nli is held out",
        "qnli": "cluster nli is held out",
        "squad": "shares squad with held-out qnli",
        "paws": "excluded when nli is held out",
    }


def test_an_exclusion_may_name_a_task_and_matters_only_for_its_cluster():
    excluding = mixture(exclusions={"nli": ["paws"], "sentiment": ["boolq"]})
    assert names(hold_out(excluding, ["nli"]).train.tasks()) == ["boolq", "sst2"]
    assert names(hold_out(excluding, ["sentiment"]).train.tasks()) == ["rte", "qnli", "squad", "paws"]


def test_exclusions_of_a_nested_mixture_count():
    inner = Mixture(name="inner", parts=[RTE, PAWS], exclusions={"nli": ["paws"]})
    assert names(hold_out(mixture(inner, SST2), ["nli"]).train.tasks()) == ["sst2"]


def test_two_tasks_of_one_source_are_related_without_being_told():
    entail, sts = task("entail", "nli", source="sick"), task("sts", "similarity", source="sick")
    split = hold_out(mixture(entail, sts, SST2), ["nli"])
    assert names(split.train.tasks()) == ["sst2"]
    assert split.removed["sts"] == "shares rows:sick with held-out entail"


def test_a_corpus_named_as_lineage_meets_the_source_of_that_name():
    derived = task("derived", "nli", lineage=["rows:sst2"])
    assert "sst2" in hold_out(mixture(derived, SST2, BOOLQ), ["nli"]).removed


def test_several_clusters_are_held_out_together():
    split = hold_out(mixture(), ["nli", "sentiment"])
    assert names(split.heldout) == ["rte", "qnli", "sst2"]
    assert names(split.train.tasks()) == ["boolq", "paws"]


def test_a_cluster_named_twice_is_held_out_once():
    first, again = (hold_out(mixture(), clusters) for clusters in (["nli"], ["nli", "nli"]))
    assert (names(again.heldout), again.clusters) == (names(first.heldout), first.clusters)


def test_holding_out_nothing_leaves_the_mixture_as_it_is():
    split = hold_out(mixture(), [])
    assert (names(split.train.tasks()), split.heldout, split.removed) == (names(mixture().tasks()), (), {})


def test_holding_out_all_there_is_is_an_error():
    with pytest.raises(ValueError, match="nothing is left to train on"):
        hold_out(mixture(RTE, QNLI), ["nli"])


def test_the_split_can_be_saved_and_says_what_was_done():
    record = json.loads(json.dumps(hold_out(mixture(), ["nli"]).record()))
    assert record["clusters"] == ["nli"]
    assert record["train"] == ["boolq", "paws", "sst2"]
    assert record["heldout"] == ["rte", "qnli"]
    assert set(record["removed"]) == {"rte", "qnli", "squad"}


def test_a_mixture_that_smuggles_a_relation_in_fails_with_all_names():
    smuggled = task("innocent", "trivia", lineage=["squad"])
    with pytest.raises(OverlapError, match=r"1 overlaps.*innocent \(training\) and qnli \(held out\) share the corpus squad"):
        check_disjoint([smuggled, SST2], [RTE, QNLI])


@pytest.mark.parametrize(
    ("trained", "shared"),
    [
        (task("rte", "trivia", source="elsewhere"), "the name rte"),
        (task("cb", "nli"), "the cluster nli"),
        (task("x", "trivia", source="rte"), "the corpus rows:rte"),
    ],
)
def test_each_kind_of_overlap_is_found(trained, shared):
    with pytest.raises(OverlapError, match=shared):
        check_disjoint([SST2, trained], [RTE])


def test_many_overlaps_are_counted_and_the_first_are_named():
    with pytest.raises(OverlapError, match=r"12 overlaps.*t0 .*and 2 more pairs"):
        check_disjoint([task(f"t{i}", "nli") for i in range(12)], [RTE])


def test_tasks_with_nothing_in_common_pass():
    check_disjoint([SST2, BOOLQ, PAWS], iter([RTE, QNLI]))


def test_an_unknown_cluster_or_exclusion_is_an_error_with_the_nearest_name():
    with pytest.raises(KeyError, match=r"no cluster 'sentimnet'.*did you mean 'sentiment'"):
        hold_out(mixture(), ["sentimnet"])
    with pytest.raises(KeyError, match=r"'paraphrases'.*did you mean 'paraphrase'"):
        hold_out(mixture(exclusions={"nli": ["paraphrases"]}), ["nli"])
