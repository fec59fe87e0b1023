"""Whether a question and its answer belong to their passage: rules on words, which ask no model."""

import re
from typing import NamedTuple

from flanjax.lab.writing.likeness import rouge_l_precision, words_of
from flanjax.lab.writing.rows import Drop

UNANSWERABLE = "not in the passage"
LEAST_WORDS, MOST_WORDS = 3, 60  # of a question
COPY = 0.9  # of a question's words that the passage has in the same order
_POINTS_AT = re.compile(r"\b(the|this|that) (passage|text|document|excerpt|paragraph|author)\b", re.IGNORECASE)


class Checked(NamedTuple):
    """A verdict on an answer: why it is dropped, or why it is kept."""

    problem: Drop | None
    reason: str


def question_problem(question: str, passage: str) -> Drop | None:
    """Returns why a question is none; None if it is one."""
    words = words_of(question)
    if not LEAST_WORDS <= len(words) <= MOST_WORDS:
        return Drop("no question", f"{len(words)} words, expected {LEAST_WORDS} to {MOST_WORDS}")
    if found := _POINTS_AT.search(question):
        return Drop("points at the passage", found[0])
    if (share := rouge_l_precision(passage, question)) >= COPY:
        return Drop("copy of the passage", f"{share:.0%} of its words stand there in the same order")
    return None


def checked_answer(answer: str, question: str, passage: str, support: float) -> Checked:
    """Returns whether an answer is found in its passage: as it stands, or by its words that the question does not have."""
    words, said = words_of(answer), f" {' '.join(words_of(passage))} "
    if f" {' '.join(words)} ".find(f" {UNANSWERABLE} ") >= 0:
        return Checked(Drop("not answerable", answer[:80]), "")
    new = [word for word in dict.fromkeys(words) if word not in set(words_of(question))]
    if not new:
        return Checked(Drop("answer says nothing new", "all its words are the question's" if words else "it has no words"), "")
    if f" {' '.join(words)} " in said:
        return Checked(None, "the passage says it in these words")
    there = set(words_of(passage))
    share = sum(word in there for word in new) / len(new)
    if share < support:
        missing = ", ".join([word for word in new if word not in there][:8])
        return Checked(Drop("not in the passage", f"{share:.0%} of its words are, not: {missing}"), "")
    return Checked(None, f"the passage has {share:.0%} of its words")
