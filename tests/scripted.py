"""A model that answers by rule, with the methods of a loaded one: for tests of everything around a model."""

import time
from collections import deque

from flanjax.ask.prompts import Prompts
from flanjax.data.feature_config import FeatureConfig
from flanjax.data.layout import make_layout
from flanjax.data.tokenizer import ByteTokenizer
from flanjax.generate.request import Piece, Text
from flanjax.generate.sampler import Sampler

LONGEST = 400  # bytes of a prompt


def said(prompt):
    """The text after a prompt."""
    return f"<{prompt}> " + " ".join(f"{prompt[:12]}{n}" for n in range(4))


class ScriptedEngine:
    """Answers in small pieces, as many requests at a time as there are slots; a request's place says nothing of its speed.

    Args:
      pause: seconds that a round takes.
      rule: prompt -> text.
      piece: characters that a request gets in a round, at least.
    """

    def __init__(self, slots, stream, *, tokenizer, pause=0.0, rule=said, piece=5):
        self._slots, self._stream, self._tokenizer, self._piece = slots, stream, tokenizer, piece
        self._pause, self._rule = pause, rule
        self._waiting: deque = deque()
        self._at_work: list = []
        self.cancelled: list = []
        self.samplers: list = []  # of all requests
        self.rounds = 0

    def add(self, request):
        if not request.prompt:
            raise ValueError("the prompt is empty")
        if len(request.prompt) > LONGEST:
            raise ValueError(f"the prompt has {len(request.prompt)} tokens, more than the {LONGEST} that fit")
        if request.item in {r.item for r, *_ in [*self._waiting, *self._at_work]}:
            raise ValueError(f"two requests have the number {request.item}")
        self.samplers.append(request.sampler)
        for sample in range(request.samples):
            self._waiting.append((request, sample, *self._text(request, sample), [0]))

    def _text(self, request, sample):
        text, stop = self._rule(self._tokenizer.decode(request.prompt)), "eos"
        if isinstance(request.sampler, Sampler) and request.sampler.temperature > 0:
            text = f"{request.sampler.seed}/{sample}: {text}"
        found = min((at for s in request.stop if (at := text.find(s)) >= 0), default=-1)
        if found >= 0:
            text, stop = text[:found], "stop"
        whole = text.encode()
        if len(whole) > request.max_tokens:
            text, stop = whole[: request.max_tokens].decode(errors="ignore"), "length"
        return text, stop

    def cancel(self, item):
        self.cancelled.append(item)
        self._waiting = deque(w for w in self._waiting if w[0].item != item)
        self._at_work = [w for w in self._at_work if w[0].item != item]

    def advance(self):
        self.rounds += 1
        time.sleep(self._pause)
        while self._waiting and len(self._at_work) < self._slots:
            self._at_work.append(self._waiting.popleft())
        new: list[Piece | Text] = []
        left = []
        for work in self._at_work:
            request, sample, text, stop, at = work
            step = self._piece + (request.item * 7) % 11
            if self._stream and text[at[0] : at[0] + step]:
                new.append(Piece(request.item, sample, text[at[0] : at[0] + step]))
            at[0] += step
            if at[0] < len(text):
                left.append(work)
            else:
                ids, end = self._tokenizer.encode([text])[0], self._tokenizer.eos_id if stop == "eos" else None
                new.append(Text(request.item, sample, ids, text, stop, end))
        self._at_work = left
        return new

    @property
    def idle(self):
        return not self._waiting and not self._at_work


class ScriptedModel:
    """A model to be asked; its tokens are bytes."""

    def __init__(self, name="scripted", *, pause=0.0, rule=said, piece=5, layout="causal", step=3):
        self.name, self.step = name, step
        self.layout = make_layout(FeatureConfig(layout=layout, separator=""), ByteTokenizer())
        self.prompts = Prompts(self.layout, published=False)
        self.engines, self._how = [], {"pause": pause, "rule": rule, "piece": piece}

    def engine(self, *, slots, stream=False):
        made = ScriptedEngine(slots, stream, tokenizer=self.layout.tokenizer, **self._how)
        self.engines.append(made)
        return made

    def log_probs(self, rows, top):
        """Every token of row (inputs, targets) is as improbable as its id says; the most probable ones are the lowest ids."""
        return [([-float(i) / 8 for i in ids], [[(j, -j / 8) for j in range(top)] for _ in ids]) for _, ids in rows]
