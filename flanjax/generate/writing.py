"""The host's part of generation: a text in work, and when it ends."""

import functools
import re
from collections.abc import Callable, Sequence

import numpy as np

from flanjax.generate.request import Piece, Request, Stop, Text
from flanjax.generate.sampler import GREEDY, Sampler

_LONGEST_PERIOD = 32
_REPEATED_TOKENS = 64  # a text that has done nothing else for so many tokens, and at least ...
_REPEATED_TIMES = 6  # ... so many times, goes on repeating itself
TORN = "\ufffd"  # what the beginning of a character is decoded to


class Writing:
    """One text in work.

    Args:
      decode: from ids to a text.
      stop_ids: the ids that end a text.
      end_repetition: whether a text that only repeats itself ends.
    """

    def __init__(
        self,
        request: Request,
        sample: int,
        decode: Callable[[Sequence[int]], str],
        stop_ids: Sequence[int],
        *,
        end_repetition: bool,
    ):
        self.request, self.sample = request, sample
        self.sampler = request.sampler if isinstance(request.sampler, Sampler) else GREEDY  # of its tokens, one by one
        self._decode, self._stop_ids = decode, frozenset(stop_ids)
        self._ids: list[int] = []
        self._shown = 0  # characters of the text that pieces have told
        self._searched = 0  # characters in which there is no stop string
        self._repetition = _Repetition() if end_repetition else None
        self._stops = _stops(request.stop)
        self._stop: Stop | None = None
        self._last: int | None = None  # the token with which the model ended it
        self._end: int | None = None  # of the text, in characters, if a stop string cuts it

    def extend(self, tokens: Sequence[int]) -> None:
        """Adds tokens until the text ends; what comes after its end is dropped."""
        before = len(self._ids)
        for token in tokens:
            if self._stop is not None:
                break
            if token in self._stop_ids:
                self._stop, self._last = "eos", token
                break
            self._ids.append(token)
            if self._repetition is not None and self._repetition.found(token):
                self._stop = "repetition"
            elif len(self._ids) == self.request.max_tokens:
                self._stop = "length"
        if self._stops is not None and len(self._ids) > before:
            self._cut(before)

    @property
    def ended(self) -> bool:
        return self._stop is not None

    def text(self) -> Text:
        """Returns the finished text."""
        assert self._stop is not None
        return Text(self.request.item, self.sample, self._ids, self._decode(self._ids)[: self._end], self._stop, self._last)

    def piece(self) -> Piece | None:
        """Returns what the text has grown by since the last piece, if that is certain to stay."""
        text = self._decode(self._ids)[: self._end]
        certain = len(text) if self.ended else len(text.rstrip(TORN))
        if self._stops is not None and not self.ended:
            certain = min(certain, self._stops.begun(text[:certain]))
        new = text[self._shown : certain]
        self._shown = max(self._shown, certain)
        return Piece(self.request.item, self.sample, new) if new else None

    def _cut(self, before: int) -> None:
        """Ends the text at its first stop string, and its tokens with the one that completes it."""
        assert self._stops is not None
        text = self._decode(self._ids)
        found = self._stops.find(text, self._searched)
        self._searched = max(len(text.rstrip(TORN)) - self._stops.longest + 1, 0)
        if found is None:
            return
        for size in range(before + 1, len(self._ids) + 1):  # as if the tokens had come one by one
            end = self._stops.find(self._decode(self._ids[:size]))
            if end is not None:
                del self._ids[size:]
                self._stop, self._last, self._end = "stop", None, end
                return


class _Stops:
    """Stop strings, searched for all at once."""

    def __init__(self, texts: tuple[str, ...]):
        self.longest = max(map(len, texts))
        self._pattern = re.compile("|".join(map(re.escape, sorted(set(texts), key=len, reverse=True))))
        self._beginnings = {text[:n] for text in texts for n in range(1, len(text))}

    def find(self, text: str, start: int = 0) -> int | None:
        """Returns where the first stop string begins in a text."""
        found = self._pattern.search(text, start)
        return found.start() if found else None

    def begun(self, text: str) -> int:
        """Returns where, at the end of a text, a stop string may have begun; its length if none has."""
        for size in range(min(self.longest - 1, len(text)), 0, -1):
            if text[-size:] in self._beginnings:
                return len(text) - size
        return len(text)


@functools.lru_cache(maxsize=64)
def _stops(texts: tuple[str, ...]) -> _Stops | None:
    return _Stops(texts) if texts else None


class _Repetition:
    """Notices a text that only repeats its last tokens, in periods of 1 to _LONGEST_PERIOD tokens."""

    def __init__(self) -> None:
        periods = np.arange(1, _LONGEST_PERIOD + 1)
        self._limits = np.maximum(_REPEATED_TOKENS, _REPEATED_TIMES * periods) - periods
        self._last = np.full(_LONGEST_PERIOD, -1)  # the last tokens, the newest first
        self._runs = np.zeros(_LONGEST_PERIOD, int)  # of tokens that each equal the one a period before

    def found(self, token: int) -> bool:
        self._runs = np.where(self._last == token, self._runs + 1, 0)
        self._last = np.concatenate([[token], self._last[:-1]])
        return bool((self._runs >= self._limits).any())
