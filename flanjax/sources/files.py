"""Sources of the user's own files: JSON, Parquet, ArrayRecord, comma- and tab-separated tables.

    reviews = jsonl(train="data/reviews/train-*.jsonl", test="data/reviews/test.jsonl")    # "jsonl:reviews"

A split is a path, or a list of paths, local or gs://. Each may be a glob; its files are taken in order of name.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from etils import epath

from flanjax.sources import json_array, json_rows, kept, records, tables
from flanjax.sources.base import Row, Rows, Source, SourceError, nearest, unknown
from flanjax.sources.split_source import SplitSource, digest

PathLike = str | os.PathLike[str]
Paths = PathLike | Sequence[PathLike]


def jsonl(files: Mapping[str, Paths] | None = None, /, *, name: str | None = None, **splits: Paths) -> Source:
    """Returns a source of JSON-lines files, one object a line. Rows are parsed when they are read.

    Without `name` it is named after its files: "jsonl:reviews" for reviews.jsonl or reviews/train.jsonl. A name is an
    identity, so give one if two corpora would get the same name.
    """
    return _source("jsonl", files, name, splits)


def parquet(files: Mapping[str, Paths] | None = None, /, *, name: str | None = None, **splits: Paths) -> Source:
    """Returns a source of Parquet files, which are decoded piece by piece when rows are read. `name`: see jsonl."""
    return _source("parquet", files, name, splits)


def csv(files: Mapping[str, Paths] | None = None, /, *, name: str | None = None, **splits: Paths) -> Source:
    """Returns a source of comma-separated files with a header line; all values are strings. `name`: see jsonl."""
    return _source("csv", files, name, splits)


def tsv(files: Mapping[str, Paths] | None = None, /, *, name: str | None = None, **splits: Paths) -> Source:
    """Returns a source of tab-separated files with a header line, without quotes; all values are strings. `name`: see jsonl."""
    return _source("tsv", files, name, splits)


def json_file(
    files: Mapping[str, Paths] | None = None, /, *, name: str | None = None, key: str | None = None, **splits: Paths
) -> Source:
    """Returns a source of whole JSON files, such as Alpaca's: an array of objects, or an object that has it under `key`.

        json_file(train="alpaca_data.json")            [{"instruction": "Give three tips", ...}, ...]
        json_file(train="squad.json", key="data")      {"version": "1.1", "data": [{"title": "Oslo", ...}, ...]}

    The first pass finds out where each element is; it is kept for later starts. Elements are parsed when they are read.
    `name`: see jsonl.
    """
    return _source("json", files, name, splits, key)


def arrayrecord(
    files: Mapping[str, Paths] | None = None,
    /,
    *,
    name: str | None = None,
    decode: Callable[[bytes], Row] = records.from_json,
    **splits: Paths,
) -> Source:
    """Returns a source of ArrayRecord files, read by random access, as in arrayrecord(train="data/train.array_record*").

    `name`: see jsonl.

    Args:
      decode: a record's bytes -> its row; JSON by default. What it raises makes a bad row.
    """
    return _source("arrayrecord", files, name, splits, decode)


def _source(
    kind: str, files: Mapping[str, Paths] | None, name: str | None, splits: Mapping[str, Paths], option: Any = None
) -> Source:
    given = {**(files or {}), **splits}
    if not given:
        raise SourceError(f'{kind}() needs at least one split, as in {kind}(train="reviews.{kind}").')
    listed = {split: _as_list(kind, split, paths) for split, paths in given.items()}
    return SplitSource(FileStore(kind, name or _name_of(listed), tuple(listed.items()), option))


@dataclasses.dataclass(frozen=True)
class FileStore:
    """Files of one kind, by split.

    Attributes:
      option: the key of JSON files, the function that decodes records.
    """

    kind: str
    corpus: str
    files: tuple[tuple[str, tuple[str, ...]], ...]
    option: Any = None

    @property
    def name(self) -> str:
        return f"{self.kind}:{self.corpus}"

    def rows(self, split: str) -> Rows:
        paths = self._paths(split)
        if self.kind == "parquet":
            from flanjax.sources import parquet_files  # pyarrow would slow down every start

            return parquet_files.read_parquet(paths, self.name)
        rows = self._read(paths)
        if len(rows) == 0:
            raise SourceError(f"{self.name}: {', '.join(map(str, paths))} has no rows.")
        return rows

    def num_rows(self, split: str) -> int | None:
        paths = self._paths(split)
        if self.kind != "parquet":
            return tables.known_rows(paths, self.kind) if self.kind in ("csv", "tsv") else None
        from flanjax.sources import parquet_files  # pyarrow would slow down every start

        return parquet_files.count_parquet(paths, self.name)

    def fingerprint(self, split: str) -> str:
        return digest([kept.fingerprint(path) for path in self._paths(split)])

    def _read(self, paths: Sequence[epath.Path]) -> Rows:
        match self.kind:
            case "jsonl":
                return json_rows.read_jsonl(paths)
            case "json":
                return json_array.read_json(paths, self.option)
            case "arrayrecord":
                return records.RecordRows(paths, self.option)
            case "csv":
                return tables.read_csv(paths)
            case _:
                return tables.read_tsv(paths)

    def _paths(self, split: str) -> list[epath.Path]:
        files = dict(self.files)
        if split not in files:
            raise unknown("split", split, self.name, files)
        return [path for pattern in files[split] for path in expand(pattern, self.name)]


def expand(pattern: str, owner: str) -> list[epath.Path]:
    """Returns the files of a path or glob, in order of name. Raises SourceError if there is none."""
    path = epath.Path(pattern).expanduser()
    if path.is_dir():
        raise SourceError(f"{owner}: {pattern} is a folder. Give its files, as in {pattern.rstrip('/')}/*.")
    if path.exists():  # first, so that a file may have a bracket in its name
        return [path]
    if "**" in pattern:
        raise SourceError(f"{owner}: {pattern} holds **, which epath does not search. List the folders, or use */*.")
    parent = path
    while _is_glob(str(parent)):
        parent = parent.parent
    if parent != path:
        found = sorted(p for p in parent.glob(str(path.relative_to(parent))) if not p.is_dir())
        if found:
            return found
        raise SourceError(f"{owner}: no file matches {pattern}.")
    folder = path.parent
    if not folder.is_dir():
        raise SourceError(f"{owner}: there is no file {pattern}, nor a folder {folder}.")
    near = nearest(path.name, [p.name for p in folder.iterdir()])
    raise SourceError(f"{owner}: there is no file {pattern}." + (f" Nearest there: {', '.join(near)}." if near else ""))


def _is_glob(path: str) -> bool:
    return any(character in path for character in "*?[")


def _as_list(kind: str, split: str, paths: Paths) -> tuple[str, ...]:
    listed = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    if not listed:
        raise SourceError(f"{kind}(): split {split!r} has no files.")
    return tuple(os.fspath(path) for path in listed)


def _name_of(files: Mapping[str, Sequence[str]]) -> str:
    """Returns the files' common name, or their folder's if a file is named after its split, as in reviews/train-*.jsonl."""
    name = "+".join(sorted({_corpus(split, path) for split, paths in files.items() for path in paths}))
    if _is_glob(name):
        raise SourceError(f'Cannot name a source for its files, {dict(files)}. Give it a name, as in name="reviews".')
    return name


def _corpus(split: str, path: str) -> str:
    stem = os.path.basename(path).split(".")[0]
    folder = os.path.basename(os.path.dirname(path))
    is_split = stem == split or stem.startswith((f"{split}-", f"{split}_")) or _is_glob(stem)
    return folder if folder and is_split else stem
