"""Features: turns visits of the plan into token ids, as a pure function of (entries, visits, seed), independent of batches."""

from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol

import numpy as np

from flanjax.data.layout import Layout, fits
from flanjax.data.packing import Encoded, Group
from flanjax.data.plan import Visits
from flanjax.data.prompts import Prompt, TooLong, build_prompts
from flanjax.data.queries import Query, broken_text, read_queries
from flanjax.sources import Rows
from flanjax.tasks.filters import FilteredOut
from flanjax.tasks.mixture import Entry
from flanjax.tasks.styles import Style
from flanjax.tasks.task import BadRow, Message, SkipRow


class Skipped(NamedTuple):
    """A row that gave no example: its data is bad, its task or a filter leaves it out, or it is too long for the budget."""

    task: int
    row: int
    reason: str
    kind: Literal["bad", "left_out", "too_long"]
    filter: str = ""  # the name of the filter that leaves it out

    @classmethod
    def because(cls, task: int, row: int, why: BadRow | SkipRow) -> "Skipped":
        if isinstance(why, SkipRow):
            named = why.filter_name if isinstance(why, FilteredOut) else ""
            return cls(task, row, str(why) or "left out by the task", "left_out", named)
        return cls(task, row, str(why), "too_long" if isinstance(why, TooLong) else "bad")


class Features(NamedTuple):
    """The examples and skipped rows of some visits, in their order."""

    groups: list[Group]
    skipped: list[Skipped]
    cut_tokens: np.ndarray  # int64 [tasks]: tokens lost to shortening
    cut_examples: np.ndarray  # int64 [tasks]: examples that lost tokens
    refused: np.ndarray | None = None  # int64 [tasks]: wordings that were drawn and do not apply to their row

    @property
    def examples(self) -> list[Encoded]:
        """Returns the examples of all groups, in their order."""
        return [example for group in self.groups for example in group]


class MakeFeatures(Protocol):
    """A function that makes the features of a corpus. It must be pure; the default is `make_features`."""

    def __call__(
        self, entries: Sequence[Entry], rows: Sequence[Rows], visits: Visits, layout: Layout, seed: int
    ) -> Features: ...


def make_features(entries: Sequence[Entry], rows: Sequence[Rows], visits: Visits, layout: Layout, seed: int) -> Features:
    """Returns the features of the visited rows, rendered and tokenised.

    Args:
      rows: the training rows of each entry's task.
    """
    made = _Made(layout, len(entries))
    queries: list[tuple[int, Query]] = []
    for task, row, found in read_queries(entries, rows, visits, seed):
        if isinstance(found, Query):
            queries.append((task, found))
            made.refused[task] += found.refused
        else:
            made.skip(task, row, found)
    talks = [layout.chat is not None and bool(query.example.messages) for _, query in queries]
    asked = [query for (_, query), talk in zip(queries, talks, strict=True) if not talk]
    prompts = iter(build_prompts(asked, layout.tokenizer, layout.budget))
    for (task, query), talk in zip(queries, talks, strict=True):
        if talk:
            made.add_conversation(task, query)
        else:
            made.add_prompt(task, query, next(prompts))
    return Features(made.groups, made.skipped, made.cut_tokens, made.cut_examples, made.refused)


class _Made:
    """The features that `make_features` collects."""

    def __init__(self, layout: Layout, num_tasks: int):
        self._layout = layout
        self.groups: list[Group] = []
        self.skipped: list[Skipped] = []
        self.cut_tokens, self.cut_examples, self.refused = np.zeros((3, num_tasks), np.int64)

    def skip(self, task: int, row: int, why: BadRow | SkipRow) -> None:
        self.skipped.append(Skipped.because(task, row, why))

    def add_prompt(self, task: int, query: Query, prompt: Prompt | BadRow) -> None:
        if isinstance(prompt, BadRow):
            self.skip(task, query.pool_row or 0, prompt)
            return
        # A shortened target has no end of sequence: the model must not learn to stop there.
        targets = prompt.target_ids if prompt.cut_target else self._layout.targets(prompt.target_ids)
        style = query.wording.style
        if style.few_shot and not prompt.num_shots:
            style = style._replace(few_shot=False)
        self._add(self._encoded(task, query, style, self._layout.inputs(prompt.ids), targets, None), prompt.cut_tokens)

    def add_conversation(self, task: int, query: Query) -> None:
        """Adds the conversation; if it is too long, without its last turns."""
        assert self._layout.chat is not None
        style = query.wording.style._replace(few_shot=False, options=False)
        messages, longest, shortest = list(query.example.messages), 0, 0
        if broken := broken_text([m.content for m in messages]):
            self.skip(task, query.pool_row or 0, broken)
            return
        while True:
            try:
                inputs, targets, trained = self._layout.chat.conversation(messages)
            except BadRow as error:
                limits = [self._layout.limits(lengths) for lengths in self._layout.lengths]
                too_long = TooLong(f"{shortest} tokens in its shortest part; rows have {limits}")
                self.skip(task, query.pool_row or 0, too_long if longest else error)
                return
            example = self._encoded(task, query, style, inputs, targets, trained)
            longest, shortest = max(longest, example.num_tokens), example.num_tokens
            if fits(self._layout, [example]):
                self._add(example, longest - shortest)
                return
            messages = _without_last_answer(messages)

    def _encoded(self, task: int, query: Query, style: Style, inputs, targets, trained: np.ndarray | None) -> Encoded:
        count = len(targets) if trained is None else trained.sum()
        weight = 1.0 if self._layout.config.weighting == "tokens" else 1.0 / count
        inputs, targets = np.asarray(inputs, np.int32), np.asarray(targets, np.int32)
        return Encoded(inputs, targets, weight, task, query.wording.template, style.id, trained)

    def _add(self, example: Encoded, cut_tokens: int) -> None:
        self.groups.append((example,))
        self.cut_tokens[example.task] += cut_tokens
        self.cut_examples[example.task] += cut_tokens > 0


def _without_last_answer(messages: list[Message]) -> list[Message]:
    """Returns the conversation up to the last answer but one that is trained on; empty if there is none."""
    answers = [i for i, message in enumerate(messages) if message.is_answer]
    return messages[: answers[-2] + 1] if len(answers) > 1 else []
