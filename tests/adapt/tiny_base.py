"""A base that was trained on one cluster, and the config of runs that tune few of its weights for another."""

import flanjax
from flanjax import Example, Mixture, Task, Template, rows

WORDS = ("sun", "moon", "star", "rain", "wind")


def task(name, cluster, template, answer):
    data = [{"word": WORDS[i % 5], "n": i} for i in range(40)]
    return Task(
        name=name,
        cluster=cluster,
        source=rows(name, train=data, test=data[:5]),
        example=lambda row: Example({"word": row["word"], "n": row["n"]}, answer(row["word"]), WORDS),
        templates=[Template(template)],
        metrics=["accuracy"],
        evaluation="test",
    )


SAY = task("say", "copying", "Say {{ word }} {{ n }}", lambda word: word)
NEXT = task("next", "turning", "After {{ word }}", lambda word: WORDS[(WORDS.index(word) + 1) % 5])
MIXTURE = Mixture(name="words", parts=[SAY, NEXT])
SIZES = {"d_model": 16, "d_ff": 24, "num_heads": 2, "head_dim": 12}
KINDS = {
    "t5": {**SIZES, "num_layers": 2, "num_decoder_layers": 2},
    "decoder": {**SIZES, "family": "llama", "num_layers": 2, "num_kv_heads": 1},
}
STEPS = 4


def config_of(model, leave_out="turning", **train):
    optimizer = {"name": "adamw", "learning_rate": 0.02, "schedule": "constant"}
    return {
        "name": "tiny",
        "mixture": "here",
        "leave_out": leave_out,
        "model": model,
        "tokenizer": {"path": "bytes"},
        "data": {"batch_size": 8, "num_streams": 2, "window": 16, "features": {"inputs_length": 96, "targets_length": 16}},
        "train": {"steps": STEPS, "log_every": 1, "tensorboard": False, "optimizer": optimizer, **train},
        "checkpoint": {"every_steps": 2, "asynchronous": False},
        "evaluation": {"batch_size": 8},
    }


def quiet(config, workdir, **given):
    return flanjax.open_run(config, MIXTURE, workdir=workdir, log=lambda line: None, **given)


def tuned(base, workdir, method, adapt=None, **train):
    """The run that tunes a base by a method."""
    config = config_of({"init": str(base), "adapt": method}, "copying", **train)
    return quiet({**config, "adapt": {"learning_rate": 0.05, **(adapt or {})}}, workdir)
