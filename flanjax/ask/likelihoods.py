"""Log-probabilities of single tokens, and the most probable tokens in their places: one forward pass, as in training.

Letters: B rows, S length of what is read, T length of what is written, V vocabulary, K alternatives.
"""

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from flanjax.data.feature_config import Lengths
from flanjax.data.layout import Layout
from flanjax.data.packing import Encoded
from flanjax.generate.context import context_on
from flanjax.models import functional
from flanjax.parallel.sharding import Mesh, batch_sharding, num_batch_shards, place, replicated

_LOGITS = 1 << 27  # numbers in the logits of a pass, at most, unless one row has more
_MOST_ROWS = 32

Row = tuple[Sequence[int], Sequence[int]]


class Likelihoods(NamedTuple):
    """Log-probabilities of a row's tokens, each given all before it, and the most probable tokens in each place.

    Attributes:
      alternatives: (id, log-probability) for each place, the most probable one first.
    """

    values: list[float]
    alternatives: list[list[tuple[int, float]]]


class TokenScorer:
    """A model that tells how probable it finds tokens, on a mesh."""

    def __init__(self, config: functional.Config, params: Any, mesh: Mesh, layout: Layout):
        self._params, self._mesh, self._layout, self._vocabulary = params, mesh, layout, config.vocab_size
        context = context_on(config, mesh)

        def score(params: Any, batch: functional.Arrays, top: int) -> tuple[jax.Array, jax.Array, jax.Array]:
            """Returns float32 [B, T], and the alternatives: float32 and int32 [B, T, K]."""
            model = functional.bind(config, params)
            hidden, _ = model.hidden(batch, context)
            logits = jax.nn.log_softmax(model.logits(hidden, context).astype(jnp.float32))
            values = jnp.take_along_axis(logits, batch["targets"][..., None], axis=-1)[..., 0]
            return values, *jax.lax.top_k(logits, top)

        self._score = jax.jit(score, static_argnames="top", out_shardings=replicated(mesh))

    def __call__(self, rows: Sequence[Row], top: int) -> list[Likelihoods]:
        """Returns the log-probabilities of each row's second ids after its first ones, and the `top` best alternatives.

        Args:
          rows: ids that are read and ids that are written after them; neither is empty.
        """
        found: list[Likelihoods] = [Likelihoods([], [])] * len(rows)
        order = sorted(range(len(rows)), key=lambda i: (_bucket(len(rows[i][1])), len(rows[i][0])), reverse=True)
        while order:
            read = self._layout.config.reserved + max(len(rows[i][0]) for i in order[:_MOST_ROWS])
            lengths = Lengths(_bucket(read), _bucket(len(rows[order[0]][1])))
            size = self._rows(lengths)
            taken, order = order[:size], order[size:]
            values, best, ids = self._pass([rows[i] for i in taken], lengths, size, top)
            for row, i in enumerate(taken):
                places = range(len(rows[i][1]))
                alternatives = [list(zip(ids[row, t].tolist(), best[row, t].tolist(), strict=True)) for t in places]
                found[i] = Likelihoods(values[row, : len(places)].tolist(), alternatives)
        return found

    def _rows(self, lengths: Lengths) -> int:
        shards = num_batch_shards(self._mesh)
        fit = max(_LOGITS // (lengths.targets * self._vocabulary), 1)
        return -(-min(fit, _MOST_ROWS) // shards) * shards

    def _pass(self, rows: Sequence[Row], lengths: Lengths, size: int, top: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        made = [self._layout.row([_encoded(row)], lengths) for row in rows]
        made += [self._layout.row([], lengths)] * (size - len(made))
        batch = {name: place(np.stack([row[name] for row in made]), batch_sharding(self._mesh)) for name in made[0]}
        values, best, ids = self._score(self._params, batch, top=top)
        return np.asarray(values), np.asarray(best), np.asarray(ids)


def _encoded(row: Row) -> Encoded:
    return Encoded(np.array(row[0], np.int32), np.array(row[1], np.int32), 1.0, 0, 0, 0)


@functools.cache
def _bucket(length: int) -> int:
    """Returns the smallest power of two that is not below a length, and at least 16, so that few shapes are compiled."""
    return max(16, 1 << (length - 1).bit_length())
