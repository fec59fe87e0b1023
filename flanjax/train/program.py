"""The compiled functions of a run on a mesh, with the shapes and places of all they touch: known before any array exists."""

import functools
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh

from flanjax import sharding
from flanjax.models import functional
from flanjax.models.t5 import T5Config
from flanjax.train.config import TrainConfig
from flanjax.train.optimizer import make_optimizer, schedule, state_axes
from flanjax.train.step import StepSpec, TrainState, init_state, train_step, validation_step


class Program:
    """What is run, and compiled ahead for a slice that is not there.

    Attributes:
      state: the training state as ShapeDtypeStruct with shardings.
      init: parameters -> the first state; takes over the parameters' memory.
      step: (state, batch) -> (state, figures); takes over the state's memory.
      validate: (parameters, batch) -> sums.
    """

    def __init__(self, config: TrainConfig, model: T5Config, mesh: Mesh, *, num_tasks: int):
        axes = functional.logical_axes(model)
        spec = StepSpec(
            model=model,
            loss=config.loss,
            optimizer=make_optimizer(config.optimizer, axes, config.steps),
            learning_rate=schedule(config.optimizer, config.steps),
            num_tasks=num_tasks,
            microbatches=config.microbatches,
            seed=config.seed,
            constrain=sharding.constrain(mesh),
        )
        _, params = functional.abstract(model)
        shapes = jax.eval_shape(functools.partial(init_state, spec), params)
        names = shapes._replace(step=(), params=axes, opt_state=state_axes(spec.optimizer, params, axes))
        placed: Any = sharding.shardings(shapes, names, mesh)
        rows, one = sharding.batch_sharding(mesh), sharding.replicated(mesh)
        self.num_parameters = sum(int(np.prod(x.shape)) for x in jax.tree.leaves(params))
        self.state: TrainState = sharding.abstract(shapes, placed)
        self.init = jax.jit(functools.partial(init_state, spec), out_shardings=placed, donate_argnums=0)
        self.step = jax.jit(
            functools.partial(train_step, spec), in_shardings=(placed, rows), out_shardings=(placed, one), donate_argnums=0
        )
        self.validate = jax.jit(functools.partial(validation_step, spec), in_shardings=(placed.params, rows), out_shardings=one)
