"""The mixture as plain texts, on which a tokenizer is trained."""

from collections.abc import Iterator, Sequence

import numpy as np

from flanjax.data.plan import Plan
from flanjax.data.queries import Query, read_queries, render_query
from flanjax.sources import Rows
from flanjax.tasks.mixture import Entry
from flanjax.tasks.render import Rendered

_AT_ONCE = 1000


def mixture_texts(entries: Sequence[Entry], rows: Sequence[Rows], plan: Plan, num_examples: int, seed: int) -> Iterator[str]:
    """Yields inputs and targets of the plan's first examples, worded as in training. Bad rows are left out."""
    for start in range(0, num_examples, _AT_ONCE):
        visits = plan.visits(np.arange(start, min(start + _AT_ONCE, num_examples)))
        for _, _, query in read_queries(entries, rows, visits, seed):
            shown = render_query(query) if isinstance(query, Query) else query
            if isinstance(query, Query) and isinstance(shown, Rendered):
                wording = query.wording
                yield wording.exemplars.block(shown.shot()) if wording.num_shots else f"{shown.text}\n{shown.target}"
