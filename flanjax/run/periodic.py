"""What training does every so many steps: each is called with the step and the state after it."""

import dataclasses
import json
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils

from flanjax import checkpoint, parts
from flanjax.config import RunConfig
from flanjax.data.corpus import Corpus
from flanjax.data.layout import Layout
from flanjax.data.pipeline import BatchIterator, DataState
from flanjax.evaluate.config import EvaluationConfig
from flanjax.evaluate.predict import predict
from flanjax.evaluate.questions import Questions
from flanjax.evaluate.results import summarize
from flanjax.generate.scorer import Scorer
from flanjax.out_of_memory import explained
from flanjax.parallel import sharding
from flanjax.tasks.clusters import Split
from flanjax.train.heldout_curve import Point, point
from flanjax.train.log import MetricsWriter
from flanjax.train.loop import mean_by
from flanjax.train.objective import Sums
from flanjax.train.program import Program
from flanjax.train.step import TrainState
from flanjax.workdir import MIXTURE, Workdir

TRAINED = "trained"


@dataclasses.dataclass(frozen=True)
class Validation:
    """The loss on evaluation rows of the training tasks, as a record of metrics.jsonl.

    Attributes:
      losses: step -> loss, to which each is added.
    """

    program: Program
    frozen: Any
    batches: Sequence[dict[str, np.ndarray]]
    mesh: sharding.Mesh
    clusters: Sequence[str]
    writer: MetricsWriter
    losses: dict[int, float]

    def __call__(self, step: int, state: TrainState) -> None:
        placed = (sharding.spread(batch, self.mesh) for batch in self.batches)
        each: list[Sums] = jax.device_get([self.program.validate(state.params, self.frozen, batch) for batch in placed])
        sums: Sums = jax.tree.map(lambda *values: np.sum(values, axis=0), *each)
        found = {name: float(mean.total / np.maximum(mean.weight, 1e-9)) for name, mean in sums.metrics.items()}
        by_cluster = {f"cluster_{name}": mean_by(self.clusters, *map(np.asarray, mean)) for name, mean in sums.by_task.items()}
        # Without the regularisers of the objective, where it tells the plain loss.
        total, weight = sums.by_task.get("loss", (sums.loss, sums.weight))
        loss = float(np.sum(total) / max(np.sum(weight), 1e-9))
        self.losses[step] = loss
        self.writer.write({"step": step, "kind": "validation", "loss": loss, **found, **by_cluster})


@dataclasses.dataclass(frozen=True)
class HeldoutScores:
    """Scores of some items of the held-out clusters, as a record of metrics.jsonl.

    Attributes:
      best_by: step -> score of the cluster that checkpoint.best_by names, to which each is added.
      show: called with each score, the mean over clusters.
    """

    run: RunConfig
    program: Program
    frozen: Any
    asked: Questions
    config: EvaluationConfig
    layout: Layout
    scorer: Scorer
    writer: MetricsWriter
    best_by: dict[int, float] = dataclasses.field(default_factory=dict)
    show: Callable[[Point], None] = lambda found: None

    def __call__(self, step: int, state: TrainState) -> None:
        with explained("scoring", self.run):
            self.scorer.use(self.program.join(state.params, self.frozen))
            found = summarize(predict(self.asked, self.config, self.layout, self.scorer, model=TRAINED, step=step))
        scores = {c["cluster"]: {k: c[k] for k in ("mean", "low", "high")} for c in found["clusters"]}
        if self.run.checkpoint.best_by in scores:
            self.best_by[step] = scores[self.run.checkpoint.best_by]["mean"]
        self.writer.write({"step": step, "kind": "heldout", "cluster_score": scores})
        self.show(point(step, scores))


@dataclasses.dataclass(frozen=True)
class Saving:
    """A checkpoint, and mixture.json: what each task has given so far.

    Attributes:
      hosts: the processes that make each share of a batch.
      prompts: some of the training, for the report.
      validation_losses: step -> loss, as far as it was measured: by it the best checkpoints are kept.
      cluster_scores: step -> score of the cluster that checkpoint.best_by names: by it if there is one.
    """

    folder: Workdir
    writer: MetricsWriter
    checkpoints: checkpoint.Checkpoints
    meta: dict[str, Any]
    split: Split
    corpus: Corpus
    batches: BatchIterator
    hosts: Sequence[Sequence[int]]
    prompts: Sequence[dict[str, str]]
    validation_losses: dict[int, float] = dataclasses.field(default_factory=dict)
    cluster_scores: dict[int, float] = dataclasses.field(default_factory=dict)

    def __call__(self, step: int, state: TrainState) -> None:
        self.folder.check()
        self.writer.flush()  # a killed run goes on from here, and does later steps again
        position = of_all_hosts(self.batches.state(), [processes[0] for processes in self.hosts])
        self.checkpoints.save(
            step,
            params=state.params,
            rest={"step": state.step, "opt_state": state.opt_state},
            data=position,
            meta=self.meta,
            validation_loss=self.validation_losses.get(step),
            score=self.cluster_scores.get(step),
        )
        merged = DataState.from_json(position)
        visits = parts.num_visits(self.corpus, merged.streams)
        record = parts.mixture_record(self.split, self.corpus, merged.stats, visits, self.prompts)
        self.folder.write_record(MIXTURE, record)


def of_all_hosts(state: DataState, processes: Sequence[int]) -> dict[str, Any]:
    """One record of every host's position, the same on every host.

    Args:
      processes: one of each data host.
    """
    if jax.process_count() == 1:
        return state.to_json()
    mine = np.frombuffer(json.dumps(state.to_json()).encode(), np.uint8)
    lengths = multihost_utils.process_allgather(np.array(len(mine)))
    padded = np.zeros(lengths.max(), np.uint8)
    padded[: len(mine)] = mine
    every = multihost_utils.process_allgather(padded)
    return DataState.merge([json.loads(every[p, : lengths[p]].tobytes()) for p in processes])
