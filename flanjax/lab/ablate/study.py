"""A study: one config, the axes that are varied, and how many seeds each combination is run with.

A study of a file, which `flanjax ablate FILE[:NAME]` runs:

    from flanjax.lab.ablate.study import Study

    templates = Study(config="configs/quickstart.py", axes={"templates": (1, 2, 6)}, overrides={"train.steps": 400})
"""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from flanjax import fields
from flanjax.config import overrides_by_key
from flanjax.fields import Range
from flanjax.names import nearest
from flanjax.tasks import user_code

MAX_SEEDS = 100


@dataclasses.dataclass(frozen=True, kw_only=True)
class Study:
    """What is varied, and how often it is run.

    Args:
      config: a config file, "configs/x.py" or "configs/x.py:variant".
      axes: name -> values. A name is a config key or one of `flanjax.lab.ablate.axes.NAMED`. Instead of values, label ->
        {config key: value} sets several keys together. Several axes are crossed.
      seeds: runs of each combination. They differ in train.seed, data.seed and ablation.seed, which count up from the config's.
      overrides: config key -> value, for all runs.
      title: shown on the page; the config's name if it is empty.
    """

    config: str
    axes: Mapping[str, Any]
    seeds: int = 3
    overrides: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    title: str = ""

    def __post_init__(self) -> None:
        if not Range(1, MAX_SEEDS).holds(self.seeds) or not isinstance(self.seeds, int):
            raise ValueError(f"a study's seeds is {self.seeds!r}, expected a number of runs from 1 to {MAX_SEEDS}")
        if not self.axes:
            raise ValueError("a study has no axes; expected at least one, such as templates=1,4,10 or train.steps=100,200")

    @property
    def fixed(self) -> dict[str, str]:
        """The overrides of all runs, as text of a command line."""
        return {key: fields.shown(value) for key, value in self.overrides.items()}


def load_study(address: str) -> Study:
    """Returns the study in a Python file; `FILE:NAME` if the file has several.

    Raises:
      FileNotFoundError, ValueError: there is no such file or study; the message has the nearest.
    """
    path, _, name = address.partition(":")
    file = Path(path)
    if not file.is_file():
        near = nearest(file.name, (p.name for p in file.parent.glob("*.py"))) if file.parent.is_dir() else f"no {file.parent}"
        raise FileNotFoundError(f"no study file {path}; {near}")
    module = user_code.run_file(file, f"flanjax_study_{file.stem}")
    found = {key: value for key, value in vars(module).items() if isinstance(value, Study)}
    if not found:
        raise ValueError(f"{path} has no Study; it defines one as NAME = Study(config=..., axes=...)")
    if not name and len(found) == 1:
        return next(iter(found.values()))
    if name not in found:
        given = f"has no study {name!r}" if name else "has several studies"
        raise ValueError(f"{path} {given}; name one as {path}:NAME; {nearest(name, found)}")
    return found[name]


def study_of_options(config: str, axes: Sequence[str], seeds: int, overrides: Sequence[str]) -> Study:
    """Returns the study of a command line: axes as "templates=1,4,10", overrides as "train.steps=100"."""
    found: dict[str, tuple[str, ...]] = {}
    for axis in axes:
        name, equals, values = axis.partition("=")
        if not equals or not name or not values:
            raise ValueError(f"--axis takes KEY=VALUE,VALUE, got {axis!r}")
        if name in found:
            raise ValueError(f"--axis {name} is given twice; give all its values once: --axis {name}=VALUE,VALUE")
        found[name] = tuple(values.split(","))
    return Study(config=config, axes=found, seeds=seeds, overrides=overrides_by_key(overrides))
