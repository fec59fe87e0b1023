"""How texts are chosen: samplers as values."""

import dataclasses
from typing import Annotated, Any, Literal

from flanjax import fields
from flanjax.fields import Count, NonNegative, Positive, Range, Seed, Share, Whole

LONGEST_NGRAM = 8


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sampler:
    """Each next token is drawn from the model's distribution, as these settings change it, in this order.

    The noise of a draw depends on the seed, on the request's number, the sample's number and the token's position alone: a text
    is the same whatever is written beside it, and on whatever devices.

    Args:
      repetition_penalty: the logits of tokens that a text has already are divided by this where they are positive, multiplied
        where they are negative (Keskar et al. 2019, https://arxiv.org/abs/1909.05858). 1 leaves them. As in Hugging Face's
        `generate`, a decoder-only model's prompt counts as part of its text.
      no_repeat_ngram: no sequence of so many tokens comes twice in a text; 0 allows all.
      temperature: the logits are divided by this; 0 always takes the most likely token (greedy decoding).
      top_k: only the most likely tokens, so many of them; 0 is no limit. Tokens as likely as the last of them are in.
      top_p: only the most likely tokens, as many as together have this probability (Holtzman et al. 2020,
        https://arxiv.org/abs/1904.09751). 1 is no limit.
      min_p: only tokens at least this share as probable as the most likely one (https://arxiv.org/abs/2407.01082).
      seed: of the noise.
    """

    temperature: NonNegative = 0.0
    top_k: Whole = 0
    top_p: Share = 1.0
    min_p: Share = 0.0
    repetition_penalty: Positive = 1.0
    no_repeat_ngram: Annotated[int, Range(0, LONGEST_NGRAM)] = 0
    seed: Seed = 0

    def __post_init__(self) -> None:
        fields.check(self)
        fields.require(self.top_p > 0, self, "top_p", "a share over 0: nothing would be left to draw from")

    @property
    def draws(self) -> bool:
        """Whether anything is left to chance."""
        return self.temperature > 0

    @property
    def limits(self) -> bool:
        """Whether some tokens are not drawn from, however probable they are."""
        return self.draws and (self.top_k > 0 or self.top_p < 1 or self.min_p > 0)

    @property
    def looks_back(self) -> bool:
        """Whether what may come next depends on which tokens the text has."""
        return self.repetition_penalty != 1 or self.no_repeat_ngram > 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Beam:
    """Beam search: the most likely whole text of those that are still among the best at every step.

    A finished text's score is its log-likelihood divided by `length ** length_penalty`, or with penalty "t5x" by
    ((5 + length) / 6) ** length_penalty (Wu et al. 2016, https://arxiv.org/abs/1609.08144), the end token included.

    Args:
      beams: texts that are kept at every step.
      length_penalty: over 0 favours longer texts.
      penalty: how length enters the score: "hf" as in Hugging Face's `generate`, "t5x" as in T5X's `beam_search`.
      early_stopping: ends as soon as there are as many finished texts as beams, as Hugging Face's option of that name does;
        otherwise when no text in work can still become better than the worst of these by the score that it has now.
    """

    beams: Count = 4
    length_penalty: float = 1.0
    penalty: Literal["hf", "t5x"] = "hf"
    early_stopping: bool = False

    def __post_init__(self) -> None:
        fields.check(self)
        fields.require(self.beams > 1, self, "beams", "at least 2; one beam is Sampler()")

    def score(self, log_likelihood: Any, length: Any) -> Any:
        """Returns the scores of finished texts of `length` tokens: numbers or arrays."""
        if self.penalty == "t5x":
            return log_likelihood / ((5 + length) / 6) ** self.length_penalty
        return log_likelihood / length**self.length_penalty


HF_BEAM = Beam()
T5X_BEAM = Beam(length_penalty=0.6, penalty="t5x")
GREEDY = Sampler()
