"""Readies the filters of a mixture: those that must know rows before training get to know them."""

from collections.abc import Sequence

from flanjax.data import duplicates
from flanjax.data.known_rows import known
from flanjax.sources import Rows
from flanjax.tasks.filters import Duplicates, EvaluationRows, Filter, NearDuplicates
from flanjax.tasks.mixture import Entry


def ready(entries: Sequence[Entry], rows: Sequence[Rows]) -> list[Entry]:
    """Returns the entries with filters that judge a row by itself.

    Args:
      rows: the training rows of each entry's task.
    """
    found = [[known(f) if isinstance(f, EvaluationRows) else f for f in entry.filters] for entry in entries]
    for wanted in dict.fromkeys(f for filters in found for f in filters if isinstance(f, Duplicates | NearDuplicates)):
        having = [at for at, filters in enumerate(found) if wanted in filters]
        made = duplicates.left_out(wanted, [entries[at].task for at in having], [rows[at] for at in having])
        for at, one in zip(having, made, strict=True):
            found[at] = [_replaced(f, wanted, one) for f in found[at]]
    return [entry._replace(filters=tuple(filters)) for entry, filters in zip(entries, found, strict=True)]


def _replaced(one: Filter, wanted: Filter, by: Filter) -> Filter:
    return by if one == wanted else one
