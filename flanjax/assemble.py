"""The parts of a run, each built from the config: its split, tokenizer, model, weights and plan record."""

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
from etils import epath

from flanjax import checkpoint, distributed, sharding
from flanjax.config import ConfigError, RunConfig, differences
from flanjax.data.pipeline import Corpus, DataConfig, open_corpus
from flanjax.data.plan import realised_shares
from flanjax.data.tally import Tally
from flanjax.data.texts import mixture_texts
from flanjax.data.tokenizer import Tokenizer, load_tokenizer, survives, train_tokenizer
from flanjax.models import functional, hf
from flanjax.models.t5 import T5Config
from flanjax.sources import Rows
from flanjax.tasks.clusters import Split, hold_out
from flanjax.tasks.mixture import Mixture
from flanjax.tasks.registry import load_mixture
from flanjax.tasks.styles import Style
from flanjax.version import __version__

TOKENIZER, MIXTURE, CONFIG, EVALUATION = "tokenizer", "mixture.json", "config.json", "evaluation"

# Keys that may change between a run and its continuation: they decide when things are written and where arrays live.
_FREE_KEYS = (
    "name", "checkpoint.", "evaluation.", "mesh.", "train.microbatches", "train.log_every", "train.validate_every",
    "train.validation_examples", "train.heldout_every", "train.heldout_items", "train.tensorboard", "train.steps",
    "data.max_bad_share", "data.num_workers", "data.num_threads", "data.prefetch_windows",
)  # fmt: skip


# What a config may say of a model whose weights and shape come from elsewhere (hf.load_t5 takes the same).
_COMPUTED = {"dtype", "scan", "remat", "dropout"}


class Weights(NamedTuple):
    """A model and where its first parameters come from.

    Attributes:
      model: its shape.
      make: () -> parameters on the mesh.
    """

    model: T5Config
    make: Callable[[], Any]


def split_of(config: RunConfig) -> Split:
    """The mixture at the config's address, split by the clusters held out and left out."""
    return hold_out(load_mixture(config.mixture), config.heldout, config.leave_out)


def tokenizer_of(config: RunConfig, workdir: epath.Path, mixture: Mixture, rows: dict[str, Rows]) -> Tokenizer:
    """The config's tokenizer; a trained one is kept in the workdir and found there again."""
    kept = workdir / TOKENIZER
    path = config.tokenizer.path

    def keep() -> None:
        if kept.exists():
            return
        unfinished = workdir / f".{TOKENIZER}.tmp"
        tokenizer = _train_tokenizer(config, mixture, rows) if path == "train" else load_tokenizer(path)
        tokenizer.save(unfinished)
        unfinished.rename(kept)

    distributed.first_then_others("tokenizer", keep)
    return load_tokenizer(str(kept) if path == "train" else path)


def _train_tokenizer(config: RunConfig, mixture: Mixture, rows: dict[str, Rows]) -> Tokenizer:
    # A corpus needs a tokenizer to be opened; its plan does not.
    entries, opened, plan, *_ = open_corpus(mixture, rows, load_tokenizer("bytes"), config.data)
    texts = mixture_texts(entries, opened, plan, config.tokenizer.train_examples, config.data.seed)
    return train_tokenizer(texts, config.tokenizer)


def weights_of(config: RunConfig, tokenizer: Tokenizer, mesh: sharding.Mesh) -> Weights:
    """The weights that training begins with: drawn from the seed, of a Hugging Face directory, or of another run."""
    init = config.model.init
    if init == "scratch":
        model = config.model.t5(tokenizer.vocab_size)
        placed = param_shardings(model, mesh)
        key = jax.random.key(config.train.seed)
        return Weights(model, jax.jit(lambda: functional.init(model, key), out_shardings=placed))
    if config.model.size:
        raise ConfigError(f"model.init={init} decides the model's shape; leave model.size={config.model.size!r} out")
    if shape := sorted(set(config.model.fields) - _COMPUTED):
        raise ConfigError(
            f"model.init={init} decides the model's shape; of model only {sorted(_COMPUTED)} may be set, got {shape}"
        )
    place = epath.Path(init)
    if (place / "config.json").exists() and checkpoint.steps_of(place):
        return _of_run(config, place, tokenizer, mesh)
    if not (place / "config.json").exists():
        raise ConfigError(
            f"model.init is {init!r}: no Hugging Face config.json and no checkpoints there; 'scratch' starts from nothing"
        )
    if config.tokenizer.path == "train":
        raise ConfigError(
            f"model.init={init} has learned the ids of its own tokenizer; set tokenizer.path to it, not to 'train'"
        )
    model, params = hf.load_t5(init, **config.model.fields)
    if model.vocab_size < tokenizer.vocab_size:
        raise ConfigError(
            f"model.init={init} has {model.vocab_size} embeddings, but the tokenizer has {tokenizer.vocab_size} ids"
        )
    return Weights(model, lambda: jax.tree.map(sharding.place, params, param_shardings(model, mesh)))


def _of_run(config: RunConfig, place: epath.Path, tokenizer: Tokenizer, mesh: sharding.Mesh) -> Weights:
    step, meta = checkpoint.read_meta(place)
    if tokenizer.fingerprint != meta["tokenizer"]:
        raise ConfigError(
            f"model.init={place} was trained with another tokenizer than tokenizer.path={config.tokenizer.path!r} gives; "
            f"set tokenizer.path={place / TOKENIZER}"
        )
    model = T5Config(**{**meta["model"], **config.model.fields})
    return Weights(model, lambda: read_params(place, step, model, mesh))


def read_params(workdir: epath.Path, step: int, model: T5Config, mesh: sharding.Mesh) -> Any:
    _, shapes = functional.abstract(model)
    return checkpoint.read_params(workdir, step, sharding.abstract(shapes, param_shardings(model, mesh)))


def param_shardings(model: T5Config, mesh: sharding.Mesh) -> Any:
    _, shapes = functional.abstract(model)
    return sharding.shardings(shapes, functional.logical_axes(model), mesh)


def meta_of(config: RunConfig, split: Split, corpus: Corpus, model: T5Config) -> dict[str, Any]:
    """What a checkpoint says about the run it belongs to."""
    return {
        "config": config.to_dict(),
        "split": split.record(),
        "tokenizer": corpus.tokenizer.fingerprint,
        "plan": corpus.plan.hash(),
        "model": vars(model).copy(),
        "versions": {"flanjax": __version__, "jax": jax.__version__},
    }


def check_same_run(workdir: epath.Path, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    """Raises ConfigError when a checkpoint's meta is of another run than the one asked for."""
    changed = [d for d in differences(old["config"], _as_json(new["config"])) if not d.startswith(_FREE_KEYS)]
    for part in ("tokenizer", "plan", "model"):
        if not changed and _as_json(old[part]) != _as_json(new[part]):
            changed.append(f"{part}: {old[part]} -> {new[part]} (the data or the mixture file changed)")
    if changed:
        raise ConfigError(
            f"{workdir} holds a run of another config: {'; '.join(changed)}. "
            "Use another --workdir, or set these back to go on with it"
        )


def write_record(workdir: epath.Path, name: str, record: Any) -> None:
    """A JSON file of the workdir, replaced as a whole."""
    if not distributed.is_first():
        return
    temporary = workdir / f".{name}.tmp"
    temporary.write_text(json.dumps(record, indent=1))
    temporary.replace(workdir / name)


def mixture_record(split: Split, corpus: Corpus, tally: Tally, num_examples: int) -> dict[str, Any]:
    """mixture.json: what was asked of every task and what it gave."""
    clusters = {e.task.name: e.task.cluster for e in corpus.entries}
    counts = {name: values.tolist() for name, values in tally.counts.items()}
    tasks = []
    for i, plan in enumerate(realised_shares(corpus.plan, max(num_examples, 1))):
        seen = max(counts["examples"][i], 1)
        tasks.append(
            {
                **plan,
                "cluster": clusters[plan["task"]],
                "licence": corpus.entries[i].task.licence,
                "mean_input_tokens": counts["input_tokens"][i] / seen,
                "mean_target_tokens": counts["target_tokens"][i] / seen,
                "cut_share": counts["cut_examples"][i] / seen,
                "skipped": {k: counts[k][i] for k in ("bad", "left_out", "too_long")},
                "skipped_because": tally.reasons.get(i, []),
            }
        )
    total = max(int(tally.styles.sum()), 1)
    styles = {Style.from_id(i).name: int(n) / total for i, n in enumerate(tally.styles) if n}
    features = corpus.config.features
    filled = {"encoder": (sum(counts["input_tokens"]), features.inputs_length)}
    filled["decoder"] = (sum(counts["target_tokens"]), features.targets_length)
    return {
        "mixture": split.train.name,
        "plan_hash": corpus.plan.hash(),
        "tasks": tasks,
        "removed": split.removed,
        "heldout": [t.name for t in split.heldout],
        "styles": styles,
        "packing": {f"{side}_fill": tokens / max(tally.rows * length, 1) for side, (tokens, length) in filled.items()},
    }


def num_visits(corpus: Corpus, streams: Mapping[int, tuple[int, int]]) -> int:
    """How many examples of the plan the streams have taken up, whole windows counted."""
    config: DataConfig = corpus.config
    return sum(window + (row > 0) for window, row in streams.values()) * config.window


def template_warnings(mixture: Mixture, tokenizer: Tokenizer) -> list[str]:
    """One line for each template whose own words the tokenizer cannot write and read back."""
    return [
        f"task {task.name}, template {template.name}: the tokenizer loses part of {text!r}"
        for task in mixture.tasks()
        for template in task.templates
        for text in template.literals
        if not survives(tokenizer, text)
    ]


def _as_json(value: Any) -> Any:
    return json.loads(json.dumps(value))
