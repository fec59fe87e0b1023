"""A task: a source of rows, a function from a row to an example, and the templates in which it is asked."""

import dataclasses
import functools
import inspect
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal, NamedTuple, Protocol

from flanjax.names import check_file_name, nearest, shown
from flanjax.tasks import user_code
from flanjax.tasks.asked import AnyTemplate
from flanjax.tasks.draws import Draws
from flanjax.tasks.example import (
    ANSWER,
    CHOICES,
    OPTIONS,
    RATIONALE,
    BadRow,
    Example,
    Message,
    Row,
    SkipRow,
    checked,
    conversation,
)
from flanjax.tasks.filters import Filter, checked_filters
from flanjax.tasks.lineage import canonical
from flanjax.tasks.metric_names import METRIC_NAMES

__all__ = ["BadRow", "Example", "Exemplar", "Message", "Row", "SkipRow", "Task", "conversation"]

_NAME = re.compile(r"[a-z0-9][a-z0-9_.\-]*")


class Exemplar(NamedTuple):
    """A worked example that a task brings with it.

    Attributes:
      explanation: why the answer is right, or wrong; shown by exemplar formats that show explanations.
      is_negative: whether the answer is wrong; shown by exemplar formats that show wrong examples.
    """

    example: Example
    explanation: str = ""
    is_negative: bool = False


class RowSource(Protocol):
    """The methods of a source that a task needs; flanjax.sources has such sources."""

    @property
    def name(self) -> str: ...

    def open(self, split: str) -> Any: ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class Task:
    """One dataset with its templates.

    Args:
      name: unique within a mixture: lower case, digits, `_`, `-`, `.`.
      cluster: the task cluster it belongs to, as held out from training.
      source: where its rows come from (`flanjax.sources`).
      example: row -> Example, or (row, draws) -> Example, where draws makes seeded choices (`draws.integer("turn", 5)`). It may
        give a list of examples, of which each visit takes one. Raise SkipRow to leave a row out.
      templates: its wordings. A task of inverted templates only cannot be evaluated.
      lineage: the raw corpora that the rows derive from. The source's own name always counts as one.
      metrics: names in flanjax.tasks.metric_names.METRIC_NAMES; the first is the primary one.
      train, evaluation: split expressions of the source; None if the task has no such rows.
      long_fields: the fields that may be shortened to fit a length ("answer" may be one). Nothing else is ever cut.
      shuffle_options: whether training may show the options in another order.
      exemplars: worked examples that few-shot prompts show, in this order, instead of training rows.
      few_shot: whether few-shot prompts may be made at all; exemplars make no sense before a conversation.
      target: which of several right answers is trained on: the "first", or a "random" one.
      filters: leave rows out of training (flanjax.tasks.filters).
      licence, link: shown by `flanjax show` and kept with the run.
    """

    name: str
    cluster: str
    source: RowSource
    example: Callable[..., Example | list[Example]]
    templates: Sequence[AnyTemplate]
    lineage: Sequence[str] = ()
    metrics: Sequence[str] = ("accuracy",)
    train: str | None = "train"
    evaluation: str | None = None
    long_fields: Sequence[str] = ()
    shuffle_options: bool = True
    exemplars: Sequence[Exemplar] = dataclasses.field(default=(), hash=False)
    few_shot: bool = True
    target: Literal["first", "random"] = "first"
    filters: Sequence[Filter] = ()
    licence: str = ""
    link: str = ""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"task name {self.name!r}: expected lower-case letters, digits, '_', '-' or '.'")
        check_file_name("task", self.name)
        check_file_name(f"task {self.name}: cluster", self.cluster)
        for field in ("templates", "lineage", "metrics", "long_fields", "exemplars"):
            value = getattr(self, field)
            if isinstance(value, str) or not isinstance(value, Iterable):
                raise TypeError(f"task {self.name}: {field} is {shown(value)}, expected a sequence: {field}=[...]")
            object.__setattr__(self, field, tuple(value))
        object.__setattr__(self, "filters", checked_filters(f"task {self.name}", self.filters))
        for template in self.templates:
            if not hasattr(type(template), "ask"):
                meant = f"templates=[Template({template!r})]" if isinstance(template, str) else "templates=[Template(...)]"
                raise TypeError(f"task {self.name}: the template {shown(template)} is no Template; write {meant}")
        named = tuple(t if t.name else t.named(str(i)) for i, t in enumerate(self.templates))
        object.__setattr__(self, "templates", named)
        if not named:
            raise ValueError(f"task {self.name}: no templates, expected at least one")
        if self.evaluation and not self.forward:
            raise ValueError(
                f"task {self.name}: all templates are inverted, so there is no answer to evaluate; set evaluation=None"
            )
        if self.target not in ("first", "random"):
            raise ValueError(f"task {self.name}: target is {self.target!r}, expected 'first' or 'random'")
        if len({t.name for t in named}) < len(named):
            raise ValueError(f"task {self.name}: two templates share a name among {[t.name for t in named]}")
        if not self.metrics:
            raise ValueError(f"task {self.name}: no metrics, expected at least one name")
        self._check_names()

    def _check_names(self) -> None:
        for name in self.metrics:
            if name not in METRIC_NAMES:
                raise ValueError(f"task {self.name}: unknown metric {shown(name)}; {nearest(str(name), METRIC_NAMES)}")
        if not self.long_fields:
            return  # templates are read for their names only where these are needed
        used = {name for t in self.templates for name in t.input_variables | t.target_variables}
        known = {*used - {OPTIONS, CHOICES}, ANSWER, RATIONALE}
        for name in self.long_fields:
            if name not in known:
                raise ValueError(
                    f"task {self.name}: long_fields name {shown(name)}, which no template uses; {nearest(str(name), known)}"
                )

    def __str__(self) -> str:
        return self.name

    @functools.cached_property
    def forward(self) -> tuple[int, ...]:
        """Positions of the templates that ask for the answer."""
        return tuple(i for i, t in enumerate(self.templates) if t.kind == "forward")

    @functools.cached_property
    def inverted(self) -> tuple[int, ...]:
        return tuple(i for i, t in enumerate(self.templates) if t.kind == "inverted")

    @functools.cached_property
    def corpora(self) -> frozenset[str]:
        """Everything its rows derive from, the source itself included, by the names of `flanjax.tasks.lineage`."""
        return frozenset(canonical(name) for name in (*self.lineage, self.source.name))

    @functools.cached_property
    def draws(self) -> bool:
        """Whether `example` takes draws beside the row."""
        try:
            parameters = inspect.signature(self.example).parameters.values()
        except (TypeError, ValueError):  # a builtin has no signature
            return False
        places = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) and p.default is p.empty]
        return len(places) > 1

    def template(self, name: str) -> int:
        """Returns the position of the template with this name."""
        names = [t.name for t in self.templates]
        if name not in names:
            raise KeyError(f"task {self.name} has no template {name!r}; {nearest(name, names)}")
        return names.index(name)

    def read(self, row: Row, draws: Draws | None = None) -> Example:
        """Returns the row's Example, after checking it.

        Args:
          draws: choose one of several examples, and are given to an `example` that takes them; by default those of no row.

        Raises:
          SkipRow: the task leaves this row out.
          BadRow: a field is missing, or the answer is not among the options.
        """
        draws = draws or Draws(self.name)
        examples = self.read_all(row, draws)
        if not examples:
            raise SkipRow("the row gives no example")
        return checked(examples[draws.integer("example", len(examples))] if len(examples) > 1 else examples[0])

    def read_all(self, row: Row, draws: Draws) -> list[Any]:
        """Returns what `example` makes of the row, as a list, not yet checked. Raises SkipRow or BadRow as `read` does."""
        try:
            made = self.example(row, draws) if self.draws else self.example(row)
        except (SkipRow, BadRow):
            raise
        except (Exception, SystemExit) as error:
            if isinstance(error, KeyError) and error.args[0] not in row:
                raise BadRow(f"missing field {error}; the row has {sorted(map(str, row))}") from error
            where = user_code.place(error)
            raise BadRow(f"{user_code.one_line(error)}{where and f' ({where})'}") from error
        return made if isinstance(made, list) else [made]
