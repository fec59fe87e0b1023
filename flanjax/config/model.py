"""ModelConfig: the model of a run, given by a published size, by single fields, or by weights that decide the shape."""

import dataclasses
from collections.abc import Mapping
from typing import Annotated, Any

from flanjax import fields
from flanjax.adapt.config import METHODS
from flanjax.config.errors import ConfigError
from flanjax.fields import OneOf
from flanjax.models import functional
from flanjax.models.decoder_config import DecoderConfig
from flanjax.models.functional import SIZES
from flanjax.models.t5_config import T5Config
from flanjax.names import nearest

SCRATCH = "scratch"
KINDS: tuple[Any, ...] = tuple(kind.config for kind in functional.KINDS.values())
COMPUTED = ("dtype", "scan", "remat", "attention", "dropout")  # a run chooses these for any weights
_VOCABULARY_MULTIPLE = 128  # a padded vocabulary can be split over devices and fills the matrix units


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """The model: a published size, of which any field can be changed.

    The fields are those of T5Config or DecoderConfig; a config sets them beside `size` and `init`.

    Args:
      size: the name of a published size. None: the fields give the whole shape, of a decoder-only model if they name its
        `family`, else of a T5.
      init: "scratch", a directory in Hugging Face layout, the id of a model on the hub ("id@revision" for a certain one), or
        the workdir of another run. Weights decide the shape; contradicting keys of the config are reported and ignored.
      adapt: the way of training few weights over those of `init`, which stay as they are; none trains all weights. The keys
        `adapt.*` say more.
      fields: fields of the model's config.
    """

    size: Annotated[str, OneOf(tuple(SIZES))] | None = None
    init: str = SCRATCH
    adapt: Annotated[str, OneOf(tuple(METHODS))] | None = None
    fields: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        if isinstance(self.size, str) and self.size not in SIZES:
            raise ConfigError(f"model.size is {self.size!r}; {nearest(self.size, SIZES)}")
        fields.check(self)
        known = field_types((self.kind,) if self.init == SCRATCH else KINDS)
        object.__setattr__(self, "fields", {name: _fitted(name, value, known) for name, value in self.fields.items()})
        if self.init == SCRATCH and not self._missing():
            self.build(1)

    @property
    def kind(self) -> Any:
        """The config class of a model that starts from scratch."""
        if self.size:
            return type(SIZES[self.size])
        return DecoderConfig if "family" in self.fields else T5Config

    @property
    def computed(self) -> dict[str, Any]:
        """The fields that a run chooses even if weights decide the others."""
        return {name: value for name, value in self.fields.items() if name in COMPUTED}

    def build(self, tokenizer_size: int) -> functional.Config:
        """Returns the config of a model from scratch, with a vocabulary that has room for the tokenizer's."""
        if missing := self._missing():
            raise ConfigError(
                "model has no size, so its fields must give the whole shape; "
                f"missing: {', '.join(missing)}. Or set model.size to one of {', '.join(SIZES)}"
            )
        padded = -(-tokenizer_size // _VOCABULARY_MULTIPLE) * _VOCABULARY_MULTIPLE
        given = {"vocab_size": padded, **self.fields}
        try:
            config = dataclasses.replace(SIZES[self.size], **given) if self.size else self.kind(**given)  # type: ignore[type-var]
        except fields.FieldError as error:
            raise ConfigError(f"model.{error.name} {error.problem}") from error
        if config.vocab_size < tokenizer_size:
            raise ConfigError(f"model.vocab_size is {config.vocab_size}, but the tokenizer has {tokenizer_size} ids")
        return config

    def overruled(self, weights: functional.Config) -> list[str]:
        """Returns a line for each key of the shape that contradicts the weights at `init`; the weights decide.

        >>> weights = SIZES["t5_small"]
        >>> ModelConfig(init="dir", fields={"d_model": 64, "d_ff": 2048}).overruled(weights)
        ['model.d_model is 64, but the weights of dir have 512: 512 is used']
        """
        lines = []
        if self.size:
            asked = SIZES[self.size]
            differing = [n for n, v in vars(asked).items() if n not in COMPUTED and getattr(weights, n, None) != v]
            if type(asked) is not type(weights):
                differing = [f"it is a {type(asked).__name__}, they are a {type(weights).__name__}"]
            differing = [n for n in differing if n not in self.fields]
            if differing:
                lines.append(
                    f"model.size is {self.size}, but the weights of {self.init} have another shape: {_list(differing)}"
                )
        for name, value in self.fields.items():
            has = getattr(weights, name, None)
            if name not in COMPUTED and value != has:
                lines.append(f"model.{name} is {value!r}, but the weights of {self.init} have {has!r}: {has!r} is used")
        return lines

    def _missing(self) -> list[str]:
        """Returns the missing fields that the shape needs."""
        if self.size:
            return []
        needed = {f.name for f in dataclasses.fields(self.kind) if f.default is dataclasses.MISSING} - {"vocab_size"}
        return [f.name for f in dataclasses.fields(self.kind) if f.name in needed - set(self.fields)]


def field_types(kinds: tuple[Any, ...] = KINDS) -> dict[str, Any]:
    """Returns field of a model's config -> type; if kinds of model differ in a field's type, the union of their types."""
    found: dict[str, Any] = {}
    for kind in kinds:
        for name, hint in fields.hints(kind).items():
            found[name] = found[name] | hint if name in found and found[name] != hint else hint
    return found


def _fitted(name: str, value: Any, known: Mapping[str, Any]) -> Any:
    if name not in known:
        raise ConfigError(f"unknown config key model.{name}; {nearest(name, [*known, 'size', 'init'])}")
    try:
        return fields.fit(known[name], value)
    except ValueError as error:
        raise ConfigError(f"model.{name} {error}") from error


def _list(names: list[str]) -> str:
    return ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
