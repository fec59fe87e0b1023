"""Queries: rows that were read, turned into examples by their task, and given a wording. Other rows come with a reason.

Training, tokenizer texts, exemplars, evaluation and `flanjax show` all read rows here, so that they agree on which rows are
good, and a bad row never ends them.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from flanjax.data.plan import Visits
from flanjax.sources import Row, RowError, Rows
from flanjax.tasks.asked import Asked, Wording
from flanjax.tasks.demonstrations import GOLD
from flanjax.tasks.draws import Draws
from flanjax.tasks.filters import Filter, first_reason
from flanjax.tasks.mixture import Entry
from flanjax.tasks.render import Rendered, ask, choose, drawn_reference, render, with_fields
from flanjax.tasks.task import BadRow, Example, SkipRow, Task

_AT_ONCE = 1024  # rows of a task read together


class Query(NamedTuple):
    """One example to be asked.

    Attributes:
      asked: what the wording asks of it.
      pool: the rows that exemplars come from; None if there are no exemplars.
      pool_row: the query's own position in the pool; None if it is not in the pool.
      draws: the random draws of the exemplars and, unless `keep_order`, of the order of the options.
      refused: how many wordings were drawn before that do not apply to the example.
      filters: what exemplars must pass.
      demonstrations: how exemplars are shown; a name in flanjax.tasks.demonstrations.DEMONSTRATIONS.
    """

    task: Task
    example: Example
    wording: Wording
    asked: Asked
    draws: Draws | None = None
    pool: Rows | None = None
    pool_row: int | None = None
    keep_order: bool = False
    refused: int = 0
    filters: tuple[Filter, ...] = ()
    demonstrations: str = GOLD

    @property
    def reference(self) -> int:
        """The position of the example's reference that is written."""
        return 0 if self.draws is None or self.keep_order else drawn_reference(self.task, self.example, self.draws)

    def shortened(self, fields: Mapping[str, str]) -> "Query | BadRow":
        """Returns the query with shorter texts, or why it has none."""
        return self._about(with_fields(self.example, fields, self.reference), "it is shortened")

    def answered(self, text: str) -> "Query | BadRow":
        """Returns the query with another answer in free text, or why it has none."""
        return self._about(self.example._replace(answer=text, options=()), "it has another answer")

    def _about(self, example: Example, once: str) -> "Query | BadRow":
        try:
            asked = ask(self.task, example, self.wording, self.draws, keep_order=self.keep_order)
        except BadRow as error:
            return error
        return self._replace(example=example, asked=asked) if asked else BadRow(f"its wording asks nothing once {once}")


class Visited(NamedTuple):
    """The result of a visit of the plan: a query, or why there is none (a SkipRow if the task leaves the row out)."""

    task: int
    row: int
    found: Query | BadRow | SkipRow


def read_examples(
    task: Task, rows: Rows, numbers: Sequence[int], draws: Sequence[Draws] | None = None
) -> Iterator[tuple[int, Example | BadRow | SkipRow]]:
    """Yields each row's number and its example, or why it has none. A row that cannot be read counts as bad.

    Args:
      draws: for each row those that choose what its example is, if its task draws.
    """
    for start in range(0, len(numbers), _AT_ONCE):
        some = numbers[start : start + _AT_ONCE]
        for at, (number, row) in enumerate(zip(some, read_rows(rows, some), strict=True), start):
            drawn = None if draws is None else draws[at]
            yield number, BadRow(str(row)) if isinstance(row, RowError) else _example(task, row, drawn)


def read_queries(entries: Sequence[Entry], rows: Sequence[Rows], visits: Visits, seed: int) -> Iterator[Visited]:
    """Yields the visited rows in the order of the visits, in the wordings of training. Each task's rows are read together.

    Rows that a filter of their entry leaves out are among those that give no query.

    Args:
      rows: the training rows of each entry's task.
    """
    examples: list[Example | BadRow | SkipRow] = [BadRow()] * len(visits.task)
    draws = [
        Draws(seed, entries[task].task.name, row, epoch)
        for task, row, epoch in zip(*(part.tolist() for part in visits), strict=True)
    ]
    for task in np.unique(visits.task).tolist():
        at = np.flatnonzero(visits.task == task)
        read = read_examples(entries[task].task, rows[task], visits.row[at].tolist(), [draws[i] for i in at.tolist()])
        for position, (number, example) in zip(at.tolist(), read, strict=True):
            examples[position] = _kept(entries[task], example, number)
    for task, row, drawn, example in zip(visits.task.tolist(), visits.row.tolist(), draws, examples, strict=True):
        found = _query(entries[task], rows[task], row, example, drawn) if isinstance(example, Example) else example
        yield Visited(task, row, found)


def _query(entry: Entry, rows: Rows, row: int, example: Example, draws: Draws) -> Query | BadRow | SkipRow:
    try:
        chosen = choose(entry.task, example, entry.styles, draws)
    except BadRow as error:
        return error
    if chosen is None:
        return SkipRow("none of the task's templates applies to this row")
    return Query(
        entry.task, example, chosen.wording, chosen.asked, draws, rows, row, refused=chosen.refused, filters=entry.filters
    )


def render_query(query: Query) -> Rendered | BadRow:
    """Returns the query's text without exemplars, or why it has none."""
    try:
        rendered = render(query.asked, query.wording)
    except BadRow as error:
        return error
    return broken_text(rendered[:3]) or rendered


def broken_text(texts: Sequence[str]) -> BadRow | None:
    """Returns why one of the texts has no ids, or None: half of a surrogate pair is not a character."""
    for text in texts:
        try:
            if not text.isascii():
                text.encode()
        except UnicodeEncodeError as error:
            character, before = text[error.start], text[max(error.start - 20, 0) : error.start]
            return BadRow(f"{character!r} after {before!r} is half of a surrogate pair, which is no character")
    return None


def _kept(entry: Entry, example: Example | BadRow | SkipRow, row: int) -> Example | BadRow | SkipRow:
    """Returns the example, or why the entry's filters leave it out."""
    if not isinstance(example, Example):
        return example
    try:
        return first_reason(entry.filters, example, row) or example
    except BadRow as reason:
        return reason
    except Exception as error:  # from a user's filter
        return BadRow(f"a filter fails: {type(error).__name__}: {error}")


def _example(task: Task, row: Row, draws: Draws | None) -> Example | BadRow | SkipRow:
    try:
        return task.read(row, draws)
    except (BadRow, SkipRow) as reason:
        return reason
    except Exception as error:  # from a user's function, or from checking what it returned
        return BadRow(f"{type(error).__name__}: {error}")


def read_rows(rows: Rows, numbers: Sequence[int]) -> list[Row | RowError]:
    """Returns the rows; for a row that cannot be read, its error."""
    try:
        return list(rows.__getitems__(numbers))
    except (RowError, *_UNREADABLE):
        return [_read_row(rows, number) for number in numbers]


def _read_row(rows: Rows, number: int) -> Row | RowError:
    try:
        return rows[number]
    except RowError as error:
        return error
    except _UNREADABLE as error:
        return RowError(f"row {number}: {type(error).__name__}: {error}")


# Errors that a row's own content may cause in the reader of its file, if the source does not raise a RowError itself.
_UNREADABLE = (RecursionError, UnicodeError)
