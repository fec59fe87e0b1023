"""Reads the text of compiled programs: what one execution computes, moves to and from memory, and sends between devices."""

from flanjax.aot.hlo.totals import Collective, Counts, both, count

__all__ = ["Collective", "Counts", "both", "count"]
