"""Opens what there is of a mixture: a task whose data cannot be opened is named with the reason, and the others are opened."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from flanjax.data.corpus import Corpus, DataConfig, open_corpus, open_rows
from flanjax.data.feature_config import FeatureConfig
from flanjax.data.quarantine import find_causes, quarantine
from flanjax.data.tokenizer import Tokenizer
from flanjax.tasks.clusters import hold_out
from flanjax.tasks.mixture import Mixture


class Opened(NamedTuple):
    """A mixture whose data is open.

    Attributes:
      mixture: its name, which says how many data sets there are if some are missing.
      corpus: of the tasks whose data can be opened; None if there are none.
      missing: task -> why its data cannot be opened.
      published: task -> the share that the whole mixture asks for it, if data sets are missing (flanjax.data.quarantine).
    """

    mixture: str
    corpus: Corpus | None
    missing: dict[str, str]
    published: Mapping[str, float] = MappingProxyType({})


def training_part(mixture: Mixture, heldout: Sequence[str]) -> tuple[Mixture, dict[str, str]]:
    """Returns what is trained on once these clusters are held out, and why each other task is not."""
    split = hold_out(mixture, heldout)
    return split.train, split.removed


def open_mixture(
    mixture: Mixture, tokenizer: Tokenizer, *, features: FeatureConfig | None = None, seed: int = 0, read: bool = True
) -> Opened:
    """Returns the mixture with what can be opened of it.

    Args:
      read: whether a row of every task is read, because some data can be counted but not read.
    """
    mixture = mixture.training
    tasks = list(mixture.tasks())
    missing = find_causes(tasks, read=read)
    if len(missing) == len(tasks):
        return Opened(mixture.name, None, missing)
    there = quarantine(mixture, missing)
    config = DataConfig(seed=seed, features=features or FeatureConfig())
    corpus = open_corpus(there.mixture, open_rows(there.mixture), tokenizer, config)
    return Opened(there.mixture.name, corpus, missing, there.published)
