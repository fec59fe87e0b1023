"""A tiny T5 from scratch on the built-in mixture: minutes on two CPU cores, nothing to download.

    flanjax train --config configs/quickstart.py --workdir runs/quickstart

configs/quickstart.py:decoder is a decoder-only model of about the same size on the same rows.
"""

from ml_collections import ConfigDict

SHAPES = {
    "t5": {"num_layers": 2, "num_decoder_layers": 2, "num_heads": 4, "head_dim": 32},
    "decoder": {"family": "llama", "num_layers": 4, "num_heads": 4, "num_kv_heads": 2, "head_dim": 32},
}
VARIANTS = tuple(SHAPES)


def get_config(kind: str = "t5") -> ConfigDict:
    return ConfigDict(
        {
            "name": "quickstart",
            "mixture": "mixtures/quickstart.py:quickstart",
            "heldout": ("topic",),
            "model": {"d_model": 128, "d_ff": 256, "scan": False, **SHAPES[kind]},
            "tokenizer": {"kind": "words", "vocab_size": 1000, "train_examples": 20_000},
            "data": {
                "batch_size": 32,
                "num_streams": 8,
                "features": {"inputs_length": 64, "targets_length": 24},
            },
            "train": {
                "steps": 1600,
                "log_every": 40,
                "validate_every": 400,
                "heldout_every": 400,
                "optimizer": {
                    "name": "adamw",
                    "learning_rate": 2e-3,
                    "schedule": "cosine",
                    "warmup_steps": 100,
                    "clip_norm": 1.0,
                },
            },
            "checkpoint": {"every_steps": 400},
            "evaluation": {"items": 250, "batch_size": 64},
        }
    )
