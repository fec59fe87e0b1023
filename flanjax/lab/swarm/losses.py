"""The held-out loss of a run: how improbable it finds the right answers, whether or not it would choose them.

The loss goes on falling where the score no longer rises, and it varies less from run to run.
"""

import pyarrow as pa

from flanjax.evaluate import score_matrix as sm
from flanjax.evaluate.arms import Name
from flanjax.evaluate.metrics import normalize_label
from flanjax.evaluate.score_matrix import ScoreMatrix


def held_out_losses(predictions: pa.Table, model: str = "trained") -> dict[Name, float]:
    """Returns cluster and task -> nats per token of the right answers, over all items and templates.

    A task whose answers are written has no such loss, and is left out. Of a task's settings the one with the most shots counts.
    """
    matrices = sm.split_matrices(sm.of_model(predictions, model))
    return {(m.key.cluster, m.key.task): _loss(m) for m in matrices if m.scorer == "rank"}


def _loss(matrix: ScoreMatrix) -> float:
    names = ("options", "references", "option_log_likelihoods", "option_tokens")
    nats, tokens = 0.0, 0
    for options, references, likelihoods, lengths in zip(*(matrix.columns[name] for name in names), strict=True):
        wanted = {normalize_label(reference) for reference in references}
        right = [place for place, option in enumerate(options) if normalize_label(option) in wanted]
        if not right:
            raise ValueError(f"task {matrix.key.task}: {references[0]!r}, the right answer of an item, is none of its options")
        best = max(right, key=lambda place: likelihoods[place])
        nats -= likelihoods[best]
        tokens += lengths[best]
    return nats / tokens
