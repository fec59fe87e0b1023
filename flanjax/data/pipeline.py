"""Batches of a mixture, the same on any number of hosts. The position in the data is two integers for each stream.

The plan is divided among S virtual streams: stream s owns every S-th example, starting with s. A stream packs windows of its
examples; a window is a pure function of its number. Each global batch takes B/S rows of every stream, and a host makes only the
rows of its own streams.
"""

import dataclasses
import functools
import logging
import math
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from flanjax.data.corpus import Corpus
from flanjax.data.data_stats import MAX_FRUITLESS, DataError, DataStats
from flanjax.data.waiting import awaited
from flanjax.data.windows import Batch, Window, make_window


@dataclasses.dataclass(frozen=True)
class Host:
    """The share of each global batch that this host makes."""

    index: int = 0
    count: int = 1

    def streams(self, num_streams: int) -> range:
        if num_streams % self.count:
            raise ValueError(f"data.num_streams={num_streams} does not divide among {self.count} hosts; use a multiple of it")
        each = num_streams // self.count
        return range(self.index * each, (self.index + 1) * each)


class DataState(NamedTuple):
    """The position in the data after a batch.

    Attributes:
      streams: stream -> (window, row within it): where the first row of the round of batches lies that is under way or next.
      turn: the number of batches of this round that are past. A round is one batch of each pair, so with one pair it is 0.
    """

    streams: dict[int, tuple[int, int]]
    stats: DataStats
    turn: int = 0

    def to_json(self) -> dict[str, Any]:
        turn = {"turn": self.turn} if self.turn else {}
        streams = {str(s): list(at) for s, at in sorted(self.streams.items())}
        return {"streams": streams, **turn, "tally": self.stats.to_json()}

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> "DataState":
        """Returns the state of a record. Raises DataError saying what is wrong if the record is not a valid state."""
        try:
            streams = {int(s): (at[0], at[1]) for s, at in record["streams"].items()}
            stats, turn = DataStats.from_json(record["tally"]), record.get("turn", 0)
        except (TypeError, ValueError, LookupError, AttributeError) as error:
            raise DataError(f"this is not a position in the data: {type(error).__name__}: {error}") from error
        for stream, position in streams.items():
            if not all(type(n) is int and n >= 0 for n in (stream, *position)):
                raise DataError(f"stream {stream} is at {list(position)}, expected the numbers of a window and of a row in it")
        if type(turn) is not int or turn < 0:
            raise DataError(f"the turn is {turn!r}, expected the number of batches of a round that are past")
        return cls(streams, stats, turn)

    def check(self, num_streams: int, num_tasks: int, num_pairs: int = 1) -> None:
        """Raises DataError if the state has another number of streams or tasks, or a turn that a round of pairs has not."""
        if missing := sorted(set(range(num_streams)) - self.streams.keys()):
            raise DataError(f"the position of {len(missing)} streams is missing, the first is stream {missing[0]}")
        if more := sorted(self.streams.keys() - set(range(num_streams))):
            raise DataError(f"there is a position of stream {more[0]}, but there are only {num_streams} streams")
        counted = len(self.stats.counts["examples"])
        if counted != num_tasks:
            raise DataError(f"the counts are of {counted} tasks, expected {num_tasks}")
        if self.turn >= num_pairs:
            raise DataError(f"{self.turn} batches of a round are past, but a round has {num_pairs}, one of each length pair")

    @classmethod
    def merge(cls, records: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """Returns one record of the states of all hosts, from which any number of hosts can continue."""
        states = [cls.from_json(r) for r in records]
        stats = states[0].stats
        for state in states[1:]:
            stats.merge(state.stats)
        return cls({s: at for state in states for s, at in state.streams.items()}, stats, states[0].turn).to_json()


class WindowSource(Protocol):
    """Windows that exist already (flanjax.data.offline.prepared); each is what `make_window` would make.

    Attributes:
      num_windows: number of windows of every stream.
    """

    num_windows: int

    def __call__(self, stream: int, number: int) -> Window: ...


class _Windows:
    """A grain source: index -> (stream, number, window), streams in turn. Windows that were used up are not made again."""

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


class BatchIterator:
    """Yields this host's part of every global batch: arrays [B / hosts, ...], in the order of its streams, without end.

    With several length pairs, batches come in rounds, one batch of each pair. All windows have whole rounds of rows, so each
    stream takes B / S rounds of rows for a round of batches.

    `state()` is the position after the last batch that was returned, even if the search for the next one was broken off.

    Args:
      prepared: a source of windows that are read instead of made; batches and states stay the same.
      while_waiting: called again and again while a window is waited for. What it raises breaks the search off.
    """

    def __init__(
        self,
        corpus: Corpus,
        host: Host = Host(),
        state: DataState | None = None,
        prepared: WindowSource | None = None,
        while_waiting: Callable[[], object] = lambda: None,
    ):
        self._corpus, self._config, self._prepared = corpus, corpus.config, prepared
        self._while_waiting = while_waiting
        self._rows_a_batch = self._config.batch_size // self._config.num_streams  # of one stream
        self._round = len(corpus.layout.lengths)
        self._turn = state.turn if state else 0
        streams = host.streams(self._config.num_streams)
        self._position = {s: state.streams[s] if state else (0, 0) for s in streams}
        # Counts are added up over hosts when states are merged, so only one host keeps the old counts.
        self._stats = state.stats.copy() if state and host.index == 0 else DataStats(len(corpus.entries))
        # Windows are read before their stream's turn; the state counts each when its first row is taken.
        self._seen = self._stats.copy()
        self._warned: set[int] = set()
        self._uncounted: dict[int, deque[tuple[int, DataStats]]] = {s: deque() for s in streams}
        self._queues: dict[int, deque[tuple[int, int, Batch]]] = {s: deque() for s in streams}
        self._windows = self._start_windows()

    def _start_windows(self) -> Iterator[tuple[int, int, Window | None]]:
        config = self._config
        window = self._prepared or functools.partial(make_window, self._corpus)
        end = self._prepared.num_windows if self._prepared else None
        windows = _Windows(window, dict(self._position), end)
        from flanjax.data import workers  # imports grain and with it jax, which `flanjax show` and `check` do not need

        if isinstance(config.prefetch_windows, int):
            prefetched = config.prefetch_windows
        else:
            prefetched = max(2, math.ceil(len(self._position) / max(config.num_workers, 1)))
        if not config.num_workers:
            return workers.in_threads(windows, config.num_threads, prefetched)
        entries = self._corpus.entries
        functions: list[Callable[..., Any]] = [self._corpus.make_features, *(e.task.example for e in entries)]
        functions += [type(one) for e in entries for one in e.filters]
        return workers.in_processes(windows, config.num_threads, prefetched, config.num_workers, functions)

    def __iter__(self) -> "BatchIterator":
        return self

    def __next__(self) -> Batch:
        for stream in self._queues:
            self._fill(stream)
        rows = [queue[i * self._round + self._turn][2] for queue in self._queues.values() for i in range(self._rows_a_batch)]
        self._turn = (self._turn + 1) % self._round
        if not self._turn:
            for stream in self._queues:
                self._pass(stream)
        return {name: np.stack([row[name] for row in rows]) for name in rows[0]}

    def state(self) -> DataState:
        return DataState(dict(self._position), self._stats.copy(), self._turn)

    def _fill(self, stream: int) -> None:
        """Reads windows until the stream has its rows of a round of batches. The position stays where it is."""
        queue, fruitless = self._queues[stream], 0
        while len(queue) < self._rows_a_batch * self._round:
            if fruitless >= MAX_FRUITLESS:
                raise self._seen.nothing_to_train_on(fruitless, self._corpus.names)
            queued = len(queue)
            if self._read_window():
                fruitless += self._config.window
            elif len(queue) > queued:
                fruitless = 0

    def _pass(self, stream: int) -> None:
        """Moves the position past the stream's rows of a round of batches."""
        queue = self._queues[stream]
        for _ in range(self._rows_a_batch * self._round):
            window, row, _ = queue.popleft()
            if row == 0:
                self._count(stream, window)
            self._position[stream] = (window, row + 1) if queue and queue[0][0] == window else (window + 1, 0)

    def _count(self, stream: int, window: int) -> None:
        """Counts the stream's windows up to this one, those without rows included."""
        while self._uncounted[stream] and self._uncounted[stream][0][0] <= window:
            self._stats.merge(self._uncounted[stream].popleft()[1])

    def _warn(self) -> None:
        """Warns once for each task if none of its rows can be trained on."""
        for task in self._seen.without_examples():
            if task not in self._warned:
                self._warned.add(task)
                why = self._seen.why_skipped(task, self._corpus.names)
                logging.getLogger("flanjax").warning("no row of a task can be trained on so far: %s", why)

    def _read_window(self) -> bool:
        """Queues the next window's rows, and returns whether it had none."""
        try:
            stream, number, window = awaited(self._windows, self._while_waiting)
        except StopIteration:
            end = self._prepared.num_windows if self._prepared else 0
            raise DataError(f"the {end} prepared windows of a stream are used up; prepare more") from None
        if window is None:
            return False
        first = self._position[stream][1] if number == self._position[stream][0] and not self._queues[stream] else 0
        if not first:  # a window that is resumed in its middle was counted before
            self._uncounted[stream].append((number, window.stats))
            self._seen.merge(window.stats)
            self._seen.check(self._corpus.names, self._config.max_bad_share)
            self._warn()
        self._queues[stream].extend((number, row, arrays) for row, arrays in enumerate(window.rows) if row >= first)
        return not window.rows
