"""The written answers of an evaluation, and the pairs that two evaluations make."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from etils import epath

from flanjax import storage
from flanjax.evaluate import score_matrix as sm
from flanjax.report.runs import load_run
from flanjax.run.periodic import TRAINED
from flanjax.workdir import open_workdir

PREDICTIONS = "predictions.parquet"
Setting = tuple[str, str, int, bool, int, str]  # cluster, task, shots, chain of thought, item, template


class Answer(NamedTuple):
    """A written answer.

    Attributes:
      metric: the task's primary one.
      group: of items that share a passage.
    """

    prompt: str
    text: str
    references: tuple[str, ...]
    metric: str
    group: str
    shots_shown: int


class Pair(NamedTuple):
    """The answers of A and B to one prompt; `number` counts from 1."""

    number: int
    setting: Setting
    a: Answer
    b: Answer


def predictions_of(source: str) -> epath.Path:
    """Returns the predictions of an evaluation's folder, or of a workdir's last evaluation.

    Raises:
      FileNotFoundError, ValueError: there is none; the message names the folder.
    """
    folder = open_workdir(source).path
    if (folder / PREDICTIONS).is_file():
        return folder / PREDICTIONS
    headline = load_run(source).headline
    if headline is None or headline.predictions is None:
        raise ValueError(f"{source} has no evaluation with {PREDICTIONS}; run `flanjax heldout --workdir {source}` first")
    return epath.Path(headline.predictions)


def written_answers(source: str, tasks: Sequence[str] = (), items: int = 0) -> dict[Setting, Answer]:
    """Returns the written answers of an evaluation; those to options are left out.

    Args:
      tasks: of these tasks and clusters alone; all if empty.
      items: of the first items of each task alone; all if 0.

    Raises:
      ValueError: there is none.
    """
    file = predictions_of(source)
    try:
        table = storage.read_table(storage.place(file))
    except ValueError as error:
        raise ValueError(f"{file} cannot be read: {error}; evaluate again") from error
    models = table["model"].unique().to_pylist()
    matrices = sm.split_matrices(sm.of_model(table, TRAINED if TRAINED in models else models[0]))
    known = {name for m in matrices for name in (m.key.task, m.key.cluster)}
    if unknown := [name for name in tasks if name not in known]:
        raise ValueError(f"{source} has no task or cluster {unknown[0]!r}; known: {', '.join(sorted(known))}")
    chosen = [m for m in matrices if not tasks or {m.key.task, m.key.cluster} & {*tasks}]
    found = {setting: answer for m in chosen if m.scorer != "rank" for setting, answer in _of(m, items)}
    if not found:
        names = ", ".join(sorted({m.key.task for m in chosen}))
        raise ValueError(f"{source} has no written answers: those of {names} are chosen among options")
    return found


def _of(matrix: sm.ScoreMatrix, items: int) -> Iterator[tuple[Setting, Answer]]:
    columns, kept = matrix.columns, set(matrix.items[:items] if items else matrix.items)
    for n, item in enumerate(columns["item"]):
        if item in kept:
            row: dict[str, Any] = {name: values[n] for name, values in columns.items()}
            references = tuple(row["references"])
            answer = Answer(
                row["prompt"], row["prediction"], references, matrix.metrics[0], str(row["group"]), row["shots_shown"] or 0
            )
            key = matrix.key
            yield (key.cluster, key.task, key.shots, key.chain_of_thought, item, row["template"]), answer


def pairs_of(first: str, second: str, tasks: Sequence[str] = (), items: int = 0) -> list[Pair]:
    """Returns the answers of two evaluations to the same items under the same templates, in a fixed order.

    Raises:
      ValueError: they have no item in common.
    """
    a, b = (written_answers(source, tasks, items) for source in (first, second))
    both = sorted(a.keys() & b.keys())
    if not both:
        raise ValueError(f"{first} and {second} answer no item of a task in common; evaluate both on the same ones")
    for setting in both:
        if a[setting].references != b[setting].references:
            raise ValueError(
                f"{first} and {second} have other references of item {setting[4]} of {setting[1]}: not the same data"
            )
    return [Pair(number, setting, a[setting], b[setting]) for number, setting in enumerate(both, 1)]
