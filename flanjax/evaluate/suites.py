"""Suites: published sets of tasks with their protocol, and what others scored on them.

A suite is a JSON file: a mixture's address, the names of its tasks or clusters, fields of EvaluationConfig, a metric, and
references. A reference is a score with its source and protocol; what its protocol does not say is as the suite's settings have
it. It stands beside ours where our evaluation has all of that and every item was asked with all its exemplars, and is refused,
with what differs, where not.
"""

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from etils import epath

from flanjax.evaluate.config import PRESETS, EvaluationConfig
from flanjax.evaluate.metrics import get_metric
from flanjax.evaluate.verdict import count
from flanjax.names import nearest

MEAN = "mean"  # over tasks, as the name of a reference's score
# No score depends on the first four, and on the seed only by the draw of exemplars: they count where a reference names them.
_FREE = ("batch_size", "untuned", "perplexity", "demonstrations", "seed")
_SHIPPED = epath.Path("mixtures/suites")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reference:
    """What others scored.

    Attributes:
      model: theirs.
      source: where it was published.
      protocol: fields of EvaluationConfig that an evaluation must have to be held beside it; the others are the suite's.
      scores: MEAN or the name of a task -> 0 to 100.
      differs: what cannot be the same, in words: it is said beside the score.
    """

    model: str
    source: str
    protocol: Mapping[str, Any]
    scores: Mapping[str, float]
    differs: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Suite:
    """A published set of tasks.

    Attributes:
      about: what it is, with its source.
      mixture: its tasks' address, from the suite's folder.
      tasks: names of tasks or clusters; all that have an evaluation split when empty.
      settings: fields of EvaluationConfig: its protocol.
      metric: which every task is scored by.
    """

    name: str
    about: str
    mixture: str
    settings: Mapping[str, Any]
    metric: str
    tasks: tuple[str, ...] = ()
    references: tuple[Reference, ...] = ()

    @property
    def config(self) -> EvaluationConfig:
        return EvaluationConfig(**self.settings)


class SuiteScore(NamedTuple):
    """Our score of a suite: the mean over its tasks, 0 to 100.

    Attributes:
      clusters, tasks: name -> score.
    """

    mean: float
    clusters: dict[str, float]
    tasks: dict[str, float]


class Shortfalls(NamedTuple):
    """Where an evaluation asked less than its settings say.

    Attributes:
      exemplars: task -> "3.2 of 5", where fewer were shown than were asked for, on average over its prompts.
      rows: task -> "2 of 100", where rows could not be asked. Rows that the task itself leaves out on purpose do not count.
    """

    exemplars: dict[str, str]
    rows: dict[str, str]


class Beside(NamedTuple):
    """A published score, and ours if both have one protocol.

    Attributes:
      what: MEAN, or the name of a task.
      refused: why ours may not stand beside it; empty if it may.
    """

    reference: Reference
    what: str
    theirs: float
    ours: float | None
    refused: str


def read_suite(path: epath.PathLike) -> Suite:
    """Returns the suite of a file, or of a bare name, such as "mmlu", in the folder mixtures/suites.

    Raises:
      FileNotFoundError: there is no such file.
      ValueError: it is no suite; the message says what is wrong with it.
    """
    given = epath.Path(path)
    file = _SHIPPED / f"{given}.json" if given.name == str(path) and not given.suffix else given
    if not file.exists():
        folder = file.parent if file.parent.is_dir() else _SHIPPED
        there = [p.name for p in folder.glob("*.json")] if folder.is_dir() else []
        raise FileNotFoundError(f"there is no suite {file}; in {folder}: {nearest(file.name, there)}")
    try:
        record = json.loads(file.read_text())
        references = tuple(_made(Reference, one) for one in record.pop("references", []))
        suite = _made(Suite, {**record, "tasks": tuple(record.get("tasks", ())), "references": references})
        _check(suite)
    except (TypeError, AttributeError, KeyError, ValueError) as error:
        raise ValueError(f"{file} is no suite: {error}") from error
    path_, _, name = suite.mixture.rpartition(":")
    return dataclasses.replace(suite, mixture=f"{file.parent / path_}:{name}")


def _made(cls: type, record: Mapping[str, Any]) -> Any:
    known = [field.name for field in dataclasses.fields(cls)]
    for key in record:
        if key not in known:
            raise ValueError(f"unknown key {key!r}; {nearest(key, known)}")
    lacking = [f.name for f in dataclasses.fields(cls) if f.default is dataclasses.MISSING and f.name not in record]
    if lacking:
        raise ValueError(f"a {cls.__name__.lower()} lacks {', '.join(lacking)}")
    return cls(**{**record, **({"settings": _tuples(record["settings"])} if "settings" in record else {})})


def _tuples(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in settings.items()}


def _check(suite: Suite) -> None:
    get_metric(suite.metric)
    fields = vars(suite.config)
    for reference in suite.references:
        for name in reference.protocol:
            if name not in fields:
                raise ValueError(f"protocol of {reference.model}: no setting {name!r}; {nearest(name, fields)}")
        if not reference.scores or not all(isinstance(x, int | float) for x in reference.scores.values()):
            raise ValueError(f"scores of {reference.model} are {reference.scores!r}, expected names and numbers")


def score(suite: Suite, results: Mapping[str, Any], model: str = "trained") -> SuiteScore:
    """Returns our score of a suite, from results.json.

    Raises:
      ValueError: no task was evaluated, or one was not by the suite's metric.
    """
    rows = [row for row in results["tasks"] if row["model"] == model]
    if not rows:
        raise ValueError(f"no task of {suite.name} was evaluated; got models {sorted(results['models'])}")
    if lacking := [row["task"] for row in rows if suite.metric not in row["metrics"]]:
        raise ValueError(f"{suite.name} is scored by {suite.metric}, which {', '.join(lacking[:3])} have no score in")
    tasks = {row["task"]: row["metrics"][suite.metric]["mean"] for row in rows}
    of: dict[str, list[float]] = {}
    for row in rows:
        of.setdefault(row["cluster"], []).append(tasks[row["task"]])
    return SuiteScore(sum(tasks.values()) / len(tasks), {name: sum(x) / len(x) for name, x in of.items()}, tasks)


def shortfalls(results: Mapping[str, Any], model: str = "trained") -> Shortfalls:
    """Returns where an evaluation asked less than its settings say, from results.json."""
    exemplars: dict[str, str] = {}
    for row in results["tasks"]:
        asked, shown = row["shots"], row["shots_shown"]
        if row["model"] == model and asked and (shown is None or shown < asked):
            exemplars[row["task"]] = f"{'an unknown number' if shown is None else f'{shown:g}'} of {asked}"
    lost = {task: counts["left_out"] - counts.get("on_purpose", 0) for task, counts in results["left_out"].items()}
    rows = {task: f"{number:,} of {results['left_out'][task]['rows']:,}" for task, number in lost.items() if number}
    return Shortfalls(exemplars, rows)


def beside(
    suite: Suite, ours: SuiteScore, settings: Mapping[str, Any], expected: Sequence[str], short: Shortfalls
) -> Iterator[Beside]:
    """Yields every published score with ours, or why ours may not stand beside it.

    Args:
      settings: the evaluation's fields of EvaluationConfig, as protocol.json has them.
      expected: names of all tasks of the suite.
      short: of the evaluation.
    """
    made = _comparable({**vars(EvaluationConfig()), **settings})
    missing = [name for name in expected if name not in ours.tasks]
    for reference in suite.references:
        differing = [
            f"{name} is {_said(made[name])} here, {_said(theirs)} there"
            for name, theirs in _wanted(suite, reference).items()
            if made[name] != theirs
        ]
        for what, theirs in reference.scores.items():
            reasons = list(differing)
            if what == MEAN and missing:
                reasons.append(f"{len(missing)} of {len(expected)} tasks were not evaluated, such as {missing[0]}")
            if what != MEAN and what not in ours.tasks:
                reasons.append(f"{what} was not evaluated")
            reasons += _lacking(short, list(ours.tasks) if what == MEAN else [what])
            value = ours.mean if what == MEAN else ours.tasks.get(what)
            yield Beside(reference, what, theirs, None if reasons else value, "; ".join(reasons))


def _wanted(suite: Suite, reference: Reference) -> dict[str, Any]:
    """The settings that an evaluation must have to be held beside a reference: first those that it names itself."""
    free = [name for name in _FREE if name not in reference.protocol]
    whole = _comparable({**vars(suite.config), **reference.protocol})
    names = [*reference.protocol, *(name for name in whole if name not in reference.protocol)]
    return {name: whole[name] for name in names if name not in free}


def _comparable(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as JSON has them, with the normalization by its name where it is the preset's."""
    named = settings["normalization"] or PRESETS[settings["preset"]].normalization
    plain = {name: list(value) if isinstance(value, tuple) else value for name, value in settings.items()}
    return {**plain, "normalization": named}


def _lacking(short: Shortfalls, tasks: Sequence[str]) -> Iterator[str]:
    """Yields what some of these tasks were not asked, in words."""
    for found, what in (
        (short.exemplars, "fewer exemplars were shown than asked for, where no more fitted or were found"),
        (short.rows, "rows were left out"),
    ):
        if those := [task for task in tasks if task in found]:
            more = f", and in {count(len(those) - 1, 'more task')}" if those[1:] else ""
            yield f"{what}: in {those[0]} {found[those[0]]}{more}"


def _said(value: Any) -> str:
    return json.dumps(value)
