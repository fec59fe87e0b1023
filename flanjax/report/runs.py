"""What a run left in its folder, read for the report: config, metrics, mixture and evaluations. Missing pieces are empty."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from flanjax.evaluate import protocol
from flanjax.evaluate.protocol import HELD_OUT
from flanjax.evaluate.results import SCHEMA_VERSION, summarize


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """One folder under evaluation/.

    Attributes:
      label: "held-out", or the tasks that were named.
      step: None where an older folder does not say.
      family: the same for the same protocol at other steps.
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
    predictions: Path | None


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run's workdir. The last of its evaluations is the headline, unless `shown` names the folder of another.

    `evaluations` are in order: named tasks first, then held-out ones by step and date.
    """

    path: Path
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
        """The headline's protocol at every step that has it."""
        return [e for e in self.evaluations if self.headline and e.family == self.headline.family and e.step is not None]

    @property
    def others(self) -> list[Evaluation]:
        """The newest evaluation of every other protocol."""
        newest = {e.family: e for e in self.evaluations}
        return [e for e in newest.values() if self.headline and e.family != self.headline.family]


def load_run(path: Path, shown: str = "") -> Run:
    """The run in workdir `path`, headed by the evaluation in folder `shown`.

    Raises:
      FileNotFoundError: there is no such folder.
      ValueError: it holds nothing of a run, or a file that cannot be read.
    """
    if not path.is_dir():
        raise FileNotFoundError(f"no workdir at {path}; expected the folder that `flanjax train` wrote to")
    config, mixture = _json(path / "config.json"), _json(path / "mixture.json")
    lines = _jsonl(path / "metrics.jsonl")
    evaluations = _evaluations(path / "evaluation")
    if not (config or mixture or lines or evaluations):
        raise ValueError(
            f"workdir {path} holds nothing to report; expected config.json, metrics.jsonl, mixture.json or evaluation/: "
            "run `flanjax train` into it first"
        )
    return Run(
        path=path,
        name=str(config.get("name", path.resolve().name)),
        config=config,
        train=_last_of_each_step(line for line in lines if line.get("kind", "train") == "train"),
        validation=_last_of_each_step(line for line in lines if line.get("kind") == "validation"),
        heldout=_last_of_each_step(line for line in lines if line.get("kind") == "heldout"),
        mixture=mixture,
        evaluations=evaluations,
        shown=shown,
    )


def _evaluations(folder: Path) -> list[Evaluation]:
    folders = [p for p in folder.iterdir() if p.is_dir()] if folder.is_dir() else []
    found = [e for p in folders if (e := _evaluation(p)) is not None]
    return sorted(found, key=lambda e: (e.label == HELD_OUT, e.step is not None, e.step or 0, e.date, e.label))


def _evaluation(folder: Path) -> Evaluation | None:
    predictions, results = folder / "predictions.parquet", _json(folder / "results.json")
    here = predictions if predictions.is_file() else None
    if results.get("schema_version") != SCHEMA_VERSION:
        if here is None and results:
            raise ValueError(
                f"{folder / 'results.json'} has schema version {results.get('schema_version')!r}; expected {SCHEMA_VERSION}: "
                "put its predictions.parquet beside it and it is recomputed"
            )
        results = summarize(pq.read_table(here)) if here else {}
    if not results:
        return None
    about = protocol.read(folder.name, _json(folder / protocol.NAME))
    return Evaluation(folder=folder.name, **about._asdict(), results=results, predictions=here)


def _json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise ValueError(f"{path} is not JSON: {error}; write it again or remove it") from error
    if not isinstance(found, dict):
        raise ValueError(f"{path} holds a {type(found).__name__}; expected a JSON object")
    return found


def _jsonl(path: Path) -> list[dict[str, Any]]:
    """The lines of a log; a last line without its end is what a killed run was writing, and is left out."""
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    found = []
    for number, line in enumerate(text.split("\n")[:-1], 1):
        try:
            found.append(json.loads(line))
        except json.JSONDecodeError as error:
            raise ValueError(f"{path} line {number} is not JSON: {line[:60]!r}; remove that line") from error
    return found


def _last_of_each_step(lines: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """One line a step, in order; a resumed run logs some steps twice, and the later line is what its weights saw."""
    by_step = {int(line["step"]): line for line in lines}
    return [by_step[step] for step in sorted(by_step)]
