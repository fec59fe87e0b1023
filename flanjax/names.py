"""Words for error messages: the nearest candidate, and a value in a few characters."""

import difflib
import reprlib
from collections.abc import Iterable
from typing import Any

_SHORT = reprlib.Repr()
_SHORT.maxlevel, _SHORT.maxstring, _SHORT.maxother, _SHORT.maxlist, _SHORT.maxtuple, _SHORT.maxdict = 3, 100, 100, 8, 8, 8


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


def shown(value: Any) -> str:
    """A value for an error message: its repr, shortened, however long or deeply nested the value is."""
    return _SHORT.repr(value)
