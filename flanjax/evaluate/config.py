"""The settings of an evaluation: what is evaluated, and by which scoring convention."""

import dataclasses
from typing import Annotated, NamedTuple

from flanjax import fields
from flanjax.evaluate.normalizations import NORMALIZATIONS, PMI
from flanjax.fields import Count, NonNegative, OneOf, Range, Seed, Whole
from flanjax.tasks.answers import AUTO, EXTRACTORS
from flanjax.tasks.demonstrations import DEMONSTRATIONS, GOLD
from flanjax.tasks.styles import MAX_SHOTS


class Preset(NamedTuple):
    """A published convention for scoring options. Log-likelihoods of different presets are not comparable.

    Attributes:
      input_eos, target_eos: whether the input and each option end with the end of sequence.
      normalization: what options are compared by: a name in flanjax.evaluate.normalizations.NORMALIZATIONS.
    """

    input_eos: bool
    target_eos: bool
    normalization: str


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
      normalization: what options are compared by: their log-likelihood (sum), that divided by their tokens, characters or
        bytes, minus their log-likelihood after the premise alone (pmi), or their probability divided by the one under the same
        prompt without content (calibrated); '' keeps the preset's.
      premise: the prompt whose options' log-likelihoods pmi subtracts; '' is an empty one. A general one, such as 'Answer:',
        says what kind of text follows, but nothing of the item.
      items: rows of each task, evenly spaced over its evaluation split; 0 for all.
      templates: the largest number of forward templates of each task; 0 for all.
      shots: the numbers of exemplars, each evaluated separately.
      demonstrations: how exemplars are shown: right ones (gold), and beside them, for an ablation, with labels drawn at random
        (random_labels), only their labels or inputs (labels_only, inputs_only), or label first and without the words that part
        both (wrong_format).
      perplexity: also score each prompt itself, so that templates can be chosen by their perplexity; a decoder's prompts.
      options: whether the options are shown in the prompt.
      chain_of_thought: also evaluate tasks that have rationales with reasoning before the answer.
      extractor: how the answer is found in a text: a name in flanjax.tasks.answers.EXTRACTORS. 'auto' leaves it to the task.
      samples: chains of thought that are written for each item; the answer that most of them give is the prediction.
      temperature: of the chains of thought; 0 is greedy. Several samples need one over 0, such as 0.7.
      batch_size: prompts at a time.
      max_target_tokens: the length of the longest generated text, in tokens.
      untuned: also evaluate the weights that training started from.
      seed: seed of the choice of exemplars, and of sampled chains of thought.
    """

    preset: Annotated[str, OneOf(tuple(PRESETS))] = "flan"
    normalization: Annotated[str, OneOf(("", *NORMALIZATIONS))] = ""
    premise: str = ""
    items: Whole = 200
    templates: Whole = 0
    shots: tuple[Annotated[int, Range(0, MAX_SHOTS)], ...] = (0,)
    demonstrations: tuple[Annotated[str, OneOf(DEMONSTRATIONS)], ...] = (GOLD,)
    perplexity: bool = False
    options: bool = True
    chain_of_thought: bool = False
    extractor: Annotated[str, OneOf(tuple(EXTRACTORS))] = AUTO
    samples: Count = 1
    temperature: NonNegative = 0.0
    batch_size: Count = 32
    max_target_tokens: Count = 64
    untuned: bool = True
    seed: Seed = 0

    def __post_init__(self) -> None:
        fields.check(self)
        distinct = bool(self.shots) and len(set(self.shots)) == len(self.shots)
        fields.require(distinct, self, "shots", "numbers of exemplars such as (0, 2), each of them once")
        varied = self.samples == 1 or self.temperature > 0
        fields.require(
            varied, self, "temperature", f"one over 0, such as 0.7: all {self.samples} samples would be the same text"
        )
        subtracted = not self.premise or self.scoring.normalization == PMI
        fields.require(subtracted, self, "premise", "none, since only normalization='pmi' has a premise")

        has_gold = GOLD in self.demonstrations and len(set(self.demonstrations)) == len(self.demonstrations)
        fields.require(has_gold, self, "demonstrations", "'gold', which the others are held beside, and each of them once")
        is_shown = self.demonstrations == (GOLD,) or max(self.shots) > 0
        fields.require(is_shown, self, "demonstrations", "('gold',) without exemplars; set shots to numbers such as (4,)")

    @property
    def scoring(self) -> Preset:
        preset = PRESETS[self.preset]
        return preset._replace(normalization=self.normalization) if self.normalization else preset
