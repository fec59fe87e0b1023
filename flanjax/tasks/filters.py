"""Filters: rules by which rows are left out of training. A task declares its own, and a mixture those of all its tasks.

A filter is a value that judges one example by itself, so that every process leaves out the same rows. Its repr tells its
settings, because the identity of a run's data depends on it; a frozen dataclass has such a repr.
"""

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any, Protocol, runtime_checkable

from flanjax.tasks.equal_rows import row_hash
from flanjax.tasks.example import Example, SkipRow


@runtime_checkable
class Filter(Protocol):
    """A rule that leaves rows out. It must be a pure function of the example.

    Attributes:
      name: under which the rows are counted.
    """

    @property
    def name(self) -> str: ...

    def reason(self, example: Example) -> str | None:
        """Returns why the row is left out; None if it stays."""
        ...


class FilteredOut(SkipRow):
    """A row that a filter leaves out, which is counted under the filter's name."""

    def __init__(self, filter_name: str, reason: str):
        super().__init__(f"{filter_name}: {reason}")
        self.filter_name = filter_name


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class EvaluationRows:
    """Leaves out what equals an evaluation row of these tasks. `hold_out` adds it to what is trained on.

    It only names the tasks. Before training, flanjax.data.ready_filters reads their rows and puts a KnownRows in its place.
    """

    tasks: tuple[Any, ...]  # Task, which stands above this module
    name: str = "held-out rows"

    def reason(self, example: Example) -> str | None:
        raise RuntimeError("the evaluation rows are not read yet; flanjax.data.corpus.open_corpus reads them")

    def __repr__(self) -> str:
        return f"EvaluationRows({', '.join(task.name for task in self.tasks)})"


@dataclasses.dataclass(frozen=True)
class KnownRows:
    """Leaves out rows of known hashes.

    Args:
      digest: of the hashes, which are too many to be shown.
    """

    name: str
    why: str
    digest: str
    hashes: frozenset[int] = dataclasses.field(repr=False)

    def reason(self, example: Example) -> str | None:
        return self.why if row_hash(example) in self.hashes else None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Duplicates:
    """Leaves out rows that equal an earlier one, by the texts of their fields and their answer (flanjax.tasks.equal_rows).

    All tasks that have an equal filter are compared with each other, in the order of the mixture. It costs a pass over all rows
    before training, the result of which is kept (flanjax.data.duplicates).

    Args:
      across: whether rows of different tasks are compared; else only those of each task.
      answers: whether the answer counts. Without it a question stays only once, whatever its answers are.
    """

    across: bool = True
    answers: bool = True
    name: str = "duplicates"

    def reason(self, example: Example) -> str | None:
        raise RuntimeError("duplicates are not found yet; flanjax.data.corpus.open_corpus finds them")


@dataclasses.dataclass(frozen=True, kw_only=True)
class NearDuplicates:
    """Leaves out rows that are nearly equal to an earlier one that stays, by MinHash of their word sequences (Broder 1997).

    Tasks are compared as by `Duplicates`. It needs datasketch (the extra [check]).

    Args:
      threshold: the share of common word sequences (Jaccard similarity, as MinHash estimates it) from which rows are too alike.
      words: length of a sequence; shorter texts are one sequence.
      permutations: hashes of a row; more estimate better.
    """

    threshold: float = 0.8
    across: bool = True
    answers: bool = True
    words: int = 5
    permutations: int = 128
    name: str = "near duplicates"

    def __post_init__(self) -> None:
        if not 0 < self.threshold <= 1:
            raise ValueError(f"NearDuplicates: threshold is {self.threshold}, expected more than 0 and at most 1")

    def reason(self, example: Example) -> str | None:
        raise RuntimeError("duplicates are not found yet; flanjax.data.corpus.open_corpus finds them")


@dataclasses.dataclass(frozen=True)
class RowsLeftOut:
    """Leaves out rows of one task by their numbers.

    Args:
      digest: of the numbers, which are too many to be shown.
    """

    name: str
    why: str
    digest: str
    rows: frozenset[int] = dataclasses.field(repr=False)

    def reason(self, example: Example) -> str | None:
        return None


def first_reason(filters: Iterable[Filter], example: Example, row: int | None = None) -> FilteredOut | None:
    """Returns why the first of the filters that leaves the example out does so; None if all keep it.

    Args:
      row: its number among the training rows of its task; None for an exemplar, which may be a duplicate.
    """
    for one in filters:
        if (reason := _reason(one, example, row)) is not None:
            return FilteredOut(one.name, reason)
    return None


def _reason(one: Filter, example: Example, row: int | None) -> str | None:
    if isinstance(one, RowsLeftOut):
        return one.why if row in one.rows else None
    return one.reason(example)


def joined(*groups: Sequence[Filter]) -> tuple[Filter, ...]:
    """Returns the filters of all groups in order, equal ones once."""
    found: list[Filter] = []
    for one in (one for group in groups for one in group):
        if one not in found:
            found.append(one)
    return tuple(found)


def checked_filters(owner: str, filters: Any) -> tuple[Filter, ...]:
    """Returns the filters as a tuple. Raises TypeError, naming the owner, if one of them is no filter."""
    if isinstance(filters, Filter):
        raise TypeError(f"{owner}: filters is {filters!r}, expected a sequence: filters=[...]")
    found = tuple(filters)
    for one in found:
        if isinstance(one, type) or not isinstance(one, Filter):
            raise TypeError(f"{owner}: the filter {one!r} has no name and reason; see flanjax.tasks.filters")
    return found
