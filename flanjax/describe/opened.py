"""Opens what there is of a mixture: a task whose data cannot be opened is named with the reason, and the others are opened."""

from collections.abc import Sequence
from typing import NamedTuple

from flanjax.data.feature_config import FeatureConfig
from flanjax.data.pipeline import Corpus, DataConfig, open_corpus, open_rows
from flanjax.data.task_rows import TaskRows
from flanjax.data.tokenizer import Tokenizer
from flanjax.sources import RowError
from flanjax.tasks.clusters import hold_out
from flanjax.tasks.mixture import Mixture
from flanjax.tasks.task import Task


class Opened(NamedTuple):
    """A mixture whose data is open.

    Attributes:
      mixture: its name.
      corpus: of the tasks whose data can be opened; None if there are none.
      missing: task -> why its data cannot be opened.
    """

    mixture: str
    corpus: Corpus | None
    missing: dict[str, str]


def training_part(mixture: Mixture, heldout: Sequence[str]) -> tuple[Mixture, dict[str, str]]:
    """Returns what is trained on once these clusters are held out, and why each other task is not."""
    if not heldout:
        return mixture, {}
    split = hold_out(mixture, heldout)
    return split.train, split.removed


def open_mixture(
    mixture: Mixture, tokenizer: Tokenizer, *, features: FeatureConfig | None = None, seed: int = 0, read: bool = True
) -> Opened:
    """Returns the mixture with what can be opened of it.

    Args:
      read: whether a row of every task is read, because some data can be counted but not read.
    """
    reasons = {task.name: _why_missing(task, read) for task in mixture.tasks()}
    missing = {name: reason for name, reason in reasons.items() if reason}
    if len(missing) == len(reasons):
        return Opened(mixture.name, None, missing)
    there = mixture.without(set(missing)) if missing else mixture
    config = DataConfig(seed=seed, features=features or FeatureConfig())
    return Opened(mixture.name, open_corpus(there, open_rows(there), tokenizer, config), missing)


def _why_missing(task: Task, read: bool) -> str:
    """Returns why the training rows of a task cannot be opened, or ""."""
    if task.train is None:
        return "it has no training split (train=None)"
    try:
        rows = TaskRows(task, task.train)
        if read:
            rows[0]
    except RowError:
        return ""  # a bad row, which is counted with the others
    except Exception as error:  # whatever a source raises, the other tasks can be described
        return str(error).partition("\n")[0] or type(error).__name__
    return ""
