"""Rows of several lengths: every example once, batches that any hosts agree on without talking, and resumes in a round."""

import dataclasses
import json
from collections import Counter

import numpy as np
import pytest
from batch_checks import joined, same, take

from flanjax.config import ConfigError, RunConfig
from flanjax.data.corpus import DataConfig, open_corpus, open_rows
from flanjax.data.data_stats import DataStats
from flanjax.data.feature_config import FeatureConfig
from flanjax.data.layout import make_layout
from flanjax.data.offline.prepared import Prepared, data_keys, digest, identity_of, manifest_of, write_manifest
from flanjax.data.offline.shards import Shard, make_shard, read_part
from flanjax.data.packing import pack_examples, pack_rounds
from flanjax.data.pipeline import BatchIterator, DataState, Host
from flanjax.data.tokenizer import ByteTokenizer
from flanjax.data.validation import validation_batches
from flanjax.data.windows import make_window, window_features
from flanjax.describe.pairs import suggest_pairs
from flanjax.parts import mixture_record
from flanjax.sources import rows
from flanjax.tasks.clusters import hold_out
from flanjax.tasks.mixture import Mixture
from flanjax.tasks.styles import StyleShares
from flanjax.tasks.task import Example, SkipRow, Task
from flanjax.tasks.template import Template

PAIRS = ((96, 8), (96, 40), (64, 8))
CONFIG = DataConfig(
    batch_size=8,
    num_streams=4,
    window=20,
    features=FeatureConfig(inputs_length=96, targets_length=40, lengths=PAIRS),
    max_bad_share=1.0,
)


def read(row):
    if row.get("skip"):
        raise SkipRow("on purpose")
    return Example({"q": row["q"]}, row["a"])


def task(name, answer, skipped=9):
    data = [{"q": f"{name}{i} " + "x" * (7 * i % 60), "a": answer(i), "skip": i % skipped == 1} for i in range(41)]
    return Task(
        name=name,
        cluster=name,
        source=rows(name, train=data, test=data[:8]),
        example=read,
        templates=[Template("{{ q }}?")],
        evaluation="test",
    )


MIXTURE = Mixture(
    name="m",
    parts=[task("short", lambda i: "yes"), task("long", lambda i: "w" * (i % 38 + 1), skipped=4)],
    styles=StyleShares(few_shot=0, options=0, chain_of_thought=0, inverted=0),
)


def corpus_of(lengths=PAIRS, **changes):
    features = dataclasses.replace(CONFIG.features, lengths=lengths)
    config = dataclasses.replace(CONFIG, features=features, **changes)
    return open_corpus(MIXTURE, open_rows(MIXTURE), ByteTokenizer(), config)


CORPUS = corpus_of()


def hosts(count, state=None, source=None):
    return [BatchIterator(CORPUS, Host(i, count), state, source) for i in range(count)]


def through_json(iterators):
    record = DataState.merge([json.loads(json.dumps(i.state().to_json())) for i in iterators])
    return DataState.from_json(json.loads(json.dumps(record)))


@pytest.fixture(scope="module")
def sequence():
    return take(BatchIterator(CORPUS), 40)


def drawn(seed, n=600):
    """Sizes of a mixture in which a quarter of the examples have most of the target tokens."""
    draw = np.random.default_rng(seed)
    long = draw.random(n) < 0.25
    targets = np.where(long, np.clip(draw.lognormal(3.6, 0.5, n), 9, 128), draw.integers(2, 9, n))
    return np.stack([np.clip(draw.lognormal(5, 0.8, n), 8, 512), targets], axis=1).astype(np.int64)


@pytest.mark.parametrize("limits", [[(512, 16), (512, 128), (512, 16)], [(512, 128)] * 2, [(256, 64), (512, 128), (512, 8)]])
def test_every_example_is_in_one_row_of_a_round_and_every_row_within_its_limits(limits):
    for sizes in (drawn(0), drawn(1, 7), np.zeros((0, 2), np.int64), np.full((9, 2), (512, 128))):
        rounds = pack_rounds(sizes, limits)
        assert all(len(each) == len(limits) for each in rounds)
        assert sorted(i for each in rounds for row in each for i in row) == list(range(len(sizes)))
        for row, limit in (pair for each in rounds for pair in zip(each, limits, strict=True)):
            assert (sizes[row].sum(axis=0) <= limit).all()


@pytest.mark.parametrize("seed", range(2))
def test_pairs_fill_the_targets_that_one_pair_leaves_empty(seed):
    sizes, limits = drawn(seed), [(512, 128), (512, 48), (512, 16), (512, 16), (512, 16)]
    one = sizes.sum(axis=0) / np.multiply(len(pack_examples(sizes, (512, 128))), (512, 128))
    pairs = sizes.sum(axis=0) / np.multiply(len(pack_rounds(sizes, limits)), np.sum(limits, axis=0))
    assert pairs[0] > one[0] - 0.05 > 0.85
    assert pairs[1] > 2 * one[1]


def test_which_pair_a_batch_has_follows_from_its_number(sequence):
    for number, batch in enumerate(sequence):
        lengths = CONFIG.features.lengths_of(number)
        assert lengths == PAIRS[number % 3]
        assert (batch["inputs"].shape, batch["targets"].shape) == ((8, lengths.inputs), (8, lengths.targets))


def examples_of(batch):
    """The tokens of every example of a batch."""
    for row in range(len(batch["targets"])):
        for segment in range(1, batch["segment_ids"][row].max() + 1):
            sides = (("inputs", "inputs_segment_ids"), ("targets", "segment_ids"))
            yield tuple(batch[name][row][batch[ids][row] == segment].tobytes() for name, ids in sides)


def planned(windows):
    """The examples of the first windows of each stream, as many as asked for."""
    found = Counter()
    for stream, number in ((stream, n) for stream, count in windows.items() for n in range(count)):
        features = window_features(CORPUS, stream, number)
        found.update((e.inputs.tobytes(), e.targets.tobytes()) for e in features.examples)
    return found


def test_every_example_of_the_plan_comes_once():
    iterator, found = BatchIterator(CORPUS), Counter()
    while iterator.state().turn or min(window for window, _ in iterator.state().streams.values()) < 3:
        found.update(examples_of(next(iterator)))
    streams = iterator.state().streams
    assert not planned({s: window for s, (window, _) in streams.items()}) - found, "an example is missing"
    assert not found - planned({s: window + (row > 0) for s, (window, row) in streams.items()}), "an example comes twice"


@pytest.mark.parametrize(("before", "after"), [(1, 1), (1, 4), (4, 2)])
@pytest.mark.parametrize("steps", [1, 2, 3, 11])
def test_a_resume_in_any_batch_of_a_round_goes_on_with_other_hosts(sequence, before, after, steps):
    first = hosts(before)
    same(joined([take(host, steps) for host in first]), sequence[:steps])
    state = through_json(first)
    assert state.turn == steps % 3
    again = hosts(after, state)
    same(joined([take(host, 17) for host in again]), sequence[steps : steps + 17])
    straight = BatchIterator(CORPUS)
    take(straight, steps + 17)
    assert through_json(again).to_json() == straight.state().to_json()


def test_resuming_again_and_again_is_not_resuming_at_all(sequence):
    state, batches = None, []
    for _ in range(14):
        iterator = BatchIterator(CORPUS, state=state)
        batches.append(next(iterator))
        state = through_json([iterator])
    same(batches, sequence[:14])


def prepared(directory, windows=4):
    identity = identity_of(CORPUS)
    stats, shards, row = DataStats(2), [], {}
    for stream in range(4):
        shard = Shard(stream, 0, windows)
        make_shard(directory, shard, CORPUS, digest(identity))
        record = read_part(directory, shard, digest(identity))
        stats.merge(DataStats.from_json(record.pop("tally")))
        row = record.pop("arrays") or row
        shards.append(record)
    write_manifest(directory, manifest_of({}, CORPUS, identity, shards, stats, row))
    return Prepared(directory)


def test_prepared_rows_are_those_made_on_the_fly_and_their_steps_are_whole_rounds(tmp_path):
    source = prepared(tmp_path)
    steps = source.num_steps(CONFIG)
    assert steps % 3 == 0
    assert steps > 6
    read = hosts(2, source=source)
    same(joined([take(host, steps) for host in read]), take(BatchIterator(CORPUS), steps))
    source.check_made_alike(CORPUS, 1)
    state = through_json(hosts(1))._replace(turn=0)
    same(take(BatchIterator(CORPUS, state=state, prepared=source), 4), take(BatchIterator(CORPUS), 4))


def test_one_pair_is_prepared_and_saved_as_before_there_were_several():
    alone, named = corpus_of(()), corpus_of(((96, 40),))
    assert "lengths" not in data_keys(alone.config)["features"]
    assert data_keys(CONFIG)["features"]["lengths"] == PAIRS
    same(take(BatchIterator(alone), 6), take(BatchIterator(named), 6))
    iterator = BatchIterator(alone)
    batch = next(iterator)
    assert "row_weights" not in batch
    assert set(iterator.state().to_json()) == {"streams", "tally"}


def test_rows_weigh_together_what_their_targets_weigh():
    window = make_window(CORPUS, 1, 1)
    assert len({float(row["row_weights"]) for row in window.rows}) == 1
    total = sum(row["loss_weights"].sum() for row in window.rows)
    assert sum(row["row_weights"] for row in window.rows) == pytest.approx(total)


def test_the_fill_on_record_counts_rows_of_every_length():
    batches, iterator = [], BatchIterator(CORPUS)
    while not batches or iterator.state().turn or any(row for _, row in iterator.state().streams.values()):
        batches.append(next(iterator))
    record = mixture_record(hold_out(MIXTURE, ()), CORPUS, iterator.state().stats, 1)["packing"]
    for name, ids in (("encoder_fill", "inputs_segment_ids"), ("decoder_fill", "segment_ids")):
        used, room = sum(np.count_nonzero(b[ids]) for b in batches), sum(b[ids].size for b in batches)
        assert record[name] == pytest.approx(used / room)


def test_validation_packs_the_longest_rows_whatever_the_pairs():
    same(validation_batches(CORPUS, 5), validation_batches(corpus_of(()), 5))


@pytest.mark.parametrize(
    ("lengths", "said"),
    [
        (((96, 8),), r"lengths is \(Lengths.*expected pairs of which the longest is \(96, 40\)"),
        (((96, 40), (128, 8)), "the longest is"),
        (((96, 4), (96, 40)), "expected a list, each 2 values, each an integer of at least 8"),
        (((96, 40, 8),), "each 2 values"),
        ((96, 40), "expected a list"),
    ],
)
def test_pairs_that_cannot_hold_the_longest_example_are_refused(lengths, said):
    with pytest.raises(ConfigError, match=said):
        RunConfig.from_config_dict(
            {
                "name": "n",
                "mixture": "m",
                "data": {"features": {"inputs_length": 96, "targets_length": 40, "lengths": lengths}},
            }
        )


def test_pairs_are_suggested_where_they_save_positions_and_are_then_filled_as_promised():
    layout = make_layout(FeatureConfig(inputs_length=512, targets_length=128), ByteTokenizer())
    sizes = drawn(3)
    rows = len(pack_examples(sizes, (512, 128)))
    better = suggest_pairs(sizes, rows, layout)
    assert layout.config.longest in better.lengths
    rounds = len(pack_rounds(sizes, list(better.lengths)))
    room = rounds * np.sum(better.lengths, axis=0)
    assert better.fill == pytest.approx(tuple(sizes.sum(axis=0) / room))
    assert room.sum() < 0.95 * rows * 640
    dataclasses.replace(layout.config, lengths=better.lengths)  # a config takes what is suggested
    even = np.full((300, 2), (128, 32))
    assert suggest_pairs(even, 75, layout) is None


@pytest.mark.parametrize("seed", range(2))
def test_rows_are_full_on_both_sides_where_one_target_in_five_takes_half_a_row(seed):
    """News, reviews, solutions of problems, pairs of sentences and mails, of about the lengths that they really have."""
    draw, n = np.random.default_rng(seed), 6000
    kind = draw.integers(0, 5, n)
    reads = np.clip(np.array([91, 20, 72, 95, 141])[kind] * draw.lognormal(0, 0.45, n), 8, 512).astype(int)
    writes = np.select([kind == 2, kind == 4], [draw.integers(40, 121, n), draw.integers(4, 25, n)], np.where(kind, 2, 5))
    limits = [(512, 128)] * 6 + [(512, 32)]
    filled = np.array([reads.sum(), writes.sum()]) / np.sum(limits, axis=0)
    inputs, targets = filled / len(pack_rounds(np.stack([reads, writes], axis=1), limits))
    assert inputs >= 0.98
    assert targets >= 0.97


def test_two_examples_join_a_round_at_once_where_they_leave_less_room_than_the_nearest():
    """4 is nearest to the room of 5 that the first leaves, and nothing fits beside it; 3 and 2 fill it."""
    sizes = np.array([[5, 1], [4, 1], [3, 1], [2, 1]])
    assert [[sorted(row) for row in rounds] for rounds in pack_rounds(sizes, [(10, 10)])] == [[[0, 2, 3]], [[1]]]
    sizes[:, 1] = [1, 1, 5, 5]  # 3 and 2 would fill the inputs, but their targets do not fit
    rows = [row for (row,) in pack_rounds(sizes, [(10, 10)])]
    assert sorted(i for row in rows for i in row) == [0, 1, 2, 3]
    assert all((sizes[row].sum(axis=0) <= 10).all() for row in rows)
