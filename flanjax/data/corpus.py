"""A mixture opened for training: its tasks' rows, the plan of their visits, and the layout of the rows they are packed into."""

import dataclasses
from collections.abc import Sequence
from typing import Annotated, Literal, NamedTuple

from flanjax import fields
from flanjax.data.feature_config import FeatureConfig
from flanjax.data.features import MakeFeatures, make_features
from flanjax.data.layout import Layout, make_layout
from flanjax.data.plan import Plan
from flanjax.data.ready_filters import ready
from flanjax.data.task_rows import TaskRows
from flanjax.data.tokenizer import Tokenizer
from flanjax.fields import Count, Range, Seed, Share
from flanjax.sources import Rows, SourceError, kept
from flanjax.tasks.mixture import Entry, Mixture


@dataclasses.dataclass(frozen=True, kw_only=True)
class DataConfig:
    """How a mixture becomes batches. All fields but the last six decide the data and are fixed for a run.

    Args:
      batch_size: rows of the global batch.
      num_streams: streams of the data. A divisor of batch_size and a multiple of the number of hosts, so at least the largest
        number of hosts that will ever be used.
      window: examples of a stream that are packed together.
      seed: seed of every choice made in the data.
      max_bad_share: the share of bad rows above which a task stops the run.
      num_workers: processes that prepare windows; 0 prepares them in threads of this one.
      num_threads: threads that prepare windows, per host or worker.
      prefetch_windows: windows that are prepared ahead, per host or worker. Streams need their next windows at about the same
        time, so "auto" prepares one for each stream of the host.
      prepared: a directory that `flanjax prepare` wrote; its rows, which are the same, are read instead of made.
      on_error: what becomes of a data set that cannot be opened: the run stops, or goes on without it (quarantine). Name, plan,
        checkpoints and report of the mixture then tell what is missing. What is missing once stays out of the run.
    """

    batch_size: Count = 64
    num_streams: Count = 8
    window: Count = 1024
    seed: Seed = 0
    features: FeatureConfig = dataclasses.field(default_factory=FeatureConfig)
    max_bad_share: Share = 0.02
    num_workers: Annotated[int, Range(0, 1024)] = 0
    num_threads: Annotated[int, Range(1, 1024)] = 1
    prefetch_windows: Annotated[int, Range(1, 1024)] | Literal["auto"] = "auto"
    prepared: str | None = None
    on_error: Literal["stop", "quarantine"] = "stop"

    def __post_init__(self) -> None:
        fields.check(self)
        divides = self.batch_size % self.num_streams == 0
        fields.require(divides, self, "num_streams", f"a divisor of batch_size={self.batch_size}")


class Corpus(NamedTuple):
    """A resolved mixture with its opened rows, and the function that makes features from them."""

    entries: list[Entry]
    rows: list[Rows]
    plan: Plan
    layout: Layout
    config: DataConfig
    make_features: MakeFeatures = make_features

    @property
    def tokenizer(self) -> Tokenizer:
        return self.layout.tokenizer

    @property
    def names(self) -> list[str]:
        return [e.task.name for e in self.entries]


def open_rows(mixture: Mixture) -> dict[str, Rows]:
    """Returns the training rows of every task. They are counted now, and each task's are opened at the first read.

    Raises:
      SourceError: the data of a task is missing or empty; it names the task.
    """
    opened: dict[str, Rows] = {}
    for task in mixture.tasks():
        if task.train is None:
            raise SourceError(f"task {task.name} has no training split (train=None) but mixture {mixture.name} trains on it")
        opened[task.name] = TaskRows(task, task.train)
    kept.save()
    return opened


def open_corpus(
    mixture: Mixture,
    rows: dict[str, Rows],
    tokenizer: Tokenizer,
    config: DataConfig,
    *,
    features: MakeFeatures = make_features,
    numbers: Sequence[str] = (),
) -> Corpus:
    """Returns the corpus of a mixture whose rows are open.

    Args:
      rows: the rows of every task, from `open_rows`.
      features: makes examples from rows. Your own function may give several examples for a row, as a group that shares a packed
        row, and numbers with each. It must be a pure function: windows are made in other processes and made again on resume.
      numbers: the names of the numbers that its examples carry.
    """
    entries = mixture.resolve({name: len(r) for name, r in rows.items()})
    names = [e.task.name for e in entries]
    entries = ready(entries, [rows[n] for n in names])
    plan = Plan(names, [e.share for e in entries], [len(rows[n]) for n in names], seed=config.seed)
    layout = make_layout(config.features, tokenizer, numbers)
    return Corpus(entries, [rows[n] for n in names], plan, layout, config, features)
