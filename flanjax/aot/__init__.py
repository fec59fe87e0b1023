"""Compiling a run for a slice that is not here: memory, collectives, and how fast it could be at best."""
