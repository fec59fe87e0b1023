"""The Beam job that makes shards. Each worker process opens the mixture itself, once, and receives only shard numbers.

Beam runs in its own process, which forms a process group with its local workers. So an interruption ends all of them at once,
and so does the death of a worker, for which Beam's local runner would wait for ever.
"""

import argparse
import contextlib
import dataclasses
import io
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from etils import epath

try:
    import apache_beam as beam
    from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions
except ImportError as error:
    raise RuntimeError(
        f"flanjax prepare runs on Apache Beam, which cannot be imported ({error}): pip install flanjax[beam]"
    ) from error

from flanjax.data.corpus import Corpus, DataConfig, open_corpus, open_rows
from flanjax.data.data_stats import DataError
from flanjax.data.garbage import collect_rarely
from flanjax.data.offline import prepared
from flanjax.data.offline.shards import Shard, make_shard
from flanjax.data.quarantine import quarantine
from flanjax.data.tokenizer import load_tokenizer
from flanjax.names import nearest
from flanjax.tasks.ablation import AblationConfig, thinned
from flanjax.tasks.clusters import hold_out
from flanjax.tasks.registry import load_mixture

# The job servers of these runners take options that Beam itself does not know.
_OPEN_ENDED = ("flink", "spark", "portable", "prism")
_CHILD = "import sys; from flanjax.prepare import beam_job; beam_job.main(sys.argv[1])"
_JOB, _ERROR = "job.pickle", "error.txt"
_POLL_SECONDS = 0.2

_opened: dict[str, Corpus] = {}
_opening = threading.Lock()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Job:
    """What a worker needs to open the corpus and to know that it is the right one.

    Args:
      mixture: the mixture's address, as workers find it.
      quarantined: task -> why it is left out: it could not be opened where the job was started.
      directory: the directory for the shards, which also has the tokenizer.
      identity: `prepared.identity_of` the corpus; that of the worker's corpus must be equal.
    """

    mixture: str
    heldout: tuple[str, ...]
    leave_out: tuple[str, ...]
    ablation: AblationConfig
    quarantined: dict[str, str]
    data: DataConfig
    directory: str
    identity: dict[str, Any]


def open_once(job: Job) -> Corpus:
    """Returns the job's corpus, which threads of a process share. Raises DataError if this worker sees other data."""
    digest = prepared.digest(job.identity)
    with _opening:
        if digest not in _opened:
            split = thinned(hold_out(load_mixture(job.mixture), job.heldout, job.leave_out), job.ablation)
            mixture = quarantine(split.train, job.quarantined).mixture
            tokenizer = load_tokenizer(str(epath.Path(job.directory) / prepared.TOKENIZER))
            corpus = open_corpus(mixture, open_rows(mixture), tokenizer, job.data)
            found = prepared.identity_of(corpus)
            if other := [name for name in job.identity if found[name] != job.identity[name]]:
                raise DataError(
                    f"a worker opens {job.mixture} and finds other data than the command that started it: {', '.join(other)} "
                    "differ. Give it the same mixture files, rows and versions"
                )
            _opened[digest] = corpus
            collect_rarely()
        return _opened[digest]


class MakeShard(beam.DoFn):
    """Writes a shard and its record into the directory, and returns nothing. It is idempotent."""

    def __init__(self, job: Job):
        self._job = job

    def setup(self) -> None:
        self._corpus = open_once(self._job)
        self._digest = prepared.digest(self._job.identity)

    def process(self, shard: tuple[int, int, int]) -> None:
        make_shard(self._job.directory, Shard(*shard), self._corpus, self._digest)


def check_options(options: Sequence[str]) -> None:
    """Raises ValueError for pipeline options that Beam would drop or misread, and for an unknown runner."""
    parsers: list[argparse.ArgumentParser] = []
    complaint = io.StringIO()
    try:
        with contextlib.redirect_stderr(complaint):
            known = PipelineOptions(list(options)).get_all_options(add_extra_args_fn=parsers.append)
            unknown = parsers[0].parse_known_args(list(options))[1]
            runner = PipelineOptions(list(options)).view_as(StandardOptions).runner or ""
            beam.Pipeline(options=PipelineOptions(list(options)))
    except SystemExit as error:
        raise ValueError(f"Beam's options: {complaint.getvalue().strip().splitlines()[-1]}") from error
    except (ValueError, ImportError) as error:
        raise ValueError(f"Beam's options: {error}") from error
    if unknown and not any(name in runner.lower() for name in _OPEN_ENDED):
        name = unknown[0].lstrip("-").partition("=")[0]
        raise ValueError(f"Beam has no option {unknown[0]!r}; {nearest(name, known)}")


def run_job(job: Job, shards: Sequence[Shard], options: Sequence[str], progress: Callable[[], None]) -> None:
    """Makes the shards with Beam.

    Args:
      options: Beam's pipeline options; without any, Beam uses its local runner.
      progress: called a few times a second while the job runs.

    Raises:
      DataError: the job failed; the message says why.
    """
    runner = PipelineOptions(list(options)).view_as(StandardOptions).runner
    local = runner is None or "direct" in runner.lower()
    with tempfile.TemporaryDirectory(prefix="flanjax_prepare_") as folder, Path(folder, "log").open("wb") as log:
        Path(folder, _JOB).write_bytes(pickle.dumps((job, [tuple(s) for s in shards], list(options))))
        child = subprocess.Popen(
            [sys.executable, "-c", _CHILD, folder],
            stdin=subprocess.PIPE,
            stdout=log if local else None,
            stderr=log if local else None,
            start_new_session=True,
        )
        try:
            while True:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    child.wait(_POLL_SECONDS)
                    break
                progress()
        finally:
            _end_group(child.pid)
            child.wait()
        progress()
        if child.returncode:
            raise DataError(f"{_reason(Path(folder), child.returncode)}. Finished shards are kept: run the command again")


def main(folder: str) -> None:
    """Runs Beam in this process."""
    job, shards, options = pickle.loads(Path(folder, _JOB).read_bytes())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    threading.excepthook = lambda args: _end_without_worker(folder, args)
    try:
        pipeline = beam.Pipeline(options=PipelineOptions(options))
        _ = pipeline | beam.Create(shards) | beam.Reshuffle() | beam.ParDo(MakeShard(job))
        pipeline.run().wait_until_finish()
    except BaseException as error:
        Path(folder, _ERROR).write_text(str(error))
        raise


def _end_with_parent() -> None:
    os.read(sys.stdin.fileno(), 1)  # returns when the parent is gone
    _end_group(os.getpid())


def _end_without_worker(folder: str, args: Any) -> None:
    threading.__excepthook__(args)
    if "Worker subprocess exited" in str(args.exc_value):
        status = str(args.exc_value).split()[-1]
        Path(folder, _ERROR).write_text(f"a worker process ended with status {status} (137: killed, often for its memory)")
        _end_group(os.getpid())


def _end_group(process: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process, signal.SIGKILL)


def _reason(folder: Path, status: int) -> str:
    """Returns why Beam's process ended: the last line of its error, after Beam's own stack trace."""
    for name in (_ERROR, "log"):
        lines = (folder / name).read_text(errors="replace").strip().splitlines() if (folder / name).exists() else []
        if lines:
            text = lines[-1].partition(" [while running")[0]
            return text.removeprefix("flanjax.data.data_stats.").removeprefix("DataError: ")
    return f"Beam's process ended with status {status}"
