"""A published size and all attention kernels compiled for TPU slices: three minutes of the TPU compiler."""

import subprocess
import sys

import tpu_compiler
import tpu_kernels


@tpu_compiler.needed
def test_t5_base_compiles_for_a_v5e_slice_and_fits():
    command = [sys.executable, "-m", "flanjax.cli", "compile", "--config", "configs/flan_t5.py:base", "--topology", "v5e:4x4"]
    ran = subprocess.run(command, cwd=tpu_compiler.ROOT, capture_output=True, text=True, env=tpu_compiler.environment())
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.count("247.6 million") == 2
    assert ran.stdout.count("GiB a chip: fits") == 2
    assert "self 1024 x 1024, bias: relative" in ran.stdout
    assert "cross 256 x 1024: splash" in ran.stdout
    assert "incomplete" not in ran.stdout


@tpu_compiler.needed
def test_all_kernels_compile_for_both_slices():
    tpu_kernels.assert_compiled({"v4:2x2x1": 6, "v5e:2x2": 6})
