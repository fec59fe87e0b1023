"""Three studies of the quickstart, 400 steps a run, and a swarm that chooses the weights of its clusters by 30 shorter runs:

flanjax ablate configs/studies/quickstart.py:held_out --out runs/held_out
flanjax ablate configs/studies/quickstart.py:left_out --out runs/left_out
flanjax ablate configs/studies/quickstart.py:templates --out runs/templates
flanjax swarm configs/studies/quickstart.py:weights --out runs/swarm
"""

from flanjax.lab.ablate.study import Study

CONFIG = "configs/quickstart.py"
OVERRIDES = {
    "train.steps": 400,
    "train.validate_every": 0,
    "train.heldout_every": 0,
    "train.tensorboard": False,
    "checkpoint.every_steps": 100,
    "evaluation.untuned": False,
}

held_out = Study(
    title="Each cluster of the quickstart held out and scored",
    config=CONFIG,
    axes={"hold_out": ("clusters",)},
    overrides=OVERRIDES,
)
left_out = Study(
    title="Each training cluster removed, topic scored",
    config=CONFIG,
    axes={"leave_one_out": ("clusters",)},
    overrides=OVERRIDES,
)
templates = Study(
    title="One, two or six templates a task",
    config=CONFIG,
    axes={"templates": (1, 2, 6)},
    overrides=OVERRIDES,
)
weights = Study(
    title="Proportions of the training clusters, topic scored",
    config=CONFIG,
    axes={"weights": ("swarm:30",)},
    seeds=1,
    overrides={**OVERRIDES, "train.steps": 200, "train.optimizer.warmup_steps": 40},
)
