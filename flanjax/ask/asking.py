"""Settings as the engine takes them."""

from collections.abc import Sequence

from flanjax.ask.settings import Settings
from flanjax.generate.request import Request
from flanjax.generate.sampler import Beam, Sampler


def request_of(item: int, ids: Sequence[int], settings: Settings) -> Request:
    """Returns the engine's request for the texts after a prompt.

    Args:
      item: the number that the engine's answers will have.
      ids: the prompt as the model reads it.
    """
    return Request(item, ids, settings.max_tokens, _sampler(settings), settings.samples, settings.stop)


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
