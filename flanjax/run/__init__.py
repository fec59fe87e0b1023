"""The main paths, read top-down: training.py, evaluation.py, exporting.py. Everything meets here and nowhere else.

opened.py and loaded.py are the door from Python.
"""

from flanjax.run.evaluation import evaluate, evaluate_model
from flanjax.run.exporting import export
from flanjax.run.loaded import LoadedModel, load_model
from flanjax.run.opened import Run, iterate, open_run
from flanjax.run.training import train

__all__ = ["LoadedModel", "Run", "evaluate", "evaluate_model", "export", "iterate", "load_model", "open_run", "train"]
