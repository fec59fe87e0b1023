"""Checksums of a folder's files, made when it is written and compared when it is read; each process handles its share.

If a disk or a network flips a bit, a checkpoint may still restore without an error, and the run continues from wrong weights.
`checksums.json` lists every file of the folder with its size and its XXH3 sum, which is computed faster than any disk reads
(20 GB/s here). It protects against accidents, not against an adversary.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import xxhash
from etils import epath

from flanjax.failures import is_transient
from flanjax.records import FormatError, check_format, read_object, stamped

FILE = "checksums.json"
_FORMAT = 1
_PART = "checksums.part."
_CHUNK_BYTES, _THREADS = 1 << 20, 4

Sums = dict[str, tuple[int, str]]  # a file's name, relative to the folder -> its bytes, its sum in hexadecimal


class DamagedError(ValueError):
    """Files differ from what was written; the message names them."""


def sums_of(folder: epath.Path, known: Collection[str] = ()) -> Sums:
    """Returns the sums of all files under the folder, except those whose names are in `known`."""
    names = [name for name in _files(folder) if name not in known]
    with ThreadPoolExecutor(_THREADS) as pool:
        return dict(zip(names, pool.map(lambda name: _sum(folder / name), names), strict=True))


def write_part(folder: epath.Path, name: str, sums: Sums) -> None:
    """Writes the sums of some files into the folder, where `write` finds them. Each part of a folder has its own name."""
    (folder / f"{_PART}{name}.json").write_text(json.dumps(sums))


def write(folder: epath.Path, without: Collection[str] = ()) -> None:
    """Writes the folder's checksums.json: the sums of all parts, and of all files that are in no part.

    Args:
      without: files that will still change.
    """
    parts = [path for path in folder.iterdir() if path.name.startswith(_PART)]
    known = {name: (size, digest) for p in parts for name, (size, digest) in read_object(p.read_text(), p).items()}
    for part in parts:
        part.unlink()
    sums = {**known, **sums_of(folder, {*known, *without})}
    (folder / FILE).write_text(json.dumps(stamped({"algorithm": "xxh3_64", "files": dict(sorted(sums.items()))}, _FORMAT)))


def read(folder: epath.Path) -> Sums | None:
    """Returns the sums in checksums.json; None if there is none, as in folders of older versions.

    Raises:
      DamagedError: the file cannot be read.
      FormatError: a newer flanjax wrote it.
    """
    path = folder / FILE
    if not path.exists():
        return None
    try:
        record = read_object(path.read_text(), path)
        check_format(record, path, _FORMAT)
        return {str(name): (int(size), str(digest)) for name, (size, digest) in record["files"].items()}
    except FormatError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DamagedError(f"{path} is damaged: {type(error).__name__}: {error}") from error


def check(folder: epath.Path, expected: Mapping[str, tuple[int, str]], names: Iterable[str]) -> None:
    """Raises DamagedError if files are missing or differ in size or checksum; it names them."""
    with ThreadPoolExecutor(_THREADS) as pool:
        found = list(pool.map(lambda name: _fault(folder / name, *expected[name]), names))
    if faults := [fault for fault in found if fault]:
        more = f" and {len(faults) - 3} more files" if len(faults) > 3 else ""
        raise DamagedError(f"{'; '.join(faults[:3])}{more}")


def share(sums: Mapping[str, tuple[int, str]], index: int, count: int) -> list[str]:
    """Returns the files that process `index` of `count` compares. Each file has one process; all get about as many bytes.

    >>> share({"a": (5, ""), "b": (3, ""), "c": (3, "")}, 1, 2)
    ['b', 'c']
    """
    loads = [0] * count
    mine: list[str] = []
    for name in sorted(sums, key=lambda name: (-sums[name][0], name)):
        owner = loads.index(min(loads))
        loads[owner] += sums[name][0]
        if owner == index:
            mine.append(name)
    return mine


def _files(folder: epath.Path) -> Sequence[str]:
    """Returns the names of all files under a folder, relative to it."""

    def under(place: epath.Path, prefix: str) -> Iterator[str]:
        for path in place.iterdir():
            name = f"{prefix}{path.name}"
            if path.is_dir():
                yield from under(path, f"{name}/")
            else:
                yield name

    return sorted(under(folder, ""))


def _fault(path: epath.Path, size: int, digest: str) -> str:
    try:
        found = _sum(path)
    except OSError as error:
        if is_transient(error):
            raise
        return f"{path} cannot be read: {error}"
    if found[0] != size:
        return f"{path} has {found[0]:,} bytes, {size:,} were written"
    return "" if found[1] == digest else f"{path} is damaged: its checksum is {found[1]}, {digest} was written"


def _sum(path: epath.Path) -> tuple[int, str]:
    digest, size = xxhash.xxh3_64(), 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
            size += len(chunk)
    return size, digest.hexdigest()
