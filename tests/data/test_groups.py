"""A caller's own features: groups of examples that share a row, with a number each, on any hosts and after a resume."""

import dataclasses
import functools
import json

import numpy as np
import pytest
from batch_checks import joined, same, take

from flanjax.data.corpus import DataConfig, open_corpus, open_rows
from flanjax.data.feature_config import FeatureConfig
from flanjax.data.features import Features, make_features
from flanjax.data.layout import fits
from flanjax.data.offline.prepared import identity_of
from flanjax.data.packing import Encoded
from flanjax.data.pipeline import BatchIterator, DataState, Host
from flanjax.data.tokenizer import ByteTokenizer
from flanjax.data.windows import make_window
from flanjax.sources import rows
from flanjax.tasks.mixture import Mixture
from flanjax.tasks.task import Example, Task
from flanjax.tasks.template import Template

DATA = [
    {"q": f"{i} " + "x" * (i % 31), "chosen": f"yes {i}", "rejected": "no" * (1 + i % 9), "reference": -i / 4}
    for i in range(41)
]
TASK = Task(
    name="pairs",
    cluster="pairs",
    source=rows("pairs", train=DATA),
    example=lambda row: Example({"q": row["q"]}, row["chosen"]),
    templates=[Template("{{ q }}")],
)
MIXTURE = Mixture(name="m", parts=[TASK])
ENCODER_DECODER = FeatureConfig(inputs_length=160, targets_length=48)
CAUSAL = FeatureConfig(layout="causal", inputs_length=96, targets_length=48, reserved=2)
CONFIG = DataConfig(batch_size=8, num_streams=4, window=9, features=ENCODER_DECODER)


def make_pairs(entries, opened, visits, layout, seed):
    """Chosen and rejected answer of every row, with the row's stored reference on the chosen and its number on the other."""
    groups = []
    for task, number in zip(visits.task.tolist(), visits.row.tolist(), strict=True):
        row = opened[task][number]
        prompt, *answers = layout.tokenizer.encode([row["q"], row["chosen"], row["rejected"]])
        stored = (row["reference"], float(number))
        group = tuple(
            Encoded(
                np.array(layout.inputs(prompt), np.int32),
                np.array(layout.targets(answer), np.int32),
                1.0,
                task,
                0,
                0,
                numbers={"reference": value},
            )
            for answer, value in zip(answers, stored, strict=True)
        )
        assert fits(layout, group)
        groups.append(group)
    return Features(groups, [], *np.zeros((2, len(entries)), np.int64))


@functools.cache
def corpus_of(features=ENCODER_DECODER, **changes):
    config = dataclasses.replace(CONFIG, features=features, **changes)
    return open_corpus(MIXTURE, open_rows(MIXTURE), ByteTokenizer(), config, features=make_pairs, numbers=["reference"])


def answers_in(row, is_causal):
    """The segments of a row: text of the target, and its number, which must be one."""
    found = []
    written = row["loss_weights"] > 0
    segments = row["segment_ids"][row["target_positions"]] if is_causal else row["segment_ids"]
    for segment in range(1, int(segments.max()) + 1):
        own = written & (segments == segment)
        (number,) = set(row["reference"][own].tolist())
        found.append((ByteTokenizer().decode(row["targets"][own].tolist()), number))
    assert not row["reference"][~written].any()
    return found


@pytest.mark.parametrize("features", [ENCODER_DECODER, CAUSAL], ids=["encoder_decoder", "causal"])
def test_a_pair_lies_in_one_row_as_consecutive_segments_each_with_its_number(features):
    batches = take(BatchIterator(corpus_of(features)), 12)
    seen = set()
    for batch in batches:
        for row in ({name: array[i] for name, array in batch.items()} for i in range(8)):
            found = answers_in(row, features is CAUSAL)
            for (chosen, reference), (rejected, number) in zip(found[::2], found[1::2], strict=True):
                data = DATA[int(number)]
                assert (chosen, reference, rejected) == (data["chosen"], data["reference"], data["rejected"])
                seen.add(number)
    assert len(seen) == len(DATA)


@pytest.mark.parametrize("count", [2, 4])
def test_pairs_are_the_same_on_any_number_of_hosts_and_after_a_resume(count):
    corpus = corpus_of(CAUSAL)
    whole = take(BatchIterator(corpus), 14)
    hosts = [BatchIterator(corpus, Host(i, count)) for i in range(count)]
    begun = joined([take(h, 5) for h in hosts])
    record = json.loads(json.dumps(DataState.merge([h.state().to_json() for h in hosts])))
    assert any(row for _, row in record["streams"].values())
    same([*begun, *take(BatchIterator(corpus, state=DataState.from_json(record)), 9)], whole)


def test_worker_processes_make_the_same_pairs():
    same(take(BatchIterator(corpus_of(num_workers=1)), 4), take(BatchIterator(corpus_of()), 4))


def test_every_example_of_a_group_is_counted():
    window = make_window(corpus_of(), 1, 0)
    assert window.stats.counts["examples"].tolist() == [2 * 9]
    assert window.stats.counts["target_tokens"].sum() == sum((r["loss_weights"] > 0).sum() for r in window.rows)


def test_a_group_that_no_row_holds_is_an_error_that_says_so():
    def too_long(entries, opened, visits, layout, seed):
        groups = make_pairs(entries, opened, visits, layout, seed).groups
        return Features([tuple(e for group in groups for e in group)], [], *np.zeros((2, 1), np.int64))

    corpus = corpus_of()._replace(make_features=too_long)
    with pytest.raises(ValueError, match=r"18 examples that must share a row take \(\d+, \d+\) of it; rows have \(160, 48\)"):
        make_window(corpus, 0, 0)


def test_whose_features_they_are_is_in_the_identity_of_prepared_rows():
    bare = corpus_of()._replace(make_features=make_features)
    own, usual = identity_of(corpus_of())["features"], identity_of(bare)["features"]
    assert own["made_by"].endswith("test_groups.make_pairs")
    assert usual["made_by"] == "flanjax.data.features.make_features"
    assert list(own["numbers"]) == ["reference"]
    with pytest.raises(ValueError, match="it has no name; use a function defined with def"):
        identity_of(corpus_of()._replace(make_features=functools.partial(make_pairs)))


def test_ordinary_examples_are_groups_of_one():
    corpus = open_corpus(MIXTURE, open_rows(MIXTURE), ByteTokenizer(), CONFIG)
    made = corpus.make_features(corpus.entries, corpus.rows, corpus.plan.visits(np.arange(7)), corpus.layout, 0)
    assert [len(group) for group in made.groups] == [1] * 7
    assert made.examples == [group[0] for group in made.groups]
