"""One name for each corpus, and a hold-out that goes by it."""

import pytest

from flanjax import Example, Mixture, Task, Template, hub
from flanjax.tasks.clusters import hold_out
from flanjax.tasks.lineage import canonical


@pytest.mark.parametrize(
    ("names", "corpus"),
    [
        (
            [
                "hub:glue/rte",
                "hub:nyu-mll/glue/rte",
                "hub:super_glue/rte",
                "hub:aps/super_glue/rte",
                "tfds:glue/rte",
                "rte",
                "RTE",
            ],
            "rte",
        ),
        (["hub:squad", "hub:rajpurkar/squad", "hub:rajpurkar/squad/plain_text", "squad_v2", "SQuAD 1.1"], "squad"),
        (["ROCStories", "roc_stories", "rocstories", "story_cloze"], "roc_stories"),
        (["hub:anli", "hub:facebook/anli", "adversarial nli"], "anli"),
        (["hub:cnn_dailymail/3.0.0", "hub:abisee/cnn_dailymail/3.0.0", "cnn_dailymail"], "cnn_dailymail"),
        (["hub:google-research-datasets/paws/labeled_final", "hub:paws/labeled_final", "paws_wiki"], "paws"),
        (["samsum", "hub:samsum/samsum", "hub:knkarthick/samsum/samsum"], "samsum"),
        (["hub:allenai/winogrande/winogrande_l", "hub:winogrande/winogrande_xl", "winogrande"], "winogrande"),
        (["hub:hotpotqa/hotpot_qa/distractor", "hub:hotpot_qa/fullwiki", "hotpotqa"], "hotpot_qa"),
        (["hub:mandarjoshi/trivia_qa/rc.wikipedia", "trivia_qa/unfiltered.nocontext", "TriviaQA"], "trivia_qa"),
        (["hub:UCLNLP/adversarial_qa/dbidaf", "adversarial_qa"], "adversarial_qa"),
        (["hub:nyu-mll/glue/wnli", "super_glue/wsc.fixed", "winograd_schemas", "wsc"], "winograd_schemas"),
    ],
)
def test_all_names_of_a_corpus_are_one(names, corpus):
    assert {canonical(name) for name in names} == {corpus}


@pytest.mark.parametrize("name", ["rows:toy", "jsonl:reviews", "My own corpus", "someone/own-data/part"])
def test_a_corpus_that_nobody_knows_keeps_its_name(name):
    assert canonical(name) == name
    assert canonical(f"hub:{name}") == name


def test_parts_of_a_benchmark_stay_apart():
    parts = ["hub:nyu-mll/glue/rte", "hub:nyu-mll/glue/cola", "hub:flan_cot/gsm8k", "hub:flan_cot/aqua", "hub:wmt/wmt16/de-en"]
    assert len({canonical(name) for name in parts}) == len(parts)
    assert canonical("hub:wmt/wmt16/de-en") == canonical("hub:wmt16/de-en") != canonical("hub:wmt16/ro-en")


def test_an_old_id_in_training_is_found_when_the_new_one_is_held_out():
    def task(name, cluster, source, **more):
        return Task(
            name=name, cluster=cluster, source=source, example=lambda r: Example({}, "x"), templates=[Template("x")], **more
        )

    held = task("rte", "nli", hub("nyu-mll/glue", "rte"), evaluation="validation")
    old, kept = task("old", "other", hub("glue", "rte")), task("kept", "other", hub("glue", "cola"))
    named = task("named", "other", hub("someone/else"), lineage=["RTE"])
    split = hold_out(Mixture(name="m", parts=[held, old, kept, named]), ["nli"])
    assert {t.name for t in split.train.tasks()} == {"kept"}
    assert "shares rte with held-out rte" in split.removed["old"]
