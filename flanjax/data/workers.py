"""Windows made by other processes: what these need of this one, how windows come back, and when they end."""

import multiprocessing
import os
import pickle
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import cloudpickle
import grain
from absl import flags

from flanjax.tasks.registry import MODULE_PREFIX


def in_processes(
    windows: grain.MapDataset, options: grain.ReadOptions, num_workers: int, functions: Iterable[Callable[..., Any]]
) -> Iterator[Any]:
    """The elements of `windows` in their order, made by so many processes.

    Args:
      options: of each process.
      functions: a user's own that the windows are made with. They may come from a mixture file.
    """
    _send_by_value(functions)
    _mark_flags_parsed()
    # As bytes: grain opens a file of shared memory for every array, and a window has thousands.
    made = windows.map(pickle.dumps).to_iter_dataset(options)
    return map(pickle.loads, made.mp_prefetch(grain.MultiprocessingOptions(num_workers=num_workers), _end_with_parent))


def _send_by_value(functions: Iterable[Callable[..., Any]]) -> None:
    """A mixture file is no module that another process could import, so its functions go with their code."""
    for name in {function.__module__ for function in functions}:
        if name.startswith(MODULE_PREFIX):
            cloudpickle.register_pickle_by_value(sys.modules[name])


def _mark_flags_parsed() -> None:
    """Grain asks absl for a profiling flag (0.2.18: grain_enable_multiprocess_worker_profiling), which fails in a program
    that has no absl flags and so never parses any; there is no other way to give its value."""
    if not flags.FLAGS.is_parsed():
        flags.FLAGS.mark_as_parsed()


def _end_with_parent(worker: int, workers: int) -> None:
    """Ends this worker process when the process that started it is gone, even if that was killed."""
    parent = multiprocessing.parent_process()
    assert parent

    def watch() -> None:
        parent.join()
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()
