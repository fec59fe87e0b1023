"""Packing decides which examples share a row.

Inputs and targets of an example are always in the same row, as the same segment. Examples of a group, such as the two sides
of a preference pair, are in the same row too, as consecutive segments.
"""

import functools
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

_CANDIDATES = 256
_OF_TWO = 64  # candidates of which two may join a row at once
_SMALL = 0.25  # of a row on both sides: what a small example takes at most
_KEPT = 0.3  # what a row's rest counts for that small examples will fill, beside what is lost
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

    Rows of several lengths are tight on both sides, so they are filled with more care (`_fill_tight_row`). A row is opened by
    an example that no shorter row has room for, the one that takes most of the measure in which more examples are over half a
    row; when these are used up, by the largest that fits. So long targets go into long rows, while rows of all lengths share
    the small examples, which fill gaps.

    Args:
      sizes: int [n, 2], the size of each example in both measures; one of `limits` has room for all of them.

    >>> pack_rounds(np.array([[6, 1], [4, 8], [3, 1], [4, 1]]), [(10, 2), (10, 10)])
    [[[3, 2], [1, 0]]]
    """
    size, room, longest = sizes.reshape(-1, 2), np.sum(limits, axis=0), np.max(limits, axis=0)
    order = sorted(range(len(limits)), key=lambda i: limits[i][::-1], reverse=True)  # the longest targets first
    scaled = {limit: size.T / np.array(limit)[:, None] for limit in limits}
    fits = {limit: np.all(size <= limit, axis=1) for limit in limits}
    openers: dict[tuple[int, int], np.ndarray] = {}
    for a in limits:
        shorter = [fits[b] for b in limits if b[::-1] < a[::-1]]
        openers[a] = fits[a] & ~np.logical_or.reduce(shorter) if shorter else np.zeros_like(fits[a])
    demand = (size / room).sum(axis=0)
    left = np.argsort(-(size / longest) @ demand, kind="stable")
    hard = int((size > longest / 2).sum(axis=0).argmax())  # the measure of which most examples need a row of their own
    rounds: list[list[list[int]]] = []
    while len(left):
        rows: list[list[int]] = [[] for _ in limits]
        for i in order:
            able, first = np.flatnonzero(fits[limits[i]][left]), np.flatnonzero(openers[limits[i]][left])
            if not len(able):
                continue
            opener = first[size[left[first], hard].argmax()] if len(first) else able[0]
            others = able if len(able) <= _CANDIDATES else able[np.arange(_CANDIDATES) * len(able) // _CANDIDATES]
            candidates = np.concatenate([[opener], others[others != opener]])
            taken = candidates[_fill_tight_row(scaled[limits[i]][:, left[candidates]], demand / demand.max())]
            rows[i] = left[taken].tolist()
            demand = np.maximum(demand - (size[left[taken]] / room).sum(axis=0), _TINY)
            left = _without(left, taken)
        rounds.append(rows)
    return rounds


def _without(values: np.ndarray, positions: Sequence[int] | np.ndarray) -> np.ndarray:
    stay = np.ones(len(values), bool)
    stay[positions] = False
    return values[stay]


def _fill_row(size: np.ndarray, share: np.ndarray) -> list[int]:
    """Returns which candidates go into the row that the first one opens: the nearest to the room that is left, again and again.

    Args:
      size: float [2, n], fractions of the row's limits.
      share: float [2], what each measure weighs.
    """
    read, write = size[0].copy(), size[1]
    free_read, free_write = 1 - read[0], 1 - write[0]
    taken, used = [0], 2.0
    read[0] = used
    while (fits := ((read <= free_read + _TINY) & (write <= free_write + _TINY)).nonzero()[0]).size:
        far = share[0] * (free_read * share[0] - read[fits]) ** 2 + share[1] * (free_write * share[1] - write[fits]) ** 2
        nearest = int(fits[far.argmin()])
        free_read, free_write = free_read - read[nearest], free_write - write[nearest]
        taken.append(nearest)
        read[nearest] = used
    return taken


def _fill_tight_row(size: np.ndarray, share: np.ndarray) -> list[int]:
    """Returns which candidates go into the row that the first one opens: those with which it will lose least.

    Small examples will fill what the others leave. They have a density, targets by inputs; of a rest that is denser some
    targets are lost, and otherwise some inputs. Both losses are linear in the rest, and the larger one counts. So does a part
    of the rest itself, because small examples are worth keeping. Where two examples may be the last, they are chosen together.

    Args: as for `_fill_row`.
    """
    small = (size <= _SMALL).all(axis=0)
    density = max(size[1, small].sum(), _TINY) / max(size[0, small].sum(), _TINY)
    losses = np.stack([share[1] * np.array([-density, 1]), share[0] * np.array([1, -1 / density])]) + _KEPT * share
    targets_lost, inputs_lost = losses @ (1 - size[:, 0])
    targets_spared, inputs_spared = losses @ size
    read, write = size[0].copy(), size[1]
    free_read, free_write = 1 - read[0], 1 - write[0]
    taken, used = [0], 2.0
    read[0] = used
    while (fits := ((read <= free_read + _TINY) & (write <= free_write + _TINY)).nonzero()[0]).size:
        alone = np.maximum(targets_lost - targets_spared[fits], inputs_lost - inputs_spared[fits])
        joining = [int(fits[alone.argmin()])]
        if len(fits) > 1 and 2 * read[fits].max() >= free_read:
            few = fits if len(fits) <= _OF_TWO else fits[np.arange(_OF_TWO) * len(fits) // _OF_TWO]
            first, second = _pairs(len(few))
            of_two = [(values := array[few])[first] + values[second] for array in (read, write, targets_spared, inputs_spared)]
            together = np.maximum(targets_lost - of_two[2], inputs_lost - of_two[3])
            together[(of_two[0] > free_read + _TINY) | (of_two[1] > free_write + _TINY)] = np.inf
            best = int(together.argmin())
            if together[best] < alone.min():
                joining = [int(few[first[best]]), int(few[second[best]])]
        for i in joining:
            free_read, free_write = free_read - read[i], free_write - write[i]
            targets_lost, inputs_lost = targets_lost - targets_spared[i], inputs_lost - inputs_spared[i]
            read[i] = used
        taken += joining
    return taken


@functools.cache
def _pairs(n: int) -> tuple[np.ndarray, np.ndarray]:
    first, second = np.triu_indices(n, 1)
    return first, second
