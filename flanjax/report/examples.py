"""Some predictions to read, right and wrong, drawn by a hash: the same predictions show the same examples."""

import hashlib
from collections.abc import Sequence
from typing import Any

from etils import epath

from flanjax.evaluate.score_matrix import Cells, of_model, score_cells, split_cells
from flanjax.storage import read_table

WRONG_A_TASK, RIGHT_A_TASK, MOST = 3, 2, 40


def pick_examples(predictions: epath.Path, model: str = "trained", most: int = MOST) -> list[dict[str, Any]]:
    """Up to `most` predictions of `model` with their options, likelihoods and scores, a few right and wrong ones a task."""
    chosen = [_chosen(cells) for cells in split_cells(of_model(read_table(predictions), model))]
    deepest = max((len(examples) for examples in chosen), default=0)
    in_turn = [examples[i] for i in range(deepest) for examples in chosen if i < len(examples)][:most]
    return sorted(in_turn, key=lambda e: (e["cluster"], e["task"], e["right"], e["template"], e["item"]))


def _chosen(cells: Cells) -> list[dict[str, Any]]:
    """Wrong and right examples of one rectangle, alternating."""
    scores = _scores(cells)
    order = sorted(range(len(scores)), key=lambda i: _draw(cells, i))
    wrong = [i for i in order if scores[i] < 50][:WRONG_A_TASK]
    right = [i for i in order if scores[i] >= 50][:RIGHT_A_TASK]
    both = [i for pair in zip(wrong, right, strict=False) for i in pair]
    both += [i for i in wrong + right if i not in both]
    return [_example(cells, i, scores[i]) for i in both]


def _scores(cells: Cells) -> list[float]:
    """A score a prediction: the first metric that scores single items, else accuracy."""
    found = (score_cells(cells, name).items for name in (*cells.metrics, "accuracy"))
    items = next(scores for scores in found if scores is not None)
    return [float(x) for x in items.ravel()]


def _draw(cells: Cells, row: int) -> str:
    text = f"{cells.key.task}/{cells.columns['item'][row]}/{cells.columns['template'][row]}"
    return hashlib.sha256(text.encode()).hexdigest()


def _example(cells: Cells, row: int, score: float) -> dict[str, Any]:
    names = ("item", "template", "prompt", "prediction", "generated", "references", "parsed", "stop", "cut", "prompt_tokens")
    return {
        **cells.key._asdict(),
        **{name: cells.columns[name][row] for name in names},
        "score": score,
        "right": score >= 50,
        "options": _options(cells, row),
    }


def _options(cells: Cells, row: int) -> list[dict[str, Any]]:
    likelihoods: Sequence[float] = cells.columns["option_log_likelihoods"][row]
    tokens: Sequence[int] = cells.columns["option_tokens"][row]
    prediction, references = cells.columns["prediction"][row], cells.columns["references"][row]
    return [
        {
            "text": text,
            "log_likelihood": value,
            "tokens": count,
            "per_token": value / count if count else None,
            "predicted": text == prediction,
            "gold": text in references,
        }
        for text, value, count in zip(cells.columns["options"][row], likelihoods, tokens, strict=True)
    ]
