"""Words for error messages: the nearest candidate, and a value in a few characters."""

import difflib
import re
import reprlib
from collections.abc import Iterable
from typing import Any

_SHORT = reprlib.Repr()
_SHORT.maxlevel, _SHORT.maxstring, _SHORT.maxother, _SHORT.maxlist, _SHORT.maxtuple, _SHORT.maxdict = 3, 100, 100, 8, 8, 8


def nearest(name: str, candidates: Iterable[str]) -> str:
    """Returns a phrase for an error message: the nearest candidates, and up to 20 of the known names.

    >>> nearest("sts2", ["sst2", "rte"])
    "did you mean 'sst2'? known: rte, sst2"
    """
    known = sorted(set(candidates))
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    phrase = f"did you mean {' or '.join(repr(c) for c in close)}? " if close else ""
    shown = ", ".join(known[:20]) + (f", ... ({len(known)} in all)" if len(known) > 20 else "")
    return f"{phrase}known: {shown or 'none'}"


def shown(value: Any) -> str:
    """Returns a value's shortened repr for an error message; the value may be long or deeply nested."""
    return _SHORT.repr(value)


_NO_FILE = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]')
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?", re.IGNORECASE)
LONGEST_NAME = 100


def check_file_name(what: str, name: str) -> None:
    """Raises ValueError for a name that is not a valid file name on every system; `what` is what has the name.

    >>> check_file_name("cluster", "nli/rte")
    Traceback (most recent call last):
    ValueError: cluster name 'nli/rte' has '/' in it, expected a name that a file could have: letters, digits, '_', '-' or '.'
    """
    bad = _NO_FILE.search(name) if isinstance(name, str) else None
    if not isinstance(name, str) or not name:
        reason = "is no text"
    elif bad:
        reason = f"has {bad.group()!r} in it"
    elif len(name) > LONGEST_NAME:
        reason = f"has {len(name)} characters, more than {LONGEST_NAME}"
    elif name[0] in ". -" or name[-1] in ". ":
        reason = "begins or ends with a dot, a dash or a blank"
    elif _RESERVED.fullmatch(name):
        reason = "is a device's on Windows"
    else:
        return
    raise ValueError(f"{what} name {name!r} {reason}, expected a name that a file could have: letters, digits, '_', '-' or '.'")
