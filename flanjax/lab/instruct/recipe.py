"""How tasks are made, as people state it."""

import dataclasses
from typing import Annotated, Literal, NamedTuple

from flanjax import fields
from flanjax.fields import Count, NonNegative, Range, Seed, Share

SELF_INSTRUCT, ALPACA = "self-instruct", "alpaca"
AT_ONCE = 8  # prompts for new tasks between two looks at the pool


class Drawing(NamedTuple):
    """How the text of new tasks is drawn."""

    max_tokens: int
    temperature: float
    top_p: float


# As https://github.com/yizhongw/self-instruct/blob/main/self_instruct/bootstrap_instructions.py (which also asks for a presence
# penalty of 2) and https://github.com/tatsu-lab/stanford_alpaca/blob/main/generate_instruction.py draw them.
SOURCES = {SELF_INSTRUCT: Drawing(1024, 0.7, 0.5), ALPACA: Drawing(3072, 1.0, 1.0)}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe:
    """How tasks are made.

    Args:
      recipe: Self-Instruct's three steps, or Alpaca's one.
      tasks: how many are wanted; a round of prompts that was begun is finished.
      prompts: for new tasks, at most, in rounds of 8: so a writer that writes none comes to an end.
      similarity: a task is dropped if its ROUGE-L with one of the pool is above this.
      max_words: of an output.
      max_tokens: of a reply; none: as the recipe's code, 1024 for self-instruct and 3072 for alpaca.
      temperature: of new tasks; none: as the recipe's code, 0.7 for self-instruct and 1 for alpaca. Labels and instances are
        greedy, as in Self-Instruct's.
      top_p: of new tasks; none: as the recipe's code, 0.5 for self-instruct and 1 for alpaca.
      seed: of every draw.
    """

    recipe: Literal["self-instruct", "alpaca"] = "self-instruct"
    tasks: Count = 100
    prompts: Count = 100
    similarity: Share = 0.7
    max_words: Count = 500
    max_tokens: Count | None = None
    temperature: NonNegative | None = None
    top_p: Annotated[float, Range(over=0, most=1)] | None = None
    seed: Seed = 0

    def __post_init__(self) -> None:
        fields.check(self)

    @property
    def drawing(self) -> Drawing:
        """What is given, and for the rest what the recipe's code has."""
        given = {name: value for name in Drawing._fields if (value := getattr(self, name)) is not None}
        return SOURCES[self.recipe]._replace(**given)
