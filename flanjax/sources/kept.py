"""What is kept of files between starts, so that the next start reads less: an index, and copies that can be memory-mapped.

The folder is FLANJAX_INDEX, or ~/.cache/flanjax/index if it is not set; an empty value keeps nothing. It may be deleted at any
time. Everything in it belongs to one state of a file: its path, size and time of change.
Hashes of rows belong to one state of a task (flanjax.data.kept_rows).

    index.json              number of rows, and how they lie in the file
    arrays/DIGEST.npy       where each row of a text file is; hashes of rows
    tables/DIGEST.arrow     decoded rows of a Parquet file that did not fit into memory
    files/DIGEST            files of a bucket
"""

from __future__ import annotations

import functools
import hashlib
import json
import logging
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from etils import epath

VARIABLE = "FLANJAX_INDEX"
_SETTLED_SECONDS = 2.0  # a file that changed later than this may change again without another size or time
_MAP_FROM_BYTES = 1 << 24
_SAMPLE_BYTES = 1 << 12
_FREE_SHARE = 0.05  # of the disk, which copies leave free


class State(NamedTuple):
    """A file as it is now."""

    path: str
    size: int
    changed_ns: int

    @property
    def settled(self) -> bool:
        return time.time() - self.changed_ns / 1e9 > _SETTLED_SECONDS

    def digest(self, *more: object) -> str:
        return hashlib.blake2b(repr((*self, *more)).encode(), digest_size=16).hexdigest()


def state_of(path: epath.Path) -> State:
    if "://" in str(path):
        there = path.stat()
        return State(str(path), int(there.length), int(there.mtime) * 10**9)
    here = os.stat(path)
    return State(os.path.abspath(path), here.st_size, here.st_mtime_ns)


def fingerprint(path: epath.Path) -> str:
    """Returns a hash of a file's size and of samples of its bytes, the last ones among them, which are a Parquet file's footer.

    It is the same for a copy of the file elsewhere. Of a file in a bucket it knows only the size.
    """
    if "://" in str(path):
        return hashlib.blake2b(str(path.stat().length).encode(), digest_size=8).hexdigest()
    return str(about(path, "fingerprint", functools.partial(_sampled, path)))


def _sampled(path: epath.Path) -> str:
    """Returns a hash of a local file's size and of samples of its bytes."""
    found = hashlib.blake2b(digest_size=8)
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        found.update(str(size).encode())
        for start in sorted({0, max(size - _SAMPLE_BYTES, 0), *(size * part // 8 for part in range(1, 8))}):
            file.seek(start)
            found.update(file.read(_SAMPLE_BYTES))
    return found.hexdigest()


def about(path: epath.Path, kind: str, find: Callable[[], Any]) -> Any:
    """Returns what `find()` finds out about a file, as JSON; it is called if the index does not know this state of the file."""
    found = known(path, kind)
    if found is None:
        remember(path, kind, found := find())
    return found


def known(path: epath.Path, kind: str) -> Any | None:
    """Returns what is remembered of this state of a file, or None."""
    folder = _folder()
    return None if folder is None else _index(folder).get(state_of(path), kind)


def remember(path: epath.Path, kind: str, found: Any) -> None:
    """Remembers something of this state of a file, as JSON. `save` writes it."""
    folder, state = _folder(), state_of(path)
    if folder is not None and state.settled:
        _index(folder).set(state, kind, found)


def save() -> None:
    """Writes what was found out since the last call."""
    if (folder := _folder()) is not None:
        _index(folder).save()


def array(path: epath.Path, kind: str, make: Callable[[], np.ndarray]) -> np.ndarray:
    """Returns the array that `make()` makes of a file; a large one is memory-mapped."""
    return _array(_place("arrays", state_of(path), kind, ".npy"), make)


def array_named(key: str, make: Callable[[], np.ndarray]) -> np.ndarray:
    """Returns the array that `make()` makes; `key` must tell everything that it depends on."""
    folder = _folder()
    name = hashlib.blake2b(key.encode(), digest_size=16).hexdigest()
    return _array(None if folder is None else folder / "arrays" / f"{name}.npy", make)


def _array(place: Path | None, make: Callable[[], np.ndarray]) -> np.ndarray:
    if place is None:
        return make()
    if not place.exists():
        made = make()
        if not _write(place, functools.partial(np.save, arr=made, allow_pickle=False), made.nbytes):
            return made
    return np.load(place, mmap_mode="r" if place.stat().st_size > _MAP_FROM_BYTES else None)


def copy_of(path: epath.Path) -> Path | None:
    """Returns a local copy of a bucket's file; None if nothing is kept."""
    state = state_of(path)
    place = _place("files", state, "copy", "")
    if place is None:
        return None
    if not place.exists() and not _write(place, functools.partial(_download, path), state.size):
        return None
    return place


def table_place(state: State, part: object) -> Path | None:
    """Returns where a part of a file's decoded rows is kept, or would be; None if nothing is kept."""
    return _place("tables", state, part, ".arrow")


def write_table(place: Path, write: Callable[[str], None], num_bytes: int) -> bool:
    """Writes a table there by `write(path)`; returns whether there was room."""
    return _write(place, write, num_bytes)


class _Index:
    """index.json: path -> size, time of change, and what is known of that state."""

    def __init__(self, folder: Path):
        self._file, self._lock = folder / "index.json", threading.Lock()
        self._known, self._new = self._read(), set[str]()

    def get(self, state: State, kind: str) -> Any | None:
        size, changed_ns, found = self._known.get(f"{kind} {state.path}", (None, None, None))
        return found if (size, changed_ns) == (state.size, state.changed_ns) else None

    def set(self, state: State, kind: str, found: Any) -> None:
        key = f"{kind} {state.path}"
        with self._lock:
            self._known[key] = [state.size, state.changed_ns, found]
            self._new.add(key)

    def save(self) -> None:
        with self._lock:
            if not self._new:
                return
            new = {key: self._known[key] for key in self._new}
            self._known = self._read() | self._known | new  # other processes write here too
            text = json.dumps(self._known)
            _write(self._file, lambda place: _write_text(place, text), len(text))
            self._new.clear()

    def _read(self) -> dict[str, list[Any]]:
        try:
            found = json.loads(self._file.read_text())
        except (OSError, ValueError):  # there is none, or it is damaged: it is made again
            return {}
        return found if isinstance(found, dict) else {}


@functools.cache
def _index(folder: Path) -> _Index:
    return _Index(folder)


def _folder() -> Path | None:
    named = os.environ.get(VARIABLE)
    if named is None:
        named = os.path.join(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "flanjax", "index")
    return _as_path(named) if named else None


@functools.cache
def _as_path(named: str) -> Path:
    return Path(named).expanduser()


def _place(shelf: str, state: State, part: object, ending: str) -> Path | None:
    folder = _folder()
    if folder is None or not state.settled:
        return None
    return folder / shelf / f"{state.digest(part)}{ending}"


def _write(place: Path, write: Callable[[str], None], num_bytes: int) -> bool:
    """Writes a file atomically; returns False, with one warning for each folder, if it cannot be written."""
    unfinished = ""
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        disk = shutil.disk_usage(place.parent)
        if disk.free - num_bytes < _FREE_SHARE * disk.total:
            _warn(place.parent, "the disk is nearly full")
            return False
        handle, unfinished = tempfile.mkstemp(dir=place.parent, prefix=".", suffix=place.suffix)
        os.close(handle)
        write(unfinished)
        os.replace(unfinished, place)
    except OSError as error:
        _warn(place.parent, str(error))
        if unfinished and os.path.exists(unfinished):
            os.remove(unfinished)
        return False
    return True


@functools.cache
def _warn(folder: Path, reason: str) -> None:
    logging.getLogger("flanjax").warning(
        "%s cannot keep what is found out about files (%s), so the next start finds it out again; set %s to another folder",
        folder, reason, VARIABLE,
    )  # fmt: skip


def _write_text(place: str, text: str) -> None:
    Path(place).write_text(text)


def _download(path: epath.Path, place: str) -> None:
    with path.open("rb") as source, open(place, "wb") as copy:
        shutil.copyfileobj(source, copy, 1 << 22)
