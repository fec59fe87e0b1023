"""Forward and backward of each backend of attention on packed rows, on the first device at hand, beside one XLA product.

    python tests/benchmarks/attention.py [--length 1024] [--rows 8] [--repeats 10]

Four layouts: T5's self-attention with its relative bias, T5's cross-attention to a target a quarter as long, Llama's causal
attention of 32 heads on 8, and Gemma 2's, local and capped. Rows hold segments of 40 to 400 tokens. On a CPU the layouts have
few and small heads. "one product" holds all scores; "xla" reads long rows in blocks of queries; "blocks" computes the blocks of
scores that packing allows, on one core: in training each core has rows of its own.
"""

import argparse
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from flanjax.models.attention import reference as attention
from flanjax.models.attention.backend import make_attend
from flanjax.models.attention.relative_bias import relative_bias
from flanjax.parallel import sharding


class Case(NamedTuple):
    num_queries: int
    num_keys: int
    heads: int
    kv_heads: int
    size: int
    how: dict[str, Any]
    bias: bool = False


def cases(length: int, small: bool) -> dict[str, Case]:
    few = 8 if small else 1  # by which heads are fewer
    heads, head = 12 // (3 * (few > 1) + 1), 64
    return {
        "T5 self, bias": Case(length, length, heads, heads, head, {}, bias=True),
        "T5 cross": Case(length // 4, length, heads, heads, head, {}),
        "Llama": Case(length, length, 32 // few, 8 // few, 128, {"causal": True, "scale": 128**-0.5}),
        "Gemma 2, local": Case(
            length,
            length,
            8 // few,
            8 // few,
            256,
            {"causal": True, "window": length // 4, "soft_cap": 50.0, "scale": 256**-0.5},
        ),
    }


def segments(rng: np.random.Generator, rows: int, length: int, at_most: int) -> np.ndarray:
    """int32 [rows, length]: segments of a tenth of `at_most` to `at_most` tokens, then padding."""
    ids = np.zeros((rows, length), np.int32)
    for row in ids:
        at = segment = 0
        while (size := int(rng.integers(at_most // 10, at_most + 1))) <= length - at:
            segment += 1
            row[at : at + size] = segment
            at += size
    return ids


def step_of(case: Case, attend: Callable[..., jax.Array]) -> Callable[..., Any]:
    """(queries, keys, values, their segments, bias table) -> the gradient of all but the segments."""

    def loss(query, key, value, table, query_segments, key_segments):
        bias = None
        if case.bias:
            bias = relative_bias(table, case.num_queries, case.num_keys, bidirectional=True, max_distance=128)
        keys = query_segments if case.num_queries == case.num_keys else key_segments
        read = attend(query, key, value, query_segments=query_segments, key_segments=keys, bias=bias, **case.how)
        return read.astype(jnp.float32).sum()

    return jax.jit(jax.grad(loss, argnums=(0, 1, 2, 3)))


def arrays_of(case: Case, rows: int, dtype: str) -> list[jax.Array]:
    rng = np.random.default_rng(0)
    shapes = [(rows, case.num_queries, case.heads, case.size), *[(rows, case.num_keys, case.kv_heads, case.size)] * 2]
    drawn = [jnp.asarray(rng.standard_normal(shape), dtype) for shape in shapes]
    table = jnp.asarray(rng.standard_normal((32, case.heads)), jnp.float32)
    targets = segments(rng, rows, case.num_queries, max(400 * case.num_queries // case.num_keys, 20))
    return [*drawn, table, jnp.asarray(targets), jnp.asarray(segments(rng, rows, case.num_keys, 400))]


def milliseconds(step: Callable[..., Any], arrays: list[jax.Array], repeats: int) -> float:
    """The median of the repeats, after one that is not counted."""
    jax.block_until_ready(step(*arrays))
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        jax.block_until_ready(step(*arrays))
        times.append(time.perf_counter() - began)
    return float(np.median(times)) * 1e3


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--length", type=int, default=1024)
    parser.add_argument("--rows", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=10)
    args = parser.parse_args()
    mesh = Mesh(np.array(jax.devices()[:1]).reshape(1, 1, 1), sharding.AXES)
    platform = sharding.platform(mesh)
    small = platform == "cpu"
    block = attention.LARGEST_BLOCK
    print(
        f"{jax.devices()[0].device_kind}, {args.rows} rows of {args.length}, forward and backward, median ms of {args.repeats}"
    )
    for name, case in cases(args.length, small).items():
        arrays = arrays_of(case, args.rows, "float32" if small else "bfloat16")
        for backend in ("one product", "xla", "blocks", "splash", "relative", "hopper", "triton"):
            attention.LARGEST_BLOCK = 2**62 if backend == "one product" else block
            attend = make_attend(backend.replace("one product", "xla"), platform=platform, shard=sharding.shard(mesh))
            try:
                result = f"{milliseconds(step_of(case, attend), arrays, args.repeats):10.2f}"
            except (ValueError, jax.errors.JaxRuntimeError) as error:  # cannot serve, or does not fit
                result = f"  not run: {str(error).splitlines()[0]}"
            print(f"{name:16} {case.num_queries:5} x {case.num_keys:<5} {backend:12} {result}")


if __name__ == "__main__":
    main()
