"""Rows are read in one place: training, tokenizer texts, exemplars and evaluation leave out the same ones."""

import json

import numpy as np
import pytest

from flanjax.data.feature_config import FeatureConfig
from flanjax.data.features import make_features
from flanjax.data.layout import make_layout
from flanjax.data.plan import Plan, Visits
from flanjax.data.prompts import Prompt, build_prompts
from flanjax.data.queries import Query, read_examples, read_queries
from flanjax.data.texts import mixture_texts
from flanjax.data.tokenizer import ByteTokenizer
from flanjax.evaluate.config import EvaluationConfig
from flanjax.evaluate.predict import ask
from flanjax.sources import jsonl
from flanjax.tasks.mixture import Mixture
from flanjax.tasks.styles import StyleShares
from flanjax.tasks.task import Example, SkipRow, Task
from flanjax.tasks.template import Template

LAYOUT = make_layout(FeatureConfig(inputs_length=128, targets_length=32), ByteTokenizer())
GOOD = ["good 0", "good 1", "good 2"]
LINES = [
    *(json.dumps({"q": q, "a": "yes"}) for q in GOOD),
    "{broken",
    json.dumps({"q": "half \ud83d", "a": "yes"}),
    json.dumps({"q": "half an answer", "a": "yes \udc00"}),
    json.dumps({"q": "deep", "a": "yes"}),
    json.dumps({"q": "left out", "a": "yes"}),
    json.dumps({"q": "options", "a": "yes"}),
]
KINDS = ["bad", "bad", "bad", "bad", "left_out", "bad"]
WHY = {3: "rows.jsonl:4: not JSON", 4: "half of a surrogate pair", 5: "half of a surrogate pair", 6: "RecursionError"}


def example(row):
    if row["q"] == "deep":
        return example(row)
    if row["q"] == "left out":
        raise SkipRow("on purpose")
    return Example({"q": row["q"]}, row["a"], [["yes"], ["no"]] if row["q"] == "options" else ())


@pytest.fixture(scope="module")
def task(tmp_path_factory):
    path = tmp_path_factory.mktemp("rows") / "rows.jsonl"
    path.write_text("\n".join(LINES) + "\n")
    source = jsonl(name="mixed", train=str(path), validation=str(path))
    return Task(
        name="mixed", cluster="c", source=source, example=example, templates=[Template("Say {{ q }}")], evaluation="validation"
    )


def entries(task, **shares):
    return Mixture(name="m", parts=[task], styles=StyleShares(**shares)).resolve({task.name: 9})


def visits(rows):
    return Visits(np.zeros_like(rows), np.asarray(rows), np.zeros_like(rows))


def test_training_counts_every_row_that_gives_no_example_with_its_reason(task):
    made = make_features(entries(task, few_shot=0), [task.source.open("train")], visits(np.arange(9)), LAYOUT, 0)
    assert len(made.examples) == 3
    assert [(s.row, s.kind) for s in sorted(made.skipped, key=lambda s: s.row)] == list(zip(range(3, 9), KINDS, strict=True))
    reasons = {s.row: s.reason for s in made.skipped}
    assert all(part in reasons[row] for row, part in WHY.items())
    assert reasons[7] == "on purpose"


def test_a_row_that_no_template_applies_to_is_left_out_and_not_bad(task):
    picky = Task(
        **{f: getattr(task, f) for f in ("name", "cluster", "source", "example")},
        templates=[Template("Say {{ q }}", when="q == 'good 1'")],
    )
    made = make_features(entries(picky, few_shot=0), [task.source.open("train")], visits(np.arange(3)), LAYOUT, 0)
    assert len(made.examples) == 1
    assert [(s.row, s.kind) for s in made.skipped] == [(0, "left_out"), (2, "left_out")]


def test_evaluation_counts_the_same_rows_and_asks_the_others(task):
    asked = ask([task], EvaluationConfig(), LAYOUT)
    assert [item.row for item in asked.items] == [0, 1, 2]
    assert sorted(asked.skipped["mixed"]) == [3, 4, 5, 6, 7, 8]
    assert "rows.jsonl:4: not JSON" in asked.skipped["mixed"][3]


def test_a_tokenizer_is_trained_on_the_good_rows_alone(task):
    plan = Plan(["mixed"], [1.0], [9], seed=0)
    texts = list(mixture_texts(entries(task, few_shot=0), [task.source.open("train")], plan, 9, 0))
    assert sorted(texts) == [f"Say {q}\nyes" for q in GOOD]


def test_exemplars_are_good_rows_alone(task):
    pool = task.source.open("train")
    asked = [v.found for v in read_queries(entries(task, few_shot=1.0), [pool], visits(np.zeros(40, np.int64)), 3)]
    queries = [q._replace(draws=type(q.draws)(i), wording=q.wording._replace(num_shots=2)) for i, q in enumerate(asked)]
    prompts = build_prompts(queries, ByteTokenizer(), LAYOUT.budget)
    assert all(isinstance(p, Prompt) for p in prompts)
    shown = {q for q in ["half", "deep", "left", "options", *GOOD[1:]] if any(q in p.text for p in prompts)}
    assert shown == set(GOOD[1:])


def test_queries_come_in_the_order_of_the_visits_whichever_task_they_are_of(task):
    other = Task(**{f: getattr(task, f) for f in ("cluster", "source", "example", "templates")}, name="other")
    both = Mixture(name="m", parts=[task, other]).resolve({"mixed": 9, "other": 9})
    rows = [task.source.open("train")] * 2
    asked = Visits(np.array([1, 0, 1, 0]), np.array([2, 1, 0, 3]), np.array([0, 5, 0, 0]))
    read = list(read_queries(both, rows, asked, 0))
    assert [(v.task, v.row) for v in read] == [(1, 2), (0, 1), (1, 0), (0, 3)]
    assert [v.found.example.fields["q"] for v in read[:3]] == ["good 2", "good 1", "good 0"]
    assert [v.found.task.name for v in read[:3]] == ["other", "mixed", "other"]
    assert not isinstance(read[3].found, Query)


class Deep:
    """Rows of which one nests too deeply for its reader."""

    def __len__(self):
        return 3

    def __getitem__(self, index):
        if index == 1:
            raise RecursionError("maximum recursion depth exceeded")
        return {"q": str(index), "a": "yes"}

    def __getitems__(self, indices):
        return [self[i] for i in indices]


def test_a_row_that_its_reader_cannot_take_is_one_bad_row(task):
    found = dict(read_examples(task, Deep(), [2, 1, 0]))
    assert [type(found[i]).__name__ for i in (2, 1, 0)] == ["Example", "BadRow", "Example"]
    assert "row 1: RecursionError" in str(found[1])
