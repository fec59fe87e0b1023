"""Questions and answers of passages: what the writer is asked, what is kept, and what is dropped for which reason.

Everything here is a pure function of the passages, the settings and the replies, in their order; see
flanjax/lab/writing/replies.py.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from flanjax.ask.settings import Settings
from flanjax.lab.documents.checks import UNANSWERABLE, checked_answer, question_problem
from flanjax.lab.documents.passages import Passage
from flanjax.lab.documents.recipe import Recipe
from flanjax.lab.writing.likeness import Pool
from flanjax.lab.writing.lists import numbered
from flanjax.lab.writing.replies import Replies
from flanjax.lab.writing.rows import Drop, Rows
from flanjax.lab.writing.wording import Blocks, blocks_of
from flanjax.pages.environment import asset

_AT_ONCE = 16  # passages
_ANSWER_TOKENS = 128
_PROBES: dict[str, dict[str, Any]] = {
    "questions": {"passage": "The sun is hot.", "number": 3},
    "answer": {"passage": "The sun is hot.", "question": "What is hot?", "unanswerable": UNANSWERABLE},
}


class Question(NamedTuple):
    """A question to a passage, and the number of the reply that it stood in."""

    passage: Passage
    text: str
    reply: int


def prompts_of(file: str | None) -> Blocks:
    """Returns block -> prompt. Raises ValueError if the file lacks one, or one does not show its values."""
    return blocks_of(file, asset("flanjax.lab.documents", "wording.j2"), _PROBES)


class Making:
    """Rows made so far.

    Attributes:
      rows: what was kept, each with its `split`, and what was dropped.
      passages: that were asked about.
    """

    def __init__(self, recipe: Recipe, words: Blocks, replies: Replies):
        self._recipe, self._words, self._replies = recipe, words, replies
        self._new = Settings(max_tokens=recipe.max_tokens, temperature=recipe.temperature, seed=recipe.seed)
        self._pools: dict[str, Pool] = {}
        self.rows, self.passages = Rows(), 0

    def run(self, passages: Sequence[Passage]) -> None:
        """Asks about all passages."""
        for start in range(0, len(passages), _AT_ONCE):
            some = passages[start : start + _AT_ONCE]
            self._answers(list(self._questions(some)))
            self.passages += len(some)
            self.rows.mark(self.passages)

    def _questions(self, passages: Sequence[Passage]) -> Iterator[Question]:
        prompts = [self._words["questions"](passage=one.text, number=self._recipe.questions) for one in passages]
        asked = self._replies.ask(["questions"] * len(prompts), prompts, self._new)
        for passage, (number, reply) in zip(passages, asked, strict=True):
            told: dict[str, Any] = {"stage": "questions", "reply": number, "passage": passage.id}
            if reply.problem:
                self.rows.drop(reply.text, Drop("no usable reply", reply.problem), **told)
                continue
            found = numbered(reply.text, 1, ended=reply.ended)
            for text, why in found.bad:
                self.rows.drop(text, why, **told)
            pool = self._pools.setdefault(passage.document, Pool())
            for n, text in enumerate(found.items):
                near = pool.nearest(text)
                problem = question_problem(text, passage.text)
                if n >= self._recipe.questions:
                    problem = Drop("more than were asked", f"item {n + 1} of {self._recipe.questions}")
                elif not problem and near and near.score > self._recipe.similarity:
                    problem = Drop("like another question", f"ROUGE-L {near.score:.2f} with {near.text}")
                if problem:
                    self.rows.drop(text, problem, **told)
                else:
                    pool.add(passage.id, text)
                    yield Question(passage, text, number)

    def _answers(self, questions: Sequence[Question]) -> None:
        prompts = [
            self._words["answer"](passage=one.passage.text, question=one.text, unanswerable=UNANSWERABLE) for one in questions
        ]
        settings = Settings(max_tokens=_ANSWER_TOKENS)
        asked = self._replies.ask(["answer"] * len(prompts), prompts, settings)
        for one, prompt, (number, reply) in zip(questions, prompts, asked, strict=True):
            answer = reply.text.strip()
            problem: Drop | None
            if reply.problem:
                problem, reason = Drop("no usable reply", reply.problem), ""
            elif not reply.ended:
                problem, reason = Drop("cut", "the reply reached its most tokens"), ""
            else:
                problem, reason = checked_answer(answer, one.text, one.passage.text, self._recipe.support)
            if problem:
                told: dict[str, Any] = {"stage": "answer", "reply": number, "passage": one.passage.id}
                self.rows.drop(one.text, problem, answer=answer, **told)
            else:
                self._keep(one, answer, number, prompt, reason)

    def _keep(self, one: Question, answer: str, number: int, prompt: str, reason: str) -> None:
        text = "" if self._recipe.closed else one.passage.text
        row: dict[str, Any] = {"instruction": one.text, "input": text, "output": answer}
        if self._recipe.form == "chat":
            asked = "\n\n".join(filter(None, (text, one.text)))
            row = {"messages": [{"role": "user", "content": asked}, {"role": "assistant", "content": answer}]}
        row |= {"id": f"made-{len(self.rows.kept) + 1}", "kind": one.passage.split, "parents": [one.passage.id]}
        self.rows.kept.append({**row, "replies": [one.reply, number], "reason": reason, "prompt": prompt})
