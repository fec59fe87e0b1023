"""Which implementation of attention serves where, and why: decided from what is known before anything is computed.

  xla      plain XLA, everywhere: the reference, attention.py
  splash   a Pallas kernel for TPUs, attention_splash.py
  hopper   a Mosaic kernel for Hopper GPUs, attention_hopper.py; of the optional package tokamax

"auto" takes the platform's kernel where it can serve and is likely to pay, else xla. A backend asked for by its name serves or
raises; it is never replaced, except that a single query (a decoding step) is always read by xla: there is nothing to fuse.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

BACKENDS = ("auto", "xla", "splash", "hopper")
LANES = 128  # what kernels count lengths in
SHORTEST = 256 * 256  # scores of a head below which a kernel has too little to do to pay

_KERNELS = {"tpu": "splash", "hopper": "hopper"}


class Need(NamedTuple):
    """What an attention has to do."""

    num_queries: int
    num_keys: int
    head_dim: int
    dtype: str
    causal: bool = False
    window: int | None = None
    bias: bool = False
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


def choose(backend: str, need: Need, *, platform: str, tokamax: bool = False) -> Choice:
    """What serves `need` where `backend` is asked for.

    Args:
      platform: of the devices: "cpu", "tpu", "hopper" or "gpu" (another one).
      tokamax: whether that package is installed.

    Raises:
      ValueError: the backend asked for by name cannot serve; the reasons are given.

    >>> print(choose("auto", Need(256, 1024, 64, "bfloat16", cross=True), platform="tpu"))
    splash (blocks of 256 x 1024)
    >>> print(choose("auto", Need(1024, 1024, 64, "bfloat16", bias=True), platform="tpu"))
    xla (splash takes no bias)
    """
    if backend not in BACKENDS:
        raise ValueError(f"attention is {backend!r}, expected one of {BACKENDS}")
    if backend == "xla":
        return Choice("xla", "asked for")
    if need.num_queries == 1:
        return Choice("xla", "a single query")
    kernel = _KERNELS.get(platform, "") if backend == "auto" else backend
    if not kernel:
        return Choice("xla", f"no kernel for {platform}")
    cannot = list(_obstacles(kernel, need, platform, tokamax))
    if backend != "auto":
        if cannot:
            raise ValueError(f"attention is {backend!r}, which cannot serve {need}: {'; '.join(cannot)}. 'auto' takes what can")
        return Choice(kernel, "asked for")
    if unwise := cannot or list(_doubts(kernel, need)):
        return Choice("xla", unwise[0])
    return Choice(kernel, _how(kernel, need))


def _obstacles(kernel: str, need: Need, platform: str, tokamax: bool) -> Iterator[str]:
    """Why a kernel cannot serve."""
    if _KERNELS.get(platform) != kernel:
        yield f"{kernel} needs {'a TPU' if kernel == 'splash' else 'a Hopper GPU'}, and the mesh is of {platform}"
    if need.prefix:
        yield f"{kernel} takes no prefix"
    if (need.causal or need.window) and need.num_queries != need.num_keys:
        yield f"{kernel} takes causal and local queries only where there are as many keys"
    if kernel == "splash" and need.bias:
        yield "splash takes no bias"
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
    if need.num_queries % LANES or need.num_keys % LANES:
        yield f"lengths are no multiples of {LANES}"
    if need.num_queries * need.num_keys < SHORTEST:
        yield "short"
    if kernel == "hopper" and need.bias:
        yield "hopper with a bias is taken only when asked for: its gradient has the size of all scores"


def _how(kernel: str, need: Need) -> str:
    if kernel == "splash":
        return f"blocks of {splash_block(need.num_queries)} x {splash_block(need.num_keys)}"
    return "key ranges from segments"


def splash_block(length: int, largest: int = 1024) -> int:
    """The largest block that divides a length, a multiple of 128.

    Larger blocks are faster (MaxText uses 512 to 2,048); from 2,048 on their scores do not fit a TPU's scoped VMEM.
    """
    return LANES * max(n for n in range(1, largest // LANES + 1) if length // LANES % n == 0)


def padded(length: int) -> int:
    """The next multiple of 128."""
    return math.ceil(length / LANES) * LANES


def summary(found: dict[Need, Choice]) -> str:
    """One line of what each attention of a model runs on."""
    return "attention: " + ("; ".join(f"{need}: {choice}" for need, choice in found.items()) or "xla")
