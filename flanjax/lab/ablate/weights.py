"""Proportions of clusters as levels of an axis: own, equal, proportional and drawn ones, and those of `flanjax weights`.

Drawn proportions follow a Dirichlet distribution around the mean of the own and the equal ones, as wide as the uniform
distribution over all proportions. No cluster falls below LEAST, so that each run has all clusters; Olmix (arXiv 2602.12237)
takes the same least weight.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from flanjax import parts, storage
from flanjax.config import RunConfig
from flanjax.data.corpus import open_rows
from flanjax.names import nearest
from flanjax.tasks.clusters import Split
from flanjax.tasks.mixture import Mixture

OWN, EQUAL, PROPORTIONAL, DRAWN = "own", "equal", "proportional", "swarm"
_NAMED = (OWN, EQUAL, PROPORTIONAL)
KEY = "ablation.weights"
LEAST = 0.002
RUNS_A_CLUSTER = 2  # in a swarm, at least
FORMAT = 1  # of weights.json
_DIGITS = 4

Shares = Mapping[str, float]


def counted(config: RunConfig, split: Split) -> tuple[Mixture, dict[str, int]]:
    """Returns what a config trains on, and the rows of each task; opens the data to count them."""
    train = parts.without_unopened(config, split, {}).train
    return train, {name: len(rows) for name, rows in open_rows(train).items()}


def own_shares(train: Mixture, num_rows: Mapping[str, int]) -> dict[str, float]:
    """Returns each cluster's share of the examples as the mixture has it; the shares sum to one."""
    found = dict.fromkeys(train.clusters(), 0.0)
    for entry in train.resolve(num_rows):
        found[entry.task.cluster] += entry.share
    return found


def equal_shares(clusters: Sequence[str]) -> dict[str, float]:
    return dict.fromkeys(clusters, 1 / len(clusters))


def proportional_shares(train: Mixture, num_rows: Mapping[str, int]) -> dict[str, float]:
    """Returns each cluster's share of all rows."""
    found = dict.fromkeys(train.clusters(), 0.0)
    for task in train.tasks():
        found[task.cluster] += num_rows[task.name]
    total = sum(found.values())
    return {cluster: rows / total for cluster, rows in found.items()}


def drawn_shares(own: Shares, n: int, seed: int) -> list[dict[str, float]]:
    """Returns the shares of n runs. The first of n are those of fewer."""
    centre = (np.array(list(own.values())) + 1 / len(own)) / 2
    found = np.random.default_rng(seed).dirichlet(len(own) * centre, size=n)
    found = np.maximum(found, LEAST)
    found /= found.sum(1, keepdims=True)
    return [{cluster: round(float(x), _DIGITS) for cluster, x in zip(own, row, strict=True)} for row in found]


def as_text(shares: Shares) -> str:
    """Returns shares as a command line gives them to ablation.weights."""
    return ",".join(f"{cluster}:{share:.{_DIGITS}g}" for cluster, share in shares.items())


def weight_levels(values: Sequence[str], config: RunConfig, split: Split) -> Iterator[tuple[str, dict[str, str]]]:
    """Yields the label and the keys of each level.

    Args:
      values: own; equal; proportional (to the rows of a cluster); swarm:N, or swarm:N:SEED, for these three and N - 3 drawn
        ones; a weights.json.

    Raises:
      ValueError: a value is none of these.
    """
    clusters = list(split.train.clusters())

    def named(name: str) -> tuple[str, dict[str, str]]:
        if name == OWN:
            return OWN, {}
        shares = equal_shares(clusters) if name == EQUAL else proportional_shares(*counted(config, split))
        return name, {KEY: as_text(shares)}

    for value in values:
        if value in _NAMED:
            yield named(value)
        elif value.startswith(f"{DRAWN}:"):
            runs, seed = _numbers(value)
            if runs < (fewest := RUNS_A_CLUSTER * len(clusters)):
                raise ValueError(f"got {value!r}, expected {fewest} runs or more for {len(clusters)} clusters")
            yield from map(named, _NAMED)
            drawn = drawn_shares(own_shares(*counted(config, split)), runs - len(_NAMED), seed)
            for number, shares in enumerate(drawn, 1):
                yield f"drawn-{number:02}", {KEY: as_text(shares)}
        elif value.endswith(".json"):
            yield Path(value).absolute().parent.name, {KEY: as_text(read_chosen(value))}
        else:
            names = nearest(value, (*_NAMED, f"{DRAWN}:N", f"{DRAWN}:N:SEED", "a weights.json"))
            raise ValueError(f"got {value!r}; {names}")


def _numbers(value: str) -> tuple[int, int]:
    """The number of runs, and the seed."""
    numbers = value.split(":")[1:]
    if not 1 <= len(numbers) <= 2 or not all(number.isdecimal() for number in numbers) or int(numbers[0]) <= len(_NAMED):
        raise ValueError(f"got {value!r}, expected {DRAWN}:N or {DRAWN}:N:SEED with a number N of runs of at least 4")
    runs, seed = [*map(int, numbers), 0][:2]
    return runs, seed


def read_chosen(path: str) -> dict[str, float]:
    """Returns the shares that a weights.json chose. Raises ValueError if there is none, or if it chose none."""
    record = storage.read_json(storage.place(path), FORMAT)
    if not record:
        raise ValueError(f"there is no {path}; `flanjax weights` writes one")
    if not record.get("chosen"):
        raise ValueError(f"{path} chose no weights: {record.get('verdict', 'it is not of `flanjax weights`')}")
    return {cluster: row["share"] for cluster, row in record["chosen"].items()}
