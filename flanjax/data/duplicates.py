"""Finds rows that equal an earlier row, or nearly do, within a task and across tasks. Each task's rows are read once, and what
was found of them is kept."""

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import xxhash

from flanjax.data.kept_rows import array_of, examples_of
from flanjax.sources import Rows, kept
from flanjax.tasks.equal_rows import texts_hash, texts_of
from flanjax.tasks.example import Example
from flanjax.tasks.filters import Duplicates, NearDuplicates, RowsLeftOut
from flanjax.tasks.task import Task

# The index only proposes rows, which are then compared. So it may propose too many, but should miss few.
_INDEXED, _WEIGHTS = 0.9, (0.2, 0.8)
_EMPTY = np.uint32(2**32 - 1)  # a signature of these: the row has no text


def left_out(found: Duplicates | NearDuplicates, tasks: Sequence[Task], rows: Sequence[Rows]) -> list[RowsLeftOut]:
    """Returns for each task which of its rows are duplicates of rows before them, in the order of the tasks."""
    of_tasks = [_of_task(found, task, opened) for task, opened in zip(tasks, rows, strict=True)]
    groups = [of_tasks] if found.across else [[one] for one in of_tasks]
    repeated = [mask for group in groups for mask in _repeated(found, group)]
    return [_rows_left_out(found, mask) for mask in repeated]


def _of_task(found: Duplicates | NearDuplicates, task: Task, rows: Rows) -> np.ndarray:
    if isinstance(found, Duplicates):
        return array_of(task, rows, f"row hashes, answers={found.answers}", lambda: _hashes(found, task, rows))
    kind = f"signatures, answers={found.answers} words={found.words} permutations={found.permutations}"
    return array_of(task, rows, kind, lambda: _signatures(found, task, rows))


def _repeated(found: Duplicates | NearDuplicates, of_tasks: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Returns for each task a bool for every row: whether it repeats an earlier one."""
    together = np.concatenate(of_tasks)
    if isinstance(found, Duplicates):
        mask = np.ones(len(together), bool)
        mask[np.unique(together, return_index=True)[1]] = False
        mask &= together != 0
    else:
        digest = hashlib.blake2b(together.tobytes(), digest_size=16).hexdigest()
        mask = kept.array_named(f"near duplicates {found!r} {digest}", lambda: _near(found, together))
    return np.split(mask, np.cumsum([len(one) for one in of_tasks])[:-1])


def _rows_left_out(found: Duplicates | NearDuplicates, mask: np.ndarray) -> RowsLeftOut:
    why = "equals an earlier row" if isinstance(found, Duplicates) else "is nearly equal to an earlier row"
    digest = hashlib.blake2b(np.packbits(mask).tobytes(), digest_size=8).hexdigest()
    return RowsLeftOut(found.name, why, digest, frozenset(np.flatnonzero(mask).tolist()))


def _hashes(found: Duplicates, task: Task, rows: Rows) -> np.ndarray:
    """Returns a hash of every row, uint64 [rows]; 0 for a row that gives no example, or no text of two words."""
    made = (_row_hash(found, examples) for examples in examples_of(task, rows, range(len(rows))))
    return np.fromiter(made, np.uint64, len(rows))


def _row_hash(found: Duplicates, examples: Sequence[Example]) -> int:
    return texts_hash(_texts(found, examples)) or 0 if examples else 0


def _texts(found: Duplicates | NearDuplicates, examples: Sequence[Example]) -> list[str]:
    return [t for one in examples for t in texts_of([one.fields, *(one.references if found.answers else ())])]


def _signatures(found: NearDuplicates, task: Task, rows: Rows) -> np.ndarray:
    """Returns the MinHash signature of every row, uint32 [rows, permutations]."""
    made = np.full((len(rows), found.permutations), _EMPTY, np.uint32)
    empty = _min_hash(found)
    for row, examples in enumerate(examples_of(task, rows, range(len(rows)))):
        if sequences := _sequences(_texts(found, examples), found.words):
            signature = empty.copy()
            signature.update_batch(sequences)
            made[row] = signature.hashvalues
    return made


def _sequences(texts: Sequence[str], length: int) -> list[bytes]:
    """Returns the distinct sequences of so many words of the texts; a shorter text is one."""
    found: set[str] = set()
    for text in texts:
        words = text.lower().split()
        found.update(" ".join(words[i : i + length]) for i in range(max(len(words) - length + 1, 1)))
    return [one.encode("utf-8", "surrogatepass") for one in sorted(found)]


def _near(found: NearDuplicates, signatures: np.ndarray) -> np.ndarray:
    """Returns whether each row, bool [rows], is nearly equal to one before it that is not left out itself."""
    empty = _min_hash(found)
    index = _datasketch().MinHashLSH(min(found.threshold, _INDEXED), found.permutations, weights=_WEIGHTS)
    mask = np.zeros(len(signatures), bool)
    for row in np.flatnonzero((signatures != _EMPTY).any(axis=1)).tolist():
        signature = empty.copy()
        signature.hashvalues = signatures[row]
        candidates = index.query(signature)
        alike = (signatures[candidates] == signatures[row]).mean(axis=1) if candidates else np.zeros(0)
        mask[row] = bool((alike >= found.threshold).any())
        if not mask[row]:
            index.insert(row, signature)
    return mask


def _min_hash(found: NearDuplicates) -> Any:
    return _datasketch().MinHash(found.permutations, hashfunc=_hash32, scheme="affine32")


def _hash32(data: bytes) -> int:
    return xxhash.xxh32_intdigest(data)


def _datasketch() -> Any:
    try:
        import datasketch  # of the extra [check]
    except ImportError as error:
        raise RuntimeError(f"NearDuplicates needs datasketch ({error}): pip install flanjax[check]") from error
    return datasketch
