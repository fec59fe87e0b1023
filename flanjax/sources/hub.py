"""Data sets of the Hugging Face hub, or of a mirror of it.

If FLANJAX_HUB_MIRROR is set, hub("nyu-mll/glue", "rte") reads <mirror>/nyu-mll/glue/rte/train.parquet. The mirror is a folder
or a gs:// address and holds one revision of each data set. Otherwise `datasets` loads from the hub. Both give the same rows.
"""

from __future__ import annotations

import dataclasses
import functools
import os
from collections.abc import Callable
from typing import Any

from etils import epath

from flanjax.sources import kept
from flanjax.sources.base import Rows, Source, SourceError, nearest, unknown
from flanjax.sources.split_source import SplitSource

MIRROR = "FLANJAX_HUB_MIRROR"


def hub(path: str, config: str | None = None, *, revision: str | None = None) -> Source:
    """Returns a source of a data set of the hub, named "hub:<path>/<config>".

    The name does not include the revision, because two revisions of a data set are one lineage.
    """
    namespace, _, rest = path.rpartition("/")
    if "/" in namespace:
        hint = f'Did you mean hub("{namespace}", "{rest}")?'
        raise SourceError(f'A data set is "name" or "namespace/name", got {path!r}. {hint}')
    return SplitSource(HubStore(path, config, revision))


@dataclasses.dataclass(frozen=True)
class HubStore:
    """One configuration of a data set. The environment variable is read when a split is read, not before."""

    path: str
    config: str | None
    revision: str | None

    @property
    def name(self) -> str:
        return f"hub:{self.path}/{self.config}" if self.config else f"hub:{self.path}"

    @property
    def is_remote(self) -> bool:
        return not os.environ.get(MIRROR)

    def rows(self, split: str) -> Rows:
        from flanjax.sources import arrow, parquet_files  # pyarrow would slow down every start

        if mirror := os.environ.get(MIRROR):
            return parquet_files.read_parquet([_mirrored(self, split, mirror)], self.name)
        import datasets  # a second of imports that a mirror does not need

        dataset = self._ask_hub(functools.partial(datasets.load_dataset, split=split), split)
        if len(dataset) == 0:
            raise SourceError(f"{self.name}: split {split!r} has no rows.")
        return arrow.ArrowRows(dataset.with_format("arrow")[:], name=f"{self.name} {split}")

    def num_rows(self, split: str) -> int | None:
        if mirror := os.environ.get(MIRROR):
            from flanjax.sources import parquet_files  # pyarrow would slow down every start

            return parquet_files.count_parquet([_mirrored(self, split, mirror)], self.name)
        import datasets  # a second of imports that a mirror does not need

        known = self._ask_hub(datasets.load_dataset_builder, split).info.splits
        if not known:
            return None
        if split not in known:
            raise unknown("split", split, self.name, known)
        return int(known[split].num_examples)

    def fingerprint(self, split: str) -> str | None:
        mirror = os.environ.get(MIRROR)
        return kept.fingerprint(_mirrored(self, split, mirror)) if mirror else None

    def _ask_hub(self, load: Callable[..., Any], split: str) -> Any:
        try:
            return load(self.path, self.config, revision=self.revision)
        except Exception as e:  # the hub raises a dozen types of error: not found, gated, offline, no such split, …
            raise SourceError(
                f"Cannot load data set {self.path!r}, configuration {self.config!r}, split {split!r}, revision "
                f"{self.revision!r} from the Hugging Face hub: {type(e).__name__}: {e}\n"
                f"Check the id at https://huggingface.co/datasets/{self.path}, or set {MIRROR} to a folder or gs:// "
                "address that holds <id>/<configuration>/<split>.parquet." + _script_hint(e)
            ) from e


def _script_hint(error: Exception) -> str:
    if "scripts are no longer supported" not in str(error):
        return ""
    return '\nThe hub keeps a Parquet copy of such data sets: try hub(…, revision="refs/convert/parquet").'


def _mirrored(store: HubStore, split: str, mirror: str) -> epath.Path:
    """Returns the file of a split in the mirror. Raises SourceError with the existing and the nearest names."""
    root = epath.Path(mirror).expanduser()
    if not root.is_dir():
        raise SourceError(f"{MIRROR} is {mirror}, which is not a folder.")
    folder = root / store.path
    configs = _folders(folder)
    if not configs:
        near = nearest(store.path, _ids(root))
        hint = f"Nearest: {', '.join(near)}." if near else "No id there is like it."
        raise SourceError(f"The mirror {mirror} ({MIRROR}) has no data set {store.path!r}. {hint}")
    file = folder / _config(store, configs) / f"{split}.parquet"
    if not file.exists():
        raise unknown("split", split, store.name, [f.stem for f in file.parent.glob("*.parquet")])
    return file


def _config(store: HubStore, configs: list[str]) -> str:
    if store.config is None and len(configs) == 1:
        return configs[0]
    if store.config is None and "default" not in configs:
        raise SourceError(f"{store.name} has {len(configs)} configurations, name one of them: {', '.join(configs)}.")
    config = store.config or "default"
    if config not in configs:
        raise unknown("configuration", config, f"hub:{store.path}", configs)
    return config


def _ids(root: epath.Path) -> list[str]:
    """Returns every data set of the mirror: "name" if a folder's subfolders hold Parquet files, else "namespace/name"."""
    ids = []
    for top in _folders(root):
        inner = _folders(root / top)
        is_dataset = any(list((root / top / name).glob("*.parquet")) for name in inner)
        ids += [top] if is_dataset else [f"{top}/{name}" for name in inner]
    return ids


def _folders(path: epath.Path) -> list[str]:
    return sorted(p.name for p in path.iterdir() if p.is_dir()) if path.is_dir() else []
