"""`flanjax prepare`: writes the packed rows of a config's mixture once, with Apache Beam, for training to read."""

import dataclasses
import json
import time
from collections.abc import Sequence
from typing import Any

from etils import epath

from flanjax import parts, storage
from flanjax.config import ConfigError, RunConfig, differences, same_mixture
from flanjax.data.corpus import Corpus, open_corpus, open_rows
from flanjax.data.data_stats import MAX_FRUITLESS, DataError, DataStats
from flanjax.data.offline import prepared
from flanjax.data.offline.shards import Shard, num_parts, read_part
from flanjax.data.tokenizer import load_tokenizer
from flanjax.data.windows import make_window
from flanjax.prepare import beam_job
from flanjax.prepare.beam_job import Job
from flanjax.records import read_object
from flanjax.tasks.ablation import AblationConfig
from flanjax.tasks.clusters import Split
from flanjax.train.log import ProgressBar

_WINDOWS_A_SHARD = 32
_MARGIN = 1.02  # windows have different numbers of rows; a few windows too many cost less than a second round
_LOOK_SECONDS, _REPORT_SECONDS = 2, 30  # each look lists a folder, which may be in a bucket


def prepare(
    config: RunConfig,
    output: epath.PathLike,
    *,
    steps: int | None = None,
    examples: int | None = None,
    beam: Sequence[str] = (),
    log=print,
) -> dict[str, Any]:
    """Writes enough windows of every stream into the directory, and returns its manifest.

    An unfinished directory is completed, and one with too few steps is extended. Existing shards are not made again.

    Args:
      steps: training steps that the rows must last for. Without it and `examples`, the config's steps.
      examples: examples of the plan, as an alternative to `steps`.
      beam: Beam's pipeline options.
    """
    if steps is not None and examples is not None:
        raise ConfigError(f"give --steps or --examples, not both: got {steps} and {examples}")
    beam_job.check_options(beam)
    config = parts.settled(dataclasses.replace(config, data=dataclasses.replace(config.data, prepared=None)))
    storage.reach(output)
    output = epath.Path(output)
    old = prepared.read_manifest(output) if (output / prepared.MANIFEST).exists() else None
    split, corpus = _open(config, output, old, log)
    identity = prepared.identity_of(corpus)
    if old:
        parts.check_identity(output, old, identity)
    log(f"{len(corpus.rows)} tasks, {sum(map(len, corpus.rows)):,} rows; plan {identity['plan']}")

    work = _Work(_job(config, split, output, identity), corpus, old, beam, log)
    if examples is not None:
        work.make_until(-(-examples // (config.data.num_streams * config.data.window)))
    else:
        work.make_enough(config.train.steps if steps is None else steps)

    about = {"mixture": config.mixture, "split": split.record(), "tokenizer": dataclasses.asdict(config.tokenizer)}
    manifest = prepared.manifest_of(about, corpus, identity, work.shards.values(), work.stats, work.row)
    prepared.write_manifest(output, manifest)
    size = sum(s["bytes"] for s in manifest["shards"])
    log(
        f"{manifest['steps']:,} steps of {config.data.batch_size} rows are in {output}: {manifest['examples']:,} examples, "
        f"{manifest['rows']:,} rows, {len(manifest['shards'])} shards, {size / 1e6:,.1f} MB"
    )
    return manifest


def _open(config: RunConfig, output: epath.Path, old: dict[str, Any] | None, log) -> tuple[Split, Corpus]:
    """Returns the split mixture and its corpus, and claims the directory for this config, with the tokenizer in it."""
    split = parts.split_of(config)
    split = parts.without_unopened(config, split, old["split"].get("quarantined", {}) if old else {})
    for line in parts.quarantine_lines(split):
        log(line)
    rows = open_rows(split.train)
    output.mkdir(parents=True, exist_ok=True)
    _claim(output, config)
    parts.keep_tokenizer(config, output, split.train, rows)
    return split, open_corpus(split.train, rows, load_tokenizer(str(output / prepared.TOKENIZER)), config.data)


def _job(config: RunConfig, split: Split, output: epath.Path, identity: dict[str, Any]) -> Job:
    return Job(
        mixture=config.mixture,
        heldout=config.heldout,
        leave_out=config.leave_out,
        ablation=config.ablation,
        quarantined=dict(split.quarantined),
        data=config.data,
        directory=str(output),
        identity=identity,
    )


class _Work:
    """The contents of the directory so far, and the making of more shards.

    Attributes:
      windows: number of windows of every stream.
      shards: (stream, first window) -> the shard's record.
      stats, row: the counts of all windows, and the arrays of a row.
    """

    def __init__(self, job: Job, corpus: Corpus, old: dict[str, Any] | None, beam: Sequence[str], log):
        self._job, self._corpus, self._beam, self._log = job, corpus, beam, log
        self._directory, self._data = epath.Path(job.directory), prepared.digest(job.identity)
        self.windows = old["windows"] if old else 0
        self.shards = {(s["stream"], s["first"]): s for s in old["shards"]} if old else {}
        self.stats = DataStats.from_json(old["tally"]) if old else DataStats(len(corpus.entries))
        self.row: dict[str, Any] = old["row"] if old else {}

    def windows_missing(self, steps: int) -> int:
        """Returns an estimate of how many more windows every stream needs for `steps` steps; 0 if there are enough."""
        config = self._corpus.config
        pairs = len(config.features.pairs)  # whole rounds are prepared, a step for each pair
        needed = -(-steps // pairs) * pairs * (config.batch_size // config.num_streams)
        if not self.windows:
            return max(1, _estimate(needed, _rows_a_window(self._corpus))) if needed else 0
        missing = needed - min(prepared.rows_of_streams(self.shards.values(), config.num_streams))
        return _estimate(missing, self.stats.rows / (self.windows * config.num_streams)) if missing > 0 else 0

    def make_enough(self, steps: int) -> None:
        """Makes windows in rounds, until every stream has the rows of so many steps and no shard is missing."""
        while (more := self.windows_missing(steps)) > 0:
            self.make_until(self.windows + more)
        self.make_until(self.windows)

    def make_until(self, windows: int) -> None:
        """Makes, with Beam, the missing shards up to `windows` windows of every stream."""
        streams = range(self._corpus.config.num_streams)
        starts = range(self.windows, windows, _WINDOWS_A_SHARD)
        new = [Shard(s, first, min(_WINDOWS_A_SHARD, windows - first)) for first in starts for s in streams]
        lost = [Shard(s["stream"], s["first"], s["windows"]) for s in self.shards.values() if self._is_lost(s)]
        self._run([s for s in (*lost, *new) if read_part(self._directory, s, self._data) is None])
        for shard in (*lost, *sorted(new)):
            record = read_part(self._directory, shard, self._data)
            if record is None:
                raise DataError(f"the job ended, but {self._directory / shard.file} is not there; can its workers write there?")
            stats, arrays = DataStats.from_json(record.pop("tally")), record.pop("arrays")
            if shard in new:
                self.stats.merge(stats)
                self.row = self.row or arrays
            self.shards[shard.stream, shard.first] = record
        self.windows = max(self.windows, windows)
        self.stats.check(self._corpus.names, self._corpus.config.max_bad_share)

    def _is_lost(self, shard: dict[str, Any]) -> bool:
        path = self._directory / shard["file"]
        return not path.exists() or path.stat().length != shard["bytes"]

    def _run(self, shards: list[Shard]) -> None:
        if not shards:
            return
        before = num_parts(self._directory)
        self._log(f"making {sum(s.windows for s in shards):,} windows in {len(shards)} shards")
        bar = ProgressBar("shards", len(shards))
        done, looked = 0, time.monotonic()
        said = looked

        def progress() -> None:
            nonlocal done, said, looked
            if time.monotonic() - looked < _LOOK_SECONDS:
                return
            looked = time.monotonic()
            now = num_parts(self._directory) - before
            bar.advance(now - done)
            done = now
            if time.monotonic() - said > _REPORT_SECONDS:
                said = time.monotonic()
                bar.report(done, "made")

        try:
            beam_job.run_job(self._job, shards, self._beam, progress)
        finally:
            bar.close()


def _rows_a_window(corpus: Corpus) -> float:
    """Returns the mean number of rows in the first windows, trying more until one has rows. Raises DataError if none has."""
    stats, windows = DataStats(len(corpus.entries)), 0
    while not stats.rows:
        if windows * corpus.config.window >= MAX_FRUITLESS:
            raise stats.nothing_to_train_on(windows * corpus.config.window, corpus.names)
        stats.merge(make_window(corpus, 0, windows).stats)
        stats.check(corpus.names, corpus.config.max_bad_share)
        windows += 1
    return stats.rows / windows


def _estimate(rows: int, rows_a_window: float) -> int:
    return int(-(-rows * _MARGIN // max(rows_a_window, 0.5)))


def _claim(output: epath.Path, config: RunConfig) -> None:
    """Records the config in the directory. Raises ConfigError if the directory belongs to another config."""
    mine = {
        "mixture": config.mixture,
        "heldout": config.heldout,
        "leave_out": config.leave_out,
        **({} if config.ablation == AblationConfig() else {"ablation": dataclasses.asdict(config.ablation)}),
        "data": prepared.data_keys(config.data),
        "tokenizer": dataclasses.asdict(config.tokenizer),
    }
    mine = json.loads(json.dumps(mine))
    path = output / prepared.JOB
    if path.exists():
        earlier = read_object(path.read_text(), path)
        if same_mixture(str(earlier.get("mixture")), mine["mixture"]):  # the same file, addressed from another folder
            earlier["mixture"] = mine["mixture"]
        if changed := differences(earlier, mine):
            raise ConfigError(f"{output} is prepared for another config: {'; '.join(changed)}. Use another --output")
        return
    if (output / prepared.TOKENIZER).exists():
        raise ConfigError(f"{output} has a tokenizer but no prepared data; use a new directory for --output")
    storage.replace_text(path, json.dumps(mine, indent=1))
