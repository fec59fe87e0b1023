"""Windows of a stream: consecutive examples, packed into rows. A window is a pure function of the stream and its number."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from flanjax.data.corpus import Corpus
from flanjax.data.data_stats import DataStats
from flanjax.data.feature_config import Lengths
from flanjax.data.features import Features
from flanjax.data.layout import ROW_WEIGHTS, Layout, group_sizes
from flanjax.data.packing import Group, pack_examples, pack_rounds
from flanjax.tasks.draws import Draws

Batch = dict[str, np.ndarray]


class Window(NamedTuple):
    """Consecutive examples of one stream, packed into rows in random order.

    Attributes:
      rows: whole rounds, one after the other; a round has one row of each of the layout's length pairs, in their order.
      round: the number of rows of a round.
    """

    rows: list[Batch]
    stats: DataStats
    round: int = 1


def window_features(corpus: Corpus, stream: int, number: int) -> Features:
    """Returns what goes into window `number` of a stream, not yet packed."""
    config = corpus.config
    nth = np.arange(number * config.window, (number + 1) * config.window) * config.num_streams + stream
    return corpus.make_features(corpus.entries, corpus.rows, corpus.plan.visits(nth), corpus.layout, config.seed)


def make_window(corpus: Corpus, stream: int, number: int, features: Features | None = None) -> Window:
    """Returns window `number` of a stream, as a pure function of the first three arguments.

    Args:
      features: the window's, if they are made already.
    """
    config = corpus.config
    features = features or window_features(corpus, stream, number)
    stats = DataStats(len(corpus.entries))
    stats.add(features)
    rows = pack(features.groups, corpus.layout, corpus.layout.lengths, Draws(config.seed, "window", stream, number))
    stats.rows = len(rows)
    return Window(rows, stats, len(corpus.layout.lengths))


def pack(groups: Sequence[Group], layout: Layout, pairs: Sequence[Lengths], draws: Draws) -> list[Batch]:
    """Returns the groups packed into whole rounds of rows, a row of each length pair in a round; what shares a round is random.

    With several pairs, `row_weights` is what a row weighs in the loss on average here. Batches of short rows weigh less than
    those of long ones, so each is divided by the weights of average rows: a target counts the same in all of them.

    Raises:
      ValueError: a group does not fit a row; see `flanjax.data.layout.fits`.
    """
    sizes = np.array([group_sizes(layout, group) for group in groups], np.int64).reshape(-1, 2)
    limits = [layout.limits(lengths) for lengths in pairs]
    fit = np.any([(sizes <= limit).all(axis=1) for limit in limits], axis=0)
    if (over := np.flatnonzero(~fit)).size:
        first = int(over[0])
        raise ValueError(
            f"{len(groups[first])} examples that must share a row take {tuple(sizes[first].tolist())} of it; rows have "
            f"{max(limits)}. The function that makes features must leave out what does not fit (flanjax.data.layout.fits)"
        )
    if len(pairs) == 1:
        bins = pack_examples(sizes, limits[0])
        order = draws.permutation("rows", len(bins))
        return [layout.row([example for i in bins[r] for example in groups[i]], pairs[0]) for r in order]
    rounds = pack_rounds(sizes, limits)
    orders = [draws.permutation(f"rows of pair {p}", len(rounds)) for p in range(len(pairs))]
    mean = sum(e.weight * e.num_trained for group in groups for e in group) / max(len(rounds) * len(pairs), 1)
    return [
        {
            **layout.row([example for i in rounds[order[r]][p] for example in groups[i]], pairs[p]),
            ROW_WEIGHTS: np.array(mean, np.float32),
        }
        for r in range(len(rounds))
        for p, order in enumerate(orders)
    ]
