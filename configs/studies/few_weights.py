"""The ways of training few weights, each on the one cluster that their base has not seen.

The base is the quickstart trained without "categorise", the cluster that teaches what kinds of things there are. Each way then
trains on that cluster alone, and is scored on "topic", which asks for kinds in other words:

    flanjax train --config configs/quickstart.py --workdir runs/base --config.leave_out=categorise --config.train.steps=800
    flanjax ablate configs/studies/few_weights.py:quickstart --out runs/few_weights

The same on public data: flan_mini without sentiment. Each way trains on its sentences and tweets, and is scored on whole
reviews of films, which are a cluster of their own there:

    flanjax train --config configs/flan_mini.py --workdir runs/mini_base --config.train.steps=100 \\
        --config.mixture=mixtures/flan_mini.py:reviews_apart --config.heldout=reviews --config.leave_out=sentiment
    flanjax ablate configs/studies/few_weights.py:flan_mini --out runs/few_weights_mini
"""

from flanjax.lab.ablate.study import Study

# The papers tuned models a thousand times as large, so these peaks are higher than theirs (docs/few_weights.md).
RATES = {"lora": 1e-2, "ia3": 3e-2, "adapter": 3e-3, "prompt": 3e-1, "prefix": 1e-2, "select": 1e-2}
SIZES = {"prompt": {"adapt.tokens": 16}, "prefix": {"adapt.hidden": 128}}


def ways(rate: float) -> dict[str, dict[str, object]]:
    """Label -> what a way sets. All weights are trained at `rate`, few at their own."""
    few = {way: {"model.adapt": way, "adapt.learning_rate": peak, **SIZES.get(way, {})} for way, peak in RATES.items()}
    return {"all weights": {"train.optimizer.learning_rate": rate}, **few}


QUIET = {"train.validate_every": 0, "train.heldout_every": 0, "train.tensorboard": False}

quickstart = Study(
    title="The quickstart without one cluster, and ways to add it",
    config="configs/quickstart.py",
    axes={"way": ways(1e-3)},
    overrides={
        **QUIET,
        "model.init": "runs/base",
        "leave_out": ("detect", "compare", "count", "reading", "rewrite"),
        "train.steps": 120,
        "train.optimizer.warmup_steps": 12,
        "checkpoint.every_steps": 60,
    },
)

OTHERS = (
    "topic",
    "paraphrase",
    "linguistic",
    "coreference",
    "entailment",
    "reading_comprehension",
    "common_sense",
    "closed_book_qa",
    "science_qa",
    "math",
    "summarization",
    "structure_to_text",
    "translation",
    "text_formatting",
    "dialogue",
)
flan_mini = Study(
    title="flan_mini without sentiment, and ways to add it",
    config="configs/flan_mini.py",
    axes={"way": {name: way for name, way in ways(3e-3).items() if name not in ("ia3", "select")}},
    seeds=1,
    overrides={
        **QUIET,
        "mixture": "mixtures/flan_mini.py:reviews_apart",
        "heldout": ("reviews",),
        "model.init": "runs/mini_base",
        "leave_out": OTHERS,
        "train.steps": 30,
        "train.optimizer.warmup_steps": 3,
        "checkpoint.every_steps": 15,
        "evaluation.untuned": False,
    },
)
