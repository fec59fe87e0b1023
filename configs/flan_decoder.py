"""A decoder-only model on flan_mini: configs/flan_decoder.py:qwen3_0_6b, :llama3_8b, or another name of MODELS.

    flanjax compile --config configs/flan_decoder.py:llama3_8b --topology v5e:8x8
    flanjax train --config configs/flan_decoder.py:qwen3_0_6b --workdir runs/qwen3 \\
        --config.model.init=WEIGHTS --config.tokenizer.path=WEIGHTS

WEIGHTS are the base model's: a directory in Hugging Face layout, or an id on the hub. Rows have 2,048 positions, of which at
most 512 are targets; the loss is on the targets alone. `--config.data.features.chat=True` wraps prompts and answers in the
turns of the tokenizer's chat template, `--config.data.features.layout=prefix` lets inputs be seen both ways.

The optimizer follows the supervised stage of Tülu 3 (arXiv:2411.15124): AdamW without decay, linear from 5e-6 for 8B; smaller
models take 1e-5 here. Slices that suit 64 rows: v5e:4x4 for qwen3_0_6b, v5e:4x4 to 16x16 for llama3_8b, which on 8x8
has the memory for --config.model.remat=dots (docs/performance.md).
"""

from ml_collections import ConfigDict

MODELS = {
    "llama3_8b": "meta-llama/Meta-Llama-3-8B",
    "mistral_7b": "mistralai/Mistral-7B-v0.1",
    "qwen3_0_6b": "Qwen/Qwen3-0.6B-Base",
    "qwen3_8b": "Qwen/Qwen3-8B-Base",
    "gemma2_2b": "google/gemma-2-2b",
    "pythia_1b": "EleutherAI/pythia-1b",
}
VARIANTS = tuple(MODELS)
# What `flanjax compile --search` found on v5e:4x4: keep the results of products, and gather a product's operands first.
SEARCHED = ("qwen3_0_6b",)
GATHER_FIRST = "xla_jf_spmd_threshold_for_windowed_einsum_mib=1000000"


def get_config(size: str = "qwen3_0_6b") -> ConfigDict:
    return ConfigDict(
        {
            "name": f"flan_{size}",
            "mixture": "mixtures/flan_mini.py:flan_mini",
            "heldout": ("entailment",),
            "model": {"size": size, "dtype": "bfloat16", "remat": "dots" if size in SEARCHED else "full"},
            "tokenizer": {"path": MODELS[size]},
            "data": {
                "batch_size": 64,
                "num_streams": 64,
                "features": {"inputs_length": 1536, "targets_length": 512},
            },
            "train": {
                "steps": 4000,
                "microbatches": "auto",
                "xla_options": (GATHER_FIRST,) if size in SEARCHED else (),
                "validate_every": 500,
                "optimizer": {
                    "name": "adamw",
                    "learning_rate": 5e-6 if size.endswith(("_7b", "_8b")) else 1e-5,
                    "schedule": "linear",
                    "warmup_steps": 120,
                    "clip_norm": 1.0,
                    "momentum_dtype": "bfloat16",
                },
                "loss": {"z_loss": 0.0},
            },
            "checkpoint": {"every_steps": 500},
        }
    )
