"""A file of rows that somebody else wrote: a JSON array, JSON lines or Parquet, told apart by its name and first character."""

import dataclasses
import os

import numpy as np
from etils import epath

from flanjax import storage
from flanjax.importers import json_spans
from flanjax.importers.index import indexed, packed, unpacked
from flanjax.sources import Rows, Source, SourceError, jsonl, parquet
from flanjax.sources.base import unknown
from flanjax.sources.files import expand
from flanjax.sources.split_source import SplitSource

PathLike = str | os.PathLike[str]
TRAIN = "train"  # the only split of such a file
_KINDS = (".json", ".jsonl", ".parquet")


def rows_of(file: PathLike, name: str) -> Source:
    """Returns a source with the rows of a file as its split "train".

    Args:
      file: a path, local or gs://, or a glob of JSON-lines or Parquet files.
      name: the source is named "jsonl:<name>", "parquet:<name>" or "json:<name>".

    Raises:
      SourceError: there is no such file, or it is of another kind.
    """
    paths = paths_of(file, name)
    kinds = {path.suffix for path in paths}
    if len(kinds) > 1 or not kinds <= set(_KINDS):
        raise SourceError(f"import of {name}: {file} ends in {', '.join(sorted(kinds))}, expected one of {', '.join(_KINDS)}.")
    given: list[PathLike] = [os.fspath(path) for path in paths]
    if kinds == {".parquet"}:
        return parquet(train=given, name=name)
    if kinds == {".jsonl"} or not _is_array(paths[0]):
        return jsonl(train=given, name=name)
    if len(paths) > 1:
        raise SourceError(f"import of {name}: {file} is {len(paths)} JSON arrays. Import them one by one.")
    return SplitSource(ArrayStore(f"json:{name}", paths[0]))


def paths_of(file: PathLike, name: str) -> list[epath.Path]:
    """Returns the files of a path or glob, in order of name. Raises SourceError if there is none."""
    return expand(os.fspath(storage.place(epath.Path(file).expanduser())), f"import of {name}")


@dataclasses.dataclass(frozen=True)
class ArrayStore:
    """The objects of a file that is one JSON array."""

    name: str
    path: epath.Path

    def rows(self, split: str) -> Rows:
        return json_spans.SpanRows(self.path, self._spans(split))

    def num_rows(self, split: str) -> int:
        return len(self._spans(split))

    def _spans(self, split: str) -> np.ndarray:  # int64 [rows, 2]
        if split != TRAIN:
            raise unknown("split", split, self.name, [TRAIN])
        entry = indexed(f"array {self.path}", {self.path.name: self.path}, _find)[self.path.name]
        spans = unpacked(entry).reshape(-1, 2)
        if not len(spans):
            raise SourceError(f"{self.name}: {self.path} has no rows.")
        return spans


def _find(path: epath.Path) -> str:
    try:
        return packed(json_spans.find_array(path.read_bytes()).ravel())
    except ValueError as error:
        raise SourceError(f"{path} is not a JSON array: {error}") from error


def _is_array(path: epath.Path) -> bool:
    with path.open("rb") as file:
        return file.read(1024).removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"["
