"""Validation batches: a fixed set of evaluation rows of the training tasks, packed into the longest rows, without exemplars."""

import dataclasses

import numpy as np

from flanjax.data.data_stats import DataError
from flanjax.data.pipeline import Batch, Corpus, pack
from flanjax.data.plan import Visits
from flanjax.tasks.draws import Draws


def validation_batches(corpus: Corpus, examples_per_task: int) -> list[Batch]:
    """Returns batches [B, ...] of up to `examples_per_task` rows of each task that has an evaluation split.

    The last batch is filled up with empty rows.

    Raises:
      DataError: there are such tasks, but none of their rows gives an example.
    """
    config = corpus.config
    asked = [(i, e.task.source.open(e.task.evaluation)) for i, e in enumerate(corpus.entries) if e.task.evaluation]
    rows = list(corpus.rows)
    task: list[np.ndarray] = []
    row: list[np.ndarray] = []
    for i, opened in asked:
        rows[i] = opened
        chosen = np.unique(np.linspace(0, len(opened), examples_per_task, endpoint=False).astype(np.int64))
        row.append(chosen)
        task.append(np.full(len(chosen), i))
    if not asked:
        return []
    numbers, tasks = np.concatenate(row), np.concatenate(task)
    entries = [e._replace(styles=dataclasses.replace(e.styles, few_shot=0.0), filters=()) for e in corpus.entries]
    visits = Visits(tasks, numbers, np.zeros_like(numbers))
    features = corpus.make_features(entries, rows, visits, corpus.layout, config.seed)
    if not features.examples:
        first = features.skipped[0]
        raise DataError(
            f"none of {len(numbers)} evaluation rows of the training tasks gives an example; "
            f"task {corpus.names[first.task]}, row {first.row}: {first.reason}"
        )
    longest = config.features.longest
    packed = pack(features.groups, corpus.layout, [longest], Draws(config.seed, "validation"))
    empty = corpus.layout.row([], longest)
    packed += [empty] * (-len(packed) % config.batch_size)
    starts = range(0, len(packed), config.batch_size)
    return [{k: np.stack([r[k] for r in packed[s : s + config.batch_size]]) for k in empty} for s in starts]
