"""Prepared windows: the packed rows of a mixture in files, which training reads as if it had just made them.

A window is a pure function of (stream, number), so it can be stored: one record is one window, and one shard holds consecutive
windows of one stream. Training asks for (stream, number) and does not know where a window comes from, so positions and
checkpoints are the same as in a run that makes its own. The manifest is written last; a directory without it is unfinished.

    DIR/manifest.json                        what the rows depend on, their counts, the checksum of every shard
    DIR/stream-0003-window-000064.array_record
    DIR/tokenizer                            the tokenizer whose ids the rows hold
    DIR/job.json                             the config that the directory belongs to
    DIR/parts                                files of a preparation that is running or interrupted, from which it continues
"""

import contextlib
import dataclasses
import hashlib
import json
import threading
from collections.abc import Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
from etils import epath

from flanjax import storage
from flanjax.data.corpus import Corpus, DataConfig
from flanjax.data.data_stats import DataError, DataStats
from flanjax.data.feature_config import FeatureConfig
from flanjax.data.offline.shards import (
    PARTS,
    SUFFIX,
    Shard,
    check_size,
    decoded,
    describe_shard,
    open_shard,
    read_record,
    replacing,
)
from flanjax.data.offline.window_records import FORMAT, Label
from flanjax.data.plan import Plan
from flanjax.data.texts import mixture_texts
from flanjax.data.tokenizer import Tokenizer, load_tokenizer
from flanjax.data.windows import Batch, Window, make_window
from flanjax.tasks.registry import MODULE_PREFIX

MANIFEST, TOKENIZER, JOB = "manifest.json", "tokenizer", "job.json"
# Rows do not depend on these keys: they set how many rows make a batch, or where and when windows are made.
_NOT_IN_ROWS = ("batch_size", "max_bad_share", "num_workers", "num_threads", "prefetch_windows", "prepared", "on_error")
_PROBED_EXAMPLES = 4
_OPEN_A_STREAM = 2  # open shards a stream: threads that read ahead may be in two adjacent shards
_LIBRARIES = ("flanjax", "numpy", "jinja2", "sentencepiece", "tokenizers", "datasets", "array_record")


def identity_of(corpus: Corpus) -> dict[str, Any]:
    """Returns everything that the rows depend on, as JSON: two corpora with the same identity give the same windows."""
    return {
        "plan": corpus.plan.hash(),
        "tokenizer": corpus.tokenizer.fingerprint,
        "data": data_keys(corpus.config),
        "features": {"made_by": _name_of(corpus.make_features), "numbers": corpus.layout.numbers},
        "tasks": _task_digests(corpus),
    }


def _name_of(function: Any) -> str:
    """Returns module and name of a function. A mixture file may be in another folder, so only the file's own name counts."""
    if not (name := getattr(function, "__qualname__", "")):
        raise ValueError(f"the rows of {function!r} cannot be prepared: it has no name; use a function defined with def")
    module = function.__module__
    if module.startswith(MODULE_PREFIX):
        module = module.removeprefix(MODULE_PREFIX).rpartition("_")[0]
    return f"{module}.{name}"


def data_keys(config: DataConfig) -> dict[str, Any]:
    """Returns the config's keys that the rows depend on. A new key counts as one of them unless it is listed above."""
    keys = {name: value for name, value in dataclasses.asdict(config).items() if name not in _NOT_IN_ROWS}
    for name in ("lengths", "answers"):  # rows were prepared before there were these
        if keys["features"][name] == getattr(FeatureConfig(), name):
            del keys["features"][name]
    return keys


def digest(identity: dict[str, Any]) -> str:
    return hashlib.blake2b(json.dumps(identity, sort_keys=True).encode(), digest_size=8).hexdigest()


def _task_digests(corpus: Corpus) -> dict[str, str]:
    """Returns a hash for each task of what the plan does not cover: its templates, styles, filters, and the texts of some
    examples."""
    digests = {}
    for entry, rows in zip(corpus.entries, corpus.rows, strict=True):
        name, seed = entry.task.name, corpus.config.seed
        alone = Plan([name], [1.0], [len(rows)], seed=seed)
        texts = mixture_texts([entry], [rows], alone, min(_PROBED_EXAMPLES, len(rows)), seed)
        filters = [repr(entry.filters)] if entry.filters else []
        parts = [repr(entry.task.templates), repr(entry.styles), repr(entry.task.long_fields), *filters, *texts]
        digests[name] = hashlib.blake2b("\x1f".join(parts).encode(), digest_size=8).hexdigest()
    return digests


def versions() -> dict[str, str]:
    """Returns the versions of the libraries that the rows depend on."""
    found = {}
    for name in _LIBRARIES:
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def manifest_of(
    about: dict[str, Any],
    corpus: Corpus,
    identity: dict[str, Any],
    shards: Iterable[dict[str, Any]],
    stats: DataStats,
    row: dict[str, Any],
) -> dict[str, Any]:
    """Returns the manifest of a finished directory, as JSON. It does not depend on which process made the shards, or when.

    Args:
      about: mixture, split and tokenizer as the config names them.
      shards: the record of each shard from `describe_shard`; every stream has the same windows.
      row: name -> [dtype, shape] of the arrays of a row.
    """
    listed = sorted(shards, key=lambda s: (s["stream"], s["first"]))
    config = corpus.config
    manifest = {
        "format": FORMAT,
        **about,
        "identity": identity,
        "batch_size": config.batch_size,
        "steps": num_steps(rows_of_streams(listed, config.num_streams), config),
        "windows": sum(s["windows"] for s in listed if s["stream"] == 0),
        "row": row,
        "rows": stats.rows,
        **{name: int(values.sum()) for name, values in stats.counts.items()},
        "tasks": corpus.names,
        "tally": stats.to_json(),
        "versions": versions(),
        "shards": listed,
    }
    return json.loads(json.dumps(manifest))


def write_manifest(directory: epath.PathLike, manifest: dict[str, Any]) -> None:
    """Finishes a directory, so that a run can train from it. Files that the manifest does not need are removed."""
    directory = epath.Path(directory)
    with replacing(directory / MANIFEST) as local:
        local.write_text(json.dumps(manifest, indent=1))
    known = {shard["file"] for shard in manifest["shards"]}
    for path in directory.iterdir():
        if SUFFIX in path.name and path.name not in known:
            path.unlink()
    if (directory / PARTS).exists():
        (directory / PARTS).rmtree()


def read_manifest(directory: epath.PathLike) -> dict[str, Any]:
    """Returns the manifest of a finished directory. Raises DataError if there is none."""
    storage.reach(directory)
    path = epath.Path(directory) / MANIFEST
    if not path.exists():
        unfinished = (path.parent / JOB).exists()
        state = "it is unfinished; run the same `flanjax prepare` again" if unfinished else f"no {MANIFEST} there"
        raise DataError(f"data.prepared={directory} cannot be trained from: {state}")
    manifest = json.loads(path.read_text())
    if manifest.get("format") != FORMAT:
        raise DataError(
            f"{path} has format {manifest.get('format')!r}, this version reads {FORMAT}; prepare the data again, elsewhere"
        )
    _check_names(path, manifest)
    return manifest


def _check_names(path: epath.Path, manifest: dict[str, Any]) -> None:
    """Raises DataError if a shard's file is not the one that its windows have, beside the manifest."""
    try:
        names = [(shard["file"], Shard.of(shard).file) for shard in manifest["shards"]]
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path}: shards is no list of records with file, stream, first and windows: {error!r}") from error
    for got, expected in names:
        if got != expected:
            raise DataError(f"{path}: shards has the file {got!r}, expected {expected!r}, beside the manifest")


def load_prepared_tokenizer(directory: epath.PathLike) -> Tokenizer:
    """Returns the tokenizer whose ids the rows of a finished directory hold."""
    read_manifest(directory)
    return load_tokenizer(str(epath.Path(directory) / TOKENIZER))


def num_steps(rows: Sequence[int], config: DataConfig) -> int:
    """Returns the number of batches in streams with these numbers of rows. Only whole rounds of them count."""
    pairs = len(config.features.pairs)
    return min(rows) // (config.batch_size // config.num_streams * pairs) * pairs


def rows_of_streams(shards: Iterable[dict[str, Any]], num_streams: int) -> list[int]:
    rows = [0] * num_streams
    for shard in shards:
        rows[shard["stream"]] += shard["rows"]
    return rows


class Prepared:
    """The windows of a finished directory: (stream, number) -> Window, as from `make_window`.

    A shard is compared with its checksum when its first window is read.

    Attributes:
      manifest: the directory's manifest.
      num_windows: number of windows of every stream.
    """

    def __init__(self, directory: epath.PathLike):
        self._directory = epath.Path(directory)
        self.manifest = read_manifest(directory)
        self.num_windows: int = self.manifest["windows"]
        self._data = digest(self.manifest["identity"])
        self._shards: dict[int, list[dict[str, Any]]] = {}
        for shard in sorted(self.manifest["shards"], key=lambda s: s["first"]):
            self._shards.setdefault(shard["stream"], []).append(shard)
        self._reset()

    def _reset(self) -> None:
        self._open: dict[str, Any] = {}
        self._lock = threading.Lock()

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name not in ("_open", "_lock")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._reset()

    def __call__(self, stream: int, number: int) -> Window:
        shards = self._shards[stream]
        shard = shards[int(np.searchsorted([s["first"] for s in shards], number, side="right")) - 1]
        at = number - shard["first"]
        if not 0 <= at < shard["windows"]:
            raise DataError(f"{self._directory} has no window {number} of stream {stream}; it ends at {self.num_windows}")
        path = self._directory / shard["file"]
        with self._lock:
            record = read_record(self._reader(shard), path, at)
        return decoded(record, path, at, Label(self._data, stream, number))

    def _reader(self, shard: dict[str, Any]) -> Any:
        if shard["file"] not in self._open:
            siblings = [s["file"] for s in self._shards[shard["stream"]] if s["file"] in self._open]
            for file in siblings[: 1 - _OPEN_A_STREAM]:
                self._open.pop(file).close()
            self._open[shard["file"]] = open_shard(self._directory, shard)
        return self._open[shard["file"]]

    def num_steps(self, config: DataConfig) -> int:
        return num_steps(rows_of_streams(self.manifest["shards"], config.num_streams), config)

    def check_sizes(self, streams: Iterable[int]) -> None:
        """Raises DataError if a shard of these streams is missing or truncated; it names the shard."""
        for stream in streams:
            for shard in self._shards[stream]:
                check_size(self._directory, shard)

    def check_made_alike(self, corpus: Corpus, stream: int) -> None:
        """Makes a stream's first window again; raises DataError if it differs from the prepared one."""
        made, read = make_window(corpus, stream, 0), self(stream, 0)
        alike = len(made.rows) == len(read.rows) and made.stats.to_json() == read.stats.to_json()
        if not alike or not all(map(_same, made.rows, read.rows)):
            then, now = self.manifest["versions"], versions()
            changed = [f"{n} {then.get(n)} -> {now.get(n)}" for n in sorted({*then, *now}) if then.get(n) != now.get(n)]
            raise DataError(
                f"{self._directory}: window 0 of stream {stream} is not what is made of the same data now: "
                f"rows of the data, the code or a library changed ({', '.join(changed) or 'no version did'}). "
                "Prepare the data again, elsewhere"
            )


def verify(directory: epath.PathLike) -> dict[str, Any]:
    """Reads every record of a finished directory and returns its manifest. Raises DataError naming what is damaged."""
    directory = epath.Path(directory)
    manifest = read_manifest(directory)
    data, damaged = digest(manifest["identity"]), []
    for shard in manifest["shards"]:
        try:
            check_size(directory, shard)
            open_shard(directory, shard).close()
            found = describe_shard(directory, Shard.of(shard), data)
            if wrong := [f"{k} {found[k]}, expected {shard[k]}" for k in shard if found[k] != shard[k]]:
                raise DataError(f"{directory / shard['file']} is not what {MANIFEST} says: {'; '.join(wrong)}")
        except DataError as error:
            damaged.append(str(error))
    for name in ("rows", "examples"):
        if (total := sum(s[name] for s in manifest["shards"])) != manifest[name]:
            damaged.append(f"{directory / MANIFEST}: {name} is {manifest[name]}, its shards have {total}")
    if damaged:
        raise DataError(f"{len(damaged)} faults in {len(manifest['shards'])} shards: {'; '.join(damaged[:5])}")
    return manifest


def _same(left: Batch, right: Batch) -> bool:
    return left.keys() == right.keys() and all(
        left[n].dtype == right[n].dtype and np.array_equal(left[n], right[n]) for n in left
    )
