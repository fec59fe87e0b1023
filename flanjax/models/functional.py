"""A model as pure functions over a plain nested dict of arrays, which is what training, sharding and checkpoints see.

`init` makes the dict and `bind` puts a module around it inside a jitted function, where that costs nothing at run time:

    params = jax.jit(init, static_argnums=0)(config, jax.random.key(0))
    logits = jax.jit(lambda params, batch: bind(config, params)(batch))(params, batch)

Every architecture is a module of the interface `Model` and a line of KINDS; nothing outside of its files and of
flanjax/huggingface asks which one it has.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, NamedTuple, Protocol

import jax
import numpy as np
from flax import nnx

from flanjax.models import decoder, t5
from flanjax.models.context import Context
from flanjax.models.decoder import Decoder, DecoderConfig
from flanjax.models.flops import StepFlops
from flanjax.models.t5 import T5, T5Config

Tree = dict[str, Any]  # nested; its leaves are arrays, or what a function says
Arrays = Mapping[str, jax.Array]


class Config(Protocol):
    """The frozen dataclass of an architecture's shape and of how it is computed; `vars` of it is its record.

    Attributes:
      kind: the architecture's name in records.
      layouts: of the rows that it reads (flanjax/data/layout.py).
    """

    kind: ClassVar[str]
    layouts: ClassVar[tuple[str, ...]]

    @property
    def vocab_size(self) -> int: ...
    @property
    def d_model(self) -> int: ...
    @property
    def dtype(self) -> str: ...
    @property
    def attention(self) -> str: ...
    def __hash__(self) -> int: ...


class Model(Protocol):
    """An architecture with its parameters, for use within a trace.

    Letters: B rows or prompts, S prompt length, T target length, O options at a time, D model, V vocabulary.
    """

    config: Any

    def hidden(self, batch: Arrays, context: Context = ...) -> tuple[jax.Array, Arrays]:
        """What `logits` takes, of every target of a packed batch, [B, T, D]; and auxiliary losses by name.

        An auxiliary loss (a router's balance) is a float32 sum over the batch's tokens, which an objective adds to its own.
        """
        ...

    def logits(self, hidden: jax.Array, context: Context = ...) -> jax.Array:
        """[..., T, D] -> float32 [..., T, V]."""
        ...

    def head_kernel(self) -> jax.Array:
        """What `head_logits` takes: float32 [D, V]."""
        ...

    @staticmethod
    def head_logits(config: Any, hidden: jax.Array, kernel: jax.Array) -> jax.Array:
        """`logits` by a kernel of any type, apart from the model."""
        ...

    def read(self, prompts: Arrays, context: Context = ...) -> Any:
        """What remains of prompts that are read once: a pytree whose arrays have the prompts first, or after the layers."""
        ...

    def score(
        self, memory: Any, owners: jax.Array, options: jax.Array, lengths: jax.Array, context: Context = ...
    ) -> jax.Array:
        """Summed log-likelihoods float32 [O] of options int32 [O, T] of lengths [O], each after prompt `owners` [O]."""
        ...

    def begin(self, memory: Any, max_tokens: int, context: Context = ...) -> tuple[jax.Array, Any]:
        """Logits float32 [B, V] of the first token of a text after each prompt, and a cache for `max_tokens` steps."""
        ...

    def step(self, tokens: jax.Array, cache: Any, context: Context = ...) -> tuple[jax.Array, Any]:
        """Logits float32 [B, V] after one more token a row, int32 [B], and the cache moved on."""
        ...

    @staticmethod
    def reorder(cache: Any, rows: jax.Array) -> Any:
        """The cache whose row i is row `rows[i]` of the given one, int32 [B]."""
        ...

    @staticmethod
    def step_flops(config: Any, batch: Mapping[str, np.ndarray]) -> float:
        """Model FLOPs of a training step on a packed batch, padding not counted."""
        ...

    @staticmethod
    def step_flops_of(config: Any, inputs: np.ndarray, targets: np.ndarray) -> StepFlops:
        """Model FLOPs of a training step on segments of these lengths, int [N] each."""
        ...


class Kind(NamedTuple):
    """An architecture: its config, its module `(config, rngs) -> Model`, and its published sizes by name."""

    config: type
    module: Any
    sizes: Mapping[str, Any]


KINDS: Mapping[str, Kind] = {
    T5Config.kind: Kind(T5Config, T5, t5.SIZES),
    DecoderConfig.kind: Kind(DecoderConfig, Decoder, decoder.SIZES),
}
SIZES: Mapping[str, Config] = {name: config for kind in KINDS.values() for name, config in kind.sizes.items()}


def record_of(config: Config) -> dict[str, Any]:
    """What `config_from` makes an equal config of."""
    return {"kind": config.kind, **vars(config)}


def config_from(record: Mapping[str, Any]) -> Config:
    """The config of a record. Raises ValueError if its kind is unknown here."""
    fields = dict(record)
    # Before kinds had names, only decoders had families.
    kind = fields.pop("kind", DecoderConfig.kind if "family" in fields else T5Config.kind)
    if kind not in KINDS:
        raise ValueError(f"this is a model of kind {kind!r}; known here are {sorted(KINDS)}: it was made by a newer flanjax")
    return KINDS[kind].config(**fields)


def abstract(config: Config) -> tuple[nnx.GraphDef, Tree]:
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


def bind(config: Config, params: Tree) -> Any:
    """The config's `Model` around `params`, for use within a trace. Raises ValueError if they are not those of `config`."""
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
    return functools.partial(KINDS[config.kind].module.head_logits, config)


def reorder(config: Config, cache: Any, rows: jax.Array) -> Any:
    """`Model.reorder` of a config's architecture: it needs no parameters."""
    return KINDS[config.kind].module.reorder(cache, rows)


def step_flops(config: Config, batch: Mapping[str, np.ndarray]) -> float:
    """`Model.step_flops` of a config's architecture."""
    return KINDS[config.kind].module.step_flops(config, batch)


def step_flops_of(config: Config, inputs: np.ndarray, targets: np.ndarray) -> StepFlops:
    """`Model.step_flops_of` of a config's architecture."""
    return KINDS[config.kind].module.step_flops_of(config, inputs, targets)


def _module(config: Config, rngs: nnx.Rngs) -> Any:
    return KINDS[config.kind].module(config, rngs)


@functools.cache
def _abstract_state(config: Config) -> tuple[nnx.GraphDef, nnx.State]:
    return nnx.split(nnx.eval_shape(lambda: _module(config, nnx.Rngs(0))))


def _difference(expected: dict, got: dict) -> str:
    paths = sorted(path for path in expected.keys() | got.keys() if expected.get(path) != got.get(path))
    lines = (f"{'/'.join(path)}: got {got.get(path)}, expected {expected.get(path)}" for path in paths)
    return "\n".join(lines)
