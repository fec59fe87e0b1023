"""Peak rates of devices: the published ones of TPUs and GPUs, and a measured one where none is published."""

import functools
import re
import time
from typing import NamedTuple

import jax
import jax.numpy as jnp

# Dense bf16 FLOP/s of one jax device, without sparsity. TPU: cloud.google.com/tpu/docs, the page of each version; v2, v3
# and TPU7x show each of a chip's two cores as a device, so their chip's number is halved. GPU: NVIDIA's datasheets,
# whose "with sparsity" numbers are halved.
PEAK_BF16_FLOPS: dict[str, float] = {
    "TPU v2": 46e12 / 2,
    "TPU v3": 123e12 / 2,
    "TPU v4": 275e12,
    "TPU v5 lite": 197e12,
    "TPU v5e": 197e12,
    "TPU v5": 459e12,
    "TPU v5p": 459e12,
    "TPU v6 lite": 918e12,
    "TPU v6e": 918e12,
    "TPU7x": 2307e12 / 2,
    "A10": 125e12,
    "A10G": 70e12,
    "A30": 165e12,
    "A40": 149.7e12,
    "A100": 312e12,
    "L4": 121e12,
    "L40": 181e12,
    "L40S": 362e12,
    "H100": 989.4e12,
    "H100 PCIe": 756e12,
    "H100 NVL": 835e12,
    "H200": 989.4e12,
    "H200 NVL": 835e12,
    "GH200": 989.4e12,
    "B200": 2250e12,
}


class Chip(NamedTuple):
    """Published peaks of one chip.

    Attributes:
      hbm_gib: size of main memory, in GiB.
      hbm_bytes_per_second: bandwidth of main memory.
      bf16_flops: FLOP/s of dense matrix products.
      int8_flops: operations a second of those of eight-bit integers.
      ici_bytes_per_second: bytes received over all of the chip's links together. Each link also sends as many.
      devices: number of devices that jax shows for the chip.
    """

    hbm_gib: int
    hbm_bytes_per_second: float
    bf16_flops: float
    int8_flops: float
    ici_bytes_per_second: float
    devices: int = 1


# Source: cloud.google.com/tpu/docs, the page of each chip. HBM bandwidth is the exact number of the pages of 2024 and 2025,
# some of which have been rounded since (v5e 800, v6e 1600 GB/s). ICI: the pages used to give Gbit/s (v5e 1600, v5p 4800) and
# now give GB/s in both directions (v5e 400, v5p 1200, v6e 800). Half of the new numbers equals the old ones: one direction, all
# links. That is 50 GB/s for each of the v5e's four links, and 100 GB/s for each of the v5p's six and the v6e's four. (The v6e's
# page once gave 3584 Gbit/s, which is 448 GB/s; the later and lower number is used here.) v4's page gives no number: it has six
# links of 50 GB/s by arXiv:2304.01433. jax shows the two cores of a v4 or v5p as one device.
# GPUs: NVIDIA's data sheets of the SXM modules (the A100 and the H100 with 80 GB), half of NVLink's rate in both directions.
CHIPS = {
    "v4": Chip(32, 1200e9, 275e12, 275e12, 6 * 50e9),
    "v5e": Chip(16, 819e9, 197e12, 394e12, 4 * 50e9),
    "v5p": Chip(95, 2765e9, 459e12, 918e12, 6 * 100e9),
    "v6e": Chip(32, 1640e9, 918e12, 1836e12, 4 * 100e9),
    "a100": Chip(79, 2039e9, 312e12, 624e12, 300e9),
    "h100": Chip(79, 3352e9, 989.4e12, 1978.9e12, 450e9),
    "h200": Chip(141, 4800e9, 989.4e12, 1978.9e12, 450e9),
}


def peak_flops(device: jax.Device) -> tuple[float, str] | None:
    """Returns the published dense bf16 FLOP/s of a device and a line for the report; None if no number is published.

    The numbers are NVIDIA's and Google's own (PEAK_BF16_FLOPS). A slice of a GPU (MIG) has no published number.
    """
    kind = device.device_kind
    if re.search(r"\bMIG\b", kind):
        return None
    known = [name for name in PEAK_BF16_FLOPS if re.search(rf"\b{re.escape(name)}\b", kind)]
    if not known:
        return None
    flops = PEAK_BF16_FLOPS[max(known, key=len)]
    return flops, f"{kind}: {flops / 1e12:g} TFLOP/s bf16, published"


@functools.cache
def measured_matmul_flops(seconds: float = 0.3, sizes: tuple[int, ...] = (512, 1024)) -> tuple[float, str]:
    """Returns the best float32 FLOP/s measured on square products, used as the peak of a device without a published one.

    Each size runs for its share of `seconds`, at least twice, after one untimed run that compiles it. A process measures once.
    """
    rate, size = max((_matmul_rate(n, seconds / len(sizes)), n) for n in sizes)
    kind = jax.devices()[0].device_kind
    return rate, f"{kind}: {rate / 1e9:.3g} GFLOP/s float32, best seen on a {size} x {size} product"


def _matmul_rate(size: int, seconds: float) -> float:
    x = jnp.full((size, size), 1.0 / size, jnp.float32)
    product = jax.jit(lambda a, b: jnp.matmul(a, b, precision="highest"))
    product(x, x).block_until_ready()
    best, start, runs = float("inf"), time.perf_counter(), 0
    while runs < 2 or time.perf_counter() - start < seconds:
        before = time.perf_counter()
        product(x, x).block_until_ready()
        best, runs = min(best, time.perf_counter() - before), runs + 1
    return 2 * size**3 / best
