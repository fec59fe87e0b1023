"""Runs a model for evaluation: log-likelihoods of options and greedy texts, in a few fixed shapes.

Each prompt is read once, whatever the number of its options. Prompts are sorted by length and padded to one of a few lengths,
so that a few compilations are enough for any task.

Letters: B prompts, S prompt length, O options at a time, T option length.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from flanjax.data.layout import Layout
from flanjax.generate.greedy import greedy
from flanjax.models import functional
from flanjax.models.attention.backend import make_attend
from flanjax.models.attention.choice import unproven
from flanjax.models.attention.proof import prove
from flanjax.models.context import Context
from flanjax.parallel.sharding import (
    Mesh,
    batch_sharding,
    constrain,
    is_here,
    num_batch_shards,
    place,
    platform,
    replicated,
    shard,
)

_SMALLEST = 8


class Generated(NamedTuple):
    """A greedy text: its ids without the end, and why it ended ("eos" or "length")."""

    ids: list[int]
    stop: str


class Functions(NamedTuple):
    """A model's jitted functions; each is compiled once for every new shape.

    Attributes:
      read: (params, prompts) -> memory, as in `functional.Model`.
      score: (params, memory, prompt_index, options, lengths) -> float32 [O].
      generate: (params, prompts, lengths, *, max_tokens, stop_ids) -> int32 [B, max_tokens].
    """

    read: Any
    score: Any
    generate: Any


def make_functions(config: functional.Config, mesh: Mesh) -> Functions:
    """Returns the functions of a model on a mesh."""
    # An attention kernel that training asked for by name may not be available here.
    backend = "xla" if config.attention == "xla" else "auto"
    proof = prove if is_here(mesh) else unproven
    attend = make_attend(backend, platform=platform(mesh), shard=shard(mesh), prove=proof)
    context = Context(constrain=constrain(mesh), attend=attend)

    def read(params: Any, prompts: functional.Arrays) -> Any:
        return functional.bind(config, params).read(prompts, context)

    def score(params: Any, memory: Any, prompt_index: jax.Array, options: jax.Array, lengths: jax.Array) -> jax.Array:
        return functional.bind(config, params).score(memory, prompt_index, options, lengths, context)

    def generate(
        params: Any, prompts: functional.Arrays, lengths: jax.Array, *, max_tokens: int, stop_ids: tuple[int, ...]
    ) -> jax.Array:
        model = functional.bind(config, params)
        return greedy(model, prompts, context, max_tokens=max_tokens, stop_ids=stop_ids, lengths=lengths)

    one = replicated(mesh)
    return Functions(
        jax.jit(read),
        jax.jit(score, out_shardings=one),
        jax.jit(generate, static_argnames=("max_tokens", "stop_ids"), out_shardings=one),
    )


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
        self._batch_size = whole_batch(batch_size, mesh)
        self._params, self._progress = params, progress
        self._rows, self._layout = batch_sharding(mesh), layout
        self._functions = make_functions(config, mesh)

    def use(self, params: Any) -> None:
        """Replaces the parameters by others of the same model."""
        self._params = params

    def log_likelihoods(
        self, prompts: Sequence[Sequence[int]], options: Sequence[Sequence[Sequence[int]]]
    ) -> list[list[float]]:
        """Returns each option's summed log-likelihood after its prompt, in nats. A prompt may have any number of options."""
        found: list[list[float]] = [[] for _ in prompts]
        for batch in self._batches(prompts):
            read, _ = self._placed([prompts[i] for i in batch])
            memory = self._functions.read(self._params, read)
            flat = [(at, option) for at, i in enumerate(batch) for option in options[i]]
            for chunk in _chunks(flat, self._batch_size):
                scores = self._score_chunk(memory, chunk)
                for (at, _), score in zip(chunk, scores, strict=True):
                    found[batch[at]].append(float(score))
            self._progress(len(batch))
        return found

    def generate(self, prompts: Sequence[Sequence[int]], max_tokens: int) -> list[Generated]:
        """Returns the greedy text after every prompt, of at most `max_tokens` tokens."""
        found: list[Generated] = [Generated([], "length")] * len(prompts)
        for batch in self._batches(prompts):
            placed = self._placed([prompts[i] for i in batch])
            how: dict[str, Any] = {"max_tokens": max_tokens, "stop_ids": self._layout.stop_ids}
            tokens = np.asarray(self._functions.generate(self._params, *placed, **how))
            for at, i in enumerate(batch):
                found[i] = self._until_end(tokens[at].tolist())
            self._progress(len(batch))
        return found

    def _until_end(self, tokens: list[int]) -> Generated:
        ends = [at for at, token in enumerate(tokens) if token in self._layout.stop_ids]
        return Generated(tokens[: ends[0]], "eos") if ends else Generated(tokens, "length")

    def _batches(self, prompts: Sequence[Sequence[int]]) -> Iterator[list[int]]:
        """Yields batches of prompt positions, longest prompts first, so that running out of memory happens at once or never."""
        return _chunks(sorted(range(len(prompts)), key=lambda i: -len(prompts[i])), self._batch_size)

    def _placed(self, prompts: Sequence[Sequence[int]]) -> tuple[dict[str, jax.Array], jax.Array]:
        """Returns the prompts as the model reads them, and their lengths, int32 [B]; rows beyond them are empty."""
        longest = max(map(len, prompts))
        arrays = self._layout.prompts(prompts, self._batch_size, _bucket(longest))
        lengths = np.zeros(self._batch_size, np.int32)
        lengths[: len(prompts)] = [len(prompt) for prompt in prompts]
        return {name: place(x, self._rows) for name, x in arrays.items()}, place(lengths, self._rows)

    def _score_chunk(self, memory: Any, chunk: Sequence[tuple[int, Sequence[int]]]) -> np.ndarray:
        options, lengths = _padded([option for _, option in chunk], self._batch_size)
        prompt_index = np.zeros(self._batch_size, np.int32)
        prompt_index[: len(chunk)] = [at for at, _ in chunk]
        arrays = (place(x, self._rows) for x in (prompt_index, options, lengths))
        return np.asarray(self._functions.score(self._params, memory, *arrays))[: len(chunk)]


def _padded(sequences: Sequence[Sequence[int]], rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the padded sequences, int32 [rows, bucket], and their lengths, int32 [rows]; rows beyond them are empty."""
    lengths = np.zeros(rows, np.int32)
    lengths[: len(sequences)] = [len(s) for s in sequences]
    ids = np.zeros((rows, _bucket(int(lengths.max(initial=1)))), np.int32)
    for row, sequence in zip(ids, sequences, strict=False):
        row[: len(sequence)] = sequence
    return ids, lengths


def _bucket(length: int) -> int:
    """Returns the smallest of 8, 12, 16, 24, 32, 48, 64, ... that is not below a length, so that few shapes are compiled."""
    size = _SMALLEST
    while size < length:
        if size * 3 // 2 >= length:
            return size * 3 // 2
        size *= 2
    return size


def _chunks(items: Sequence[Any], size: int) -> Iterator[list[Any]]:
    return (list(items[at : at + size]) for at in range(0, len(items), size))
