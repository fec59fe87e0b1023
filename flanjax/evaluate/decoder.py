"""A model ready to be asked: log-likelihoods of options and greedy texts, in a few fixed shapes.

Each prompt is encoded once, whatever the number of its options. Prompts are sorted by length and padded to one of a few
lengths, so that a handful of compilations serves any task.

Letters: B prompts, S prompt length, O options at a time, T option length, V vocabulary.
"""

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from flanjax.models import functional
from flanjax.models.t5 import T5Config
from flanjax.sharding import Mesh, batch_sharding, num_batch_shards, place, replicated

_SMALLEST = 8


class Generated(NamedTuple):
    """A greedy text: its ids without the end of sequence, and why it ended ("eos" or "length")."""

    ids: list[int]
    stop: str


class Decoder:
    """A T5 with its parameters on a mesh.

    Args:
      batch_size: prompts at a time; rounded up to what the mesh divides.
      start_id, eos_id: of the tokenizer; decoding starts with `start_id`.
      progress: called with the number of prompts done, as they get done.
    """

    def __init__(
        self,
        config: T5Config,
        params: Any,
        mesh: Mesh,
        *,
        batch_size: int,
        start_id: int,
        eos_id: int,
        progress: Callable[[int], None] = lambda n: None,
    ):
        shards = num_batch_shards(mesh)
        self._batch_size = -(-batch_size // shards) * shards
        self._params, self._start_id, self._eos_id = params, start_id, eos_id
        self._progress = progress
        self._rows, self._one = batch_sharding(mesh), replicated(mesh)
        self._encode = jax.jit(functools.partial(_encode, config), out_shardings=self._rows)
        self._score = jax.jit(functools.partial(_score, config), out_shardings=self._one)
        self._generate = jax.jit(
            functools.partial(_generate, config), static_argnames=("max_tokens", "start_id", "eos_id"), out_shardings=self._one
        )

    def use(self, params: Any) -> None:
        """Goes on with other parameters of the same model."""
        self._params = params

    def log_likelihoods(
        self, prompts: Sequence[Sequence[int]], options: Sequence[Sequence[Sequence[int]]]
    ) -> list[list[float]]:
        """The summed log-likelihood of every option after its prompt, in nats. Any number of options a prompt."""
        found: list[list[float]] = [[] for _ in prompts]
        for batch in self._batches(prompts):
            encoded, segments = self._encoded([prompts[i] for i in batch])
            flat = [(at, option) for at, i in enumerate(batch) for option in options[i]]
            for chunk in _chunks(flat, self._batch_size):
                scores = self._score_chunk(encoded, segments, chunk)
                for (at, _), score in zip(chunk, scores, strict=True):
                    found[batch[at]].append(float(score))
            self._progress(len(batch))
        return found

    def generate(self, prompts: Sequence[Sequence[int]], max_tokens: int) -> list[Generated]:
        """The greedy text after every prompt, at most `max_tokens` long."""
        found: list[Generated] = [Generated([], "length")] * len(prompts)
        for batch in self._batches(prompts):
            encoded, segments = self._encoded([prompts[i] for i in batch])
            tokens = np.asarray(
                self._generate(
                    self._params, encoded, segments, max_tokens=max_tokens, start_id=self._start_id, eos_id=self._eos_id
                )
            )
            for at, i in enumerate(batch):
                found[i] = self._until_eos(tokens[at].tolist())
            self._progress(len(batch))
        return found

    def _until_eos(self, tokens: list[int]) -> Generated:
        if self._eos_id in tokens:
            return Generated(tokens[: tokens.index(self._eos_id)], "eos")
        return Generated(tokens, "length")

    def _batches(self, prompts: Sequence[Sequence[int]]) -> Iterator[list[int]]:
        """Positions of prompts, the longest first, so that running out of memory happens at once or never."""
        return _chunks(sorted(range(len(prompts)), key=lambda i: -len(prompts[i])), self._batch_size)

    def _encoded(self, prompts: Sequence[Sequence[int]]) -> tuple[jax.Array, jax.Array]:
        ids, lengths = _padded(prompts, self._batch_size)
        segments = (np.arange(ids.shape[1]) < lengths[:, None]).astype(np.int32)
        placed = place(segments, self._rows)
        return self._encode(self._params, place(ids, self._rows), placed), placed

    def _score_chunk(self, encoded: jax.Array, segments: jax.Array, chunk: Sequence[tuple[int, Sequence[int]]]) -> np.ndarray:
        targets, lengths = _padded([option for _, option in chunk], self._batch_size)
        owners = np.zeros(self._batch_size, np.int32)
        owners[: len(chunk)] = [at for at, _ in chunk]
        starts = np.full((len(targets), 1), self._start_id, np.int32)
        decoder_inputs = np.concatenate([starts, targets[:, :-1]], axis=1)
        weights = (np.arange(targets.shape[1]) < lengths[:, None]).astype(np.int32)
        arrays = (place(x, self._rows) for x in (owners, decoder_inputs, targets, weights))
        return np.asarray(self._score(self._params, encoded, segments, *arrays))[: len(chunk)]


def _encode(config: T5Config, params: Any, inputs: jax.Array, segments: jax.Array) -> jax.Array:
    return functional.bind(config, params).encode(inputs, segments)


def _score(
    config: T5Config,
    params: Any,
    encoded: jax.Array,  # [B, S, D]
    segments: jax.Array,  # int32 [B, S]
    owners: jax.Array,  # int32 [O], the prompt of each option
    decoder_inputs: jax.Array,  # int32 [O, T]
    targets: jax.Array,  # int32 [O, T]
    weights: jax.Array,  # int32 [O, T], 1 on the option's tokens
) -> jax.Array:
    """Summed log-likelihoods, float32 [O]."""
    model = functional.bind(config, params)
    logits = model.logits(model.decode(decoder_inputs, weights, encoded[owners], segments[owners]))
    picked = jnp.take_along_axis(logits, targets[..., None], axis=-1)[..., 0] - jax.nn.logsumexp(logits, axis=-1)
    return jnp.sum(picked * weights, axis=-1)


def _generate(
    config: T5Config, params: Any, encoded: jax.Array, segments: jax.Array, *, max_tokens: int, start_id: int, eos_id: int
) -> jax.Array:
    """Greedy tokens int32 [B, max_tokens]; what follows an end of sequence means nothing."""
    model = functional.bind(config, params)
    rows = len(encoded)

    def unfinished(carry):
        step, _, done, _, _ = carry
        return (step < max_tokens) & ~jnp.all(done)

    def body(carry):
        step, last, done, written, cache = carry
        logits, cache = model.decode_step(last, cache)
        token = jnp.where(done, eos_id, jnp.argmax(logits, axis=-1).astype(jnp.int32))
        return step + 1, token, done | (token == eos_id), written.at[:, step].set(token), cache

    # A padding row has no input: it counts as done from the start.
    start = (
        jnp.zeros((), jnp.int32),
        jnp.full(rows, start_id, jnp.int32),
        segments.max(axis=1) == 0,
        jnp.full((rows, max_tokens), eos_id, jnp.int32),
        model.init_cache(encoded, segments, max_tokens),
    )
    return jax.lax.while_loop(unfinished, body, start)[3]


def _padded(sequences: Sequence[Sequence[int]], rows: int) -> tuple[np.ndarray, np.ndarray]:
    """int32 [rows, bucket] and the lengths [rows]; rows beyond the sequences are empty."""
    lengths = np.zeros(rows, np.int64)
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
