"""Packing: nothing lost, nothing over its limit, nothing out of its segment, and little room left."""

import numpy as np
import pytest

from flanjax.data.packing import Encoded, pack_examples, pack_row

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
    rows = pack_examples(inputs, targets, S, T)
    assert sorted(i for row in rows for i in row) == list(range(len(inputs)))
    assert all(inputs[row].sum() <= S and targets[row].sum() <= T for row in rows)


@pytest.mark.parametrize("seed", range(3))
def test_rows_are_nearly_full_where_inputs_alone_bind(seed):
    inputs, targets = lengths(seed)
    rows = pack_examples(inputs, targets, S, T)
    assert targets.sum() / T < 0.6 * inputs.sum() / S  # targets do not bind
    assert inputs.sum() / (len(rows) * S) >= 0.96


@pytest.mark.parametrize("case", ["flan-like", "long targets", "empty inputs"])
def test_fewer_rows_than_next_fit(case):
    inputs, targets = CASES[case]
    assert len(pack_examples(inputs, targets, S, T)) < 0.95 * next_fit(inputs, targets)


@each_case
def test_packing_is_a_function_of_the_lengths(case):
    inputs, targets = CASES[case]
    assert pack_examples(inputs, targets, S, T) == pack_examples(inputs.copy(), targets.copy(), S, T)


def example(inputs, targets, task=0, weight=1.0):
    return Encoded(np.array(inputs, np.int32), np.array(targets, np.int32), weight, task, 0, 0)


def segments(row):
    """The examples of a row again: per segment its inputs, targets, decoder inputs, positions, weights and tasks."""
    found = []
    for segment in range(1, max(row["segment_ids"].max(), row["inputs_segment_ids"].max()) + 1):
        write = row["segment_ids"] == segment
        names = ("targets", "decoder_inputs", "positions", "loss_weights", "task_ids")
        found.append((row["inputs"][row["inputs_segment_ids"] == segment].tolist(), *(row[n][write].tolist() for n in names)))
    return found


EXAMPLES = [
    example([5, 6], [7, 8, 1], task=2, weight=0.5),
    example([], [9, 1], task=1),
    example([4], [0, 3, 0], task=3),  # targets may hold the padding id
]


def test_a_row_holds_each_example_as_its_own_segment_even_without_inputs():
    assert segments(pack_row(EXAMPLES, 10, 12, start_id=0)) == [
        ([5, 6], [7, 8, 1], [0, 7, 8], [0, 1, 2], [0.5] * 3, [2] * 3),
        ([], [9, 1], [0, 9], [0, 1], [1.0] * 2, [1] * 2),
        ([4], [0, 3, 0], [0, 0, 3], [0, 1, 2], [1.0] * 3, [3] * 3),
    ]


def test_what_is_no_example_is_padding_in_every_array():
    row = pack_row(EXAMPLES, 10, 12, start_id=99)
    assert all(array[8:].tolist() == [0] * 4 for name, array in row.items() if not name.startswith("inputs"))
    assert row["inputs_segment_ids"].tolist() == [1, 1, 3] + [0] * 7
    assert [s[2][0] for s in segments(row)] == [99, 99, 99]
    assert not any(array.any() for array in pack_row([], 10, 12, 99).values())


def test_arrays_have_the_contracts_names_shapes_and_types():
    row = pack_row(EXAMPLES, 10, 12, 0)
    assert {n: (a.shape, a.dtype.name) for n, a in row.items()} == {
        "inputs": ((10,), "int32"),
        "inputs_segment_ids": ((10,), "int32"),
        **dict.fromkeys(["decoder_inputs", "targets", "segment_ids", "positions", "task_ids"], ((12,), "int32")),
        "loss_weights": ((12,), "float32"),
    }


def test_a_row_may_be_filled_to_the_last_token():
    row = pack_row([example([1] * 6, [2] * 8), example([3] * 4, [4] * 4)], 10, 12, 0)
    assert row["segment_ids"].tolist() == [1] * 8 + [2] * 4
    assert row["inputs_segment_ids"].tolist() == [1] * 6 + [2] * 4
