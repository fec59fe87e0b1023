"""Counts the reasons why rows give no example, each with one row's location."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from flanjax.data.corpus import Corpus
from flanjax.data.features import Skipped
from flanjax.sources import where

_KINDS = {"bad": "bad", "left_out": "left out", "too_long": "too long"}
_PATTERN_CHARACTERS = 100


class Reason(NamedTuple):
    """Why some rows of a task give no example.

    Attributes:
      kind: "bad", "left out" (by the task, on purpose) or "too long".
      rows: number of such rows.
      text: the reason of the first such row; those of the others may differ in quoted text and numbers.
      where: the file and line of the first row, or the file and the row's number.
    """

    kind: str
    rows: int
    text: str
    where: str


def count_reasons(corpus: Corpus, skipped: Sequence[Skipped]) -> tuple[Reason, ...]:
    """Returns the rows grouped by reason. Reasons that differ only in quoted text or numbers count as one."""
    groups: dict[tuple[str, str], list[Skipped]] = {}
    for one in skipped:
        text = one.reason.removeprefix(f"{where(corpus.rows[one.task], one.row)}: ")
        pattern = re.sub(r"'[^']*'|\"[^\"]*\"|\d+", "_", text)
        groups.setdefault((one.kind, pattern[:_PATTERN_CHARACTERS]), []).append(one._replace(reason=text))
    found = [
        Reason(_KINDS[kind], len(some), some[0].reason, where(corpus.rows[some[0].task], some[0].row))
        for (kind, _), some in groups.items()
    ]
    return tuple(sorted(found, key=lambda reason: -reason.rows))
