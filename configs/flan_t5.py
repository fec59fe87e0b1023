"""Flan-T5's recipe on FLAN 2022: configs/flan_t5.py:small, :base, :large, :xl or :xxl.

    flanjax compile --config configs/flan_t5.py:xl --topology v5e:4x4
    export FLANJAX_SUPERNI=natural-instructions    # a clone of https://github.com/allenai/natural-instructions
    flanjax train --config configs/flan_t5.py:base --workdir runs/flan_t5_base \\
        --config.model.init=WEIGHTS --config.tokenizer.path=WEIGHTS

Source of the recipe: Chung et al. 2022 (arXiv:2210.11416), appendix E: batches of 64 packed rows, Adafactor with a constant
rate of 5e-4, dropout 0.05, and the steps below. WEIGHTS are the language-model-adapted T5 v1.1: a directory in Hugging Face
layout with its spiece.model, or an id on the hub.

Slices that suit 64 rows: v5e:2x4 for small, base and large, v5e:4x4 for xl, v5e:4x8 for xxl (docs/performance.md). With more
chips each has too few rows, and waits for parameters from the others: take a larger batch for a larger slice.

Nothing is held out, as in Flan-T5, which was evaluated on MMLU and BIG-Bench Hard (mixtures/flan/exams.py, big_bench_hard.py).
For FLAN 2021's question, --config.mixture=mixtures/flan.py:flan2021 --config.heldout=entailment; it needs no folder.
"""

from ml_collections import ConfigDict

STEPS = {"small": 98_000, "base": 84_000, "large": 64_000, "xl": 38_000, "xxl": 14_000}
VARIANTS = tuple(STEPS)
# What `flanjax compile --search` finds on v5e: keep the results of products, and gather a product's operands before it begins.
GATHER_FIRST = "xla_jf_spmd_threshold_for_windowed_einsum_mib=1000000"


def get_config(size: str = "base") -> ConfigDict:
    return ConfigDict(
        {
            "name": f"flan_t5_{size}",
            "mixture": "mixtures/flan2022.py:flan2022",
            "model": {
                "size": f"flan_t5_{size}",
                "dtype": "bfloat16",
                "dropout": 0.05,
                "remat": "dots",
            },
            "tokenizer": {"path": f"google/flan-t5-{size}"},
            "data": {"batch_size": 64, "num_streams": 64, "features": {"inputs_length": 1024, "targets_length": 256}},
            "train": {
                "steps": STEPS[size],
                "microbatches": "auto",
                "xla_options": (GATHER_FIRST,),
                "validate_every": 1000,
                "optimizer": {"name": "adafactor", "learning_rate": 5e-4},
            },
            "checkpoint": {"every_steps": 1000},
        }
    )
