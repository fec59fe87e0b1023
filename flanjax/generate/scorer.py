"""Runs a model for evaluation: log-likelihoods of options and texts, in a few fixed shapes.

Each prompt is read once, and its options are scored together, packed in one row. Prompts are sorted by length and padded to one
of a few lengths, so that a few compilations are enough for any task.

Letters: B prompts, S prompt length, O rows of options, T length of such a row.
"""

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from flanjax.data.layout import Layout
from flanjax.generate.context import context_on
from flanjax.generate.engine import Engine
from flanjax.generate.reading import Reader, bucket, order
from flanjax.generate.request import Request, Text
from flanjax.generate.sampler import GREEDY, Sampler
from flanjax.models import functional
from flanjax.parallel.sharding import Mesh, batch_sharding, num_batch_shards, place, replicated

_ROW = 128  # the options of a prompt share a row until they are longer than this


class Score(NamedTuple):
    """What a model thinks of an option after its prompt.

    Attributes:
      log_likelihood: summed over its tokens, in nats.
      is_greedy: whether greedy decoding would write it.
    """

    log_likelihood: float
    is_greedy: bool


class _Row(NamedTuple):
    """Options of one prompt that are scored in one row: their numbers, and where each begins and ends."""

    prompt: int
    options: list[tuple[int, slice]]


@functools.lru_cache(maxsize=8)
def score_program(config: functional.Config, mesh: Mesh) -> Any:
    """Returns the jitted function (params, memory, prompt_index, texts, segment_ids) -> float32 [O, T] and bool [O, T], as in
    `functional.Model.score`."""
    context = context_on(config, mesh)

    def score(params: Any, memory: Any, prompt_index: jax.Array, texts: jax.Array, segment_ids: jax.Array) -> Any:
        return functional.bind(config, params).score(memory, prompt_index, texts, segment_ids, context)

    return jax.jit(score, out_shardings=replicated(mesh))


def whole_batch(batch_size: int, mesh: Mesh) -> int:
    """Returns the number of prompts at a time, rounded up to a number that the mesh divides."""
    shards = num_batch_shards(mesh)
    return -(-batch_size // shards) * shards


class Scorer:
    """A model with its parameters on a mesh.

    Args:
      layout: defines how a text begins and ends.
      batch_size: prompts at a time; rounded up to a number that the mesh divides.
      progress: called with the number of prompts that were finished since its last call.
    """

    def __init__(
        self,
        config: functional.Config,
        params: Any,
        mesh: Mesh,
        layout: Layout,
        *,
        batch_size: int,
        progress: Callable[[int], None] = lambda n: None,
    ):
        self._config, self._mesh, self._layout = config, mesh, layout
        self._batch_size = whole_batch(batch_size, mesh)
        self._params, self._progress = params, progress
        self._rows = batch_sharding(mesh)
        self._reader, self._program = Reader(config, params, mesh, layout), score_program(config, mesh)

    def use(self, params: Any) -> None:
        """Replaces the parameters by others of the same model."""
        self._params = params
        self._reader.use(params)

    def log_likelihoods(
        self, prompts: Sequence[Sequence[int]], options: Sequence[Sequence[Sequence[int]]]
    ) -> list[list[float]]:
        """Returns each option's summed log-likelihood after its prompt, in nats. A prompt may have any number of options."""
        return [[score.log_likelihood for score in scores] for scores in self.scores(prompts, options)]

    def scores(self, prompts: Sequence[Sequence[int]], options: Sequence[Sequence[Sequence[int]]]) -> list[list[Score]]:
        """Returns the score of each option after its prompt. A prompt may have any number of options."""
        found = [[Score(0.0, True)] * len(those) for those in options]
        for batch in self._batches(prompts):
            memory, _ = self._reader.read([prompts[i] for i in batch], self._batch_size)
            sizes = [[len(option) for option in options[i]] for i in batch]
            length = bucket(max((max(max(s), min(sum(s), _ROW)) for s in sizes if s), default=1))
            for rows in _chunks(list(_packed(sizes, length)), self._batch_size):
                for row, likelihoods, best in zip(rows, *self._score(memory, rows, options, batch, length), strict=False):
                    for number, at in row.options:
                        score = Score(float(likelihoods[at].sum(dtype=np.float64)), bool(best[at].all()))
                        found[batch[row.prompt]][number] = score
            self._progress(len(batch))
        return found

    def generate(self, prompts: Sequence[Sequence[int]], max_tokens: int, sampler: Sampler = GREEDY) -> list[Text]:
        """Returns the text after every prompt, of at most `max_tokens` tokens."""
        return [texts[0] for texts in self.sample(prompts, max_tokens, sampler)]

    def sample(
        self,
        prompts: Sequence[Sequence[int]],
        max_tokens: int,
        sampler: Sampler,
        *,
        samples: int = 1,
        numbers: Sequence[int] | None = None,
    ) -> list[list[Text]]:
        """Returns texts after every prompt, so many of them.

        Args:
          numbers: of the prompts, which key their noise; their positions when None.
        """
        numbers = range(len(prompts)) if numbers is None else numbers
        places = {number: place for place, number in enumerate(numbers)}
        engine = Engine(self._config, self._params, self._mesh, self._layout, slots=self._batch_size)
        requests = (Request(n, prompt, max_tokens, sampler, samples) for n, prompt in zip(numbers, prompts, strict=True))
        found: list[dict[int, Text]] = [{} for _ in prompts]
        for text in engine.generate(requests):
            texts = found[places[text.item]]
            texts[text.sample] = text
            if len(texts) == samples:
                self._progress(1)
        return [[texts[n] for n in range(samples)] for texts in found]

    def _batches(self, prompts: Sequence[Sequence[int]]) -> Iterator[list[int]]:
        """Yields batches of prompt positions."""
        return _chunks(sorted(range(len(prompts)), key=lambda i: order(prompts[i])), self._batch_size)

    def _score(
        self, memory: Any, rows: Sequence[_Row], options: Sequence[Any], batch: Sequence[int], length: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Returns the log-likelihoods of the tokens of some rows, float32 [O, T], and whether each is the likeliest."""
        texts, segment_ids = np.zeros((2, self._batch_size, length), np.int32)
        prompt_index = np.zeros(self._batch_size, np.int32)
        for at, row in enumerate(rows):
            prompt_index[at] = row.prompt
            for segment, (number, where) in enumerate(row.options, start=1):
                texts[at, where], segment_ids[at, where] = options[batch[row.prompt]][number], segment
        arrays = (place(x, self._rows) for x in (prompt_index, texts, segment_ids))
        likelihoods, best = self._program(self._params, memory, *arrays)
        return np.asarray(likelihoods), np.asarray(best)


def _packed(sizes: Sequence[Sequence[int]], length: int) -> Iterator[_Row]:
    """Yields rows of at most `length` tokens with the options of each prompt, in their order.

    >>> [row.options for row in _packed([[3, 2, 4]], 5)]
    [[(0, slice(0, 3, None)), (1, slice(3, 5, None))], [(2, slice(0, 4, None))]]
    """
    for prompt, those in enumerate(sizes):
        row, used = list[tuple[int, slice]](), 0
        for number, size in enumerate(those):
            if row and used + size > length:
                yield _Row(prompt, row)
                row, used = [], 0
            row.append((number, slice(used, used + size)))
            used += size
        if row:
            yield _Row(prompt, row)


def _chunks(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    items = list(items)
    return (items[at : at + size] for at in range(0, len(items), size))
