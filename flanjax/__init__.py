"""flanjax: instruction tuning in JAX.

This module has what a mixture file needs: tasks, templates, mixtures, sources. It also has `open_run`, `load_model` and
`iterate` for runs and models (docs/python.md). These are imported when they are first used, because they import jax.
"""

import importlib
from typing import Any

from flanjax.sources import arrayrecord, csv, disk, hub, json_file, jsonl, parquet, rows, tfds, tsv
from flanjax.tasks.chains import ChainOfThought
from flanjax.tasks.exemplars import ExemplarFormat
from flanjax.tasks.filters import Duplicates, NearDuplicates
from flanjax.tasks.labels import label
from flanjax.tasks.mixture import Mixture, Part, equal, proportional, t0, temperature
from flanjax.tasks.options import OptionStyle
from flanjax.tasks.registry import load
from flanjax.tasks.styles import StyleShares
from flanjax.tasks.task import BadRow, Example, Exemplar, Message, SkipRow, Task, conversation
from flanjax.tasks.template import Template
from flanjax.tasks.text_filters import Length, Repetition, WordList
from flanjax.version import __version__

__all__ = [
    "BadRow",
    "ChainOfThought",
    "Duplicates",
    "Example",
    "Exemplar",
    "ExemplarFormat",
    "Length",
    "Message",
    "Mixture",
    "NearDuplicates",
    "OptionStyle",
    "Part",
    "Repetition",
    "SkipRow",
    "StyleShares",
    "Task",
    "Template",
    "WordList",
    "__version__",
    "arrayrecord",
    "conversation",
    "csv",
    "disk",
    "equal",
    "hub",
    "json_file",
    "jsonl",
    "label",
    "load",
    "parquet",
    "proportional",
    "rows",
    "t0",
    "temperature",
    "tfds",
    "tsv",
]

_LATE = ("iterate", "load_model", "open_run")


def __getattr__(name: str) -> Any:
    if name not in _LATE:
        raise AttributeError(f"module 'flanjax' has no attribute {name!r}")
    return getattr(importlib.import_module("flanjax.run"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_LATE])
