"""The quickstart's three studies on flan_mini, at small budgets: public data, a model of 20 million parameters from scratch.

    flanjax ablate configs/studies/flan_mini.py:held_out --out runs/mini_held_out
    flanjax ablate configs/studies/flan_mini.py:left_out --out runs/mini_left_out
    flanjax ablate configs/studies/flan_mini.py:templates --out runs/mini_templates

So few steps teach formats, not tasks: expect "not decisive". On an accelerator raise train.steps and seeds here, and
write ("clusters",) for all clusters instead of some.
"""

from flanjax.lab.ablate.study import Study

CONFIG = "configs/flan_mini.py"
OVERRIDES = {
    "train.steps": 20,
    "train.validate_every": 0,
    "train.tensorboard": False,
    "train.optimizer.warmup_steps": 5,
    "checkpoint.every_steps": 10,
    "evaluation.items": 20,
    "evaluation.templates": 2,
    "evaluation.untuned": False,
}

held_out = Study(
    title="Clusters of flan_mini held out and scored",
    config=CONFIG,
    axes={"hold_out": ("entailment", "sentiment", "topic")},
    seeds=2,
    overrides=OVERRIDES,
)
left_out = Study(
    title="Training clusters of flan_mini removed, entailment scored",
    config=CONFIG,
    axes={"leave_one_out": ("sentiment", "common_sense")},
    seeds=2,
    overrides=OVERRIDES,
)
templates = Study(
    title="One, two or six templates a task of flan_mini",
    config=CONFIG,
    axes={"templates": (1, 2, 6)},
    seeds=2,
    overrides=OVERRIDES,
)
