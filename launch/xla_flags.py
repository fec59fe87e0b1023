"""XLA flags by chip, as lines of shell to evaluate: eval "$(python launch/xla_flags.py v6e)"

An unknown flag aborts a process of jax, and the known names change with its releases. So a child process first tries the list
on the installed jaxlib or libtpu. Names that it does not know are left out, with a line on stderr. Flags that the user has set
are kept.

None of the lists has been measured on flanjax: they come from public decoder-only recipes, without what depends on the model.
"""

import argparse
import os
import re
import shlex
import subprocess
import sys
from typing import NamedTuple

# MaxText benchmarks/xla_flags_library.py: DATA_PARALLEL_OVERLAP, for the gradients that slices exchange, and of
# CF_FOR_ALL_GATHER what is not for the v5e alone. Its v5e and v5p recipes (src/maxtext/configs/tpu/) are made of them.
_TPU = (
    "--xla_tpu_overlap_compute_collective_tc=true",
    "--xla_enable_async_all_gather=true",
    "--xla_tpu_enable_data_parallel_all_reduce_opt=true",
    "--xla_tpu_data_parallel_opt_different_sized_ops=true",
)
# The rest of CF_FOR_ALL_GATHER; libtpu 0.0.51 refuses to compile with it for a v5p or a v6e.
_FUSED_ALL_GATHER = (
    "--xla_tpu_enable_async_collective_fusion=true",
    "--xla_tpu_enable_async_collective_fusion_fuse_all_gather=true",
    "--xla_tpu_enable_async_collective_fusion_multiple_steps=true",
)
# Built into NVIDIA's jax images: docs.nvidia.com/jax-toolbox/environment-variables.
_GPU = ("--xla_gpu_enable_latency_hiding_scheduler=true",)
# MaxText src/maxtext/configs/gpu/a3/llama_2_7b/1vm.sh, less its thresholds in bytes, which depend on the model.
_SEVERAL_GPUS = (
    "--xla_gpu_enable_command_buffer=",
    "--xla_gpu_enable_highest_priority_async_stream=true",
    "--xla_gpu_enable_pipelined_all_gather=true",
    "--xla_gpu_enable_pipelined_reduce_scatter=true",
    "--xla_gpu_enable_pipelined_all_reduce=true",
    "--xla_gpu_enable_while_loop_double_buffering=true",
)
# The same script: cuBLAS, not Triton, for matrix products.
_HOPPER = ("--xla_gpu_enable_triton_gemm=false",)

TPU = {
    # MaxText src/maxtext/configs/tpu/v4/22b.sh.
    "v4": ("--xla_enable_async_all_gather=true",),
    "v5e": (*_TPU, *_FUSED_ALL_GATHER),
    # MaxText src/maxtext/configs/tpu/v5p/32b.sh, less its SparseCore set.
    "v5p": (
        *_TPU,
        "--xla_tpu_megacore_fusion_allow_ags=false",
        "--xla_enable_async_collective_permute=true",
        "--xla_tpu_enable_ag_backward_pipelining=true",
    ),
    # The same library: DENSE_VMEM_LIMIT_FLAG and LAYOUT_FOR_ALL_REDUCE_SCATTER, as in tpu-recipes' Llama3.1-8B on v6e.
    "v6e": (
        *_TPU,
        "--xla_tpu_scoped_vmem_limit_kib=98304",
        "--xla_tpu_use_minor_sharding_for_major_trivial_input=true",
        "--xla_tpu_relayout_group_size_threshold_for_reduce_scatter=1",
        "--xla_tpu_assign_all_reduce_scatter_layout=true",
    ),
}
GPU = {"a100": _GPU, "h100": (*_GPU, *_HOPPER), "h200": (*_GPU, *_HOPPER)}
# docs.nvidia.com/jax-toolbox/performance-profiling/gpu-performance: "typically 0.9 or 0.8".
_GPU_ENVIRONMENT = {"XLA_PYTHON_CLIENT_MEM_FRACTION": "0.9"}

# The smallest slice of each chip: enough for libtpu to read its flags.
_TOPOLOGIES = {"v4": "v4:2x2x1", "v5e": "v5e:2x2", "v5p": "v5p:2x2x1", "v6e": "v6e:2x2"}
_TRY_TPU = "import sys; from jax.experimental import topologies; topologies.get_topology_desc(sys.argv[1], 'tpu')"
_TRY_GPU = "import jax; jax.devices()"
_UNKNOWN_TO_LIBTPU = re.compile(r"Unknown command line flag '([^']+)'")
_UNKNOWN_TO_JAXLIB = re.compile(r"Unknown flags? in XLA_FLAGS: (.*)")
_TRIAL_SECONDS = 300


class Preset(NamedTuple):
    """The settings for a chip.

    Attributes:
      variable: the environment variable for its flags.
      environment: other variables, which are set unless the user has set them.
      trial: arguments of a Python process that reads the flags.
    """

    variable: str
    flags: tuple[str, ...]
    environment: dict[str, str]
    trial: tuple[str, ...]


def preset(chip: str, several: bool) -> Preset:
    """Returns the flags of a chip; `several`: whether the run has more than one GPU (it has no effect on TPUs)."""
    if chip == "none":
        return Preset("XLA_FLAGS", (), {}, ())
    if chip in TPU:
        return Preset("LIBTPU_INIT_ARGS", TPU[chip], {}, ("-c", _TRY_TPU, _TOPOLOGIES[chip]))
    flags = GPU[chip] + (_SEVERAL_GPUS if several else ())
    return Preset("XLA_FLAGS", flags, _GPU_ENVIRONMENT, ("-c", _TRY_GPU))


def merged(flags: tuple[str, ...], own: str) -> list[str]:
    """Returns the flags whose names the user has not set, followed by the user's own flags, unchanged."""
    theirs = _names(own)
    return [flag for flag in flags if not _names(flag) & theirs] + ([own] if own else [])


def known(chosen: Preset, own: str) -> list[str]:
    """Returns the merged flags that the installed jaxlib or libtpu knows; prints the names left out on stderr.

    Raises:
      RuntimeError: a flag that the user has set is unknown, or the trial fails for another reason.
    """
    flags = merged(chosen.flags, own)
    while flags:
        unknown, status, said = _try(chosen, flags)
        if not status:
            break
        if unknown & _names(own):
            raise RuntimeError(
                f"{chosen.variable} holds {', '.join(sorted(unknown & _names(own)))}, unknown to what is installed here, which "
                "would abort the run; take it out"
            )
        kept = [flag for flag in flags if not _names(flag) & unknown]
        if kept == flags:
            raise RuntimeError(
                f"could not try the flags; a Python with jax ended with status {status}: {_last_line(said)}\n"
                "--no-check prints them untried, and chip none sets none"
            )
        print(f"xla_flags.py: left out, unknown to what is installed here: {', '.join(sorted(unknown))}", file=sys.stderr)
        flags = kept
    return flags


def exports(chosen: Preset, flags: list[str], environment: dict[str, str]) -> list[str]:
    """Returns lines of shell that set the variables which the user has not set."""
    lines = [f"export {chosen.variable}={shlex.quote(' '.join(flags))}"] if flags else []
    return lines + [f"export {k}={shlex.quote(v)}" for k, v in chosen.environment.items() if k not in environment]


def _try(chosen: Preset, flags: list[str]) -> tuple[set[str], int, str]:
    environment = {**os.environ, chosen.variable: " ".join(flags), "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
    if chosen.variable == "LIBTPU_INIT_ARGS":
        # libtpu reads its flags without the chips being opened, so it may do so beside another process.
        environment |= {"JAX_PLATFORMS": "cpu", "ALLOW_MULTIPLE_LIBTPU_LOAD": "1"}
    trial = subprocess.run(
        [sys.executable, *chosen.trial], env=environment, capture_output=True, text=True, timeout=_TRIAL_SECONDS, check=False
    )
    unknown = set(_UNKNOWN_TO_LIBTPU.findall(trial.stderr))
    for line in _UNKNOWN_TO_JAXLIB.findall(trial.stderr):
        unknown |= _names(line)
    return unknown, trial.returncode, trial.stderr


def _names(flags: str) -> set[str]:
    return set(re.findall(r"(?:^|\s)--(\w+)", flags))


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1].strip() if lines else "it said nothing"


def _how_many() -> int:
    """Returns how many GPUs a process sees; 1 where nvidia-smi does not tell."""
    try:
        return _gpus()[1]
    except RuntimeError:
        return 1


def _gpus() -> tuple[str, int]:
    """Returns the name of this machine's GPUs, as a key of GPU, and how many of them a process sees."""
    advice = f"Name the chip yourself: {', '.join(GPU)}, or none for no flags"
    try:
        asked = subprocess.run(
            ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError) as error:
        raise RuntimeError(f"cannot tell which GPU this is: {error}. {advice}") from error
    found = asked.stdout.splitlines()
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    count = len(found) if visible is None else len([v for v in visible.split(",") if v])
    for chip in GPU:
        if found and chip in found[0].lower():
            return chip, count
    raise RuntimeError(f"there is no list for the GPU {', '.join(sorted(set(found))) or '(none)'}. {advice}")


def main() -> int:
    parser = argparse.ArgumentParser(description="Prints XLA flags for a chip, as lines of shell to evaluate.")
    parser.add_argument("chip", choices=[*TPU, *GPU, "gpu", "none"], help="gpu asks nvidia-smi; none sets nothing")
    parser.add_argument("--several", action="store_true", help="the run has several GPUs")
    parser.add_argument("--no-check", action="store_true", help="print all, without trying them on what is installed here")
    args = parser.parse_args()
    try:
        chip, count = _gpus() if args.chip == "gpu" else (args.chip, _how_many() if args.chip in GPU else 1)
        chosen = preset(chip, args.several or count > 1)
        own = os.environ.get(chosen.variable, "")
        if own and not own.startswith("--"):
            raise RuntimeError(f"{chosen.variable} is {own!r}, expected flags that begin with --; chip none leaves it alone")
        flags = merged(chosen.flags, own) if args.no_check else known(chosen, own)
    except (RuntimeError, subprocess.TimeoutExpired) as error:
        print(f"xla_flags.py: {error}", file=sys.stderr)
        return 1
    print("\n".join(exports(chosen, flags, dict(os.environ))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
