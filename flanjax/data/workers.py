"""Makes windows in threads or in worker processes: what workers need from this one, how windows come back, when workers end."""

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import cloudpickle
import grain
from absl import flags

from flanjax.data.garbage import collect_rarely
from flanjax.data.offline.window_records import Label, decode_window, encode_window
from flanjax.data.tokenizer import IN_PARALLEL
from flanjax.data.windows import Window
from flanjax.tasks.registry import MODULE_PREFIX


def in_threads(windows: Any, num_threads: int, prefetched: int) -> Iterator[Any]:
    """Yields the elements of `windows`, which has a length and takes indices, in order: (stream, number, window or None).

    Args:
      prefetched: how many are made ahead.
    """
    return iter(grain.MapDataset.source(windows).to_iter_dataset(_options(num_threads, prefetched)))


def in_processes(
    windows: Any, num_threads: int, prefetched: int, num_workers: int, functions: Iterable[Callable[..., Any]]
) -> Iterator[Any]:
    """Yields what `in_threads` does, made by `num_workers` processes.

    Args:
      num_threads, prefetched: of each process.
      functions: a user's own functions with which windows are made. They may come from a mixture file.
    """
    _send_by_value(functions)
    _mark_flags_parsed()
    # Windows are sent as records: grain opens a shared-memory file for every array, and a window has thousands of arrays.
    made = grain.MapDataset.source(windows).map(_sent).to_iter_dataset(_options(num_threads, prefetched))
    _end_soon()
    return map(_received, made.mp_prefetch(grain.MultiprocessingOptions(num_workers=num_workers), _begin))


def _sent(element: tuple[int, int, Window | None]) -> tuple[int, int, bytes | None]:
    stream, number, window = element
    return stream, number, None if window is None else encode_window(window, Label("", stream, number))


def _received(element: tuple[int, int, bytes | None]) -> tuple[int, int, Window | None]:
    stream, number, record = element
    return stream, number, None if record is None else decode_window(record)[1]


def _end_soon() -> None:
    """Makes grain kill a worker that does not end within a second. It waits 25 s for each (0.2.18), and a worker that is
    handing over a window which nobody takes any more never ends by itself. The value cannot be given in another way."""
    with contextlib.suppress(ImportError):
        from grain._src.python.dataset.transformations import process_prefetch

        process_prefetch._PROCESS_KILL_TIMEOUT_S = 1


def _options(num_threads: int, prefetched: int) -> grain.ReadOptions:
    return grain.ReadOptions(num_threads=num_threads, prefetch_buffer_size=prefetched)


def _send_by_value(functions: Iterable[Callable[..., Any]]) -> None:
    """Makes functions pickle with their code, because another process cannot import a mixture file as a module."""
    for name in {function.__module__ for function in functions}:
        if name.startswith(MODULE_PREFIX):
            cloudpickle.register_pickle_by_value(sys.modules[name])


def _mark_flags_parsed() -> None:
    """Marks absl's flags as parsed. Grain reads a profiling flag (0.2.18: grain_enable_multiprocess_worker_profiling), which
    fails in a program that does not parse absl flags, and the value cannot be given in another way."""
    if not flags.FLAGS.is_parsed():
        flags.FLAGS.mark_as_parsed()


def _begin(worker: int, workers: int) -> None:
    """Begins this worker process. It ends when the process that started it is gone, even if that was killed."""
    collect_rarely()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C is for the process that started it
    os.environ.setdefault(IN_PARALLEL, "false")  # the other workers have the other cores
    parent = multiprocessing.parent_process()
    assert parent

    def watch() -> None:
        parent.join()
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()
