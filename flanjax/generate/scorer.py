"""A model ready to be asked: log-likelihoods of options and greedy texts, in a few fixed shapes.

Each prompt is read once, whatever the number of its options. Prompts are sorted by length and padded to one of a few lengths,
so that a handful of compilations serves any task. What differs between an encoder-decoder and a decoder-only model is what
remains of a prompt that was read (flanjax/evaluate/reading.py).

Letters: B prompts, S prompt length, O options at a time, T option length.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from flanjax.data.layout import Layout
from flanjax.generate.reading import Reading
from flanjax.models.attention.backend import make_attend
from flanjax.models.functional import Config
from flanjax.parallel.sharding import Mesh, batch_sharding, constrain, num_batch_shards, place, platform, replicated, shard

_SMALLEST = 8


class Generated(NamedTuple):
    """A greedy text: its ids without the end, and why it ended ("eos" or "length")."""

    ids: list[int]
    stop: str


class Jitted(NamedTuple):
    """The functions of a `Reading`, compiled for each shape that they meet."""

    read: Any
    score: Any
    generate: Any


def jitted(config: Config, mesh: Mesh, layout: Layout) -> Jitted:
    """What a scorer runs on a mesh."""
    # A kernel that training asked for by name may not be had here.
    backend = "xla" if config.attention == "xla" else "auto"
    attend = make_attend(backend, platform=platform(mesh), shard=shard(mesh))
    placed: dict[str, Any] = {"constrain": constrain(mesh), "attend": attend}
    prefix = layout.config.layout == "prefix"
    reading = Reading(config, start_id=layout.tokenizer.pad_id, prefix=prefix, **placed)
    one = replicated(mesh)
    return Jitted(
        jax.jit(reading.read),
        jax.jit(reading.score, out_shardings=one),
        jax.jit(reading.generate, static_argnames=("max_tokens", "stop_ids"), out_shardings=one),
    )


def whole_batch(batch_size: int, mesh: Mesh) -> int:
    """The number of prompts at a time, rounded up to what the mesh divides."""
    shards = num_batch_shards(mesh)
    return -(-batch_size // shards) * shards


class Scorer:
    """A model with its parameters on a mesh.

    Args:
      layout: decides how a text begins and ends.
      batch_size: prompts at a time; rounded up to what the mesh divides.
      progress: called with the number of prompts done, as they get done.
    """

    def __init__(
        self,
        config: Config,
        params: Any,
        mesh: Mesh,
        layout: Layout,
        *,
        batch_size: int,
        progress: Callable[[int], None] = lambda n: None,
    ):
        self._batch_size = whole_batch(batch_size, mesh)
        self._params, self._progress = params, progress
        self._rows, self._stop_ids = batch_sharding(mesh), layout.stop_ids
        self._read, self._score, self._generate = jitted(config, mesh, layout)

    def use(self, params: Any) -> None:
        """Goes on with other parameters of the same model."""
        self._params = params

    def log_likelihoods(
        self, prompts: Sequence[Sequence[int]], options: Sequence[Sequence[Sequence[int]]]
    ) -> list[list[float]]:
        """The summed log-likelihood of every option after its prompt, in nats. Any number of options a prompt."""
        found: list[list[float]] = [[] for _ in prompts]
        for batch in self._batches(prompts):
            memory = self._read(self._params, *self._placed([prompts[i] for i in batch]))
            flat = [(at, option) for at, i in enumerate(batch) for option in options[i]]
            for chunk in _chunks(flat, self._batch_size):
                scores = self._score_chunk(memory, chunk)
                for (at, _), score in zip(chunk, scores, strict=True):
                    found[batch[at]].append(float(score))
            self._progress(len(batch))
        return found

    def generate(self, prompts: Sequence[Sequence[int]], max_tokens: int) -> list[Generated]:
        """The greedy text after every prompt, at most `max_tokens` long."""
        found: list[Generated] = [Generated([], "length")] * len(prompts)
        for batch in self._batches(prompts):
            placed = self._placed([prompts[i] for i in batch])
            tokens = np.asarray(self._generate(self._params, *placed, max_tokens=max_tokens, stop_ids=self._stop_ids))
            for at, i in enumerate(batch):
                found[i] = self._until_end(tokens[at].tolist())
            self._progress(len(batch))
        return found

    def _until_end(self, tokens: list[int]) -> Generated:
        ends = [at for at, token in enumerate(tokens) if token in self._stop_ids]
        return Generated(tokens[: ends[0]], "eos") if ends else Generated(tokens, "length")

    def _batches(self, prompts: Sequence[Sequence[int]]) -> Iterator[list[int]]:
        """Positions of prompts, the longest first, so that running out of memory happens at once or never."""
        return _chunks(sorted(range(len(prompts)), key=lambda i: -len(prompts[i])), self._batch_size)

    def _placed(self, prompts: Sequence[Sequence[int]]) -> tuple[jax.Array, jax.Array]:
        ids, lengths = _padded(prompts, self._batch_size)
        return place(ids, self._rows), place(lengths, self._rows)

    def _score_chunk(self, memory: Any, chunk: Sequence[tuple[int, Sequence[int]]]) -> np.ndarray:
        options, lengths = _padded([option for _, option in chunk], self._batch_size)
        owners = np.zeros(self._batch_size, np.int32)
        owners[: len(chunk)] = [at for at, _ in chunk]
        arrays = (place(x, self._rows) for x in (owners, options, lengths))
        return np.asarray(self._score(self._params, memory, *arrays))[: len(chunk)]


def _padded(sequences: Sequence[Sequence[int]], rows: int) -> tuple[np.ndarray, np.ndarray]:
    """int32 [rows, bucket] and the lengths, int32 [rows]; rows beyond the sequences are empty."""
    lengths = np.zeros(rows, np.int32)
    lengths[: len(sequences)] = [len(s) for s in sequences]
    ids = np.zeros((rows, _bucket(int(lengths.max(initial=1)))), np.int32)
    for row, sequence in zip(ids, sequences, strict=False):
        row[: len(sequence)] = sequence
    return ids, lengths


def _bucket(length: int) -> int:
    """The next of 8, 12, 16, 24, 32, 48, 64, ...: at most half is padding, and few shapes are compiled."""
    size = _SMALLEST
    while size < length:
        if size * 3 // 2 >= length:
            return size * 3 // 2
        size *= 2
    return size


def _chunks(items: Sequence[Any], size: int) -> Iterator[list[Any]]:
    return (list(items[at : at + size]) for at in range(0, len(items), size))
