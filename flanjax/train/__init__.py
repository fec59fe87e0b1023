"""Losses, optimizers and the training step: JAX functions on pytrees, one idea in each module."""
