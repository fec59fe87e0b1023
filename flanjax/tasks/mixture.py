"""Mixtures: tasks and other mixtures in proportions. A mixture is data: making one registers nothing and reads no rows."""

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from flanjax.names import nearest, shown
from flanjax.tasks.filters import Filter, checked_filters, joined
from flanjax.tasks.styles import StyleShares
from flanjax.tasks.task import Task

# (number of training rows, number of templates) -> unnormalised rate.
Rate = Callable[[int, int], float]


def proportional(cap: int | None = None) -> Rate:
    """Returns examples-proportional mixing with an artificial size limit (Raffel et al. 2020, section 3.5.2; FLAN: 3,000)."""
    if cap is not None and cap < 1:
        raise ValueError(f"the cap of a proportional rate is {cap}, expected at least 1")
    return lambda rows, templates: float(rows if cap is None else min(rows, cap))


def temperature(t: float, cap: int | None = None) -> Rate:
    """Returns the capped size to the power 1/t (Raffel et al. 2020); t = 1 is proportional, a large t nearly equal."""
    if not t > 0:
        raise ValueError(f"temperature is {t}, expected more than 0")
    return lambda rows, templates: float(rows if cap is None else min(rows, cap)) ** (1 / t)


def t0(limit: int = 500_000) -> Rate:
    """Returns T0's rule (Sanh et al. 2022, section 5): each template of a task counts as a dataset with all the task's rows.

    A task with more rows than `limit` counts as `limit` examples in total. So a task just under the limit outweighs a larger
    one by its number of templates.
    """
    if limit < 1:
        raise ValueError(f"the limit of T0's rate is {limit}, expected at least 1")
    return lambda rows, templates: float(rows * templates if rows <= limit else limit // templates * templates)


def equal() -> Rate:
    return lambda rows, templates: 1.0


_FLAN_RATE = proportional(cap=3000)


class Part(NamedTuple):
    """One part of a mixture with its own weight, relative to the other parts."""

    of: "Task | Mixture"
    weight: float


class Entry(NamedTuple):
    """A task of a resolved mixture: its share of all examples, the styles it is shown in, and what its rows must pass."""

    task: Task
    share: float
    styles: StyleShares
    filters: tuple[Filter, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Mixture:
    """Tasks in proportions.

    Args:
      name: shown in plans and reports.
      parts: tasks, mixtures, or `Part(task_or_mixture, weight)`. Either every part has a weight or none has.
      rate: how parts without weights share the examples. A nested mixture counts as the sum of its tasks.
      styles: the prompt styles of its tasks; a nested mixture may have its own.
      exclusions: cluster -> clusters or tasks that must leave training too when it is held out.
      filters: leave rows of its tasks out of training, beside the filters of each task and of mixtures around this one.
    """

    name: str
    parts: Sequence["Task | Mixture | Part"]
    rate: Rate = _FLAN_RATE
    styles: StyleShares | None = None
    exclusions: Mapping[str, Sequence[str]] = dataclasses.field(default_factory=dict)
    filters: Sequence[Filter] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "parts", tuple(self.parts))
        object.__setattr__(self, "filters", checked_filters(f"mixture {self.name}", self.filters))
        if not self.parts:
            raise ValueError(f"mixture {self.name}: no parts")
        for part in self.parts:
            if not isinstance(_of(part), Task | Mixture):
                hint = ""
                if isinstance(part, tuple) and len(part) == 2 and isinstance(part[0], Task | Mixture):
                    hint = f"; for a weight write Part({part[0].name}, {part[1]!r})"
                raise TypeError(
                    f"mixture {self.name}: {shown(part)} is a {type(part).__name__}, expected Task, Mixture or Part{hint}"
                )
        weighted = [isinstance(p, Part) for p in self.parts]
        if any(weighted) and not all(weighted):
            bare = [_of(p).name for p in self.parts if not isinstance(p, Part)]
            raise ValueError(f"mixture {self.name}: {bare} have no weight while other parts have; give all a Part or none")
        for part in self.parts:
            if isinstance(part, Part) and not part.weight > 0:
                raise ValueError(f"mixture {self.name}: weight of {part.of.name} is {part.weight}, expected more than 0")
        twice = sorted(name for name, count in Counter(t.name for t in self.tasks()).items() if count > 1)
        if twice:
            raise ValueError(f"mixture {self.name}: {twice} occur more than once; give each task one place, or one name each")

    def tasks(self) -> Iterator[Task]:
        """Every task, in order, nested ones included."""
        for part in self.parts:
            yield from _tasks(_of(part))

    def task(self, name: str) -> Task:
        by_name = {t.name: t for t in self.tasks()}
        if name not in by_name:
            raise KeyError(f"mixture {self.name} has no task {name!r}; {nearest(name, by_name)}")
        return by_name[name]

    def clusters(self) -> dict[str, tuple[Task, ...]]:
        """Cluster -> its tasks, in order of first appearance."""
        found: dict[str, tuple[Task, ...]] = {}
        for task in self.tasks():
            found[task.cluster] = (*found.get(task.cluster, ()), task)
        return found

    @property
    def training(self) -> "Mixture":
        """The mixture without tasks that have no training rows; these are only evaluated, and have no share."""
        return self.without({t.name for t in self.tasks() if t.train is None})

    def only(self, names: Iterable[str]) -> "Mixture":
        """Returns the mixture of the named tasks. Raises KeyError naming the nearest task for a name that it does not have."""
        kept = {self.task(name).name for name in names}
        return self.without({t.name for t in self.tasks()} - kept)

    def all_exclusions(self) -> dict[str, tuple[str, ...]]:
        """Its own exclusions and those of the mixtures in it."""
        merged = {cluster: tuple(names) for cluster, names in self.exclusions.items()}
        for part in self.parts:
            of = _of(part)
            if isinstance(of, Mixture):
                for cluster, names in of.all_exclusions().items():
                    merged[cluster] = (*merged.get(cluster, ()), *names)
        return merged

    def without(self, names: frozenset[str] | set[str]) -> "Mixture":
        """Returns the mixture without the named tasks and without parts that become empty. The rest keep their weights."""
        kept: list[Task | Mixture | Part] = []
        for part in self.parts:
            of = _of(part)
            if all(t.name in names for t in _tasks(of)):
                continue
            smaller = of.without(names) if isinstance(of, Mixture) else of
            kept.append(Part(smaller, part.weight) if isinstance(part, Part) else smaller)
        if not kept:
            raise ValueError(f"mixture {self.name}: nothing is left to train on once {sorted(names)} are taken out")
        return dataclasses.replace(self, parts=kept)

    def renamed(self, name: str) -> "Mixture":
        return dataclasses.replace(self, name=name)

    def resolve(
        self, num_rows: Mapping[str, int], styles: StyleShares | None = None, filters: Sequence[Filter] = ()
    ) -> list[Entry]:
        """Returns each task's share of the examples; the shares sum to one.

        Args:
          num_rows: task name -> its number of training rows.
          styles: the styles to use if this mixture sets none.
          filters: those of the mixtures around this one.
        """
        styles = self.styles or styles or StyleShares()
        filters = joined(filters, self.filters)
        rates = [p.weight if isinstance(p, Part) else self._rate_of(_of(p), num_rows) for p in self.parts]
        total = sum(rates)
        entries: list[Entry] = []
        for part, rate in zip(self.parts, rates, strict=True):
            of = _of(part)
            if isinstance(of, Mixture):
                inner = of.resolve(num_rows, styles, filters)
            else:
                inner = [Entry(of, 1.0, styles, joined(filters, of.filters))]
            entries += [e._replace(share=e.share * rate / total) for e in inner]
        return entries

    def _rate_of(self, of: "Task | Mixture", num_rows: Mapping[str, int]) -> float:
        return sum(self.rate(num_rows[t.name], len(t.templates)) for t in _tasks(of))


def _tasks(of: "Task | Mixture") -> Iterator[Task]:
    return iter((of,)) if isinstance(of, Task) else of.tasks()


def _of(part: "Task | Mixture | Part") -> "Task | Mixture":
    return part.of if isinstance(part, Part) else part
