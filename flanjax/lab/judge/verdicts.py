"""The verdicts on pairs: each pair is asked in both orders, and every reply is on disk before the next one is waited for.

verdicts.jsonl has a line for each reply in the order in which they came; the same command asks for those alone that have none.
verdicts.parquet is the same as a table, with the prompts.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jinja2
import pyarrow as pa

from flanjax import storage
from flanjax.ask.output import Output
from flanjax.lab.judge.answers import Pair
from flanjax.lab.judge.judges import FIRST, TIE, Judge, verdict_of
from flanjax.lab.writing.ask import Reply
from flanjax.lab.writing.replies import MOST_FAILURES, read_log
from flanjax.lab.writing.rows import encodable

LINES, TABLE = "verdicts.jsonl", "verdicts.parquet"
A_FIRST, B_FIRST = "AB", "BA"
Where = tuple[int, str]  # pair and order


class Question(NamedTuple):
    """A pair in one order, as the judge is asked."""

    pair: Pair
    order: str
    prompt: str

    @property
    def where(self) -> Where:
        return self.pair.number, self.order


class Verdict(NamedTuple):
    """A reply to a question.

    Attributes:
      winner: A, B or tie, whatever the order; None if the reply has no verdict.
    """

    reply: Reply
    winner: str | None


def questions_of(pairs: Sequence[Pair], wording: jinja2.Template, how: str, *, with_reference: bool) -> list[Question]:
    """Returns every pair in both orders."""
    found = []
    for pair in pairs:
        reference = pair.a.references[0] if with_reference else ""
        for order, first, second in ((A_FIRST, pair.a.text, pair.b.text), (B_FIRST, pair.b.text, pair.a.text)):
            shown = {"prompt": pair.a.prompt, "first": first, "second": second, "reference": reference, "how": how}
            found.append(Question(pair, order, wording.render(shown)))
    return found


def winner_of(order: str, text: str) -> str | None:
    """Returns who won, A or B, from a verdict that names the first answer shown A.

    >>> winner_of("AB", "Verdict: A"), winner_of("BA", "Verdict: A"), winner_of("BA", "tie")
    ('A', 'B', 'tie')
    """
    said = verdict_of(text)
    if said is None or said == TIE:
        return said
    return "A" if (said == FIRST) == (order == A_FIRST) else "B"


def ask(
    questions: Sequence[Question], judge: Judge, out: Path, made: Mapping[str, Any], progress: Callable[[int], None]
) -> dict[Where, Verdict]:
    """Returns the verdicts on all questions, earlier ones included; verdicts.parquet has them, whatever ends the asking.

    Args:
      made: what verdicts depend on; those of anything else are refused.
      progress: called with the number of replies since its last call.

    Raises:
      ValueError: the folder has the verdicts of something else, or a line of them is damaged.
      RuntimeError: the judge failed on MOST_FAILURES questions in a row; what it said until then is kept.
    """
    with Output(out / LINES, made) as output:
        found = read_verdicts(out / LINES)
        left = [q for q in questions if q.where not in found or found[q.where].winner is None]
        progress(len(questions) - len(left))
        failed = 0
        try:
            for question, reply in zip(left, judge([q.prompt for q in left]), strict=True):
                line = {"line": question.pair.number, "order": question.order, **reply._asdict()}
                output.write([line])
                found[question.where] = Verdict(reply, winner_of(question.order, reply.text))
                progress(1)
                failed = failed + 1 if reply.error else 0
                if failed == MOST_FAILURES:
                    raise RuntimeError(
                        f"the judge failed on {failed} questions in a row: {reply.error}; the same command goes on"
                    )
        finally:
            write_table(questions, found, judge.name, out / TABLE)
    return found


def read_verdicts(file: Path) -> dict[Where, Verdict]:
    """Returns the last verdict on each question in verdicts.jsonl."""
    found: dict[Where, Verdict] = {}
    for number, order, reply in read_log(file, "order"):
        found[number, order] = Verdict(reply, None if reply.error else winner_of(order, reply.text))
    return found


def write_table(questions: Sequence[Question], found: Mapping[Where, Verdict], judge: str, file: Path) -> None:
    """Writes verdicts.parquet: a row for each question that was asked."""
    rows = []
    for question in questions:
        if (verdict := found.get(question.where)) is None:
            continue
        cluster, task, shots, chain_of_thought, item, template = question.pair.setting
        place = {"cluster": cluster, "task": task, "shots": shots, "chain_of_thought": chain_of_thought}
        place |= {"item": item, "template": template, "group": question.pair.a.group, "pair": question.pair.number}
        answers = {"answer_a": question.pair.a.text, "answer_b": question.pair.b.text}
        said = {"reply": verdict.reply.text, "error": verdict.reply.error, "tries": verdict.reply.tries}
        row = {**place, "order": question.order, "judge": judge, "prompt": question.prompt, **answers, **said}
        row |= {"winner": verdict.winner}
        rows.append({name: encodable(value) if isinstance(value, str) else value for name, value in row.items()})
    storage.replace_table(storage.place(file), pa.Table.from_pylist(rows))
