"""Prints what a GPU would do for one self-attention with T5's bias, forward and backward: gpu_attention.py GPU [LENGTH].

A line for the kernels and one for the reference: bytes of main memory, temporary bytes, custom calls, the largest array.
"""

import json
import sys

import jax
import jax.numpy as jnp

from flanjax.aot import cuda, hlo
from flanjax.aot.hlo.program import parse
from flanjax.models.attention import triton_kernel
from flanjax.models.attention.reference import attend
from flanjax.models.attention.relative_bias import RelativeBias


def main(gpu: str, length: int = 1024) -> None:
    cuda.find()
    here = jax.sharding.SingleDeviceSharding(cuda.devices(gpu, "1")[0])

    def array(*shape: int, dtype: str = "bfloat16") -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct(shape, dtype, sharding=here)

    heads = array(4, length, 4, 64)
    given = heads, heads, heads, array(4, 2 * length - 1, dtype="float32"), array(4, length, dtype="int32")

    def kernels(query, key, value, distances, segments):
        return triton_kernel.read(query, key, value, segments, segments, distances)

    def reference(query, key, value, distances, segments):
        return attend(query, key, value, query_segments=segments, key_segments=segments, bias=RelativeBias(distances))

    for name, read in (("triton", kernels), ("xla", reference)):

        def loss(*arrays, read=read):
            return jnp.sum(read(*arrays).astype(jnp.float32) ** 2)

        compiled = jax.jit(jax.grad(loss, (0, 1, 2, 3))).lower(*given).compile()
        text, memory = compiled.as_text(), compiled.memory_analysis()
        found = hlo.count(text)
        program = parse(text)
        outside = program.computations[program.entry].instructions.values()
        largest = max(array.size for instruction in outside for array in instruction.result)
        said = {"hbm_bytes": found.hbm_bytes, "temp_bytes": memory.temp_size_in_bytes, "custom_calls": found.custom_calls}
        print(name, json.dumps({**said, "largest": largest}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
