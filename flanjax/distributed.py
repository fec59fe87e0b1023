"""One run by several processes: they find each other, are told apart, and end together.

Each process runs the same command on its own devices and knows only its share of the arrays; jax's coordination service
joins them. A process that fails says why and ends at once. The others learn of it from a broken connection (CPU, GPU) or
from its missing heartbeat, after at most HEARTBEAT_TIMEOUT_SECONDS, and end too: none waits for it any longer.
"""

import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable

import jax
from jax.experimental import multihost_utils

HEARTBEAT_TIMEOUT_SECONDS = 60
_LOST_STATUS = 1


def start(
    *,
    coordinator: str | None = None,
    num_processes: int | None = None,
    process_id: int | None = None,
    detect: bool = False,
    timeout_seconds: int = 300,
) -> None:
    """Joins the processes of a run; to be called before anything touches a device. Given nothing, there is one process.

    Args:
      coordinator: HOST:PORT where process 0 can be reached.
      num_processes, process_id: how many there are, and which of them, from 0, this one is.
      detect: take all three from the TPU's metadata or from SLURM.
      timeout_seconds: when the processes are not complete by then, each that is there says so and ends.

    Raises:
      ValueError: the three are not given together, or nothing can be detected.
    """
    given = {"coordinator": coordinator, "num-processes": num_processes, "process-id": process_id}
    flags = ", ".join(f"--{name}={value}" for name, value in given.items())
    missing = [name for name, value in given.items() if value is None]
    if detect and len(missing) < len(given):
        raise ValueError(f"--distributed auto finds the processes by itself; leave these out: {flags}")
    if not detect and missing:
        if len(missing) < len(given):
            raise ValueError(f"several processes need --coordinator, --num-processes and --process-id together, got {flags}")
        return
    if not detect:
        _check(flags, str(coordinator), num_processes or 0, process_id or 0)
    if timeout_seconds < 1:
        raise ValueError(f"--startup-timeout is {timeout_seconds}, expected at least 1 second")
    if detect:
        named, others = "this process", "the other processes of the TPU slice or of the SLURM job"
    else:
        named, others = f"process {process_id} of {num_processes}", f"all {num_processes} processes"
    _initialize(
        coordinator,
        num_processes,
        process_id,
        timeout_seconds,
        f"{named}: {others} were expected within {timeout_seconds} s"
        + (f" at {coordinator}" if coordinator else "")
        + ", and not all came. Start the missing ones, check that they reach the coordinator's port, and start all "
        "again; --startup-timeout sets how long they wait",
    )
    sys.excepthook = _end_with_traceback


def is_first() -> bool:
    """Whether this process is the one that prints and writes records."""
    return jax.process_index() == 0


def first_then_others(name: str, make: Callable[[], None]) -> None:
    """Lets process 0 make something, which is there for all processes when this returns.

    Args:
      name: of what is made; the same in all processes.
    """
    if is_first():
        make()
    if jax.process_count() > 1:
        multihost_utils.sync_global_devices(name)


def leave(status: int, message: str, error: BaseException) -> int:
    """Says why a command failed, and gives back its exit status. One of several processes ends here, at once.

    An orderly exit would wait for processes that, for their part, wait for this one.
    """
    several = jax.distributed.is_initialized() and jax.process_count() > 1
    if several:
        message = f"process {jax.process_index()} of {jax.process_count()}: {message}"
    if several and isinstance(error, jax.errors.JaxRuntimeError):
        message += " (if another process ended first, what it said is the cause)"
    print(f"flanjax: {message}", file=sys.stderr)
    if several:
        _end(status)
    return status


def _check(flags: str, coordinator: str, num_processes: int, process_id: int) -> None:
    host, _, port = coordinator.rpartition(":")
    if not host or not port.isdigit():
        raise ValueError(f"--coordinator is {coordinator!r}, expected HOST:PORT, such as 10.0.0.2:8476")
    if not 0 <= process_id < num_processes:
        raise ValueError(f"got {flags}, expected a process id from 0 to {num_processes - 1}")


def _initialize(
    coordinator: str | None, num_processes: int | None, process_id: int | None, timeout_seconds: int, late: str
) -> None:
    # jax ends a process that waited in vain by a crash with a stack trace, after twice the time: we end it before, in words.
    alarm = threading.Timer(timeout_seconds, _end_late, [late])
    alarm.daemon = True
    alarm.start()
    handler = signal.getsignal(signal.SIGTERM)
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    try:
        jax.distributed.initialize(
            coordinator,
            num_processes,
            process_id,
            initialization_timeout=timeout_seconds + 60,
            heartbeat_timeout_seconds=HEARTBEAT_TIMEOUT_SECONDS,
        )
    except ValueError as error:
        raise ValueError(
            f"--distributed auto found no TPU slice and no SLURM job here ({error}); "
            "give --coordinator, --num-processes and --process-id, or nothing for one process"
        ) from error
    finally:
        alarm.cancel()
    # jax takes SIGTERM for its preemption service, which would swallow it outside of the training loop.
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, handler)


def _end_late(message: str) -> None:
    print(f"flanjax: {message}", file=sys.stderr)
    _end(_LOST_STATUS)


def _end_with_traceback(*error) -> None:
    traceback.print_exception(*error)
    _end(_LOST_STATUS)


def _end(status: int) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
