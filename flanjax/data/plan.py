"""The plan gives the n-th example of a mixture as (task, row, epoch), for any n, on any host, without state.

The examples come in blocks. In every block each task gets its share of the block to within one example, and over the blocks
the rounding errors cancel. Inside a block a task's visits are spread evenly with jitter. Each task goes through its rows
without replacement, in a new order every epoch.
"""

import functools
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from flanjax.tasks.draws import hash64

_GOLDEN = (5**0.5 - 1) / 2
_MIN_BLOCK, _MAX_BLOCK = 1 << 10, 1 << 22
_FEISTEL_ROUNDS = 4


class Visits(NamedTuple):
    """The examples at n indices: task, row and epoch, each int64 [n]."""

    task: np.ndarray
    row: np.ndarray
    epoch: np.ndarray


class Plan:
    """An infinite sequence of examples.

    Args:
      names, shares, num_rows: per task; shares are positive and are normalised to sum to one.
      seed: seed of the order of tasks and rows.
    """

    def __init__(self, names: Sequence[str], shares: Sequence[float], num_rows: Sequence[int], *, seed: int):
        if not len(names) == len(shares) == len(num_rows) > 0:
            raise ValueError(
                f"{len(names)} names, {len(shares)} shares, {len(num_rows)} row counts; expected the same, more than 0"
            )
        for name, share, rows in zip(names, shares, num_rows, strict=True):
            if not share > 0 or rows < 1:
                raise ValueError(f"task {name}: share {share}, {rows} rows; expected more than 0 of both")
        self.names = tuple(names)
        self.shares = np.asarray(shares, np.float64) / np.sum(np.asarray(shares, np.float64))
        self.num_rows = np.asarray(num_rows, np.int64)
        self.seed = seed
        # Large enough that the rarest task is in every block.
        needed = 1 << int(np.ceil(np.log2(1 / self.shares.min())))
        self.block_size = int(np.clip(needed, _MIN_BLOCK, _MAX_BLOCK))
        self._edges = np.concatenate([[0.0], np.cumsum(self.shares)[:-1], [1.0]]) * self.block_size
        self._task_keys = np.array([hash64(seed, "rows", name) for name in names], np.uint64)
        self._totals = {0: np.zeros(len(self.names), np.int64)}
        self._block = functools.lru_cache(maxsize=8)(self._make_block)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_block"}  # a cache does not pickle

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._block = functools.lru_cache(maxsize=8)(self._make_block)

    def visits(self, indices: np.ndarray) -> Visits:
        """Returns the examples at any indices (int64 [n], from 0), in the order of the indices."""
        indices = np.asarray(indices, np.int64)
        blocks = indices // self.block_size
        task, cursor = np.empty_like(indices), np.empty_like(indices)
        for block in np.unique(blocks):
            here = blocks == block
            tasks, ranks = self._block(int(block))
            at = indices[here] - block * self.block_size
            task[here] = tasks[at]
            cursor[here] = self._before(int(block))[tasks[at]] + ranks[at]
        size = self.num_rows[task]
        epoch = cursor // size
        keys = _mix(self._task_keys[task] + _mix(epoch.astype(np.uint64)))
        return Visits(task, permute(cursor % size, size, keys), epoch)

    def counts(self, num_examples: int) -> np.ndarray:
        """Returns how often each task is visited in the first `num_examples` examples, int64 [tasks]."""
        blocks, rest = divmod(num_examples, self.block_size)
        tail = np.bincount(self._block(blocks)[0][:rest], minlength=len(self.names)) if rest else 0
        return self._before(blocks) + tail

    def hash(self) -> str:
        """A hash that changes with anything that changes the sequence."""
        record = [self.names, self.shares.tolist(), self.num_rows.tolist(), self.seed, self.block_size]
        return hashlib.blake2b(json.dumps(record).encode(), digest_size=8).hexdigest()

    def _block_counts(self, block: int) -> np.ndarray:
        # A common offset for all edges makes the counts integers, non-negative and exact to within one. A new offset for each
        # block, from a low-discrepancy sequence, makes the rounding errors cancel.
        offset = (block + 1) * _GOLDEN % 1.0
        return np.diff(np.floor(self._edges + offset).astype(np.int64))

    def _before(self, block: int) -> np.ndarray:
        # Stored by key rather than appended, because concurrent threads write the same values.
        for reached in range(len(self._totals), block + 1):
            self._totals[reached] = self._totals[reached - 1] + self._block_counts(reached - 1)
        return self._totals[block]

    def _make_block(self, block: int) -> tuple[np.ndarray, np.ndarray]:
        """Returns, for every position of the block, its task and the rank of the visit among the task's visits in the block."""
        counts = self._block_counts(block)
        tasks = np.repeat(np.arange(len(counts)), counts)
        ranks = np.arange(self.block_size) - np.repeat(np.cumsum(counts) - counts, counts)
        jitter = np.random.default_rng([self.seed, block]).random(self.block_size)
        order = np.argsort((ranks + jitter) / counts[tasks], kind="stable")
        return tasks[order], ranks[order]


def permute(index: np.ndarray, size: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """Returns `index` permuted within [0, size), int64 [n]; every key gives another permutation.

    It is a Feistel network on the next power of four, applied again until the result is below `size`.

    Args:
      index: int64 [n], each in [0, size).
      size: int64 [n], at least 1.
      keys: uint64 [n].
    """
    half = np.maximum(1, np.ceil(np.log2(np.maximum(size, 2)) / 2)).astype(np.uint64)
    mask = (np.uint64(1) << half) - np.uint64(1)
    value = index.astype(np.uint64)
    outside = np.ones(len(value), bool)
    while outside.any():
        left, right = value[outside] >> half[outside], value[outside] & mask[outside]
        for number in range(_FEISTEL_ROUNDS):
            scrambled = _mix(right ^ (keys[outside] + np.uint64(number))) & mask[outside]
            left, right = right, left ^ scrambled
        value[outside] = (left << half[outside]) | right
        outside &= value >= size.astype(np.uint64)
    return value.astype(np.int64)


def _mix(x: np.ndarray) -> np.ndarray:
    """splitmix64's step on uint64 arrays."""
    with np.errstate(over="ignore"):
        x = x + np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return x ^ (x >> np.uint64(31))


def realised_shares(plan: Plan, num_examples: int) -> list[Mapping[str, Any]]:
    """Returns a record for each task: requested and realised share, visits and epochs within the first `num_examples`."""
    counts = plan.counts(num_examples)
    return [
        {
            "task": name,
            "rows": int(rows),
            "asked_share": float(share),
            "realised_share": float(count / max(num_examples, 1)),
            "examples": int(count),
            "epochs": float(count / rows),
        }
        for name, share, rows, count in zip(plan.names, plan.shares, plan.num_rows, counts, strict=True)
    ]
