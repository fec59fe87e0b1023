"""Batches of a mixture, the same on any number of hosts, from a position of two integers a stream.

S virtual streams divide the plan: stream s owns its every S-th example. A stream packs windows of its examples; a window is
a pure function of its number. Each global batch takes B/S rows of every stream, and a host makes only the rows of its streams.
"""

import dataclasses
import functools
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import cloudpickle
import grain
import numpy as np
from absl import flags

from flanjax.data.data_stats import DataError, Tally
from flanjax.data.feature_config import FeatureConfig
from flanjax.data.features import make_features
from flanjax.data.layout import Layout, make_layout
from flanjax.data.packing import Encoded, pack_examples
from flanjax.data.plan import Plan
from flanjax.data.tokenizer import Tokenizer
from flanjax.sources import Rows, SourceError
from flanjax.tasks.draws import Draws
from flanjax.tasks.mixture import Entry, Mixture
from flanjax.tasks.registry import MODULE_PREFIX

Batch = dict[str, np.ndarray]
_MAX_EMPTY_WINDOWS = 1000


@dataclasses.dataclass(frozen=True, kw_only=True)
class DataConfig:
    """How a mixture becomes batches. Everything here but the last five decides the data, and is fixed for a run.

    Args:
      batch_size: rows of the global batch.
      num_streams: divides the batch size and is divided by the number of hosts; more than the hosts you may ever use.
      window: examples packed together.
      seed: of every choice made in the data.
      features: lengths and weights.
      max_bad_share: the share of bad rows above which a task stops the run.
      num_workers: processes that prepare windows; 0 prepares them in threads of this one.
      num_threads, prefetch_windows: of that preparation, per host or worker.
      prepared: a directory that `flanjax prepare` wrote; its rows are read instead of made. They are the same.
    """

    batch_size: int = 64
    num_streams: int = 8
    window: int = 1024
    seed: int = 0
    features: FeatureConfig = dataclasses.field(default_factory=FeatureConfig)
    max_bad_share: float = 0.02
    num_workers: int = 0
    num_threads: int = 1
    prefetch_windows: int = 2
    prepared: str | None = None

    def __post_init__(self) -> None:
        if self.num_streams < 1 or self.batch_size % self.num_streams:
            raise ValueError(f"data.num_streams is {self.num_streams}, expected a divisor of data.batch_size={self.batch_size}")
        if self.window < 1:
            raise ValueError(f"data.window is {self.window}, expected at least 1 example")


@dataclasses.dataclass(frozen=True)
class Host:
    """Which share of each global batch is made here."""

    index: int = 0
    count: int = 1

    def streams(self, num_streams: int) -> range:
        if num_streams % self.count:
            raise ValueError(f"data.num_streams={num_streams} does not divide among {self.count} hosts; use a multiple of it")
        each = num_streams // self.count
        return range(self.index * each, (self.index + 1) * each)


class Corpus(NamedTuple):
    """A resolved mixture with its rows opened."""

    entries: list[Entry]
    rows: list[Rows]
    plan: Plan
    layout: Layout
    config: DataConfig

    @property
    def tokenizer(self) -> Tokenizer:
        return self.layout.tokenizer

    @property
    def names(self) -> list[str]:
        return [e.task.name for e in self.entries]


def open_rows(mixture: Mixture) -> dict[str, Rows]:
    """The training rows of every task. Raises SourceError naming the task whose data is missing or empty."""
    opened: dict[str, Rows] = {}
    for task in mixture.tasks():
        if task.train is None:
            raise SourceError(f"task {task.name} has no training split (train=None) but mixture {mixture.name} trains on it")
        try:
            opened[task.name] = task.source.open(task.train)
        except Exception as error:
            error.add_note(f"while opening the training rows of task {task.name}")
            raise
        if not len(opened[task.name]):
            raise SourceError(f"task {task.name}: split {task.train!r} of {task.source.name} is empty")
    return opened


def open_corpus(mixture: Mixture, rows: dict[str, Rows], tokenizer: Tokenizer, config: DataConfig) -> Corpus:
    entries = mixture.resolve({name: len(r) for name, r in rows.items()})
    names = [e.task.name for e in entries]
    plan = Plan(names, [e.share for e in entries], [len(rows[n]) for n in names], seed=config.seed)
    return Corpus(entries, [rows[n] for n in names], plan, make_layout(config.features, tokenizer), config)


class Window(NamedTuple):
    """Some consecutive examples of one stream, packed into rows in random order."""

    rows: list[Batch]
    tally: Tally


def make_window(corpus: Corpus, stream: int, number: int) -> Window:
    """Window `number` of a stream: a pure function of its arguments."""
    config = corpus.config
    nth = np.arange(number * config.window, (number + 1) * config.window) * config.num_streams + stream
    visits = corpus.plan.visits(nth)
    features = make_features(corpus.entries, corpus.rows, visits, corpus.layout, config.seed)
    tally = Tally(len(corpus.entries))
    tally.add(features)
    rows = pack(features.examples, corpus.layout, Draws(config.seed, "window", stream, number))
    tally.rows = len(rows)
    return Window(rows, tally)


def pack(examples: Sequence[Encoded], layout: Layout, draws: Draws) -> list[Batch]:
    """The examples packed into rows, in an order that has nothing to do with their lengths."""
    sizes = np.array([layout.sizes(e) for e in examples], np.int64)
    bins = pack_examples(sizes, layout.limits)
    order = draws.permutation("rows", len(bins))
    return [layout.row([examples[i] for i in bins[r]]) for r in order]


class DataState(NamedTuple):
    """The position in the data after a batch: for each stream the window and the row within it that come next."""

    streams: dict[int, tuple[int, int]]
    tally: Tally

    def to_json(self) -> dict[str, Any]:
        return {"streams": {str(s): list(at) for s, at in sorted(self.streams.items())}, "tally": self.tally.to_json()}

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> "DataState":
        """The state of a record. Raises DataError saying what is wrong where it is none."""
        try:
            streams = {int(s): (at[0], at[1]) for s, at in record["streams"].items()}
            tally = Tally.from_json(record["tally"])
        except (TypeError, ValueError, LookupError, AttributeError) as error:
            raise DataError(f"this is no position in the data: {type(error).__name__}: {error}") from error
        for stream, position in streams.items():
            if not all(type(n) is int and n >= 0 for n in (stream, *position)):
                raise DataError(f"stream {stream} is at {list(position)}, expected the numbers of a window and of a row in it")
        return cls(streams, tally)

    def check(self, num_streams: int, num_tasks: int) -> None:
        """Raises DataError where it is the position of other streams or tasks than those."""
        if missing := sorted(set(range(num_streams)) - self.streams.keys()):
            raise DataError(f"the position of {len(missing)} streams is missing, the first is stream {missing[0]}")
        if more := sorted(self.streams.keys() - set(range(num_streams))):
            raise DataError(f"there is a position of stream {more[0]}, but there are only {num_streams} streams")
        counted = len(self.tally.counts["examples"])
        if counted != num_tasks:
            raise DataError(f"the counts are of {counted} tasks, expected {num_tasks}")

    @classmethod
    def merge(cls, records: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """One record of the states of all hosts, from which any number of hosts can go on."""
        states = [cls.from_json(r) for r in records]
        tally = states[0].tally
        for state in states[1:]:
            tally.merge(state.tally)
        return cls({s: at for state in states for s, at in state.streams.items()}, tally).to_json()


class WindowSource(Protocol):
    """Windows that exist already (flanjax.data.prepared), each what `make_window` would make.

    Attributes:
      num_windows: of every stream.
    """

    num_windows: int

    def __call__(self, stream: int, number: int) -> Window: ...


class _Windows:
    """A grain source: index -> (stream, window), the streams in turn. Windows already used up are not made again."""

    def __init__(self, window: Callable[[int, int], Window], start: dict[int, tuple[int, int]], end: int | None):
        self._window, self._start, self._streams = window, start, sorted(start)
        self._first = min(window for window, _ in start.values())
        self._len = 1 << 40 if end is None else max(end - self._first, 0) * len(self._streams)

    def __len__(self) -> int:
        return self._len

    def __getitem__(self, index: int) -> tuple[int, int, Window | None]:
        turn, at = divmod(int(index), len(self._streams))
        stream, number = self._streams[at], self._first + turn
        if number < self._start[stream][0]:
            return stream, number, None
        return stream, number, self._window(stream, number)


def _prepare_for_workers(corpus: Corpus) -> None:
    """Lets grain send the corpus to other processes: a mixture file is no importable module, so its functions go by value."""
    for module in {sys.modules[e.task.example.__module__] for e in corpus.entries}:
        if module.__name__.startswith(MODULE_PREFIX):
            cloudpickle.register_pickle_by_value(module)
    if not flags.FLAGS.is_parsed():
        flags.FLAGS.mark_as_parsed()  # grain reads absl flags; a program that has none never parses them


class BatchIterator:
    """This host's part of every global batch: [B / hosts, ...] arrays, in the order of its streams, without end.

    `state()` is the position after the last batch returned.

    Args:
      prepared: where windows are read instead of made; the batches and the states are the same.
    """

    def __init__(
        self, corpus: Corpus, host: Host = Host(), state: DataState | None = None, prepared: WindowSource | None = None
    ):
        self._corpus, self._config, self._prepared = corpus, corpus.config, prepared
        streams = host.streams(self._config.num_streams)
        self._position = {s: state.streams[s] if state else (0, 0) for s in streams}
        # Counts are added up over hosts when states are merged, so only one host carries on the old ones.
        self._tally = state.tally.copy() if state and host.index == 0 else Tally(len(corpus.entries))
        # Windows are read ahead of their stream's turn; the state counts each once its first row is taken.
        self._seen = self._tally.copy()
        self._uncounted: dict[int, deque[tuple[int, Tally]]] = {s: deque() for s in streams}
        self._queues: dict[int, deque[tuple[int, int, Batch]]] = {s: deque() for s in streams}
        self._windows = self._start_windows()

    def _start_windows(self) -> Iterator[tuple[int, int, Window | None]]:
        config = self._config
        window = self._prepared or functools.partial(make_window, self._corpus)
        end = self._prepared.num_windows if self._prepared else None
        dataset = grain.MapDataset.source(_Windows(window, dict(self._position), end))
        options = grain.ReadOptions(num_threads=config.num_threads, prefetch_buffer_size=config.prefetch_windows)
        windows = dataset.to_iter_dataset(options)
        if config.num_workers:
            _prepare_for_workers(self._corpus)
            windows = windows.mp_prefetch(grain.MultiprocessingOptions(num_workers=config.num_workers))
        return iter(windows)

    def __iter__(self) -> "BatchIterator":
        return self

    def __next__(self) -> Batch:
        rows = [row for stream in self._queues for row in self._take(stream)]
        return {name: np.stack([row[name] for row in rows]) for name in rows[0]}

    def state(self) -> DataState:
        return DataState(dict(self._position), self._tally.copy())

    def _take(self, stream: int) -> Iterator[Batch]:
        queue = self._queues[stream]
        for _ in range(self._config.batch_size // self._config.num_streams):
            empty = 0
            while not queue:
                empty += self._read_window()
                if empty > _MAX_EMPTY_WINDOWS:
                    raise DataError(
                        f"{empty} windows of {self._config.window} examples gave no row at all: every row is skipped"
                    )
            window, row, arrays = queue.popleft()
            if row == 0:
                self._count(stream, window)
            self._position[stream] = (window, row + 1) if queue and queue[0][0] == window else (window + 1, 0)
            yield arrays

    def _count(self, stream: int, window: int) -> None:
        """Counts the stream's windows up to this one, those without rows included."""
        while self._uncounted[stream] and self._uncounted[stream][0][0] <= window:
            self._tally.merge(self._uncounted[stream].popleft()[1])

    def _read_window(self) -> bool:
        """Queues the next window's rows; says whether it had none."""
        try:
            stream, number, window = next(self._windows)
        except StopIteration:
            end = self._prepared.num_windows if self._prepared else 0
            raise DataError(f"the {end} prepared windows of a stream are used up; prepare more") from None
        if window is None:
            return False
        first = self._position[stream][1] if number == self._position[stream][0] and not self._queues[stream] else 0
        if not first:  # a window resumed in its middle was counted before
            self._uncounted[stream].append((number, window.tally))
            self._seen.merge(window.tally)
            self._seen.check(self._corpus.names, self._config.max_bad_share)
        self._queues[stream].extend((number, row, arrays) for row, arrays in enumerate(window.rows) if row >= first)
        return not window.rows
