"""Products of the training step in eight bits: `train.quantization`.

A layer's product x w is computed from rounded operands, with a scale for each row of x and each column of w (absmax). So is the
gradient of x, from rounded incoming gradients. The gradient of w, the parameters, attention and the head stay as they are: the
choice of MaxText's `quantization: int8`. int8 rounds to whole numbers; fp8 is float8_e4m3fn, with float8_e5m2 for gradients
(Micikevicius et al. 2022, https://arxiv.org/abs/2209.05433). Rounding and products are qwix's, https://github.com/google/qwix.

Axes: N positions, D in, M out, L layers.
"""

import dataclasses
import functools
import importlib.util
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax.nnx.traversals import flatten_mapping, unflatten_mapping

from flanjax.models.kernels import Adapted, is_kernel
from flanjax.models.params import Params, Path, Tree, Tuning


class _Types(NamedTuple):
    forward: Any
    gradient: Any


_TYPES = {"int8": _Types(jnp.int8, jnp.int8), "fp8": _Types(jnp.float8_e4m3fn, jnp.float8_e5m2)}


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class QuantizedKernel(Adapted):
    """A kernel whose products are computed in eight bits."""

    base: jax.Array  # [D, M]
    kind: str = dataclasses.field(metadata={"static": True})

    def merged(self) -> jax.Array:
        return self.base

    def project(self, x: jax.Array, bias: jax.Array | None) -> jax.Array:
        y = product(x.reshape(-1, x.shape[-1]), self.base.astype(x.dtype), self.kind).reshape(*x.shape[:-1], -1)
        return y if bias is None else y + bias.astype(x.dtype)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def product(x: jax.Array, kernel: jax.Array, kind: str) -> jax.Array:
    """Returns x w [N, M] of `x` [N, D] and `kernel` [D, M], both rounded, in the type of `x`."""
    types = _TYPES[kind]
    return _rounded_product(x, kernel, types.forward, types.forward)


def _rounded_product(a: jax.Array, b: jax.Array, type_of_a: Any, type_of_b: Any) -> jax.Array:
    import qwix  # flanjax[quantization]

    rows = qwix.quantize(a, type_of_a, channelwise_axes=(0,))
    return qwix.dot(rows, qwix.quantize(b, type_of_b, channelwise_axes=(1,))).astype(a.dtype)


def _forward(x: jax.Array, kernel: jax.Array, kind: str) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    return product(x, kernel, kind), (x, kernel)


def _backward(kind: str, kept: tuple[jax.Array, jax.Array], gradient: jax.Array) -> tuple[jax.Array, jax.Array]:
    (x, kernel), types = kept, _TYPES[kind]
    return _rounded_product(gradient, kernel.T, types.gradient, types.forward), x.T @ gradient


product.defvjp(_forward, _backward)


@dataclasses.dataclass(frozen=True)
class Quantized:
    """A tuning whose model computes the products of its kernels in eight bits.

    Attributes:
      kernels: their paths.
    """

    tuning: Tuning
    kernels: tuple[Path, ...]
    kind: str

    def split(self, tree: Tree, key: jax.Array) -> Params:
        return self.tuning.split(tree, key)

    def axes(self, axes: Tree) -> Params:
        return self.tuning.axes(axes)

    def join(self, params: Params, key: jax.Array | None = None) -> Tree:
        flat = flatten_mapping(self.tuning.join(params, key))
        flat |= {path: QuantizedKernel(flat[path], self.kind) for path in self.kernels}
        return unflatten_mapping(flat)


def quantized(tuning: Tuning, kind: str, axes: Tree) -> Tuning:
    """Returns the tuning with the products of all kernels in eight bits, or as it is if the kind is "none".

    Args:
      axes: the logical axes of the model's parameters.

    Raises:
      RuntimeError: the package is missing; the message has the way out.
    """
    if kind == "none":
        return tuning
    if importlib.util.find_spec("qwix") is None:
        raise RuntimeError(
            f"train.quantization={kind} needs the package qwix: pip install 'flanjax[quantization]', or leave it out"
        )
    return Quantized(tuning, tuple(path for path, names in flatten_mapping(axes).items() if is_kernel(path, names)), kind)
