"""What is compared, by size: `quick` for two cores in minutes, `full` with more rounds, work and models, `tiny` to see it run.

Every key is our rate over the peer's: larger is better, and 1 is even.
"""

import dataclasses
import functools
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from flanjax import malloc

from . import machine
from .comparing import Comparison
from .sides import Side, python

LOSSES = {"float32 loss": 1e-4, "float32 norm": 1e-3, "bfloat16 loss": 3e-3, "bfloat16 norm": 3e-2}
CHECK_ROWS = 4  # on an accelerator, where float32 needs more memory than what is timed
ACCELERATED = {
    "flan_t5_base": "configs/flan_t5.py:base",
    "flan_t5_large": "configs/flan_t5.py:large",
    "qwen3_0_6b": "configs/flan_decoder.py:qwen3_0_6b",
}
WIDER = ("model.d_model=512", "model.head_dim=64", "model.num_layers=6", "model.num_decoder_layers=6")
AUTO = "train.microbatches=auto"  # as few as fit
TINY_ACCELERATED = ("flan_t5_base", "qwen3_0_6b")
WRITTEN = {"gpu_generation_t5_base": "t5_base", "gpu_generation_qwen3_0_6b": "qwen3_0_6b"}  # comparison -> model


@dataclasses.dataclass(frozen=True)
class Asked:
    """What the command line asks for.

    Attributes:
      tokenizer: a SentencePiece model, read by both sides of each comparison.
      overrides: KEY=VALUE of the configs of training steps.
      accelerator: whether jax has a GPU.
    """

    size: str
    tiny: bool
    tokenizer: str
    accelerator: bool
    seqio: str
    overrides: Sequence[str] = ()

    @property
    def full(self) -> bool:
        return self.size == "full"


def comparisons(asked: Asked) -> list[Comparison]:
    """Returns all that can be measured on this machine, in the order in which it is run."""
    found = [*_accelerated(asked)] if asked.accelerator else []
    found += [_step(asked, "step", {"step_vs_torch": "packed", "stream_vs_torch": "grouped"}, ())]
    if asked.full:
        found.append(_step(asked, "step_512", {"step_512_vs_torch": "packed"}, WIDER))
    found += [_scoring(asked), _generation(asked, "generation", "t5_20m", {"generation_vs_hf": ["summaries", "reasoning"]})]
    if asked.full:
        found.append(_generation(asked, "generation_labels", "t5_20m", {"generation_labels_vs_hf": ["labels"]}))
        both = {"generation_77m_vs_hf": ["summaries", "reasoning"]}
        found.append(_generation(asked, "generation_77m", "t5_77m", both, items=64))
        found.append(_generation(asked, "generation_llama", "llama_20m", {"generation_llama_vs_hf": ["summaries"]}))
    return [*found, _input(asked)]


def keys(size: str) -> list[str]:
    """Returns the keys that a size has on any machine; what this machine lacks is null, with a reason."""
    return [key for comparison in _all(size) for key in comparison.units]


def keys_with_tokenizer(size: str) -> list[str]:
    """Returns the keys whose sides read the tokenizer."""
    return [key for comparison in _all(size) if "tokenizer" in comparison.job for key in comparison.units]


def accelerated_keys() -> list[str]:
    return [*(key for name in ACCELERATED for key in _ways_of(name)), *(f"{name}_vs_hf" for name in WRITTEN)]


def _all(size: str) -> list[Comparison]:
    return comparisons(Asked(size, tiny=False, tokenizer="", accelerator=True, seqio=sys.executable))


def _step(asked: Asked, name: str, ways: Mapping[str, str], changes: Sequence[str]) -> Comparison:
    """flan_mini's step on two cores, in float32."""
    steps = {"packed": 2, "grouped": 5 if asked.full else 3}
    job = {
        "config": "configs/flan_mini.py",
        "ways": ways,
        "steps": {key: steps[way] for key, way in ways.items()},
        "batches": max(steps[way] for way in ways.values()),
        "check_rows": None,
        "needs_gpu": False,
        "budgets": 2,
        "overrides": [*(() if asked.tiny else changes), "heldout=()", *asked.overrides],
    }
    return _training(asked, name, job, LOSSES, together=True)


def _accelerated(asked: Asked) -> list[Comparison]:
    """Published sizes in bfloat16 on a GPU: the same examples packed and padded in torch, in microbatches that fit best."""
    found = []
    for name, config in ACCELERATED.items():
        if asked.tiny and name not in TINY_ACCELERATED:
            continue
        ways = _ways_of(name)
        steps = 2 if asked.tiny else 20 if asked.full else 10
        job = {
            "config": config,
            "ways": ways,
            "steps": dict.fromkeys(ways, steps),
            "batches": steps,
            "check_rows": 2 if asked.tiny else CHECK_ROWS,
            "budgets": 1 if asked.tiny else 6,
            # Windows as they are needed, not one of each of many streams at once; recomputation only where it is asked for.
            "overrides": ["heldout=()", "data.num_streams=1", "model.remat='none'", AUTO, *asked.overrides],
            "needs_gpu": not asked.tiny,
        }
        found.append(_training(asked, name, job, LOSSES, together=False))
    profiles = ["summaries", "reasoning"]
    return found + [
        _generation(asked, name, model, {f"{name}_vs_hf": profiles}, dtype="bfloat16") for name, model in WRITTEN.items()
    ]


def _ways_of(name: str) -> dict[str, str]:
    return {f"gpu_{name}_vs_torch_packed": "packed", f"gpu_{name}_vs_torch_padded": "padded"}


def _training(asked: Asked, name: str, job: Mapping[str, Any], tolerance: Mapping[str, float], *, together: bool) -> Comparison:
    units = dict.fromkeys(job["ways"], "tokens/s")
    whole = {**job, "tiny": asked.tiny, "tokenizer": asked.tokenizer}
    one = {} if together else {"CUDA_VISIBLE_DEVICES": os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0]}
    ours, theirs = (_side(module, environment=one) for module in ("step", "step_torch"))
    return Comparison(name, units, whole, ours, theirs, tolerance, together, rewarm=int(together))


def _scoring(asked: Asked) -> Comparison:
    model, items = ("tiny", 6) if asked.tiny else ("t5_18m", 200 if asked.full else 80)
    job = {"model": model, "items": items, "batch_size": 32}
    ours, theirs = (_side("scoring", name) for name in ("ours", "theirs"))
    return Comparison("scoring", {"scoring_vs_lm_eval": "items/s"}, job, ours, theirs, {"log-likelihoods": 1e-4})


def _generation(
    asked: Asked,
    name: str,
    model: str,
    profiles: Mapping[str, Sequence[str]],
    *,
    items: int = 192,
    dtype: str = "float32",
) -> Comparison:
    job = {
        "model": ("tiny" if model.startswith("t5") else "tiny_llama") if asked.tiny else model,
        "items": 6 if asked.tiny else items if asked.full else 48,
        "slots": 4 if asked.tiny else 32,
        "dtype": dtype,
        "batch_sizes": [4] if asked.tiny else [16, 32, 64] if asked.full else [64],
        "profiles": sorted({profile for names in profiles.values() for profile in names}),
        "keys": profiles,
    }
    sides = (_side("generation"), _side("generation_torch"))
    return Comparison(name, dict.fromkeys(profiles, "tokens/s"), job, *sides, together=dtype == "float32")


def _input(asked: Asked) -> Comparison:
    lengths = (128, 32) if asked.tiny else (512, 128)
    job = {
        "tasks": ["rte", "gsm8k"] if asked.tiny else ["ag_news", "sst2", "gsm8k", "rte", "aeslc"],
        "tokenizer": asked.tokenizer,
        "inputs_length": lengths[0],
        "targets_length": lengths[1],
        "batch_size": 64,
        "seed": 0,
        "seconds": 0.5 if asked.tiny else 10 if asked.full else 5,
        "lengths": [lengths] if asked.tiny else [lengths] * 6 + [(512, 32)],  # one target in eight is longer than 64
        "data": {
            "window": 1024 if asked.tiny else 8192,
            "num_workers": 1 if asked.tiny else machine.usable_cores(),
        },  # SeqIO takes all cores too
    }
    theirs = _side("input_seqio", interpreter=asked.seqio, environment={"PYTHONPATH": ""})  # its own packages alone
    return Comparison("input", {"input_vs_seqio": "examples/s"}, job, _side("input_pipeline"), theirs)


def _side(module: str, *arguments: str, interpreter: str = sys.executable, environment: Mapping[str, str] | None = None) -> Any:
    """Folder -> the process of that module."""
    return functools.partial(_open, module, arguments, interpreter, environment or {})


def _open(module: str, arguments: Sequence[str], interpreter: str, environment: Mapping[str, str], folder: Path) -> Side:
    # What `flanjax train` asks of the C library by itself, also for the peer, whom it helps too.
    variables = {"TOKENIZERS_PARALLELISM": "false", "GLIBC_TUNABLES": malloc.TUNABLES, **environment}
    return Side(module, python(module, *arguments, str(folder), interpreter=interpreter), variables)
