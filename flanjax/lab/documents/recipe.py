"""How questions and answers are made of documents, as people state it."""

import dataclasses
from typing import Literal

from flanjax import fields
from flanjax.fields import Count, NonNegative, Seed, Share, Whole


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe:
    """How rows are made.

    Args:
      heldout: share of documents that no training row is made of, chosen by a hash of their names.
      words: of a passage, at most.
      passages: of a document, at most, evenly from its beginning to its end; 0: all.
      megabytes: of a file that rows are made of.
      questions: to a passage.
      support: share of an answer's words beyond the question's that its passage must have.
      similarity: a question is dropped if its ROUGE-L with one of the same document is above this.
      form: of the rows: alpaca has instruction, input and output, chat has messages.
      closed: leave the passage out of the rows, so that the answer must be known.
      max_tokens: of a reply.
      temperature: of questions; answers are greedy.
      seed: of every draw.
    """

    heldout: Share = 0.1
    words: Count = 200
    passages: Whole = 0
    megabytes: Count = 8
    questions: Count = 3
    support: Share = 0.7
    similarity: Share = 0.7
    form: Literal["alpaca", "chat"] = "alpaca"
    closed: bool = False
    max_tokens: Count = 512
    temperature: NonNegative = 0.7
    seed: Seed = 0

    def __post_init__(self) -> None:
        fields.check(self)
