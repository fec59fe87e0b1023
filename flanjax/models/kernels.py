"""The one place where a model multiplies by its kernels and looks tokens up in its table.

In the tree of a model's parameters a kernel or a table is a float32 array, or a value that stands in its place: a pytree with
the array inside and something learned beside it (two small factors, scales, soft tokens). That value decides what a product or
a look-up is. So few-weight tuning needs no change in any model; flanjax/models/params.py says how such a tree is made.

Axes: D in, M out, V vocabulary, L layers.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
from flax import nnx


class Adapted:
    """What may stand in place of a parameter.

    A subclass is a frozen dataclass, registered as a pytree, whose arrays have the layers first where the parameter has.

    Attributes:
      base: the parameter that it stands for.
    """

    base: jax.Array

    @property
    def shape(self) -> tuple[int, ...]:
        return self.base.shape

    def merged(self) -> jax.Array:
        """The plain parameter that does the same. A model's head is always read so."""
        raise NotImplementedError(f"{type(self).__name__} cannot be merged into its kernel")

    def multiply(self, x: jax.Array) -> jax.Array:
        """What stands for x @ base: `x` [..., D] -> [..., M], in the type of `x`."""
        return x @ self.merged().astype(x.dtype)

    def look_up(self, tokens: jax.Array, reserved: jax.Array | None) -> jax.Array:
        """What stands for base[tokens]: int32 [...] -> [..., D]. `reserved` is explained at the function `look_up`."""
        del reserved
        return self.merged()[tokens]


def multiply(x: jax.Array, kernel: nnx.Param) -> jax.Array:
    """`x` [..., D] through a kernel [D, M], in the type of `x`: [..., M]."""
    return _multiply(x, kernel.get_value())


def multiply_each(x: jax.Array, kernels: nnx.Param) -> jax.Array:
    """`x` [..., D] through the kernels of all layers, [L, D, M]: [L, ..., M]."""
    return jax.vmap(_multiply, in_axes=(None, 0))(x, kernels.get_value())


def look_up(
    table: nnx.Param,
    tokens: jax.Array,
    reserved: jax.Array | None = None,
    *,
    place: Callable[[jax.Array], jax.Array] = lambda table: table,
) -> jax.Array:
    """The rows of a table float32 [V, D] for tokens int32 [...]: [..., D].

    Args:
      reserved: int32 [...], 1, 2, ... at the positions that the layout kept free in each segment for soft tokens, 0 elsewhere.
        A plain table takes no notice of it.
      place: called on the table as it is read, to fix where it lies.
    """
    value = table.get_value()
    if isinstance(value, Adapted):
        return dataclasses.replace(value, base=place(value.base)).look_up(tokens, reserved)  # type: ignore[type-var]
    return place(value)[tokens]


def merged(parameter: nnx.Param) -> jax.Array:
    """A parameter as one array, with what was learned beside it."""
    value = parameter.get_value()
    return value.merged() if isinstance(value, Adapted) else value


def _multiply(x: jax.Array, kernel: Any) -> jax.Array:
    return kernel.multiply(x) if isinstance(kernel, Adapted) else x @ kernel.astype(x.dtype)
