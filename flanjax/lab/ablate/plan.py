"""The runs of a study, made without running anything: every config is loaded and every mixture split, so that a wrong value is
found before the first run begins.

A cell is one combination of levels under one seed. Cells that differ only in how they are evaluated share their training.
"""

import re
import zlib
from collections.abc import Iterable, Mapping
from itertools import product
from typing import NamedTuple

from flanjax import fields, parts
from flanjax.config import RunConfig, load_config
from flanjax.lab.ablate.axes import Axis, Base, make_axis
from flanjax.lab.ablate.study import Study
from flanjax.names import LONGEST_NAME
from flanjax.parts import split_of

SEED_KEYS = ("train.seed", "data.seed", "ablation.seed")
# What `flanjax heldout` can set of EvaluationConfig, so that no other training is needed: config key -> flag.
FLAGS = {
    f"evaluation.{name}": f"--{name.replace('_', '-')}"
    for name in (
        *("items", "templates", "shots", "demonstrations", "preset", "normalization", "premise"),
        *("extractor", "samples", "temperature", "max_target_tokens", "seed"),
    )
}
# Config key -> flag, and the one value that the flag can set.
SWITCHES = {
    "evaluation.chain_of_thought": ("--chain-of-thought", True),
    "evaluation.perplexity": ("--perplexity", True),
    "evaluation.options": ("--no-options", False),
    "evaluation.untuned": ("--no-untuned", False),
}
EVALUATED = {*FLAGS, *SWITCHES}


class Training(NamedTuple):
    """One run of `flanjax train`.

    Attributes:
      name: of its folder.
      overrides: config key -> value, as text of a command line.
      tokens: positions of the batches, an upper bound of the tokens trained on.
    """

    name: str
    overrides: dict[str, str]
    config: RunConfig

    @property
    def steps(self) -> int:
        return self.config.train.steps

    @property
    def tokens(self) -> int:
        data = self.config.data
        return self.steps * data.batch_size * sum(map(sum, data.features.pairs)) // len(data.features.pairs)


class Cell(NamedTuple):
    """One combination of levels under one seed.

    Attributes:
      labels: of the levels, one for each axis.
      training: the name of its training.
      flags: of `flanjax heldout`.
      config: with the settings that it is evaluated by.
    """

    labels: tuple[str, ...]
    seed: int
    training: str
    flags: tuple[str, ...]
    config: RunConfig


class Plan(NamedTuple):
    """A study with everything that it will run."""

    study: Study
    base: Base
    axes: tuple[Axis, ...]
    cells: tuple[Cell, ...]
    trainings: dict[str, Training]

    @property
    def title(self) -> str:
        return self.study.title or self.base.config.name

    def first_labels(self) -> tuple[str, ...]:
        return tuple(axis.levels[0].label for axis in self.axes)


def make_plan(study: Study) -> Plan:
    """Returns the plan of a study.

    Raises:
      ValueError, KeyError: an axis, a value, a key or a name of the mixture is wrong; the message names the axis.
    """
    config = _loaded(study, study.fixed)
    base = Base(config, split_of(config))
    axes = tuple(make_axis(name, given, base) for name, given in study.axes.items())
    _check_keys(study, axes)
    cells: list[Cell] = []
    trainings: dict[str, Training] = {}
    checked: set[str] = set()
    for combination in product(*(axis.levels for axis in axes)):
        labels = tuple(level.label for level in combination)
        overrides = {key: value for level in combination for key, value in level.overrides.items()}
        try:
            for index in range(study.seeds):
                made = _cell(study, base, axes, labels, overrides, index)
                if made is None:
                    continue
                cell, training = made
                _check_split(cell, checked)
                cells.append(cell)
                trainings.setdefault(training.name, training)
        except (ValueError, KeyError) as error:
            where = ", ".join(f"{axis.name}={label}" for axis, label in zip(axes, labels, strict=True))
            error.add_note(f"in the runs of {where}")
            raise
    if not cells:
        raise ValueError("the study has no runs: every combination leaves out all that it holds out")
    return Plan(study, base, axes, tuple(cells), trainings)


def _cell(
    study: Study, base: Base, axes: tuple[Axis, ...], labels: tuple[str, ...], overrides: Mapping[str, str], index: int
) -> tuple[Cell, Training] | None:
    """One cell and its training; None if nothing would be left to evaluate."""
    seeds = {key: str(_seed_of(base.config, key) + index) for key in SEED_KEYS}
    evaluated = {key: value for key, value in overrides.items() if key in EVALUATED}
    trained = {key: value for key, value in overrides.items() if key not in evaluated}
    # A switch cannot set the other value, so the training's config has that one.
    unset = {key: fields.shown(not value) for key, (_, value) in SWITCHES.items() if any(key in axis.keys for axis in axes)}
    # In the training's name.
    varied = [f"{axis.name}-{label}" for axis, label in zip(axes, labels, strict=True) if axis.keys - EVALUATED]
    name = _file_name("_".join([*varied, f"seed-{index}"]))
    whole = {**study.fixed, **unset, **trained, **seeds, "name": name}
    config = _loaded(study, whole)
    if not config.heldout:
        raise ValueError("the study holds no cluster out, so nothing is scored; set heldout=CLUSTER or --axis hold_out=...")
    if {*config.heldout} & {*config.leave_out}:
        return None
    asked = _loaded(study, {**whole, **evaluated})
    return Cell(labels, index, name, _flags(asked, evaluated), asked), Training(name, whole, config)


def _flags(config: RunConfig, keys: Iterable[str]) -> tuple[str, ...]:
    """The flags of `flanjax heldout` that set these keys to the config's values."""
    found: list[str] = []
    for key in keys:
        value = getattr(config.evaluation, key.removeprefix("evaluation."))
        if key in FLAGS:
            found += [FLAGS[key], *map(str, value if isinstance(value, tuple) else (value,))]
        elif SWITCHES[key][1] is value:
            found.append(SWITCHES[key][0])
    return tuple(found)


def _loaded(study: Study, overrides: Mapping[str, str]) -> RunConfig:
    return parts.settled(load_config(study.config, [f"{key}={value}" for key, value in overrides.items()]))


def _seed_of(config: RunConfig, key: str) -> int:
    group, _, name = key.partition(".")
    found: int = getattr(getattr(config, group), name)
    return found


def _check_keys(study: Study, axes: tuple[Axis, ...]) -> None:
    seen: dict[str, str] = dict.fromkeys(SEED_KEYS, "the seeds of the study") | {"name": "the study"}
    for axis in axes:
        for key in sorted(axis.keys):
            if key in seen:
                raise ValueError(f"axis {axis.name} sets {key}, which {seen[key]} sets too; leave one of them out")
        seen |= dict.fromkeys(axis.keys, f"axis {axis.name}")
    for key in study.fixed:
        if key in seen:
            raise ValueError(f"the override {key} is set by {seen[key]} too; leave it out")


def _check_split(cell: Cell, checked: set[str]) -> None:
    """Splits the mixture as the run will, once for cells that are split alike."""
    config = cell.config
    key = repr((config.mixture, config.heldout, config.leave_out, config.ablation))
    if key not in checked:
        checked.add(key)
        lacking = [task.name for task in split_of(config).heldout if not task.evaluation]
        if lacking:
            raise ValueError(
                f"the held-out tasks {', '.join(lacking)} name no evaluation split, so they cannot be scored; give each Task "
                "one, as evaluation='test', or name them in leave_out"
            )


def _file_name(text: str) -> str:
    """The text as a name of a folder: in a bucket, on any disk, and unquoted in a shell."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-.")
    if len(name) <= LONGEST_NAME and name == text:
        return name
    return f"{name[: LONGEST_NAME - 9]}-{zlib.crc32(text.encode()):08x}"
