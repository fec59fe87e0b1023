"""The pipeline: one sequence of global batches, whatever the hosts, threads and interruptions."""

import dataclasses
import itertools
import json

import numpy as np
import pytest

from flanjax.data.data_stats import DataError, Tally
from flanjax.data.feature_config import FeatureConfig
from flanjax.data.pipeline import BatchIterator, DataConfig, DataState, Host, make_window, open_corpus, open_rows
from flanjax.data.tokenizer import ByteTokenizer
from flanjax.sources import SourceError, rows
from flanjax.tasks.mixture import Mixture
from flanjax.tasks.registry import load_mixture
from flanjax.tasks.styles import StyleShares
from flanjax.tasks.task import Example, SkipRow, Task
from flanjax.tasks.template import Template

CONFIG = DataConfig(
    batch_size=8, num_streams=4, window=12, features=FeatureConfig(inputs_length=160, targets_length=32), max_bad_share=1.0
)


def read(row):
    if row.get("skip"):
        raise SkipRow("on purpose")
    return Example({"q": row["q"]}, row["a"], ("yes", "no"))


def task(name="a", example=read, data=None, **changes):
    data = data or [{"q": f"{name} {i} " + "x" * (i % 50), "a": "yes" if i % 3 else "no"} for i in range(37)]
    templates = [Template("Is {{ q }}?"), Template("{{ options }}\n{{ q }}")]
    fields = {"name": name, "cluster": name, "source": rows(name, train=data), "templates": templates}
    return Task(**fields | changes, example=example)


# b leaves rows out and has bad ones, so that windows differ in their number of rows.
UNEVEN = [{"q": f"{'y' * (3 * i % 100)}{i}", "a": "yes", "skip": i % 3 == 0} if i % 5 else {"q": "bad"} for i in range(50)]
MIXTURE = Mixture(name="m", parts=[task("a"), task("b", data=UNEVEN)], styles=StyleShares(max_shots=2))


def corpus_of(mixture=MIXTURE, **changes):
    return open_corpus(mixture, open_rows(mixture), ByteTokenizer(), dataclasses.replace(CONFIG, **changes))


CORPUS = corpus_of()


def take(iterator, n):
    return list(itertools.islice(iterator, n))


def same(left, right):
    assert len(left) == len(right)
    for a, b in zip(left, right, strict=True):
        assert a.keys() == b.keys()
        for name in a:
            np.testing.assert_array_equal(a[name], b[name], err_msg=name)


def joined(parts):
    """The global batches of several hosts' parts of them."""
    return [{k: np.concatenate([p[k] for p in batch]) for k in batch[0]} for batch in zip(*parts, strict=True)]


def hosts(count, state=None, corpus=CORPUS):
    return [BatchIterator(corpus, Host(i, count), state) for i in range(count)]


def through_json(iterators):
    """The state of all hosts as a checkpoint keeps it."""
    record = DataState.merge([json.loads(json.dumps(i.state().to_json())) for i in iterators])
    return DataState.from_json(json.loads(json.dumps(record)))


@pytest.fixture(scope="module")
def sequence():
    batches = take(BatchIterator(CORPUS), 40)
    windows = {s: len(make_window(CORPUS, s, 0).rows) for s in range(4)}
    assert sum(windows.values()) < 20 * 8  # the forty batches go through several windows of every stream
    return batches


@pytest.mark.parametrize("count", [2, 4])
def test_any_number_of_hosts_makes_the_same_global_batches(sequence, count):
    parts = [take(h, 40) for h in hosts(count)]
    assert parts[0][0]["inputs"].shape == (8 // count, 160)
    same(joined(parts), sequence)


@pytest.mark.parametrize(("before", "after"), [(4, 1), (4, 2), (1, 4), (2, 1), (1, 1)])
@pytest.mark.parametrize("steps", [1, 2, 7, 13])
def test_a_state_saved_by_some_hosts_goes_on_with_others(sequence, before, after, steps):
    first = hosts(before)
    for host in first:
        take(host, steps)
    parts = [take(h, 12) for h in hosts(after, through_json(first))]
    same(joined(parts), sequence[steps : steps + 12])


def test_some_of_these_resumes_are_in_the_middle_of_windows():
    iterator = BatchIterator(CORPUS)
    positions = []
    for _ in range(13):
        next(iterator)
        positions += iterator.state().streams.values()
    assert any(row > 0 for _, row in positions)
    assert any(row == 0 for _, row in positions)
    assert len({window for window, _ in positions}) > 3


def test_resuming_again_and_again_is_not_resuming_at_all(sequence):
    state, batches = None, []
    for _ in range(15):
        iterator = BatchIterator(CORPUS, state=state)
        batches.append(next(iterator))
        state = DataState.from_json(json.loads(json.dumps(iterator.state().to_json())))
    same(batches, sequence[:15])


def test_a_state_survives_json_and_is_small():
    iterator = BatchIterator(CORPUS)
    take(iterator, 9)
    record = iterator.state().to_json()
    again = DataState.from_json(json.loads(json.dumps(record)))
    assert again.streams == iterator.state().streams
    assert again.to_json() == record


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda r: r["streams"].pop("3"), "the position of 1 streams is missing, the first is stream 3"),
        (lambda r: r["streams"].update({"4": [0, 0]}), "there is a position of stream 4, but there are only 4 streams"),
        (
            lambda r: r["streams"].update({"1": [-1, 0]}),
            r"stream 1 is at \[-1, 0\], expected the numbers of a window and of a row",
        ),
        (lambda r: r["streams"].update({"1": [2.5, 0]}), r"stream 1 is at \[2.5, 0\]"),
        (lambda r: r["streams"].update({"1": 7}), "no position in the data: TypeError"),
        (lambda r: r["streams"].update({"one": [0, 0]}), "no position in the data: ValueError"),
        (lambda r: r.update(streams=[1, 2]), "no position in the data: AttributeError"),
        (lambda r: r.pop("streams"), "no position in the data: KeyError: 'streams'"),
        (lambda r: r.pop("tally"), "no position in the data: KeyError: 'tally'"),
        (lambda r: r["tally"]["counts"].update(bad=[1]), r"the counts of bad are \[1\], expected 2 numbers"),
        (
            lambda r: r["tally"]["counts"].update(bad=[1, -1]),
            r"the counts of bad are \[1, -1\], expected 2 numbers of 0 and more",
        ),
        (lambda r: r["tally"].update(styles=[1]), "the counts of styles are"),
        (lambda r: r.update(tally=DataState({}, Tally(3)).to_json()["tally"]), "the counts are of 3 tasks, expected 2"),
    ],
)
def test_a_damaged_state_is_refused_with_what_is_wrong(damage, said):
    record = json.loads(json.dumps(BatchIterator(CORPUS).state().to_json()))
    DataState.from_json(record).check(4, 2)
    damage(record)
    with pytest.raises(DataError, match=said):
        DataState.from_json(record).check(4, 2)


def test_a_state_stays_what_it_was_while_the_iterator_goes_on():
    iterator = BatchIterator(CORPUS)
    take(iterator, 3)
    state = iterator.state()
    record = json.dumps(state.to_json())
    take(iterator, 10)
    take(BatchIterator(CORPUS, state=state), 10)
    assert json.dumps(state.to_json()) == record


@pytest.mark.parametrize("count", [1, 2, 4])
@pytest.mark.parametrize("steps", [1, 5, 13, 20])
def test_counts_do_not_depend_on_hosts_or_interruptions(count, steps):
    whole = BatchIterator(CORPUS)
    take(whole, 30)
    first = hosts(count)
    for host in first:
        take(host, steps)
    second = hosts(count, through_json(first))
    for host in second:
        take(host, 30 - steps)
    assert through_json(second).tally.to_json()["counts"] == whole.state().tally.to_json()["counts"]


@pytest.mark.parametrize("changes", [{"num_threads": 4}, {"prefetch_windows": 7}, {"num_threads": 3, "prefetch_windows": 1}])
def test_threads_and_prefetching_change_nothing(sequence, changes):
    same(take(BatchIterator(corpus_of(**changes)), 25), sequence[:25])


@pytest.mark.parametrize("changes", [{"seed": 1}, {"window": 13}, {"num_streams": 2}])
def test_what_decides_the_data_does_change_it(sequence, changes):
    other = take(BatchIterator(corpus_of(**changes)), 3)
    assert any(not np.array_equal(a["targets"], b["targets"]) for a, b in zip(other, sequence, strict=False))


def test_a_window_is_a_function_of_its_number_and_holds_the_plans_examples():
    window = make_window(CORPUS, 2, 5)
    same(window.rows, make_window(corpus_of(), 2, 5).rows)
    nth = np.arange(60, 72) * 4 + 2
    visits = CORPUS.plan.visits(nth)
    counts = window.tally.counts
    assert (counts["examples"] + counts["bad"] + counts["left_out"] + counts["too_long"]).tolist() == np.bincount(
        visits.task, minlength=2
    ).tolist()
    segments = sum(len(np.unique(r["segment_ids"][r["segment_ids"] > 0])) for r in window.rows)
    assert segments == counts["examples"].sum()


def test_rows_of_a_window_are_not_sorted_by_how_full_they_are():
    corpus = corpus_of(window=400)
    fill = [(r["inputs_segment_ids"] > 0).mean() for r in make_window(corpus, 0, 0).rows]
    halves = np.array(fill[: len(fill) // 2]), np.array(fill[len(fill) // 2 :])
    assert len(fill) > 40
    assert abs(halves[0].mean() - halves[1].mean()) < 0.1
    assert fill != sorted(fill, reverse=True)


def test_a_task_with_too_many_bad_rows_stops_the_run_with_task_row_and_reason():
    bad = [{"q": "ok", "a": "yes"} if i % 4 else {"q": "ok", "a": "maybe"} for i in range(100)]
    mixture = Mixture(name="m", parts=[task("good"), task("quarter", data=bad)])
    with pytest.raises(DataError, match=r"task quarter: \d+ of \d+ rows are bad .*allowed 10\.0%.*row \d+: answer 'maybe'"):
        take(BatchIterator(corpus_of(mixture, max_bad_share=0.1)), 100)
    assert len(take(BatchIterator(corpus_of(mixture, max_bad_share=0.5)), 60)) == 60


def test_a_wrong_column_in_one_task_is_named_at_once():
    mixture = Mixture(name="m", parts=[task("good"), task("wrong", lambda row: Example({"q": row["question"]}, row["a"]))])
    with pytest.raises(DataError, match=r"task wrong: .*missing field 'question'; the row has \['a', 'q'\]"):
        take(BatchIterator(corpus_of(mixture, max_bad_share=0.02)), 10)


def test_bad_rows_before_an_interruption_count_after_it():
    bad = [{"q": "ok", "a": "yes"} if i % 4 else {"q": "ok", "a": "maybe"} for i in range(100)]
    corpus = corpus_of(Mixture(name="m", parts=[task("quarter", data=bad)]), max_bad_share=0.1, window=4)

    def interrupted(state=None):
        for _ in range(60):
            iterator = BatchIterator(corpus, state=state)
            next(iterator)
            state = through_json([iterator])

    with pytest.raises(DataError, match="task quarter"):
        interrupted()


@pytest.mark.timeout(120)
def test_when_every_row_is_left_out_that_is_an_error_and_not_a_hang():
    skipped = task("skipped", data=[{"q": "x", "a": "yes", "skip": True}] * 5)
    with pytest.raises(DataError, match=r"every row is skipped"):
        next(BatchIterator(corpus_of(Mixture(name="m", parts=[skipped]), window=2)))


def test_a_rare_task_among_rows_left_out_is_still_found():
    data = [{"q": "x", "a": "yes", "skip": i != 7} for i in range(60)]
    corpus = corpus_of(Mixture(name="m", parts=[task("rare", data=data)]), window=3)
    first = hosts(2, corpus=corpus)
    parts = [take(h, 6) for h in first]
    same(joined(parts), take(BatchIterator(corpus), 6))
    rest = [take(h, 4) for h in hosts(1, through_json(first), corpus)]
    same(joined(rest), take(BatchIterator(corpus), 10)[6:])


def test_data_that_is_missing_or_empty_is_named_with_its_task():
    with pytest.raises(SourceError, match="no rows") as caught:
        open_rows(Mixture(name="m", parts=[task("nothing", source=rows("nothing", train=[]))]))
    assert "task nothing" in "".join(caught.value.__notes__)
    with pytest.raises(SourceError, match="task untrained has no training split"):
        open_rows(Mixture(name="m", parts=[task("untrained", train=None)]))
    with pytest.raises(SourceError, match="no split 'trian'") as caught:
        open_rows(Mixture(name="m", parts=[task("typo", train="trian")]))
    assert "task typo" in "".join(caught.value.__notes__)


def test_streams_must_divide_the_batch_and_be_divided_by_the_hosts():
    with pytest.raises(ValueError, match=r"num_streams is 3.*batch_size=8"):
        dataclasses.replace(CONFIG, num_streams=3)
    with pytest.raises(ValueError, match=r"num_streams=4 does not divide among 3 hosts"):
        BatchIterator(CORPUS, Host(0, 3))
    with pytest.raises(ValueError, match="window is 0"):
        dataclasses.replace(CONFIG, window=0)
    assert sorted(s for i in range(4) for s in Host(i, 4).streams(8)) == list(range(8))


USERS_FILE = """
from flanjax import Example, Mixture, Task, Template, rows

SUFFIX = "!"

def read(row):
    return Example({"q": row["q"] + SUFFIX}, row["q"])

parts = [Task(name="t", cluster="c", source=rows("t", train=[{"q": str(i)} for i in range(40)]), example=read,
              templates=[Template("Say {{ q }}")])]
mine = Mixture(name="mine", parts=parts)
"""


def test_worker_processes_make_the_same_batches_from_a_users_file(tmp_path):
    (tmp_path / "mine.py").write_text(USERS_FILE)
    mixture = load_mixture(f"{tmp_path / 'mine.py'}:mine")
    alone, helped = (take(BatchIterator(corpus_of(mixture, num_workers=n)), 4) for n in (0, 1))
    same(alone, helped)
