"""A run as its checkpoint has it: what evaluation, export and `load_model` begin from."""

import dataclasses
from typing import Any, NamedTuple

from etils import epath

from flanjax import checkpoint
from flanjax.config import ConfigError, RunConfig
from flanjax.data.feature_config import FeatureConfig
from flanjax.data.tokenizer import Tokenizer
from flanjax.models import functional
from flanjax.models.params import Full, Params, Tuning
from flanjax.parallel import sharding
from flanjax.parts.base import check_base, tuning_of
from flanjax.parts.tokenizer import saved_tokenizer
from flanjax.parts.weights import frozen_params, read_newest_trainable, weights_of


class SavedRun(NamedTuple):
    """A checkpoint, its parameters not yet read.

    Attributes:
      step: of the checkpoint; `fixed` says whether it was asked for, or is the newest one.
      model: its shape, and how it is computed.
    """

    workdir: epath.Path
    step: int
    fixed: bool
    meta: dict[str, Any]
    config: RunConfig
    model: functional.Config
    tokenizer: Tokenizer
    tuning: Tuning

    @property
    def base_features(self) -> FeatureConfig:
        """How prompts are laid out for the weights before training, which know no reserved positions."""
        return dataclasses.replace(self.config.data.features, reserved=0)

    def base_params(self, mesh: sharding.Mesh) -> Any:
        """The parameters that training began with, on the mesh.

        Raises:
          ConfigError: few weights were trained over them, and they are not the same any more.
        """
        base = self.meta.get("base")
        params = weights_of(self.config, self.tokenizer, base and base["step"]).make(mesh)
        check_base(base, params)
        return params

    def read_params(self, mesh: sharding.Mesh) -> tuple[int, Any]:
        """The step and its parameters, trained and frozen ones joined, on the mesh.

        The step is a newer one if it is not fixed and a running trainer has removed this one meanwhile.
        """
        step, trainable = self.read_trainable(mesh)
        frozen = frozen_params(self.model, mesh, self.tuning, lambda: self.base_params(mesh))
        return step, self.tuning.join(Params(trainable, frozen))

    def read_trainable(self, mesh: sharding.Mesh) -> tuple[int, Any]:
        """The step and its trained parameters alone, on the mesh."""
        return read_newest_trainable(self.workdir, self.step, self.model, mesh, fixed=self.fixed, tuning=self.tuning)


def open_saved(workdir: epath.Path, step: int | None = None, tuning: Tuning = Full(), **computed: Any) -> SavedRun:
    """The run in a workdir.

    Args:
      step: of its checkpoint; the newest when None.
      tuning: the one that it was trained with.
      computed: fields of the model's config that say how it is computed.

    Raises:
      ConfigError: it was trained with another tuning.
    """
    fixed = step is not None
    step, meta = checkpoint.read_meta(workdir, step)
    config = RunConfig.from_config_dict(meta["config"])
    model = functional.config_from({**meta["model"], **computed})
    tokenizer = saved_tokenizer(workdir, config, meta)
    tuning = tuning_of(config, model, tokenizer, tuning)
    if (trained := meta.get("tuning", Full.__name__)) != type(tuning).__name__:
        raise ConfigError(
            f"{workdir} was trained with the tuning {trained}, not with {type(tuning).__name__}: give open_run or load_model "
            "the same one"
        )
    return SavedRun(workdir, step, fixed, meta, config, model, tokenizer, tuning)
