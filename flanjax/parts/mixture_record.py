"""mixture.json: what was asked of every task and what it gave."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from flanjax import records
from flanjax.data.corpus import Corpus, DataConfig
from flanjax.data.data_stats import DataStats
from flanjax.data.plan import realised_shares
from flanjax.data.prompts import Prompt, build_prompts
from flanjax.data.queries import Query, read_queries
from flanjax.tasks.clusters import Split
from flanjax.tasks.styles import Style

_LOOKED_AT = 64  # examples of the plan, for prompts to show


def mixture_record(
    split: Split, corpus: Corpus, stats: DataStats, num_examples: int, prompts: Sequence[Mapping[str, str]] = ()
) -> dict[str, Any]:
    """mixture.json: what was asked of every task and what it gave, and some of the prompts."""
    clusters = {e.task.name: e.task.cluster for e in corpus.entries}
    counts = {name: values.tolist() for name, values in stats.counts.items()}
    tasks = []
    for i, plan in enumerate(realised_shares(corpus.plan, max(num_examples, 1))):
        seen = max(counts["examples"][i], 1)
        tasks.append(
            {
                **plan,
                **({"published_share": split.published.get(plan["task"])} if split.quarantined else {}),
                "realised_share": counts["examples"][i] / max(sum(counts["examples"]), 1),
                "cluster": clusters[plan["task"]],
                "licence": corpus.entries[i].task.licence,
                "mean_input_tokens": counts["input_tokens"][i] / seen,
                "mean_target_tokens": counts["target_tokens"][i] / seen,
                "cut_share": counts["cut_examples"][i] / seen,
                "skipped": {k: counts[k][i] for k in ("bad", "left_out", "too_long")},
                "skipped_because": stats.reasons.get(i, []),
                "filtered": {name: counts[i] for name, counts in stats.filtered.items() if i in counts},
            }
        )
    total = max(int(stats.styles.sum()), 1)
    styles = {Style.from_id(i).name: int(n) / total for i, n in enumerate(stats.styles) if n}
    packed = [sum(counts[name]) for name in ("input_tokens", "target_tokens", "examples")]
    by_pair = [corpus.layout.filled(lengths, *packed) for lengths in corpus.layout.lengths]
    return {
        records.FORMAT: records.MIXTURE,
        "mixture": split.train.name,
        "plan_hash": corpus.plan.hash(),
        "tasks": tasks,
        "removed": split.removed,
        "quarantined": [
            {"task": name, "cause": cause, "published_share": split.published.get(name)}
            for name, cause in split.quarantined.items()
        ],
        "heldout": [t.name for t in split.heldout],
        "styles": styles,
        "prompts": list(prompts),
        # Windows have as many rows of each pair, so that the mean room is exact.
        "packing": {
            name: tokens / max(stats.rows * float(np.mean([filled[name][1] for filled in by_pair])), 1)
            for name, (tokens, _) in by_pair[0].items()
        },
    }


def training_prompts(corpus: Corpus, most: int = 6) -> list[dict[str, str]]:
    """The first example of each of the first tasks of the plan, as the model reads and writes it: for the report."""
    found: dict[int, Query] = {}
    visits = corpus.plan.visits(np.arange(_LOOKED_AT))
    for task, _, query in read_queries(corpus.entries, corpus.rows, visits, corpus.config.seed):
        if isinstance(query, Query) and not query.example.messages:
            found.setdefault(task, query)
        if len(found) == most:
            break
    prompts = build_prompts(list(found.values()), corpus.tokenizer, corpus.layout.budget)
    return [
        {
            "task": query.task.name,
            "style": query.wording.style._replace(few_shot=prompt.num_shots > 0).name,
            "input": prompt.text,
            "target": prompt.rendered.target,
        }
        for query, prompt in zip(found.values(), prompts, strict=True)
        if isinstance(prompt, Prompt)
    ]


def num_visits(corpus: Corpus, streams: Mapping[int, tuple[int, int]]) -> int:
    """How many examples of the plan the streams have taken up, whole windows counted."""
    config: DataConfig = corpus.config
    return sum(window + (row > 0) for window, row in streams.values()) * config.window
