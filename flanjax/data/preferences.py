"""Features of pairs: two answers to one prompt, the better one first, as consecutive segments of one row.

Each answer carries its log-likelihood under a reference model as a number. It is found by the pair's tokens, so that a number
can never stand at another text than the one it was computed for. A row gives the same pair in every epoch: its wording is drawn
once, and its numbers are computed once.
"""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import xxhash

from flanjax.data.features import Features, Skipped
from flanjax.data.layout import Layout, fits
from flanjax.data.packing import Encoded, Group
from flanjax.data.plan import Visits
from flanjax.data.prompts import Prompt, TooLong, build_prompts
from flanjax.data.queries import Query, broken_text, read_queries, render_query
from flanjax.sources import Rows
from flanjax.tasks.example import ANSWER, BadRow, Message, SkipRow
from flanjax.tasks.mixture import Entry

_NONE = "it has no rejected answer, and objective.name=dpo learns from pairs"
REFERENCE = "reference"  # the number of an answer: its log-likelihood under the reference model, in nats


class References(NamedTuple):
    """Log-likelihoods of answers under a reference model.

    Attributes:
      keys: uint64 [pairs], of pairs, in ascending order.
      log_likelihoods: float32 [pairs, 2], of the better and the other answer, in nats.
      file: where they are kept, for messages.
    """

    keys: np.ndarray
    log_likelihoods: np.ndarray
    file: str

    def of(self, key: int) -> np.ndarray | None:
        """Returns the two log-likelihoods of a pair; None if it is not known."""
        at = int(np.searchsorted(self.keys, np.uint64(key)))
        return self.log_likelihoods[at] if at < len(self.keys) and self.keys[at] == key else None


class Pair(NamedTuple):
    """The two answers to a row's prompt, as they are encoded without numbers.

    Attributes:
      refused: how many wordings were drawn before that do not apply.
    """

    chosen: Encoded
    rejected: Encoded
    cut_tokens: int = 0
    refused: int = 0

    @property
    def key(self) -> int:
        """A hash of all its tokens."""
        digest = xxhash.xxh3_64()
        for example in self[:2]:
            for ids in (example.inputs, example.targets, example.trained):
                data = b"" if ids is None else np.ascontiguousarray(ids).tobytes()
                digest.update(len(data).to_bytes(8, "little") + data)
        return digest.intdigest()

    def of_task(self, task: int) -> "Pair":
        return self._replace(chosen=self.chosen._replace(task=task), rejected=self.rejected._replace(task=task))

    def group(self, reference: Sequence[float] | np.ndarray) -> Group:
        """Returns the pair as it is packed, with the log-likelihoods of both answers."""
        return tuple(e._replace(numbers={REFERENCE: float(x)}) for e, x in zip(self[:2], reference, strict=True))


class Found(NamedTuple):
    """What a visit gives: a pair, or why there is none."""

    task: int
    row: int
    pair: Pair | BadRow | SkipRow


@dataclasses.dataclass(frozen=True)
class PairFeatures:
    """Makes the features of pairs (`flanjax.data.features.MakeFeatures`)."""

    references: References

    def __call__(self, entries: Sequence[Entry], rows: Sequence[Rows], visits: Visits, layout: Layout, seed: int) -> Features:
        groups: list[Group] = []
        skipped: list[Skipped] = []
        cut_tokens, cut_examples, refused = np.zeros((3, len(entries)), np.int64)
        for task, row, pair in read_pairs(entries, rows, visits, layout, seed):
            if not isinstance(pair, Pair):
                skipped.append(Skipped.because(task, row, pair))
                continue
            if (reference := self.references.of(pair.key)) is None:
                raise ValueError(
                    f"task {entries[task].task.name}, row {row}: its pair has no log-likelihoods in {self.references.file}, so "
                    "the row or its wording has changed since they were computed. Set it back, or remove the file to compute "
                    "them again"
                )
            groups.append(pair.group(reference.tolist()))
            cut_tokens[task] += pair.cut_tokens
            cut_examples[task] += pair.cut_tokens > 0
            refused[task] += pair.refused
        return Features(groups, skipped, cut_tokens, cut_examples, refused)


def read_pairs(entries: Sequence[Entry], rows: Sequence[Rows], visits: Visits, layout: Layout, seed: int) -> Iterator[Found]:
    """Yields what each visit gives, in their order; of which epoch a visit is makes no difference.

    Args:
      rows: of each entry's task.
    """
    found = list(read_queries(entries, rows, visits._replace(epoch=np.zeros_like(visits.epoch)), seed))
    asked = [v.found for v in found if isinstance(v.found, Query) and not _is_talk(v.found, layout)]
    made = iter(_prompted(asked, layout))
    for task, row, query in found:
        if not isinstance(query, Query):
            yield Found(task, row, query)
        elif _is_talk(query, layout):
            yield Found(task, row, _conversation(task, query, layout))
        else:
            pair = next(made)
            yield Found(task, row, pair.of_task(task) if isinstance(pair, Pair) else pair)


def _is_talk(query: Query, layout: Layout) -> bool:
    return layout.chat is not None and bool(query.example.messages)


def _prompted(queries: Sequence[Query], layout: Layout) -> Iterator[Pair | BadRow]:
    """Yields the pair of each query, of task 0. All are tokenised together."""
    prompts = build_prompts(queries, layout.tokenizer, layout.budget)
    others = [_rejected(query, prompt) for query, prompt in zip(queries, prompts, strict=True)]
    encoded = iter(layout.tokenizer.encode([text for text in others if isinstance(text, str)]))
    for query, prompt, other in zip(queries, prompts, others, strict=True):
        if isinstance(prompt, BadRow):
            yield prompt
            continue
        if isinstance(other, BadRow):
            yield other
            continue
        ids = next(encoded)
        most = layout.budget.targets or len(ids)
        if len(ids) > most and ANSWER not in query.task.long_fields:
            yield TooLong(f"{len(ids)} tokens of the rejected answer do not fit {most}")
            continue
        # A text that is cut has no end: it is not told that the model would stop there.
        rejected = ids[:most] if len(ids) > most else layout.targets(ids)
        chosen = prompt.target_ids if prompt.cut_target else layout.targets(prompt.target_ids)
        yield _pair(query, layout.inputs(prompt.ids), (chosen, rejected), prompt)


def _rejected(query: Query, prompt: Prompt | BadRow) -> str | BadRow:
    """Returns the text of the worse answer in the query's wording, or why there is none."""
    if isinstance(prompt, BadRow):
        return prompt
    if query.task.templates[query.wording.template].kind != "forward":
        return BadRow("its wording is inverted, so it asks for something else than the answer")
    if query.example.rejected is None:
        return BadRow(_NONE)
    if not query.example.rejected.strip():
        return ""  # a model may end at once
    twin = query.answered(query.example.rejected)
    rendered = render_query(twin) if isinstance(twin, Query) else twin
    return rendered if isinstance(rendered, BadRow) else rendered.target


def _pair(query: Query, inputs: Sequence[int], targets: tuple[Sequence[int], Sequence[int]], prompt: Prompt) -> Pair:
    style = query.wording.style._replace(few_shot=prompt.num_shots > 0)
    read = np.asarray(inputs, np.int32)
    sides = [Encoded(read, np.asarray(ids, np.int32), 1.0, 0, query.wording.template, style.id) for ids in targets]
    return Pair(sides[0], sides[1], prompt.cut_tokens, query.refused)


def _conversation(task: int, query: Query, layout: Layout) -> Pair | BadRow:
    """Returns the pair of a conversation's last answers, which alone count; it is not shortened."""
    assert layout.chat is not None
    *before, last = query.example.messages
    if query.example.rejected is None:
        return BadRow(_NONE)
    before = [message._replace(trained=False) for message in before]
    style = query.wording.style._replace(few_shot=False, options=False)
    sides: list[Encoded] = []
    for answer in (last.content, query.example.rejected):
        messages = [*before, Message(last.role, answer)]
        if broken := broken_text([message.content for message in messages]):
            return broken
        try:
            inputs, targets, trained = layout.chat.conversation(messages)
        except BadRow as error:
            return error
        sides.append(Encoded(inputs, targets, 1.0, task, query.wording.template, style.id, trained))
    if not fits(layout, sides):
        sizes = [side.num_tokens for side in sides]
        return TooLong(f"a pair of {sizes[0]} and {sizes[1]} tokens; rows have {[layout.limits(x) for x in layout.lengths]}")
    return Pair(sides[0], sides[1], 0, query.refused)
