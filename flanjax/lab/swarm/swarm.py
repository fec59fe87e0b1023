"""The finished runs of a study over weights, as a swarm."""

from typing import Any, NamedTuple

import numpy as np
from etils import epath

from flanjax import parts, records, storage
from flanjax.config import load_config
from flanjax.lab.ablate.axes import WEIGHTS
from flanjax.lab.ablate.command import RECORD
from flanjax.lab.ablate.findings import FORMAT
from flanjax.lab.ablate.finished import cost_of, workdir_of
from flanjax.lab.ablate.weights import counted, own_shares, proportional_shares
from flanjax.lab.swarm.choice import Swarm
from flanjax.lab.swarm.losses import held_out_losses
from flanjax.tasks.ablation import completed, parse_weights
from flanjax.workdir import CONFIG, MIXTURE, open_workdir


class Read(NamedTuple):
    """A swarm with what it was read from.

    Attributes:
      config: of its study.
      fixed: config key -> value, of all runs.
      examples: that the weights are for.
    """

    swarm: Swarm
    config: str
    fixed: dict[str, str]
    examples: float


def read_swarm(out: epath.Path, examples: float | None = None) -> Read:
    """Returns the finished runs of the study in a folder.

    Args:
      examples: of the training that weights are wanted for; as many as the runs had if None.

    Raises:
      ValueError: the folder holds no study of weights alone, or its held-out tasks have no losses.
    """
    study = storage.read_json(storage.place(out / RECORD), FORMAT)
    if not study:
        raise ValueError(f"{out} has no {RECORD}: it holds no study with a finished run; `flanjax swarm --out {out}` makes one")
    if missing := [key for key in ("axes", "config", "fixed", "runs") if key not in study]:
        raise ValueError(f"{out / RECORD} lacks {', '.join(missing)}: it is not of `flanjax ablate` or `flanjax swarm`")
    if (axes := [axis["name"] for axis in study["axes"]]) != [WEIGHTS]:
        raise ValueError(f"{out} varies {', '.join(axes)}; weights are fitted to a study that varies {WEIGHTS} alone")
    config = parts.settled(load_config(study["config"], [f"{key}={value}" for key, value in study["fixed"].items()]))
    train, rows = counted(config, parts.split_of(config))
    own = own_shares(train, rows)
    shares = [_shares(_record(out, run["training"], CONFIG, records.CONFIG), own) for run in study["runs"]]
    losses = [held_out_losses(storage.read_table(storage.place(out / run["predictions"]))) for run in study["runs"]]
    if not losses[0]:
        raise ValueError(
            f"{out}: the answers of all held-out tasks are written, so they have no log-likelihood to fit weights to"
        )
    size = examples or float(np.mean([examples_of(out, run["training"]) for run in study["runs"]]))
    most = dict.fromkeys(own, 0.0)
    for entry in train.resolve(rows):
        cluster = entry.task.cluster
        most[cluster] = max(most[cluster], size * entry.share / own[cluster] / rows[entry.task.name])
    swarm = Swarm(
        labels=tuple(run["labels"][0] if run["seed"] == 0 else f"{run['labels'][0]} {run['seed']}" for run in study["runs"]),
        clusters=tuple(own),
        shares=np.array([[one[cluster] for cluster in own] for one in shares]),
        tasks=tuple(losses[0]),
        losses=np.array([[one[task] for task in losses[0]] for one in losses]),
        own=np.array(list(own.values())),
        proportional=np.array([proportional_shares(train, rows)[cluster] for cluster in own]),
        repeats=np.array([most[cluster] for cluster in own]),
    )
    return Read(swarm, study["config"], study["fixed"], size)


def _record(out: epath.Path, training: str, name: str, newest: int) -> dict[str, Any]:
    workdir = workdir_of(out, training)
    found = open_workdir(workdir).read_record(name, newest)
    if not found:
        raise ValueError(f"{workdir} has no {name}, by which to know what its run was trained on; run the study again")
    return found


def _shares(config: dict[str, Any], own: dict[str, float]) -> dict[str, float]:
    """The shares that a run was trained with, which sum to one."""
    given = parse_weights(completed(config.get("ablation"))["weights"]) or own
    total = sum(given.values())
    return {cluster: given[cluster] / total for cluster in own}


def examples_of(out: epath.Path, training: str) -> float:
    """Returns how many examples a training had: its tokens by the mean tokens of an example."""
    tasks = _record(out, training, MIXTURE, records.MIXTURE)["tasks"]
    mean = sum(task["realised_share"] * (task["mean_input_tokens"] + task["mean_target_tokens"]) for task in tasks)
    return cost_of(workdir_of(out, training)).tokens / mean
