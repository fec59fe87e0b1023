"""The task files of Super-NaturalInstructions, and the lists of tasks of its splits.

A task file (https://github.com/allenai/natural-instructions, tasks/) is a JSON object: its texts are lists, in some files
strings; `Positive Examples` and `Negative Examples` have input, output and explanation; `Instances` have input and a list of
outputs. A file has up to 6,500 instances and 50 MB, so the kept index has everything but the instances, and where each of those
lies. An instance is read from the file when it is visited, and no file stays open.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from etils import epath

from flanjax.importers import json_spans
from flanjax.importers.index import indexed, packed, unpacked
from flanjax.sources import Rows, SourceError
from flanjax.sources.base import unknown

INSTANCES = "instances"  # the only split of a task file
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
      spans: int64 [instances, 2], the first byte of each instance in the file, and the byte after its last.
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
    spans: np.ndarray = dataclasses.field(repr=False)


def read_folder(folder: epath.Path) -> dict[str, TaskFile | str]:
    """Returns name -> task file, for every tasks/*.json, in order of name; in place of a bad one, what is wrong with it."""
    tasks = folder / "tasks"
    if not tasks.is_dir():
        raise SourceError(f"superni: {folder} has no folder tasks. Give the folder that natural-instructions was cloned to.")
    paths = {path.name.removesuffix(".json"): path for path in sorted(tasks.iterdir()) if path.name.endswith(".json")}
    if not paths:
        raise SourceError(f"superni: {tasks} has no .json files.")
    entries = indexed(f"superni {folder}", paths, _entry)
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


@dataclasses.dataclass(frozen=True, eq=False)  # compared by identity: arrays have no hash
class InstanceStore:
    """The instances of one task file."""

    name: str
    path: epath.Path
    spans: np.ndarray = dataclasses.field(repr=False)

    def rows(self, split: str) -> Rows:
        self.num_rows(split)
        return json_spans.SpanRows(self.path, self.spans)

    def num_rows(self, split: str) -> int:
        if split != INSTANCES:
            raise unknown("split", split, self.name, [INSTANCES])
        return len(self.spans)


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
        spans=unpacked(entry["spans"]).reshape(-1, 2),
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
