"""Compiles a run for a TPU slice that this machine does not have: memory, collectives, and the shortest possible time."""
