"""An axis of a study: its levels, each a label and the config keys that it sets.

Any config key is an axis, and so are the names in NAMED. A level is text, as on the command line, so that what a study does can
be repeated by hand: flanjax train --config.KEY=VALUE.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from flanjax import fields
from flanjax.config import RunConfig
from flanjax.config.reference import groups
from flanjax.lab.ablate.weights import weight_levels
from flanjax.names import nearest
from flanjax.tasks.clusters import Split

NOTHING = "nothing"
CLUSTERS, TASKS, WEIGHTS = "clusters", "tasks", "weights"


class Level(NamedTuple):
    """One value of an axis.

    Attributes:
      overrides: config key -> value, as text of a command line.
    """

    label: str
    overrides: dict[str, str]


class Axis(NamedTuple):
    """A setting that a study varies.

    Attributes:
      levels: the first one is what the others are compared with.
      compared: whether levels are scored on the same tasks, and so compared.
    """

    name: str
    levels: tuple[Level, ...]
    compared: bool = True

    @property
    def keys(self) -> set[str]:
        return {key for level in self.levels for key in level.overrides}


class Base(NamedTuple):
    """What axes are made for: the study's config, and its mixture split by it."""

    config: RunConfig
    split: Split


class Named(NamedTuple):
    """An axis with a name of its own.

    Attributes:
      meaning: in words.
      level: a level in words, with {} for its label.
      levels: from the values that were given.
    """

    meaning: str
    level: str
    levels: Callable[[Sequence[str], Base], list[Level]]


def _of_key(key: str, words: Mapping[str, str] | None = None) -> Callable[[Sequence[str], Base], list[Level]]:
    """Levels that set one key to each value, or to what each word means."""

    def levels(values: Sequence[str], base: Base) -> list[Level]:
        for value in values:
            if words is not None and value not in words:
                raise ValueError(f"got {value!r}; {nearest(value, words)}")
        return [Level(value, {key: words[value] if words else value}) for value in values]

    return levels


def _leave_one_out(values: Sequence[str], base: Base) -> list[Level]:
    """Nothing left out, then each in turn."""
    found = _named(values, _trained_on(base))
    return [Level(NOTHING, {}), *(Level(name, {"leave_out": ",".join((*base.config.leave_out, name))}) for name in found)]


def _hold_out(values: Sequence[str], base: Base) -> list[Level]:
    """Each cluster in turn instead of the config's own held-out ones; `clusters` are those whose tasks can all be scored."""
    every = [*base.split.clusters, *base.split.train.clusters()]
    silent = {t.cluster for t in (*base.split.heldout, *base.split.train.tasks()) if not t.evaluation}
    groups = {CLUSTERS: [name for name in every if name not in silent], **{name: [name] for name in every}}
    for name in (found := _named(values, groups)):
        if name not in every:
            raise ValueError(f"no cluster {name!r} to hold out; {nearest(name, every)}")
    return [Level(name, {"heldout": name}) for name in found]


def _weights(values: Sequence[str], base: Base) -> list[Level]:
    return [Level(*level) for level in weight_levels(values, base.config, base.split)]


def _named(values: Sequence[str], groups: Mapping[str, Sequence[str]]) -> list[str]:
    """The values, with the name of a group replaced by its members."""
    found = [name for value in values for name in groups.get(value, (value,))]
    known = {name for members in groups.values() for name in members}
    for name in found:
        if name not in known:
            raise ValueError(f"got {name!r}; {nearest(name, [*known, *groups])}")
    return found


def _trained_on(base: Base) -> dict[str, list[str]]:
    return {CLUSTERS: list(base.split.train.clusters()), TASKS: [t.name for t in base.split.train.tasks()]}


NAMED = {
    "clusters": Named("the number of training clusters, drawn by the seed", "{} clusters", _of_key("ablation.clusters")),
    "tasks": Named("the number of training tasks, drawn by the seed", "{} tasks", _of_key("ablation.tasks")),
    "templates": Named("the number of templates that a task is trained in", "{} templates", _of_key("ablation.templates")),
    "rate": Named("the proportions of tasks", "rate {}", _of_key("ablation.rate")),
    "cot": Named(
        "whether training prompts ask for reasoning",
        "reasoning {}",
        _of_key("ablation.chain_of_thought", {"on": "true", "off": "false"}),
    ),
    WEIGHTS: Named("the proportions of clusters", "{} weights", _weights),
    "shots": Named("the exemplars in evaluation prompts", "{} shots", _of_key("evaluation.shots")),
    "leave_one_out": Named("the cluster or task left out of training", "without {}", _leave_one_out),
    "hold_out": Named("the cluster held out and scored", "{}", _hold_out),
}


def make_axis(name: str, given: Sequence[Any] | Mapping[str, Mapping[str, Any]], base: Base) -> Axis:
    """Returns the axis `name` with its levels.

    Args:
      given: values, of which some names (leave_one_out=clusters) stand for several; or label -> keys and values.

    Raises:
      ValueError: there is no such axis, a value is none of it, or one comes twice.
    """
    try:
        levels = _levels(name, given, base)
        labels = [level.label for level in levels]
        if twice := sorted({label for label in labels if labels.count(label) > 1}):
            raise ValueError(f"got {', '.join(twice)} more than once")
        if len(levels) < 2 and name != "hold_out":
            raise ValueError(f"got {', '.join(labels) or 'no value'}; expected two values or more, to compare them")
    except ValueError as error:
        raise ValueError(f"axis {name}: {error}") from error
    return Axis(name, tuple(levels), compared=name != "hold_out" and "heldout" not in {k for x in levels for k in x.overrides})


def _levels(name: str, given: Sequence[Any] | Mapping[str, Mapping[str, Any]], base: Base) -> list[Level]:
    if isinstance(given, Mapping):
        return [Level(label, {key: fields.shown(v) for key, v in overrides.items()}) for label, overrides in given.items()]
    values = [given] if isinstance(given, str) else [fields.shown(value) for value in given]
    if name in NAMED:
        return NAMED[name].levels(values, base)
    if name not in (known := [key.name for group in groups() for key in group.keys]):
        raise ValueError(f"no such axis or config key; {nearest(name, [*NAMED, *known])}")
    return [Level(value, {name: value}) for value in values]
