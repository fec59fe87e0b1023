"""What a run trains on: its split mixture, the rows prepared for it, the shapes of its batches."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np
from etils import epath

from flanjax import checkpoint
from flanjax.config import ConfigError, RunConfig, differences
from flanjax.data.corpus import Corpus
from flanjax.data.feature_config import Lengths
from flanjax.data.layout import ROW_WEIGHTS, row_shapes
from flanjax.data.offline import prepared
from flanjax.data.pipeline import Host
from flanjax.data.quarantine import find_causes, quarantine
from flanjax.parallel import distributed, sharding
from flanjax.tasks.ablation import thinned
from flanjax.tasks.clusters import Split, hold_out
from flanjax.tasks.mixture import Mixture
from flanjax.tasks.registry import load_mixture
from flanjax.workdir import TOKENIZER

MADE_IN_PYTHON = "made in Python:"  # stands before the name of a mixture that has no address


def split_of(config: RunConfig, mixture: Mixture | None = None) -> Split:
    """The given mixture, or the one at the config's address, split by the clusters held out and left out, and thinned out."""
    if mixture is None and config.mixture.startswith(MADE_IN_PYTHON):
        name = config.mixture.removeprefix(MADE_IN_PYTHON)
        raise ConfigError(
            f"the mixture {name!r} of this run was made in Python, so it cannot be read from a file: give it to "
            "flanjax.open_run(config, mixture, workdir=...) and call heldout(), evaluate() or train() there"
        )
    return thinned(hold_out(mixture or load_mixture(config.mixture), config.heldout, config.leave_out), config.ablation)


def earlier_quarantine(config: RunConfig, workdir: epath.Path) -> dict[str, str]:
    """Task -> cause, of what the checkpoints or prepared rows were made without, and what stays out therefore."""
    if checkpoint.steps_of(workdir):
        record = checkpoint.read_meta(workdir)[1]
    else:
        record = prepared.read_manifest(config.data.prepared) if config.data.prepared else {}
    return dict(record.get("split", {}).get("quarantined", {}))


def without_unopened(config: RunConfig, split: Split, earlier: Mapping[str, str]) -> Split:
    """The split without the training tasks whose data cannot be opened, if the config wants these in quarantine.

    The first process decides for all.

    Args:
      earlier: task -> cause, of those that are out already.
    """
    if config.data.on_error == "stop":
        return split

    def causes() -> dict[str, str]:
        known = {task.name: earlier[task.name] for task in split.train.tasks() if task.name in earlier}
        return {**known, **find_causes(t for t in split.train.tasks() if t.name not in known)}

    found = quarantine(split.train, distributed.from_first(causes))
    return split._replace(train=found.mixture, quarantined=found.causes, published=found.published)


def quarantine_lines(split: Split) -> list[str]:
    """What is said of a quarantine when a run starts."""
    if not split.quarantined:
        return []
    title = f"the mixture is {split.train.name}; in quarantine, because they cannot be opened:"
    return [title, *(f"  {name} ({cause})" for name, cause in split.quarantined.items())]


def prepared_of(config: RunConfig, corpus: Corpus, host: Host) -> prepared.Prepared | None:
    """The rows that the config names instead of making them. Raises ConfigError if they are others or too few."""
    if not config.data.prepared:
        return None
    found = prepared.Prepared(config.data.prepared)
    check_prepared(config, found, corpus)
    streams = host.streams(config.data.num_streams)
    found.check_sizes(streams)
    found.check_made_alike(corpus, streams[0])
    return found


def check_prepared(config: RunConfig, found: prepared.Prepared, corpus: Corpus) -> None:
    directory, manifest = config.data.prepared, found.manifest
    assert directory
    if config.tokenizer.path == "train" and manifest["tokenizer"]["path"] == "train":
        asked = as_json(vars(config.tokenizer))
        if changed := differences(manifest["tokenizer"], asked, "tokenizer."):
            raise ConfigError(f"{directory} was prepared for another tokenizer: {'; '.join(changed)}{_ELSEWHERE}")
    check_identity(directory, manifest, prepared.identity_of(corpus))
    if (steps := found.num_steps(config.data)) < config.train.steps:
        raise ConfigError(
            f"{directory} has rows for {steps:,} steps, train.steps is {config.train.steps:,}. Prepare more: "
            f"flanjax prepare --config CONFIG --output {directory} --steps {config.train.steps}"
        )


def check_identity(directory: epath.PathLike, manifest: Mapping[str, Any], identity: Mapping[str, Any]) -> None:
    """Raises ConfigError naming each thing in which prepared rows differ from those that are asked for."""
    old, new = dict(manifest["identity"]), as_json(identity)
    old_tasks, new_tasks = old.pop("tasks"), new.pop("tasks")
    changed = [d for d in differences(old, new) if not d.startswith("tokenizer")]
    if old["tokenizer"] != new["tokenizer"]:
        changed.append(
            f"tokenizer: {old['tokenizer']} -> {new['tokenizer']} (for a run that has its own, prepare with "
            f"--config.tokenizer.path=WORKDIR/{TOKENIZER})"
        )
    for said, names in (
        ("tasks only there", sorted(old_tasks.keys() - new_tasks)),
        ("tasks only here", sorted(new_tasks.keys() - old_tasks)),
        (
            "tasks whose templates, styles, filters, code or rows changed",
            [n for n in old_tasks if new_tasks.get(n, old_tasks[n]) != old_tasks[n]],
        ),
    ):
        if names:
            more = f" and {len(names) - 5} more" if len(names) > 5 else ""
            changed.append(f"{said}: {', '.join(names[:5])}{more}")
    if changed:
        raise ConfigError(f"{directory} was prepared for other data: {'; '.join(changed)}{_ELSEWHERE}")


_ELSEWHERE = ". Set these back, prepare into another directory, or leave data.prepared out and make the rows while training"


def check_batch(config: RunConfig, mesh: sharding.Mesh) -> None:
    """Raises ConfigError if the mesh does not divide the rows of a batch, or of a microbatch."""
    number = 1 if config.train.microbatches == "auto" else int(config.train.microbatches)
    rows, shards = config.data.batch_size // number, sharding.num_batch_shards(mesh)
    if rows % shards:
        raise ConfigError(
            f"data.batch_size / train.microbatches is {rows} rows, which {shards} devices (data x fsdp) do not divide; "
            "raise the batch, take fewer microbatches, or set mesh.tensor"
        )


def batch_shapes(
    config: RunConfig, mesh: sharding.Mesh, numbers: Sequence[str] = (), lengths: Lengths | None = None
) -> dict[str, jax.ShapeDtypeStruct]:
    """The arrays of a global batch as training puts them on the mesh: of rows of these lengths, or else of the longest."""
    placed, rows, features = sharding.batch_sharding(mesh), config.data.batch_size, config.data.features
    shapes = row_shapes(features, lengths or features.longest, numbers)
    if len(features.pairs) > 1:
        shapes[ROW_WEIGHTS] = (), np.dtype(np.float32)
    return {n: jax.ShapeDtypeStruct((rows, *shape), dtype, sharding=placed) for n, (shape, dtype) in shapes.items()}


def as_json(value: Any) -> Any:
    """A record as it is once it was written and read again: tuples are lists."""
    return json.loads(json.dumps(value))
