"""Errors that name the nearest candidate."""

import difflib
from collections.abc import Iterable


def nearest(name: str, candidates: Iterable[str]) -> str:
    """A phrase for an error message: the nearest candidates, or all of them when there are few.

    >>> nearest("sts2", ["sst2", "rte"])
    "did you mean 'sst2'? known: rte, sst2"
    """
    known = sorted(set(candidates))
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    phrase = f"did you mean {' or '.join(repr(c) for c in close)}? " if close else ""
    shown = ", ".join(known[:20]) + (f", ... ({len(known)} in all)" if len(known) > 20 else "")
    return f"{phrase}known: {shown or 'none'}"
