"""`flanjax show`, and the values behind it: the plan, why rows give no example, and the examples."""

import json

import pytest

from flanjax.cli import main
from flanjax.data.corpus import DataConfig, open_corpus, open_rows
from flanjax.data.feature_config import FeatureConfig
from flanjax.data.tokenizer import load_tokenizer
from flanjax.describe.plan import describe
from flanjax.describe.samples import sample
from flanjax.tasks.registry import load_mixture

LINES = [
    *(json.dumps({"text": f"good film {i}", "label": i % 2}) for i in range(60)),
    *['{"text": null, "label": 0}', '{"text": "\\ud83d", "label": 0}', '{"text": "x", "label": -1}'] * 2,
    *(json.dumps({"text": "x", "label": label}) for label in (7, 8, 9)),
    json.dumps({"text": "long " * 400, "label": 1}),
]
MIXTURE = """
from pathlib import Path

from flanjax import Example, Mixture, Part, StyleShares, Task, Template, jsonl, label, rows

mood = label(("bad", "fine"))
good = Task(
    name="good",
    cluster="films",
    source=jsonl(train=Path(__file__).with_name("films.jsonl")),
    example=lambda row: Example({"text": row["text"]}, mood(row["label"]), ("bad", "fine")),
    templates=[Template("Mood of {{ text }}?", name="mood"), Template("Rate this: {{ text }}", name="rate")],
)
wild = Task(
    name="wild",
    cluster="films",
    source=rows("wild", train=[{}] * 30),
    example=lambda row: Example({"text": "x"}, "y"),
    templates=[Template("{{ text * 10**9 }}", name="wild")],
)
both = Mixture(name="both", parts=[Part(good, 3), Part(wild, 1)], styles=StyleShares(few_shot=0.5, max_shots=2))
nothing = Mixture(name="nothing", parts=[wild])
"""
BYTES = load_tokenizer("bytes")
FEATURES = FeatureConfig(inputs_length=256, targets_length=16)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("mixtures")
    (made / "films.jsonl").write_text("\n".join(LINES))
    (made / "films.py").write_text(MIXTURE)
    (made / "misspelt.py").write_text(
        MIXTURE.replace('cluster="films",\n    source=rows', 'cluster="films", metrics=["macrof1"], source=rows')
    )
    (made / "long.py").write_text(MIXTURE.replace('name="rate")],', 'name="rate")], long_fields=["txt"],'))
    return made


@pytest.fixture(scope="module")
def described(folder):
    return describe(load_mixture(f"{folder}/films.py:both"), BYTES, features=FEATURES, num_examples=4096, sample=400)


def test_a_description_counts_why_rows_give_no_example_and_shows_where_each_reason_is(folder, described):
    good, wild = described.tasks
    found = {(r.kind, r.rows, r.where.removeprefix(f"{folder}/")): r.text for r in good.reasons}
    assert found.keys() == {
        ("bad", 2, "films.jsonl:61"),
        ("bad", 2, "films.jsonl:62"),
        ("left out", 2, "films.jsonl:63"),
        ("bad", 3, "films.jsonl:67"),
        ("too long", 1, "films.jsonl:70"),
    }
    assert "'text' is null" in found["bad", 2, "films.jsonl:61"]
    assert found["bad", 2, "films.jsonl:62"].startswith("not text: half of a surrogate pair")
    assert found["bad", 3, "films.jsonl:67"].startswith("label 7, expected")
    assert good.reasons[0].rows == 3
    assert (good.sampled, good.rows) == (70, 70)
    assert (wild.lengths, wild.sampled) == (None, 30)
    assert [(r.kind, r.rows) for r in wild.reasons] == [("bad", 30)]
    assert "template 'wild': 1,000,000,000 times" in wild.reasons[0].text


def test_a_description_has_the_plan_the_lengths_the_styles_and_the_packing(folder, described):
    good = described.tasks[0]
    mixture = load_mixture(f"{folder}/films.py:both")
    corpus = open_corpus(mixture, open_rows(mixture), BYTES, DataConfig(features=FEATURES))
    assert (described.plan_hash, described.block_size) == (corpus.plan.hash(), corpus.plan.block_size)
    assert (good.asked_share, good.realised_share, good.examples) == (0.75, 0.75, 3072)
    assert good.epochs == pytest.approx(3072 / 70)
    texts = sample(mixture, BYTES, task="good", count=400, features=FEATURES)
    longest = max(text.input_tokens for text in texts) + 1
    assert len("Mood of good film 1?") < good.lengths.mean_inputs < good.lengths.p95_inputs <= longest <= 256
    assert len("fine") <= good.lengths.mean_targets <= good.lengths.p95_targets <= len("fine") + 1
    assert sum(described.styles.values()) == pytest.approx(1)
    assert {name.split("/")[0] for name in described.styles} == {"zero-shot", "few-shot"}
    packing = described.packing
    assert 200 < packing.examples < 300  # of 400, a quarter is of `wild`
    assert packing.rows < packing.examples
    assert 0.5 < packing.fill["inputs"] <= 1
    assert 0 < packing.fill["targets"] < packing.fill["inputs"]


def test_samples_are_of_the_task_template_and_style_asked_and_know_their_line(folder):
    mixture = load_mixture(f"{folder}/films.py:both")
    shown = sample(mixture, BYTES, task="good", template="rate", style="few-shot/options", count=5, features=FEATURES)
    assert len(shown) == 5
    for one in shown:
        assert (one.task, one.template) == ("good", "rate")
        assert "Rate this: " in one.input
        number = int(one.where.rpartition(":")[2])
        assert json.loads(LINES[number - 1])["text"] in one.input
        assert one.num_shots == one.input.count("Rate this: ") - 1
        assert one.input_tokens == len(BYTES.encode([one.input])[0])
    with pytest.raises(
        ValueError, match=r"no example of wild among 2,000 tried; 2000 rows give none \(2000 bad: template 'wild'"
    ):
        sample(mixture, BYTES, task="wild")
    for asked, near in (({"task": "god"}, "'good'"), ({"template": "rat"}, "'rate'"), ({"style": "fewshot"}, "'few-shot'")):
        with pytest.raises(KeyError, match=f"did you mean {near}"):
            sample(mixture, BYTES, **asked)


@pytest.mark.parametrize(
    ("arguments", "status", "printed", "said"),
    [
        (
            ["films.py:both"],
            0,
            [
                "films.py:both: the first 1,000 examples",
                "films.jsonl:67",
                "task wild: none of its 30 sampled rows gives an example",
            ],
            "",
        ),
        (["films.py:both", "--task", "good", "--style", "few-shot"], 0, ["few-shot", "films.jsonl:"], ""),
        (["films.py:nothing"], 1, ["30 of 30"], "none of the 30 sampled rows gives an example"),
        (["films.py:nothing", "--sample", "0"], 0, ["wild"], ""),
        (["films.py:both", "--task", "wild"], 1, [], "2000 rows give none"),
        (["misspelt.py:both"], 1, [], "misspelt.py:14: task wild: unknown metric 'macrof1'; did you mean 'macro_f1'"),
        (["long.py:both"], 1, [], "task good: long_fields name 'txt', which no template uses; did you mean 'text'"),
    ],
)
def test_the_command_prints_what_there_is_and_fails_when_nothing_can_be_shown(
    folder, monkeypatch, capsys, arguments, status, printed, said
):
    monkeypatch.chdir(folder)
    monkeypatch.setattr("flanjax.show.mixture._WIDTH", 400)  # so that no line is wrapped
    assert main(["show", *arguments, "--num-examples", "1000"]) == status
    out, err = capsys.readouterr()
    assert [text for text in printed if text not in out] == [], out
    assert said in err
    assert err.count("\n") == status
