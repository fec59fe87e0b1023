"""Which implementation of attention serves where, and why: decided from what is known before the model computes anything.

  xla       plain XLA, everywhere: the reference, reference.py
  splash    JAX's Pallas kernel for TPUs, splash.py
  relative  a Pallas kernel for TPUs that makes T5's relative bias itself, relative_kernel.py
  hopper    a Mosaic kernel for Hopper GPUs, hopper.py; of the optional package tokamax
  triton    Triton kernels for NVIDIA's GPUs that make T5's relative bias themselves, triton_kernel.py
  blocks    a loop in plain XLA over the blocks of scores that packing allows, for CPUs, blocks.py

"auto" takes the first of the platform's kernels that can serve, is likely to pay, and proves itself on the device at hand
(proof.py); else xla. A backend asked for by its
name serves or raises; it is never replaced, except that a single query (a decoding step) is always read by xla: there is
nothing to fuse.
"""

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeAlias

import jax.numpy as jnp

BACKENDS = ("auto", "xla", "splash", "relative", "hopper", "triton", "blocks")
LANES = 128  # what kernels count lengths in
SHORTEST = 256 * 256  # scores of a head below which a kernel has too little to do to pay
SHORTEST_IN_BLOCKS = 128 * 128  # likewise, of blocks

MOST_KEYS = 2048  # of the relative kernel: it holds all keys of a head, and a v4 has 16 MiB of fast memory
LARGEST_SCORES = 2**19  # of a head that the relative kernel holds at a time

_KERNELS = {"tpu": ("splash", "relative"), "hopper": ("hopper", "triton"), "gpu": ("triton",), "cpu": ("blocks",)}
_DEVICE = {"splash": "a TPU", "relative": "a TPU", "hopper": "a Hopper GPU", "triton": "a GPU", "blocks": "a CPU"}


class Need(NamedTuple):
    """What an attention has to do."""

    num_queries: int
    num_keys: int
    head_dim: int
    dtype: str
    causal: bool = False
    window: int | None = None
    bias: bool = False
    relative: bool = False  # the bias is a RelativeBias
    prefix: bool = False
    soft_cap: bool = False
    cross: bool = False  # queries and keys are of different sequences

    def __str__(self) -> str:
        words = ["causal"] if self.causal else []
        words += ["cross" if self.cross else "self", f"{self.num_queries} x {self.num_keys}"]
        kind = " ".join(words)
        more = {"prefix": self.prefix, f"window {self.window}": self.window, "bias": self.bias, "soft cap": self.soft_cap}
        return ", ".join([kind, *(name for name, there in more.items() if there)])


class Choice(NamedTuple):
    """A backend and why it serves."""

    name: str
    reason: str

    def __str__(self) -> str:
        return f"{self.name} ({self.reason})"


Prove: TypeAlias = Callable[[str, Need], str]


def unproven(kernel: str, need: Need) -> str:
    """Takes a kernel at its word, as where the devices are only described."""
    del kernel, need
    return ""


def choose(backend: str, need: Need, *, platform: str, tokamax: bool = False, prove: Prove = unproven) -> Choice:
    """What serves `need` where `backend` is asked for.

    Args:
      platform: of the devices: "cpu", "tpu", "hopper" or "gpu" (another one).
      tokamax: whether that package is installed.
      prove: (kernel, need) -> what is wrong with the kernel on the device at hand; "" where nothing is.

    Raises:
      ValueError: the backend asked for by name cannot serve; the reasons are given.

    >>> print(choose("auto", Need(256, 1024, 64, "bfloat16", cross=True), platform="tpu"))
    splash (blocks of 256 x 1024)
    >>> print(choose("auto", Need(1024, 1024, 64, "bfloat16", bias=True, relative=True), platform="tpu"))
    relative (blocks of 256 x 1024)
    """
    if backend not in BACKENDS:
        raise ValueError(f"attention is {backend!r}, expected one of {BACKENDS}")
    if backend == "xla":
        return Choice("xla", "asked for")
    if need.num_queries == 1:
        return Choice("xla", "a single query")
    if backend != "auto":
        if cannot := list(_obstacles(backend, need, platform, tokamax)):
            raise ValueError(f"attention is {backend!r}, which cannot serve {need}: {'; '.join(cannot)}. 'auto' takes what can")
        return Choice(backend, "asked for")
    unwise = [f"no kernel for {platform}"] if platform not in _KERNELS else []
    flaws: list[str] = []
    for kernel in _KERNELS.get(platform, ()):
        if reasons := list(_obstacles(kernel, need, platform, tokamax)) or list(_doubts(kernel, need)):
            unwise.append(reasons[0])
        elif flaw := prove(kernel, need):
            flaws.append(f"{kernel} {flaw}")
        else:
            return Choice(kernel, "; ".join([_how(kernel, need), *flaws]))
    unwise += flaws
    return Choice("xla", "; ".join(dict.fromkeys(unwise)))


def _obstacles(kernel: str, need: Need, platform: str, tokamax: bool) -> Iterator[str]:
    """Why a kernel cannot serve."""
    if kernel not in _KERNELS.get(platform, ()):
        yield f"{kernel} needs {_DEVICE[kernel]}, and the mesh is of {platform}"
    if need.prefix:
        yield f"{kernel} takes no prefix"
    if (need.causal or need.window) and need.num_queries != need.num_keys:
        yield f"{kernel} takes causal and local queries only where there are as many keys"
    if kernel == "splash" and need.bias:
        yield "splash takes no bias"
    if kernel == "relative":
        if need.bias and not need.relative:
            yield "relative takes no bias but that of distances"
        if need.window or need.soft_cap:
            yield "relative takes neither window nor soft cap"
        if need.num_keys > MOST_KEYS:
            yield f"relative takes at most {MOST_KEYS:,} keys"
    if kernel == "blocks":
        if need.bias and not need.relative:
            yield "blocks takes no bias but that of distances"
        if need.soft_cap:
            yield "blocks takes no soft cap"
    if kernel == "triton":
        if need.bias and not need.relative:
            yield "triton takes no bias but that of distances"
        if need.dtype != "bfloat16":
            yield f"triton computes in bfloat16, not in {need.dtype}"
        if need.head_dim not in (16, 32, 64, 128, 256):
            yield f"triton takes heads of a power of two, 16 to 256, not of {need.head_dim}"
    if kernel == "hopper":
        if not tokamax:
            yield "hopper needs tokamax: pip install 'flanjax[hopper]'"
        if need.dtype != "bfloat16":
            yield f"hopper computes in bfloat16, not in {need.dtype}"
        if need.bias and need.soft_cap:
            yield "hopper caps the bias with the score"
        if need.window and not need.causal:
            yield "hopper takes a window only where it is causal"
        if need.head_dim > 256:
            yield f"hopper takes heads of at most 256, not of {need.head_dim}"


def _doubts(kernel: str, need: Need) -> Iterator[str]:
    """Why a kernel that could serve is not taken unasked."""
    if kernel == "blocks":
        if need.num_queries * need.num_keys < SHORTEST_IN_BLOCKS:
            yield "short"
        return
    if need.num_queries % LANES or need.num_keys % LANES:
        yield f"lengths are no multiples of {LANES}"
    if need.num_queries * need.num_keys < SHORTEST:
        yield "short"
    if kernel == "triton":
        yield "triton is taken only when asked for: it has not been timed on a GPU yet"
    if kernel == "hopper" and need.bias:
        yield "hopper with a bias is taken only when asked for: its gradient has the size of all scores"


def _how(kernel: str, need: Need) -> str:
    if kernel == "splash":
        largest = splash_largest(need.head_dim * jnp.dtype(need.dtype).itemsize)
        return f"blocks of {splash_block(need.num_queries, largest)} x {splash_block(need.num_keys, largest)}"
    if kernel == "relative":
        return f"blocks of {relative_block(need.num_queries, need.num_keys)} x {need.num_keys}"
    if kernel == "blocks":
        return "those that packing allows"
    return "key ranges from segments"


def splash_largest(head_bytes: int) -> int:
    """The largest block of splash for heads of so many bytes.

    Larger blocks are faster (MaxText uses 512 to 2,048); from 2,048 on their scores do not fit a TPU's scoped VMEM, and with
    large heads those of 1,024 do not fit the 16 MiB of a v4.
    """
    return 1024 if head_bytes <= 256 else 512


def splash_block(length: int, largest: int = 1024) -> int:
    """The largest block that divides a length, a multiple of 128."""
    return LANES * max(n for n in range(1, largest // LANES + 1) if length // LANES % n == 0)


def relative_block(num_queries: int, num_keys: int) -> int:
    """How many queries the relative kernel reads at a time, with all keys: a power of two, whose scores are some megabytes.

    >>> relative_block(1024, 1024), relative_block(640, 1024), relative_block(2048, 4096)
    (256, 128, 128)
    """
    block = LANES
    while num_queries % (2 * block) == 0 and 2 * block * (2 * block + num_keys) <= LARGEST_SCORES:
        block *= 2
    return block


def padded(length: int) -> int:
    """The next multiple of 128."""
    return math.ceil(length / LANES) * LANES


def summary(found: dict[Need, Choice]) -> str:
    """One line of what each attention of a model runs on."""
    return "attention: " + ("; ".join(f"{need}: {choice}" for need, choice in found.items()) or "xla")
