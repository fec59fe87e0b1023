"""Peak host memory of importing safetensors of 1.5 GB, which is to stay under 1.25 times the largest file.

    python tests/benchmarks/import_memory.py [--folder DIR] [--keep] [--no-torch]

It writes random float32 models of 1.5 GB, an encoder-decoder and a decoder, each in one file and in several, and imports each
in fresh processes of eight fake CPU devices. What is measured is the peak of the process's resident memory, mapped file pages
included, over what it was just before the import (VmHWM over VmRSS, the peak being reset in between). In three ways:

  dropped  every parameter is read onto the devices, summed and let go before the next: as on a host of accelerators, whose
           devices' memory is not its own; yet one whole parameter, which lies on the fake devices, is counted
  placed   all parameters stay on the devices, whose memory here is the host's: their own size is subtracted
  saved    the parameters are placed before, and what is measured is writing them

`loaded by torch` is transformers' from_pretrained in float32 in the same way, the model's own size subtracted. The exit status
is 1 if the peak of `dropped` or of `placed` is not under the limit, or if the sums of the parameters differ.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

FACTOR = 1.25
SHARD_BYTES = 300 * 10**6
MODELS = ("t5", "llama")
WAYS = ("dropped", "placed", "saved")
MB = 10**6


def config_of(model: str):
    from flanjax.models.decoder_config import DecoderConfig
    from flanjax.models.t5_config import T5Config

    if model == "t5":
        return T5Config(
            vocab_size=32128, d_model=1024, d_ff=2816, num_layers=10, num_decoder_layers=11, num_heads=16, head_dim=64
        )
    return DecoderConfig(
        vocab_size=32000, d_model=1024, d_ff=4096, num_layers=19, num_heads=16, num_kv_heads=16, head_dim=64, max_positions=1024
    )


def write(folder: Path, model: str) -> None:
    """One random model, in one file and in several."""
    import jax
    import numpy as np

    from flanjax import huggingface as hf
    from flanjax.models import functional

    rng = np.random.default_rng(0)
    config = config_of(model)
    _, shapes = functional.abstract(config)
    params = jax.tree.map(lambda x: 0.02 * rng.standard_normal(x.shape, np.float32), shapes)
    hf.save(folder / f"{model}_one", config, params)
    hf.save(folder / f"{model}_several", config, params, max_shard_bytes=SHARD_BYTES)


def measure(way: str, directory: Path) -> dict[str, float]:
    """Bytes over the baseline at the peak, seconds, the parameters' own bytes, and their sum."""
    return torch_import(directory) if way == "torch" else our_import(way, directory)


def our_import(way: str, directory: Path) -> dict[str, float]:
    import jax
    import numpy as np

    from flanjax import huggingface as hf
    from flanjax.models import functional
    from flanjax.parallel import sharding

    def sum_of(value: jax.Array) -> float:
        return float(sum(np.asarray(s.data).sum(dtype=np.float64) for s in value.addressable_shards if s.replica_id == 0))

    mesh = sharding.make_mesh(sharding.MeshConfig(data=1, fsdp=4, tensor=2))
    config = hf.open_model(directory).config
    placed = sharding.shardings(functional.abstract(config)[1], functional.logical_axes(config), mesh)
    sum_of(jax.device_put(np.ones((8, 8), np.float32), sharding.replicated(mesh)))
    params = hf.open_model(directory).params(placed) if way == "saved" else {}
    base, begun = restart_peak(), time.perf_counter()
    if way == "dropped":
        size, total = 0, 0.0
        for _, value in hf.open_model(directory).read(placed):
            size, total = size + value.nbytes, total + sum_of(value)
            del value
        return {"over": peak() - base, "seconds": time.perf_counter() - begun, "own": size, "sum": total}
    if way == "saved":
        hf.save(directory.with_suffix(".saved"), config, params, max_shard_bytes=SHARD_BYTES)
    else:
        params = hf.open_model(directory).params(placed)
    over, seconds = peak() - base, time.perf_counter() - begun
    leaves = jax.tree.leaves(params)
    return {"over": over, "seconds": seconds, "own": sum(x.nbytes for x in leaves), "sum": sum(map(sum_of, leaves))}


def torch_import(directory: Path) -> dict[str, float]:
    import torch
    import transformers

    is_t5 = json.loads((directory / "config.json").read_text())["model_type"] == "t5"
    kind = transformers.T5ForConditionalGeneration if is_t5 else transformers.LlamaForCausalLM
    base, begun = restart_peak(), time.perf_counter()
    model = kind.from_pretrained(directory, dtype=torch.float32)
    total = sum(float(p.detach().sum(dtype=torch.float64)) for p in model.parameters())  # lazily mapped pages count when read
    over, seconds = peak() - base, time.perf_counter() - begun
    return {"over": over, "seconds": seconds, "own": sum(p.nbytes for p in model.parameters()), "sum": total}


def restart_peak() -> int:
    """Sets the peak of resident memory to its present value, which it gives back in bytes."""
    Path("/proc/self/clear_refs").write_text("5")
    return status("VmRSS")


def peak() -> int:
    return status("VmHWM")


def status(name: str) -> int:
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1]) * 1024


def child(*arguments: str) -> str:
    environment = {**os.environ, "JAX_PLATFORMS": "cpu", "XLA_FLAGS": "--xla_force_host_platform_device_count=8"}
    root = str(Path(__file__).parents[2])
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    done = subprocess.run([sys.executable, __file__, *arguments], env=environment, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(arguments)} failed")
    return done.stdout


def report(directory: Path, ways: list[str]) -> bool:
    """Measures and prints one checkpoint; whether the claim holds for it."""
    sizes = [path.stat().st_size for path in directory.glob("*.safetensors")]
    limit = FACTOR * max(sizes)
    print(f"{directory.name}: {len(sizes)} files, {sum(sizes) / MB:.0f} MB, the largest {max(sizes) / MB:.0f} MB")
    print(f"  limit {FACTOR} x largest = {limit / MB:.0f} MB")
    good, sums = True, []
    for way in ways:
        found = json.loads(child("--way", way, "--folder", str(directory)).splitlines()[-1])
        held = found["own"] if way in ("placed", "torch") else 0
        extra = found["over"] - held
        name = "loaded by torch" if way == "torch" else way
        print(
            f"  {name:16} peak over baseline {found['over'] / MB:6.0f} MB, of it parameters {held / MB:6.0f} MB, "
            f"the rest {extra / MB:6.0f} MB = {extra / max(sizes):.3f} x largest; {found['seconds']:.1f} s"
        )
        good &= way not in ("dropped", "placed") or extra < limit
        sums.append(found["sum"])
    alike = max(sums) - min(sums) <= 1e-6 * abs(sums[0])
    print(f"  {'under the limit' if good else 'NOT UNDER THE LIMIT'}; sums {'agree' if alike else f'DIFFER: {sums}'}")
    return good and alike


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", help="for 5 GB of files (default: a temporary one)")
    parser.add_argument("--keep", action="store_true", help="keep the files, and use those that are there")
    parser.add_argument("--no-torch", action="store_true")
    parser.add_argument("--way", help=argparse.SUPPRESS)  # of a child
    parser.add_argument("--write", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.write:
        return write(Path(args.folder), args.write)
    if args.way:
        return print(json.dumps(measure(args.way, Path(args.folder))))
    folder = Path(args.folder or tempfile.mkdtemp(prefix="import_memory_"))
    ways = [*WAYS, *([] if args.no_torch else ["torch"])]
    good = True
    for model in MODELS:
        directories = [folder / f"{model}_one", folder / f"{model}_several"]
        if not (args.keep and all((d / "config.json").exists() for d in directories)):
            child("--write", model, "--folder", str(folder))
        for directory in directories:
            good &= report(directory, ways)
            shutil.rmtree(directory.with_suffix(".saved"))
            if not args.keep:
                shutil.rmtree(directory)
    sys.exit(not good)


if __name__ == "__main__":
    main()
