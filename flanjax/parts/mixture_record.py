"""mixture.json: what was asked of every task and what it gave."""

from collections.abc import Mapping
from typing import Any

from flanjax import records
from flanjax.data.data_stats import DataStats
from flanjax.data.pipeline import Corpus, DataConfig
from flanjax.data.plan import realised_shares
from flanjax.tasks.clusters import Split
from flanjax.tasks.styles import Style


def mixture_record(split: Split, corpus: Corpus, stats: DataStats, num_examples: int) -> dict[str, Any]:
    """mixture.json: what was asked of every task and what it gave."""
    clusters = {e.task.name: e.task.cluster for e in corpus.entries}
    counts = {name: values.tolist() for name, values in stats.counts.items()}
    tasks = []
    for i, plan in enumerate(realised_shares(corpus.plan, max(num_examples, 1))):
        seen = max(counts["examples"][i], 1)
        tasks.append(
            {
                **plan,
                "realised_share": counts["examples"][i] / max(sum(counts["examples"]), 1),
                "cluster": clusters[plan["task"]],
                "licence": corpus.entries[i].task.licence,
                "mean_input_tokens": counts["input_tokens"][i] / seen,
                "mean_target_tokens": counts["target_tokens"][i] / seen,
                "cut_share": counts["cut_examples"][i] / seen,
                "skipped": {k: counts[k][i] for k in ("bad", "left_out", "too_long")},
                "skipped_because": stats.reasons.get(i, []),
            }
        )
    total = max(int(stats.styles.sum()), 1)
    styles = {Style.from_id(i).name: int(n) / total for i, n in enumerate(stats.styles) if n}
    packed = (sum(counts[name]) for name in ("input_tokens", "target_tokens", "examples"))
    filled = corpus.layout.filled(corpus.layout.lengths[0], *packed)
    return {
        records.FORMAT: records.MIXTURE,
        "mixture": split.train.name,
        "plan_hash": corpus.plan.hash(),
        "tasks": tasks,
        "removed": split.removed,
        "heldout": [t.name for t in split.heldout],
        "styles": styles,
        "packing": {name: tokens / max(stats.rows * room, 1) for name, (tokens, room) in filled.items()},
    }


def num_visits(corpus: Corpus, streams: Mapping[int, tuple[int, int]]) -> int:
    """How many examples of the plan the streams have taken up, whole windows counted."""
    config: DataConfig = corpus.config
    return sum(window + (row > 0) for window, row in streams.values()) * config.window
