"""mixtures/flan.py and flan2022.py: their data sets, rules and shares, held against the published ones.

Sizes are those of the published training splits. Shares are from Wei et al. 2022's code (mixtures.py, 3,000 a task), Longpre et
al. 2023's run_example.py, and T0's tasks.py, as counted over their released files.
"""

import json
from pathlib import Path

import pytest

from flanjax import Mixture, Task, Template, rows, t0
from flanjax.data.plan import Plan, realised_shares
from flanjax.data.tokenizer import ByteTokenizer
from flanjax.describe.opened import open_mixture, training_part
from flanjax.tasks import registry
from flanjax.tasks.clusters import hold_out
from flanjax.tasks.registry import load

ROOT = Path(__file__).resolve().parents[1] / "mixtures"
PUBLISHED = ("flan2021", "flan2021_30k", "t0", "t0_plus", "t0_plus_plus", "chain_of_thought", "dialogue", "instructions")
SMALL = {  # training rows of the sets that a cap of 3,000 does not reach
    "cb": 250,
    "copa": 400,
    "wsc": 554,
    "wnli": 635,
    "arc_challenge": 1119,
    "definite_pronoun_resolution": 1322,
    "story_cloze": 1671,
    "arc_easy": 2251,
    "rte": 2490,
}
COT = {
    "cot_gsm8k": 7473,
    "cot_strategyqa": 2061,
    "cot_creak": 6915,
    "cot_qasc": 1084,
    "cot_esnli": 36174,
    "cot_ecqa": 7112,
    "cot_sensemaking": 6070,
    "cot_aqua": 2728,
    "cot_qed": 5154,
}


def published(name):
    return load(f"{ROOT / 'flan.py'}:{name}")


def sizes(mixture, otherwise=50_000):
    return {t.name: {**SMALL, **COT}.get(t.name, otherwise) for t in mixture.tasks()}


def cluster_shares(mixture, num_rows):
    shares: dict[str, float] = {}
    for entry in mixture.training.resolve(num_rows):
        shares[entry.task.cluster] = shares.get(entry.task.cluster, 0) + 100 * entry.share
    return shares


def test_flan_2021_has_its_clusters_in_their_published_shares():
    """Of 188,330 weights in its 69 tasks, those that are missing here (3,000 each, but 1,640 of idebate) are taken off."""
    missing = {"summarization": 3000 + 3000 + 1640, "math": 3000, "entailment": 3000}
    of_69 = {
        "summarization": 16.8,
        "structure_to_text": 6.4,
        "reading_comprehension": 9.6,
        "open_domain_qa": 4.8,
        "paraphrase": 6.4,
        "sentiment": 6.4,
        "text_formatting": 4.8,
        "common_sense": 4.3,
        "translation": 12.7,
        "coreference": 2.5,
        "entailment": 12.8,
        "conversational_qa": 3.2,
        "word_disambiguation": 1.6,
        "linguistic_acceptability": 1.6,
        "question_classification": 1.6,
        "reading_with_common_sense": 3.2,
    }
    left = 188_330 - sum(missing.values())
    expected = {c: 100 * (s / 100 * 188_330 - missing.get(c, 0)) / left for c, s in of_69.items()}
    mixture = published("flan2021")
    assert cluster_shares(mixture, sizes(mixture)) == pytest.approx(expected, abs=0.45)
    assert len(list(mixture.training.tasks())) == 69 - 5


def test_the_larger_cap_gives_translation_its_published_share():
    """With a cap of 30,000, translation rises to about 16 % of FLAN 2021, and TREC and WiC fall to 0.4 %."""
    mixture = published("flan2021_30k")
    num_rows = {**sizes(mixture), "trec": 5452, "wic": 5428, "cola": 8551, "multirc": 27_243, "openbookqa": 4957, "boolq": 9427}
    num_rows |= {
        "glue_mrpc": 3668,
        "stsb": 5749,
        "piqa": 16_113,
        "aeslc": 14_436,
        "samsum": 14_732,
        "coqa": 7199,
        "quac": 11_567,
    }
    num_rows |= {"anli_r1": 16_946, "cosmos_qa": 25_262, "web_nlg_en": 35_426}
    shares = cluster_shares(mixture, num_rows)
    assert shares["translation"] == pytest.approx(16, abs=2.5)
    assert shares["question_classification"] == pytest.approx(0.4, abs=0.1)
    assert shares["word_disambiguation"] == pytest.approx(0.4, abs=0.1)


def test_t0s_rule_gives_three_data_sets_39_percent_and_the_largest_2_9():
    """Weights of T0's training mixture, of 17.28 million in all: CNN-DM 15.0, QQP 12.6, XSum 11.8, Amazon polarity 2.9 %."""
    rule = t0(500_000)
    weights = {"cnn_dm": (287_113, 9), "qqp": (363_846, 6), "xsum": (204_045, 10), "amazon": (3_600_000, 9)}
    shares = {name: 100 * rule(*each) / 17.28e6 for name, each in weights.items()}
    assert shares == pytest.approx({"cnn_dm": 15.0, "qqp": 12.6, "xsum": 11.8, "amazon": 2.9}, abs=0.06)


def test_t0s_mixtures_grow_by_the_published_sets_and_hold_out_what_they_are_evaluated_on():
    small, middle, large = (published(name) for name in ("t0", "t0_plus", "t0_plus_plus"))
    held = ["natural_language_inference", "coreference_resolution", "sentence_completion", "word_sense"]
    split = hold_out(small, held)
    shared = {name: why for name, why in split.removed.items() if why.startswith("shares")}
    assert shared == {
        "kilt_hotpotqa": "shares hotpot_qa with held-out anli_r1",
        "common_gen": "shares activitynet with held-out hellaswag",
    }
    trained = [t.name for t in split.train.tasks()]
    assert len(trained) == 38 - len(shared)
    mine, more = ({t.name for t in mixture.tasks() if t.cluster not in held} for mixture in (small, middle))
    grown = more - mine
    assert grown == {
        "arc_easy",
        "arc_challenge",
        "trivia_qa",
        "web_questions",
        "squad_v2",
        "openbookqa",
        "race_middle",
        "race_high",
        "piqa",
        "hellaswag",
    }
    assert {t.cluster for t in large.tasks() if t.name in ("wsc", "copa", "wic")} == {"superglue"}
    assert {t.name for t in hold_out(large, held[:1]).heldout} == {"rte", "cb", "anli_r1", "anli_r2", "anli_r3"}


def test_half_of_the_chain_of_thought_submixture_is_e_snli():
    mixture = published("chain_of_thought")
    shares = {e.task.name: e.share for e in mixture.resolve(sizes(mixture))}
    assert set(shares) == set(COT)
    assert shares["cot_esnli"] == pytest.approx(0.48, abs=0.005)


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_plan_realises_the_shares_that_were_asked_for(name):
    mixture = published(name).training
    num_rows = sizes(mixture)
    entries = mixture.resolve(num_rows)
    names = [e.task.name for e in entries]
    plan = Plan(names, [e.share for e in entries], [num_rows[n] for n in names], seed=0)
    for task in realised_shares(plan, 200_000):
        assert abs(task["examples"] - 200_000 * task["asked_share"]) <= 200_000 / plan.block_size + 1, task


@pytest.mark.parametrize("name", PUBLISHED[:-1])
def test_every_cluster_can_be_left_out_with_what_shares_its_data(name):
    mixture = published(name)
    for cluster in mixture.clusters():
        if len(mixture.clusters()) > 1:
            split = hold_out(mixture, [cluster])
            assert cluster not in {t.cluster for t in split.train.tasks()}
    if name.startswith("flan2021"):
        assert "shares winograd_schemas" in hold_out(mixture, ["coreference"]).removed["wnli"]
        assert "shares squad" in hold_out(mixture, ["reading_comprehension"]).removed["qnli"]


def superni_folder(folder, count=6):
    example = {"input": "a", "output": "b", "explanation": "c"}
    for n in range(count):
        file = {
            "Definition": [f"Do thing {n}."],
            "Source": [f"synthetic{n}"],
            "Categories": [f"Category {n % 3}"],
            "Positive Examples": [example, example],
            "Negative Examples": [],
            "Instances": [{"id": f"{n}-{i}", "input": f"in {i}", "output": [f"out {i}"]} for i in range(20)],
        }
        path = folder / "tasks" / f"task{n:03d}_thing.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(file))
    return folder


@pytest.fixture
def flan2022(tmp_path, monkeypatch):
    monkeypatch.setenv("FLANJAX_SUPERNI", str(superni_folder(tmp_path / "ni")))
    registry._module.cache_clear()
    yield lambda name: load(f"{ROOT / 'flan2022.py'}:{name}")
    registry._module.cache_clear()


def test_flan_2022_has_the_weights_of_the_released_code_and_of_the_papers_two_proportions(flan2022):
    parts = {
        "flan2022": {"flan": 0.40, "t0_sf": 0.32, "niv2": 0.20, "chain_of_thought": 0.05, "dialogue": 0.03},
        "flan2022_a": {"flan_and_dialogue": 0.52, "t0_sf": 0.15, "niv2": 0.30, "chain_of_thought": 0.03},
        "flan2022_b": {"flan_and_dialogue": 0.46, "t0_sf": 0.279, "niv2": 0.242, "chain_of_thought": 0.018},
    }
    for name, expected in parts.items():
        mixture = flan2022(name)
        assert {p.of.name: p.weight for p in mixture.parts} == expected
        entries = mixture.training.resolve(sizes(mixture, 3000))
        total = sum(expected.values())
        superni = sum(e.share for e in entries if e.task.name.startswith("task"))
        assert superni == pytest.approx(expected["niv2"] / total)
        esnli = next(e.share for e in entries if e.task.name == "cot_esnli")
        assert esnli == pytest.approx(0.48 * expected["chain_of_thought"] / total, rel=0.02)
    flan, t0_sf = (flan2022(name) for name in ("flan", "t0_sf"))
    shared = {c for t in flan.tasks() for c in t.corpora} & {c for t in t0_sf.tasks() for c in t.corpora}
    assert not shared, "T0's part of FLAN 2022 is what FLAN 2021 does not have"
    assert [e.share for e in flan2022("superni").resolve({t.name: 20 for t in flan2022("superni").tasks()})] == [1 / 6] * 6


def test_without_the_folder_flan_2022_says_what_it_needs(monkeypatch):
    monkeypatch.delenv("FLANJAX_SUPERNI", raising=False)
    registry._module.cache_clear()
    with pytest.raises(ValueError, match=r"FLANJAX_SUPERNI is not set: it names a clone of .*natural-instructions"):
        load(f"{ROOT / 'flan2022.py'}:flan2022")


def test_a_task_that_is_only_evaluated_has_no_share_of_training():
    def made(name, **more):
        return Task(
            name=name, cluster=name, source=rows(name, train=[{}]), example=lambda r: None, templates=[Template("x")], **more
        )

    mixture = Mixture(name="m", parts=[made("a"), made("b", train=None, evaluation="train")])
    assert [t.name for t in mixture.training.tasks()] == ["a"]
    split = hold_out(mixture, [])
    assert [t.name for t in split.train.tasks()] == ["a"]
    assert split.removed == {"b": "has no training rows"}
    assert training_part(mixture, [])[1] == split.removed
    assert open_mixture(mixture, ByteTokenizer()).missing == {}, "it is not asked for, so nothing is missing"
    assert [t.name for t in mixture.only(["b"]).tasks()] == ["b"]
    with pytest.raises(KeyError, match="no task 'c'"):
        mixture.only(["c"])
