"""What verdicts add up to: a win rate with its interval, position bias, and agreement with the metric against references."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from flanjax.evaluate import statistics as st
from flanjax.evaluate.metrics import get_metric
from flanjax.lab.judge.answers import Answer, Pair
from flanjax.lab.judge.judges import TIE
from flanjax.lab.judge.verdicts import A_FIRST, B_FIRST, Verdict, Where

_WORTH = {"A": 100.0, TIE: 50.0, "B": 0.0}
EVEN = 50.0


class Share(NamedTuple):
    """A share 0..100 of `number`, with Wilson's interval; None of none."""

    value: float | None
    low: float | None
    high: float | None
    number: int


class Summary(NamedTuple):
    """What a judge says of two evaluations.

    Attributes:
      win_rate: of A, 0..100; a tie is half a win, and a pair is the mean of its two orders. Mean over clusters of tasks.
      p: two-sided, of a win rate of 50.
      tasks: cluster and task -> win rate.
      same: pairs whose two orders have the same winner.
      first: of the verdicts that are no tie, those for the answer shown first; without position bias 50.
      ties: of all verdicts.
      agreement: of the pairs with a winner whose answers score differently by the task's metric, those won by the higher score.
      unjudged: pairs without two verdicts, which count nowhere.
    """

    win_rate: st.Estimate
    p: float
    tasks: dict[tuple[str, str], st.Estimate]
    same: Share
    first: Share
    ties: Share
    agreement: Share
    unjudged: int


def summarise(pairs: Sequence[Pair], verdicts: Mapping[Where, Verdict]) -> Summary:
    """Returns the summary. Raises ValueError if no pair has two verdicts."""
    both = {pair.number: _winners(pair, verdicts) for pair in pairs}
    judged = [pair for pair in pairs if None not in both[pair.number]]
    if not judged:
        raise ValueError(f"none of {len(pairs)} pairs has a verdict in both orders")
    wins = {pair.number: float(np.mean([_WORTH[w] for w in both[pair.number] if w])) for pair in judged}
    tasks: dict[tuple[str, str], list[Pair]] = {}
    for pair in judged:
        tasks.setdefault(pair.setting[:2], []).append(pair)
    rates = {name: _rate(members, wins) for name, members in tasks.items()}
    clusters: dict[str, list[st.Estimate]] = {}
    for (cluster, _), rate in rates.items():
        clusters.setdefault(cluster, []).append(rate)
    whole = st.macro_mean([st.macro_mean(members) for members in clusters.values()])
    said = [(order, winner) for pair in judged for order, winner in zip((A_FIRST, B_FIRST), both[pair.number], strict=True)]
    decided = [order[0] == winner for order, winner in said if winner != TIE]
    return Summary(
        win_rate=whole,
        p=_p_of_even(whole),
        tasks=rates,
        same=_share([both[pair.number][0] == both[pair.number][1] for pair in judged]),
        first=_share(decided),
        ties=_share([winner == TIE for _, winner in said]),
        agreement=_share(agreements(judged, wins)),
        unjudged=len(pairs) - len(judged),
    )


def _p_of_even(rate: st.Estimate) -> float:
    """The p of a win rate of 50, by the half of the interval that faces 50: below 0.05 only if 50 is outside."""
    facing = rate.mean - rate.low if rate.mean > EVEN else rate.high - rate.mean
    se = max(rate.se, facing / st.quantile(rate.df))  # a clipped half is shorter than its error says
    return st.t_test(rate._replace(mean=rate.mean - EVEN, se=se))


def _winners(pair: Pair, verdicts: Mapping[Where, Verdict]) -> tuple[str | None, str | None]:
    found = [verdicts.get((pair.number, order)) for order in (A_FIRST, B_FIRST)]
    first, second = (None if verdict is None else verdict.winner for verdict in found)
    return first, second


def _rate(pairs: Sequence[Pair], wins: Mapping[int, float]) -> st.Estimate:
    """The win rate of a task: an item is the mean over its templates and settings."""
    items: dict[int, list[float]] = {}
    groups: dict[int, str] = {}
    for pair in pairs:
        item = pair.setting[4]
        items.setdefault(item, []).append(wins[pair.number])
        groups[item] = pair.a.group
    means = np.array([np.mean(values) for values in items.values()])
    return st.item_interval(means, np.array([groups[item] for item in items]))


def agreements(pairs: Sequence[Pair], wins: Mapping[int, float]) -> list[bool]:
    """Returns, of the pairs that both the judge and the task's metric tell apart, whether both say the same."""
    found = []
    for pair in pairs:
        metric = get_metric(pair.a.metric)
        if metric.per_item is None or wins[pair.number] == EVEN:
            continue
        sign = 1 if metric.higher_is_better else -1
        a, b = (sign * _score(metric, answer) for answer in (pair.a, pair.b))
        if a != b:
            found.append((a > b) == (wins[pair.number] > EVEN))
    return found


def _score(metric: Any, answer: Answer) -> float:
    return float(metric.per_item([answer.text], [answer.references])[0])


def _share(hits: Sequence[bool]) -> Share:
    if not hits:
        return Share(None, None, None, 0)
    low, high = st.wilson(sum(hits), len(hits))
    return Share(100 * sum(hits) / len(hits), 100 * low, 100 * high, len(hits))
