"""Rows equal to an evaluation row of a held-out task are never trained on, nor shown in a prompt."""

import json
import os
import pickle
import time

import numpy as np
import pytest

from flanjax import open_run
from flanjax.data import known_rows
from flanjax.data.corpus import DataConfig, open_corpus, open_rows
from flanjax.data.feature_config import FeatureConfig
from flanjax.data.identity import changes, split_identity
from flanjax.data.offline.prepared import identity_of
from flanjax.data.pipeline import BatchIterator, DataState
from flanjax.data.plan import Visits
from flanjax.data.prompts import build_prompts
from flanjax.data.queries import read_queries
from flanjax.data.tokenizer import ByteTokenizer
from flanjax.data.windows import make_window
from flanjax.evaluate.config import EvaluationConfig
from flanjax.evaluate.questions import ask, scoring_layout
from flanjax.sources import hub, jsonl, kept, rows
from flanjax.tasks.clusters import hold_out
from flanjax.tasks.equal_rows import row_hash, same_question
from flanjax.tasks.mixture import Mixture, equal
from flanjax.tasks.styles import StyleShares
from flanjax.tasks.task import Example, Exemplar, SkipRow, Task
from flanjax.tasks.template import Template

pytestmark = pytest.mark.usefixtures("one_device")

CONFIG = DataConfig(batch_size=2, num_streams=2, window=64, features=FeatureConfig(inputs_length=512, targets_length=32))
PASSAGE = "The lighthouse keeper counted eleven ships before the fog came in ."
HIDDEN = [{"text": f"the hidden row is number {n}"} for n in range(6)] + [{"text": PASSAGE}]
CLEAN = [{"text": f"a clean row with the number {n}"} for n in range(12)]
LEAKS = [{"text": HIDDEN[0]["text"]}, {"text": "  The HIDDEN  row\nis number 1 "}]


def texts(row):
    return Example({"text": row["text"]}, "yes", ("yes", "no"))


def documents(row):
    return Example({"document": row["body"]}, "ships")


def task(name, cluster, train, example=texts, source=None, test=None, **more):
    splits = {"train": train, **({"test": test} if test else {})}
    field = "document" if example is documents else "text"
    return Task(
        name=name, cluster=cluster, source=source or rows(name, **splits), example=example,
        templates=[Template(f"Read: {{{{ {field} }}}}")], evaluation="test" if test or source else None, **more,
    )  # fmt: skip


def mixture(**more):
    return Mixture(
        name="m",
        parts=[
            task("guessing", "hidden", CLEAN, test=HIDDEN),
            task("open", "seeing", [*CLEAN, *LEAKS]),
            task("summary", "writing", [{"body": PASSAGE}, {"body": "A clean passage of its own ."}], documents),
        ],
        rate=equal(),
        styles=StyleShares(few_shot=0),
        **more,
    )


def corpus_of(mixture, config=CONFIG, heldout=("hidden",)):
    train = hold_out(mixture, heldout).train
    return open_corpus(train, open_rows(train), ByteTokenizer(), config)


def seen(corpus):
    """Every text that is trained on, and how many rows each filter leaves out, by task."""
    window = make_window(corpus, 0, 0)
    decode = corpus.tokenizer.decode
    return [decode(row["inputs"][row["inputs"] > 0].tolist()) for row in window.rows], window.stats


def test_planted_leaks_are_left_out_and_counted_under_the_name_of_their_filter():
    inputs, stats = seen(corpus_of(mixture()))
    shown = " ".join(inputs).lower()
    assert "clean row" in shown
    assert "clean passage" in shown
    assert "hidden" not in shown
    assert "lighthouse" not in shown
    left = stats.counts["left_out"].tolist()
    assert all(left)
    assert stats.filtered == {"held-out rows": dict(enumerate(left))}
    assert all("held-out rows: equals an evaluation row of a held-out task" in stats.reasons[task][0] for task in (0, 1))


def test_the_same_leaks_are_trained_on_where_nothing_is_held_out():
    whole = mixture()
    corpus = open_corpus(whole.without({"guessing"}), open_rows(whole.without({"guessing"})), ByteTokenizer(), CONFIG)
    assert "hidden" in " ".join(seen(corpus)[0]).lower()


def test_an_old_hub_id_is_the_same_corpus_and_its_task_leaves_training():
    old = task("old", "other", CLEAN, source=hub("glue", "rte"))
    held = task("rte", "nli", CLEAN, source=hub("nyu-mll/glue", "rte"))
    split = hold_out(Mixture(name="m", parts=[old, held, task("open", "seeing", CLEAN)]), ["nli"])
    assert "old" in split.removed
    assert [t.name for t in split.train.tasks()] == ["open"]


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        ({"a": "It rains."}, {"b": " it\tRAINS. "}, True),
        ({"a": "it rains", "b": "it pours"}, {"x": "It pours", "y": "It rains"}, True),
        ({"a": "it rains", "b": ["it", "pours"]}, {"a": "it rains", "b": ["it", "snows"]}, False),
        ({"a": "add them up", "x": 1}, {"a": "add them up", "x": 2}, False),
        ({"a": "it rains", "b": None}, {"a": "it rains", "b": ""}, True),
        ({"a": "it rains"}, {"a": "it rains", "b": "today"}, False),
    ],
)
def test_rows_are_equal_by_the_texts_of_their_fields(one, other, equal):
    assert (row_hash(Example(one, "a")) == row_hash(Example(other, "b"))) is equal


def test_rows_of_single_words_are_not_compared_across_tasks_but_are_within_one():
    assert row_hash(Example({"word": "rain", "n": 3}, "a")) is None
    assert same_question(Example({"word": "rain"}, "a"), Example({"word": "Rain"}, "b"))
    assert not same_question(Example({"q": "Which?"}, "a", ("a", "b")), Example({"q": "Which?"}, "a", ("a", "c")))
    assert not same_question(Example({}, "a"), Example({}, "a"))


def test_an_exemplar_equal_to_an_evaluation_row_is_not_drawn():
    leaky = Mixture(name="m", parts=[mixture().task("guessing"), task("open", "seeing", [CLEAN[0], *LEAKS, CLEAN[1]])])
    corpus = corpus_of(leaky)
    entries = [e._replace(styles=StyleShares(few_shot=1.0, max_shots=2)) for e in corpus.entries]
    visits = Visits(np.zeros(40, int), np.zeros(40, int), np.arange(40))
    queries = [v.found for v in read_queries(entries, corpus.rows, visits, 0)]
    prompts = build_prompts(queries, corpus.tokenizer, corpus.layout.budget)
    assert any(p.num_shots for p in prompts)
    assert not any("hidden" in p.text.lower() for p in prompts)


def test_in_evaluation_no_exemplar_is_the_question_itself_under_another_number():
    test = [{"text": "the question itself"}]
    train = [{"text": "The question  ITSELF"}, {"text": "another question"}]
    own = [Exemplar(texts(row)) for row in train]
    layout = scoring_layout(FeatureConfig(inputs_length=512), EvaluationConfig(), ByteTokenizer())
    for asked_of in (task("a", "a", train, test=test), task("a", "a", train, test=test, exemplars=own)):
        asked = ask([asked_of], EvaluationConfig(shots=(2,)), layout)
        assert [item.prompt.text.lower().count("question") for item in asked.items] == [2]
        assert "another question" in asked.items[0].prompt.text


def test_every_example_that_a_row_may_give_is_known():
    def several(row):
        return [Example({"text": f"{row['text']} part {n}"}, "a") for n in range(3)]

    def drawn(row, draws):
        return Example({"text": f"{row['text']} turn {draws.integer('turn', 2)}"}, "a")

    def some(row):
        if row["text"] == PASSAGE:
            raise SkipRow("not asked")
        return texts(row)

    for read, count in ((several, 21), (drawn, 14), (some, 6)):
        held = Mixture(name="m", parts=[task("h", "hidden", CLEAN, read, test=HIDDEN), task("open", "seeing", CLEAN)])
        (entry,) = corpus_of(held).entries
        assert len(entry.filters[0].hashes) == count


def test_evaluation_rows_that_are_not_here_are_warned_of(caplog):
    missing = task("gone", "hidden", CLEAN, source=jsonl(train="/no/such/file", test="/no/such/file", name="gone"))
    inputs, _ = seen(corpus_of(Mixture(name="m", parts=[missing, task("open", "seeing", CLEAN)], rate=equal())))
    assert inputs
    assert "training rows that equal them are not left out" in caplog.text


@pytest.fixture
def on_disk(tmp_path, monkeypatch):
    """A held-out task of a file, in a kept folder of this test's own; write(rows) changes the file."""
    monkeypatch.setenv(kept.VARIABLE, str(tmp_path / "index"))
    path = tmp_path / "hidden.jsonl"

    def write(data):
        path.write_text("".join(json.dumps(row) + "\n" for row in data))
        os.utime(path, (time.time() - 100,) * 2)

    write(HIDDEN)

    def made(example=texts):
        held = task("guessing", "hidden", [], example, source=jsonl(train=str(path), test=str(path), name="hidden"))
        return Mixture(name="m", parts=[held, task("open", "seeing", [*CLEAN, *LEAKS])], rate=equal())

    return write, made


def hashes(mixture):
    return corpus_of(mixture).entries[0].filters[0].hashes


def reads(monkeypatch):
    """Counts the passes over all rows of a task."""
    counted, whole = [], known_rows._hashes
    monkeypatch.setattr(known_rows, "_hashes", lambda task, rows: counted.append(task.name) or whole(task, rows))
    return counted


def test_hashes_are_made_once_and_again_when_rows_or_code_change(on_disk, monkeypatch):
    write, made = on_disk
    counted = reads(monkeypatch)
    first = hashes(made())
    assert len(first) == 7
    assert hashes(made()) == first
    assert counted == ["guessing"]
    assert not hashes(made(lambda row: Example({"text": "now " + row["text"]}, "yes"))) & first
    assert len(counted) == 2
    write([*HIDDEN, {"text": "one more row"}])
    assert len(hashes(made())) == 8
    assert len(counted) == 3
    many = [{"text": f"one of many rows, number {n}"} for n in range(40)]
    write(many)
    before = hashes(made())
    many[1] = {"text": "a row that no sample reads, changed"}
    write(many)
    assert len(hashes(made()) - before) == 1


def test_hashes_are_made_again_when_a_function_that_the_code_calls_has_changed(on_disk, monkeypatch):
    _, made = on_disk
    first = hashes(made(called))
    monkeypatch.setitem(globals(), "PREFIX", "then")
    assert not hashes(made(called)) & first


PREFIX = "now"


def called(row):
    return Example({"text": f"{PREFIX} {row['text']}"}, "yes")


def test_the_known_rows_are_part_of_the_datas_identity(on_disk):
    write, made = on_disk
    before, split = corpus_of(made()), hold_out(made(), ["hidden"])
    write([*HIDDEN[:-1], {"text": "another row altogether"}])
    after = corpus_of(made())
    assert identity_of(before) != identity_of(after)
    records = [split_identity(c.entries, dict(zip(c.names, c.rows, strict=True)), split.heldout[:0]) for c in (before, after)]
    assert changes(*records) == ["open: filters"]
    assert changes(records[0], records[0]) == []


def test_workers_know_the_rows_too_and_counts_survive_a_resume():
    corpus = corpus_of(mixture())
    copied = pickle.loads(pickle.dumps(corpus.entries))
    assert copied[0].filters == corpus.entries[0].filters
    apart = BatchIterator(corpus._replace(config=DataConfig(**{**vars(CONFIG), "num_workers": 1})))
    here = BatchIterator(corpus)
    for _ in range(20):
        ours, theirs = next(here), next(apart)
        assert all(np.array_equal(ours[name], theirs[name]) for name in ours)
    record = json.loads(json.dumps(here.state().to_json()))
    assert DataState.from_json(record).stats.filtered == apart.state().stats.filtered != {}
    del record["tally"]["filtered"]  # as an older checkpoint has it
    assert DataState.from_json(record).stats.filtered == {}


def test_a_run_tells_what_its_filters_left_out(tmp_path):
    shape = {"d_model": 16, "d_ff": 32, "num_layers": 1, "num_decoder_layers": 1, "num_heads": 2, "head_dim": 8}
    config = {
        "name": "toy", "mixture": "m", "heldout": ("hidden",), "model": shape, "tokenizer": {"path": "bytes"},
        "data": {"batch_size": 8, "num_streams": 2, "window": 32, "features": {"inputs_length": 96, "targets_length": 16}},
        "train": {"steps": 4, "log_every": 1, "tensorboard": False},
    }  # fmt: skip
    run = open_run(config, mixture(), workdir=tmp_path, log=lambda line: None)
    run.train()
    record = json.loads((tmp_path / "mixture.json").read_text())
    for told in record["tasks"]:
        assert told["filtered"]["held-out rows"] == told["skipped"]["left_out"] > 0
    prompts = json.dumps(record["prompts"]).lower()
    assert "lighthouse" not in prompts
    assert "hidden" not in prompts
