"""RunConfig composes the modules' frozen dataclasses, and is built from nested dicts."""

import dataclasses
import math
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any, cast

import ml_collections

from flanjax import fields
from flanjax.adapt.config import AdaptConfig
from flanjax.adapt.methods import reserved
from flanjax.checkpoint import VALIDATION_LOSS, CheckpointConfig
from flanjax.config.errors import ConfigError
from flanjax.config.model import SCRATCH, ModelConfig
from flanjax.data.corpus import DataConfig
from flanjax.data.tokenizer import TokenizerConfig
from flanjax.evaluate.config import EvaluationConfig
from flanjax.names import nearest
from flanjax.parallel.sharding import MeshConfig
from flanjax.tasks.ablation import AblationConfig
from flanjax.train.config import ObjectiveConfig, TrainConfig

_NO_FIELDS = ("size", "init", "adapt")  # keys of `model` that are not the model's own


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunConfig:
    """Everything that decides a run.

    Args:
      name: the run's name in reports.
      mixture: the address of the mixture, `path/to/file.py:name`. A path that is not found from the current directory is looked
        for beside the config file, then in the folder above it.
      heldout: the clusters that are held out of training and evaluated zero-shot.
      leave_out: clusters or tasks that are neither trained on nor evaluated, for ablations.
    """

    name: str
    mixture: str
    heldout: tuple[str, ...] = ()
    leave_out: tuple[str, ...] = ()
    ablation: AblationConfig = dataclasses.field(default_factory=AblationConfig)
    model: ModelConfig = dataclasses.field(default_factory=ModelConfig)
    adapt: AdaptConfig = dataclasses.field(default_factory=AdaptConfig)
    tokenizer: TokenizerConfig = dataclasses.field(default_factory=TokenizerConfig)
    data: DataConfig = dataclasses.field(default_factory=DataConfig)
    train: TrainConfig = dataclasses.field(default_factory=TrainConfig)
    objective: ObjectiveConfig = dataclasses.field(default_factory=ObjectiveConfig)
    mesh: MeshConfig = dataclasses.field(default_factory=MeshConfig)
    checkpoint: CheckpointConfig = dataclasses.field(default_factory=CheckpointConfig)
    evaluation: EvaluationConfig = dataclasses.field(default_factory=EvaluationConfig)

    def __post_init__(self) -> None:
        fields.check(self)
        if self.train.microbatches != "auto" and self.data.batch_size % self.train.microbatches:
            raise ConfigError(
                f"data.batch_size={self.data.batch_size} does not divide into train.microbatches={self.train.microbatches}"
            )
        if self.objective.of_pairs and self.data.prepared:
            raise ConfigError(
                f"data.prepared={self.data.prepared} holds single answers, but objective.name={self.objective.name} learns "
                "from pairs, which are made while training: leave data.prepared out"
            )
        if self.objective.of_pairs and self.data.features.lengths:
            raise ConfigError(
                f"objective.name={self.objective.name} takes rows of one length, since pairs count the same in all batches: "
                "leave data.features.lengths out"
            )
        features = dataclasses.replace(self.data.features, answers=1 + self.objective.of_pairs)
        object.__setattr__(self, "data", dataclasses.replace(self.data, features=features))
        self._check_best()
        self._adapt()
        if self.model.init == SCRATCH:
            object.__setattr__(self, "data", self._data_for(self.model.kind))

    def _check_best(self) -> None:
        """Raises ConfigError if the best checkpoints are to be those of a cluster that is not scored with every checkpoint."""
        by, scored, saved = self.checkpoint.best_by, self.train.heldout_every, self.checkpoint.every_steps
        if by == VALIDATION_LOSS:
            return
        if by not in self.heldout:
            raise ConfigError(
                f"checkpoint.best_by is {by!r}, expected {VALIDATION_LOSS!r} or a held-out cluster of {list(self.heldout)}"
            )
        if not scored or saved % scored:
            raise ConfigError(
                f"checkpoint.best_by={by} needs a score of every checkpoint: train.heldout_every is {scored}, expected a "
                f"divisor of checkpoint.every_steps={saved}"
            )

    def notes(self) -> list[str]:
        """Lines about keys that have no effect as they are set."""
        return [*self._note_on_best(), *self._note_on_heldout()]

    def _note_on_heldout(self) -> list[str]:
        if not self.train.heldout_every or self.heldout:
            return []
        return [f"train.heldout_every={self.train.heldout_every} scores nothing, since no cluster is held out"]

    def _note_on_best(self) -> list[str]:
        saved, validated, steps = self.checkpoint.every_steps, self.train.validate_every, self.train.steps
        if not self.checkpoint.keep_best or self.checkpoint.best_by != VALIDATION_LOSS or not validated:
            return []
        if not saved < steps <= math.lcm(saved, validated):
            return []
        return [
            f"checkpoint.keep_best={self.checkpoint.keep_best} keeps nothing more: train.validate_every={validated} and "
            f"checkpoint.every_steps={saved} meet at the last step only, and a checkpoint without a validation loss is never "
            "among the best. Make one a multiple of the other"
        ]

    def _adapt(self) -> None:
        """Sets the optimizer of few weights, if few are trained. Raises ConfigError if a key of `adapt` is not read."""
        method = self.model.adapt
        try:
            self.adapt.check_for(method)
        except fields.FieldError as error:
            raise ConfigError(f"adapt.{error.name} {error.problem}") from error
        if method and self.train.quantization != "none":
            raise ConfigError(
                f"train.quantization={self.train.quantization} is for training all weights; with model.adapt={method}, "
                "adapt.int8 holds those that stay in eight bits"
            )
        if method:
            few = dataclasses.replace(self.train.optimizer, name="adamw", learning_rate=self.adapt.rate(method))
            object.__setattr__(self, "train", dataclasses.replace(self.train, optimizer=few))

    def for_model(self, kind: Any) -> "RunConfig":
        """Returns the config with the layout "auto" replaced by that of a kind of model (a config class, or a config of one).

        For a model from scratch this happens at once; for weights, when they are opened and their kind is known.

        Raises:
          ConfigError: the config asks for a layout that this kind of model does not read.
        """
        return dataclasses.replace(self, data=self._data_for(kind))

    def _data_for(self, kind: Any) -> DataConfig:
        features = self.data.features
        layout = kind.layouts[0] if features.layout == "auto" else features.layout
        if layout not in kind.layouts:
            raise ConfigError(
                f"the model is a {kind.kind}, but data.features.layout is {layout!r}; "
                f"set it to {' or '.join(map(repr, kind.layouts))}, or leave it out"
            )
        places: dict[str, Any] = {}
        if (room := reserved(self.model.adapt, self.adapt, kind)) and not features.reserved:
            # Text keeps its room. A config that was made from a record has this already.
            places = {"reserved": room, "inputs_length": features.inputs_length + room}
            places["lengths"] = tuple((inputs + room, targets) for inputs, targets in features.lengths)
        elif features.reserved != room and self.model.adapt:
            raise ConfigError(f"data.features.reserved is {features.reserved}: leave it out, model.adapt decides it")
        try:
            return dataclasses.replace(self.data, features=dataclasses.replace(features, layout=layout, **places))
        except fields.FieldError as error:
            raise ConfigError(f"data.features.{error.name} {error.problem}") from error

    @classmethod
    def from_config_dict(cls, config: Mapping[str, Any] | ml_collections.ConfigDict) -> "RunConfig":
        """Returns the RunConfig of a nested dict. Raises ConfigError for an unknown key, with the nearest name."""
        return cast("RunConfig", _build(cls, _with_model_fields(plain(config)), ""))

    def to_dict(self) -> dict[str, Any]:
        """Returns the nested dict from which `from_config_dict` makes an equal config."""
        record = dataclasses.asdict(self)
        record["model"] = {**{name: getattr(self.model, name) for name in _NO_FIELDS}, **self.model.fields}
        return record


def plain(config: Any) -> dict[str, Any]:
    """Returns a config as a plain nested dict. Raises ConfigError if it is not a dict or ConfigDict."""
    if isinstance(config, ml_collections.ConfigDict):
        return config.to_dict()
    if not isinstance(config, Mapping):
        raise ConfigError(f"the config is {config!r}, expected an ml_collections.ConfigDict or a dict")
    return dict(config)


def same_mixture(one: str, other: str) -> bool:
    """Whether two addresses name the same mixture from different folders: one's path ends with the other's.

    >>> same_mixture("mixtures/a.py:m", "/home/me/mixtures/a.py:m"), same_mixture("mixtures/a.py:m", "mixtures/b.py:m")
    (True, False)
    """
    (a, _, name), (b, _, other_name) = one.rpartition(":"), other.rpartition(":")
    short, long = sorted((PurePath(a).parts, PurePath(b).parts), key=len)
    return name == other_name and bool(short) and long[-len(short) :] == short


def differences(old: Mapping[str, Any], new: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Returns the keys whose values differ between two nested dicts, as "train.steps: 100 -> 200"."""
    found: list[str] = []
    for key in sorted({*old, *new}):
        a, b, name = old.get(key), new.get(key), f"{prefix}{key}"
        if isinstance(a, Mapping) and isinstance(b, Mapping):
            found += differences(a, b, f"{name}.")
        elif _plain(a) != _plain(b):
            found.append(f"{name}: {a!r} -> {b!r}")
    return found


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _with_model_fields(config: dict[str, Any]) -> dict[str, Any]:
    """Returns the config with the model's fields moved from `model` into ModelConfig's `fields`."""
    model = config.get("model")
    if not isinstance(model, Mapping):
        return config
    apart = {name: model[name] for name in _NO_FIELDS if name in model}
    return {**config, "model": {**apart, "fields": {k: v for k, v in model.items() if k not in apart}}}


def _build(cls: type, values: Any, path: str) -> Any:
    """Returns an instance of the dataclass from nested dicts, checked key by key."""
    if not isinstance(values, Mapping):
        raise ConfigError(f"{path.rstrip('.')} is {values!r}, expected a group of keys")
    types, known = fields.hints(cls), {f.name: f for f in dataclasses.fields(cls)}
    for key in values:
        if key not in known:
            raise ConfigError(f"unknown config key {path}{key}; {nearest(str(key), known)}")
    missing = [n for n, f in known.items() if n not in values and f.default is f.default_factory is dataclasses.MISSING]
    if missing:
        raise ConfigError(f"the config lacks {', '.join(path + m for m in missing)}")
    built = {k: _value(types[k], v, f"{path}{k}") for k, v in values.items()}
    try:
        return cls(**built)
    except fields.FieldError as error:
        raise ConfigError(f"{path}{error.name} {error.problem}") from error


def _value(hint: Any, value: Any, path: str) -> Any:
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return _build(hint, value, f"{path}.")
    # One name stands for a list of names.
    return (value,) if isinstance(value, str) and hint == tuple[str, ...] else value
