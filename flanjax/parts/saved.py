"""A run as its checkpoint has it: what evaluation, export and `load_model` begin from."""

from typing import Any, NamedTuple

from etils import epath

from flanjax import checkpoint
from flanjax.config import ConfigError, RunConfig
from flanjax.data.tokenizer import Tokenizer
from flanjax.models import functional
from flanjax.models.params import Full, Tuning
from flanjax.parallel import sharding
from flanjax.parts.tokenizer import saved_tokenizer
from flanjax.parts.weights import read_newest_params, weights_of


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

    def base_params(self, mesh: sharding.Mesh) -> Any:
        """The parameters that training began with, on the mesh."""
        return weights_of(self.config, self.tokenizer, mesh).make()

    def read_params(self, mesh: sharding.Mesh) -> tuple[int, Any]:
        """The step and its parameters, trained and frozen ones joined, on the mesh.

        The step is a newer one if it is not fixed and a running trainer has removed this one meanwhile.
        """
        return read_newest_params(
            self.workdir,
            self.step,
            self.model,
            mesh,
            fixed=self.fixed,
            tuning=self.tuning,
            base=lambda: self.base_params(mesh),
            seed=self.config.train.seed,
        )


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
    if (trained := meta.get("tuning", Full.__name__)) != type(tuning).__name__:
        raise ConfigError(
            f"{workdir} was trained with the tuning {trained}, not with {type(tuning).__name__}: give open_run or load_model "
            "the same one"
        )
    config = RunConfig.from_config_dict(meta["config"])
    model = functional.config_from({**meta["model"], **computed})
    return SavedRun(workdir, step, fixed, meta, config, model, saved_tokenizer(workdir, config, meta), tuning)
