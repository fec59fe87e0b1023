"""The file that answers go to. It survives the end of the process at any moment: a line of it is there as a whole, or cut off.

Line by line it answers the lines of the input that are not blank, in their order. So the number of its lines says how far it
got, and the same command goes on behind them. Beside it lies a record of what it was made from (NAME.made.json), and it is
locked while a process writes to it.
"""

import fcntl
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from etils import epath

from flanjax import records, storage
from flanjax.names import shown

_FORMAT = 1
_CHUNK = 1 << 20


class Output:
    """A file of answers, to append to; use it in a `with` statement.

    Args:
      made: what the answers depend on; it must be what an unfinished file was made from.

    Attributes:
      done: how many lines are there already.
      last: the number of the input's line that the last one answers; 0 if there is none.

    Raises:
      ValueError: another process writes to it, or it was made from something else, or by something else.
    """

    def __init__(self, path: Path, made: Mapping[str, Any]):
        self._path, self._record = path, epath.Path(f"{path}.made.json")
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
        try:
            self._lock()
            self._check(made)
            self.done, self.last = self._cut()
        except BaseException:
            os.close(self._file)
            raise

    def __enter__(self) -> "Output":
        return self

    def __exit__(self, *_: Any) -> None:
        os.close(self._file)

    def write(self, answers: Sequence[Mapping[str, Any]]) -> None:
        """Appends answers, a line each. Raises OSError if the disk is full; the next process cuts off what is not whole."""
        data = memoryview(b"".join(map(_encoded, answers)))
        while data:
            data = data[os.write(self._file, data) :]

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ValueError(f"{self._path}: another process is writing to it") from error

    def _check(self, made: Mapping[str, Any]) -> None:
        if os.fstat(self._file).st_size == 0:
            storage.write_json(self._record, records.stamped(made, _FORMAT))
            return
        found = storage.read_json(self._record, _FORMAT)
        if not found:
            raise ValueError(f"{self._path} exists and was not begun by this command: name another --output, or remove it")
        # As JSON gives it back: a tuple as a list.
        for name, value in json.loads(json.dumps(made)).items():
            if found.get(name) != value:
                raise ValueError(
                    f"{self._path} was begun with {name} {shown(found.get(name))}, now it is {shown(value)}: give the same as "
                    "then, name another --output, or remove the file"
                )

    def _cut(self) -> tuple[int, int]:
        """Cuts off a last line that is not whole. Returns how many lines there are, and which of the input the last answers."""
        count = position = 0
        whole, rest = b"", b""  # the last line that has its end, and what comes after it
        while chunk := os.pread(self._file, _CHUNK, position):
            position += len(chunk)
            *lines, rest = (rest + chunk).split(b"\n")
            count += len(lines)
            whole = lines[-1] if lines else whole
        if rest:
            os.ftruncate(self._file, position - len(rest))
        return count, self._number(whole, count) if count else 0

    def _number(self, line: bytes, count: int) -> int:
        try:
            return int(json.loads(line)["line"])
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{self._path}, line {count} is damaged: {line[:60]!r}; remove it to go on") from error


def _encoded(answer: Mapping[str, Any]) -> bytes:
    try:
        return f"{json.dumps(answer, ensure_ascii=False)}\n".encode()
    except UnicodeEncodeError:  # a key that is carried over holds half of a surrogate pair, which only JSON's escapes can write
        return f"{json.dumps(answer)}\n".encode()
