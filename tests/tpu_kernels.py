"""The attention kernels in use, compiled for TPU slices: forward and backward, on parts of a slice."""

import subprocess
import sys

import tpu_compiler

PROGRAM = """
import sys
import jax, jax.numpy as jnp
from jax.experimental import topologies
from flanjax.parallel import sharding
from flanjax.models.attention.backend import make_attend
from flanjax.models.attention.relative_bias import relative_bias

def compile(topology, T, S, N, K, H, cross=False, biased=False, **how):
    one_core = {"chip_config_name": "megacore"} if "v4" in topology else {}
    devices = topologies.get_topology_desc(topology, "tpu", **one_core).devices
    mesh = sharding.make_mesh(sharding.MeshConfig(fsdp=2, tensor=2), devices)
    found = {}
    attend = make_attend("auto", platform=sharding.platform(mesh), shard=sharding.shard(mesh), note=found.__setitem__)
    rows = sharding.batch_sharding(mesh)

    def struct(*shape, dtype=jnp.bfloat16):
        return jax.ShapeDtypeStruct(shape, dtype, sharding=rows)

    def loss(query, key, value, table, queries, keys):
        keys = keys if cross else queries
        bias = relative_bias(table, T, S, bidirectional=True, max_distance=128) if biased else None
        read = attend(query, key, value, query_segments=queries, key_segments=keys, bias=bias, **how)
        return read.astype(jnp.float32).sum()

    arrays = struct(4, T, N, H), struct(4, S, K, H), struct(4, S, K, H)
    table = jax.ShapeDtypeStruct((32, N), jnp.float32, sharding=sharding.replicated(mesh))
    ids = struct(4, T, dtype=jnp.int32), struct(4, S, dtype=jnp.int32)
    gradient = jax.jit(jax.value_and_grad(loss, argnums=(0, 1, 2, 3)))
    text = gradient.lower(*arrays, table, *ids).compile().as_text()
    print(topology, *{note.name for note in found.values()}, text.count('custom_call_target="tpu_custom_call"'))

dropout = {"dropout_rate": 0.1, "dropout_key": jax.random.key(0)}
KERNELS = [
    ((1024, 1024, 12, 12, 64), dict(biased=True, **dropout)),  # T5's self-attention
    ((2048, 2048, 8, 4, 256), dict(causal=True, window=512, soft_cap=50.0, scale=256**-0.5)),  # Gemma 2
    ((256, 256, 12, 12, 64), dict(biased=True, causal=True)),  # the self-attention of T5's decoder
    ((2048, 2048, 12, 12, 64), dict(biased=True)),  # the longest
    ((256, 1024, 12, 12, 64), dict(cross=True, **dropout)),  # T5's cross-attention
    ((2048, 2048, 32, 8, 128), dict(causal=True, scale=128**-0.5)),  # Llama
]
for topology, count in zip(sys.argv[1::2], map(int, sys.argv[2::2])):
    for shape, how in KERNELS[:count]:
        compile(topology, *shape, **how)
"""
NAMES = ("relative", "splash", "relative", "relative", "splash", "splash")


def assert_compiled(counts):
    """Compiles the first kernels of the list for slices.

    Args:
      counts: topology -> how many of them.
    """
    command = [sys.executable, "-c", PROGRAM, *(str(x) for each in counts.items() for x in each)]
    ran = subprocess.run(command, capture_output=True, text=True, env=tpu_compiler.environment())
    assert ran.returncode == 0, ran.stderr[-2000:]
    expected = [f"{topology} {name} 2" for topology, count in counts.items() for name in NAMES[:count]]
    assert ran.stdout.splitlines() == expected
