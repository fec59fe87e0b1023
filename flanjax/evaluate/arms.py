"""Arms of an experiment: the predictions of runs that differ only in seed, scored and compared over seeds and items.

`read_arm` makes an arm of one predictions table a seed. `score` and `compare` take several arms a side, and average over them
task by task: the side of a level of one axis is made of all its combinations with the other axes. Sides that share two seeds or
more are paired by these seeds, and always by item. A task is compared in the combinations that have it on both sides.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from flanjax.evaluate import score_matrix as sm
from flanjax.evaluate import seeds as sd
from flanjax.evaluate import statistics as st
from flanjax.evaluate.score_matrix import ScoreMatrix
from flanjax.names import shown

Name = tuple[str, str]  # cluster and task


class TaskScores(NamedTuple):
    """The scores of S seeds on one task.

    Attributes:
      items: [S, N], means over templates; None for a corpus metric, which has bootstrap draws [S, DRAWS].
      means: [S].
      matrices: of each seed.
      groups: [N].
      chance, majority: scores that need no model; None for written texts.
    """

    metric: str
    items: np.ndarray | None
    means: np.ndarray
    draws: np.ndarray | None
    matrices: tuple[ScoreMatrix, ...]
    groups: np.ndarray
    chance: float | None
    majority: float | None


class Arm(NamedTuple):
    """Runs of one config under S seeds."""

    seeds: tuple[int, ...]
    tasks: dict[Name, TaskScores]


class Levels(NamedTuple):
    """Estimates of each task, of each cluster (the mean over its tasks) and of all (the mean over clusters)."""

    tasks: dict[Name, sd.SeedEstimate]
    clusters: dict[str, sd.SeedEstimate]
    whole: sd.SeedEstimate


def read_arm(tables: Mapping[int, pa.Table], model: str = "trained", names: Mapping[int, str] | None = None) -> Arm:
    """Returns the arm of predictions tables, seed -> table.

    Of a task that was evaluated in several settings, the one with the most shots counts, and with reasoning where there is one.

    Args:
      names: seed -> the name of its run, for the messages of errors.

    Raises:
      ValueError: the tables are of other tasks, items, templates or settings; the message names two seeds that differ.
    """
    if not tables:
        raise ValueError("got no predictions; expected one table for each seed")
    seeds = tuple(sorted(tables))
    found = [_by_task(sm.split_matrices(sm.of_model(tables[seed], model))) for seed in seeds]
    for seed, one in zip(seeds, found, strict=True):
        who = f"seeds {seeds[0]} and {seed}" + (f" ({names[seeds[0]]} and {names[seed]})" if names else "")
        if one.keys() != found[0].keys():
            odd = sorted(one.keys() ^ found[0].keys())
            raise ValueError(f"{who} were evaluated on other tasks: {odd[:3]}; evaluate them alike")
        for name, matrix in one.items():
            _check_alike(found[0][name], matrix, who)
            _check_asked_alike(found[0][name], matrix, who)
    return Arm(seeds, {name: _task_scores([one[name] for one in found]) for name in found[0]})


def score(side: Sequence[Arm]) -> Levels:
    """Returns the scores of a side: of each task, the mean over the arms that have it."""
    seeds = common_seeds(side)
    names = sorted({name for arm in side for name in arm.tasks})
    return _levels({name: _part([_pooled([arm for arm in side if name in arm.tasks], name, seeds)]) for name in names}, 0.0)


def compare(first: Sequence[Arm], second: Sequence[Arm]) -> Levels:
    """Returns `first` minus `second`, whose arms are matched one by one.

    Raises:
      ValueError: no task is in two matched arms, or a task has other items in them.
    """
    ours, theirs = common_seeds(first), common_seeds(second)
    shared = tuple(sorted({*ours} & {*theirs}))
    by_seed = len(shared) > 1 or ours == theirs
    parts: dict[Name, sd.Part] = {}
    for name in sorted({name for arm in first for name in arm.tasks}):
        pairs = [(a, b) for a, b in zip(first, second, strict=True) if name in a.tasks and name in b.tasks]
        if pairs:
            sides = zip(*pairs, strict=True)
            chosen = (shared, shared) if by_seed else (ours, theirs)
            pooled = [_pooled(side, name, seeds) for side, seeds in zip(sides, chosen, strict=True)]
            parts[name] = _part(pooled, by_seed)
    if not parts:
        raise ValueError("the two sides have no task in common; nothing can be compared item by item")
    return _levels(parts, -st.SCALE)


def _levels(parts: Mapping[Name, sd.Part], bottom: float) -> Levels:
    clusters: dict[str, list[sd.Part]] = {}
    for (cluster, _), part in parts.items():
        clusters.setdefault(cluster, []).append(part)
    averaged = {cluster: sd.average(members) for cluster, members in clusters.items()}
    return Levels(
        {name: sd.estimate(part, bottom) for name, part in parts.items()},
        {cluster: sd.estimate(part, bottom) for cluster, part in averaged.items()},
        sd.estimate(sd.average(list(averaged.values())), bottom),
    )


def _by_task(matrices: Iterable[ScoreMatrix]) -> dict[Name, ScoreMatrix]:
    return {(m.key.cluster, m.key.task): m for m in matrices}  # sorted by shots, then reasoning: the last one counts


def _task_scores(matrices: Sequence[ScoreMatrix]) -> TaskScores:
    first = matrices[0]
    metric = first.metrics[0]
    scores = [sm.score_matrix(matrix, metric) for matrix in matrices]
    if scores[0].items is not None:
        items = np.stack([s.items.mean(1) for s in scores if s.items is not None])
        means, draws = items.mean(1), None
    else:
        found = [sm.bootstrap(s, first.groups) for s in scores]
        items, means, draws = None, np.array([e.mean for e, _ in found]), np.stack([d for _, d in found])
    return TaskScores(
        metric, items, means, draws, tuple(matrices), first.groups, sm.chance(first, metric), sm.majority(first, metric)
    )


def _check_alike(a: ScoreMatrix, b: ScoreMatrix, who: str) -> None:
    for what, one, other in (
        ("items", a.items, b.items),
        ("metrics", a.metrics[0], b.metrics[0]),
        ("references", a.of_items("references"), b.of_items("references")),
    ):
        if one != other:
            raise ValueError(f"{who} have other {what} of task {a.key.task}; evaluate both on the same ones")


def _check_asked_alike(a: ScoreMatrix, b: ScoreMatrix, who: str) -> None:
    """Raises ValueError if two seeds' answers to the same items were asked for in other words or by other settings."""
    task = a.key.task
    for what, one, other in (
        *((name, getattr(a.key, name), getattr(b.key, name)) for name in ("shots", "chain_of_thought")),
        *((name, getattr(a, name), getattr(b, name)) for name in ("scorer", "preset", "normalization")),
    ):
        if one != other:
            raise ValueError(f"{who} have other settings of task {task}: {what} is {one!r} and {other!r}; evaluate both alike")
    edited = "the mixture was edited between them: evaluate both again, as it is now"
    if odd := sorted({*a.templates} ^ {*b.templates}):
        raise ValueError(f"{who} have other templates of task {task}: only one of them has {', '.join(odd)}; {edited}")
    words = zip(a.templates, *(m.columns["template_text"][: len(m.templates)] for m in (a, b)), strict=True)
    for template, one, other in words:
        if None not in (one, other) and one != other:  # tables of format 1 do not have them
            said = f"{shown(one)} and {shown(other)}"
            raise ValueError(f"{who} have other words of template {template} of task {task}: {said}; {edited}")


def common_seeds(side: Sequence[Arm]) -> tuple[int, ...]:
    """Returns the seeds that all arms of a side have. Raises ValueError if there is none."""
    found = set(side[0].seeds).intersection(*(arm.seeds for arm in side))
    if not found:
        raise ValueError(f"the arms have no seed in common: {[arm.seeds for arm in side]}")
    return tuple(sorted(found))


def _pooled(arms: Sequence[Arm], name: Name, seeds: Sequence[int]) -> TaskScores:
    """One task's scores under these seeds, averaged over arms."""
    tasks = [arm.tasks[name] for arm in arms]
    for task in tasks[1:]:
        _check_alike(tasks[0].matrices[0], task.matrices[0], "two arms")
    places = [[arm.seeds.index(seed) for seed in seeds] for arm in arms]

    def mean(arrays: Sequence[Any]) -> Any:
        if arrays[0] is None:
            return None
        return np.mean([array[at] for array, at in zip(arrays, places, strict=True)], 0)

    items, means, draws = (mean([getattr(task, field) for task in tasks]) for field in ("items", "means", "draws"))
    return tasks[0]._replace(items=items, means=means, draws=draws)


def _part(sides: Sequence[TaskScores], by_seed: bool = True) -> sd.Part:
    """The part of one side, or of the difference of two."""
    one = sides[0]
    if len(sides) > 1:
        _check_alike(one.matrices[0], sides[1].matrices[0], "two arms")
    if one.items is not None:
        if len(sides) == 1:
            return sd.single(one.items, one.groups)
        other = sides[1].items
        assert other is not None
        return (sd.paired if by_seed else sd.unpaired)(one.items, other, one.groups)
    means, draws = [s.means for s in sides], [s.draws for s in sides if s.draws is not None]
    if by_seed and len(sides) > 1:
        means, draws = [means[0] - means[1]], [draws[0] - draws[1]]
    return sd.of_draws(means, draws, len(set(one.groups)), 0.0 if len(sides) == 1 else -st.SCALE)
