"""XLA's flags in tests: nearly all of their time goes into compiling programs that run once or a few times."""

QUICKLY = "--xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false --xla_cpu_parallel_codegen_split_count=1"


def flags(devices: int) -> str:
    """XLA_FLAGS of a process with so many CPU devices, in which compiling is quick and what is compiled is slow."""
    return f"--xla_force_host_platform_device_count={devices} {QUICKLY}"
