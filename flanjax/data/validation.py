"""Validation batches: a fixed set of evaluation rows of the training tasks, packed into the longest rows, without exemplars."""

import dataclasses

import numpy as np

from flanjax.data.corpus import Corpus
from flanjax.data.data_stats import DataError
from flanjax.data.plan import Visits
from flanjax.data.windows import Batch, pack
from flanjax.sources import Rows
from flanjax.tasks.draws import Draws
from flanjax.tasks.mixture import Entry


def validation_batches(corpus: Corpus, examples_per_task: int) -> list[Batch]:
    """Returns batches [B, ...] of up to `examples_per_task` rows of each task that has an evaluation split.

    The last batch is filled up with empty rows.

    Raises:
      DataError: there are such tasks, but none of their rows gives an example.
    """
    config = corpus.config
    entries, rows, visits = validation_rows(corpus, examples_per_task)
    if not len(visits.row):
        return []
    features = corpus.make_features(entries, rows, visits, corpus.layout, config.seed)
    if not features.examples:
        first = features.skipped[0]
        raise DataError(
            f"none of {len(visits.row)} evaluation rows of the training tasks gives an example; "
            f"task {corpus.names[first.task]}, row {first.row}: {first.reason}"
        )
    longest = config.features.longest
    packed = pack(features.groups, corpus.layout, [longest], Draws(config.seed, "validation"))
    empty = corpus.layout.row([], longest)
    packed += [empty] * (-len(packed) % config.batch_size)
    starts = range(0, len(packed), config.batch_size)
    return [{k: np.stack([r[k] for r in packed[s : s + config.batch_size]]) for k in empty} for s in starts]


def validation_rows(corpus: Corpus, examples_per_task: int) -> tuple[list[Entry], list[Rows], Visits]:
    """Returns the corpus's entries without exemplars and filters, the rows of each, and visits of its evaluation rows."""
    rows = list(corpus.rows)
    task, row = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for i, entry in enumerate(corpus.entries):
        if entry.task.evaluation:
            rows[i] = entry.task.source.open(entry.task.evaluation)
            row.append(np.unique(np.linspace(0, len(rows[i]), examples_per_task, endpoint=False).astype(np.int64)))
            task.append(np.full(len(row[-1]), i))
    entries = [e._replace(styles=dataclasses.replace(e.styles, few_shot=0.0), filters=()) for e in corpus.entries]
    numbers = np.concatenate(row)
    return entries, rows, Visits(np.concatenate(task), numbers, np.zeros_like(numbers))
