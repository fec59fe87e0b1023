"""A model as pure functions over a nested dict of arrays, the form that training, sharding and checkpoints use.

`init` makes the dict. `bind` puts a module around it inside a jitted function, which costs nothing at run time:

    params = jax.jit(init, static_argnums=0)(config, jax.random.key(0))
    logits = jax.jit(lambda params, batch: bind(config, params)(batch))(params, batch)

Every architecture is a module with the interface `Model` and a line of KINDS. Only its own files and flanjax/huggingface depend
on which architecture it is.
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

Tree = dict[str, Any]  # nested; its leaves are arrays unless a function states otherwise
Arrays = Mapping[str, jax.Array]


class Config(Protocol):
    """The frozen dataclass of an architecture's shape and computation; `vars` of it is its record.

    Attributes:
      kind: the architecture's name in records.
      layouts: the layouts of rows that it reads (flanjax/data/layout.py).
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
    @property
    def scan(self) -> bool: ...
    @property
    def remat(self) -> str: ...
    def __hash__(self) -> int: ...


class Model(Protocol):
    """The interface of a model bound to its parameters, for use within a trace.

    Letters: B rows or prompts, S prompt length, T target length, O rows of texts to score, D model, V vocabulary.
    """

    config: Any

    def hidden(self, batch: Arrays, context: Context = ...) -> tuple[jax.Array, Arrays]:
        """Returns the input of `logits` for every target of a packed batch, [B, T, D]; and auxiliary losses by name.

        An auxiliary loss (a router's balance) is a float32 sum over the batch's tokens, which an objective adds to its own.
        """
        ...

    def logits(self, hidden: jax.Array, context: Context = ...) -> jax.Array:
        """Returns the logits, float32 [..., T, V], of hidden states [..., T, D]."""
        ...

    def head_kernel(self) -> jax.Array:
        """Returns the kernel that `head_logits` takes: float32 [D, V]."""
        ...

    @staticmethod
    def head_logits(config: Any, hidden: jax.Array, kernel: jax.Array) -> jax.Array:
        """Returns `logits` computed with a given kernel of any type; needs no other parameters."""
        ...

    def read(self, prompts: Arrays, context: Context = ..., beginning: Any = None) -> Any:
        """Returns what later steps need of prompts, one a row.

        Args:
          beginning: what was read of tokens with which all of them begin, without padding, of which the first row counts;
            `prompts` then holds what follows. Only for a layout that reads one way.
        """
        ...

    def score(
        self, memory: Any, prompt_index: jax.Array, texts: jax.Array, segment_ids: jax.Array, context: Context = ...
    ) -> tuple[jax.Array, jax.Array]:
        """Returns the log-likelihood of each token, float32 [O, T], and whether no other token is likelier, bool [O, T].

        Args:
          prompt_index: int32 [O], the prompt in `memory` that all texts of a row follow.
          texts: int32 [O, T], several texts in a row.
          segment_ids: int32 [O, T], which text a token is of: counted from 1, consecutive; 0 is padding.
        """
        ...

    def begin(self, memory: Any, max_tokens: int, context: Context = ...) -> tuple[jax.Array, Any]:
        """Returns the token that each text begins with, int32 [B], and a cache with room for `max_tokens` steps.

        Memory and cache are trees whose arrays have a row for each prompt first (models/cache.py).
        """
        ...

    def stepper(self, context: Context = ...) -> Callable[[jax.Array, Any], tuple[jax.Array, Any]]:
        """Returns the function (tokens int32 [B], cache) -> (logits float32 [B, V], cache): one more token in each row.

        Made outside of a decoding loop, it takes the layers apart once, which costs a copy of them and saves one in each step.
        A row for which the cache has no room left is advanced, but its logits mean nothing from then on.
        """
        ...

    @staticmethod
    def reorder(cache: Any, rows: jax.Array) -> Any:
        """Returns the cache whose row i goes on from the text of row `rows[i]`, int32 [B], which has the same prompt."""
        ...

    @staticmethod
    def room(inputs: int, tokens: int) -> tuple[int, ...]:
        """Returns the sizes that a cache needs for prompts of `inputs` tokens and texts of `tokens`, for `resize`."""
        ...

    @staticmethod
    def resize(cache: Any, room: tuple[int, ...]) -> Any:
        """Returns the cache with other sizes, in which all that is in use must find room."""
        ...

    @staticmethod
    def step_flops(config: Any, batch: Mapping[str, np.ndarray]) -> float:
        """Returns the model FLOPs of a training step on a packed batch; padding does not count."""
        ...

    @staticmethod
    def step_flops_of(config: Any, inputs: np.ndarray, targets: np.ndarray) -> StepFlops:
        """Returns the model FLOPs of a training step on segments of these lengths, int [N] each."""
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
    """Returns the record from which `config_from` makes an equal config."""
    return {"kind": config.kind, **vars(config)}


def config_from(record: Mapping[str, Any]) -> Config:
    """Returns the config of a record. Raises ValueError if its kind is unknown here."""
    fields = dict(record)
    # Before kinds had names, only decoders had families.
    kind = fields.pop("kind", DecoderConfig.kind if "family" in fields else T5Config.kind)
    if kind not in KINDS:
        raise ValueError(f"this is a model of kind {kind!r}; known here are {sorted(KINDS)}: it was made by a newer flanjax")
    return KINDS[kind].config(**fields)


def abstract(config: Config) -> tuple[nnx.GraphDef, Tree]:
    """Returns the module's graph and its parameters as jax.ShapeDtypeStruct; nothing is allocated."""
    graphdef, state = _abstract_state(config)
    return graphdef, nnx.to_pure_dict(state)


def init(config: Config, key: jax.Array) -> Tree:
    """Returns initial parameters drawn from `key`: a nested dict of float32 arrays."""
    return nnx.to_pure_dict(nnx.state(_module(config, nnx.Rngs(key)), nnx.Param))


def logical_axes(config: Config) -> Tree:
    """Returns the nested dict of `init` with, for each parameter, the tuple of its logical axes."""
    _, state = _abstract_state(config)
    axes = {path: param.get_metadata("axes") for path, param in nnx.to_flat_state(state)}
    return nnx.traversals.unflatten_mapping(axes)


def bind(config: Config, params: Tree) -> Any:
    """Returns the config's `Model` bound to `params`, for use within a trace. Raises ValueError if they do not fit `config`."""
    graphdef, state = _abstract_state(config)
    expected = {path: param.shape for path, param in nnx.to_flat_state(state)}
    got = {path: value.shape for path, value in nnx.traversals.flatten_mapping(params).items()}
    if got != expected:
        raise ValueError("these parameters are not of this config:\n" + _difference(expected, got))
    state = jax.tree.map(lambda leaf: leaf, state)  # the cached one stays abstract
    nnx.replace_by_pure_dict(state, params)
    return nnx.merge(graphdef, state)


def head_logits(config: Config) -> Callable[[jax.Array, jax.Array], jax.Array]:
    """Returns a model's head as a function (hidden [..., T, D], kernel [D, V]) -> logits float32 [..., T, V]."""
    return functools.partial(KINDS[config.kind].module.head_logits, config)


def module(config: Config) -> Any:
    """Returns the module of a config's architecture, for what needs no parameters: `room`, `resize`."""
    return KINDS[config.kind].module


def step_flops(config: Config, batch: Mapping[str, np.ndarray]) -> float:
    """Returns `Model.step_flops` of a config's architecture."""
    return KINDS[config.kind].module.step_flops(config, batch)


def step_flops_of(config: Config, inputs: np.ndarray, targets: np.ndarray) -> StepFlops:
    """Returns `Model.step_flops_of` of a config's architecture."""
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
