"""Tiny patients: a T5 and a decoder on a mixture of a few words, healthy unless a test makes them ill."""

import contextlib

import jax

from flanjax import Example, Mixture, StyleShares, Task, Template, rows
from flanjax.config import RunConfig
from flanjax.lab.doctor.patient import open_patient
from flanjax.parallel import sharding

WORDS = ("sun", "moon", "star", "rain", "wind")
COLOURS = ("red", "green", "blue")
DATA = [{"word": f"{WORDS[i % 5]} {i % 7}", "colour": COLOURS[i * 7 % 3]} for i in range(60)]
SAY = Template("Say {{ word }}.\nThe word:")
SHAPES = {
    "t5": {"num_layers": 1, "num_decoder_layers": 1},
    "decoder": {"family": "llama", "num_layers": 1, "num_kv_heads": 1},
}


def mixture(*templates):
    say = Task(
        name="say",
        cluster="copying",
        source=rows("words", train=DATA, test=DATA[:7]),
        example=lambda row: Example({"word": row["word"]}, row["word"]),
        templates=templates or [SAY],
        metrics=["exact_match"],
        evaluation="test",
    )
    colour = Task(
        name="colour",
        cluster="seeing",
        source=rows("colours", train=DATA, test=DATA[:9]),
        example=lambda row: Example({"word": row["word"], "seen": row["colour"]}, row["colour"], COLOURS),
        templates=[Template("{{ word }} is {{ seen }}. Colour?")],
        evaluation="test",
    )
    return Mixture(name="toy", parts=[say, colour], styles=StyleShares(few_shot=0.0, options=0.0))


def config(kind, *, features=(), model=(), tokenizer=(), **train):
    optimizer = {"name": "adamw", "learning_rate": 0.01, "schedule": "constant", "warmup_steps": 0}
    return RunConfig.from_config_dict(
        {
            "name": kind,
            "mixture": "here.py:toy",
            "model": {"d_model": 16, "d_ff": 32, "num_heads": 2, "head_dim": 8, "scan": False, **SHAPES[kind], **dict(model)},
            "tokenizer": {"path": "bytes", **dict(tokenizer)},
            "data": {
                "batch_size": 4,
                "num_streams": 2,
                "window": 16,
                "features": {"inputs_length": 64, "targets_length": 24, **dict(features)},
            },
            "train": {"steps": 8, "tensorboard": False, "optimizer": optimizer, **train},
        }
    )


@contextlib.contextmanager
def patient(kind, *templates, **settings):
    """A patient on one device."""
    mesh = sharding.make_mesh(sharding.MeshConfig(), jax.devices()[:1])
    with open_patient(config(kind, **settings), mixture=mixture(*templates), mesh=mesh) as opened:
        yield opened
