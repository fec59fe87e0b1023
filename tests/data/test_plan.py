"""The plan: exact shares for any number of tasks, rows without replacement, and random access."""

import pickle
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from flanjax.data.plan import Plan, permute, realised_shares


@pytest.fixture(scope="module")
def crowd():
    """1,800 tasks of 10 to 1,000,000 rows, log-uniform, mixed in proportion with FLAN's cap of 3,000."""
    sizes = np.exp(np.random.default_rng(0).uniform(np.log(10), np.log(1_000_000), 1800)).astype(np.int64)
    return Plan([f"t{i}" for i in range(1800)], np.minimum(sizes, 3000), sizes, seed=0)


def small(seed=0, shares=(5, 3, 2), rows=(7, 100, 13), names=("a", "b", "c")):
    return Plan(names, shares, rows, seed=seed)


def every(plan, n):
    return plan.visits(np.arange(n))


def test_every_one_of_1800_tasks_has_its_share_of_every_block_to_within_one_example(crowd):
    asked = crowd.shares * crowd.block_size
    for block in (0, 1, 2, 10, 1000):
        start = block * crowd.block_size
        counts = np.bincount(crowd.visits(np.arange(start, start + crowd.block_size)).task, minlength=1800)
        assert np.abs(counts - asked).max() <= 1
        assert counts.min() > 0


def test_over_many_blocks_the_shares_stay_within_one_or_two_examples(crowd):
    n = 400 * crowd.block_size
    assert np.abs(crowd.counts(n) - crowd.shares * n).max() < 3


def test_within_a_block_a_task_is_spread_evenly(crowd):
    largest = int(np.argmax(crowd.shares))
    at = np.flatnonzero(every(crowd, crowd.block_size).task == largest)
    assert np.diff(at).max() < 2.5 / crowd.shares[largest]


@pytest.mark.parametrize("n", [0, 1, 999, 1024, 1025, 5000])
def test_counts_are_the_counts_of_visits(n):
    plan = small()
    assert plan.counts(n).tolist() == np.bincount(every(plan, n).task, minlength=3).tolist()


def test_an_epoch_has_every_row_once_before_the_next_begins():
    plan = small()
    visits = every(plan, 4000)
    for task, size in enumerate(plan.num_rows):
        rows, epochs = visits.row[visits.task == task], visits.epoch[visits.task == task]
        assert epochs.tolist() == (np.arange(len(rows)) // size).tolist()
        full = len(rows) // size
        assert full > 1
        for epoch in range(full):
            assert sorted(rows[epochs == epoch]) == list(range(size))
        last = rows[epochs == full]
        assert len(set(last)) == len(last)


def test_another_epoch_and_another_task_have_another_order():
    visits = every(Plan(["a", "b"], [1, 1], [200, 200], seed=0), 1024)
    orders = [visits.row[(visits.task == t) & (visits.epoch == e)].tolist() for t in (0, 1) for e in (0, 1)]
    assert len({tuple(o) for o in orders}) == 4
    assert list(range(200)) not in orders


@pytest.mark.parametrize("seed", [0, 1])
def test_random_access_is_sequential_access(seed):
    plan = small(seed)
    sequence = np.stack(every(plan, 6000))
    wanted = np.random.default_rng(seed).permutation(6000)[:2000]
    assert np.array_equal(np.stack(small(seed).visits(wanted)), sequence[:, wanted])
    one_by_one = [np.stack(small(seed).visits(np.array([i]))) for i in (5999, 0, 1024, 1023)]
    assert np.array_equal(np.concatenate(one_by_one, axis=1), sequence[:, [5999, 0, 1024, 1023]])


def test_the_hash_changes_with_anything_that_changes_the_sequence():
    plans = [
        small(),
        small(seed=1),
        small(shares=(5, 3, 2.0001)),
        small(rows=(7, 100, 14)),
        small(names=("a", "b", "d")),
        Plan(["b", "a", "c"], [3, 5, 2], [100, 7, 13], seed=0),
    ]
    assert len({p.hash() for p in plans}) == len(plans)
    assert small().hash() == small().hash()


def test_another_seed_is_another_order():
    assert not np.array_equal(every(small(0), 1000).row, every(small(1), 1000).row)


def test_a_task_reads_its_rows_in_the_same_order_in_every_mixture():
    alone, mixed = every(Plan(["b"], [1], [100], seed=0), 100), every(small(), 1024)
    assert mixed.row[mixed.task == 1][:100].tolist() == alone.row.tolist()


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7, 15, 16, 17, 63, 64, 65, 255, 256, 257, 1000, 4097, 100_000])
def test_permute_is_a_bijection(size):
    index, sizes = np.arange(size), np.full(size, size)
    for key in (0, 1, 2**63, 2**64 - 1):
        assert np.array_equal(np.sort(permute(index, sizes, np.full(size, key, np.uint64))), index)


def test_permute_takes_rows_of_many_sizes_at_once():
    sizes = np.repeat([3, 10, 1000], 3)
    index = np.tile([0, 1, 2], 3)
    keys = np.full(9, 7, np.uint64)
    together = permute(index, sizes, keys)
    assert together.tolist() == [int(permute(index[i : i + 1], sizes[i : i + 1], keys[:1])[0]) for i in range(9)]


def test_permute_mixes_well_enough_that_neighbours_part():
    order = permute(np.arange(10_000), np.full(10_000, 10_000), np.zeros(10_000, np.uint64))
    assert abs(np.corrcoef(order[:-1], order[1:])[0, 1]) < 0.05
    assert abs(np.corrcoef(order, np.arange(10_000))[0, 1]) < 0.05


def test_a_task_of_billions_of_rows_needs_no_list_of_them():
    visits = Plan(["huge"], [1], [10**10], seed=0).visits(np.array([0, 10**7, 10**7 + 1]))
    assert len(set(visits.row.tolist())) == 3
    assert visits.epoch.tolist() == [0, 0, 0]


def test_threads_that_reach_new_blocks_at_once_see_the_same_plan():
    wanted = np.arange(0, 400 * 1024, 1024)
    sequence = np.stack(small().visits(wanted))
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(5):
            plan = small()
            with ThreadPoolExecutor(8) as pool:
                seen = list(pool.map(lambda _, plan=plan: np.stack(plan.visits(wanted)), range(8)))
            assert all(np.array_equal(s, sequence) for s in seen)
    finally:
        sys.setswitchinterval(interval)


def test_a_plan_travels_to_another_process_as_itself():
    plan = small(shares=(1 / 3, 1 / 7, 0.1))
    again = pickle.loads(pickle.dumps(plan))
    assert np.array_equal(np.stack(every(again, 5000)), np.stack(every(plan, 5000)))
    assert again.hash() == plan.hash()


def test_the_table_of_shares_says_what_happens(crowd):
    table = realised_shares(crowd, crowd.block_size)
    assert sum(r["examples"] for r in table) == crowd.block_size
    assert all(abs(r["realised_share"] - r["asked_share"]) <= 1 / crowd.block_size for r in table)
    assert table[0]["epochs"] == pytest.approx(table[0]["examples"] / table[0]["rows"])


@pytest.mark.parametrize(
    ("shares", "rows"), [([1, 0], [1, 1]), ([1, -1], [1, 1]), ([1, float("nan")], [1, 1]), ([1, 1], [1, 0])]
)
def test_a_task_without_share_or_rows_is_named(shares, rows):
    with pytest.raises(ValueError, match="task b"):
        Plan(["a", "b"], shares, rows, seed=0)


def test_lists_that_do_not_match_are_refused():
    with pytest.raises(ValueError, match="2 names, 1 shares, 2 row counts"):
        Plan(["a", "b"], [1], [1, 1], seed=0)
    with pytest.raises(ValueError, match="0 names"):
        Plan([], [], [], seed=0)
