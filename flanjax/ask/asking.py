"""Prompts and settings given to an engine."""

from collections.abc import Sequence
from typing import Any

from flanjax.ask.settings import Settings
from flanjax.generate.request import Request
from flanjax.generate.sampler import Beam, Sampler


def add(engine: Any, item: int, ids: Sequence[int], settings: Settings) -> None:
    """Gives an engine a prompt.

    Args:
      item: the number that the engine's answers will have.
      ids: the prompt as the model reads it.

    Raises:
      ValueError: the engine cannot take it; the message says why, without the number.
    """
    request = Request(item, ids, settings.max_tokens, _sampler(settings), settings.samples, settings.stop)
    try:
        engine.add(request)
    except ValueError as error:
        raise ValueError(str(error).removeprefix(f"request {item}: ")) from error


def _sampler(settings: Settings) -> Sampler | Beam:
    if settings.beams > 1:
        return Beam(beams=settings.beams, length_penalty=settings.length_penalty)
    return Sampler(
        temperature=settings.temperature,
        top_k=settings.top_k,
        top_p=settings.top_p,
        min_p=settings.min_p,
        repetition_penalty=settings.repetition_penalty,
        seed=settings.seed,
    )
