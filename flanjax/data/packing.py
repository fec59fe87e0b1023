"""Packing decides which examples share a row.

Inputs and targets of an example are always in the same row, as the same segment. Examples of a group, such as the two sides
of a preference pair, are in the same row too, as consecutive segments.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

_CANDIDATES = 256
_OF_TWO = 64  # candidates of which two may join a row at once
_TINY = 1e-9


class Encoded(NamedTuple):
    """One example as token ids.

    Attributes:
      inputs: int32 [s]; may be empty.
      targets: int32 [t], at least one, end of sequence included.
      weight: the loss weight of each of its target tokens.
      task, template, style: their indices, which are stored at its target tokens.
      trained: bool [t], which of the targets have a loss; None for all. Only conversations have it.
      numbers: name -> a value that is stored at its target tokens, such as a reference model's log-likelihood. The names are
        those of the layout.
    """

    inputs: np.ndarray
    targets: np.ndarray
    weight: float
    task: int
    template: int
    style: int
    trained: np.ndarray | None = None
    numbers: Mapping[str, float] = {}

    @property
    def num_tokens(self) -> int:
        return len(self.inputs) + len(self.targets)

    @property
    def num_trained(self) -> int:
        return len(self.targets) if self.trained is None else int(self.trained.sum())


# Examples that share a row, as consecutive segments in this order. Most groups have one example.
Group = tuple[Encoded, ...]


def pack_examples(sizes: np.ndarray, limits: tuple[int, int]) -> list[list[int]]:
    """Returns rows, each a list of indices of examples (or groups) whose sizes together are within both limits.

    This is vector packing, one row at a time: the largest remaining example opens the row, then the example nearest to the
    remaining room joins, until none fits. "Nearest" weights the two measures by how much of each is still to be packed, so that
    a row uses both in the proportion of the whole (after the norm-based greedy of Panigrahy et al., "Heuristics for vector bin
    packing", 2011). If neither side is the bottleneck of every example, first-fit-decreasing fills 82% and this fills 96%.

    Args:
      sizes: int [n, 2], the size of each example in both measures; none is above its limit.
      limits: the limits of a row.

    >>> pack_examples(np.array([[6, 1], [4, 1], [3, 1]]), (10, 10))
    [[0, 1], [2]]
    """
    size = sizes.reshape(-1, 2).T / np.array(limits)[:, None]  # [2, n]
    demand = size.sum(axis=1)
    left = np.argsort(-(demand @ size), kind="stable")
    rows: list[list[int]] = []
    while len(left):
        share = demand / demand.max()
        # Candidates are a stride over the remaining examples, largest first: a few hundred work as well as all.
        candidates = np.arange(len(left)) if len(left) <= _CANDIDATES else np.arange(_CANDIDATES) * len(left) // _CANDIDATES
        taken = candidates[_fill_row(size[:, left[candidates]], share)]
        rows.append(left[taken].tolist())
        demand = np.maximum(demand - size[:, left[taken]].sum(axis=1), _TINY)
        left = _without(left, taken)
    return rows


def pack_rounds(sizes: np.ndarray, limits: Sequence[tuple[int, int]]) -> list[list[list[int]]]:
    """Returns rounds, each with one row for each of `limits`, in their order: a row is a list of indices and may be empty.

    Every row is filled as in `pack_examples`, but two examples join at once where together they leave less room than the
    nearest one: rows of several lengths are tight on both sides, and flan_mini's are filled by one part in a hundred more. A
    row is opened by the example with the largest first measure of those that no shorter row has room for, or, when these are
    used up, by the largest that fits. So long targets go into long rows, while rows of all lengths share the small examples,
    which fill gaps.

    Args:
      sizes: int [n, 2], the size of each example in both measures; one of `limits` has room for all of them.

    >>> pack_rounds(np.array([[6, 1], [4, 8], [3, 1], [4, 1]]), [(10, 2), (10, 10)])
    [[[3, 2], [1, 0]]]
    """
    size, room = sizes.reshape(-1, 2), np.sum(limits, axis=0)
    order = sorted(range(len(limits)), key=lambda i: limits[i][::-1], reverse=True)  # the longest targets first
    fits = {limit: np.all(size <= limit, axis=1) for limit in limits}
    bound: dict[tuple[int, int], np.ndarray] = {}
    for a in limits:
        shorter = [fits[b] for b in limits if b[::-1] < a[::-1]]
        bound[a] = fits[a] & ~np.logical_or.reduce(shorter) if shorter else np.zeros_like(fits[a])
    demand = (size / room).sum(axis=0)
    left = np.argsort(-(size / np.max(limits, axis=0)) @ demand, kind="stable")
    rounds: list[list[list[int]]] = []
    while len(left):
        rows: list[list[int]] = [[] for _ in limits]
        for i in order:
            able, first = np.flatnonzero(fits[limits[i]][left]), np.flatnonzero(bound[limits[i]][left])
            if not len(able):
                continue
            opener = first[size[left[first], 0].argmax()] if len(first) else able[0]
            others = able[able != opener]
            if len(others) > _CANDIDATES:
                others = others[np.arange(_CANDIDATES) * len(others) // _CANDIDATES]
            candidates = np.concatenate([[opener], others])
            taken = candidates[_fill_row((size[left[candidates]] / limits[i]).T, demand / demand.max(), in_twos=True)]
            rows[i] = left[taken].tolist()
            demand = np.maximum(demand - (size[left[taken]] / room).sum(axis=0), _TINY)
            left = _without(left, taken)
        rounds.append(rows)
    return rounds


def _without(values: np.ndarray, positions: Sequence[int] | np.ndarray) -> np.ndarray:
    stay = np.ones(len(values), bool)
    stay[positions] = False
    return values[stay]


def _fill_row(size: np.ndarray, share: np.ndarray, in_twos: bool = False) -> list[int]:
    """Returns which candidates go into the row that the first one opens. size: float [2, n], fractions of the row's limits."""
    read, write = size[0].copy(), size[1]
    free_read, free_write = 1 - read[0], 1 - write[0]
    taken, used = [0], 2.0
    read[0] = used

    def room_left(read: np.ndarray, write: np.ndarray) -> np.ndarray:
        """How much room sizes leave; less than nothing is far too much."""
        read, write = free_read - read, free_write - write
        room = share[0] * read**2 + share[1] * write**2
        return np.where((read >= -_TINY) & (write >= -_TINY), room, np.inf)

    while (fits := ((read <= free_read + _TINY) & (write <= free_write + _TINY)).nonzero()[0]).size:
        far = share[0] * (free_read * share[0] - read[fits]) ** 2 + share[1] * (free_write * share[1] - write[fits]) ** 2
        joining = [int(fits[far.argmin()])]
        if in_twos and len(fits) > 1:
            few = fits if len(fits) <= _OF_TWO else fits[np.arange(_OF_TWO) * len(fits) // _OF_TWO]
            first, second = np.triu_indices(len(few), 1)
            two = room_left(read[few[first]] + read[few[second]], write[few[first]] + write[few[second]])
            best = int(two.argmin())
            if two[best] < room_left(read[joining], write[joining])[0]:
                joining = [int(few[first[best]]), int(few[second[best]])]
        for i in joining:
            free_read, free_write = free_read - read[i], free_write - write[i]
            read[i] = used
        taken += joining
    return taken
