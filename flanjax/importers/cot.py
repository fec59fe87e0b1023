"""FLAN's chain-of-thought files: https://github.com/google-research/FLAN/tree/main/flan/v2/cot_data (Apache License 2.0).

Each file is a dataset: lines of a question, an answer and a rationale, with tabs between them and no header. A line break in a
text is written as a backslash and an n. The same data also exists as Parquet, with the columns source, target and rationale.
"""

import dataclasses
import functools
import os
from collections.abc import Mapping, Sequence

from etils import epath

from flanjax import storage
from flanjax.importers.files import TRAIN
from flanjax.importers.flan_tasks import FLAN_TASKS, Origin, find
from flanjax.importers.imported import Imported, Refused, plain_name, unique
from flanjax.sources import Row, RowError, Rows, SourceError, kept, parquet
from flanjax.sources.base import unknown
from flanjax.sources.split_source import SplitSource
from flanjax.tasks.task import BadRow, Example, SkipRow, Task
from flanjax.tasks.template import Template

COT_TEMPLATES = (
    Template("{{ question }}", name="plain"),
    Template("Answer the following.\n\n{{ question }}", name="answer_the_following"),
    Template("{{ question }}\n\nWhat is the answer?", name="what_is"),
    Template("Somebody needs to know this: {{ question }}", name="somebody_needs"),
    Template(
        "Here is how somebody reasoned: {{ rationale }}\n\nWhich question was answered?",
        "{{ question }} The answer is {{ answer }}.",
        kind="inverted",
        name="question_of_rationale",
    ),
    Template(
        "{{ question }}\n\nThe answer is {{ answer }}. Explain why.", "{{ rationale }}", kind="inverted", name="explain_answer"
    ),
)

_LINK = "https://github.com/google-research/FLAN/tree/main/flan/v2/cot_data"
_COLUMNS = ("source", "target", "rationale")
_SPLIT_ENDINGS = ("_train", "-train")


def flan_cot(
    folder: str | os.PathLike[str], *, clusters: Mapping[str, Origin] = FLAN_TASKS, rest: str = "chain_of_thought"
) -> Imported:
    """Returns a task for each dataset of a folder, "cot_gsm8k" for gsm8k_train.tsv or gsm8k/train.parquet.

    Args:
      clusters: dataset -> cluster and lineage, by the name "cot_gsm8k" or "stream_aqua", as FLAN calls them.
      rest: the cluster of datasets that the table lacks.
    """
    place = storage.place(epath.Path(folder).expanduser())
    if not place.is_dir():
        raise SourceError(f"flan_cot: there is no folder {folder}.")
    tasks, refused = [], []
    for path in sorted(place.iterdir()):
        try:
            source = _source(path)
            if source is None:
                refused.append(Refused(path.name, "it is no .tsv or .parquet file, nor a folder with train.parquet"))
            else:
                tasks.append(_task(source[0], source[1], clusters, rest))
        except (SourceError, ValueError) as error:
            refused.append(Refused(path.name, str(error)))
    return unique(tasks, refused)


def _source(path: epath.Path) -> tuple[str, SplitSource] | None:
    """Returns the dataset's name and rows; None if the path is something else."""
    name = functools.reduce(str.removesuffix, _SPLIT_ENDINGS, path.stem)
    if path.suffix == ".tsv":
        return name, SplitSource(TsvStore(f"tsv:cot_{name}", path))
    file = path / "train.parquet" if path.is_dir() else path
    if file.suffix == ".parquet" and file.exists():
        return name, parquet(train=os.fspath(file), name=f"cot_{name}")  # type: ignore[return-value]
    return None


def _task(name: str, source: SplitSource, clusters: Mapping[str, Origin], rest: str) -> Task:
    full = f"cot_{plain_name(name)}"
    origin = find(full, clusters) or find(f"stream_{plain_name(name)}", clusters) or Origin(rest)
    return Task(
        name=full,
        cluster=origin.cluster,
        source=source,
        example=_example,
        templates=COT_TEMPLATES,
        lineage=origin.lineage,
        metrics=("exact_match",),
        train=TRAIN,
        licence="Apache-2.0 (FLAN's files)",
        link=_LINK,
    )


def _example(row: Row) -> Example:
    question, answer, rationale = (row[column] for column in _COLUMNS)
    if not all(isinstance(text, str) for text in (question, answer, rationale)):
        raise BadRow("source, target and rationale must be texts")
    if not answer.strip():
        raise SkipRow("target is empty")
    return Example({"question": question.strip()}, answer.strip(), rationale=rationale.strip())


@dataclasses.dataclass(frozen=True)
class TsvStore:
    """The lines of a file without a header, in memory."""

    name: str
    path: epath.Path

    def rows(self, split: str) -> Rows:
        if split != TRAIN:
            raise unknown("split", split, self.name, [TRAIN])
        lines = self.path.read_bytes().splitlines()
        if not lines:
            raise SourceError(f"{self.name}: {self.path} has no rows.")
        return TsvRows(str(self.path), lines)

    def num_rows(self, split: str) -> int | None:
        return None

    def fingerprint(self, split: str) -> str:
        return kept.fingerprint(self.path)


class TsvRows:
    """Lines of source, target and rationale. A malformed line is an error when it is read."""

    def __init__(self, path: str, lines: Sequence[bytes]):
        self._path, self._lines = path, lines

    def __len__(self) -> int:
        return len(self._lines)

    def __getitem__(self, index: int, /) -> Row:
        try:
            values = self._lines[index].decode().split("\t")
        except UnicodeDecodeError as error:
            raise RowError(f"{self.where(index)}: not UTF-8") from error
        if len(values) != len(_COLUMNS):
            raise RowError(f"{self.where(index)}: expected {len(_COLUMNS)} values {list(_COLUMNS)}, got {len(values)}")
        return {column: value.replace("\\n", "\n") for column, value in zip(_COLUMNS, values, strict=True)}

    def __getitems__(self, indices: Sequence[int], /) -> list[Row]:
        return [self[i] for i in indices]

    def where(self, index: int) -> str:
        return f"{self._path}:{index + 1}"
