"""A model as pure functions over a plain nested dict of arrays, which is what training, sharding and checkpoints see.

`init` makes the dict and `bind` puts a module around it inside a jitted function, where that costs nothing at run time:

    params = jax.jit(init, static_argnums=0)(config, jax.random.key(0))
    logits = jax.jit(lambda params, batch: bind(config, params)(batch))(params, batch)
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any, overload

import jax
from flax import nnx

from flanjax.models import decoder, t5
from flanjax.models.decoder import Decoder, DecoderConfig
from flanjax.models.t5 import T5, T5Config

Config = T5Config | DecoderConfig
Model = T5 | Decoder
Tree = dict[str, Any]  # nested; its leaves are arrays, or what a function says

MODULES: Mapping[type, Callable[..., Model]] = {T5Config: T5, DecoderConfig: Decoder}


SIZES: Mapping[str, Config] = {**t5.SIZES, **decoder.SIZES}


def config_from(record: Mapping[str, Any]) -> Config:
    """The config that `vars` of it gave."""
    return DecoderConfig(**record) if "family" in record else T5Config(**record)


def abstract(config: Config) -> tuple[nnx.GraphDef[Model], Tree]:
    """The module's graph and its parameters as jax.ShapeDtypeStruct; nothing is allocated."""
    graphdef, state = _abstract_state(config)
    return graphdef, nnx.to_pure_dict(state)


def init(config: Config, key: jax.Array) -> Tree:
    """Parameters drawn from `key`: a nested dict of float32 arrays."""
    return nnx.to_pure_dict(nnx.state(_module(config, nnx.Rngs(key)), nnx.Param))


def logical_axes(config: Config) -> Tree:
    """The same nested dict with, for each parameter, the tuple of its axes' names."""
    _, state = _abstract_state(config)
    axes = {path: param.get_metadata("axes") for path, param in nnx.to_flat_state(state)}
    return nnx.traversals.unflatten_mapping(axes)


@overload
def bind(config: T5Config, params: Tree) -> T5: ...
@overload
def bind(config: DecoderConfig, params: Tree) -> Decoder: ...
def bind(config: Config, params: Tree) -> Model:
    """The config's module around `params`, for use within a trace. Raises ValueError if they are not those of `config`."""
    graphdef, state = _abstract_state(config)
    expected = {path: param.shape for path, param in nnx.to_flat_state(state)}
    got = {path: value.shape for path, value in nnx.traversals.flatten_mapping(params).items()}
    if got != expected:
        raise ValueError("these parameters are not of this config:\n" + _difference(expected, got))
    state = jax.tree.map(lambda leaf: leaf, state)  # the cached one stays abstract
    nnx.replace_by_pure_dict(state, params)
    return nnx.merge(graphdef, state)


def head_logits(config: Config) -> Callable[[jax.Array, jax.Array], jax.Array]:
    """(hidden [..., T, D], kernel [D, V]) -> logits float32 [..., T, V]: the head of a model, apart from its parameters."""
    if isinstance(config, T5Config):
        return functools.partial(T5.head_logits, config)
    return functools.partial(Decoder.head_logits, config)


def _module(config: Config, rngs: nnx.Rngs) -> Model:
    return MODULES[type(config)](config, rngs)


@functools.cache
def _abstract_state(config: Config) -> tuple[nnx.GraphDef[Model], nnx.State]:
    return nnx.split(nnx.eval_shape(lambda: _module(config, nnx.Rngs(0))))


def _difference(expected: dict, got: dict) -> str:
    paths = sorted(path for path in expected.keys() | got.keys() if expected.get(path) != got.get(path))
    lines = (f"{'/'.join(path)}: got {got.get(path)}, expected {expected.get(path)}" for path in paths)
    return "\n".join(lines)
