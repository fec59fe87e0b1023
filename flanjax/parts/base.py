"""The weights that a run keeps as they are, and which weights it trains: its base by name and fingerprint, its tuning."""

from collections.abc import Mapping
from typing import Any

import jax

from flanjax import checkpoint, fields
from flanjax.adapt import peft
from flanjax.adapt.config import AdaptConfig
from flanjax.adapt.methods import make_tuning
from flanjax.config import ConfigError, RunConfig
from flanjax.config.model import SCRATCH
from flanjax.data.tokenizer import Tokenizer
from flanjax.huggingface.tensors import leaf_shapes
from flanjax.models import functional
from flanjax.models.params import Full, Tuning
from flanjax.parallel import sharding
from flanjax.parts.fingerprint import fingerprint


def tuning_of(config: RunConfig, model: functional.Config, tokenizer: Tokenizer, given: Tuning = Full()) -> Tuning:
    """The tuning of `model.adapt`, or the one given in Python if the config has none.

    Raises:
      ConfigError: there are both, or the few weights would be trained over random ones.
    """
    method = config.model.adapt
    if not method:
        return given
    if not isinstance(given, Full):
        raise ConfigError(f"model.adapt={method} and the tuning {type(given).__name__} given in Python: leave one of them out")
    if config.model.init == SCRATCH:
        raise ConfigError(
            f"model.adapt={method} trains few weights over a model, but model.init is {SCRATCH!r}: set it to a run's workdir, "
            "a Hugging Face directory or an id of the hub"
        )
    return make_tuning(method, config.adapt, model, lambda text: tokenizer.encode([text])[0])


def beginning(config: RunConfig, model: functional.Config, trainable: Any) -> Any:
    """The few weights that training begins with: those of `adapt.init`, or `trainable` if it names none.

    Raises:
      ConfigError: it holds weights of another method, or of other shapes.
    """
    place = config.adapt.init
    if not place:
        return trainable
    if not peft.is_adapter(place):
        raise ConfigError(f"adapt.init={place} is no directory in the format of peft: it has no {peft.CONFIG}")
    found = peft.load(place, model)
    here, there = (dict(leaf_shapes(tree)) for tree in (trainable, found.trainable))
    if found.method != config.model.adapt or here != there:
        path = next((p for p in sorted({*here, *there}) if here.get(p) != there.get(p)), ())
        more = f"; {'/'.join(path)} is {there.get(path, 'not there')}, here {here.get(path, 'not adapted')}" if path else ""
        raise ConfigError(
            f"adapt.init={place} holds {found.method}{more}. Set model.adapt={found.method} and adapt.* as there: "
            + ", ".join(f"{k}={fields.shown(v)}" for k, v in vars(found.config).items() if v != getattr(AdaptConfig(), k))
        )
    return jax.tree.map(lambda new, old: sharding.place(new, old.sharding), found.trainable, trainable)


def base_record(config: RunConfig, step: int | None, params: Any) -> dict[str, Any]:
    """What a checkpoint says of the weights that its run began with.

    Args:
      step: of the run that they are of, if they are a run's.
      params: the weights themselves, if some of them are not trained, for their fingerprint; None if all are trained.
    """
    return {"init": config.model.init, "step": step, **({} if params is None else {"fingerprint": fingerprint(params)})}


def base_step(base: Mapping[str, Any] | None, init: str) -> int | None:
    """The step, by a checkpoint's record, of the run `init` that its own began with; None for the newest.

    If all weights are trained, those of another step serve as well once it is gone: only their shapes are read.
    """
    if not base or base["step"] is None or base["init"] != init:
        return None
    gone = "fingerprint" not in base and base["step"] not in checkpoint.steps_of(base["init"])
    return None if gone else base["step"]


def check_base(saved: Mapping[str, Any] | None, params: Any) -> None:
    """Raises ConfigError if these are not the weights that a checkpoint's few weights were trained over."""
    if saved and "fingerprint" in saved and (found := fingerprint(params)) != saved["fingerprint"]:
        raise ConfigError(
            f"the weights of model.init={saved['init']} are not those that this run's few weights were trained over: their "
            f"fingerprint is {found}, it was {saved['fingerprint']}. Put the former weights there, or train anew"
        )
