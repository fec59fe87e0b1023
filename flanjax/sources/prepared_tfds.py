"""Data sets that tensorflow_datasets has prepared as ArrayRecord, read without TensorFlow.

tfds("ag_news_subset")                                  in TFDS_DATA_DIR, or ~/tensorflow_datasets
tfds("glue/rte", data_dir="gs://bucket/tfds")
tfds("/data/tfds/glue/rte/2.0.0")                       the directory of one version
"""

from __future__ import annotations

import dataclasses
import functools
import os
import re
from typing import Any

import numpy as np
from etils import epath

from flanjax.sources import kept
from flanjax.sources.base import Row, Rows, Source, SourceError, unknown
from flanjax.sources.records import RecordRows
from flanjax.sources.split_source import SplitSource, digest

_VERSION = re.compile(r"[:/]?\d+\.\d+\.\d+/?$")


def tfds(
    data_set: str | os.PathLike[str], data_dir: str | os.PathLike[str] | None = None, *, name: str | None = None
) -> Source:
    """Returns a source of a prepared data set, named "tfds:glue/rte" without its version.

    Text features become str, numbers and lists become Python's; bytes stay bytes elsewhere.

    Args:
      data_set: a name as tensorflow_datasets writes it, "glue/rte" or "glue/rte:2.0.0", or the directory of one version.
      data_dir: where data sets were prepared.
      name: the source's name; needed if two directories would give the same.
    """
    text = os.fspath(data_set)
    corpus = name or (os.path.basename(_VERSION.sub("", text)) if _is_directory(text) else _VERSION.sub("", text))
    return SplitSource(TfdsStore(corpus, text, None if data_dir is None else os.fspath(data_dir)))


def _is_directory(data_set: str) -> bool:
    return "://" in data_set or data_set.startswith(("/", ".", "~"))


@dataclasses.dataclass(frozen=True)
class TfdsStore:
    """One prepared data set."""

    corpus: str
    data_set: str
    data_dir: str | None

    @property
    def name(self) -> str:
        return f"tfds:{self.corpus}"

    def rows(self, split: str) -> Rows:
        info = _info(self)
        rows = RecordRows(self._files(split), functools.partial(_row, info.features))
        if not len(rows):
            raise SourceError(f"{self.name}: split {split!r} has no rows.")
        return rows

    def num_rows(self, split: str) -> int:
        return int(self._split(split).num_examples)

    def fingerprint(self, split: str) -> str:
        return digest([kept.fingerprint(file) for file in self._files(split)])

    def _files(self, split: str) -> list[epath.Path]:
        files = [epath.Path(file) for file in self._split(split).filepaths]
        if missing := [file for file in files if not file.exists()]:
            raise SourceError(f"{self.name}: {len(missing)} of {len(files)} files are missing, the first is {missing[0]}.")
        return files

    def _split(self, split: str) -> Any:
        splits = _info(self).splits
        if split not in splits:
            raise unknown("split", split, self.name, splits)
        return splits[split]


@functools.lru_cache(maxsize=256)
def _info(store: TfdsStore) -> Any:
    """Returns what tensorflow_datasets knows about a prepared data set: its features, splits and files."""
    import tensorflow_datasets  # a second of imports

    try:
        if _is_directory(store.data_set):
            builder = tensorflow_datasets.builder_from_directory(epath.Path(store.data_set).expanduser())
        else:
            # Unlike `builder`, this asks neither the data set's code nor the network.
            where = {} if store.data_dir is None else {"data_dir": store.data_dir}
            builder = tensorflow_datasets.core.load.read_only_builder.builder_from_files(store.data_set, **where)
    except Exception as e:  # it raises a dozen kinds: not found, no such version, damaged dataset_info.json, …
        reason = str(e).partition("\n")[0]
        raise SourceError(f"{store.name}: no data set is prepared as {store.data_set!r}: {reason} {_how(store)}") from e
    kind = builder.info.file_format
    if kind is None or kind.value != "array_record":
        raise SourceError(f"{store.name} is prepared as {kind and kind.value}, which has no random access. {_how(store)}")
    return builder.info


def _how(store: TfdsStore) -> str:
    name = store.corpus if _is_directory(store.data_set) else store.data_set
    place = f" --data_dir={store.data_dir}" if store.data_dir else ""
    return f"Prepare it by: tfds build {name} --file_format=array_record{place}"


def _row(features: Any, record: bytes) -> Row:
    return dict(_plain(features, features.deserialize_example_np(record)))


def _plain(feature: Any, value: Any) -> Any:
    """Returns a feature's value as Python values."""
    import tensorflow_datasets.core.features as kinds

    if isinstance(feature, kinds.FeaturesDict):
        return {key: _plain(feature[key], inner) for key, inner in value.items()}
    if isinstance(feature, kinds.Sequence):
        inside = feature.feature
        if isinstance(inside, kinds.FeaturesDict):  # a list of dicts, which is read as a dict of lists
            return {key: [_plain(inside[key], one) for one in many] for key, many in value.items()}
        return [_plain(inside, one) for one in value]
    if isinstance(feature, kinds.Dataset):
        return [_plain(feature.feature, one) for one in value]
    return _leaf(feature, value, isinstance(feature, kinds.Text))


def _leaf(feature: Any, value: Any, is_text: bool) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if is_text and isinstance(value, list):
        return [_leaf(feature, one, is_text) for one in value]
    return value.decode() if is_text and isinstance(value, bytes) else value
