"""Two baselines without a model: the input given back, and the answer of a demonstration given back.

Super-NaturalInstructions publishes both for its 119 English test tasks: 14.20 and 28.54 ROUGE-L (Wang et al. 2022,
https://arxiv.org/abs/2204.07705). They test data, splits and metric together.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from flanjax.data.queries import read_examples
from flanjax.evaluate.metrics import get_metric
from flanjax.tasks.draws import Draws
from flanjax.tasks.task import Example, Task

INPUT = "input"  # the field that is given back


class Baseline(NamedTuple):
    """The scores of a task, 0 to 100, mean over its items.

    Attributes:
      copied_demonstration: None for a task without demonstrations of its own.
    """

    task: str
    cluster: str
    items: int
    copied_input: float
    copied_demonstration: float | None


def baselines(
    tasks: Sequence[Task], metric: str, *, items: int = 0, seed: int = 0, advance: Callable[[], None] = lambda: None
) -> Iterator[Baseline]:
    """Yields the baselines of each task.

    Args:
      metric: one that scores single items.
      items: rows of each task, from its first; 0 for all.
      seed: of the choice among a task's right demonstrations, for each item.

    Raises:
      ValueError: a task has no field "input", or none of its rows is good.
    """
    per_item = get_metric(metric).per_item
    if per_item is None:
        raise ValueError(f"the metric {metric} scores no single items; use another, such as rougeL")
    for task in tasks:
        found = list(_read(task, items))
        inputs, references = [e.fields[INPUT] for e in found], [list(e.references) for e in found]
        right = [e.example.references[0] for e in task.exemplars if not e.is_negative]
        copied = [right[Draws(seed, task.name, n).integer("demonstration", len(right))] for n in range(len(found)) if right]
        demonstration = float(np.mean(per_item(copied, references))) if right else None
        yield Baseline(task.name, task.cluster, len(found), float(np.mean(per_item(inputs, references))), demonstration)
        advance()


def _read(task: Task, items: int) -> Iterator[Example]:
    if task.evaluation is None:
        raise ValueError(f"task {task.name} has no evaluation split")
    rows = task.source.open(task.evaluation)
    numbers = range(min(items or len(rows), len(rows)))
    good = [e for _, e in read_examples(task, rows, numbers, [Draws(0, n) for n in numbers]) if isinstance(e, Example)]
    if not good or not all(isinstance(e.fields.get(INPUT), str) for e in good):
        raise ValueError(f"task {task.name}: {len(good)} good rows, and not all have a text called {INPUT!r} to give back")
    return iter(good)
