"""flanjax: instruction tuning in JAX. This module is what a mixture file needs: tasks, templates, mixtures, sources."""

from flanjax.sources import csv, hub, jsonl, parquet, rows, tsv
from flanjax.tasks.labels import label
from flanjax.tasks.mixture import Mixture, Part, equal, proportional, t0, temperature
from flanjax.tasks.options import OptionStyle
from flanjax.tasks.registry import load
from flanjax.tasks.styles import StyleShares
from flanjax.tasks.task import BadRow, Example, Message, SkipRow, Task, conversation
from flanjax.tasks.template import Template
from flanjax.version import __version__

__all__ = [
    "BadRow",
    "Example",
    "Message",
    "Mixture",
    "OptionStyle",
    "Part",
    "SkipRow",
    "StyleShares",
    "Task",
    "Template",
    "__version__",
    "conversation",
    "csv",
    "equal",
    "hub",
    "jsonl",
    "label",
    "load",
    "parquet",
    "proportional",
    "rows",
    "t0",
    "temperature",
    "tsv",
]
