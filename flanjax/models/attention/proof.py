"""A kernel proves itself before "auto" takes it: a small input, forward and backward, against the reference, on this device.

So a kernel that fails or computes something else on hardware on which it was never run harms nobody: XLA serves, and the reason
is printed.
"""

import functools
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from flanjax.models.attention.backend import KERNELS
from flanjax.models.attention.choice import Need
from flanjax.models.attention.reference import attend
from flanjax.models.attention.relative_bias import RelativeBias

_LONGEST = 256  # queries and keys of the small input
# Of a result's norm. Rounding to bfloat16, in which TPUs multiply float32 too, makes under 0.01; a wrong mask or bias over 0.1.
_TOLERANCE = 0.03
_NAMES = ("result", "gradient of the queries", "gradient of the keys", "gradient of the values", "gradient of the bias")


def prove(kernel: str, need: Need) -> str:
    """What is wrong with a kernel on the default device, as the end of a sentence; "" where nothing is.

    It is computed at once, also while a function is being traced, and once for all needs that differ in length alone. What is
    plain XLA needs no proof.
    """
    if kernel == "blocks":
        return ""
    num_queries, num_keys = (min(length, _LONGEST) for length in (need.num_queries, need.num_keys))
    return _flaw(kernel, need._replace(num_queries=num_queries, num_keys=num_keys))


@functools.cache
def _flaw(kernel: str, need: Need) -> str:
    try:
        with ThreadPoolExecutor(1) as elsewhere:  # a thread in which nothing is being traced
            expected, got = elsewhere.map(lambda name: _result_and_gradients(name, need), ("xla", kernel))
    except Exception as error:  # whatever a compiler or a device may raise: XLA serves
        message = next(iter(str(error).splitlines()), "")[:120]
        return f"failed its proof on this device ({type(error).__name__}: {message})"
    for what, a, b in zip(_NAMES, got, expected, strict=False):
        difference = float(np.linalg.norm(a - b)) / max(float(np.linalg.norm(b)), 1e-9)
        if not difference <= _TOLERANCE:
            return f"differs from the reference on this device (the {what} by {difference:.2g} of its norm)"
    return ""


def _result_and_gradients(kernel: str, need: Need) -> list[np.ndarray]:
    """The result, and the gradients of its weighted sum, of arrays of a packed batch; float32."""
    arrays, segments = _inputs(need)
    weights = _normal(5, (2, need.num_queries, 2, need.head_dim))

    def read(query: jax.Array, key: jax.Array, value: jax.Array, values: jax.Array | None) -> jax.Array:
        bias: Any = None if values is None else RelativeBias(values)
        if bias is not None and not need.relative:
            bias = bias.rows(0, need.num_queries, need.num_keys)
        soft_cap = 20.0 if need.soft_cap else None
        how: dict[str, Any] = {"causal": need.causal, "window": need.window, "scale": 0.3, "soft_cap": soft_cap}
        if kernel == "xla":
            return attend(query, key, value, query_segments=segments[0], key_segments=segments[1], bias=bias, **how)
        module = KERNELS[kernel]
        taken = None if bias is None else module.bias_array(bias, need.num_queries, need.num_keys)
        return module.read(query, key, value, *segments, taken, **how)

    def weighted(*arrays: jax.Array) -> tuple[jax.Array, jax.Array]:
        result = read(*arrays, *([] if need.bias else [None])).astype(jnp.float32)
        return jnp.sum(result * weights), result

    by = tuple(range(len(arrays)))
    (_, result), gradients = jax.jit(jax.value_and_grad(weighted, by, has_aux=True))(*arrays)
    return [np.asarray(x, np.float32) for x in (result, *gradients)]


def _inputs(need: Need) -> tuple[list[jax.Array], list[jax.Array]]:
    """Queries, keys, values and perhaps a bias; and segment ids of two rows, packed differently, the second with padding."""
    queries, keys = need.num_queries, need.num_keys
    shapes = [(2, length, 2, need.head_dim) for length in (queries, keys, keys)]
    arrays = [_normal(i, shape).astype(need.dtype) for i, shape in enumerate(shapes)]
    if need.bias:
        arrays.append(_normal(3, (2, queries + keys - 1)))
    segments = []
    for length in (queries, keys):
        rows = np.ones((2, length), np.int32)
        rows[0, length // 3 :] = 2
        rows[1, length // 4 :], rows[1, length // 2 :], rows[1, -length // 8 :] = 2, 3, 0
        segments.append(jnp.asarray(rows))
    return arrays, segments


def _normal(seed: int, shape: tuple[int, ...]) -> jax.Array:
    return jnp.asarray(np.random.default_rng(seed).standard_normal(shape), jnp.float32)
