"""Suggests pairs of row lengths for a mixture: rows with little room for targets beside the longest rows."""

import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from flanjax.data.feature_config import Lengths
from flanjax.data.layout import Layout
from flanjax.data.packing import pack_rounds

_PARTS = (16, 8, 4, 2)  # short rows have room for a 16th of the longest targets, an 8th, ...
_SHORTEST = 8
_MOST_ALIKE = 4  # batches of one pair in a round
_PACKED = 6  # rounds that are tried by packing, those that promise most
_WORTH = 0.02  # of all positions; every pair is compiled


class Suggestion(NamedTuple):
    """Pairs of lengths that the sampled examples fill better than one pair.

    Attributes:
      lengths: for data.features.lengths.
      fill: the share of the positions of a row's two measures that is in use (`Layout.limits`).
    """

    lengths: tuple[Lengths, ...]
    fill: tuple[float, float]


def suggest_pairs(sizes: np.ndarray, rows: int, layout: Layout) -> Suggestion | None:
    """Returns the pairs with which examples take the fewest positions, inputs and targets added up; None if one pair does.

    Args:
      sizes: int [n, 2], of the examples, in the measures of the layout.
      rows: how many of the longest rows they fill.
    """
    longest = layout.config.longest
    known: dict[tuple[Lengths, ...], float] = {pairs: _least(sizes, pairs, layout) for pairs in _rounds(longest)}
    best, fewest = None, (1 - _WORTH) * rows * sum(longest)
    for pairs in sorted(known, key=lambda pairs: known[pairs])[:_PACKED]:
        limits = [layout.limits(lengths) for lengths in pairs]
        rounds = len(pack_rounds(sizes, limits))
        if (positions := rounds * sum(map(sum, pairs))) < fewest:
            first, second = sizes.sum(axis=0) / (rounds * np.sum(limits, axis=0))
            best, fewest = Suggestion(pairs, (float(first), float(second))), positions
    return best


def _rounds(longest: Lengths) -> Iterator[tuple[Lengths, ...]]:
    """Yields rounds of one or two kinds of short rows, the shortest up to four times, and one of the longest."""
    shorter = sorted({max(longest.targets // part // 8 * 8, _SHORTEST) for part in _PARTS if longest.targets > _SHORTEST})
    kinds = [Lengths(longest.inputs, targets) for targets in shorter if targets < longest.targets]
    between: list[Sequence[Lengths]] = [(), *((kind,) for kind in kinds[1:])]
    for short, middle, number in itertools.product(kinds, between, range(1, _MOST_ALIKE + 1)):
        if not middle or short.targets < middle[0].targets:
            yield (*[short] * number, *middle, longest)


def _least(sizes: np.ndarray, pairs: Sequence[Lengths], layout: Layout) -> float:
    """Returns the positions that no packing of the examples in rounds of these pairs can do without."""
    least = 0.0
    for limit in {0, *(pair.targets for pair in pairs)}:
        # What has longer targets goes into the rows that are longer.
        room = [layout.limits(pair) for pair in pairs if pair.targets > limit]
        if room:
            least = max(least, *(sizes[sizes[:, 1] > limit].sum(axis=0) / np.sum(room, axis=0)))
    return least * sum(map(sum, pairs))
