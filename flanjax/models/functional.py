"""A model as pure functions over a plain nested dict of arrays, which is what training, sharding and checkpoints see.

`init` makes the dict and `bind` puts a T5 around it inside a jitted function, where that costs nothing at run time:

    params = jax.jit(init, static_argnums=0)(config, jax.random.key(0))
    logits = jax.jit(lambda params, batch: bind(config, params)(batch))(params, batch)
"""

import functools
from typing import Any

import jax
from flax import nnx

from flanjax.models.t5 import T5, T5Config

Tree = dict[str, Any]  # nested; its leaves are arrays, or what a function says


def abstract(config: T5Config) -> tuple[nnx.GraphDef[T5], Tree]:
    """The module's graph and its parameters as jax.ShapeDtypeStruct; nothing is allocated."""
    graphdef, state = _abstract_state(config)
    return graphdef, nnx.to_pure_dict(state)


def init(config: T5Config, key: jax.Array) -> Tree:
    """Parameters drawn from `key`: a nested dict of float32 arrays."""
    return nnx.to_pure_dict(nnx.state(T5(config, nnx.Rngs(key)), nnx.Param))


def logical_axes(config: T5Config) -> Tree:
    """The same nested dict with, for each parameter, the tuple of its axes' names."""
    _, state = _abstract_state(config)
    axes = {path: param.get_metadata("axes") for path, param in nnx.to_flat_state(state)}
    return nnx.traversals.unflatten_mapping(axes)


def bind(config: T5Config, params: Tree) -> T5:
    """A T5 around `params`, for use within a trace. Raises ValueError if they are not those of `config`."""
    graphdef, state = _abstract_state(config)
    expected = {path: param.shape for path, param in nnx.to_flat_state(state)}
    got = {path: value.shape for path, value in nnx.traversals.flatten_mapping(params).items()}
    if got != expected:
        raise ValueError("these parameters are not of this config:\n" + _difference(expected, got))
    state = jax.tree.map(lambda leaf: leaf, state)  # the cached one stays abstract
    nnx.replace_by_pure_dict(state, params)
    return nnx.merge(graphdef, state)


@functools.cache
def _abstract_state(config: T5Config) -> tuple[nnx.GraphDef[T5], nnx.State]:
    return nnx.split(nnx.eval_shape(lambda: T5(config, nnx.Rngs(0))))


def _difference(expected: dict, got: dict) -> str:
    paths = sorted(path for path in expected.keys() | got.keys() if expected.get(path) != got.get(path))
    lines = (f"{'/'.join(path)}: got {got.get(path)}, expected {expected.get(path)}" for path in paths)
    return "\n".join(lines)
