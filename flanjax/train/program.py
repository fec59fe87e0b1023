"""The compiled functions of a run on a mesh, with the shapes and places of all they touch: known before any array exists."""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh

from flanjax.models import functional
from flanjax.models.attention.backend import make_attend
from flanjax.models.attention.choice import Choice, Need, summary
from flanjax.parallel import sharding
from flanjax.train.config import TrainConfig
from flanjax.train.optimizer import make_optimizer, schedule, state_axes
from flanjax.train.step import StepSpec, TrainState, init_state, train_step, validation_step


class Compiled(NamedTuple):
    """A step as the compiler made it.

    Attributes:
      executable: None if the compiler refused it for want of memory.
      peak_bytes: of a device, at the fullest moment, state included; 0 if refused.
      message: why it was refused.
      lowered: what was compiled.
    """

    executable: Any
    peak_bytes: int
    message: str = ""
    lowered: Any = None


def compile_for(function: Any, *shapes: Any) -> Compiled:
    """Compiles a jitted function for shapes with shardings. Want of memory is an answer, anything else is raised."""
    lowered = function.lower(*shapes)
    try:
        executable = lowered.compile()
    except jax.errors.JaxRuntimeError as error:
        if "RESOURCE_EXHAUSTED" not in str(error):
            raise
        return Compiled(None, 0, str(error))
    memory = executable.memory_analysis()
    fresh = memory.output_size_in_bytes - memory.alias_size_in_bytes
    return Compiled(executable, memory.argument_size_in_bytes + fresh + memory.temp_size_in_bytes, lowered=lowered)


class Program:
    """What is run, and compiled ahead for a slice that is not there.

    Attributes:
      state: the training state as ShapeDtypeStruct with shardings.
      init: parameters -> the first state; takes over the parameters' memory.
      step: (state, batch) -> (state, figures); takes over the state's memory.
      validate: (parameters, batch) -> sums.
    """

    def __init__(self, config: TrainConfig, model: functional.Config, mesh: Mesh, *, num_tasks: int):
        axes = functional.logical_axes(model)
        platform, shard = sharding.platform(mesh), sharding.shard(mesh)
        self._attend = functools.partial(make_attend, model.attention, platform=platform, shard=shard)
        spec = self._spec = StepSpec(
            model=model,
            loss=config.loss,
            optimizer=make_optimizer(config.optimizer, axes, config.steps),
            learning_rate=schedule(config.optimizer, config.steps),
            num_tasks=num_tasks,
            microbatches=int(config.microbatches),
            seed=config.seed,
            constrain=sharding.constrain(mesh),
            by_rows=sharding.by_rows(mesh),
            attend=self._attend(),
        )
        _, params = functional.abstract(model)
        shapes = jax.eval_shape(functools.partial(init_state, spec), params)
        names = shapes._replace(step=(), params=axes, opt_state=state_axes(spec.optimizer, params, axes))
        placed: Any = sharding.shardings(shapes, names, mesh)
        rows, one = sharding.batch_sharding(mesh), sharding.replicated(mesh)
        self.compiled: Compiled | None = None
        self.num_parameters = sum(int(np.prod(x.shape)) for x in jax.tree.leaves(params))
        self.state: TrainState = sharding.abstract(shapes, placed)
        self.init = jax.jit(functools.partial(init_state, spec), out_shardings=placed, donate_argnums=0)
        self.step = jax.jit(
            functools.partial(train_step, spec), in_shardings=(placed, rows), out_shardings=(placed, one), donate_argnums=0
        )
        self.validate = jax.jit(functools.partial(validation_step, spec), in_shardings=(placed.params, rows), out_shardings=one)

    def compile(self, batch: Any) -> Compiled:
        """The step compiled for a batch of ShapeDtypeStructs with shardings; `step` is that executable from now on."""
        if self.compiled is None:
            self.compiled = compile_for(self.step, self.state, batch)
            self.step = self.compiled.executable or self.step
        return self.compiled

    def attention(self, batch: Mapping[str, Any]) -> str:
        """What each attention of the model runs on, and why: a line, of a batch of these arrays or ShapeDtypeStructs.

        Raises:
          ValueError: the backend that the model's config asks for cannot serve.
        """
        found: dict[Need, Choice] = {}
        spec = dataclasses.replace(self._spec, attend=self._attend(note=found.__setitem__))
        shapes = {name: jax.ShapeDtypeStruct(x.shape, x.dtype) for name, x in batch.items()}
        jax.eval_shape(functools.partial(validation_step, spec), self.state.params, shapes)
        return summary(found)
