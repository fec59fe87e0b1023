"""One run in several processes: they find each other, get their numbers, and end together.

Each process runs the same command on its own devices and holds only its share of the arrays; jax's coordination service
joins them. When one fails or is killed, the others print its message, or its name and host, and end within
ENDS_WITHIN_SECONDS (peer_watch.py). If a process hangs or its machine is lost, the others name it after LOST_SECONDS and end
after STOPPED_SECONDS.
"""

import atexit
import json
import re
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

# jax.distributed.initialize detects the cluster with these, and makes this client; neither has a public name.
from jax._src import clusters
from jax._src import distributed as jax_distributed
from jax.experimental import multihost_utils

from flanjax.parallel.peer_watch import GRACE_SECONDS, PeerWatch, end_process

HEARTBEAT_TIMEOUT_SECONDS = 180  # after it jax aborts the others with a stack trace; we end them earlier, with a message
ENDS_WITHIN_SECONDS = 10
_FINISH_TOGETHER_SECONDS = 24 * 3600  # the first may write long after the others are done; a failure is noticed earlier
_LOST_STATUS = 1
_STATUS = re.compile(r"(UNKNOWN|UNAVAILABLE|INTERNAL|ABORTED|CANCELLED|DEADLINE_EXCEEDED): ")

_peer_watch: PeerWatch | None = None


class _Place(NamedTuple):
    """This process among the others.

    Attributes:
      detection: how the local devices are found: None is jax's own way, "deactivate" turns detection off.
    """

    coordinator: str
    num_processes: int
    process_id: int
    local_device_ids: Sequence[int] | None = None
    detection: str | None = None


def start(
    *,
    coordinator: str | None = None,
    num_processes: int | None = None,
    process_id: int | None = None,
    detect: bool = False,
    timeout_seconds: int = 300,
) -> None:
    """Joins the processes of a run. Call it before anything touches a device. Without arguments there is one process.

    Args:
      coordinator: HOST:PORT where process 0 can be reached.
      num_processes, process_id: the number of processes, and this one's number, from 0.
      detect: take all three from the TPU's metadata or from SLURM.
      timeout_seconds: how long to wait for the others.

    Raises:
      ValueError: the three are not given together, or nothing can be detected.
      RollCallError: not all processes came in time; it names the missing ones, and the hosts of the others.
    """
    given = {"coordinator": coordinator, "num-processes": num_processes, "process-id": process_id}
    flags = ", ".join(f"--{name}={value}" for name, value in given.items())
    missing = [name for name, value in given.items() if value is None]
    if timeout_seconds < 1:
        raise ValueError(f"--startup-timeout is {timeout_seconds}, expected at least 1 second")
    if detect:
        if len(missing) < len(given):
            raise ValueError(f"--distributed auto detects the processes; leave these out: {flags}")
        _join(_detected(timeout_seconds), timeout_seconds)
    elif not missing:
        place = _Place(str(coordinator), num_processes or 0, process_id or 0)
        _check(flags, place)
        _join(place, timeout_seconds)
    elif len(missing) < len(given):
        raise ValueError(f"several processes need --coordinator, --num-processes and --process-id together, got {flags}")


def is_first() -> bool:
    """Whether this process is the one that prints and writes records."""
    return jax.process_index() == 0


def first_only(log: Callable[[str], None]) -> Callable[[str], None]:
    """Returns `log` in process 0, which prints for all processes, and a function that does nothing in the others."""
    return log if is_first() else lambda line: None


def first_then_others(name: str, make: Callable[[], None]) -> None:
    """Lets process 0 make something, and returns once it is ready for all processes.

    Args:
      name: a name for what is made; the same in all processes.
    """
    if is_first():
        make()
    if jax.process_count() > 1:
        multihost_utils.sync_global_devices(name)


def from_first(make: Callable[[], Any]) -> Any:
    """Returns what `make` gives in process 0, as JSON, in all processes."""
    if jax.process_count() == 1:
        return make()
    text = np.frombuffer(json.dumps(make()).encode(), np.uint8) if is_first() else np.zeros(0, np.uint8)
    length = int(multihost_utils.broadcast_one_to_all(np.array(len(text))))
    padded = text if is_first() else np.zeros(length, np.uint8)
    return json.loads(np.asarray(multihost_utils.broadcast_one_to_all(padded)).astype(np.uint8).tobytes())


def leave(status: int, message: str, error: BaseException) -> int:
    """Prints why a command failed and returns its exit status. One of several processes tells the others and ends here."""
    if _peer_watch is None:
        print(f"flanjax: {message}", file=sys.stderr)
        return status
    if not (_broke_off(error) and _peer_watch.someone_ended.wait(GRACE_SECONDS)):
        print(f"flanjax: {_peer_watch.name()}: {message}", file=sys.stderr, flush=True)
    _peer_watch.report(f"{type(error).__name__}: {message}")
    end_process(status)
    return status


def _broke_off(error: BaseException | None) -> bool:
    """Whether an error may only be the consequence of another process's end."""
    if error is None:
        return False
    # jax raises a collective's failure as JaxRuntimeError in some places and as ValueError in others.
    return isinstance(error, jax.errors.JaxRuntimeError) or bool(_STATUS.match(str(error))) or _broke_off(error.__cause__)


def _check(flags: str, place: _Place) -> None:
    host, _, port = place.coordinator.rpartition(":")
    if not host or not port.isdigit():
        raise ValueError(f"--coordinator is {place.coordinator!r}, expected HOST:PORT, such as 10.0.0.2:8476")
    if not 0 <= place.process_id < place.num_processes:
        raise ValueError(f"got {flags}, expected a process id from 0 to {place.num_processes - 1}")


def _detected(timeout_seconds: int) -> _Place:
    try:
        place = clusters.ClusterEnv.auto_detect_unset_distributed_params(None, None, None, None, None, timeout_seconds)
    except Exception as error:
        error.add_note("while --distributed auto asked the TPU's metadata or SLURM for the processes of this run")
        raise
    coordinator, num_processes, process_id, local_device_ids = place
    if coordinator is None or num_processes is None or process_id is None:
        raise ValueError(
            "--distributed auto found no TPU slice and no SLURM job here; "
            "give --coordinator, --num-processes and --process-id, or nothing for one process"
        )
    return _Place(coordinator, num_processes, process_id, local_device_ids, "deactivate")


def _join(place: _Place, timeout_seconds: int) -> None:
    global _peer_watch
    if place.num_processes > 1:
        watch = PeerWatch(place.coordinator, place.process_id, place.num_processes)
        watch.call_the_roll(timeout_seconds)
        _peer_watch = watch
        sys.excepthook = _tell_and_end
        atexit.register(watch.finish)
    # After twice this time jax would abort a process that still waits, with a stack trace. We end it earlier, with a message.
    alarm = threading.Timer(timeout_seconds, _end_late, [place, timeout_seconds])
    alarm.daemon = True
    alarm.start()
    handler = signal.getsignal(signal.SIGTERM)
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    jax.distributed.initialize(
        place.coordinator,
        place.num_processes,
        place.process_id,
        place.local_device_ids,
        cluster_detection_method=place.detection,
        initialization_timeout=timeout_seconds + 60,
        heartbeat_timeout_seconds=HEARTBEAT_TIMEOUT_SECONDS,
        shutdown_timeout_seconds=_FINISH_TOGETHER_SECONDS,
    )
    alarm.cancel()
    if _peer_watch is not None:
        client: Any = jax_distributed.global_state.client
        _peer_watch.read_messages(client)
    # jax handles SIGTERM in its preemption service, so the signal would have no effect outside the training loop.
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, handler)


def _end_late(place: _Place, timeout_seconds: int) -> None:
    message = f"all processes came, but jax did not join them at {place.coordinator} within {timeout_seconds} s"
    if _peer_watch is not None:
        print(f"flanjax: {_peer_watch.name()}: {message}", file=sys.stderr)
        _peer_watch.report(message)
    end_process(_LOST_STATUS)


def _tell_and_end(kind, error, trace) -> None:
    traceback.print_exception(kind, error, trace)
    if _peer_watch is not None:
        if _broke_off(error):
            _peer_watch.someone_ended.wait(GRACE_SECONDS)
        _peer_watch.report(f"{kind.__name__}: {error}")
    end_process(_LOST_STATUS)
