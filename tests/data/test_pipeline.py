"""The pipeline: one sequence of global batches, whatever the hosts, threads and interruptions."""

import contextlib
import dataclasses
import json
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import threading
import time
import types
from pathlib import Path

import numpy as np
import pytest
from batch_checks import joined, same, take

from flanjax.data.corpus import DataConfig, open_corpus, open_rows
from flanjax.data.data_stats import DataError, DataStats
from flanjax.data.feature_config import FeatureConfig
from flanjax.data.features import make_features
from flanjax.data.packing import pack_examples
from flanjax.data.pipeline import BatchIterator, DataState, Host
from flanjax.data.tokenizer import ByteTokenizer
from flanjax.data.windows import make_window
from flanjax.parts import mixture_record
from flanjax.sources import SourceError, rows
from flanjax.tasks.mixture import Mixture, Part
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
        (lambda r: r["streams"].update({"1": 7}), "not a position in the data: TypeError"),
        (lambda r: r["streams"].update({"one": [0, 0]}), "not a position in the data: ValueError"),
        (lambda r: r.update(streams=[1, 2]), "not a position in the data: AttributeError"),
        (lambda r: r.pop("streams"), "not a position in the data: KeyError: 'streams'"),
        (lambda r: r.pop("tally"), "not a position in the data: KeyError: 'tally'"),
        (lambda r: r["tally"]["counts"].update(bad=[1]), r"the counts of bad are \[1\], expected 2 numbers"),
        (
            lambda r: r["tally"]["counts"].update(bad=[1, -1]),
            r"the counts of bad are \[1, -1\], expected 2 numbers of 0 and more",
        ),
        (lambda r: r["tally"].update(styles=[1]), "the counts of styles are"),
        (lambda r: r.update(turn=-1), "the turn is -1, expected the number of batches"),
        (lambda r: r.update(turn="0"), "the turn is '0', expected the number of batches"),
        (lambda r: r.update(turn=1), "1 batches of a round are past, but a round has 1"),
        (lambda r: r.update(tally=DataState({}, DataStats(3)).to_json()["tally"]), "the counts are of 3 tasks, expected 2"),
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
    parts, all_of_it = through_json(second).stats.to_json(), whole.state().stats.to_json()
    assert sum(all_of_it["styles"]) == sum(all_of_it["counts"]["examples"]) > 0
    assert [parts[name] for name in ("counts", "styles", "rows")] == [all_of_it[name] for name in ("counts", "styles", "rows")]


@pytest.mark.parametrize("changes", [{"num_threads": 4}, {"prefetch_windows": 7}, {"num_threads": 3, "prefetch_windows": 1}])
def test_threads_and_prefetching_change_nothing(sequence, changes):
    same(take(BatchIterator(corpus_of(**changes)), 25), sequence[:25])


@pytest.mark.parametrize(
    ("count", "changes", "prefetched"),
    [
        (1, {}, 4),
        (2, {}, 2),
        (4, {}, 2),
        (1, {"num_workers": 3}, 2),
        (1, {"num_streams": 8, "num_workers": 2}, 4),
        (1, {"prefetch_windows": 1}, 1),
    ],
)
def test_a_window_of_each_stream_is_made_ahead_unless_the_config_says_how_many(monkeypatch, count, changes, prefetched):
    told = []
    monkeypatch.setattr("flanjax.data.workers.in_threads", lambda windows, threads, ahead: told.append(ahead))
    monkeypatch.setattr("flanjax.data.workers.in_processes", lambda windows, threads, ahead, *_: told.append(ahead))
    BatchIterator(corpus_of(**changes), Host(0, count))
    assert told == [prefetched]


def test_workers_end_at_once_with_the_iterator():
    """They have windows ready then, more than a pipe holds."""
    batches = BatchIterator(corpus_of(num_workers=2, window=2048, num_streams=2))
    for _ in range(3):
        next(batches)
    workers = multiprocessing.active_children()
    assert len(workers) == 2
    time.sleep(2)
    began = time.monotonic()
    del batches
    for worker in workers:
        worker.join(10)
        assert worker.exitcode is not None
    assert time.monotonic() - began < 10  # grain alone waits 25 s for each


@pytest.mark.parametrize("changes", [{"seed": 1}, {"window": 13}, {"num_streams": 2}])
def test_what_decides_the_data_does_change_it(sequence, changes):
    other = take(BatchIterator(corpus_of(**changes)), 3)
    assert any(not np.array_equal(a["targets"], b["targets"]) for a, b in zip(other, sequence, strict=False))


def test_a_window_is_a_function_of_its_number_and_holds_the_plans_examples():
    window = make_window(CORPUS, 2, 5)
    same(window.rows, make_window(corpus_of(), 2, 5).rows)
    nth = np.arange(60, 72) * 4 + 2
    visits = CORPUS.plan.visits(nth)
    counts = window.stats.counts
    assert (counts["examples"] + counts["bad"] + counts["left_out"] + counts["too_long"]).tolist() == np.bincount(
        visits.task, minlength=2
    ).tolist()
    segments = sum(len(np.unique(r["segment_ids"][r["segment_ids"] > 0])) for r in window.rows)
    assert segments == counts["examples"].sum()


def test_rows_of_a_window_come_in_another_order_than_they_were_packed_in():
    corpus = corpus_of(window=400)
    lengths = corpus.layout.lengths[0]

    def packed(stream, number):
        visits = corpus.plan.visits(np.arange(400 * number, 400 * number + 400) * 4 + stream)
        groups = make_features(corpus.entries, corpus.rows, visits, corpus.layout, 0).groups
        sizes = np.array([corpus.layout.sizes(example) for (example,) in groups])
        return [corpus.layout.row([groups[i][0] for i in row], lengths) for row in pack_examples(sizes, lengths)]

    def order(stream, number):
        """For each row of a window its place among the rows as packed; the same rows, each once."""
        keys = [
            [tuple(row[n].tobytes() for n in row) for row in rows] for rows in (packed(stream, number), window(stream, number))
        ]
        assert sorted(keys[0]) == sorted(keys[1])
        return [keys[0].index(key) for key in keys[1]]

    def window(stream, number):
        return make_window(corpus, stream, number).rows

    def trend(rows):
        """Rank correlation of a row's place with its largest example: a packer opens rows with the largest left."""
        largest = [max(np.bincount(r["inputs_segment_ids"])[1:]) for r in rows]
        return np.corrcoef(np.argsort(np.argsort(largest, kind="stable")), np.arange(len(rows)))[0, 1]

    assert trend(packed(0, 0)) < -0.9
    assert abs(trend(window(0, 0))) < 0.3
    orders = {place: order(*place) for place in ((0, 0), (1, 0), (0, 1))}
    least = min(map(len, orders.values()))
    assert least > 40
    assert len({tuple(i for i in order if i < least) for order in orders.values()}) == 3  # each window has an order of its own


def test_a_task_with_too_many_bad_rows_stops_the_run_with_task_row_and_reason():
    bad = [{"q": "ok", "a": "yes"} if i % 4 else {"q": "ok", "a": "maybe"} for i in range(100)]
    mixture = Mixture(name="m", parts=[task("good"), task("quarter", data=bad)])
    with pytest.raises(DataError, match=r"task quarter: \d+ of \d+ rows are bad .*allowed 10\.0%.*row \d+: answer 'maybe'"):
        take(BatchIterator(corpus_of(mixture, max_bad_share=0.1)), 100)
    assert len(take(BatchIterator(corpus_of(mixture, max_bad_share=0.5)), 60)) == 60


def test_a_task_may_have_exactly_as_many_bad_rows_as_are_allowed():
    stats = DataStats(1)
    stats.counts["examples"][0], stats.counts["bad"][0] = 75, 25
    stats.check(["a"], 0.25)
    stats.reasons[0] = ["row 3: why"]
    with pytest.raises(DataError, match="task a: 25 of 100 rows are bad"):
        stats.check(["a"], 0.2499)


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
def test_a_mixture_of_which_nothing_fits_is_an_error_that_names_tasks_and_reasons_after_few_examples():
    skipped = task("skipped", data=[{"q": "x", "a": "yes", "skip": True}] * 5)
    long = task("long", lambda row: Example({"q": "x"}, "y" * 80), evaluation=None)
    corpus = corpus_of(Mixture(name="m", parts=[Part(skipped, 1), Part(long, 2)]), window=256)
    with pytest.raises(DataError) as caught:
        next(BatchIterator(corpus))
    assert re.search(r"task long: [\d,]+ too long \(row \d+: \d+ input and 80 target tokens do not fit", str(caught.value))
    assert re.search(r"task skipped: [\d,]+ left out \(row \d+: on purpose", str(caught.value))
    assert re.match(r"2,048 examples one after another give nothing", str(caught.value))
    assert "long_fields" in str(caught.value)


def test_a_search_can_be_broken_off_and_leaves_the_position_where_it_was(sequence):
    came = threading.Event()

    reached = threading.Event()

    class Stuck:
        """The corpus's windows, of which one does not come."""

        num_windows = 1 << 20

        def __call__(self, stream, number):
            if (stream, number) == (2, 3):
                reached.set()
                came.wait(60)
            return make_window(CORPUS, stream, number)

    def look():
        if reached.is_set() and time.monotonic() - last[0] > 1:
            raise InterruptedError

    batches, taken, last = BatchIterator(CORPUS, prepared=Stuck(), while_waiting=look), [], [time.monotonic()]
    states = []
    with contextlib.suppress(InterruptedError):
        while len(taken) < 20:
            states.append(batches.state().to_json())
            taken.append(next(batches))
            last[0] = time.monotonic()
    came.set()
    assert 0 < len(taken) < 20
    assert batches.state().to_json() == states[-1]
    same([*taken, *take(BatchIterator(CORPUS, state=DataState.from_json(states[-1])), 5)], sequence[: len(taken) + 5])


def test_a_task_all_of_whose_rows_are_too_long_is_warned_of_once(caplog):
    long = task("long", lambda row: Example({"q": "x"}, "y" * 80))
    corpus = corpus_of(Mixture(name="m", parts=[Part(task("a"), 1), Part(long, 1)]), window=64)
    batches = BatchIterator(corpus)
    take(batches, 20)
    (warning,) = [record.getMessage() for record in caplog.records if record.name == "flanjax"]
    assert re.search(r"task long: \d+ too long \(row \d+: \d+ input and 80 target tokens do not fit", warning)
    counts = batches.state().stats.counts
    assert counts["too_long"][1] > 50
    split = types.SimpleNamespace(train=types.SimpleNamespace(name="m"), removed={}, heldout=[], quarantined={})
    listed = mixture_record(split, corpus, batches.state().stats, 1000)["tasks"]
    assert [(t["task"], t["realised_share"]) for t in listed] == [("a", 1.0), ("long", 0.0)]


def test_a_rare_task_among_rows_left_out_is_still_found():
    data = [{"q": "x", "a": "yes", "skip": i != 7} for i in range(30)]
    corpus = corpus_of(Mixture(name="m", parts=[task("rare", data=data)]), window=3)
    first = hosts(2, corpus=corpus)
    parts = [take(h, 4) for h in first]
    rest = [take(h, 3) for h in hosts(1, through_json(first), corpus)]
    same([*joined(parts), *joined(rest)], take(BatchIterator(corpus), 7))


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


KILLED = """
import dataclasses, resource, sys, time
from flanjax.data.corpus import open_corpus, open_rows
from flanjax.data.pipeline import BatchIterator
from flanjax.data.tokenizer import ByteTokenizer
from flanjax.tasks.registry import load_mixture

resource.setrlimit(resource.RLIMIT_NOFILE, (160, 160))
sys.path.insert(0, sys.argv[1])
import test_pipeline

mixture = load_mixture(sys.argv[2])
config = dataclasses.replace(test_pipeline.CONFIG, window=1024, num_workers=2)
batches = BatchIterator(open_corpus(mixture, open_rows(mixture), ByteTokenizer(), config))
for _ in range(2):
    next(batches)
print("ready", flush=True)
time.sleep(600)
"""


def in_session(session):
    """Processes of a session that are not ended, the first of it included."""
    stats = [path.read_text().rpartition(")")[2].split() for path in Path("/proc").glob("[0-9]*/stat") if path.exists()]
    return sum(state != "Z" and int(of) == session for state, _, _, of, *_ in stats)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")
def test_workers_need_few_open_files_and_end_with_their_parent_even_if_it_is_killed(tmp_path):
    (tmp_path / "mine.py").write_text(USERS_FILE)
    command = [sys.executable, "-c", KILLED, str(Path(__file__).parent), f"{tmp_path / 'mine.py'}:mine"]
    parent = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        assert parent.stdout.readline() == "ready\n"
        assert in_session(parent.pid) >= 3
        os.kill(parent.pid, signal.SIGKILL)
        parent.wait()
        until = time.monotonic() + 20
        while in_session(parent.pid) and time.monotonic() < until:
            time.sleep(0.1)
        assert not in_session(parent.pid)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(parent.pid, signal.SIGKILL)
        parent.wait()
        parent.stdout.close()
