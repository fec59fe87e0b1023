"""Describes a mixture before training: its plan, lengths, styles and packing, and which rows give no example.

described = describe(mixture, load_tokenizer("bytes"))
described.tasks[0].lengths.mean_inputs
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from flanjax.data.corpus import Corpus
from flanjax.data.feature_config import FeatureConfig
from flanjax.data.features import make_features
from flanjax.data.layout import Layout, group_sizes
from flanjax.data.packing import Group
from flanjax.data.plan import Visits, realised_shares
from flanjax.data.tokenizer import Tokenizer
from flanjax.data.windows import Window, make_window, window_features
from flanjax.describe.opened import Opened, open_mixture
from flanjax.describe.pairs import Suggestion, suggest_pairs
from flanjax.describe.reasons import Reason, count_reasons
from flanjax.tasks.mixture import Mixture
from flanjax.tasks.styles import NUM_STYLES, Style

_MIN_SAMPLED = 20  # rows of a task
_MAX_PACKED = 1000  # examples


class Lengths(NamedTuple):
    """Lengths of one task's examples, in tokens, with everything that the layout adds."""

    mean_inputs: float
    p95_inputs: float
    mean_targets: float
    p95_targets: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class TaskDescription:
    """One task of a mixture.

    Attributes:
      rows: number of rows of its training split.
      asked_share, realised_share: requested and realised share of the plan's examples.
      examples, epochs: examples and epochs of this task in the plan.
      sampled: number of its rows that were read and tokenised.
      lengths: lengths of the sampled examples; None if no sampled row gives an example.
      cut_share: the share of the sampled examples that lost tokens of a long field.
      reasons: why rows give no example, the most frequent first.
      published_share: the share that the whole mixture asks for it, if some of its data cannot be opened and this is known.
    """

    name: str
    cluster: str
    rows: int
    asked_share: float
    realised_share: float
    examples: int
    epochs: float
    sampled: int = 0
    lengths: Lengths | None = None
    cut_share: float = 0.0
    reasons: tuple[Reason, ...] = ()
    published_share: float | None = None


class Packing(NamedTuple):
    """How the first examples of the plan share rows.

    Attributes:
      fill: "inputs" and "targets" of an encoder-decoder, "row" and "targets" of a decoder -> the share of positions in use.
      better: pairs of lengths with which they fill rows better; None if there are none, or the config has pairs.
    """

    examples: int
    rows: int
    fill: Mapping[str, float]
    better: Suggestion | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Description:
    """A mixture and its plan.

    Attributes:
      num_examples: the length of the plan that was counted.
      block_size: the number of examples in which every task has its share to within one.
      styles: name -> share of the packed examples.
      packing: how the examples share rows; None if no example was sampled.
      missing: task -> why its data cannot be opened. The plan is of the other tasks; it is empty if there are none.
      published: task -> the share that the whole mixture asks for it, of missing ones too; see flanjax.data.quarantine.
    """

    mixture: str
    plan_hash: str
    block_size: int
    num_examples: int
    tasks: tuple[TaskDescription, ...]
    styles: Mapping[str, float]
    packing: Packing | None
    missing: Mapping[str, str] = dataclasses.field(default_factory=dict)
    published: Mapping[str, float] = dataclasses.field(default_factory=dict)


def describe(
    mixture: Mixture,
    tokenizer: Tokenizer,
    *,
    features: FeatureConfig | None = None,
    seed: int = 0,
    num_examples: int = 100_000,
    sample: int = 2000,
) -> Description:
    """Returns the mixture's plan, and statistics of about `sample` of its tokenised examples.

    Every task contributes equally many rows to the sample, at least 20, spread over its training split. With sample=0 no row is
    read.
    """
    opened = open_mixture(mixture, tokenizer, features=features, seed=seed, read=sample > 0)
    return describe_opened(opened, num_examples=num_examples, sample=sample)


def describe_opened(opened: Opened, *, num_examples: int = 100_000, sample: int = 2000) -> Description:
    """Returns the same of a mixture that is open."""
    corpus = opened.corpus
    if corpus is None:
        return Description(
            mixture=opened.mixture,
            plan_hash="",
            block_size=0,
            num_examples=0,
            tasks=(),
            styles={},
            packing=None,
            missing=opened.missing,
        )
    plans = realised_shares(corpus.plan, num_examples)
    tasks = [
        TaskDescription(
            name=entry.task.name,
            cluster=entry.task.cluster,
            rows=plan["rows"],
            asked_share=plan["asked_share"],
            realised_share=plan["realised_share"],
            examples=plan["examples"],
            epochs=plan["epochs"],
            published_share=opened.published.get(entry.task.name),
        )
        for entry, plan in zip(corpus.entries, plans, strict=True)
    ]
    packed = max(min(sample, _MAX_PACKED), 1)
    config = dataclasses.replace(corpus.config, batch_size=1, num_streams=1, window=packed)
    first = corpus._replace(config=config)
    features = window_features(first, 0, 0) if sample else None
    window = make_window(first, 0, 0, features) if features else None
    return Description(
        mixture=opened.mixture,
        plan_hash=corpus.plan.hash(),
        block_size=corpus.plan.block_size,
        num_examples=num_examples,
        tasks=tuple(_measured(corpus, tasks, max(sample // len(tasks), _MIN_SAMPLED)) if sample else tasks),
        styles=_style_shares(window) if window else {},
        packing=_packing(window, features.groups, corpus.layout) if features and window and window.rows else None,
        missing=opened.missing,
        published=opened.published,
    )


def _measured(corpus: Corpus, tasks: list[TaskDescription], each: int) -> list[TaskDescription]:
    """Returns the tasks with statistics of `each` rows of every task, spread over its split."""
    numbers = [np.unique(np.linspace(0, task.rows, each, endpoint=False).astype(np.int64)) for task in tasks]
    of_task = np.repeat(np.arange(len(tasks)), [len(n) for n in numbers])
    visits = Visits(of_task, np.concatenate(numbers), np.zeros(len(of_task), np.int64))
    found = make_features(corpus.entries, corpus.rows, visits, corpus.layout, corpus.config.seed)
    sizes: list[list[tuple[int, int]]] = [[] for _ in tasks]
    for example in found.examples:
        sizes[example.task].append((len(example.inputs), len(example.targets)))
    return [
        dataclasses.replace(
            task,
            sampled=len(numbers[i]),
            lengths=_lengths(np.array(sizes[i])) if sizes[i] else None,
            cut_share=int(found.cut_examples[i]) / max(len(sizes[i]), 1),
            reasons=count_reasons(corpus, [skipped for skipped in found.skipped if skipped.task == i]),
        )
        for i, task in enumerate(tasks)
    ]


def _lengths(sizes: np.ndarray) -> Lengths:
    """Returns the lengths' statistics. sizes: int [n, 2], of inputs and targets."""
    means, p95 = sizes.mean(axis=0), np.percentile(sizes, 95, axis=0)
    return Lengths(float(means[0]), float(p95[0]), float(means[1]), float(p95[1]))


def _style_shares(window: Window) -> dict[str, float]:
    counts = window.stats.styles
    return {Style.from_id(i).name: float(counts[i] / counts.sum()) for i in range(NUM_STYLES) if counts[i]}


def _packing(window: Window, groups: Sequence[Group], layout: Layout) -> Packing:
    parts = {"inputs_segment_ids": "inputs", "loss_weights": "targets"}
    if "inputs_segment_ids" not in window.rows[0]:
        parts = {"segment_ids": "row", "loss_weights": "targets"}
    used = {
        part: sum(np.count_nonzero(row[name]) for row in window.rows) / sum(row[name].size for row in window.rows)
        for name, part in parts.items()
    }
    sizes = np.array([group_sizes(layout, group) for group in groups])
    better = suggest_pairs(sizes, len(window.rows), layout) if window.round == 1 else None
    return Packing(int(window.stats.counts["examples"].sum()), len(window.rows), used, better)
