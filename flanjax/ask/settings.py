"""How texts are made, as people state it: options of a command, keys of a line, fields of a request."""

import dataclasses
from collections.abc import Mapping
from typing import Annotated, Any

from flanjax import fields
from flanjax.fields import Count, NonNegative, Range, Seed, Share, Whole

MOST_STOPS = 1024


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """How texts are made.

    Args:
      max_tokens: length of a text at most, in tokens.
      temperature: 0 always takes the most probable token; 1 draws from the model's distribution.
      top_k: draw from so many most probable tokens only; 0: no limit.
      top_p: draw from the most probable tokens that have this probability together.
      min_p: leave out tokens that are less probable than this share of the most probable one.
      repetition_penalty: makes tokens less probable that the text, or a decoder-only model's prompt, already has: their logits
        are divided by it where positive and multiplied by it where negative; 1: none.
      beams: the most likely whole text that a beam search of this width finds, instead of drawing; 1: none.
      length_penalty: of beam search: a beam's log-likelihood is divided by its length to this power.
      samples: texts for each prompt.
      stop: texts that end an answer and are not shown.
      seed: of the drawing. The same seed gives the same text, whatever else is asked meanwhile.
    """

    max_tokens: Count = 256
    temperature: NonNegative = 0.0
    top_k: Whole = 0
    top_p: Annotated[float, Range(over=0, most=1)] = 1.0
    min_p: Share = 0.0
    repetition_penalty: Annotated[float, Range(over=0)] = 1.0
    beams: Annotated[int, Range(1, 64)] = 1
    length_penalty: float = 1.0
    samples: Annotated[int, Range(1, 128)] = 1
    stop: tuple[str, ...] = ()
    seed: Seed = 0

    def __post_init__(self) -> None:
        fields.check(self)
        fields.require(all(self.stop), self, "stop", "texts that are not empty")
        fields.require(len(self.stop) <= MOST_STOPS, self, "stop", f"at most {MOST_STOPS} texts")
        otherwise = self.temperature > 0 or self.top_k or self.top_p < 1 or self.min_p or self.repetition_penalty != 1
        only = "1 together with a temperature, a limit on the tokens to draw from, or a repetition penalty"
        fields.require(self.beams == 1 or not otherwise, self, "beams", only)
        fields.require(self.beams == 1 or self.samples == 1, self, "samples", "1 with beams: they find one text")


NAMES = tuple(field.name for field in dataclasses.fields(Settings))


def changed(settings: Settings, given: Mapping[str, Any]) -> Settings:
    """Returns the settings with the given ones replaced. `stop` may be one text; None replaces nothing.

    Raises:
      ValueError: a value does not fit; the message begins with its name.

    >>> changed(Settings(), {"stop": "END", "temperature": 1}).stop
    ('END',)
    """
    values = {name: value for name, value in given.items() if value is not None}
    if isinstance(values.get("stop"), str):
        values["stop"] = (values["stop"],)
    try:
        return dataclasses.replace(settings, **values)
    except fields.FieldError as error:
        raise ValueError(f"{error.name} {error.problem}") from error
