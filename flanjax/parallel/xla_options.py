"""XLA's options for one compiled program, where a flag of the process would hold for all of them."""

import functools
import re
from collections.abc import Mapping, Sequence
from typing import Any

# An option whose name begins so is for these devices alone; any other is for all.
_PLATFORMS = {"xla_cpu_": "cpu", "xla_gpu_": "gpu", "xla_tpu_": "tpu", "xla_jf_": "tpu", "xla_sc_": "tpu"}
# Products by YNNPACK: it takes 2.6 s where Eigen takes 3.1 s (flan_mini's step). It is a program's option and not a flag of the
# process, because some products, such as (a @ b) @ b of 1,024, are eight times as slow with it.
_CPU = {"xla_cpu_experimental_ynn_fusion_type": "LIBRARY_FUSION_TYPE_DOT"}
Value = bool | int | str


def parse(text: str) -> tuple[str, Value]:
    """Returns the name and the value of an option. Raises ValueError if the text is not one.

    >>> parse("xla_tpu_scoped_vmem_limit_kib=65536"), parse("--xla_tpu_enable_flash=true")
    (('xla_tpu_scoped_vmem_limit_kib', 65536), ('xla_tpu_enable_flash', True))
    """
    name, equals, value = text.strip().removeprefix("--").partition("=")
    if not (equals and value and re.fullmatch(r"xla_\w+", name)):
        raise ValueError(f"{text!r} is not an option of XLA; expected one such as xla_tpu_scoped_vmem_limit_kib=65536")
    if value in ("true", "false"):
        return name, value == "true"
    return name, int(value) if re.fullmatch(r"-?\d+", value) else value


def options_for(asked: Sequence[str], platform: str) -> dict[str, Value]:
    """Returns the options of a training step on such devices, for `jax.jit`: our own, and those asked for that concern them.

    Args:
      asked: texts such as "xla_jf_spmd_threshold_for_windowed_einsum_mib=1000000".
      platform: of `flanjax.parallel.sharding.platform`.
    """
    kind = "gpu" if platform == "hopper" else platform
    own = _known_cpu_options() if kind == "cpu" else {}
    options = dict(parse(text) for text in asked)
    return {**own, **{name: value for name, value in options.items() if _platform(name) in (kind, None)}}


def _platform(name: str) -> str | None:
    return next((platform for prefix, platform in _PLATFORMS.items() if name.startswith(prefix)), None)


@functools.cache
def _known_cpu_options() -> Mapping[str, Value]:
    """The options for CPUs, if this jax has them: they are experimental, and an unknown one is an error."""
    try:
        check(_CPU)
    except ValueError:
        return {}
    return _CPU


def check(options: Mapping[str, Value], *arguments: Any) -> None:
    """Raises ValueError naming an option that the compiler does not know, or whose value it cannot read.

    Args:
      arguments: a ShapeDtypeStruct on the devices that are compiled for, if these are not here.
    """
    import jax  # a config is checked without it

    try:
        jax.jit(lambda *arrays: arrays, compiler_options=dict(options)).lower(*arguments).compile()
    except jax.errors.JaxRuntimeError as error:
        raise ValueError(f"train.xla_options: {str(error).splitlines()[0].removeprefix('INVALID_ARGUMENT: ')}") from error
