"""What a table of arms shows beside the score, computed from predictions alone: the columns of HELM (Liang et al. 2022,
arXiv 2211.09110): calibration, robustness to rewording, flips, what position of the right option does, and cost.

The model's probability of an option is the softmax of the options' log-likelihoods, whatever they are compared by. All columns
are means over tasks and seeds. Those of options are None for tasks whose answers are written.
"""

import itertools
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from flanjax.evaluate import score_matrix as sm
from flanjax.evaluate.arms import Arm
from flanjax.evaluate.metrics import get_metric
from flanjax.evaluate.score_matrix import ScoreMatrix
from flanjax.evaluate.statistics import SCALE

BINS = 10


class Ranked(NamedTuple):
    """The ranked options of R predictions.

    Attributes:
      confidence: [R], of the most probable option. right: bool [R], whether that one is right.
      brier: [R], the squared distance of the probabilities from a 1 at the right option (Brier 1950), 0..2.
      positions: [R], of the most probable right option; chosen: [R], of the most probable option.
    """

    confidence: np.ndarray
    right: np.ndarray
    brier: np.ndarray
    positions: np.ndarray
    chosen: np.ndarray


class Bin(NamedTuple):
    """One bin of a reliability diagram: means 0..1, and how many predictions are in it."""

    confidence: float
    accuracy: float
    size: int


def ranked(matrix: ScoreMatrix) -> Ranked | None:
    """Returns what the model thought of the options; None where answers are written."""
    if matrix.scorer != "rank":
        return None
    options, references = matrix.columns["options"], matrix.columns["references"]
    width = max(map(len, options))
    likely = np.full((len(options), width), -np.inf)
    right = np.zeros((len(options), width), bool)
    is_right = get_metric("accuracy").per_item
    assert is_right is not None
    for place in range(width):
        at = [n for n, o in enumerate(options) if place < len(o)]
        likely[at, place] = [matrix.columns["option_log_likelihoods"][n][place] for n in at]
        right[at, place] = is_right([options[n][place] for n in at], [references[n] for n in at]) > 0
    p = np.exp(likely - likely.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    rows, chosen = np.arange(len(p)), p.argmax(1)
    wanted = np.where(right, p, -1.0).argmax(1)
    known = right[rows, wanted]  # a reference that is none of the options is never right
    target = np.zeros_like(p)
    target[rows[known], wanted[known]] = 1.0
    return Ranked(p[rows, chosen], right[rows, chosen], ((p - target) ** 2).sum(1), np.where(known, wanted, -1), chosen)


def reliability(confidence: np.ndarray, right: np.ndarray, bins: int = BINS) -> list[Bin]:
    """Returns bins of equally many predictions, by confidence (Nixon et al. 2019's adaptive bins, as HELM's).

    >>> reliability(np.array([0.6, 0.9]), np.array([False, True]), 2)
    [Bin(confidence=0.6, accuracy=0.0, size=1), Bin(confidence=0.9, accuracy=1.0, size=1)]
    """
    order = np.argsort(confidence, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    return [Bin(float(confidence[p].mean()), float(right[p].mean()), len(p)) for p in parts]


def calibration_error(bins: Sequence[Bin]) -> float:
    """Returns the expected calibration error, 0..1: how far accuracy is from confidence in a bin, on average over predictions
    (Guo et al. 2017)."""
    total = sum(b.size for b in bins)
    return sum(b.size * abs(b.accuracy - b.confidence) for b in bins) / total


def position_bias(found: Ranked) -> float | None:
    """Returns the standard deviation, in points, of the recall over the positions of the right option (Zheng et al. 2024,
    arXiv 2309.03882); None where the right option always stands in the same place."""
    places = [place for place in np.unique(found.positions) if place >= 0]
    recalls = [(found.chosen[found.positions == place] == place).mean() for place in places]
    return float(SCALE * np.std(recalls)) if len(places) > 1 else None


def flips(answers: Sequence[Sequence[str]]) -> float | None:
    """Returns the share of answers, in percent, that differ between two of several lists, on average over pairs of lists.

    >>> flips([["yes", "no"], ["yes", "yes"]])
    50.0
    """
    pairs = list(itertools.combinations(answers, 2))
    if not pairs:
        return None
    return float(np.mean([np.mean([a != b for a, b in zip(*pair, strict=True)]) for pair in pairs])) * SCALE


def columns(side: Sequence[Arm]) -> dict[str, float | None]:
    """Returns the columns of a side: name -> value.

    worst_template, spread: score of the worst template, and how far the best is above it. template_flips, seed_flips: share of
    answers that change with the template, and with the seed. ece, brier, position_bias: as the functions above, the last of
    tasks alone whose options differ by item: where they are the same labels in the same order, it would be a bias for labels.
    prompt_tokens and seconds: of one prediction.
    """
    tasks = [task for arm in side for task in arm.tasks.values()]
    matrices = [matrix for task in tasks for matrix in task.matrices]
    found = [(matrix, ranked(matrix)) for matrix in matrices]
    thoughts = [thought for _, thought in found if thought is not None]
    ordered = [thought for matrix, thought in found if thought is not None and _options_differ(matrix)]
    templates = [[e.mean for e in _template_means(matrix)] for matrix in matrices]
    return {
        "worst_template": _mean(min(t) for t in templates),
        "spread": _mean(max(t) - min(t) for t in templates),
        "template_flips": _mean(flips(_by_template(matrix)) for matrix in matrices),
        "seed_flips": _mean(flips([m.columns["prediction"] for m in task.matrices]) for task in tasks),
        "ece": _mean(SCALE * calibration_error(reliability(t.confidence, t.right)) for t in thoughts),
        "brier": _mean(float(t.brier.mean()) for t in thoughts),
        "position_bias": _mean(position_bias(t) for t in ordered),
        "prompt_tokens": _mean(float(m.grid("prompt_tokens").mean()) for m in matrices),
        "seconds": _mean(float(m.grid("seconds").mean()) for m in matrices),
    }


def arm_flips(first: Sequence[Arm], second: Sequence[Arm]) -> float | None:
    """Returns the share of answers, in percent, that differ between matched arms under the same seed; None if they share no
    seed, task or template."""
    found = [
        flips([one.columns["prediction"], other.columns["prediction"]])
        for a, b in zip(first, second, strict=True)
        for name in a.tasks.keys() & b.tasks.keys()
        for seed in {*a.seeds} & {*b.seeds}
        for one, other in [(arm.tasks[name].matrices[arm.seeds.index(seed)] for arm in (a, b))]
        if (one.items, one.templates) == (other.items, other.templates)
    ]
    return _mean(found)


def diagram(side: Sequence[Arm]) -> list[Bin]:
    """Returns the reliability diagram of all of a side's ranked predictions; empty if there are none."""
    found = [r for arm in side for task in arm.tasks.values() for matrix in task.matrices if (r := ranked(matrix)) is not None]
    if not found:
        return []
    return reliability(np.concatenate([r.confidence for r in found]), np.concatenate([r.right for r in found]))


def _template_means(matrix: ScoreMatrix) -> list[Any]:
    return sm.template_estimates(sm.score_matrix(matrix, matrix.metrics[0]), matrix.groups)


def _options_differ(matrix: ScoreMatrix) -> bool:
    """Whether the options are not one list for all items."""
    return len(set(map(tuple, matrix.of_items("options")))) > 1


def _by_template(matrix: ScoreMatrix) -> list[list[str]]:
    k = len(matrix.templates)
    return [matrix.columns["prediction"][t::k] for t in range(k)]


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
