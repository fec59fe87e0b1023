"""How tasks are made, as people state it."""

import dataclasses
from typing import Annotated, Literal

from flanjax import fields
from flanjax.fields import Count, NonNegative, Range, Seed, Share

ALPACA = "alpaca"
AT_ONCE = 8  # prompts for new tasks between two looks at the pool


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe:
    """How tasks are made.

    Args:
      recipe: Self-Instruct's three steps, or Alpaca's one.
      tasks: how many are wanted; a round of prompts that was begun is finished.
      prompts: for new tasks, at most, in rounds of 8: so a writer that writes none comes to an end.
      similarity: a task is dropped if its ROUGE-L with one of the pool is above this.
      max_words: of an output.
      max_tokens: of a reply.
      temperature: of new tasks; labels and instances are greedy, as in the paper.
      top_p: of new tasks.
      seed: of every draw.
    """

    recipe: Literal["self-instruct", "alpaca"] = "self-instruct"
    tasks: Count = 100
    prompts: Count = 100
    similarity: Share = 0.7
    max_words: Count = 500
    max_tokens: Count = 1024
    temperature: NonNegative = 0.7
    top_p: Annotated[float, Range(over=0, most=1)] = 1.0
    seed: Seed = 0

    def __post_init__(self) -> None:
        fields.check(self)
