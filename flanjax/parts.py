"""The parts of a run, each built from the config: its split, tokenizer, model, weights and plan record."""

import functools
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
from etils import epath

from flanjax import checkpoint, records
from flanjax import huggingface as hf
from flanjax.config import ConfigError, RunConfig, differences, same_mixture
from flanjax.data import kept_tokenizer
from flanjax.data.data_stats import DataStats
from flanjax.data.identity import split_identity
from flanjax.data.layout import row_shapes
from flanjax.data.offline import prepared
from flanjax.data.pipeline import Corpus, DataConfig, Host, open_corpus
from flanjax.data.plan import realised_shares
from flanjax.data.texts import mixture_texts
from flanjax.data.tokenizer import Tokenizer, load_tokenizer, survives, train_tokenizer
from flanjax.models import functional
from flanjax.models.params import Full, Params, Tuning
from flanjax.parallel import distributed, sharding
from flanjax.sources import Rows
from flanjax.tasks.clusters import Split, hold_out
from flanjax.tasks.mixture import Mixture
from flanjax.tasks.registry import load_mixture
from flanjax.tasks.styles import Style
from flanjax.train.optimizer import bent_schedule
from flanjax.version import __version__
from flanjax.workdir import TOKENIZER, open_workdir

MADE_IN_PYTHON = "made in Python:"  # stands before the name of a mixture that has no address

# Keys that may change between a run and its continuation: they decide when things are written and where arrays live.
_FREE_KEYS = (
    "name", "checkpoint.", "evaluation.", "mesh.", "model.attention", "train.microbatches", "train.log_every",
    "train.validate_every", "train.validation_examples", "train.heldout_every", "train.heldout_items", "train.tensorboard",
    "train.steps", "train.optimizer.schedule_steps", "data.max_bad_share", "data.num_workers", "data.num_threads",
    "data.prefetch_windows", "data.prepared",
)  # fmt: skip


class Weights(NamedTuple):
    """A model and where its first parameters come from.

    Attributes:
      model: its shape.
      make: () -> parameters on the mesh.
      directory: that they are read from; None if they are drawn.
      notes: what the config says of the shape that the weights contradict.
    """

    model: functional.Config
    make: Callable[[], Any]
    directory: epath.PathLike | None = None
    notes: tuple[str, ...] = ()


def settled(config: RunConfig) -> RunConfig:
    """The config with the layout that its model needs. Weights that are not here yet are fetched, to tell their kind.

    Raises:
      ConfigError: there are no such weights, or the config gives them a tokenizer whose ids they have not learned.
    """
    init = config.model.init
    if config.tokenizer.path == "train" and init != "scratch" and not _is_run(init):
        raise ConfigError(
            f"model.init={init} has learned the ids of its own tokenizer; set tokenizer.path to it, not to 'train'"
        )
    if config.data.features.layout != "auto":
        return config
    if _is_run(init):
        return config.for_model(type(functional.config_from(checkpoint.read_meta(epath.Path(init))[1]["model"])))
    return config.for_model(type(hf.open_model(_directory_of(init)).config))


def split_of(config: RunConfig, mixture: Mixture | None = None) -> Split:
    """The given mixture, or the one at the config's address, split by the clusters held out and left out."""
    if mixture is None and config.mixture.startswith(MADE_IN_PYTHON):
        name = config.mixture.removeprefix(MADE_IN_PYTHON)
        raise ConfigError(
            f"the mixture {name!r} of this run was made in Python, so it cannot be read from a file: give it to "
            "flanjax.open_run(config, mixture, workdir=...) and call heldout(), evaluate() or train() there"
        )
    return hold_out(mixture or load_mixture(config.mixture), config.heldout, config.leave_out)


def tokenizer_of(config: RunConfig, workdir: epath.Path, mixture: Mixture, rows: dict[str, Rows]) -> Tokenizer:
    """The config's tokenizer; a trained one is kept in the workdir and found there again."""
    kept = workdir / TOKENIZER
    path = config.tokenizer.path
    distributed.first_then_others("tokenizer", lambda: keep_tokenizer(config, workdir, mixture, rows))
    return load_tokenizer(str(kept) if path == "train" else path)


def saved_tokenizer(workdir: epath.Path, config: RunConfig, meta: dict[str, Any]) -> Tokenizer:
    """The tokenizer that a run was trained with, by its checkpoint's meta. Raises ValueError if another one lies there now."""
    path = str(workdir / TOKENIZER) if config.tokenizer.path == "train" else config.tokenizer.path
    tokenizer = load_tokenizer(path)
    if tokenizer.fingerprint != meta["tokenizer"]:
        raise ValueError(
            f"the tokenizer at {path} ({tokenizer.fingerprint}) is not the one that {workdir} was trained with "
            f"({meta['tokenizer']})"
        )
    return tokenizer


def keep_tokenizer(config: RunConfig, directory: epath.Path, mixture: Mixture, rows: dict[str, Rows]) -> None:
    """Leaves the config's tokenizer in the directory: trained, that of the prepared rows, or a copy.

    One that is there stays if it was made from the same, or if checkpoints or rows in the directory have its ids.
    """
    in_use = bool(checkpoint.steps_of(directory)) or (directory / prepared.MANIFEST).exists()
    if config.tokenizer.path != "train":
        origin: dict[str, Any] = {"path": config.tokenizer.path}
    elif config.data.prepared:
        origin = {"prepared": prepared.read_manifest(config.data.prepared)["identity"]["tokenizer"]}
    else:
        # A corpus needs a tokenizer to be opened; its plan does not.
        corpus = open_corpus(mixture, rows, load_tokenizer("bytes"), config.data)
        origin = kept_tokenizer.trained_origin(config.tokenizer, corpus.entries, rows, corpus.plan, config.data.seed)
    kept_tokenizer.keep(directory / TOKENIZER, origin, functools.partial(_made_tokenizer, config, mixture, rows), in_use=in_use)


def _made_tokenizer(config: RunConfig, mixture: Mixture, rows: dict[str, Rows]) -> Tokenizer:
    if config.tokenizer.path != "train":
        return load_tokenizer(config.tokenizer.path)
    if not config.data.prepared:
        return _train_tokenizer(config, mixture, rows)
    tokenizer = prepared.load_prepared_tokenizer(config.data.prepared)
    # Before anything is kept: the tokenizer of refused rows would stay with the run.
    _check_prepared(config, prepared.Prepared(config.data.prepared), open_corpus(mixture, rows, tokenizer, config.data))
    return tokenizer


def prepared_of(config: RunConfig, corpus: Corpus, host: Host) -> prepared.Prepared | None:
    """The rows that the config names instead of making them. Raises ConfigError if they are others or too few."""
    if not config.data.prepared:
        return None
    found = prepared.Prepared(config.data.prepared)
    _check_prepared(config, found, corpus)
    streams = host.streams(config.data.num_streams)
    found.check_sizes(streams)
    found.check_made_alike(corpus, streams[0])
    return found


def _check_prepared(config: RunConfig, found: prepared.Prepared, corpus: Corpus) -> None:
    directory, manifest = config.data.prepared, found.manifest
    assert directory
    if config.tokenizer.path == "train" and manifest["tokenizer"]["path"] == "train":
        asked = _as_json(vars(config.tokenizer))
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
    old, new = dict(manifest["identity"]), _as_json(identity)
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
            "tasks whose templates, styles, code or rows changed",
            [n for n in old_tasks if new_tasks.get(n, old_tasks[n]) != old_tasks[n]],
        ),
    ):
        if names:
            more = f" and {len(names) - 5} more" if len(names) > 5 else ""
            changed.append(f"{said}: {', '.join(names[:5])}{more}")
    if changed:
        raise ConfigError(f"{directory} was prepared for other data: {'; '.join(changed)}{_ELSEWHERE}")


_ELSEWHERE = ". Set these back, prepare into another directory, or leave data.prepared out and make the rows while training"


def _train_tokenizer(config: RunConfig, mixture: Mixture, rows: dict[str, Rows]) -> Tokenizer:
    # A corpus needs a tokenizer to be opened; its plan does not.
    entries, opened, plan, *_ = open_corpus(mixture, rows, load_tokenizer("bytes"), config.data)
    texts = mixture_texts(entries, opened, plan, config.tokenizer.train_examples, config.data.seed)
    return train_tokenizer(texts, config.tokenizer)


def weights_of(config: RunConfig, tokenizer: Tokenizer, mesh: sharding.Mesh) -> Weights:
    """The weights that training begins with: drawn from the seed, Hugging Face's, or of another run."""
    init = config.model.init
    if init == "scratch":
        model = config.model.build(tokenizer.vocab_size)
        placed = param_shardings(model, mesh)
        key = jax.random.key(config.train.seed)
        return Weights(model, jax.jit(lambda: functional.init(model, key), out_shardings=placed))
    if _is_run(init):
        return _of_run(config, epath.Path(init), tokenizer, mesh)
    directory = _directory_of(init)
    published = hf.open_model(directory, **config.model.computed)
    model = published.config
    config.for_model(type(model))
    if model.vocab_size < tokenizer.vocab_size:
        raise ConfigError(
            f"model.init={init} has {model.vocab_size} embeddings, but the tokenizer has {tokenizer.vocab_size} ids"
        )
    notes = tuple(config.model.overruled(model))
    return Weights(model, lambda: published.params(param_shardings(model, mesh)), directory, notes)


def _directory_of(init: str) -> Any:
    try:
        return hf.find(init)
    except FileNotFoundError as error:
        raise ConfigError(f"model.init: {error}. 'scratch' starts from nothing") from error


def _is_run(init: str) -> bool:
    """Whether it is the workdir of a run; that has a config.json, as a Hugging Face directory has."""
    return (open_workdir(init).path / hf.CONFIG).exists() and bool(checkpoint.steps_of(init))


def _of_run(config: RunConfig, place: epath.Path, tokenizer: Tokenizer, mesh: sharding.Mesh) -> Weights:
    step, meta = checkpoint.read_meta(place)
    if tokenizer.fingerprint != meta["tokenizer"]:
        raise ConfigError(
            f"model.init={place} was trained with another tokenizer than tokenizer.path={config.tokenizer.path!r} gives; "
            f"set tokenizer.path={place / TOKENIZER}"
        )
    model = functional.config_from({**meta["model"], **config.model.computed})
    config.for_model(type(model))
    return Weights(model, lambda: read_params(place, step, model, mesh), place, tuple(config.model.overruled(model)))


def read_newest_params(
    workdir: epath.PathLike,
    step: int,
    model: functional.Config,
    mesh: sharding.Mesh,
    *,
    fixed: bool,
    tuning: Tuning = Full(),
    base: Callable[[], Any] | None = None,
    seed: int = 0,
) -> tuple[int, Any]:
    """The step, and its parameters, trained and frozen ones joined, on the mesh.

    Args:
      fixed: whether it must be this step; else the newest one is read where a run at work removes this one meanwhile.
      base: makes the parameters that training began with, of which the frozen ones are taken; not needed if none are frozen.
      seed: of the run.
    """
    _, tree = functional.abstract(model)
    key = jax.random.key(seed)
    shapes, axes = jax.eval_shape(tuning.split, tree, key), tuning.axes(functional.logical_axes(model))
    placed = sharding.shardings(shapes, axes, mesh)
    onto = sharding.abstract(shapes.trainable, placed.trainable)
    if fixed:
        trainable = checkpoint.read_params(workdir, step, onto)
    else:
        step, trainable = checkpoint.read_newest_params(workdir, step, onto)
    frozen: Any = {}
    if jax.tree.leaves(shapes.frozen):
        assert base, "parameters are frozen, and nothing says where they come from"
        frozen = jax.jit(lambda tree: tuning.split(tree, key).frozen, out_shardings=placed.frozen)(base())
    return step, tuning.join(Params(trainable, frozen))


def read_params(workdir: epath.PathLike, step: int, model: functional.Config, mesh: sharding.Mesh) -> Any:
    """The parameters of a checkpoint of a run that trained all of them, on the mesh."""
    return read_newest_params(workdir, step, model, mesh, fixed=True)[1]


def param_shardings(model: functional.Config, mesh: sharding.Mesh) -> Any:
    _, shapes = functional.abstract(model)
    return sharding.shardings(shapes, functional.logical_axes(model), mesh)


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
        "tasks": split_identity(split.train.tasks(), dict(zip(corpus.names, corpus.rows, strict=True)), split.heldout),
        "versions": {"flanjax": __version__, "jax": jax.__version__},
    }


def check_same_run(workdir: epath.Path, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    """Raises ConfigError when a checkpoint's meta is of another run than the one asked for."""
    before, now = dict(old["config"]), _as_json(new["config"])
    if same_mixture(before["mixture"], now["mixture"]):  # the same file, addressed from another folder
        before["mixture"] = now["mixture"]
    changed = [d for d in differences(before, now) if not d.startswith(_FREE_KEYS)]
    if not changed and (bent := bent_schedule(old["config"]["train"], new["config"]["train"])):
        changed.append(bent)
    for part in ("tokenizer", "plan"):
        if not changed and old[part] != new[part]:
            changed.append(f"{part}: {old[part]} -> {new[part]} (the data or the mixture file changed)")
    old_model = functional.record_of(functional.config_from(old["model"]))
    if not changed and differences(_without_free(old_model), _without_free(_as_json(new["model"]))):
        changed.append(f"model: {old['model']} -> {new['model']} (the weights at model.init changed)")
    if not changed and (was := old.get("tuning", Full.__name__)) != new["tuning"]:
        changed.append(f"tuning: {was} -> {new['tuning']}")
    if changed:
        raise ConfigError(
            f"{workdir} holds a run of another config: {'; '.join(changed)}. "
            "Use another --workdir, or set these back to go on with it"
        )


def _without_free(model: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in model.items() if f"model.{name}" not in _FREE_KEYS}


def mixture_record(split: Split, corpus: Corpus, stats: DataStats, num_examples: int) -> dict[str, Any]:
    """mixture.json: what was asked of every task and what it gave."""
    clusters = {e.task.name: e.task.cluster for e in corpus.entries}
    counts = {name: values.tolist() for name, values in stats.counts.items()}
    tasks = []
    for i, plan in enumerate(realised_shares(corpus.plan, max(num_examples, 1))):
        seen = max(counts["examples"][i], 1)
        tasks.append(
            {
                **plan,
                "realised_share": counts["examples"][i] / max(sum(counts["examples"]), 1),
                "cluster": clusters[plan["task"]],
                "licence": corpus.entries[i].task.licence,
                "mean_input_tokens": counts["input_tokens"][i] / seen,
                "mean_target_tokens": counts["target_tokens"][i] / seen,
                "cut_share": counts["cut_examples"][i] / seen,
                "skipped": {k: counts[k][i] for k in ("bad", "left_out", "too_long")},
                "skipped_because": stats.reasons.get(i, []),
            }
        )
    total = max(int(stats.styles.sum()), 1)
    styles = {Style.from_id(i).name: int(n) / total for i, n in enumerate(stats.styles) if n}
    packed = (sum(counts[name]) for name in ("input_tokens", "target_tokens", "examples"))
    filled = corpus.layout.filled(corpus.layout.lengths[0], *packed)
    return {
        records.FORMAT: records.MIXTURE,
        "mixture": split.train.name,
        "plan_hash": corpus.plan.hash(),
        "tasks": tasks,
        "removed": split.removed,
        "heldout": [t.name for t in split.heldout],
        "styles": styles,
        "packing": {name: tokens / max(stats.rows * room, 1) for name, (tokens, room) in filled.items()},
    }


def num_visits(corpus: Corpus, streams: Mapping[int, tuple[int, int]]) -> int:
    """How many examples of the plan the streams have taken up, whole windows counted."""
    config: DataConfig = corpus.config
    return sum(window + (row > 0) for window, row in streams.values()) * config.window


def batch_shapes(config: RunConfig, mesh: sharding.Mesh, numbers: Sequence[str] = ()) -> dict[str, jax.ShapeDtypeStruct]:
    """The arrays of a global batch, as training puts them on the mesh."""
    placed, rows = sharding.batch_sharding(mesh), config.data.batch_size
    shapes = row_shapes(config.data.features, config.data.features.lengths[0], numbers)
    return {n: jax.ShapeDtypeStruct((rows, *shape), dtype, sharding=placed) for n, (shape, dtype) in shapes.items()}


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
