"""Compiles for NVIDIA's GPUs on a machine without one: JAX's plugin for CUDA, told what GPU it is to compile for.

Like libtpu, the plugin lies in a folder beside the environment, where no other command looks for it. It needs no driver, no
toolkit and no GPU. What it cannot do without a GPU is to time several kernels for a product and take the fastest: it goes by
rules, so a run's kernels may be others than those of the compiled program.
"""

import contextlib
import importlib
import importlib.util
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import jax
import jaxlib
from jax.experimental import topologies

from flanjax.config import ConfigError

VARIABLE = "FLANJAX_CUDA"  # names another folder
_PLUGINS = ("jax_plugins.xla_cuda12", "jax_plugins.xla_cuda13")
INSTALL = (
    f"{sys.executable} -m pip install --no-deps --target {Path(sys.prefix) / 'cuda'} "
    f"jax-cuda12-plugin=={jaxlib.__version__} jax-cuda12-pjrt=={jaxlib.__version__}"
)
_ANEW = f"One command installs the plugin for it: {INSTALL} --upgrade"
MOST = 8  # GPUs of a host, which NVLink joins


class _Gpu(NamedTuple):
    """What the compiler has to know of a GPU."""

    name: str
    capability: tuple[int, int]
    accelerated: bool  # whether it has instructions of its generation alone, such as Hopper's products of warp groups
    cores: int  # streaming multiprocessors
    fpus: int  # float32 units of each
    clock_ghz: float
    memory_bytes: int
    memory_bytes_per_second: int
    l2_bytes: int
    shared_bytes: int  # of a core
    shared_bytes_a_block: int


# Source: NVIDIA's data sheets, and what the CUDA runtime says of each, as OpenXLA has it in its target configurations
# (xla/backends/gpu/target_config/specs).
_GPUS = {
    "a100": _Gpu(
        "NVIDIA A100-SXM4-80GB", (8, 0), False, 108, 64, 1.41, 85_100_068_864, 2_039_040_000_000, 41_943_040, 167_936, 166_912
    ),
    "h100": _Gpu(
        "NVIDIA H100 80GB HBM3", (9, 0), True, 132, 128, 1.98, 84_942_979_072, 3_352_320_000_000, 52_428_800, 233_472, 232_448
    ),
    "h200": _Gpu("NVIDIA H200", (9, 0), True, 132, 128, 1.98, 151_397_597_184, 4_800_000_000_000, 52_428_800, 233_472, 232_448),
}


def is_gpu(chip: str) -> bool:
    """Whether a chip's name is that of a GPU."""
    return chip in _GPUS


def find() -> None:
    """Prepares jax in this process to compile for GPUs, on the CPU.

    Raises:
      ConfigError: there is no plugin for this jaxlib; the message has the command that installs it.
    """
    if not installed() and (folder := _beside()):
        sys.path.append(folder)
        importlib.invalidate_caches()
    if not (plugin := installed()):
        raise ConfigError(
            f"compiling for GPUs needs JAX's plugin for CUDA, which is not installed. One command installs it: {INSTALL}"
        )
    jax.config.update("jax_platforms", "cpu")  # otherwise jax would look for a GPU because there is a plugin
    try:
        with _stderr_closed():
            _ready(plugin)
    except Exception as error:  # whatever a plugin of another version raises
        reason = next(iter(str(error).splitlines()), type(error).__name__)[:200]
        raise ConfigError(f"JAX's plugin for CUDA does not work with jaxlib {jaxlib.__version__}: {reason}. {_ANEW}") from error


def devices(chip: str, count: str) -> list[jax.Device]:
    """Returns the devices of a host with so many GPUs, which need not be here.

    Raises:
      ConfigError: no host has that number.
    """
    if not count.isdecimal() or not 1 <= int(count) <= MOST:
        raise ConfigError(f"topology is '{chip}:{count}', expected {chip}:1 to {chip}:{MOST}, the GPUs of one host")
    return _devices(chip, int(count))


@contextlib.contextmanager
def default_device(device: jax.Device) -> Iterator[None]:
    """Lets tokamax, which asks jax what device it runs on by default, see one that is compiled for.

    `jax.default_device` would not do: whatever is computed while a step is traced would be placed on a device that is not here.
    Its warnings, that no tiles were tried on this GPU, are left out.
    """
    log = logging.getLogger("absl")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with mock.patch("jax.extend.backend.get_default_device", return_value=device):
            yield
    finally:
        log.setLevel(level)


def _devices(chip: str, count: int) -> list[jax.Device]:
    described = topologies.get_topology_desc(platform="cuda", target_config=_target(_GPUS[chip]), topology=f"1x1x{count}")
    return list(described.devices)


def _ready(plugin: str) -> None:
    try:
        _devices("h100", 1)
    except NotImplementedError:  # jax had looked for plugins before
        importlib.import_module(plugin).initialize()
        _devices("h100", 1)


def installed() -> str:
    """Returns the module of the plugin; "" if there is none."""
    for name in _PLUGINS:
        try:
            if importlib.util.find_spec(name):
                return name
        except ModuleNotFoundError:  # there is no jax_plugins
            continue
    return ""


def _beside() -> str:
    for folder in filter(None, (os.environ.get(VARIABLE), f"{sys.prefix}/cuda")):
        if (Path(folder) / "jax_plugins").is_dir():
            return folder
    return ""


@contextlib.contextmanager
def _stderr_closed() -> Iterator[None]:
    """Drops what the plugin prints when it is loaded, at any log level: that there is no driver, and no GPU will be used."""
    sys.stderr.flush()
    kept, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)


def _target(gpu: _Gpu) -> str:
    """Returns a GpuTargetConfigProto of OpenXLA, as text."""
    major, minor = gpu.capability
    return f"""
gpu_device_info {{
  threads_per_block_limit: 1024
  threads_per_warp: 32
  threads_per_core_limit: 2048
  registers_per_core_limit: 65536
  registers_per_block_limit: 65536
  block_dim_limit_x: 2147483647
  block_dim_limit_y: 65535
  block_dim_limit_z: 65535
  thread_dim_limit_x: 1024
  thread_dim_limit_y: 1024
  thread_dim_limit_z: 64
  shared_memory_per_block: 49152
  shared_memory_per_core: {gpu.shared_bytes}
  shared_memory_per_block_optin: {gpu.shared_bytes_a_block}
  core_count: {gpu.cores}
  fpus_per_core: {gpu.fpus}
  clock_rate_ghz: {gpu.clock_ghz}
  memory_bandwidth: {gpu.memory_bytes_per_second}
  device_memory_size: {gpu.memory_bytes}
  l2_cache_size: {gpu.l2_bytes}
  cuda_compute_capability {{
    major: {major}
    minor: {minor}
    feature_extension: {"ACCELERATED_FEATURES" if gpu.accelerated else "NONE"}
  }}
  device_interconnect_info {{ active_links: 18 }}
  runtime_version: "12.8.0"
  driver_version: "12.8.0"
  compile_time_toolkit_version: "12.8.0"
  dnn_version: "9.8.0"
}}
platform_name: "CUDA"
dnn_version_info {{ major: 9 minor: 8 }}
device_description_str: "{gpu.name}"
"""
