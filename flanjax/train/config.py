"""The settings of a training run other than its data and model."""

import dataclasses
from typing import Literal

from flanjax import fields
from flanjax.fields import Count, NonNegative, Seed, Whole
from flanjax.parallel import xla_options
from flanjax.train.losses import LossConfig
from flanjax.train.optimizer import OptimizerConfig


@dataclasses.dataclass(frozen=True, kw_only=True)
class ObjectiveConfig:
    """What is learned of a row: its answer, or that its answer is better than another one.

    Args:
      name: "cross_entropy" of the answer, with the settings of train.loss; or "dpo", the logistic loss of pairs, for tasks
        whose rows have a rejected answer too. The reference of a pair is the model that training begins with.
      beta: of dpo, how much a gain on the reference counts; lambda in self-play. At 0 nothing is learned.
    """

    name: Literal["cross_entropy", "dpo"] = "cross_entropy"
    beta: NonNegative = 0.1

    def __post_init__(self) -> None:
        fields.check(self)

    @property
    def of_pairs(self) -> bool:
        return self.name == "dpo"


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """The length of a run, and how often it logs, validates and evaluates.

    Args:
      steps: optimizer steps of the whole run, counted from its initial weights.
      seed: seed of the initial weights and of dropout.
      microbatches: number of parts into which a global batch is split to save memory; the result stays the same, apart from
        the draws of dropout. "auto" takes the smallest number that fits, by the compiler's analysis of the step.
      xla_options: XLA's options for the step alone, such as xla_jf_spmd_threshold_for_windowed_einsum_mib=1000000. Those of
        another kind of device (xla_tpu_, xla_jf_, xla_gpu_, xla_cpu_) are left out. `flanjax compile --search` suggests them.
      quantization: the products of the step's layers, forward and for the gradients of their inputs, are computed from operands
        rounded to eight bits: int8, or fp8; none is the model's own type. For training alone, with the extra [quantization].
        `flanjax ablate --axis train.quantization=none,int8` says what it costs in scores.
      log_every: steps between lines of metrics.jsonl.
      validate_every: steps between validation losses on evaluation rows of the training tasks; 0 for none.
      validation_examples: rows of each task in a validation loss.
      heldout_every: steps between scores of the held-out clusters during training; 0 for none.
      heldout_items: items of each held-out task that are scored during training.
      tensorboard: also write TensorBoard event files.
      wandb: the project at Weights & Biases that the same numbers are sent to, with the extra [wandb]; empty for none.
    """

    steps: Count = 1000
    seed: Seed = 0
    microbatches: Count | Literal["auto"] = 1
    xla_options: tuple[str, ...] = ()
    quantization: Literal["none", "int8", "fp8"] = "none"
    log_every: Count = 10
    validate_every: Whole = 0
    validation_examples: Count = 64
    heldout_every: Whole = 0
    heldout_items: Count = 50
    tensorboard: bool = True
    wandb: str = ""
    loss: LossConfig = dataclasses.field(default_factory=LossConfig)
    optimizer: OptimizerConfig = dataclasses.field(default_factory=OptimizerConfig)

    def __post_init__(self) -> None:
        fields.check(self)
        for text in self.xla_options:
            try:
                xla_options.parse(text)
            except ValueError as error:
                raise fields.FieldError(self, "xla_options", f"has {error}") from error
