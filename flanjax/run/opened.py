"""The door from Python: a run as a value whose methods train, evaluate, compile and export."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import ml_collections
import pyarrow as pa
from etils import epath

from flanjax import parts, storage
from flanjax.aot import compile as aot
from flanjax.aot.topology import find_compilers
from flanjax.config import ConfigError, RunConfig, load_config
from flanjax.data.corpus import DataConfig, open_corpus, open_rows
from flanjax.data.features import MakeFeatures, make_features
from flanjax.data.pipeline import BatchIterator
from flanjax.data.quarantine import find_causes, quarantine
from flanjax.data.tokenizer import Tokenizer
from flanjax.evaluate.results import SCHEMA_VERSION
from flanjax.models.params import Full, Tuning
from flanjax.parallel import distributed
from flanjax.run.evaluation import evaluate
from flanjax.run.exporting import export
from flanjax.run.training import train
from flanjax.tasks.mixture import Mixture
from flanjax.train.objective import Objective
from flanjax.workdir import open_workdir


class Trained:
    """What training left in the workdir."""

    def __init__(self, workdir: epath.Path, step: int):
        self.workdir, self.step = workdir, step

    @property
    def metrics(self) -> list[dict[str, Any]]:
        """The records of metrics.jsonl, in the order of their steps."""
        return open_workdir(self.workdir).read_metrics()

    def __repr__(self) -> str:
        last: dict[str, Any] = next((r for r in reversed(self.metrics) if "kind" not in r), {})
        return f"Trained(step={self.step}, loss={last.get('loss', float('nan')):.4f}, workdir={str(self.workdir)!r})"


@dataclasses.dataclass(frozen=True)
class Evaluated:
    """The scores of an evaluation.

    Attributes:
      folder: where predictions.parquet, results.json and report.html are.
    """

    folder: epath.Path

    @property
    def results(self) -> dict[str, Any]:
        """All that was computed of the predictions."""
        return storage.read_json(self.folder / "results.json", SCHEMA_VERSION)

    @property
    def scores(self) -> pa.Table:
        """One row for each cluster: mean, interval and what it is compared with."""
        return pa.Table.from_pylist(self.results["clusters"])

    @property
    def predictions(self) -> pa.Table:
        """One row for each prediction."""
        return storage.read_table(self.folder / "predictions.parquet")

    @property
    def report(self) -> epath.Path:
        """The page to look at."""
        return self.folder / "report.html"


@dataclasses.dataclass(frozen=True)
class Run:
    """A config, a mixture and a workdir; nothing is opened before a method needs it.

    Attributes:
      mixture: an object that takes the place of the config's address; None reads the address.
      objective: minimised instead of the config's.
      tuning: which parameters are trained.
      features: makes the examples of rows, and `numbers` are the names of the numbers that each carries.
      log: called with each line of progress.
    """

    config: RunConfig
    workdir: epath.Path
    mixture: Mixture | None = None
    objective: Objective | None = None
    tuning: Tuning = Full()
    features: MakeFeatures = make_features
    numbers: tuple[str, ...] = ()
    log: Any = print

    def train(self) -> Trained:
        """Trains until `train.steps`, going on from the workdir's newest checkpoint."""
        step = train(
            self.config,
            self.workdir,
            mixture=self.mixture,
            objective=self.objective,
            tuning=self.tuning,
            features=self.features,
            numbers=self.numbers,
            log=self.log,
        )
        return Trained(self.workdir, step)

    def heldout(self, *, step: int | None = None, **changes: Any) -> Evaluated:
        """Evaluates the held-out tasks. `changes` are fields of EvaluationConfig, such as items=50."""
        return self.evaluate((), step=step, **changes)

    def evaluate(self, tasks: Sequence[str], *, step: int | None = None, **changes: Any) -> Evaluated:
        """Evaluates tasks or clusters of the mixture, by name."""
        if isinstance(tasks, str):
            tasks = (tasks,)
        report = evaluate(
            self.workdir,
            tasks=tasks,
            step=step,
            changes=changes,
            mixture=self.mixture,
            tuning=self.tuning,
            log=self.log,
        )
        return Evaluated(report.parent)

    def compile(self, topology: str) -> str:
        """Compiles training and scoring for a TPU slice such as "v5e:4x4" or GPUs such as "h100:8", and says what it found."""
        find_compilers([topology])
        return "\n".join(
            aot.describe(self.config, topology, make(self.config, topology))
            for make in (aot.compile_training, aot.compile_scoring)
        )

    def export(
        self, output: epath.PathLike, *, step: int | None = None, dtype: str = "float32", licence: str | None = None
    ) -> None:
        """Writes the model, its tokenizer and a card as a directory that transformers loads."""
        export(self.workdir, output, step=step, dtype=dtype, licence=licence, tuning=self.tuning, log=self.log)


def open_run(
    config: RunConfig | Mapping[str, Any] | ml_collections.ConfigDict | str,
    mixture: Mixture | None = None,
    *,
    workdir: epath.PathLike | None = None,
    objective: Objective | None = None,
    tuning: Tuning = Full(),
    features: MakeFeatures = make_features,
    numbers: Sequence[str] = (),
    log: Any = print,
    **changes: Any,
) -> Run:
    """A run to train, evaluate, compile or export.

    Args:
      config: a RunConfig, a nested dict of one, or the path of a config file, "configs/x.py" or "configs/x.py:variant".
      mixture: a Mixture made here; without it the config's address is read.
      workdir: where everything of the run is kept; "runs/NAME" by the config's name when None.
      objective, tuning, features, numbers: see `Run`.
      changes: values of the config that replace its own, groups as dicts: open_run(config, train={"steps": 100}).

    Raises:
      ConfigError: the config, or a change of it, names something unknown or has a value of the wrong kind.
    """
    if isinstance(config, str):
        config = load_config(config, with_mixture=mixture is None)
    plain = config.to_dict() if isinstance(config, RunConfig | ml_collections.ConfigDict) else dict(config)
    if mixture is not None:
        if not isinstance(mixture, Mixture):
            raise ConfigError(f"mixture is {mixture!r}, expected a Mixture; flanjax.load(address) gives one of a file")
        plain["mixture"] = f"{parts.MADE_IN_PYTHON}{mixture.name}"  # the config's address is of another mixture
    found = RunConfig.from_config_dict(_replaced(plain, changes))
    place = epath.Path(workdir) if workdir is not None else epath.Path("runs") / found.name
    return Run(found, place, mixture, objective, tuning, features, tuple(numbers), log)


def _replaced(config: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """The nested dict with some of its values replaced."""
    result = dict(config)
    for name, value in changes.items():
        old = result.get(name)
        result[name] = _replaced(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return result


def iterate(
    mixture: Mixture,
    tokenizer: Tokenizer,
    config: DataConfig = DataConfig(),
    *,
    features: MakeFeatures = make_features,
    numbers: Sequence[str] = (),
) -> BatchIterator:
    """Packed batches of a mixture, without end: the arrays [B, ...] that training would be given.

    Args:
      tokenizer: for example `flanjax.load_model(...).tokenizer`, or `load_tokenizer("bytes")` of flanjax.data.tokenizer.
      config: batch size, lengths, seed; flanjax.data.corpus.DataConfig.
      features, numbers: as in `Run`.
    """
    mixture = mixture.training
    if config.on_error == "quarantine":
        whole = mixture
        mixture = quarantine(whole, distributed.from_first(lambda: find_causes(whole.tasks()))).mixture
    corpus = open_corpus(mixture, open_rows(mixture), tokenizer, config, features=features, numbers=numbers)
    return BatchIterator(corpus)
