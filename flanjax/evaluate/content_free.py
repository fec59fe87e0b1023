"""How likely options are under a prompt without content: what contextual calibration divides by.

Zhao et al. 2021, "Calibrate before use" (https://arxiv.org/abs/2102.09690): the prompt of an item, its exemplars included, is
asked once more with "N/A", "[MASK]" and nothing in the place of its content. The mean of the options' probabilities there is
p_cf, and the probabilities of the item are multiplied by W = diag(p_cf)^-1.
"""

from collections.abc import Sequence

import numpy as np

from flanjax.data.layout import Layout
from flanjax.data.prompts import Prompt, build_prompts
from flanjax.data.queries import Query
from flanjax.evaluate.questions import Item
from flanjax.generate.scorer import Scorer

CONTENTS = ("N/A", "", "[MASK]")


def content_free(
    items: Sequence[Item], options: Sequence[Sequence[Sequence[int]]], layout: Layout, scorer: Scorer
) -> list[list[float]]:
    """Returns log p_cf of every option of every item. A prompt that is the same for several items is scored once.

    Args:
      options: the ids of each item's options.

    Raises:
      ValueError: a template cannot be asked without content.
    """
    queries = [_without_content(item.query) for item in items]
    flat = [query for those in queries for query in those]
    built = iter(build_prompts(flat, layout.tokenizer, layout.budget._replace(targets=None)))
    asked = []  # (prompt, options) of every item and content
    for item, those, ids in zip(items, queries, options, strict=True):
        prompts = [prompt for prompt in (next(built) for _ in those) if isinstance(prompt, Prompt)]
        if not prompts:
            task, at = item.query.task, item.query.wording.template
            raise ValueError(
                f"task {task.name}, template {task.templates[at].name}: it cannot be asked without content {CONTENTS}, so its "
                "answers cannot be calibrated; use another normalization, or leave the template out"
            )
        frozen = tuple(map(tuple, ids))
        asked.append([(tuple(layout.inputs(prompt.ids)), frozen) for prompt in prompts])
    distinct = list(dict.fromkeys(pair for pairs in asked for pair in pairs))
    found = dict(zip(distinct, scorer.log_likelihoods(*map(list, zip(*distinct, strict=True))), strict=True))
    return [mean_log_probability([found[pair] for pair in pairs]) for pairs in asked]


def _without_content(query: Query) -> list[Query]:
    """Returns the query with each content-free text in the place of all its texts, as far as its template can say it."""
    texts = [name for name, value in query.example.fields.items() if isinstance(value, str)]
    made = (query.shortened(dict.fromkeys(texts, content)) for content in CONTENTS)
    return [one for one in made if isinstance(one, Query) and len(one.asked.targets) == len(query.asked.targets)]


def mean_log_probability(scores: Sequence[Sequence[float]]) -> list[float]:
    """Returns the logarithm of each option's mean probability among the options, from log-likelihoods [contents, options].

    >>> mean_log_probability([[0.0, 0.0], [0.0, 0.0]])  # log(1 / 2)
    [-0.6931471805599453, -0.6931471805599453]
    """
    table = np.array(scores, np.float64)
    table -= np.logaddexp.reduce(table, axis=1, keepdims=True)
    mean: list[float] = (np.logaddexp.reduce(table, axis=0) - np.log(len(table))).tolist()
    return mean
