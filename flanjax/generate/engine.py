"""Writes texts: slots that are refilled as texts end, so that no text waits for a longer one.

Prompts are read some at a time, sorted by length, and wait with what was read of them until a slot is free. The texts in all
slots then grow by some tokens in one call of the device. While it computes, the host looks at the tokens of the call before:
which texts have ended, and who comes next. Everything that the host decides follows from the requests and the tokens, so that
several processes decide alike. A text depends on nothing but its request: not on its neighbours, nor on the number of slots.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from flanjax.data.layout import Layout
from flanjax.generate.beam import search_program
from flanjax.generate.choose import NOTHING, row_key
from flanjax.generate.reading import Reader, bucket, order
from flanjax.generate.request import Piece, Request, Text
from flanjax.generate.sampler import Beam
from flanjax.generate.slots import BLOCK, Arrivals, Begun, Slots, programs, settings_of
from flanjax.generate.writing import Writing
from flanjax.models import functional
from flanjax.parallel.sharding import Mesh, num_batch_shards, place, platform, replicated

_SMALLEST_ROOM = 16
_WINDOW = 8  # `generate` knows so many times the slots of requests ahead, and reads the longest prompts first
_MOST_HISTORY = 1 << 16  # tokens of a prompt and its text, for a sampler that looks back at them
_FIRST_GUESS = 32  # tokens of a text, before any has ended


class _Ready(NamedTuple):
    """A text whose prompt was read: a row of what was begun.

    Attributes:
      inputs: length of the prompts that were read together, padding included.
    """

    begun: Begun
    inputs: int
    row: int
    writing: Writing


class _Slot:
    """A slot that is in use, as the host knows it.

    Attributes:
      inputs: length of its prompt, padding included.
      sent: how many tokens it will have when the device has done all that it was sent.
    """

    def __init__(self, writing: Writing, inputs: int):
        self.writing, self.inputs, self.sent = writing, inputs, 0


class Engine:
    """A model that writes, on a mesh.

    Args:
      layout: how texts begin and end.
      slots: texts in work at a time; rounded up to a number that the mesh divides.
      stream: whether `advance` tells of every text's growth; prompts are then read in the order in which they were added.
      stop_ids: ids that end a text; the layout's when None.
      end_repetition: whether a text that only repeats itself ends early.
      longest: the largest number of a prompt's tokens.
      ahead: how many blocks of steps the device is sent before the host looks at the first; when None, 1, and 0 on a CPU, where
        nothing is gained by computing beside the host.
    """

    def __init__(
        self,
        config: functional.Config,
        params: Any,
        mesh: Mesh,
        layout: Layout,
        *,
        slots: int = 32,
        stream: bool = False,
        stop_ids: Sequence[int] | None = None,
        end_repetition: bool = True,
        longest: int | None = None,
        ahead: int | None = None,
    ):
        self._config, self._params, self._mesh, self._layout = config, params, mesh, layout
        self._shards = num_batch_shards(mesh)
        self._most = self._rounded(slots)
        self._stream, self._end_repetition = stream, end_repetition
        self._stop_ids = tuple(layout.stop_ids if stop_ids is None else stop_ids)
        self._longest = max(2048, layout.config.inputs_length) if longest is None else longest
        self._reader = Reader(config, params, mesh, layout)
        self._programs = programs(config, mesh, self._stop_ids)
        self._architecture = functional.module(config)
        self._ahead = int(platform(mesh) != "cpu") if ahead is None else ahead

        self._waiting: list[Request] = []
        self._searches: list[Request] = []
        self._ready: deque[_Ready] = deque()
        self._open: dict[int, int] = {}
        self._slots: Slots | None = None
        self._room: tuple[int, ...] = ()
        self._used: list[_Slot | None] = []
        self._sent: deque[tuple[jax.Array, list[_Slot | None]]] = deque()
        self._texts, self._tokens = 0, 0
        self.steps, self.slot_steps, self.useful_steps = 0, 0, 0

    def add(self, request: Request) -> None:
        """Adds a request.

        Raises:
          ValueError: its prompt is empty or too long, a limit is below 1 or needs too much memory, or another request in work
            has its number.
        """
        size, name = len(request.prompt), f"request {request.item}"
        if not size:
            raise ValueError(f"{name}: the prompt is empty")
        if size > self._longest:
            raise ValueError(f"{name}: the prompt has {size:,} tokens, the longest that is read has {self._longest:,}")
        if request.max_tokens < 1 or request.samples < 1:
            raise ValueError(f"{name}: max_tokens and samples must be at least 1")
        if request.max_tokens > (most := self._most_tokens(request)):
            raise ValueError(f"{name}: max_tokens is {request.max_tokens:,}; with this sampler {most:,} is the most")
        if isinstance(request.sampler, Beam) and request.samples > 1:
            raise ValueError(
                f"{name}: beam search gives one text, not {request.samples}; Sampler(temperature=...) draws several"
            )
        if request.item in self._open:
            raise ValueError(f"{name}: another request in work has the same number")
        self._open[request.item] = request.samples
        (self._searches if isinstance(request.sampler, Beam) else self._waiting).append(request)

    def _most_tokens(self, request: Request) -> int:
        """Returns how long a text may be: beams get room for all of it at once, and so does what a sampler looks back at."""
        if isinstance(request.sampler, Beam):
            return self._longest
        return max(_MOST_HISTORY - len(request.prompt), 1) if request.sampler.looks_back else request.max_tokens

    def cancel(self, item: int) -> None:
        """Ends a request; its texts are not told of any more. A number that is not in work is ignored."""
        self._open.pop(item, None)
        self._waiting = [r for r in self._waiting if r.item != item]
        self._searches = [r for r in self._searches if r.item != item]
        self._ready = deque(r for r in self._ready if r.writing.request.item != item)
        self._used = [None if slot and slot.writing.request.item == item else slot for slot in self._used]

    @property
    def idle(self) -> bool:
        """Whether nothing waits and nothing is in work."""
        return not self._open

    def generate(self, requests: Iterable[Request]) -> Iterator[Text]:
        """Yields the texts in the order in which they end. Requests are taken as there is room for them."""
        source = iter(requests)
        exhausted = False
        while not (exhausted and self.idle):
            while not exhausted and len(self._waiting) + len(self._searches) < _WINDOW * self._most:
                request = next(source, None)
                if request is None:
                    exhausted = True
                else:
                    self.add(request)
            yield from (found for found in self.advance() if isinstance(found, Text))

    def advance(self) -> list[Piece | Text]:
        """Reads prompts, fills free slots and moves all texts on by some tokens. Returns what is new, in no certain order."""
        if self._ready or self._waiting or any(self._used):
            self._fit()
            self._admit()
            if any(self._used):
                self._decode()
        news: list[Piece | Text] = []
        ahead = self._ahead if any(self._used) and not self._searches else 0
        while len(self._sent) > ahead:
            news += self._look(*self._sent.popleft())
        if self._searches and not self._sent:
            news += self._search()
        return news

    def _search(self) -> list[Piece | Text]:
        """Returns the texts of some requests for beam search, which have the device to themselves."""
        beam: Any = self._searches[0].sampler
        rows = self._rounded(max(self._most // beam.beams, 1))
        self._searches.sort(key=lambda r: order(r.prompt))
        taken = [r for r in self._searches if r.sampler == beam][:rows]
        self._searches = [r for r in self._searches if r not in taken]
        limits = np.zeros(rows, np.int32)
        limits[: len(taken)] = [r.max_tokens for r in taken]
        memory, _ = self._reader.read([r.prompt for r in taken], rows)
        search = search_program(self._config, self._mesh, self._stop_ids, beam)
        found = search(self._params, memory, self._whole(limits), room=_power(int(limits.max())))
        news: list[Piece | Text] = []
        for request, tokens, length in zip(taken, np.asarray(found.tokens), np.asarray(found.lengths), strict=False):
            writing = self._writing(request, 0)
            writing.extend(tokens[:length].tolist())
            if self._stream and (piece := writing.piece()):
                news.append(piece)
            news.append(writing.text())
            self._end(request.item)
        return news

    def _look(self, block: jax.Array, slots: list[_Slot | None]) -> list[Piece | Text]:
        """Returns what is new in the tokens of a block, int32 [BLOCK, B], which these slots were sent."""
        news: list[Piece | Text] = []
        tokens, in_use = np.asarray(block), {id(slot) for slot in self._used}
        for column, slot in enumerate(slots):
            if slot is None or id(slot) not in in_use:  # it has ended, or was cancelled, since the block was sent
                continue
            writing, mine = slot.writing, tokens[:, column]
            found = mine[mine != NOTHING].tolist()
            self.useful_steps += len(found)
            writing.extend(found)
            if self._stream and (piece := writing.piece()):
                news.append(piece)
            if writing.ended:
                text = writing.text()
                news.append(text)
                self._texts, self._tokens = self._texts + 1, self._tokens + len(text.ids) + 1
                self._used = [None if other is slot else other for other in self._used]
                self._end(text.item)
        return news

    def _end(self, item: int) -> None:
        self._open[item] -= 1
        if not self._open[item]:
            del self._open[item]

    # Prompts

    def _read(self) -> None:
        """Reads the next prompts, all padded to the same length."""
        if not self._stream:
            self._waiting.sort(key=lambda r: order(r.prompt))
        rows = self._rows(len(self._waiting))
        length = bucket(len(self._waiting[0].prompt))
        taken = [r for r in self._waiting if len(r.prompt) <= length][:rows]
        chosen = {r.item for r in taken}
        self._waiting = [r for r in self._waiting if r.item not in chosen]
        memory, size = self._reader.read([r.prompt for r in taken], rows)
        begun = self._programs.begin(self._params, memory, room=tuple(map(_power, self._architecture.room(size, 1))))
        for row, request in enumerate(taken):
            self._ready.extend(_Ready(begun, size, row, self._writing(request, n)) for n in range(request.samples))

    def _writing(self, request: Request, sample: int) -> Writing:
        decode = self._layout.tokenizer.decode
        return Writing(request, sample, decode, self._stop_ids, end_repetition=self._end_repetition)

    def _admit(self) -> None:
        """Gives free slots to texts whose prompts were read."""
        free = [at for at, slot in enumerate(self._used) if slot is None]
        while free and self._ready:
            begun, group = self._ready[0].begun, list[_Ready]()
            most = min(len(free), self._rows(len(free)))
            while self._ready and self._ready[0].begun is begun and len(group) < most:
                group.append(self._ready.popleft())
            taken, free = free[: len(group)], free[len(group) :]
            for at, text in zip(taken, group, strict=True):
                self._used[at] = _Slot(text.writing, text.inputs)
            self._slots = self._programs.admit(self._slots, begun, self._arrivals(group, taken))

    def _arrivals(self, group: Sequence[_Ready], slots: Sequence[int]) -> Arrivals:
        assert self._slots is not None
        rows, length = self._rows(len(group)), self._slots.history.shape[1]
        sources, places, left = np.zeros(rows, np.int32), np.full(rows, len(self._used), np.int32), np.zeros(rows, np.int32)
        sources[: len(group)] = [text.row for text in group]
        places[: len(group)] = slots
        requests = [text.writing.request for text in group]
        left[: len(group)] = [request.max_tokens for request in requests]
        history = np.full((rows, length), NOTHING, np.int32)
        for row, request in zip(history, requests, strict=False):
            known = self._layout.before_text(request.prompt)[-length:] if length else []
            row[length - len(known) :] = known
        keys = [
            row_key(w.sampler.seed, w.request.item, w.sample) if w.sampler.draws else (0, 0)
            for w in (text.writing for text in group)
        ]
        settings = settings_of([text.writing.sampler for text in group], keys, rows)
        return jax.tree.map(self._whole, Arrivals(sources, places, left, history, settings))

    # Slots

    def _fit(self) -> None:
        """Reads prompts if slots will be free, and makes the slots as many and as large as is needed now."""
        active = sum(slot is not None for slot in self._used)
        while self._waiting and len(self._ready) + active < self._most:
            self._read()
        wanted = active + len(self._ready)
        width = self._width(wanted)
        arriving = list(self._ready)[: width - active]
        steps = self._steps()
        texts = [(slot.inputs, min(slot.writing.request.max_tokens, slot.sent + steps)) for slot in self._used if slot]
        texts += [(text.inputs, min(text.writing.request.max_tokens, steps)) for text in arriving]
        room = tuple(map(_power, map(max, zip(*(self._architecture.room(i, t) for i, t in texts), strict=True))))
        writings = [s.writing for s in self._used if s] + [text.writing for text in arriving]
        history = max((_power(self._history(w.request)) for w in writings if w.sampler.looks_back), default=0)
        if self._slots is None or not active:
            self._slots = self._programs.empty(self._ready[0].begun, num_slots=width, room=room, history=history)
            self._used, self._room = [None] * width, room
            return
        now = len(self._used)
        known = self._slots.history.shape[1]
        history = known if history <= known else history
        width = now if now // 4 < width < now else width
        if (width, room, history) == (now, self._room, known):
            return
        kept = [at for at, slot in enumerate(self._used) if slot is not None]
        sources = np.full(width, now, np.int32)
        sources[: len(kept)] = kept
        self._slots = self._programs.arrange(self._slots, self._whole(sources), room=room, history=history)
        self._used = [self._used[at] for at in kept] + [None] * (width - len(kept))
        self._room = room

    def _history(self, request: Request) -> int:
        return len(self._layout.before_text(request.prompt)) + request.max_tokens

    def _steps(self) -> int:
        """Returns the steps of a block: few if texts are short, so that a slot is not free for long."""
        expected = self._tokens / self._texts if self._texts else _FIRST_GUESS
        steps = 1
        while steps * 2 <= min(BLOCK, expected / 4):
            steps *= 2
        return min(steps, 4) if self._stream else steps

    def _decode(self) -> None:
        steps = self._steps()
        samplers = [slot.writing.sampler for slot in self._used if slot]
        keep = np.array([slot is not None for slot in self._used])
        self._slots, tokens = self._programs.decode(
            self._params,
            self._slots,
            self._whole(keep),
            self._whole(np.int32(steps)),
            draws=any(s.draws for s in samplers),
            limits=any(s.limits for s in samplers),
            looks_back=any(s.looks_back for s in samplers),
        )
        for slot in self._used:
            if slot:
                slot.sent = min(slot.sent + steps, slot.writing.request.max_tokens)
        self.steps, self.slot_steps = self.steps + steps, self.slot_steps + steps * len(self._used)
        self._sent.append((tokens, list(self._used)))

    def _whole(self, x: Any) -> jax.Array:
        return place(np.asarray(x), replicated(self._mesh))

    def _rounded(self, rows: int) -> int:
        return -(-rows // self._shards) * self._shards

    def _rows(self, count: int) -> int:
        """Returns how many rows hold up to so many prompts: as few as the mesh allows, or a quarter of the slots."""
        return self._shards if count <= self._shards else self._rounded(max(self._most // 4, 1))

    def _width(self, count: int) -> int:
        """Returns how many slots so many texts get: all of them, a quarter, a sixteenth, ..."""
        width = self._most
        while width // 4 >= max(count, 1) and width // 4 % self._shards == 0 and width >= 4:
            width //= 4
        return width


def _power(size: int) -> int:
    """Returns the smallest power of two that is not below a size, and at least _SMALLEST_ROOM."""
    return max(1 << (size - 1).bit_length(), _SMALLEST_ROOM)
