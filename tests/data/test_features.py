"""Features: a visit gives the same ids whatever other visits are processed with it, and every skipped row is counted."""

import dataclasses

import numpy as np
import pytest

from flanjax.data.data_stats import DataStats
from flanjax.data.feature_config import FeatureConfig
from flanjax.data.features import make_features
from flanjax.data.layout import make_layout
from flanjax.data.plan import Plan, Visits
from flanjax.data.tokenizer import ByteTokenizer
from flanjax.sources import jsonl, rows
from flanjax.tasks.mixture import Mixture
from flanjax.tasks.styles import Style, StyleShares
from flanjax.tasks.task import Example, SkipRow, Task
from flanjax.tasks.template import Template

BYTES = ByteTokenizer()
CONFIG = FeatureConfig(inputs_length=200, targets_length=64)


def task(name, example, data, **changes):
    source = rows(name, train=data) if isinstance(data, list) else data
    templates = [Template("Say {{ q }}."), Template("{{ q }}?"), Template("Ask for {{ answer }}.", "{{ q }}", "inverted")]
    return Task(**{"name": name, "cluster": name, "source": source, "templates": templates} | changes, example=example)


def capital(row):
    return Example({"q": row["q"]}, row["a"], ("x", "y", "z"), "It is so" if row["q"] < "m" else "")


def free(row):
    return Example({"q": row["q"]}, row["a"])


LETTERS = task("letters", capital, [{"q": f"{chr(97 + i % 26)}{i}", "a": "xyz"[i % 3]} for i in range(60)])
NUMBERS = task("numbers", free, [{"q": str(i), "a": str(i * i)} for i in range(40)])


def features(tasks, visits, config=CONFIG, seed=0, **shares):
    entries = Mixture(name="m", parts=tasks, styles=StyleShares(**shares)).resolve({t.name: 1 for t in tasks})
    return make_features(entries, [t.source.open("train") for t in tasks], visits, make_layout(config, BYTES), seed)


def visiting(task, row, epoch=None):
    task, row = np.asarray(task), np.asarray(row)
    return Visits(task, row, np.zeros_like(row) if epoch is None else np.asarray(epoch))


def planned(n):
    return Plan(["letters", "numbers"], [2, 1], [60, 40], seed=0).visits(np.arange(n))


def as_tuples(examples):
    return [(e.inputs.tolist(), e.targets.tolist(), *e[2:]) for e in examples]


def test_a_batch_of_visits_is_the_same_as_one_at_a_time_in_any_order():
    visits = planned(150)
    together = as_tuples(features([LETTERS, NUMBERS], visits).examples)
    assert len(together) == 150
    alone = [features([LETTERS, NUMBERS], Visits(*(v[i : i + 1] for v in visits))).examples[0] for i in range(150)]
    assert together == as_tuples(alone)
    backwards = features([LETTERS, NUMBERS], Visits(*(v[::-1] for v in visits))).examples
    assert together == as_tuples(backwards[::-1])


def test_seed_epoch_and_row_each_change_the_wording():
    def of(row=5, epoch=0, seed=0):
        visits = visiting([0] * 20, range(row, row + 20), [epoch] * 20)
        return as_tuples(features([LETTERS], visits, seed=seed).examples)

    assert of() == of()
    assert len({str(x) for x in (of(), of(epoch=1), of(seed=1), of(row=6))}) == 4


def test_no_visits_give_no_features():
    none = features([LETTERS], visiting(np.zeros(0, np.int64), np.zeros(0, np.int64)))
    assert (none.examples, none.skipped, none.cut_tokens.tolist()) == ([], [], [0])


def test_inputs_and_targets_end_and_fit_whatever_the_style():
    made = features([LETTERS, NUMBERS], planned(300))
    assert all(e.inputs[-1] == e.targets[-1] == BYTES.eos_id for e in made.examples)
    assert all(len(e.inputs) <= 200 and len(e.targets) <= 64 for e in made.examples)
    assert {e.task for e in made.examples} == {0, 1}
    assert len({e.style for e in made.examples}) > 8


def test_the_input_may_go_without_its_end():
    config = dataclasses.replace(CONFIG, input_eos=False)
    with_end, without = (features([NUMBERS], visiting([0], [3]), c).examples[0] for c in (CONFIG, config))
    assert with_end.inputs.tolist() == [*without.inputs.tolist(), BYTES.eos_id]
    assert make_layout(config, BYTES).budget == (200, 63)


def test_template_and_style_travel_with_the_example_and_few_shot_means_that_exemplars_fitted():
    plain = features([NUMBERS], visiting([0] * 40, range(40)), few_shot=0, inverted=0.5).examples
    assert {(Style.from_id(e.style).inverted, e.template == 2) for e in plain} == {(True, True), (False, False)}
    crowded = FeatureConfig(inputs_length=16, targets_length=16)
    shown, hidden = (features([NUMBERS], visiting([0] * 10, range(10)), c, few_shot=1.0).examples for c in (CONFIG, crowded))
    assert all(Style.from_id(e.style).few_shot for e in shown)
    assert not any(Style.from_id(e.style).few_shot for e in hidden)


def test_a_cut_target_does_not_teach_the_model_to_end():
    long = task("long", free, [{"q": "say", "a": "word " * 40}, {"q": "say", "a": "word"}], long_fields=["answer"])
    cut, whole = features([long], visiting([0, 0], [0, 1]), few_shot=0, inverted=0).examples
    assert BYTES.eos_id not in cut.targets
    assert len(cut.targets) <= 63
    assert whole.targets[-1] == BYTES.eos_id


def test_what_was_cut_is_counted_by_task():
    long = task("long", free, [{"q": "word " * 100, "a": "x"}, {"q": "word", "a": "x"}], long_fields=["q"])
    made = features([NUMBERS, long], visiting([0, 1, 1], [0, 0, 1]), few_shot=0, inverted=0)
    assert made.cut_examples.tolist() == [0, 1]
    assert made.cut_tokens[0] == 0
    assert 500 - 200 < made.cut_tokens[1] < 500


def test_every_visit_gives_an_example_or_a_reason(tmp_path):
    (tmp_path / "rows.jsonl").write_text(
        '{"q": "good", "a": "1"}\n{broken\n{"q": "none", "a": ""}\n{"a": "1"}\n{"q": "skip", "a": "1"}\n{"q": "%s", "a": "1"}\n'
        % ("x" * 300)
    )

    def example(row):
        if row["q"] == "skip":
            raise SkipRow("on purpose")
        return free(row)

    mixed = task("mixed", example, jsonl(name="mixed", train=str(tmp_path / "rows.jsonl")))
    made = features([NUMBERS, mixed], visiting([1] * 6 + [0], [0, 1, 2, 3, 4, 5, 7]), inverted=0)
    assert [e.task for e in made.examples] == [1, 0]
    kinds = {s.row: (s.task, s.kind) for s in made.skipped}
    assert kinds == {1: (1, "bad"), 2: (1, "left_out"), 3: (1, "bad"), 4: (1, "left_out"), 5: (1, "too_long")}
    reasons = {s.row: s.reason for s in made.skipped}
    assert "rows.jsonl:2" in reasons[1]
    assert "the answer is empty" in reasons[2]
    assert "'q'" in reasons[3]
    assert reasons[4] == "on purpose"
    stats = DataStats(2)
    stats.add(made)
    counts = {
        name: values.tolist() for name, values in stats.counts.items() if name in ("examples", "bad", "left_out", "too_long")
    }
    assert counts == {"examples": [1, 1], "bad": [0, 2], "left_out": [0, 2], "too_long": [0, 1]}
    assert stats.reasons[1][0].startswith("row 1: ")


@pytest.mark.parametrize("weighting", ["tokens", "examples"])
def test_weights_count_tokens_or_examples_alike(weighting):
    config = dataclasses.replace(CONFIG, weighting=weighting)
    sums = [e.weight * len(e.targets) for e in features([NUMBERS], visiting([0] * 40, range(40)), config).examples]
    lengths = [len(e.targets) for e in features([NUMBERS], visiting([0] * 40, range(40)), config).examples]
    assert len(set(lengths)) > 1
    assert sums == pytest.approx(lengths if weighting == "tokens" else [1.0] * 40)


@pytest.mark.parametrize("bad", [{"inputs_length": 4}, {"targets_length": 0}, {"weighting": "rows"}])
def test_settings_out_of_range_are_named_with_their_value(bad):
    name, value = next(iter(bad.items()))
    with pytest.raises(ValueError, match=f"FeatureConfig.{name} is {value!r}"):
        FeatureConfig(**bad)
