"""Reads prompts, sorted and padded so that a few compiled shapes are enough. What they all begin with is read once."""

import functools
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import jax

from flanjax.data.layout import Layout
from flanjax.generate.context import context_on
from flanjax.models import functional
from flanjax.parallel.sharding import Mesh, batch_sharding, num_batch_shards, place

_WORTH_SHARING = 64  # tokens
_KEPT = 4  # beginnings


@functools.lru_cache(maxsize=8)
def read_program(config: functional.Config, mesh: Mesh) -> Any:
    """Returns the jitted function (params, prompts, beginning=None) -> memory, as in `functional.Model.read`."""
    context = context_on(config, mesh)

    def read(params: Any, prompts: functional.Arrays, beginning: Any = None) -> Any:
        return functional.bind(config, params).read(prompts, context, beginning)

    return jax.jit(read)


def order(prompt: Sequence[int]) -> tuple[int, Sequence[int]]:
    """Returns the key by which prompts are sorted: those that are padded to the same length are neighbours, longest first, so
    that want of memory shows at once or never; and among these, those that begin alike."""
    return -bucket(len(prompt)), tuple(prompt)


def bucket(length: int) -> int:
    """Returns the smallest of 8, 12, 16, 24, 32, 48, 64, ... that is not below a length."""
    size = 8
    while size < length:
        if size * 3 // 2 >= length:
            return size * 3 // 2
        size *= 2
    return size


class Reader:
    """Reads prompts for a model on a mesh.

    Attributes:
      tokens: how many it has read, without padding.
    """

    def __init__(self, config: functional.Config, params: Any, mesh: Mesh, layout: Layout):
        self._params, self._mesh, self._layout = params, mesh, layout
        self._program = read_program(config, mesh)
        self._beginnings: OrderedDict[tuple[int, ...], Any] = OrderedDict()
        self.tokens = 0

    def use(self, params: Any) -> None:
        """Replaces the parameters by others of the same model."""
        self._params = params
        self._beginnings.clear()

    def read(self, prompts: Sequence[Sequence[int]], rows: int) -> tuple[Any, int]:
        """Returns a memory of `rows` rows, the first ones of these prompts, and the length of its prompts with padding."""
        shared = self._shared(prompts)
        beginning = self._beginning(tuple(prompts[0][:shared])) if shared else None
        rest = [prompt[shared:] for prompt in prompts]
        length = bucket(max(map(len, rest)))
        return self._read(rest, rows, length, beginning), shared + length + self._layout.config.reserved

    def _read(self, prompts: Sequence[Sequence[int]], rows: int, length: int, beginning: Any = None) -> Any:
        self.tokens += sum(map(len, prompts))
        arrays = self._layout.prompts(prompts, rows, length)
        placed = {name: place(x, batch_sharding(self._mesh)) for name, x in arrays.items()}
        return self._program(self._params, placed, beginning)

    def _shared(self, prompts: Sequence[Sequence[int]]) -> int:
        """Returns how many tokens are to be read once for all prompts: a bucket's length, so that nothing is padded."""
        if len(prompts) < 2 or not self._layout.reads_one_way:
            return 0
        as_tuples = [tuple(prompt) for prompt in prompts]
        first, last = min(as_tuples), max(as_tuples)  # what these two share, all in between share too
        most = min(map(len, prompts)) - 1  # something is left to read in each
        alike = next((at for at, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), most)
        shared, size = 0, _WORTH_SHARING
        while size <= min(alike, most):
            shared, size = size, bucket(size + 1)
        return shared

    def _beginning(self, tokens: tuple[int, ...]) -> Any:
        if tokens not in self._beginnings:
            rows = num_batch_shards(self._mesh)
            self._beginnings[tokens] = self._read([tokens] * rows, rows, len(tokens))
            if len(self._beginnings) > _KEPT:
                self._beginnings.popitem(last=False)
        self._beginnings.move_to_end(tokens)
        return self._beginnings[tokens]
