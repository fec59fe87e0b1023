"""Thins out what a run trains on, for experiments: fewer clusters, tasks or templates, other proportions, no reasoning.

It is done after clusters were held out, so held-out tasks are evaluated in full. Draws are nested: the three clusters of a seed
are among its seven.
"""

import dataclasses
from collections.abc import Callable, Iterable
from typing import Annotated, NamedTuple

from flanjax import fields
from flanjax.fields import Seed, Whole
from flanjax.tasks import mixture as mixtures
from flanjax.tasks.clusters import Split
from flanjax.tasks.draws import hash64
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
            parse_rate(value)
        except (ValueError, TypeError, KeyError):
            return False
        return True

    def __str__(self) -> str:
        return "such as 'own', 'equal', 'proportional', 'proportional:3000', 'temperature:3' or 't0'"


@dataclasses.dataclass(frozen=True, kw_only=True)
class AblationConfig:
    """What the run trains on is thinned out, for experiments; held-out tasks are evaluated in full.

    Args:
      clusters: train on this many clusters, drawn by the seed; 0 for all. More clusters hold all of fewer.
      tasks: train on this many tasks of these clusters, drawn alike; 0 for all.
      templates: train in this many forward templates of each task, drawn alike; 0 for all. Inverted ones stay.
      rate: the proportions of tasks. 'own' leaves them as the mixture has them; others put weights out of force.
      chain_of_thought: whether training prompts may ask for reasoning.
      seed: of the draws.
    """

    clusters: Whole = 0
    tasks: Whole = 0
    templates: Whole = 0
    rate: Annotated[str, RateText()] = OWN
    chain_of_thought: bool = True
    seed: Seed = 0

    def __post_init__(self) -> None:
        fields.check(self)


def parse_rate(text: str) -> Rate | None:
    """Returns the rate that a text names; None for 'own'.

    >>> parse_rate("proportional:3000")(5000, 10), parse_rate("own")
    (3000.0, None)
    """
    name, colon, number = text.partition(":")
    if text == OWN:
        return None
    return _RATES[name](float(number)) if colon else _RATES[name]()


def thinned(split: Split, config: AblationConfig) -> Split:
    """Returns the split with less to train on.

    Raises:
      ValueError: there are fewer clusters or tasks than the config asks for.
    """
    removed: dict[str, str] = {}
    clusters = split.train.clusters()
    kept = _drawn(clusters, config.clusters, config.seed, "clusters")
    removed |= {t.name: "not of the clusters drawn" for name in clusters if name not in kept for t in clusters[name]}
    left = [t.name for t in split.train.tasks() if t.name not in removed]
    removed |= dict.fromkeys(set(left) - _drawn(left, config.tasks, config.seed, "tasks"), "not of the tasks drawn")
    train = split.train.without(set(removed)) if removed else split.train
    if config.templates:
        train = _each(train, lambda task: _with_templates(task, config.templates, config.seed))
    if (rate := parse_rate(config.rate)) is not None:
        train = _with_rate(train, rate)
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
    return dataclasses.replace(task, templates=templates)


def _with_rate(mixture: Mixture, rate: Rate) -> Mixture:
    bare = (part.of if isinstance(part, Part) else part for part in mixture.parts)
    parts = tuple(_with_rate(of, rate) if isinstance(of, Mixture) else of for of in bare)
    return dataclasses.replace(mixture, parts=parts, rate=rate)


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
