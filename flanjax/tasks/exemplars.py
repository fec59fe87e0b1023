"""Few-shot prompts: worked examples of the same task before the question, with boundaries that survive any tokenizer."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from flanjax.tasks.draws import Draws


class ExemplarFormat(NamedTuple):
    """The words that delimit an exemplar. They are words because some vocabularies (T5's) have no newline.

    >>> print(ExemplarFormat("Q:", "A:").join([("1 + 1", "2")], "2 + 2"))
    Q: 1 + 1
    A: 2
    <BLANKLINE>
    Q: 2 + 2
    A:
    """

    before_input: str
    before_target: str

    def join(self, exemplars: Sequence[tuple[str, str]], query: str) -> str:
        """Returns the exemplars in order, then the query, which is never cut."""
        blocks = [self.block(*e) for e in exemplars]
        return "\n\n".join([*blocks, f"{self.before_input} {query}\n{self.before_target}"])

    def block(self, read: str, write: str) -> str:
        return f"{self.before_input} {read}\n{self.before_target} {write}"


FORMATS = (
    ExemplarFormat("Input:", "Output:"),
    ExemplarFormat("Question:", "Answer:"),
    ExemplarFormat("Q:", "A:"),
    ExemplarFormat("Problem:", "Solution:"),
    ExemplarFormat("Task:", "Response:"),
)


def candidate_rows(draws: Draws, num_rows: int, query_row: int | None, wanted: int) -> Iterator[int]:
    """Yields distinct row numbers of the exemplar pool, at most twice as many as wanted, without the query's own row.

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
