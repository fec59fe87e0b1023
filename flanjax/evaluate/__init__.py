"""Evaluation: scores, intervals and results. Modules that need no model do not import jax."""
