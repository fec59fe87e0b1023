"""Evaluation: scores, intervals, results and the report. What needs no model imports no jax."""
