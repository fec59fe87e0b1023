"""A checkpoint's folder, which is named after its step: what is in it, whether it is complete, and whether it is undamaged."""

import contextlib
import logging
import time
from collections.abc import Iterator
from typing import Any

from etils import epath

from flanjax import records
from flanjax.checkpoint import checksums
from flanjax.storage import is_remote
from flanjax.workdir import open_workdir

PARAMS, REST, DATA, META = "params", "rest", "data", "meta"
JSON_FILE = "metadata"  # Orbax's name for it
NO_STEP = -1
_COMMITTED = "commit_success.txt"  # Orbax's name for it
_META_KEYS = {"config": dict, "split": dict, "tokenizer": str, "plan": str, "model": dict}
_REMOVED_WITHIN_SECONDS = 5  # a folder is removed file by file


def directory(workdir: epath.PathLike) -> epath.Path:
    return open_workdir(workdir).checkpoints


def steps_in(directory: epath.Path) -> list[int]:
    if not directory.exists():
        return []
    return sorted(int(p.name) for p in directory.iterdir() if p.name.isdigit() and is_complete(p))


def newest_bytes(workdir: epath.PathLike) -> int | None:
    """Returns the size of the newest step's files; None if there is no step, or no checksums.json that says it."""
    steps = steps_in(directory(workdir))
    sums = checksums.read(directory(workdir) / str(steps[-1])) if steps else None
    return None if sums is None else sum(size for size, _ in sums.values())


def is_complete(folder: epath.Path) -> bool:
    """Whether a step is complete. In a bucket a step has its final name already while it is written, and gets one more file
    when it is complete."""
    return (folder / _COMMITTED).exists() if is_remote(folder) else folder.is_dir()


def is_removed(folder: epath.Path) -> bool:
    """Whether a step has been removed, or is being removed because a running trainer has a newer one."""
    if max(steps_in(folder.parent), default=NO_STEP) <= int(folder.name):
        return not folder.exists()
    ends = time.monotonic() + _REMOVED_WITHIN_SECONDS
    while folder.exists() and time.monotonic() < ends:
        time.sleep(0.1)
    return not folder.exists()


def check_meta(meta: Any, folder: epath.Path) -> None:
    """Raises ValueError if a meta is not valid, and FormatError if a newer flanjax wrote it."""
    path = folder / META / JSON_FILE
    if not isinstance(meta, dict):
        raise ValueError(f"{path} holds a {type(meta).__name__}, expected a JSON object")
    records.check_format(meta, path, records.META)
    for key, kind in _META_KEYS.items():
        if not isinstance(meta.get(key), kind):
            raise ValueError(f"{path} has {key}={str(meta.get(key))[:60]!r}, expected a {kind.__name__}")


@contextlib.contextmanager
def naming(path: epath.Path) -> Iterator[None]:
    """Adds a file's name to errors about its content."""
    try:
        yield
    except Exception as error:
        raise ValueError(f"{path}: {type(error).__name__}: {error}") from error


def compare(folder: epath.Path, item: str, index: int, count: int) -> None:
    """Compares the share of process `index` of `count` in the folder's files, or in those of one item, with their checksums.

    Raises:
      DamagedError: a file differs from what was written.
    """
    sums = checksums.read(folder)
    if sums is None:
        if folder.exists() and item != META:  # warn once, when the arrays are read
            logging.getLogger("flanjax").warning(
                "checkpoint %s has no checksums because an older flanjax wrote it: damage to it would not be noticed", folder
            )
        return
    asked = {name: found for name, found in sums.items() if name.startswith(f"{item}/" if item else "")}
    checksums.check(folder, asked, checksums.share(asked, index, count))


def reason(error: BaseException) -> str:
    """Returns one line that says what happened."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:300] if lines else ''}"
