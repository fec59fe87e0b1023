"""Whether a text follows from its source: SummaC's zero-shot score, from the entailment probabilities of pairs of sentences.

Laban et al. 2022, "SummaC: Re-visiting NLI-based models for inconsistency detection in summarization", TACL 10
(https://arxiv.org/abs/2111.09525), section 3.2. Letters: M sentences of the source, N of the summary.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

# Premises and hypotheses -> the probability of entailment of each pair, float64.
Entails = Callable[[Sequence[tuple[str, str]]], np.ndarray]

_END = re.compile(r"""[.!?…]+["'”’)\]]*(?=\s+["'“‘(\[]*[^\sa-z])|[。！？]|\n+""")
_SHORT = re.compile(
    r"(?:^|[\s(\[\"'“‘])(?:[A-Z]|[A-Z](?:\.[A-Z])+|(?:Mr|Mrs|Ms|Dr|Prof|St|Sen|Rep|Gov|Gen|Col|Lt|Capt|Sgt|Jr|Sr|Inc|Ltd|Co|Corp|"
    r"No|vs|etc|e\.g|i\.e|cf|al|Fig|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec))\.$"
)


class Support(NamedTuple):
    """One sentence of a summary, and the sentence of the source that entails it most.

    Attributes:
      probability: of the entailment, 0..1; 0 where the source has no sentence.
    """

    sentence: str
    source: str
    probability: float


def sentences(text: str) -> list[str]:
    """Returns the sentences of a text, by a rule: they end at . ! ? or a line's end, but not behind an initial or a short form.

    >>> sentences("Dr. J. Smith left at 3.30 p.m. yesterday. 'Why?' He did not say.")
    ['Dr. J. Smith left at 3.30 p.m. yesterday.', "'Why?'", 'He did not say.']
    """
    return [sentence for sentence in _cut(text) if any(map(str.isalnum, sentence))]


def _cut(text: str) -> Iterator[str]:
    start = 0
    for end in _END.finditer(text):
        if not _SHORT.search(text[start : end.end()]):
            yield text[start : end.end()].strip()
            start = end.end()
    yield text[start:].strip()


def supports(sources: Sequence[str], summaries: Sequence[str], entails: Entails) -> list[list[Support]]:
    """Returns the support of every sentence of every summary by its source. Each pair of sentences is asked once."""
    told = [(sentences(source), sentences(summary)) for source, summary in zip(sources, summaries, strict=True)]
    pairs = list(dict.fromkeys((p, h) for source, summary in told for h in summary for p in source))
    known = dict(zip(pairs, entails(pairs).tolist(), strict=True)) if pairs else {}
    found = []
    for source, summary in told:
        best = [max(((known[p, h], p) for p in source), key=lambda pair: pair[0], default=(0.0, "")) for h in summary]
        found.append([Support(h, p, probability) for h, (probability, p) in zip(summary, best, strict=True)])
    return found


def consistency(found: Sequence[Support]) -> float:
    """Returns SummaC-ZS, 0..100: the mean over sentences of the summary of the maximum over sentences of the source.

    A summary without a sentence scores 0: it says nothing that follows.

    >>> consistency([Support("a", "x", 1.0), Support("b", "x", 0.5)])
    75.0
    """
    return 100.0 * sum(one.probability for one in found) / len(found) if found else 0.0
