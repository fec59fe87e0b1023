"""The pair (trainable, frozen): which parameters are trained, and how the pair becomes a model's parameters.

Gradients, optimizer state and checkpoints hold `trainable`; `frozen` is read again from its source. A tuning defines how a
model's tree is split into the pair, and how the pair is joined into the tree that `functional.bind` takes. In that tree a
kernel may be replaced by an `Adapted` value (kernels.py), which adds a few learned parameters to a frozen kernel:

    params = tuning.split(functional.init(config, key), key)
    model = functional.bind(config, tuning.join(params))
"""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
from flax import nnx

from flanjax.models.kernels import Adapted

Tree = dict[str, Any]
Path = tuple[str, ...]


class Params(NamedTuple):
    """Two nested dicts, of arrays or of per-array values such as axes. In full fine-tuning `frozen` is {}."""

    trainable: Tree
    frozen: Tree


class Tuning(Protocol):
    """A way of training a model. Its methods are pure and may be traced."""

    def split(self, tree: Tree, key: jax.Array) -> Params:
        """Returns the pair for a model's parameters; additional learned parameters are drawn from `key`."""
        ...

    def axes(self, axes: Tree) -> Params:
        """Returns the logical axes of the pair's arrays, given those of the model's parameters: trees of tuples of names."""
        ...

    def join(self, params: Params, key: jax.Array | None = None) -> Tree:
        """Returns the parameters that the model is bound to.

        Args:
          key: key of dropout in the additional learned parameters; None outside of training.
        """
        ...


@dataclasses.dataclass(frozen=True)
class Full:
    """Every parameter is trained."""

    def split(self, tree: Tree, key: jax.Array) -> Params:
        del key
        return Params(tree, {})

    def axes(self, axes: Tree) -> Params:
        return Params(axes, {})

    def join(self, params: Params, key: jax.Array | None = None) -> Tree:
        del key
        return params.trainable


@dataclasses.dataclass(frozen=True)
class Selected:
    """The parameters whose paths `trained` picks are trained; the others stay as they are. It must pick one at least.

    >>> pair = Selected(lambda path: path[-1] == "bias").split({"layer": {"bias": 1, "kernel": 2}}, key=None)
    >>> pair
    Params(trainable={'layer': {'bias': 1}}, frozen={'layer': {'kernel': 2}})
    >>> Selected(lambda path: path[-1] == "bias").join(pair)
    {'layer': {'bias': 1, 'kernel': 2}}
    """

    trained: Callable[[Path], bool]

    def split(self, tree: Tree, key: jax.Array | None) -> Params:
        del key
        params = Params(*split_by_path(tree, self.trained))
        if not params.trainable:
            raise ValueError(
                f"the tuning Selected picks none of the parameters to train; their paths begin with {sorted(tree)}"
            )
        return params

    def axes(self, axes: Tree) -> Params:
        return Params(*split_by_path(axes, self.trained))

    def join(self, params: Params, key: jax.Array | None = None) -> Tree:
        del key
        return merge(params.trainable, params.frozen)


def split_by_path(tree: Tree, chosen: Callable[[Path], bool]) -> tuple[Tree, Tree]:
    """Returns the part of a nested dict whose paths are chosen, and the rest."""
    flat = nnx.traversals.flatten_mapping(tree)
    parts = ({path: value for path, value in flat.items() if bool(chosen(path)) is wanted} for wanted in (True, False))
    first, rest = (nnx.traversals.unflatten_mapping(part) for part in parts)
    return first, rest


def merge(first: Tree, second: Tree) -> Tree:
    """Returns the union of two nested dicts without a common path, with sorted keys, as jax sorts them."""
    flat = {**nnx.traversals.flatten_mapping(first), **nnx.traversals.flatten_mapping(second)}
    return nnx.traversals.unflatten_mapping(dict(sorted(flat.items())))


def share(first: Tree, other: Tree) -> Tree:
    """Returns `other` with the arrays of `first` where both have the same parameter to the bit, so that memory holds it once.

    Parameters beneath `Adapted` values are compared too: few weights over one base share it.
    """

    def base(value: Any) -> jax.Array:
        return base(value.base) if isinstance(value, Adapted) else value

    def over(value: Any, array: jax.Array) -> Any:
        return dataclasses.replace(value, base=over(value.base, array)) if isinstance(value, Adapted) else array  # type: ignore[type-var]

    known = nnx.traversals.flatten_mapping(first)

    def one(path: Path, value: Any) -> Any:
        mine, theirs = base(value), base(known[path]) if path in known else None
        if theirs is None or mine.shape != theirs.shape or mine.dtype != theirs.dtype:
            return value
        return over(value, theirs) if bool(jnp.array_equal(mine, theirs)) else value

    return nnx.traversals.unflatten_mapping({path: one(path, v) for path, v in nnx.traversals.flatten_mapping(other).items()})


def plain(tree: Tree) -> Tree:
    """Returns the tree with plain arrays only: each `Adapted` value is merged into its kernel.

    Raises:
      ValueError: one cannot be merged; names it.
    """

    def one(path: Path, value: Any) -> Any:
        if not isinstance(value, Adapted):
            return value
        if not value.can_merge:
            raise ValueError(f"{'/'.join(path)}: {type(value).__name__} cannot be merged into the model")
        return value.merged()

    return nnx.traversals.unflatten_mapping({path: one(path, v) for path, v in nnx.traversals.flatten_mapping(tree).items()})
