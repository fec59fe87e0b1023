"""The task files of Super-NaturalInstructions, and the lists of tasks of its splits.

A task file (https://github.com/allenai/natural-instructions, tasks/) is a JSON object: its texts are lists, in some files
strings; `Positive Examples` and `Negative Examples` have input, output and explanation; `Instances` have input and a list of
outputs. A file has up to 6,500 instances and 50 MB, so the kept index has everything but the instances, and where each of those
lies. An instance is read from the file when it is visited, and no file stays open.
"""

import dataclasses
import functools
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from etils import epath

from flanjax.importers import json_spans
from flanjax.importers.packed import packed, unpacked
from flanjax.sources import Row, RowError, Rows, SourceError, kept
from flanjax.sources.base import unknown

INSTANCES = "instances"  # the only split of a task file
_KIND = "superni 1"  # of the entries in the kept index; another number whenever their form changes
_SHOWN_EXAMPLES = 2  # the encodings show the first two positive and the first two negative ones


class Shown(NamedTuple):
    """An example that a task file brings with it, of a right or a wrong answer."""

    input: str
    output: str
    explanation: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class TaskFile:
    """One task file without its instances.

    Attributes:
      count: the number of its instances.
      spans: the first byte of each instance in the file, and the byte after its last, packed.
    """

    name: str
    path: epath.Path
    definition: str
    categories: tuple[str, ...]
    sources: tuple[str, ...]
    languages: frozenset[str]
    licence: str
    link: str
    positive: tuple[Shown, ...]
    negative: tuple[Shown, ...]
    count: int
    spans: str = dataclasses.field(repr=False)


def read_folder(folder: epath.Path) -> dict[str, TaskFile | str]:
    """Returns name -> task file, for every tasks/*.json, in order of name; in place of a bad one, what is wrong with it."""
    tasks = folder / "tasks"
    if not tasks.is_dir():
        raise SourceError(f"superni: {folder} has no folder tasks. Give the folder that natural-instructions was cloned to.")
    paths = {path.name.removesuffix(".json"): path for path in sorted(tasks.iterdir()) if path.name.endswith(".json")}
    if not paths:
        raise SourceError(f"superni: {tasks} has no .json files.")
    entries = {name: kept.about(path, _KIND, functools.partial(_entry, path)) for name, path in paths.items()}
    kept.save()
    return {name: entry if isinstance(entry, str) else _task_file(name, paths[name], entry) for name, entry in entries.items()}


def read_split(folder: epath.Path, split: str) -> dict[str, str]:
    """Returns task name -> "train", "test" or "excluded"; {} if the folder has no splits at all."""
    splits = folder / "splits"
    if not splits.is_dir():
        return {}
    if not (splits / split).is_dir():
        raise unknown("split", split, f"superni: {splits}", [path.name for path in splits.iterdir() if path.is_dir()])
    found: dict[str, str] = {}
    for part in ("train", "test", "excluded"):
        listed = splits / split / f"{part}_tasks.txt"
        if not listed.exists():
            raise SourceError(f"superni: there is no file {listed}.")
        for name in listed.read_text().split():
            if name in found:
                raise SourceError(f"superni: {listed} lists {name}, which {found[name]}_tasks.txt lists too.")
            found[name] = part
    return found


@dataclasses.dataclass(frozen=True)
class InstanceStore:
    """The instances of one task file; `count` and `spans` as in TaskFile."""

    name: str
    path: epath.Path
    count: int
    spans: str = dataclasses.field(repr=False)

    def rows(self, split: str) -> Rows:
        self.num_rows(split)
        return InstanceRows(self.path, unpacked(self.spans).reshape(-1, 2))

    def num_rows(self, split: str) -> int:
        if split != INSTANCES:
            raise unknown("split", split, self.name, [INSTANCES])
        return self.count

    def fingerprint(self, split: str) -> str:
        return kept.fingerprint(self.path)


class InstanceRows:
    """Instances as rows. The file is opened for each batch of rows, because a process may not have a thousand of them open.

    Args:
      spans: int64 [rows, 2], the first byte of each instance, and the byte after its last.
    """

    def __init__(self, path: epath.Path, spans: np.ndarray):
        self._path, self._spans = path, spans
        self._data: bytes | None = None

    def __len__(self) -> int:
        return len(self._spans)

    def __getitem__(self, index: int, /) -> Row:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int], /) -> list[Row]:
        spans = self._spans[np.asarray(indices, np.int64)].tolist()
        return [_row(data, self.where(index)) for index, data in zip(indices, self._read(spans), strict=True)]

    def where(self, index: int) -> str:
        return f"{self._path}: instance {index}"

    def _read(self, spans: list[list[int]]) -> list[bytes]:
        with self._opened() as file:
            return [file.read(stop - start) for start, stop in spans if file.seek(start) == start]

    def _opened(self) -> BinaryIO:
        if "://" not in str(self._path):
            return open(self._path, "rb")
        if (copy := kept.copy_of(self._path)) is not None:
            return open(copy, "rb")
        if self._data is None:
            self._data = self._path.read_bytes()
        return io.BytesIO(self._data)


def _row(data: bytes, where: str) -> Row:
    try:
        row = json.loads(data.decode())
    except (ValueError, RecursionError) as error:
        raise RowError(f"{where}: not JSON: {error}") from error
    if not isinstance(row, dict):
        raise RowError(f"{where}: expected a JSON object, got {type(row).__name__}")
    return row


def _entry(path: epath.Path) -> dict[str, Any] | str:
    """Returns the index entry of a task file, or what is wrong with it."""
    try:
        header, spans = json_spans.find_array_in(path.read_bytes(), "Instances")
        if not len(spans):
            return "it has no instances"
        return {
            "definition": _definition(header),
            "categories": _texts(header, "Categories"),
            "sources": _texts(header, "Source"),
            "languages": sorted({*_texts(header, "Input_language"), *_texts(header, "Output_language")}),
            "licence": ", ".join(_texts(header, "Instance License")),
            "link": ", ".join(_texts(header, "URL")),
            "positive": _examples(header, "Positive Examples"),
            "negative": _examples(header, "Negative Examples"),
            "count": len(spans),
            "spans": packed(spans.ravel()),
        }
    except ValueError as error:  # not JSON, not UTF-8, or not as task files are
        return str(error)


def _task_file(name: str, path: epath.Path, entry: Mapping[str, Any]) -> TaskFile:
    return TaskFile(
        name=name,
        path=path,
        definition=entry["definition"],
        categories=tuple(entry["categories"]),
        sources=tuple(entry["sources"]),
        languages=frozenset(entry["languages"]),
        licence=entry["licence"],
        link=entry["link"],
        positive=tuple(Shown(*e) for e in entry["positive"]),
        negative=tuple(Shown(*e) for e in entry["negative"]),
        count=entry["count"],
        spans=entry["spans"],
    )


def _texts(header: Mapping[str, Any], key: str) -> list[str]:
    """Returns a field that is a list of texts, or one text, without blank ones."""
    value = header.get(key) or []
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, list) or not all(isinstance(text, str) for text in listed):
        raise ValueError(f"its {key!r} is {type(value).__name__}, expected a list of texts")
    return [text.strip() for text in listed if text.strip()]


def _definition(header: Mapping[str, Any]) -> str:
    if not (texts := _texts(header, "Definition")):
        raise ValueError("it has no 'Definition'")
    return texts[0]


def _examples(header: Mapping[str, Any], key: str) -> list[Shown]:
    listed = header.get(key) or []
    if not isinstance(listed, list):
        raise ValueError(f"its {key!r} is {type(listed).__name__}, expected a list")
    return [_shown(example, f"number {n} of its {key!r}") for n, example in enumerate(listed[:_SHOWN_EXAMPLES], 1)]


def _shown(example: Any, which: str) -> Shown:
    if not isinstance(example, dict):
        raise ValueError(f"{which} is {type(example).__name__}, expected an object")
    output = example.get("output", "")
    first = output[0] if isinstance(output, list) and output else output
    texts = [example.get("input", ""), first, example.get("explanation", "")]
    for part, text in zip(Shown._fields, texts, strict=True):
        if not isinstance(text, str):
            raise ValueError(f"{which} has an {part} that is {type(text).__name__}, expected text")
    return Shown(*(text.strip() for text in texts))
