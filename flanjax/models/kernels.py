"""The only place where a model multiplies by its kernels and looks tokens up in its table.

In the tree of a model's parameters a kernel or a table is a float32 array, or a value that replaces it: a pytree with the array
and additional learned parameters (two small factors, scales, soft tokens). That value defines the product or the look-up. So
parameter-efficient tuning needs no change in any model; flanjax/models/params.py explains how such a tree is made.

Axes: D in, M out, V vocabulary, L layers.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import jax
from flax import nnx

_TABLES = ("embedding", "head", "relative_bias")


class Adapted:
    """A value that may replace a parameter.

    A subclass is a frozen dataclass, registered as a pytree. Its arrays have the layers first if the parameter has.

    Attributes:
      base: the parameter that it replaces, which may itself be such a value.
      can_merge: whether `merged` alone has the same effect.
    """

    base: Any
    can_merge: ClassVar[bool] = True

    @property
    def shape(self) -> tuple[int, ...]:
        return self.base.shape

    @property
    def prefix(self) -> tuple[jax.Array, jax.Array] | None:
        """Keys and values, [n, K * H] each, before those of the attention that has this output kernel; None without."""
        return None

    def merged(self) -> jax.Array:
        """Returns the plain parameter with the same effect. A model's head always uses this."""
        raise NotImplementedError(f"{type(self).__name__} cannot be merged into its kernel")

    def project(self, x: jax.Array, bias: jax.Array | None) -> jax.Array:
        """Returns the replacement of x @ base + bias: [..., M] for `x` [..., D] and `bias` [M], in the type of `x`."""
        return product(x, self.merged(), bias)

    def look_up(self, tokens: jax.Array, reserved: jax.Array | None) -> jax.Array:
        """Returns the replacement of base[tokens]: [..., D] for int32 [...]. The function `look_up` explains `reserved`."""
        del reserved
        return self.merged()[tokens]


def is_kernel(path: Sequence[str], axes: Sequence[str]) -> bool:
    """Whether a parameter is a kernel that `project` multiplies by, by its path and logical axes."""
    return len([name for name in axes if name != "layers"]) == 2 and path[-1] not in _TABLES


def project(x: jax.Array, kernel: nnx.Param, bias: nnx.Param | None = None) -> jax.Array:
    """Returns `x` [..., D] times `kernel` [D, M], plus `bias` [M], in the type of `x`: [..., M]."""
    return product(x, kernel.get_value(), None if bias is None else merged(bias))


def product(x: jax.Array, kernel: jax.Array | Adapted, bias: jax.Array | None) -> jax.Array:
    """Returns x @ kernel + bias in the type of `x`, or what an adapted kernel has in its place."""
    if isinstance(kernel, Adapted):
        return kernel.project(x, bias)
    y = x @ kernel.astype(x.dtype)
    return y if bias is None else y + bias.astype(x.dtype)


def look_up(
    table: nnx.Param,
    tokens: jax.Array,
    reserved: jax.Array | None = None,
    *,
    place: Callable[[jax.Array], jax.Array] = lambda table: table,
) -> jax.Array:
    """Returns the rows of a table float32 [V, D] for tokens int32 [...]: [..., D].

    Args:
      reserved: int32 [...], 1, 2, ... at the positions that the layout kept free in each segment for soft tokens, 0 elsewhere.
        A plain table ignores it.
      place: called on the table when it is read, to fix its sharding.
    """
    value = table.get_value()
    if isinstance(value, Adapted):
        return dataclasses.replace(value, base=place(value.base)).look_up(tokens, reserved)  # type: ignore[type-var]
    return place(value)[tokens]


def merged(parameter: nnx.Param) -> jax.Array:
    """Returns a parameter as one array, with its additional learned parameters merged in."""
    return whole(parameter.get_value())


def whole(value: jax.Array | Adapted) -> jax.Array:
    """Returns the value of a parameter as one array."""
    return value.merged() if isinstance(value, Adapted) else value


def prefix(kernel: nnx.Param) -> tuple[jax.Array, jax.Array] | None:
    """Returns the learned keys and values, [n, K * H] each, that stand before those of an attention, by its output kernel."""
    value = kernel.get_value()
    return value.prefix if isinstance(value, Adapted) else None
