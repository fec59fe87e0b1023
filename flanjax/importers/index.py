"""A kept index: what was found in a file, written down, so that the file is not searched again at the next start.

An index is a JSON file about a set of files. Each file's entry holds while its size and its time of modification stay the same.
Indexes lie in the folder that FLANJAX_INDEX names, or else in the user's cache directory (`~/.cache/flanjax/index`). They may
be deleted at any time. With FLANJAX_INDEX="" none is kept.
"""

import base64
import hashlib
import json
import os
import uuid
import zlib
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from etils import epath

from flanjax.sources import SourceError

INDEX = "FLANJAX_INDEX"
_FORMAT = 1
_AT_ONCE = 16  # files of an object store that are asked at the same time


class _Stamp(NamedTuple):
    """What changes when a file does."""

    num_bytes: int
    modified_ns: int


def indexed(about: str, files: Mapping[str, epath.Path], read: Callable[[epath.Path], Any]) -> dict[str, Any]:
    """Returns what `read` finds in each file, by the files' names, reading only the files that changed since the last time.

    Args:
      about: names the index: who makes it, and from which folder or file. Change it when the meaning of an entry changes.
      files: name -> path.
      read: returns an entry, which must be JSON.

    Raises:
      SourceError: the index cannot be written.
    """
    place = _place(about)
    known = _load(place) if place else {}
    stamps = _stamps(files)
    entries = {}
    for name, path in files.items():
        kept = known.get(name)
        if kept is None or tuple(kept[:2]) != stamps[name]:
            kept = [*stamps[name], read(path)]
        entries[name] = kept
    if place and entries != known:
        _save(place, entries)
    return {name: entry[2] for name, entry in entries.items()}


def packed(numbers: np.ndarray) -> str:
    """Returns whole numbers as a short text of an index entry. They are packed as differences, so ascending ones pack best.

    >>> unpacked(packed(np.array([3, 10, 4]))).tolist()
    [3, 10, 4]
    """
    differences = np.diff(np.asarray(numbers, np.int64), prepend=0)
    small = differences.astype(np.int32) if np.abs(differences, dtype=np.int64).max(initial=0) < 2**31 else differences
    return small.dtype.char + base64.b64encode(zlib.compress(small.tobytes(), 1)).decode()


def unpacked(text: str) -> np.ndarray:  # int64 [numbers]
    """Returns the numbers that `packed` made a text of."""
    return np.cumsum(np.frombuffer(zlib.decompress(base64.b64decode(text[1:])), np.dtype(text[0])), dtype=np.int64)


def _place(about: str) -> epath.Path | None:
    """Returns the path of an index; None if no indexes are kept."""
    folder = os.environ.get(INDEX)
    if folder == "":
        return None
    if folder is None:
        cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        folder = os.fspath(Path(cache) / "flanjax" / "index")
    name = hashlib.blake2b(about.encode(), digest_size=8).hexdigest()
    return epath.Path(folder).expanduser() / f"{about.partition(' ')[0]}-{name}.json"


def _load(place: epath.Path) -> dict[str, Any]:
    """Returns the entries of an index; {} if there is none, or if another version or a killed process wrote it."""
    try:
        index = json.loads(place.read_text())
    except (OSError, ValueError):
        return {}
    same = isinstance(index, dict) and index.get("format") == _FORMAT
    return index["files"] if same else {}


def _save(place: epath.Path, entries: dict[str, Any]) -> None:
    text = json.dumps({"format": _FORMAT, "files": entries}, ensure_ascii=False)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        if "://" in str(place):
            place.write_text(text)
            return
        unfinished = place.parent / f".{uuid.uuid4().hex}.tmp"  # several processes may write the same index
        unfinished.write_text(text)
        unfinished.replace(place)
    except OSError as error:
        raise SourceError(
            f'cannot write the index {place}: {error}. Set {INDEX} to a folder, or to "" to keep no index.'
        ) from error


def _stamps(files: Mapping[str, epath.Path]) -> dict[str, tuple[int, int]]:
    with ThreadPoolExecutor(_AT_ONCE if any("://" in str(path) for path in files.values()) else 1) as pool:
        return dict(zip(files, pool.map(_stamp, files.values()), strict=True))


def _stamp(path: epath.Path) -> tuple[int, int]:
    if "://" in str(path):
        found = path.stat()
        return _Stamp(int(found.length), int(found.mtime) * 10**9)
    found = os.stat(path)
    return _Stamp(found.st_size, found.st_mtime_ns)
