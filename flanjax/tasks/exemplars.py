"""Few-shot prompts: worked examples of the same task before the question, in the words of an exemplar format."""

import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from flanjax.tasks.draws import Draws

_NUMBER = "{n}"


class Shot(NamedTuple):
    """A worked example as text, or the question itself, whose target is empty.

    Attributes:
      has_cue: whether the input ends in words that call for the answer ("Answer:"), so that a format adds none.
    """

    input: str
    target: str = ""
    explanation: str = ""
    is_negative: bool = False
    has_cue: bool = False


@dataclasses.dataclass(frozen=True)
class ExemplarFormat:
    """The texts around exemplars, white space included. "{n}" in them is the exemplar's number, from 1.

    Some vocabularies (T5's) have no line break, so the boundaries should be words.

    Args:
      before_input, before_target: before an input and before its target.
      between: between an input and what stands before its target.
      separator: between two exemplars, and before the question.
      preamble: before the first exemplar; only shown if there is one.
      before_query: before the question's input, if it is not `before_input`.
      before_answer: before the question's answer, if it is not `before_target`.
      before_explanation: before the explanation of an exemplar that has one; empty if explanations are not shown.
      negatives: how many wrong examples of the task are shown, after the others, if the task has any.
      before_negative: before the input of a wrong example.

    >>> print(ExemplarFormat("Q: ", "A: ").join([Shot("1 + 1", "2")], Shot("2 + 2")))
    Q: 1 + 1
    A: 2
    <BLANKLINE>
    Q: 2 + 2
    A:
    """

    before_input: str
    before_target: str
    between: str = "\n"
    separator: str = "\n\n"
    preamble: str = ""
    before_query: str | None = None
    before_answer: str | None = None
    before_explanation: str = ""
    negatives: int = 0
    before_negative: str = ""

    def __post_init__(self) -> None:
        if self.negatives and not self.before_negative:
            raise ValueError("ExemplarFormat.before_negative is empty, so wrong examples would pass for right ones")

    def join(self, exemplars: Sequence[Shot], query: Shot, preamble: str = "") -> str:
        """Returns the exemplars in order, then the question, which is never cut.

        Args:
          preamble: of the template; stands above everything.
        """
        above = "\n\n".join(text for text in (preamble, self.preamble if exemplars else "") if text)
        counts = [0, 0]
        blocks = []
        for shot in exemplars:
            counts[shot.is_negative] += 1
            blocks.append(self.block(shot, counts[shot.is_negative]))
        before = self.before_input if self.before_query is None else self.before_query
        after = self.before_target if self.before_answer is None else self.before_answer
        opened = self._opened(before, query, after, counts[0] + 1).rstrip()
        body = self.separator.join([*blocks, opened])
        return (f"{above}\n\n{body}" if above else body).strip()

    def block(self, shot: Shot, number: int = 1) -> str:
        before = self.before_negative if shot.is_negative else self.before_input
        text = f"{self._opened(before, shot, self.before_target, number)}{shot.target}"
        if self.before_explanation and shot.explanation:
            text = f"{text}{self.before_explanation}{shot.explanation}"
        return text

    def _opened(self, before: str, shot: Shot, after: str, number: int) -> str:
        """Returns everything up to the target: what stands before the input, the input, and what stands before the target.

        A label that both the format and the input have, such as "Question:", stands once.
        """
        before, after = (text.replace(_NUMBER, str(number)) for text in (before, after))
        label = before.rstrip().rpartition(" ")[2].rpartition("\n")[2]
        doubled = label.endswith(":") and shot.input.lower().startswith(label.lower())
        text = shot.input[len(label) :].lstrip() if doubled else shot.input
        return f"{before}{text} " if shot.has_cue else f"{before}{text}{self.between}{after}"


def candidate_rows(draws: Draws, num_rows: int, query_row: int | None, wanted: int) -> Iterator[int]:
    """Yields distinct row numbers of the exemplar pool, at most twice as many as wanted, without the query's own row.

    Of a small pool, such as one of just as many rows as are wanted, all rows are among them.

    Args:
      query_row: the number of the query's row if it is in the pool, else None.
    """
    seen = {query_row}
    for i in range(4 * wanted):
        row = draws.integer("exemplar", num_rows, i)
        if row not in seen:
            seen.add(row)
            yield row
            if len(seen) > 2 * wanted:
                return
    missed = (row for row in range(num_rows) if row not in seen)
    yield from itertools.islice(missed, 2 * wanted + 1 - len(seen))
