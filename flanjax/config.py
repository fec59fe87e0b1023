"""RunConfig: the modules' frozen dataclasses, composed; and the one door from ml_collections to them."""

import ast
import dataclasses
import types
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import ml_collections

from flanjax.checkpoint import CheckpointConfig
from flanjax.data.feature_config import FeatureConfig
from flanjax.data.pipeline import DataConfig
from flanjax.data.tokenizer import TokenizerConfig
from flanjax.evaluate.config import EvaluationConfig
from flanjax.models import functional
from flanjax.models.decoder import DecoderConfig
from flanjax.models.functional import SIZES
from flanjax.models.t5 import T5Config
from flanjax.parallel.sharding import MeshConfig
from flanjax.tasks import user_code
from flanjax.tasks.names import nearest
from flanjax.train.config import TrainConfig

_VOCABULARY_MULTIPLE = 128  # a padded vocabulary divides over devices and fills the matrix units


class ConfigError(ValueError):
    """A config that names something unknown, or gives a value of the wrong kind."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """The model: a published size, with any field of its config (T5Config or DecoderConfig) set otherwise.

    Args:
      size: a name of flanjax.models.functional.SIZES; None when the fields give the whole shape: of a decoder-only model if
        they name its `family`, else of a T5.
      init: "scratch"; a directory in Hugging Face layout, or the id of a model on the hub, "id@revision" for a certain one; or
        the workdir of another run. All but "scratch" decide the shape.
      fields: of the model's config. Without a vocab_size the tokenizer's is used, rounded up to a multiple of 128.
    """

    size: str | None = None
    init: str = "scratch"
    fields: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.size is not None and self.size not in SIZES:
            raise ConfigError(f"model.size is {self.size!r}; {nearest(self.size, SIZES)}")
        if self.init == "scratch":
            known = [f.name for f in dataclasses.fields(self.kind)]
        else:
            known = [f.name for kind in functional.MODULES for f in dataclasses.fields(kind)]
        for name in self.fields:
            if name not in known:
                raise ConfigError(f"unknown config key model.{name}; {nearest(name, [*known, 'size', 'init'])}")

    @property
    def kind(self) -> type[functional.Config]:
        """The config class of a model that starts from scratch."""
        if self.size:
            return type(SIZES[self.size])
        return DecoderConfig if "family" in self.fields else T5Config

    def build(self, tokenizer_size: int) -> functional.Config:
        """The config of a model from scratch, with a vocabulary that holds the tokenizer's."""
        padded = -(-tokenizer_size // _VOCABULARY_MULTIPLE) * _VOCABULARY_MULTIPLE
        fields = {"vocab_size": padded, **self.fields}
        if self.size:
            config = dataclasses.replace(SIZES[self.size], **fields)
        else:
            try:
                config = self.kind(**fields)
            except TypeError as error:
                raise ConfigError(f"model has no size, so its fields must give the whole shape: {error}") from error
        if config.vocab_size < tokenizer_size:
            raise ConfigError(f"model.vocab_size is {config.vocab_size}, but the tokenizer has {tokenizer_size} ids")
        return config


def check_layout(features: FeatureConfig, model: type[functional.Config]) -> None:
    """Raises ConfigError when rows are laid out for the other kind of model."""
    if (features.layout == "encoder_decoder") is not (model is T5Config):
        kind, fit = ("a T5", "'encoder_decoder'") if model is T5Config else ("decoder-only", "'causal' or 'prefix'")
        raise ConfigError(f"the model is {kind}, but data.features.layout is {features.layout!r}; set it to {fit}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunConfig:
    """Everything that decides a run.

    Args:
      name: shown in reports.
      mixture: the address of the mixture, `path/to/file.py:name`, from the current directory.
      heldout: the clusters that are held out of training and evaluated zero-shot.
      leave_out: clusters or tasks that are neither trained on nor evaluated (for ablations).
    """

    name: str
    mixture: str
    heldout: tuple[str, ...] = ()
    leave_out: tuple[str, ...] = ()
    model: ModelConfig = dataclasses.field(default_factory=ModelConfig)
    tokenizer: TokenizerConfig = dataclasses.field(default_factory=TokenizerConfig)
    data: DataConfig = dataclasses.field(default_factory=DataConfig)
    train: TrainConfig = dataclasses.field(default_factory=TrainConfig)
    mesh: MeshConfig = dataclasses.field(default_factory=MeshConfig)
    checkpoint: CheckpointConfig = dataclasses.field(default_factory=CheckpointConfig)
    evaluation: EvaluationConfig = dataclasses.field(default_factory=EvaluationConfig)

    def __post_init__(self) -> None:
        if self.train.microbatches != "auto" and self.data.batch_size % self.train.microbatches:
            raise ConfigError(
                f"data.batch_size={self.data.batch_size} does not divide into train.microbatches={self.train.microbatches}"
            )
        if self.model.init == "scratch":
            check_layout(self.data.features, self.model.kind)

    @classmethod
    def from_config_dict(cls, config: Mapping[str, Any] | ml_collections.ConfigDict) -> "RunConfig":
        """The RunConfig of a nested dict. An unknown key is an error with the nearest name."""
        plain = config.to_dict() if isinstance(config, ml_collections.ConfigDict) else dict(config)
        return _build(cls, _with_model_fields(plain), "")

    def to_dict(self) -> dict[str, Any]:
        """The nested dict from which `from_config_dict` makes an equal config."""
        record = dataclasses.asdict(self)
        record["model"] = {"size": self.model.size, "init": self.model.init, **self.model.fields}
        return record


def load_config(path: str, overrides: Sequence[str] = ()) -> RunConfig:
    """The config of a file with `get_config()`, after overrides such as "train.steps=100".

    Args:
      path: "configs/x.py", or "configs/x.py:argument" for a `get_config(argument)`, as in ml_collections.
    """
    path, colon, argument = path.partition(":")
    file = Path(path)
    if not file.is_file():
        near = (
            nearest(file.name, (p.name for p in file.parent.glob("*.py")))
            if file.parent.is_dir()
            else f"no folder {file.parent}"
        )
        raise ConfigError(f"no config file {path}; {near}")
    module = user_code.run_file(file, f"flanjax_config_{file.stem}")
    if not callable(getattr(module, "get_config", None)):
        raise ConfigError(f"{path} has no get_config(); a config file defines one that returns an ml_collections.ConfigDict")
    try:
        config = user_code.call(module.get_config, *([argument] if colon else []))
    except user_code.UserCodeError as error:
        if isinstance(error.__cause__, KeyError):
            raise ConfigError(f"{path}: get_config takes no {argument!r}: unknown {error.__cause__}") from error
        raise
    if not isinstance(config, Mapping | ml_collections.ConfigDict):
        where = user_code.located(module.get_config.__code__.co_filename, module.get_config.__code__.co_firstlineno)
        raise ConfigError(f"{where}: get_config() returned {config!r:.100}, expected an ml_collections.ConfigDict or a dict")
    plain = config.to_dict() if isinstance(config, ml_collections.ConfigDict) else dict(config)
    for override in overrides:
        _override(plain, override)
    return RunConfig.from_config_dict(plain)


def differences(old: Mapping[str, Any], new: Mapping[str, Any], prefix: str = "") -> list[str]:
    """The keys whose values differ between two nested dicts, as "train.steps: 100 -> 200"."""
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


def _override(config: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals:
        raise ConfigError(f"override {override!r} has no value; expected --config.some.key=value")
    *parents, last = key.split(".")
    for parent in parents:
        config = config.setdefault(parent, {})
        if not isinstance(config, dict):
            raise ConfigError(f"override {key}: {parent} is a value, not a group of keys")
    config[last] = _parse(text)


def _parse(text: str) -> Any:
    words = {"true": True, "false": False, "none": None}
    if text.lower() in words:
        return words[text.lower()]
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _with_model_fields(config: dict[str, Any]) -> dict[str, Any]:
    """Moves the fields of the model that a config writes straight into `model` to where ModelConfig keeps them."""
    model = config.get("model")
    if not isinstance(model, Mapping):
        return config
    fields = {k: v for k, v in model.items() if k not in ("size", "init")}
    if "remat" in fields and fields["remat"] is None:  # what the command line makes of the word none
        fields["remat"] = "none"
    return {**config, "model": {"size": model.get("size"), "init": model.get("init", "scratch"), "fields": fields}}


def _build(cls: type, values: Any, path: str) -> Any:
    """An instance of the dataclass from nested dicts, checked key by key."""
    if not isinstance(values, Mapping):
        raise ConfigError(f"config key {path.rstrip('.')} is {values!r}, expected a group of keys")
    hints = typing.get_type_hints(cls)
    fields = {f.name: f for f in dataclasses.fields(cls)}
    for key in values:
        if key not in fields:
            raise ConfigError(f"unknown config key {path}{key}; {nearest(key, fields)}")
    missing = [n for n, f in fields.items() if n not in values and f.default is f.default_factory is dataclasses.MISSING]
    if missing:
        raise ConfigError(f"the config lacks {', '.join(path + m for m in missing)}")
    built = {k: _value(hints[k], v, f"{path}{k}") for k, v in values.items()}
    try:
        return cls(**built)
    except ConfigError:
        raise
    except ValueError as error:
        raise ConfigError(f"config{' ' + path.rstrip('.') if path else ''}: {error}") from error


def _value(hint: Any, value: Any, path: str) -> Any:
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return _build(hint, value, f"{path}.")
    accepted = (
        typing.get_args(hint) if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union else (hint,)
    )
    for kind in accepted:
        fits, converted = _fits(kind, value)
        if fits:
            return converted
    raise ConfigError(f"config key {path} is {value!r} ({type(value).__name__}), expected {_named(hint)}")


def _fits(kind: Any, value: Any) -> tuple[bool, Any]:
    origin = typing.get_origin(kind)
    if kind is type(None):
        return value is None, None
    if origin is Literal:
        # The owner's own check lists what it takes.
        return isinstance(value, str), value
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool), float(value) if isinstance(
            value, int | float
        ) else value
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool), value
    if origin is tuple:
        if isinstance(value, str):
            value = (value,)
        inner = typing.get_args(kind)[0]
        return isinstance(value, list | tuple) and all(_fits(inner, v)[0] for v in value), tuple(value) if isinstance(
            value, list | tuple
        ) else value
    if origin is not None:
        return isinstance(value, Mapping), value
    return isinstance(value, kind), value


def _named(hint: Any) -> str:
    return getattr(hint, "__name__", str(hint)).replace("typing.", "")
