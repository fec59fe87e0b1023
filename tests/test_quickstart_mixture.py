"""The built-in mixture: enough tasks and wordings, no bad row, nothing of a test in training, and few enough words."""

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from asking import written

from flanjax import load
from flanjax.tasks.clusters import hold_out
from flanjax.tasks.draws import Draws
from flanjax.tasks.exemplars import Shot
from flanjax.tasks.render import Wording, choose, render
from flanjax.tasks.styles import Style

ADDRESS = f"{Path(__file__).parents[1] / 'mixtures' / 'quickstart.py'}:quickstart"
MIXTURE = load(ADDRESS)
TASKS = tuple(MIXTURE.tasks())
each_task = pytest.mark.parametrize("task", TASKS, ids=str)

_DIGEST = f"""
import hashlib, json
from flanjax import load
rows = [[t.name, list(t.source.open(s))] for t in load({ADDRESS!r}).tasks() for s in ("train", "test")]
print(hashlib.sha256(json.dumps(rows).encode()).hexdigest())
"""


def words_of(text: str) -> list[str]:
    return re.findall(r"\w+|[^\w\s]", text)


def trained_texts(task):
    """Every training row in the wording and style that its first epoch has; exemplars bring the words around them."""
    for i, row in enumerate(task.source.open("train")):
        draws = Draws(0, task.name, i, 0)
        example = task.read(row)
        wording, asked, _ = choose(task, example, MIXTURE.styles, draws)
        rendered = render(asked, wording)
        around = wording.exemplars.join([], Shot("")) if wording.num_shots else ""
        yield f"{around} {rendered.input} {rendered.target}"


@pytest.fixture(scope="module")
def vocabulary():
    """Task name -> the words (and punctuation marks) of all its training texts."""
    return {task.name: {word for text in trained_texts(task) for word in words_of(text)} for task in TASKS}


def test_it_has_tasks_clusters_and_wordings_enough():
    assert len(TASKS) >= 12
    assert len(MIXTURE.clusters()) >= 6, "five to train on and one to hold out"
    assert len(MIXTURE.clusters()["topic"]) >= 2
    assert min(len(t.forward) for t in TASKS) >= 6
    assert sum(bool(t.inverted) for t in TASKS) >= 3
    assert all(t.licence for t in TASKS)


def test_it_shows_every_style():
    examples = [t.read(t.source.open("train")[0]) for t in TASKS]
    assert any(e.rationale for e in examples)
    assert sum(not e.options for e in examples) >= 3, "some tasks are generation"
    shares = MIXTURE.styles
    assert min(shares.few_shot, shares.options, shares.chain_of_thought, shares.inverted) > 0


@each_task
def test_every_row_reads_and_every_wording_renders(task):
    for split in ("train", "test"):
        for row in task.source.open(split):
            example = task.read(row)
            for template in range(len(task.templates)):
                style = Style(options=bool(example.options), inverted=template in task.inverted)
                assert all(written(task, example, Wording(template, style)))


@each_task
def test_wordings_of_one_task_differ(task):
    example = task.read(task.source.open("train")[0])
    inputs = [written(task, example, Wording(t, Style(inverted=t in task.inverted)))[0] for t in range(len(task.templates))]
    assert len(set(inputs)) == len(inputs)


def test_no_wording_of_the_held_out_cluster_is_trained_on():
    split = hold_out(MIXTURE, ["topic"])
    trained = {template.input for task in split.train.tasks() for template in task.templates}
    assert not trained & {template.input for task in split.heldout for template in task.templates}
    assert set(split.removed) == {task.name for task in split.heldout}, "no other task shares lineage with it"


@each_task
def test_no_test_row_is_a_training_row(task):
    def key(row):
        example = task.read(row)
        return json.dumps([dict(example.fields), example.answer, sorted(example.options)])

    train, test = ([key(row) for row in task.source.open(split)] for split in ("train", "test"))
    assert not set(train) & set(test)
    assert len(set(train)) == len(train) >= 3000
    assert len(set(test)) == len(test) >= (250 if task.cluster == "topic" else 100)


@pytest.mark.parametrize("name", ["right_kind", "mentions_kind", "same_kind", "count_kind"])
def test_answers_are_balanced_where_the_options_are_fixed(name):
    task = MIXTURE.task(name)
    examples = [task.read(row) for row in task.source.open("train")]
    assert len({tuple(e.options) for e in examples}) == 1
    shares = [sum(e.answer == option for e in examples) / len(examples) for option in examples[0].options]
    assert min(shares) > 0.9 / len(shares), shares


def test_the_answer_is_no_word_of_a_held_out_text():
    for task in MIXTURE.clusters()["topic"]:
        for row in task.source.open("test"):
            example = task.read(row)
            told = words_of(" ".join(map(str, example.fields.values())))
            assert not set(example.options) & set(told)


def test_the_vocabulary_is_small(vocabulary):
    shown = [w for style in MIXTURE.styles.option_styles for w in words_of(style.block(["yes"] * 5))]
    reasoned = [w for chain in MIXTURE.styles.chains_of_thought for w in words_of(f"{chain.request} {chain.bridge}")]
    few_shot = [w for form in MIXTURE.styles.exemplar_formats for w in words_of(form.join([], Shot("")))]
    assert len(set().union(*vocabulary.values(), shown, reasoned, few_shot)) <= 600


@pytest.mark.parametrize("heldout", [["topic"], ["topic", "categorise"]], ids="+".join)
def test_every_word_of_the_held_out_cluster_is_known_from_training(vocabulary, heldout):
    split = hold_out(MIXTURE, heldout)
    known = set().union(*(vocabulary[task.name] for task in split.train.tasks()))
    for task in MIXTURE.clusters()["topic"]:
        assert not vocabulary[task.name] - known, f"{task}: unknown to a tokenizer trained without {heldout}"


def test_rows_are_the_same_in_every_process():
    def digest(hash_seed: str) -> str:
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
        command = [sys.executable, "-c", _DIGEST]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()

    rows = [[t.name, list(t.source.open(s))] for t in TASKS for s in ("train", "test")]
    here = hashlib.sha256(json.dumps(rows).encode()).hexdigest()
    assert digest("1") == digest("2") == here
