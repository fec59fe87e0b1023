"""Losses, optimizers and the training step: JAX on pytrees, one module an idea."""
