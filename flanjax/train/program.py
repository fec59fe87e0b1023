"""The jitted functions of a run on a mesh, with the shapes and shardings of their arrays, known before any array exists."""

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh

from flanjax.models import functional
from flanjax.models.attention.backend import make_attend
from flanjax.models.attention.choice import Choice, Need, summary, unproven
from flanjax.models.attention.proof import prove
from flanjax.models.context import Context
from flanjax.models.params import Full, Params, Tuning
from flanjax.parallel import sharding
from flanjax.parallel.xla_options import check, options_for
from flanjax.train.config import TrainConfig
from flanjax.train.objective import Batch, CrossEntropy, Hooks, Objective
from flanjax.train.optimizer import make_optimizer, schedule, state_axes
from flanjax.train.quantization import quantized
from flanjax.train.step import StepMetrics, StepSpec, TrainState, init_state, read_rows, train_step, validation_step

# What XLA says of some small products that its own Triton kernels cannot divide, if there is no GPU to try tiles on.
_UNTILED = "Couldn't find output tile sizes"


class Compiled(NamedTuple):
    """The result of compiling a step.

    Attributes:
      executable: the compiled step; None if the compiler found that it does not fit the memory.
      peak_bytes: peak memory of a device, state included; 0 if the step does not fit.
      message: the compiler's error if the step does not fit.
      lowered: the lowered program that was compiled.
    """

    executable: Any
    peak_bytes: int
    message: str = ""
    lowered: Any = None


def compile_for(function: Any, *shapes: Any) -> Compiled:
    """Returns a jitted function compiled for shapes with shardings.

    A program that does not fit the memory is returned as a Compiled without an executable. Other errors are raised.
    """
    lowered = function.lower(*shapes)
    try:
        executable = _executable(lowered)
    except jax.errors.JaxRuntimeError as error:
        if "RESOURCE_EXHAUSTED" not in str(error):
            raise
        return Compiled(None, 0, str(error))
    memory = executable.memory_analysis()
    fresh = memory.output_size_in_bytes - memory.alias_size_in_bytes
    return Compiled(executable, memory.argument_size_in_bytes + fresh + memory.temp_size_in_bytes, lowered=lowered)


def _executable(lowered: Any) -> Any:
    try:
        return lowered.compile()
    except jax.errors.JaxRuntimeError as error:
        if _UNTILED not in str(error):
            raise
        return lowered.compile(compiler_options={"xla_gpu_enable_triton_gemm": False})


def _shapes(batch: Any) -> Any:
    return tuple((name, x.shape) for name, x in sorted(batch.items()))


class Program:
    """The functions and shapes of a training run. They also compile for a TPU slice that this machine does not have.

    Attributes:
      state: the training state as ShapeDtypeStruct with shardings.
      params: trainable and frozen parameters, likewise.
      axes: the logical axes of `params`.
      split: (the model's parameters, key) -> Params on the mesh; the argument's memory is donated.
      join: (trainable, frozen) -> the model's parameters.
      init: trainable parameters -> the first state; the argument's memory is donated.
      step: (state, frozen, batch) -> (state, metrics); the state's memory is donated.
      validate: (trainable, frozen, batch) -> sums.
    """

    def __init__(
        self,
        config: TrainConfig,
        model: functional.Config,
        mesh: Mesh,
        *,
        num_tasks: int,
        objective: Objective | None = None,
        tuning: Tuning = Full(),
    ):
        """Builds the functions. Without an `objective` they minimise cross entropy of the targets, as `config.loss` says."""
        self.axes = tuning.axes(functional.logical_axes(model))
        key = jax.random.key(config.seed)
        _, tree = functional.abstract(model)
        shapes = jax.eval_shape(tuning.split, tree, key)
        self.params: Params = sharding.abstract(shapes, sharding.shardings(shapes, self.axes, mesh))
        platform, shard = sharding.platform(mesh), sharding.shard(mesh)
        proof = prove if sharding.is_here(mesh) else unproven
        self._attend = functools.partial(make_attend, model.attention, platform=platform, shard=shard, prove=proof)
        hooks = Hooks(Context(constrain=sharding.constrain(mesh), attend=self._attend()), sharding.by_rows(mesh))
        self._spec = StepSpec(
            model=model,
            objective=objective or CrossEntropy(config.loss, num_tasks),
            optimizer=make_optimizer(config.optimizer, self.axes.trainable, config.steps),
            learning_rate=schedule(config.optimizer, config.steps),
            microbatches=int(config.microbatches),
            seed=config.seed,
            tuning=tuning,
            hooks=hooks,
        )
        in_step = quantized(tuning, config.quantization, functional.logical_axes(model))
        self._step_spec = dataclasses.replace(self._spec, tuning=in_step)
        self._compile_functions(mesh, config.xla_options)

    def _compile_functions(self, mesh: Mesh, xla_options: Sequence[str]) -> None:
        spec, (trainable, frozen) = self._spec, self.params
        shapes = jax.eval_shape(functools.partial(init_state, spec), trainable)
        names = shapes._replace(
            step=(), params=self.axes.trainable, opt_state=state_axes(spec.optimizer, trainable, self.axes.trainable)
        )
        placed: Any = sharding.shardings(shapes, names, mesh)
        fixed: Any = jax.tree.map(lambda x: x.sharding, frozen)
        rows, one = sharding.batch_sharding(mesh), sharding.replicated(mesh)
        self.compiled: dict[Any, Compiled] = {}
        self.num_parameters = sum(int(np.prod(x.shape)) for x in jax.tree.leaves(self.params))
        self.num_trainable = sum(int(np.prod(x.shape)) for x in jax.tree.leaves(trainable))
        self.state: TrainState = sharding.abstract(shapes, placed)
        self.split = jax.jit(spec.tuning.split, out_shardings=Params(placed.params, fixed), donate_argnums=0)
        self.join = lambda trainable, frozen: spec.tuning.join(Params(trainable, frozen))
        self.init = jax.jit(functools.partial(init_state, spec), out_shardings=placed, donate_argnums=0)
        options = options_for(xla_options, sharding.platform(mesh))
        if xla_options:
            check(options, jax.ShapeDtypeStruct((mesh.size,), np.float32, sharding=sharding.batch_sharding(mesh)))
        self._step = jax.jit(
            functools.partial(train_step, self._step_spec),
            in_shardings=(placed, fixed, rows),
            out_shardings=(placed, one),
            donate_argnums=0,
            compiler_options=options,
        )
        self._inputs, self._one = (placed.params, fixed, rows), one
        self.validate = jax.jit(functools.partial(validation_step, spec), in_shardings=self._inputs, out_shardings=one)

    @property
    def objective(self) -> Objective:
        """What the step minimises."""
        return self._spec.objective

    def reading(self, function: Callable[[functional.Model, Batch, Hooks], jax.Array]) -> Any:
        """Returns the jitted function (trainable, frozen, batch) -> `function` of the model, without dropout: [rows, ...]."""
        spec, one = self._spec, self._one

        def read(trainable: Any, frozen: Any, batch: Batch) -> jax.Array:
            model = functional.bind(spec.model, spec.tuning.join(Params(trainable, frozen)))
            return read_rows(spec, lambda rows: function(model, rows, spec.hooks), batch)

        return jax.jit(read, in_shardings=self._inputs, out_shardings=one)

    def compile(self, batch: Any) -> Compiled:
        """Returns the step compiled for a batch of ShapeDtypeStructs with shardings; `step` then uses it for such batches."""
        shapes = _shapes(batch)
        if shapes not in self.compiled:
            self.compiled[shapes] = compile_for(self._step, self.state, self.params.frozen, batch)
        return self.compiled[shapes]

    def step(self, state: TrainState, frozen: Any, batch: Any) -> tuple[TrainState, StepMetrics]:
        found = self.compiled.get(_shapes(batch)) if self.compiled else None
        return ((found and found.executable) or self._step)(state, frozen, batch)

    @property
    def size(self) -> str:
        """The number of parameters, in words."""
        trained = f", {self.num_trainable / 1e6:.2f}M of them trained" if self.params.frozen else ""
        return f"{self.num_parameters / 1e6:.1f}M parameters{trained}"

    def attention(self, batch: Mapping[str, Any]) -> str:
        """Returns one line: the backend of each of the model's attentions, and why it was chosen.

        Args:
          batch: arrays or ShapeDtypeStructs; only their shapes matter.

        Raises:
          ValueError: the backend that the model's config asks for cannot be used.
        """
        found: dict[Need, Choice] = {}
        hooks = self._spec.hooks
        noting = hooks._replace(context=hooks.context._replace(attend=self._attend(note=found.__setitem__)))
        spec = dataclasses.replace(self._spec, hooks=noting)
        shapes = {name: jax.ShapeDtypeStruct(x.shape, x.dtype) for name, x in batch.items()}
        jax.eval_shape(functools.partial(validation_step, spec), *self.params, shapes)
        return summary(found)
