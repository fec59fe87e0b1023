"""What becomes of worked examples when one asks which part of them helps.

Min et al. 2022, "Rethinking the role of demonstrations" (https://arxiv.org/abs/2202.12837): examples whose labels are drawn at
random help nearly as much as right ones; without their labels, their inputs, or the form that pairs both, they help less.
"""

import dataclasses
from collections.abc import Sequence

from flanjax.tasks.draws import Draws
from flanjax.tasks.exemplars import ExemplarFormat, Shot

GOLD, RANDOM_LABELS, LABELS_ONLY, INPUTS_ONLY, WRONG_FORMAT = (
    "gold",
    "random_labels",
    "labels_only",
    "inputs_only",
    "wrong_format",
)
DEMONSTRATIONS = (GOLD, RANDOM_LABELS, LABELS_ONLY, INPUTS_ONLY, WRONG_FORMAT)


def reformatted(kind: str, exemplars: ExemplarFormat) -> ExemplarFormat:
    """Returns the format in which demonstrations of a kind are shown; around the question it stays as it is."""
    if kind in (GOLD, RANDOM_LABELS):
        return exemplars
    before = exemplars.before_input if exemplars.before_query is None else exemplars.before_query
    after = exemplars.before_target if exemplars.before_answer is None else exemplars.before_answer
    return dataclasses.replace(
        exemplars,
        before_input="",
        before_target="",
        between="",
        before_query=before,
        before_answer=f"{exemplars.between}{after}",
    )


def altered(kind: str, shot: Shot, targets: Sequence[str], draws: Draws) -> Shot:
    """Returns a worked example as a kind of demonstration shows it. The words of its format are those of `reformatted`.

    Args:
      targets: what is to be written for each of its options.

    >>> shot = Shot("Is it warm?", "yes")
    >>> altered(LABELS_ONLY, shot, ("yes", "no"), Draws(0)).input, altered(WRONG_FORMAT, shot, ("yes", "no"), Draws(0)).input
    ('', 'yes ')
    """
    if kind == RANDOM_LABELS:
        return shot._replace(target=targets[draws.integer("random_label", len(targets))])
    if kind == LABELS_ONLY:
        return Shot("", shot.target)
    if kind == INPUTS_ONLY:
        return Shot(shot.input)
    if kind == WRONG_FORMAT:
        return Shot(f"{shot.target} ", shot.input)
    return shot
