"""The settings of an evaluation: what is evaluated, and by which scoring convention."""

import dataclasses
from typing import Annotated, Literal, NamedTuple

from flanjax import fields
from flanjax.fields import Count, OneOf, Range, Seed, Whole
from flanjax.tasks.styles import MAX_SHOTS


class Preset(NamedTuple):
    """A published convention for scoring options. Log-likelihoods of different presets are not comparable.

    Attributes:
      input_eos, target_eos: whether the input and each option end with the end of sequence.
      normalization: what the summed log-likelihood of an option is divided by.
    """

    input_eos: bool
    target_eos: bool
    normalization: Literal["sum", "tokens", "characters"]


# FLAN flan/tasks.py:44-49; T0 t0/seqio_tasks/tasks.py:113-114; lm-evaluation-harness lm_eval/api/model.py (_encode_pair).
PRESETS = {
    "flan": Preset(True, True, "sum"),
    "t0": Preset(False, True, "sum"),
    "lm_eval": Preset(True, False, "sum"),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class EvaluationConfig:
    """How tasks are evaluated: every task x template x number of shots.

    Args:
      preset: the scoring convention.
      normalization: what the log-likelihood of an option is divided by; '' keeps the preset's.
      items: rows of each task, evenly spaced over its evaluation split; 0 for all.
      templates: the largest number of forward templates of each task; 0 for all.
      shots: the numbers of exemplars, each evaluated separately.
      options: whether the options are shown in the prompt.
      chain_of_thought: also evaluate tasks that have rationales with reasoning before the answer.
      batch_size: prompts at a time.
      max_target_tokens: the length of the longest generated text, in tokens.
      untuned: also evaluate the weights that training started from.
      seed: seed of the choice of exemplars.
    """

    preset: Annotated[str, OneOf(tuple(PRESETS))] = "flan"
    normalization: Literal["", "sum", "tokens", "characters"] = ""
    items: Whole = 200
    templates: Whole = 0
    shots: tuple[Annotated[int, Range(0, MAX_SHOTS)], ...] = (0,)
    options: bool = True
    chain_of_thought: bool = False
    batch_size: Count = 32
    max_target_tokens: Count = 64
    untuned: bool = True
    seed: Seed = 0

    def __post_init__(self) -> None:
        fields.check(self)
        fields.require(bool(self.shots), self, "shots", "numbers of exemplars such as (0, 2)")

    @property
    def scoring(self) -> Preset:
        preset = PRESETS[self.preset]
        return preset._replace(normalization=self.normalization) if self.normalization else preset
