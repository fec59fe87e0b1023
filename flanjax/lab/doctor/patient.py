"""The patient: a config or a workdir with all its parts opened, as training would open them."""

import contextlib
import dataclasses
import functools
import tempfile
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import numpy as np
from etils import epath

from flanjax import checkpoint, parts
from flanjax.config import ConfigError, RunConfig, load_config
from flanjax.data.corpus import Corpus, open_corpus, open_rows
from flanjax.data.features import Features
from flanjax.data.layout import Layout
from flanjax.data.packing import Encoded, pack_examples
from flanjax.data.pipeline import BatchIterator, DataState, Host
from flanjax.data.prompts import Prompt, build_prompts
from flanjax.data.queries import Query, read_queries
from flanjax.data.windows import Batch
from flanjax.generate.scorer import Scorer
from flanjax.models import functional
from flanjax.names import nearest
from flanjax.parallel import sharding
from flanjax.tasks.clusters import Split
from flanjax.tasks.mixture import Mixture
from flanjax.tasks.registry import load_mixture
from flanjax.tasks.task import BadRow
from flanjax.train.fitting import fit_program
from flanjax.train.program import Program
from flanjax.workdir import open_workdir

VISITS = 256  # of the plan whose texts are looked at
COMPARED = 12  # examples whose losses are compared
_ROWS = 4  # of a batch that is compared, at least


@dataclasses.dataclass(frozen=True, eq=False)
class Patient:
    """Everything that a run is made of.

    Attributes:
      name: of the run.
      mixture: the whole one, held-out clusters included.
      address: where the mixture's file is; empty if it was made in Python.
      split: the mixture without what is held out, which is trained on.
      params: the weights that are looked at, on the mesh.
      step: of the checkpoint that they are from; 0 of first weights.
      directory: the Hugging Face directory that they are from; None for others.
      make_program, make_scorer, make_batches: how its parts are made; see the functions that they are by default.
    """

    name: str
    config: RunConfig
    mixture: Mixture
    address: str
    split: Split
    corpus: Corpus
    mesh: sharding.Mesh
    model: functional.Config
    params: Any
    step: int = 0
    directory: epath.PathLike | None = None
    make_program: Callable[["Patient", functional.Config], Program] = lambda patient, model: program_of(patient, model)
    make_scorer: Callable[["Patient", int], Scorer] = lambda patient, size: scorer_of(patient, size)
    make_batches: Callable[["Patient", DataState | None], Iterator[Batch]] = lambda patient, state: batches_of(patient, state)

    @property
    def layout(self) -> Layout:
        return self.corpus.layout

    @property
    def exact(self) -> functional.Config:
        """The model computed in float32: what must be equal is compared there, within rounding."""
        return dataclasses.replace(self.model, dtype="float32")  # type: ignore[type-var]

    @functools.cached_property
    def program(self) -> Program:
        """The functions of training, in the config's compute type."""
        return self.make_program(self, self.model)

    @functools.cached_property
    def exact_program(self) -> Program:
        return self.program if self.exact == self.model else self.make_program(self, self.exact)

    @functools.cached_property
    def batch(self) -> Any:
        """The shapes of a global batch."""
        return parts.batch_shapes(self.config, self.mesh, self.layout.numbers)

    @functools.cached_property
    def texts(self) -> list[tuple[int, Query, Prompt | BadRow]]:
        """The first visits of the plan that give a query, as (task, query, its text within the budget)."""
        visits = self.corpus.plan.visits(np.arange(VISITS))
        found = read_queries(self.corpus.entries, self.corpus.rows, visits, self.corpus.config.seed)
        queries = [(task, query) for task, _, query in found if isinstance(query, Query)]
        prompts = build_prompts([query for _, query in queries], self.corpus.tokenizer, self.layout.budget)
        return [(task, query, prompt) for (task, query), prompt in zip(queries, prompts, strict=True)]

    @functools.cached_property
    def features(self) -> Features:
        """The same visits as ids."""
        return self.features_in(self.layout)

    def features_in(self, layout: Layout) -> Features:
        """The first visits of the plan as ids of another layout."""
        corpus, visits = self.corpus, self.corpus.plan.visits(np.arange(VISITS))
        return corpus.make_features(corpus.entries, corpus.rows, visits, layout, corpus.config.seed)

    @functools.cached_property
    def examples(self) -> list[Encoded]:
        """The examples of the visits. Raises ValueError, with the first row's reason, if there is none."""
        if not self.features.examples:
            first = self.features.skipped[0]
            raise ValueError(f"none of {VISITS} rows gives an example; {self.corpus.names[first.task]}: {first.reason}")
        return self.features.examples

    @property
    def compared(self) -> list[Encoded]:
        """The examples whose losses are compared, of different tasks as far as the plan's first ones are."""
        return self.examples[:COMPARED]

    def spread(self, rows: Sequence[Batch]) -> Iterator[dict[str, jax.Array]]:
        """Yields rows as batches on the mesh, all of one size, the last filled up with empty rows."""
        shards = sharding.num_batch_shards(self.mesh)
        size = -(-_ROWS // shards) * shards
        empty = self.layout.row([], self.layout.config.longest)
        for start in range(0, len(rows), size):
            some = [*rows[start : start + size], *[empty] * size][:size]
            yield sharding.spread({name: np.stack([row[name] for row in some]) for name in empty}, self.mesh)


def packed(examples: Sequence[Encoded], layout: Layout) -> Iterator[tuple[Batch, list[Encoded]]]:
    """Yields rows with the examples that were packed in each."""
    lengths = layout.config.longest
    for chosen in pack_examples(np.array([layout.sizes(e) for e in examples]), layout.limits(lengths)):
        together = [examples[i] for i in chosen]
        yield layout.row(together, lengths), together


def program_of(patient: Patient, model: functional.Config) -> Program:
    """The functions of a training run, with room for as many tasks as examples are compared."""
    tasks = max(len(patient.corpus.entries), COMPARED)
    make = functools.partial(Program, mesh=patient.mesh, num_tasks=tasks)
    return fit_program(make, patient.config.train, model, patient.batch, patient.mesh).program


def scorer_of(patient: Patient, batch_size: int) -> Scorer:
    """What scores options in float32, so many prompts at a time."""
    return Scorer(patient.exact, patient.params, patient.mesh, patient.layout, batch_size=batch_size)


def batches_of(patient: Patient, state: DataState | None) -> Iterator[Batch]:
    """The batches of training from a position on; None is the beginning."""
    return BatchIterator(patient.corpus, Host(), state, parts.prepared_of(patient.config, patient.corpus, Host()))


@contextlib.contextmanager
def open_patient(
    source: str | RunConfig,
    overrides: Sequence[str] = (),
    *,
    mixture: Mixture | None = None,
    mesh: sharding.Mesh | None = None,
) -> Iterator[Patient]:
    """Yields what a config or the workdir of a run is made of.

    Args:
      source: a config, the path of a config file, or a workdir that has checkpoints; of it the newest weights are looked at.
      overrides: of a config file's keys.
      mixture: the one trained on, if it is at no address.
      mesh: the devices; all of them by the config when None.

    Raises:
      ConfigError: the config, or what it names, does not exist or is not valid.
    """
    if jax.process_count() > 1:
        raise ValueError(f"flanjax doctor runs in one process, got {jax.process_count()}: run it on one host")
    if isinstance(source, str) and checkpoint.steps_of(source):
        if overrides:
            raise ValueError(f"{source} is the workdir of a run, whose config is fixed: leave out --config.{overrides[0]}")
        yield _of_workdir(epath.Path(source), mixture, mesh)
        return
    if isinstance(source, str):
        _check_is_config(source)
    config = parts.settled(load_config(source, overrides, with_mixture=mixture is None) if isinstance(source, str) else source)
    _check_whole(config)
    with tempfile.TemporaryDirectory(prefix="flanjax-doctor-") as folder:
        place = epath.Path(folder)
        split = _split(config, mixture, {})
        rows = open_rows(split.train)
        corpus = open_corpus(split.train, rows, parts.tokenizer_of(config, place, split.train, rows), config.data)
        weights = parts.weights_of(config, corpus.tokenizer)
        mesh = mesh or parts.mesh_for(config.mesh, weights.model)
        published = None if parts.is_run(config.model.init) else weights.directory
        whole, params = mixture or load_mixture(config.mixture), weights.make(mesh)
        yield Patient(
            config.name, config, whole, config.mixture, split, corpus, mesh, weights.model, params, directory=published
        )


def _check_is_config(source: str) -> None:
    """Raises ConfigError for what can be neither a config file nor the workdir of a run."""
    if source.rpartition("/")[2].partition(":")[0].endswith(".py"):
        return
    place = epath.Path(source)
    if place.is_dir():
        raise ConfigError(
            f"{source} has no checkpoint: flanjax doctor takes the workdir of a run that has saved one, or a config"
        )
    near = nearest(place.name, (p.name for p in place.parent.iterdir())) if place.parent.is_dir() else f"no {place.parent}"
    raise ConfigError(f"{source} is neither a config file (.py) nor the workdir of a run; {near}")


def _of_workdir(workdir: epath.Path, mixture: Mixture | None, mesh: sharding.Mesh | None) -> Patient:
    saved = parts.open_saved(open_workdir(workdir).path)
    config, mesh = saved.config, mesh or parts.mesh_for(saved.config.mesh, saved.model)
    _check_whole(config)
    step, params = saved.read_params(mesh)
    split = _split(config, mixture, saved.meta["split"].get("quarantined", {}))
    corpus = open_corpus(split.train, open_rows(split.train), saved.tokenizer, config.data)
    whole = mixture or load_mixture(config.mixture)
    return Patient(config.name, config, whole, config.mixture, split, corpus, mesh, saved.model, params, step=step)


def _check_whole(config: RunConfig) -> None:
    if method := config.model.adapt:
        raise ConfigError(f"the doctor trains whole models: give it the config without model.adapt={method}, or the base")


def _split(config: RunConfig, mixture: Mixture | None, earlier: dict[str, str]) -> Split:
    split = parts.split_of(config, mixture)
    return parts.without_unopened(config, split, earlier) if config.data.on_error == "quarantine" else split
