"""What a checkpoint says about its run, and whether that is the run that is asked for."""

from collections.abc import Mapping
from typing import Any

import jax
from etils import epath

from flanjax import records
from flanjax.config import ConfigError, RunConfig, differences, same_mixture
from flanjax.data.corpus import Corpus
from flanjax.data.identity import split_identity
from flanjax.models import functional
from flanjax.models.params import Full, Tuning
from flanjax.parts.data import as_json
from flanjax.tasks.clusters import Split
from flanjax.train.optimizer import bent_schedule
from flanjax.version import __version__

# Keys that may change between a run and its continuation: they decide when things are written and where arrays live.
_FREE_KEYS = (
    "name", "checkpoint.", "evaluation.", "mesh.", "model.attention", "model.remat", "train.microbatches",
    "train.xla_options", "train.log_every", "train.validate_every", "train.validation_examples", "train.heldout_every",
    "train.heldout_items", "train.tensorboard", "train.wandb", "train.steps", "train.optimizer.schedule_steps",
    "data.max_bad_share", "data.num_workers", "data.num_threads", "data.prefetch_windows", "data.prepared", "data.on_error",
)  # fmt: skip


def meta_of(config: RunConfig, split: Split, corpus: Corpus, model: functional.Config, tuning: Tuning) -> dict[str, Any]:
    """What a checkpoint says about the run it belongs to."""
    return {
        records.FORMAT: records.META,
        "config": config.to_dict(),
        "split": split.record(),
        "tokenizer": corpus.tokenizer.fingerprint,
        "plan": corpus.plan.hash(),
        "model": functional.record_of(model),
        "tuning": type(tuning).__name__,
        "tasks": split_identity(corpus.entries, dict(zip(corpus.names, corpus.rows, strict=True)), split.heldout),
        "versions": {"flanjax": __version__, "jax": jax.__version__},
    }


def check_same_run(workdir: epath.Path, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    """Raises ConfigError when a checkpoint's meta is of another run than the one asked for."""
    now = as_json(new["config"])
    before = as_json(RunConfig.from_config_dict(old["config"]).to_dict())  # with the keys that older runs had not
    if same_mixture(before["mixture"], now["mixture"]):  # the same file, addressed from another folder
        before["mixture"] = now["mixture"]
    changed = [d for d in differences(before, now) if not d.startswith(_FREE_KEYS)]
    if not changed and (bent := bent_schedule(old["config"]["train"], new["config"]["train"])):
        changed.append(bent)
    changed += [] if changed else _other_quarantine(old["split"], new["split"])
    for part in ("tokenizer", "plan"):
        if not changed and old[part] != new[part]:
            changed.append(f"{part}: {old[part]} -> {new[part]} (the data or the mixture file changed)")
    old_model = functional.record_of(functional.config_from(old["model"]))
    if not changed and differences(_without_free(old_model), _without_free(as_json(new["model"]))):
        changed.append(f"model: {old['model']} -> {new['model']} (the weights at model.init changed)")
    if not changed and (was := old.get("tuning", Full.__name__)) != new["tuning"]:
        changed.append(f"tuning: {was} -> {new['tuning']}")
    if changed:
        raise ConfigError(
            f"{workdir} holds a run of another config: {'; '.join(changed)}. "
            "Use another --workdir, or set these back to go on with it"
        )


def _other_quarantine(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """What is in quarantine in only one of two splits, in words."""
    before, now = old.get("quarantined", {}), new.get("quarantined", {})
    appeared = [f"{name}, which the run is trained on, cannot be opened: {now[name]}" for name in now if name not in before]
    gone = [name for name in before if name not in now]
    if gone:
        appeared.append(f"{', '.join(gone)}: in quarantine since the run began; set data.on_error=quarantine to go on without")
    return appeared


def _without_free(model: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in model.items() if f"model.{name}" not in _FREE_KEYS}
