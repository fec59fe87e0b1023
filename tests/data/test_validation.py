"""Validation batches: fixed, finite, of evaluation rows alone, and never with exemplars."""

import dataclasses

import numpy as np
import pytest

from flanjax.data.corpus import DataConfig, open_corpus, open_rows
from flanjax.data.data_stats import DataError
from flanjax.data.feature_config import FeatureConfig
from flanjax.data.tokenizer import ByteTokenizer
from flanjax.data.validation import validation_batches
from flanjax.data.windows import make_window
from flanjax.sources import rows
from flanjax.tasks.exemplar_formats import FORMATS
from flanjax.tasks.filters import Duplicates
from flanjax.tasks.mixture import Mixture
from flanjax.tasks.styles import StyleShares
from flanjax.tasks.task import Example, Task
from flanjax.tasks.template import Template
from flanjax.tasks.text_filters import Length

BYTES = ByteTokenizer()


def task(name, num_rows, evaluation="test"):
    data = {s: [{"q": f"<{name}-{s}-{i}>"} for i in range(n)] for s, n in (("train", 30), ("test", num_rows))}
    return Task(
        name=name,
        cluster=name,
        source=rows(name, **data),
        example=lambda row: Example({"q": row["q"]}, "fine"),
        templates=[Template("Say {{ q }}")],
        evaluation=evaluation,
    )


MIXTURE = Mixture(
    name="m", parts=[task("a", 50), task("b", 3), task("untested", 9, None)], styles=StyleShares(few_shot=1.0, inverted=0)
)


def batches(examples_per_task=10, mixture=MIXTURE, batch_size=4):
    features = FeatureConfig(inputs_length=64, targets_length=16)
    config = DataConfig(batch_size=batch_size, num_streams=2, window=20, features=features)
    corpus = open_corpus(mixture, open_rows(mixture), BYTES, config)
    return validation_batches(corpus, examples_per_task), corpus


def shown(made):
    """(task, input text) of every example in the batches."""
    found = []
    for batch in made:
        for row in range(len(batch["inputs"])):
            for segment in range(1, batch["segment_ids"][row].max() + 1):
                ids = batch["inputs"][row][batch["inputs_segment_ids"][row] == segment]
                found.append((int(batch["task_ids"][row][batch["segment_ids"][row] == segment][0]), BYTES.decode(ids)))
    return sorted(found)


def test_each_task_shows_so_many_of_its_evaluation_rows_spread_over_all_and_each_once():
    found = shown(batches(10)[0])
    assert found == sorted([(0, f"Say <a-test-{i}>") for i in range(0, 50, 5)] + [(1, f"Say <b-test-{i}>") for i in range(3)])


def test_no_example_has_exemplars_or_training_rows_although_training_has_both():
    made, corpus = batches(50)
    trained = shown([{k: v[None] for k, v in row.items()} for row in make_window(corpus, 0, 0).rows])
    named = [words.before_input for words in FORMATS if words.before_input and "{n}" not in words.before_input]
    assert any(words in text for _, text in trained for words in named)
    assert not any(words in text or "train" in text for _, text in shown(made) for words in named)


def test_batches_are_whole_and_the_last_is_filled_with_rows_that_weigh_nothing():
    made, _ = batches(10, batch_size=8)
    assert all(batch["inputs"].shape == (8, 64) and batch["targets"].shape == (8, 16) for batch in made)
    assert not made[-1]["segment_ids"][-1].any()
    for batch in made:
        assert np.array_equal(batch["loss_weights"] > 0, batch["segment_ids"] > 0)


def test_the_batches_are_the_same_every_time():
    first, second = batches()[0], batches()[0]
    assert len(first) == len(second)
    assert all(np.array_equal(a[k], b[k]) for a, b in zip(first, second, strict=True) for k in a)


def test_evaluation_rows_that_all_fail_are_an_error_with_task_row_and_reason():
    wrong = dataclasses.replace(task("wrong", 5), example=lambda row: Example({"q": row["question"]}, "fine"))
    with pytest.raises(DataError, match=r"none of 5 .*task wrong, row 0: missing field 'question'"):
        batches(mixture=Mixture(name="m", parts=[wrong]))


def test_a_mixture_without_evaluation_rows_has_no_batches():
    assert batches(mixture=Mixture(name="m", parts=[task("untested", 9, None)]))[0] == []


def test_filters_of_training_rows_leave_evaluation_rows_alone():
    filtered = dataclasses.replace(MIXTURE, filters=(Length(min_words=99), Duplicates(answers=True)))
    assert shown(batches(10, filtered)[0]) == shown(batches(10)[0])
