"""The weights of a run: those that training begins with, and those of its checkpoints."""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
from etils import epath

from flanjax import checkpoint
from flanjax import huggingface as hf
from flanjax.config import ConfigError, RunConfig
from flanjax.data.tokenizer import Tokenizer
from flanjax.models import functional
from flanjax.models.params import Full, Params, Tuning
from flanjax.parallel import cores, sharding
from flanjax.workdir import SHARDING, TOKENIZER, open_workdir


class Weights(NamedTuple):
    """A model and where its first parameters come from.

    Attributes:
      model: its shape.
      make: mesh -> parameters on it.
      directory: that they are read from; None if they are drawn.
      step: of the checkpoint that they are of; None if they are no run's.
      notes: what the config says of the shape that the weights contradict.
    """

    model: functional.Config
    make: Callable[[sharding.Mesh], Any]
    directory: epath.PathLike | None = None
    step: int | None = None
    notes: tuple[str, ...] = ()


def settled(config: RunConfig) -> RunConfig:
    """The config with the layout that its model needs. Weights that are not here yet are fetched, to tell their kind.

    Weights come with their tokenizer, unless the config names one.

    Raises:
      ConfigError: there are no such weights, or the config gives them a tokenizer whose ids they have not learned.
    """
    init = config.model.init
    if config.tokenizer.path == "train" and init != "scratch":
        path = str(open_workdir(init).path / TOKENIZER) if is_run(init) else init
        config = dataclasses.replace(config, tokenizer=dataclasses.replace(config.tokenizer, path=path))
    if config.data.features.layout != "auto" and (init == "scratch" or not config.model.adapt):
        return config
    if is_run(init):
        return config.for_model(type(functional.config_from(checkpoint.read_meta(epath.Path(init))[1]["model"])))
    return config.for_model(type(hf.open_model(_directory_of(init)).config))


def weights_of(config: RunConfig, tokenizer: Tokenizer, step: int | None = None) -> Weights:
    """The weights that training begins with: drawn from the seed, Hugging Face's, or of another run.

    Args:
      step: of the other run's checkpoint; the newest when None.
    """
    init = config.model.init
    if init == "scratch":
        model = config.model.build(tokenizer.vocab_size)
        return Weights(model, lambda mesh: _drawn(model, config.train.seed, mesh))
    if is_run(init):
        return _of_run(config, epath.Path(init), tokenizer, step)
    directory = _directory_of(init)
    published = hf.open_model(directory, **config.model.computed)
    model = published.config
    config.for_model(type(model))
    if model.vocab_size < tokenizer.vocab_size:
        raise ConfigError(
            f"model.init={init} has {model.vocab_size} embeddings, but the tokenizer has {tokenizer.vocab_size} ids"
        )
    notes = tuple(config.model.overruled(model))
    return Weights(model, lambda mesh: published.params(param_shardings(model, mesh)), directory, notes=notes)


def _directory_of(init: str) -> Any:
    if (open_workdir(init).path / SHARDING).exists() and not checkpoint.steps_of(init):
        raise ConfigError(f"model.init={init} is the workdir of a run that has no checkpoint, or none any more: put one back")
    try:
        return hf.find(init)
    except FileNotFoundError as error:
        raise ConfigError(f"model.init: {error}. 'scratch' starts from nothing") from error


def is_run(init: str) -> bool:
    """Whether it is the workdir of a run; that has a config.json, as a Hugging Face directory has."""
    return (open_workdir(init).path / hf.CONFIG).exists() and bool(checkpoint.steps_of(init))


def _drawn(model: functional.Config, seed: int, mesh: sharding.Mesh) -> Any:
    key = jax.random.key(seed)
    return jax.jit(lambda: functional.init(model, key), out_shardings=param_shardings(model, mesh))()


def _of_run(config: RunConfig, place: epath.Path, tokenizer: Tokenizer, step: int | None) -> Weights:
    step, meta = checkpoint.read_meta(place, step)
    if (tuning := meta.get("tuning", Full.__name__)) != Full.__name__:
        way = meta["config"]["model"].get("adapt") or tuning
        raise ConfigError(
            f"model.init={place} has trained only some weights, by {way}. `flanjax export --workdir {place} --output DIR` "
            "writes the whole model: set model.init=DIR"
        )
    if tokenizer.fingerprint != meta["tokenizer"]:
        raise ConfigError(
            f"model.init={place} was trained with another tokenizer than tokenizer.path={config.tokenizer.path!r} gives; "
            f"set tokenizer.path={place / TOKENIZER}"
        )
    model = functional.config_from({**meta["model"], **config.model.computed})
    config.for_model(type(model))
    notes = tuple(config.model.overruled(model))
    return Weights(model, lambda mesh: read_params(place, step, model, mesh), place, step, notes)


def read_newest_trainable(
    workdir: epath.PathLike,
    step: int,
    model: functional.Config,
    mesh: sharding.Mesh,
    *,
    fixed: bool,
    tuning: Tuning = Full(),
) -> tuple[int, Any]:
    """The step, and its trainable parameters, on the mesh.

    Args:
      fixed: whether it must be this step; else the newest one is read where a run at work removes this one meanwhile.
    """
    shapes = abstract_pair(model, tuning, mesh).trainable
    if fixed:
        return step, checkpoint.read_params(workdir, step, shapes)
    return checkpoint.read_newest_params(workdir, step, shapes)


def frozen_params(model: functional.Config, mesh: sharding.Mesh, tuning: Tuning, base: Callable[[], Any]) -> Any:
    """The parameters that a tuning leaves as they are, on the mesh; `base` makes those that training began with."""
    shapes = abstract_pair(model, tuning, mesh).frozen
    if not jax.tree.leaves(shapes):
        return {}
    placed = jax.tree.map(_place, shapes)
    frozen = jax.jit(lambda tree: tuning.split(tree, jax.random.key(0)).frozen, out_shardings=placed, donate_argnums=0)
    return frozen(base())


def abstract_pair(model: functional.Config, tuning: Tuning, mesh: sharding.Mesh) -> Params:
    """A model's trainable and frozen parameters as ShapeDtypeStructs with shardings."""
    _, tree = functional.abstract(model)
    shapes = jax.eval_shape(tuning.split, tree, jax.random.key(0))
    pair: Params = sharding.abstract(shapes, sharding.shardings(shapes, tuning.axes(functional.logical_axes(model)), mesh))
    return pair


def _place(x: Any) -> Any:
    return x.sharding


def read_params(workdir: epath.PathLike, step: int, model: functional.Config, mesh: sharding.Mesh) -> Any:
    """The parameters of a checkpoint of a run that trained all of them, on the mesh."""
    return read_newest_trainable(workdir, step, model, mesh, fixed=True)[1]


def mesh_for(config: sharding.MeshConfig, model: functional.Config) -> sharding.Mesh:
    """The mesh over all devices. Where cores are the devices, each has all parameters of a small model."""
    _, shapes = functional.abstract(model)
    return sharding.make_mesh(cores.replicas(config, sum(x.size for x in jax.tree.leaves(shapes))))


def param_shardings(model: functional.Config, mesh: sharding.Mesh) -> Any:
    _, shapes = functional.abstract(model)
    return sharding.shardings(shapes, functional.logical_axes(model), mesh)
