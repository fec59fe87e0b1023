"""The main paths, read top-down: training.py, evaluation.py, exporting.py. Everything meets here and nowhere else.

opened.py and loaded.py are the door from Python. Each name is imported when it is first used: training needs no metrics.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flanjax.run.evaluation import evaluate, evaluate_model
    from flanjax.run.exporting import export
    from flanjax.run.loaded import LoadedModel, load_model
    from flanjax.run.opened import Run, iterate, open_run
    from flanjax.run.training import train

__all__ = ["LoadedModel", "Run", "evaluate", "evaluate_model", "export", "iterate", "load_model", "open_run", "train"]

_PLACES = {
    "evaluation": ("evaluate", "evaluate_model"),
    "exporting": ("export",),
    "loaded": ("LoadedModel", "load_model"),
    "opened": ("Run", "iterate", "open_run"),
    "training": ("train",),
}


def __getattr__(name: str) -> Any:
    for module, names in _PLACES.items():
        if name in names:
            return getattr(importlib.import_module(f"flanjax.run.{module}"), name)
    raise AttributeError(f"module 'flanjax.run' has no attribute {name!r}")
