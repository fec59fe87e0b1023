"""What a compiled step calls and where its time goes, on an accelerator."""

import collections
import re
import tempfile
from collections.abc import Callable
from pathlib import Path

import jax

STEPS = 2
_TARGET = re.compile(r'custom_call_target="([^"]+)"')


def kernels_of(text: str) -> dict[str, int]:
    """Returns how often a compiled program calls each library or kernel of its own.

    >>> kernels_of('a = f32[] custom-call(b), custom_call_target="__cublas$gemm"')
    {'__cublas$gemm': 1}
    """
    return dict(collections.Counter(_TARGET.findall(text)).most_common())


def largest_costs(step: Callable[[], None], count: int = 10, device: str = "/device:") -> dict[str, float]:
    """Returns the operations that take most time in a trace of two steps, with milliseconds a step.

    Args:
      step: runs one step and waits for it.
      device: how the names of the planes in which time is counted begin.
    """
    with tempfile.TemporaryDirectory() as folder:
        with jax.profiler.trace(folder):
            for _ in range(STEPS):
                step()
        (path,) = Path(folder).rglob("*.xplane.pb")
        seconds: collections.Counter[str] = collections.Counter()
        for plane in jax.profiler.ProfileData.from_file(str(path)).planes:
            if plane.name.startswith(device):
                # Other lines sum up what the streams hold: steps, modules, source lines.
                for line in plane.lines:
                    if line.name.startswith(("Stream", "XLA Ops")) or device != "/device:":
                        for event in line.events:
                            seconds[event.name] += event.duration_ns
    return {name: spent / 1e6 / STEPS for name, spent in seconds.most_common(count)}
