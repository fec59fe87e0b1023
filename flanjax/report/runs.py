"""Reads a run's folder for the report: config, metrics, mixture and evaluations. Missing parts are empty."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from etils import epath

from flanjax import records, storage
from flanjax.evaluate import protocol
from flanjax.evaluate.protocol import HELD_OUT
from flanjax.evaluate.results import SCHEMA_VERSION, summarize
from flanjax.workdir import CONFIG, MIXTURE, open_workdir


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """One folder under evaluation/.

    Attributes:
      label: "held-out", or the names of the evaluated tasks.
      step: step of the checkpoint; None if an older folder does not name it.
      family: a key that is equal for the same protocol at other steps.
      date: ISO 8601; empty for an older folder.
      record: protocol.json; empty for an older folder.
    """

    folder: str
    label: str
    step: int | None
    family: str
    date: str
    record: dict[str, Any]
    results: dict[str, Any]
    predictions: epath.Path | None


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """One run's workdir. Its last evaluation is the headline, unless `shown` names another one's folder.

    `evaluations` are ordered: first those of named tasks, then held-out ones by step and date.
    """

    path: epath.Path
    name: str
    config: dict[str, Any]
    train: list[dict[str, Any]]
    validation: list[dict[str, Any]]
    heldout: list[dict[str, Any]]
    mixture: dict[str, Any]
    evaluations: list[Evaluation]
    shown: str = ""

    @property
    def headline(self) -> Evaluation | None:
        named = [e for e in self.evaluations if e.folder == self.shown]
        return next(reversed(named or self.evaluations), None)

    @property
    def over_steps(self) -> list[Evaluation]:
        """The evaluations with the headline's protocol, at all steps."""
        return [e for e in self.evaluations if self.headline and e.family == self.headline.family and e.step is not None]

    @property
    def others(self) -> list[Evaluation]:
        """The newest evaluation of every other protocol."""
        newest = {e.family: e for e in self.evaluations}
        return [e for e in newest.values() if self.headline and e.family != self.headline.family]


def load_run(path: epath.PathLike, shown: str = "") -> RunRecord:
    """Returns the run in workdir `path`, with the evaluation in folder `shown` as its headline.

    Raises:
      FileNotFoundError: there is no such folder.
      ValueError: the folder has no file of a run, or one that cannot be read.
    """
    workdir = open_workdir(path)
    if not workdir.path.is_dir():
        raise FileNotFoundError(f"no workdir at {path}; expected the folder that `flanjax train` wrote to")
    config, mixture = workdir.read_record(CONFIG, records.CONFIG), workdir.read_record(MIXTURE, records.MIXTURE)
    lines = workdir.read_metrics()
    evaluations = _evaluations(workdir.evaluations)
    if not (config or mixture or lines or evaluations):
        raise ValueError(
            f"workdir {path} holds nothing to report; expected config.json, metrics.jsonl, mixture.json or evaluation/: "
            "run `flanjax train` into it first"
        )
    return RunRecord(
        path=workdir.path,
        name=str(config.get("name", workdir.name)),
        config=config,
        train=_last_of_each_step(line for line in lines if line.get("kind", "train") == "train"),
        validation=_last_of_each_step(line for line in lines if line.get("kind") == "validation"),
        heldout=_last_of_each_step(line for line in lines if line.get("kind") == "heldout"),
        mixture=mixture,
        evaluations=evaluations,
        shown=shown,
    )


def _evaluations(folder: epath.Path) -> list[Evaluation]:
    folders = [p for p in folder.iterdir() if p.is_dir()] if folder.is_dir() else []
    found = [e for p in folders if (e := _evaluation(p)) is not None]
    return sorted(found, key=lambda e: (e.label == HELD_OUT, e.step is not None, e.step or 0, e.date, e.label))


def _evaluation(folder: epath.Path) -> Evaluation | None:
    predictions, results = folder / "predictions.parquet", storage.read_json(folder / "results.json", SCHEMA_VERSION)
    here = predictions if predictions.exists() else None
    if results.get(records.FORMAT) != SCHEMA_VERSION:
        if here is None and results:
            raise ValueError(
                f"{folder / 'results.json'} has format {results.get(records.FORMAT, 0)}; expected {SCHEMA_VERSION}: "
                "put its predictions.parquet beside it and it is recomputed"
            )
        results = summarize(storage.read_table(here)) if here else {}
    if not results:
        return None
    about = protocol.read(folder.name, storage.read_json(folder / protocol.NAME, protocol.FORMAT))
    return Evaluation(folder=folder.name, **about._asdict(), results=results, predictions=here)


def _last_of_each_step(lines: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Returns one line for each step, in order. A resumed run logs some steps twice; the later line belongs to its weights."""
    by_step = {int(line["step"]): line for line in lines}
    return [by_step[step] for step in sorted(by_step)]
