"""A file of rows that somebody else wrote: a JSON array, JSON lines or Parquet, told apart by its name and first character."""

import os

from etils import epath

from flanjax import storage
from flanjax.sources import Source, SourceError, json_file, jsonl, parquet
from flanjax.sources.files import expand

PathLike = str | os.PathLike[str]
TRAIN = "train"  # the only split of such a file
_KINDS = (".json", ".jsonl", ".parquet")


def rows_of(file: PathLike, name: str) -> Source:
    """Returns a source with the rows of a file as its split "train".

    Args:
      file: a path, local or gs://, or a glob of files of one kind.
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
    return json_file(train=given, name=name)


def paths_of(file: PathLike, name: str) -> list[epath.Path]:
    """Returns the files of a path or glob, in order of name. Raises SourceError if there is none."""
    return expand(os.fspath(storage.place(epath.Path(file).expanduser())), f"import of {name}")


def _is_array(path: epath.Path) -> bool:
    with path.open("rb") as file:
        return file.read(1024).removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"["
