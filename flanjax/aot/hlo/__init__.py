"""Compiled programs, read from their text: what one execution computes, moves and sends."""

from flanjax.aot.hlo.totals import Collective, Counts, both, count

__all__ = ["Collective", "Counts", "both", "count"]
