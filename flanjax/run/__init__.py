"""The main paths, read top-down: training.py, evaluation.py, exporting.py. Everything meets here and nowhere else."""

from flanjax.run.evaluation import evaluate
from flanjax.run.exporting import export
from flanjax.run.training import train

__all__ = ["evaluate", "export", "train"]
