"""A run claims the folder that it writes to with a small file, which it renews as long as it runs.

Every write of the file names the state that it replaces, and fails if the file is no longer in that state. These are
TensorStore's conditional writes: a lock on a file system, and `ifGenerationMatch` in Google Cloud Storage. So only one of two
runs that claim a folder gets it. A claim that was not renewed for STALE_SECONDS has lapsed and may be taken over.
"""

import contextlib
import dataclasses
import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import tensorstore as ts
from etils import epath

from flanjax.storage import is_remote, place

NAME = "claim.json"
RENEW_SECONDS = 15.0
STALE_SECONDS = 60.0
WATCH_SECONDS = 20.0  # a claim is watched for at least this long before it counts as lapsed, as clocks may differ
_ANSWER_SECONDS = 30.0
_UNMET = b""  # the generation that TensorStore returns if the condition of a write does not hold


class ClaimError(RuntimeError):
    """A folder belongs to another run; the message names the run and says what to do."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Holder:
    """The process that holds a claim, read from its file.

    Attributes:
      machine: boot id and process namespace of the machine, within which `process` and `born` identify one process; "" if
        unknown.
      born: when the process began, in the machine's ticks.
      since, renewed: seconds since the epoch, by the holder's clock.
      token: of this one claim.
    """

    host: str
    process: int
    machine: str
    born: int
    since: float
    token: str
    renewed: float

    def described(self) -> str:
        since = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(self.since))
        return f"process {self.process} on host {self.host}, since {since}"

    def is_here(self) -> bool:
        return bool(self.machine) and self.machine == _machine()

    def lives_here(self) -> bool:
        return self.is_here() and _born(self.process) == self.born

    def is_dead(self) -> bool:
        """Whether the process is known to have ended: it ran on this machine and no longer does."""
        return self.is_here() and _born(self.process) != self.born

    def has_lapsed(self) -> bool:
        """Whether the claim was not renewed for STALE_SECONDS by this machine's clock, or its process is known to be gone."""
        return self.is_dead() or time.time() - self.renewed > STALE_SECONDS


class _Found(NamedTuple):
    """The contents of the claim's file. There is no holder if the file does not exist or cannot be read."""

    holder: Holder | None
    generation: bytes


class Claim:
    """One run's claim on a folder. Before `take` and after `release` nothing is claimed, and `check` never raises.

    Args:
      log: called with a message when `take` waits.
    """

    def __init__(self, folder: epath.PathLike, log: Callable[[str], None] = print):
        self._folder, self._log = place(folder), log
        self._store = _store(self._folder)
        self._generation = _UNMET
        self._mine: Holder | None = None
        self._lost = ""
        self._lock, self._ended = threading.Lock(), threading.Event()

    def take(self) -> None:
        """Claims the folder, and renews the claim from then on.

        If another claim's process is known to have ended on this machine, the claim is taken over at once. Otherwise the claim
        is watched until it has not been renewed for STALE_SECONDS.

        Raises:
          ClaimError: another run has the folder (the message names host and process), or the folder cannot be reached.
        """
        now = time.time()
        mine = Holder(
            host=socket.gethostname(),
            process=os.getpid(),
            machine=_machine(),
            born=_born(os.getpid()),
            since=now,
            token=uuid.uuid4().hex,
            renewed=now,
        )
        try:
            while not self._write(mine, self._free()):
                pass  # another run was faster: read its claim
        except (ValueError, OSError) as error:
            reason = str(error).partition(" [")[0]
            raise ClaimError(f"{self._folder} cannot be claimed, so the run does not start: {reason}") from error
        self._mine = mine
        threading.Thread(target=self._keep, name="claim", daemon=True).start()

    def check(self) -> None:
        """Raises ClaimError if the folder belongs to another run by now. Call it before anything is written."""
        silent = time.time() - self._mine.renewed if self._mine is not None else 0
        if silent > STALE_SECONDS / 2:  # this process or the storage was blocked; another run may have the folder
            try:
                self._renew()
            except Exception as error:
                if silent > STALE_SECONDS:
                    raise ClaimError(f"the claim on {self._folder} has lapsed: it could not be renewed: {error}") from error
        if self._lost:
            raise ClaimError(self._lost)

    def release(self) -> None:
        """Gives the folder back, unless another run has taken it over."""
        self._ended.set()
        with self._lock:
            if self._mine is not None and not self._lost:
                try:
                    self._store.write(NAME, None, if_equal=self._generation).result(timeout=_ANSWER_SECONDS)
                except (ValueError, OSError) as error:
                    self._log(f"{self._folder / NAME} could not be removed, and will lapse: {error}")
            self._mine = None

    def _free(self) -> bytes:
        """Waits until the claim may be replaced, and returns its generation."""
        first = self._read()
        if first.holder is None or first.holder.is_dead():
            return first.generation
        holder = first.holder
        silent = min(max(time.time() - holder.renewed, 0), STALE_SECONDS)
        if silent < STALE_SECONDS and holder.lives_here():
            raise self._refusal(holder)
        wait = max(STALE_SECONDS - silent, WATCH_SECONDS)
        self._log(
            f"{self._folder} is claimed by a run that may have been killed ({holder.described()}): "
            f"waiting up to {wait:.0f} s for a sign of life"
        )
        ends = time.monotonic() + wait
        while (left := ends - time.monotonic()) > 0:
            time.sleep(min(left, RENEW_SECONDS / 5))
            found = self._read()
            if found.holder is None:
                return found.generation
            if found.generation != first.generation:
                raise self._refusal(found.holder)
        self._log(f"no sign of life: taking {self._folder} over")
        return first.generation

    def _refusal(self, holder: Holder) -> ClaimError:
        return ClaimError(
            f"{self._folder} belongs to another run ({holder.described()}). "
            "Stop that one, wait for its end, or give another --workdir"
        )

    def _keep(self) -> None:
        while not self._ended.wait(RENEW_SECONDS) and not self._lost:
            with contextlib.suppress(Exception):  # the storage may recover; `check` tries again and reports the error
                self._renew()

    def _renew(self) -> None:
        with self._lock:
            if self._mine is None or self._lost:
                return
            renewed = dataclasses.replace(self._mine, renewed=time.time())
            if self._write(renewed, self._generation):
                self._mine = renewed
                return
            found = self._read().holder
            whose = found.described() if found else "which has given it back, or its claim was removed"
            self._lost = (
                f"{self._folder} was taken over by another run ({whose}), as this one gave no sign of life for "
                f"{STALE_SECONDS:.0f} s: it stops, and writes nothing more"
            )

    def _write(self, holder: Holder, replaced: bytes) -> bool:
        """Writes the file if it is in the state to be replaced, and returns whether it belongs to this holder now."""
        text = json.dumps(dataclasses.asdict(holder), indent=1)
        stamp = self._store.write(NAME, text.encode(), if_equal=replaced).result(timeout=_ANSWER_SECONDS)
        if stamp.generation != _UNMET:
            self._generation = stamp.generation
            return True
        found = self._read()
        if found.holder is None or found.holder.token != holder.token:
            return False
        self._generation = found.generation  # the write succeeded, but its response was lost
        return True

    def _read(self) -> _Found:
        read = self._store.read(NAME).result(timeout=_ANSWER_SECONDS)
        try:
            return _Found(Holder(**json.loads(read.value)), read.stamp.generation)
        except (ValueError, TypeError):
            return _Found(None, read.stamp.generation)


def is_claimed(folder: epath.PathLike) -> bool:
    """Whether a run has a folder at present: it has not given its claim back, and the claim has not lapsed."""
    holder = Claim(folder)._read().holder
    return holder is not None and not holder.has_lapsed()


def _store(folder: epath.Path) -> ts.KvStore:
    spec = f"{folder}/" if is_remote(folder) else {"driver": "file", "path": f"{folder}/"}
    return ts.KvStore.open(spec).result(timeout=_ANSWER_SECONDS)


def _machine() -> str:
    try:
        return f"{Path('/proc/sys/kernel/random/boot_id').read_text().strip()} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""


def _born(process: int) -> int:
    """Returns when a process of this machine began, in ticks (proc(5), field 22); -1 if it has ended or if that is unknown."""
    try:
        state, *fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return -1
    return -1 if state in "ZX" else int(fields[18])
