"""Picks right and wrong predictions to read. They are drawn by a hash, so the same predictions show the same examples."""

import hashlib
from collections.abc import Sequence
from typing import Any

from etils import epath

from flanjax.evaluate.score_matrix import ScoreMatrix, of_model, score_matrix, split_matrices
from flanjax.storage import read_table

WRONG_A_TASK, RIGHT_A_TASK, MOST = 3, 2, 40


def pick_examples(predictions: epath.Path, model: str = "trained", most: int = MOST) -> list[dict[str, Any]]:
    """Returns up to `most` predictions of `model`, a few right and wrong ones from each task, with options, likelihoods and
    scores."""
    chosen = [_chosen(matrix) for matrix in split_matrices(of_model(read_table(predictions), model))]
    deepest = max((len(examples) for examples in chosen), default=0)
    in_turn = [examples[i] for i in range(deepest) for examples in chosen if i < len(examples)][:most]
    return sorted(in_turn, key=lambda e: (e["cluster"], e["task"], e["right"], e["template"], e["item"]))


def _chosen(matrix: ScoreMatrix) -> list[dict[str, Any]]:
    """Returns wrong and right examples of one score matrix, alternating."""
    scores = _scores(matrix)
    order = sorted(range(len(scores)), key=lambda i: _draw(matrix, i))
    wrong = [i for i in order if scores[i] < 50][:WRONG_A_TASK]
    right = [i for i in order if scores[i] >= 50][:RIGHT_A_TASK]
    both = [i for pair in zip(wrong, right, strict=False) for i in pair]
    both += [i for i in wrong + right if i not in both]
    return [_example(matrix, i, scores[i]) for i in both]


def _scores(matrix: ScoreMatrix) -> list[float]:
    """Returns a score for each prediction: the first metric that scores single items, or else accuracy."""
    found = (score_matrix(matrix, name).items for name in (*matrix.metrics, "accuracy"))
    items = next(scores for scores in found if scores is not None)
    return [float(x) for x in items.ravel()]


def _draw(matrix: ScoreMatrix, row: int) -> str:
    text = f"{matrix.key.task}/{matrix.columns['item'][row]}/{matrix.columns['template'][row]}"
    return hashlib.sha256(text.encode()).hexdigest()


_SHOWN = (
    "item",
    "template",
    "template_text",
    "prompt",
    "prediction",
    "generated",
    "references",
    "parsed",
    "stop",
    "cut",
    "prompt_tokens",
    "shots_shown",
)


def _example(matrix: ScoreMatrix, row: int, score: float) -> dict[str, Any]:
    return {
        **matrix.key._asdict(),
        **{name: matrix.columns[name][row] for name in _SHOWN},
        "score": score,
        "right": score >= 50,
        "options": _options(matrix, row),
    }


def _options(matrix: ScoreMatrix, row: int) -> list[dict[str, Any]]:
    likelihoods: Sequence[float] = matrix.columns["option_log_likelihoods"][row]
    tokens: Sequence[int] = matrix.columns["option_tokens"][row]
    prediction, references = matrix.columns["prediction"][row], matrix.columns["references"][row]
    if not likelihoods:  # the answer was written
        return []
    return [
        {
            "text": text,
            "log_likelihood": value,
            "tokens": count,
            "per_token": value / count if count else None,
            "predicted": text == prediction,
            "gold": text in references,
        }
        for text, value, count in zip(matrix.columns["options"][row], likelihoods, tokens, strict=True)
    ]
