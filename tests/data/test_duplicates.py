"""Rows that repeat an earlier one are left out, within a task and across tasks, the same in every process."""

import dataclasses
import json
import os
import sys
import time

import numpy as np
import pytest

from flanjax import Duplicates, Example, Length, Mixture, NearDuplicates, Task, Template, equal, jsonl, rows
from flanjax.data import duplicates
from flanjax.data.corpus import DataConfig, open_corpus, open_rows
from flanjax.data.feature_config import FeatureConfig
from flanjax.data.offline.prepared import identity_of
from flanjax.data.pipeline import BatchIterator
from flanjax.data.tokenizer import ByteTokenizer
from flanjax.data.windows import make_window
from flanjax.describe.plan import describe
from flanjax.sources import kept
from flanjax.tasks.filters import RowsLeftOut
from flanjax.tasks.styles import StyleShares

CONFIG = DataConfig(batch_size=2, num_streams=2, window=64, features=FeatureConfig(inputs_length=512, targets_length=64))
FIRST = [{"q": f"question number {n}", "a": "yes"} for n in range(6)]
SECOND = [
    {"q": " Question  NUMBER 0", "a": "Yes"},  # equals a row of the first task
    {"q": "question number 1", "a": "no"},  # with another answer
    {"q": "only here", "a": "yes"},
    {"q": "only here", "a": "yes"},  # equals a row of its own task
    {"q": "short", "a": "x"},
    {"q": "short", "a": "x"},  # too short to compare
    {"q": None, "a": "y"},
    {"q": None, "a": ""},  # gives no example
]
WORDS = [f"w{n}" for n in range(60)]


def read(row):
    return Example({"q": row["q"] or "nothing at all", "more": None}, row["a"])


def task(name, data, source=None, **more):
    source = source or rows(name, train=data)
    return Task(name=name, cluster=name, source=source, example=read, templates=[Template("Q: {{ q }}")], **more)


def corpus_of(*tasks, filters=(), config=CONFIG):
    mixture = Mixture(name="m", parts=tasks, rate=equal(), styles=StyleShares(few_shot=0), filters=filters)
    return open_corpus(mixture, open_rows(mixture), ByteTokenizer(), config)


def left_out(*tasks, filters=()):
    """Task -> the numbers of its rows that are left out as duplicates."""
    entries = corpus_of(*tasks, filters=filters).entries
    return {e.task.name: sorted(r for f in e.filters if isinstance(f, RowsLeftOut) for r in f.rows) for e in entries}


BOTH = (task("first", FIRST), task("second", SECOND))


def test_a_mixture_leaves_out_every_row_that_equals_one_before_it():
    assert left_out(*BOTH, filters=[Duplicates()]) == {"first": [], "second": [0, 3]}
    assert left_out(*BOTH, filters=[Duplicates(answers=False)]) == {"first": [], "second": [0, 1, 3]}
    assert left_out(*BOTH, filters=[Duplicates(across=False)]) == {"first": [], "second": [3]}
    assert left_out(*BOTH) == {"first": [], "second": []}


def test_a_task_may_ask_for_it_alone():
    first, second = BOTH
    assert left_out(first, dataclasses.replace(second, filters=[Duplicates()])) == {"first": [], "second": [3]}


def test_rows_left_out_are_counted_by_filter_and_never_trained_on():
    corpus = corpus_of(*BOTH, filters=[Duplicates(), Length(min_words=3, of="q")])
    stats = make_window(corpus, 0, 0).stats
    assert stats.filtered["duplicates"].keys() == {1}
    assert stats.filtered["length"].keys() == {1}
    assert stats.counts["left_out"][1] >= sum(counts[1] for counts in stats.filtered.values())
    assert stats.counts["left_out"][0] == 0
    assert stats.counts["bad"].sum() == 0
    seen = describe(Mixture(name="m", parts=BOTH, filters=[Duplicates()]), ByteTokenizer(), sample=60).tasks[1]
    assert ("left out", 2, "duplicates: equals an earlier row") in [(r.kind, r.rows, r.text) for r in seen.reasons]


def test_near_duplicates_are_found_and_the_first_of_them_stays():
    changed = [*WORDS[:30], "changed", *WORDS[31:]]
    half = [*WORDS[:30], *(f"x{n}" for n in range(30))]
    data = [{"q": " ".join(words), "a": "yes"} for words in (WORDS, changed, half, changed[::-1])]
    assert left_out(task("t", data), filters=[NearDuplicates(threshold=0.7)]) == {"t": [1]}
    assert left_out(task("t", data), filters=[NearDuplicates(threshold=0.99)]) == {"t": []}
    across = (task("a", data[1:2]), task("b", data[:1]))
    assert left_out(*across, filters=[NearDuplicates(threshold=0.7)]) == {"a": [], "b": [0]}
    assert left_out(*across, filters=[NearDuplicates(threshold=0.7, across=False)]) == {"a": [], "b": []}


def test_a_row_like_one_that_is_left_out_stays_if_it_is_unlike_those_that_stay():
    steps = [
        [*(f"x{n}" for n in range(k)), *WORDS[k:]] for k in (0, 8, 16)
    ]  # each like its neighbour, not the third like the first
    data = [{"q": " ".join(words), "a": "yes"} for words in steps]
    assert left_out(task("t", data), filters=[NearDuplicates(threshold=0.65, words=1)]) == {"t": [1]}


def test_without_datasketch_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasketch", None)
    with pytest.raises(RuntimeError, match=r"pip install flanjax\[check\]"):
        left_out(*BOTH, filters=[NearDuplicates()])


def test_the_rows_of_files_are_passed_over_once(tmp_path, monkeypatch):
    monkeypatch.setenv(kept.VARIABLE, str(tmp_path / "index"))
    path = tmp_path / "rows.jsonl"

    def write(data):
        path.write_text("".join(json.dumps(row) + "\n" for row in data))
        os.utime(path, (time.time() - 100,) * 2)

    def found():
        return left_out(task("t", None, jsonl(train=str(path), name="t")), filters=[Duplicates(), NearDuplicates()])["t"]

    passes = []
    for name in ("_hashes", "_signatures", "_near"):
        make = getattr(duplicates, name)
        monkeypatch.setattr(duplicates, name, lambda *args, make=make, name=name: passes.append(name) or make(*args))
    write(FIRST * 2)
    assert found() == sorted([*range(6, 12)] * 2)
    assert passes == ["_hashes", "_signatures", "_near"]
    assert found() == sorted([*range(6, 12)] * 2)
    assert len(passes) == 3
    write(FIRST)
    assert found() == []
    assert len(passes) == 6


def test_filters_and_what_they_know_are_part_of_the_datas_identity():
    first, second = BOTH
    several = [
        corpus_of(first, second, filters=filters)
        for filters in ((), [Duplicates()], [Length(min_words=1)], [Length(min_words=2)])
    ]
    several.append(corpus_of(task("first", [*FIRST[:-1], FIRST[0]]), second, filters=[Duplicates()]))
    identities = [json.dumps(identity_of(corpus)) for corpus in several]
    assert len(set(identities)) == len(identities)


def test_workers_and_a_resume_give_the_same_rows():
    filters = [Duplicates(), Length(min_words=3, of="q")]
    whole = BatchIterator(corpus_of(*BOTH, filters=filters))
    apart = BatchIterator(corpus_of(*BOTH, filters=filters, config=dataclasses.replace(CONFIG, num_workers=1)))
    batches = [next(whole) for _ in range(8)]
    for batch in batches[:4]:
        theirs = next(apart)
        assert all(np.array_equal(batch[name], theirs[name]) for name in batch)
    resumed = BatchIterator(corpus_of(*BOTH, filters=filters), state=apart.state())
    for batch in batches[4:]:
        theirs = next(resumed)
        assert all(np.array_equal(batch[name], theirs[name]) for name in batch)


def test_a_filter_that_fails_makes_a_bad_row():
    stats = make_window(corpus_of(*BOTH, filters=[Length(min_words=1, of="no_field")]), 0, 0).stats
    assert stats.counts["examples"].sum() == 0
    assert "looks for the field 'no_field'" in stats.reasons[0][0]
