"""Folders that `datasets` wrote with save_to_disk: Arrow files, memory-mapped, without importing `datasets`.

disk("data/my_dataset")                                a DatasetDict: its splits; a Dataset: the split "train"
disk(train="data/my_train", test="data/my_test")       folders of one Dataset each
"""

from __future__ import annotations

import dataclasses
import functools
import json
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from etils import epath

from flanjax.sources import kept
from flanjax.sources.base import Rows, Source, SourceError, unknown
from flanjax.sources.split_source import SplitSource, digest

if TYPE_CHECKING:
    import pyarrow as pa

    from flanjax.sources.pieces import Piece

PathLike = str | os.PathLike[str]


def disk(folder: PathLike | None = None, /, *, name: str | None = None, **splits: PathLike) -> Source:
    """Returns a source of folders that `datasets` wrote with save_to_disk, named "disk:<folder>" unless it is given a name.

    Of a folder that is named after its split, as in disk(train="nli/train"), the folder above gives the name: "disk:nli".
    """
    if (folder is None) == (not splits):
        raise SourceError('disk() needs a folder, or one for each split, as in disk(train="data/my_train").')
    named = {split: os.fspath(path) for split, path in splits.items()}
    split, first = next(iter(named.items())) if folder is None else ("", os.fspath(folder))
    above, last = os.path.split(first.rstrip("/"))
    corpus = name or (last == split and os.path.basename(above)) or last
    return SplitSource(DiskStore(corpus, None if folder is None else first, tuple(named.items())))


@dataclasses.dataclass(frozen=True)
class DiskStore:
    """A folder of a Dataset or DatasetDict, or a folder for each split."""

    corpus: str
    folder: str | None
    splits: tuple[tuple[str, str], ...] = ()

    @property
    def name(self) -> str:
        return f"disk:{self.corpus}"

    def rows(self, split: str) -> Rows:
        from flanjax.sources.pieces import PieceRows  # pyarrow would slow down every start

        pieces = list(_pieces(self._files(split), self.name))
        if not pieces:
            raise SourceError(f"{self.name}: split {split!r} has no rows.")
        return PieceRows(pieces)

    def num_rows(self, split: str) -> int:
        return sum(_count(file, self.name) for file in self._files(split))

    def fingerprint(self, split: str) -> str:
        return digest([kept.fingerprint(file) for file in self._files(split)])

    def _files(self, split: str) -> list[epath.Path]:
        folder = self._folder(split)
        state = _json(folder / "state.json", self.name)
        return [folder / file["filename"] for file in state.get("_data_files", ())]

    def _folder(self, split: str) -> epath.Path:
        if self.folder is None:
            folders = dict(self.splits)
            if split not in folders:
                raise unknown("split", split, self.name, folders)
            return epath.Path(folders[split]).expanduser()
        folder = epath.Path(self.folder).expanduser()
        if not (folder / "dataset_dict.json").exists():
            if split != "train":
                raise unknown("split", split, self.name, ["train"])
            return folder
        there = _json(folder / "dataset_dict.json", self.name)["splits"]
        if split not in there:
            raise unknown("split", split, self.name, there)
        return folder / split


def _json(path: epath.Path, owner: str) -> dict[str, Any]:
    if not path.exists():
        raise SourceError(f"{owner}: there is no {path}. Expected a folder that `datasets` wrote with save_to_disk.")
    try:
        found = json.loads(path.read_text())
    except ValueError as e:
        raise SourceError(f"{owner}: {path} is not JSON: {e}") from e
    return dict(found)


def _pieces(files: list[epath.Path], owner: str) -> Iterator[Piece]:
    from flanjax.sources.pieces import Piece

    for file in files:
        if rows := _count(file, owner):
            # A file that is mapped itself needs no copy, but one in a bucket that is read into memory may.
            state = None if _local(file) is not None else kept.state_of(file)
            yield Piece(str(file), 0, rows, functools.partial(_read, file, owner), state)


def _count(file: epath.Path, owner: str) -> int:
    if not file.exists():
        raise SourceError(f"{owner}: there is no file {file}, which the folder's state.json names.")
    return int(kept.about(file, "arrow", lambda: len(_read(file, owner))))


def _read(file: epath.Path, owner: str) -> pa.Table:
    """Returns the table of an Arrow file; a local file, or the local copy of one in a bucket, is memory-mapped."""
    import pyarrow as pa

    local = _local(file)
    try:
        with pa.BufferReader(file.read_bytes()) if local is None else pa.memory_map(str(local)) as source:
            return pa.ipc.open_stream(source).read_all()
    except (pa.ArrowException, OSError) as e:
        raise SourceError(f"{owner}: cannot read {file} as Arrow: {e}") from e


def _local(file: epath.Path) -> os.PathLike[str] | None:
    return kept.copy_of(file) if "://" in str(file) else file
