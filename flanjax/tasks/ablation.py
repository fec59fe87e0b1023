"""Thins out what a run trains on, for experiments: fewer clusters, tasks or templates, other proportions, no reasoning.

It is done after clusters were held out, so held-out tasks are evaluated in full. Draws are nested: the three clusters of a seed
are among its seven.
"""

import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Annotated, Any, NamedTuple

from flanjax import fields
from flanjax.fields import Seed, Whole
from flanjax.names import nearest
from flanjax.tasks import mixture as mixtures
from flanjax.tasks.clusters import Split
from flanjax.tasks.draws import hash64
from flanjax.tasks.example import ANSWER, RATIONALE
from flanjax.tasks.mixture import Mixture, Part, Rate
from flanjax.tasks.styles import StyleShares
from flanjax.tasks.task import Task

OWN = "own"
_RATES: dict[str, Callable[..., Rate]] = {
    "equal": mixtures.equal,
    "proportional": lambda cap=None: mixtures.proportional(cap and int(cap)),
    "temperature": lambda t: mixtures.temperature(t),
    "t0": mixtures.t0,
}


class RateText(NamedTuple):
    """The texts that name a rate: a name, and after a colon its number."""

    def holds(self, value: str) -> bool:
        try:
            rate = parse_rate(value)
        except (ValueError, TypeError, KeyError):
            return False
        return rate is None or 0 < rate(1000, 3) < math.inf

    def __str__(self) -> str:
        return "such as 'own', 'equal', 'proportional', 'proportional:3000', 'temperature:3' or 't0'"


class WeightText(NamedTuple):
    """The texts that give a cluster its weight: its name, a colon and a number."""

    def holds(self, value: str) -> bool:
        try:
            ((cluster, weight),) = parse_weights([value]).items()
        except ValueError:
            return False
        return bool(cluster) and 0 < weight < math.inf

    def __str__(self) -> str:
        return "such as 'reading:0.3', with a weight over 0"


@dataclasses.dataclass(frozen=True, kw_only=True)
class AblationConfig:
    """What the run trains on is thinned out, for experiments; held-out tasks are evaluated in full.

    Args:
      clusters: train on this many clusters, drawn by the seed; 0 for all. More clusters hold all of fewer.
      tasks: train on this many tasks of these clusters, drawn alike; 0 for all.
      templates: train in this many forward templates of each task, drawn alike; 0 for all. Inverted ones stay.
      rate: the proportions of tasks. 'own' leaves them as the mixture has them; others put weights out of force.
      weights: the proportions of clusters, as CLUSTER:WEIGHT for each cluster that is trained on; empty for the mixture's own.
        Within a cluster tasks stay as the mixture has them.
      chain_of_thought: whether training prompts may ask for reasoning.
      seed: of the draws.
    """

    clusters: Whole = 0
    tasks: Whole = 0
    templates: Whole = 0
    rate: Annotated[str, RateText()] = OWN
    weights: tuple[Annotated[str, WeightText()], ...] = ()
    chain_of_thought: bool = True
    seed: Seed = 0

    def __post_init__(self) -> None:
        fields.check(self)
        fields.require(
            self.rate == OWN or not self.weights, self, "rate", f"{OWN!r}, as ablation.weights gives proportions too"
        )
        fields.require(len(parse_weights(self.weights)) == len(self.weights), self, "weights", "each cluster once")


def parse_rate(text: str) -> Rate | None:
    """Returns the rate that a text names; None for 'own'.

    >>> parse_rate("proportional:3000")(5000, 10), parse_rate("own")
    (3000.0, None)
    """
    name, colon, number = text.partition(":")
    if text == OWN:
        return None
    return _RATES[name](float(number)) if colon else _RATES[name]()


def completed(record: Mapping[str, Any] | None) -> dict[str, Any]:
    """Returns a recorded AblationConfig with the defaults of keys that an older version did not have."""
    return {**dataclasses.asdict(AblationConfig()), **(record or {})}


def parse_weights(texts: Sequence[str]) -> dict[str, float]:
    """Returns cluster -> weight.

    >>> parse_weights(["nli:0.25", "topic:2"])
    {'nli': 0.25, 'topic': 2.0}
    """
    return {cluster: float(weight) for cluster, _, weight in (text.rpartition(":") for text in texts)}


def thinned(split: Split, config: AblationConfig) -> Split:
    """Returns the split with less to train on.

    Raises:
      ValueError: there are fewer clusters or tasks than the config asks for, or weights of other clusters.
    """
    removed: dict[str, str] = {}
    clusters = split.train.clusters()
    kept = _drawn(clusters, config.clusters, config.seed, "clusters")
    removed |= {t.name: "not of the clusters drawn" for name in clusters if name not in kept for t in clusters[name]}
    left = [t.name for t in split.train.tasks() if t.name not in removed]
    drawn = _drawn(left, config.tasks, config.seed, "tasks")
    removed |= {name: "not of the tasks drawn" for name in left if name not in drawn}
    train = split.train.without(set(removed)) if removed else split.train
    if config.templates:
        train = _each(train, lambda task: _with_templates(task, config.templates, config.seed))
    if (rate := parse_rate(config.rate)) is not None:
        train = _with_rate(train, rate)
    if config.weights:
        train = _with_weights(train, parse_weights(config.weights))
    if not config.chain_of_thought:
        train = _without_reasoning(dataclasses.replace(train, styles=train.styles or StyleShares()))
    return split._replace(train=train, removed={**split.removed, **removed})


def _drawn(names: Iterable[str], n: int, seed: int, what: str) -> set[str]:
    known = sorted(set(names))
    if n > len(known):
        raise ValueError(f"ablation.{what} is {n}, but there are {len(known)} {what} to train on: {', '.join(known[:20])}")
    return set(sorted(known, key=lambda name: hash64(seed, what, name))[:n]) if n else set(known)


def _with_templates(task: Task, n: int, seed: int) -> Task:
    forward = [task.templates[i].name for i in task.forward]
    kept = set(sorted(forward, key=lambda name: hash64(seed, task.name, name))[:n])
    templates = tuple(t for i, t in enumerate(task.templates) if i not in task.forward or t.name in kept)
    used = {ANSWER, RATIONALE}.union(*(t.input_variables | t.target_variables for t in templates))
    return dataclasses.replace(task, templates=templates, long_fields=[name for name in task.long_fields if name in used])


def _with_rate(mixture: Mixture, rate: Rate) -> Mixture:
    bare = (part.of if isinstance(part, Part) else part for part in mixture.parts)
    parts = tuple(_with_rate(of, rate) if isinstance(of, Mixture) else of for of in bare)
    return dataclasses.replace(mixture, parts=parts, rate=rate)


def _with_weights(mixture: Mixture, weights: Mapping[str, float]) -> Mixture:
    """The mixture as one part for each cluster: itself without all others, at the cluster's weight."""
    clusters = mixture.clusters()
    if unknown := sorted(weights.keys() - clusters.keys()):
        raise ValueError(f"ablation.weights: no cluster {unknown[0]!r} is trained on; {nearest(unknown[0], clusters)}")
    if missing := [cluster for cluster in clusters if cluster not in weights]:
        raise ValueError(
            f"ablation.weights has no weight for {', '.join(missing)}; give every cluster that is trained on one, or leave "
            "clusters out by leave_out"
        )
    every = {task.name for task in mixture.tasks()}
    alone = dataclasses.replace(mixture, exclusions={}, filters=())  # the whole keeps them
    parts = [
        Part(alone.without(every - {task.name for task in tasks}).renamed(cluster), weights[cluster])
        for cluster, tasks in clusters.items()
    ]
    return dataclasses.replace(mixture, parts=parts)


def _without_reasoning(mixture: Mixture) -> Mixture:
    styles = mixture.styles and dataclasses.replace(mixture.styles, chain_of_thought=0.0)
    return dataclasses.replace(_inside(mixture, _without_reasoning, lambda task: task), styles=styles)


def _each(mixture: Mixture, change: Callable[[Task], Task]) -> Mixture:
    return _inside(mixture, lambda inner: _each(inner, change), change)


def _inside(mixture: Mixture, of_mixture: Callable[[Mixture], Mixture], of_task: Callable[[Task], Task]) -> Mixture:
    """The mixture with its parts changed; weights stay."""

    def changed(of: Task | Mixture) -> Task | Mixture:
        return of_mixture(of) if isinstance(of, Mixture) else of_task(of)

    parts = (p._replace(of=changed(p.of)) if isinstance(p, Part) else changed(p) for p in mixture.parts)
    return dataclasses.replace(mixture, parts=tuple(parts))
