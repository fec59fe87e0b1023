"""Packing: nothing lost, nothing over its limit, nothing out of its segment, and little room left."""

import numpy as np
import pytest

from flanjax.data.packing import pack_examples

S, T = 512, 128


def lengths(seed, n=1024, inputs_mean=110, targets_mean=9):
    """Lengths as FLAN's: lognormal, inputs long and of all sizes, targets short."""
    draw = np.random.default_rng(seed)
    inputs = np.clip(np.exp(draw.normal(np.log(inputs_mean), 0.9, n)), 4, S).astype(np.int64)
    targets = np.clip(np.exp(draw.normal(np.log(targets_mean), 0.8, n)), 1, T).astype(np.int64)
    return inputs, targets


def next_fit(inputs, targets):
    """Rows in the order of arrival, as common packers make them: the least that ours must beat."""
    rows, read, write = 1, 0, 0
    for i, t in zip(inputs, targets, strict=True):
        if read + i > S or write + t > T:
            rows, read, write = rows + 1, 0, 0
        read, write = read + i, write + t
    return rows


def sizes(inputs, targets):
    return np.stack([inputs, targets], axis=1)


CASES = {
    "flan-like": lengths(0),
    "long targets": lengths(1, inputs_mean=60, targets_mean=40),
    "empty inputs": (np.zeros(300, np.int64), lengths(2, 300)[1]),
    "all full": (np.full(20, S), np.full(20, T)),
    "one": (np.array([5]), np.array([2])),
    "none": (np.zeros(0, np.int64), np.zeros(0, np.int64)),
    "single tokens": (np.ones(2000, np.int64), np.ones(2000, np.int64)),
}
each_case = pytest.mark.parametrize("case", CASES)


@each_case
def test_every_example_is_in_one_row_and_every_row_within_both_limits(case):
    inputs, targets = CASES[case]
    rows = pack_examples(sizes(inputs, targets), (S, T))
    assert sorted(i for row in rows for i in row) == list(range(len(inputs)))
    assert all(inputs[row].sum() <= S and targets[row].sum() <= T for row in rows)


@pytest.mark.parametrize("seed", range(3))
def test_rows_are_nearly_full_where_inputs_alone_bind(seed):
    inputs, targets = lengths(seed)
    rows = pack_examples(sizes(inputs, targets), (S, T))
    assert targets.sum() / T < 0.6 * inputs.sum() / S  # targets do not bind
    assert inputs.sum() / (len(rows) * S) >= 0.96


@pytest.mark.parametrize("seed", range(3))
def test_rows_are_nearly_full_where_some_examples_need_room_on_one_side_and_some_on_the_other(seed):
    draw = np.random.default_rng(seed)
    reads, writes = draw.integers((150, 1), (360, 7), (800, 2)), draw.integers((5, 6), (40, 77), (800, 2))
    both = np.where(draw.random((800, 1)) < 0.5, reads, writes)
    rows = pack_examples(both, (S, T))
    assert len(rows) <= 1.04 * max(np.ceil(both.sum(0) / (S, T)))


@pytest.mark.parametrize("case", ["flan-like", "long targets", "empty inputs"])
def test_fewer_rows_than_next_fit(case):
    inputs, targets = CASES[case]
    assert len(pack_examples(sizes(inputs, targets), (S, T))) < 0.95 * next_fit(inputs, targets)


@each_case
def test_packing_is_a_function_of_the_lengths(case):
    inputs, targets = CASES[case]
    assert pack_examples(sizes(inputs, targets), (S, T)) == pack_examples(sizes(inputs, targets), (S, T))
