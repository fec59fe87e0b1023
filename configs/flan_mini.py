"""A T5 of 20 million parameters on flan_mini, natural language inference held out.

    flanjax train --config configs/flan_mini.py --workdir runs/flan_mini
    flanjax heldout --workdir runs/flan_mini

Data: a mirror of the Hugging Face hub in FLANJAX_HUB_MIRROR, or the hub with --config.data.on_error=quarantine, as ten of the
60 tasks are not there. From scratch and in so few steps a model learns formats and label words, not inference: expect
held-out scores near chance. The figures of one run are in docs/performance.md.
On a GPU or a TPU slice add --config.model.dtype=bfloat16 and a larger --config.data.batch_size.
"""

from ml_collections import ConfigDict


def get_config() -> ConfigDict:
    return ConfigDict(
        {
            "name": "flan_mini",
            "mixture": "mixtures/flan_mini.py:flan_mini",
            "heldout": ("entailment",),
            "model": {
                "d_model": 256,
                "d_ff": 1024,
                "num_layers": 5,
                "num_decoder_layers": 5,
                "num_heads": 8,
                "head_dim": 32,
                "scan": False,
            },
            "tokenizer": {"kind": "unigram", "vocab_size": 16_000, "train_examples": 40_000},
            "data": {
                "batch_size": 8,
                # Few and large windows: each ends in rows that are not full.
                "num_streams": 2,
                "window": 4096,
                "features": {
                    "inputs_length": 512,
                    "targets_length": 128,
                    # Two of three targets have at most 8 tokens; one in seven has over 32, together half of all target tokens.
                    # Chosen by what they fill: docs/performance.md.
                    "lengths": ((512, 8), (512, 51), (512, 8), (512, 23), (512, 8), (512, 128)),
                },
            },
            "train": {
                "steps": 300,
                "log_every": 10,
                "validate_every": 100,
                "validation_examples": 16,
                "optimizer": {
                    "name": "adamw_rms",
                    "learning_rate": 1e-2,
                    "schedule": "cosine",
                    "warmup_steps": 30,
                    "clip_norm": 1.0,
                },
            },
            "checkpoint": {"every_steps": 100},
            "evaluation": {"items": 100, "batch_size": 32},
        }
    )
