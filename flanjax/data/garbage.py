"""Garbage collection while examples are made: seldom, and never of what was there before."""

import contextlib
import gc
from collections.abc import Iterator

_OBJECTS = 50_000  # made since the last collection, at which the next one begins; Python's own default is 700


@contextlib.contextmanager
def collected_rarely() -> Iterator[None]:
    """Python collects garbage rarely for the while.

    Making examples leaves millions of small objects and hardly a cycle among them. At Python's usual thresholds a fifth of its
    time goes into looking for cycles, in all of JAX's modules too; and on a pod every process waits for the one that collects.
    """
    usual, frozen = gc.get_threshold(), gc.get_freeze_count()
    collect_rarely()
    try:
        yield
    finally:
        gc.set_threshold(*usual)
        if not frozen:
            gc.unfreeze()


def collect_rarely() -> None:
    """The same until the process ends."""
    gc.collect()
    if not gc.get_freeze_count():  # else somebody has decided what is looked through
        gc.freeze()
    gc.set_threshold(_OBJECTS, 20, 100)
