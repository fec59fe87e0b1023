"""A fingerprint of weights."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xxhash

_MIXERS = np.array([0x9E3779B1, 0x85EBCA6B, 0xC2B2AE35, 0x27D4EB2F], np.uint32)  # odd, with well spread bits


def fingerprint(params: Any) -> str:
    """Returns 16 hex digits that depend on every bit of a tree of float arrays and on its place, not on the arrays' sharding.

    >>> fingerprint({"a": np.float32([1, 2])}) == fingerprint({"a": np.float32([2, 1])})
    False
    """
    leaves = jax.tree_util.tree_leaves_with_path(params)
    sums = jax.device_get(_sums([leaf for _, leaf in leaves]))
    told = [(jax.tree_util.keystr(path), np.shape(leaf), int(s)) for (path, leaf), s in zip(leaves, sums, strict=True)]
    return xxhash.xxh3_64_hexdigest(repr(told).encode())


@jax.jit
def _sums(leaves: list[jax.Array]) -> list[jax.Array]:
    """Returns the sum of each array's bits, mixed with their places: uint32 [], exact in any order."""
    return [_sum(jnp.asarray(leaf, jnp.float32)) for leaf in leaves]


def _sum(x: jax.Array) -> jax.Array:
    places = [jax.lax.broadcasted_iota(jnp.uint32, x.shape, axis) * _MIXERS[axis % 4] for axis in range(x.ndim)]
    bits = jax.lax.bitcast_convert_type(x, jnp.uint32)
    mixed = functools.reduce(jnp.bitwise_xor, [place ^ (place >> 15) for place in places], bits) * _MIXERS[0]
    return jnp.sum((mixed ^ (mixed >> 16)) * _MIXERS[1], dtype=jnp.uint32)
