"""The mixture as plain texts: what a tokenizer is trained on."""

from collections.abc import Iterator, Sequence

import numpy as np

from flanjax.data.features import read_visits
from flanjax.data.plan import Plan
from flanjax.sources import RowError, Rows
from flanjax.tasks.draws import Draws
from flanjax.tasks.mixture import Entry
from flanjax.tasks.render import choose, render
from flanjax.tasks.task import BadRow, SkipRow

_AT_ONCE = 1000


def mixture_texts(entries: Sequence[Entry], rows: Sequence[Rows], plan: Plan, num_examples: int, seed: int) -> Iterator[str]:
    """Inputs and targets of the first examples of the plan, worded as in training; rows that are bad are left out here."""
    for start in range(0, num_examples, _AT_ONCE):
        visits = plan.visits(np.arange(start, min(start + _AT_ONCE, num_examples)))
        for task, number, epoch, row in read_visits(rows, visits):
            entry = entries[task]
            try:
                if isinstance(row, RowError):
                    continue
                example = entry.task.read(row)
                draws = Draws(seed, entry.task.name, number, epoch)
                wording = choose(entry.task, example, entry.styles, draws)
                shown = render(entry.task, example, wording, draws)
            except (BadRow, SkipRow):
                continue
            yield wording.exemplars.block(*shown) if wording.num_shots else f"{shown.input}\n{shown.target}"
