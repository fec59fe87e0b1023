"""What options are compared by: their log-likelihood, or that divided by a length or freed of what is likely anyway.

A row of predictions has all that is needed for every normalization, so that each can be recomputed without the model
(`renormalized`).
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the config, which this is read for, needs no table
    import pyarrow as pa

PMI, CALIBRATED = "pmi", "calibrated"
# What each of them subtracts: the logarithm of how likely an option is without the item.
_SUBTRACTED = {PMI: "option_unconditional", CALIBRATED: "option_content_free"}
# Divided by the number of tokens (the end token included where the preset scores it), characters or UTF-8 bytes of an option.
_LENGTHS = {"tokens": "option_tokens", "characters": "option_characters", "bytes": "option_bytes"}
NORMALIZATIONS = ("sum", *_LENGTHS, *_SUBTRACTED)


def compared(normalization: str, row: Mapping[str, Any]) -> list[float]:
    """Returns the numbers by which the options of a row of predictions are compared.

    "pmi" is the log-likelihood minus that of the same option after a premise that says nothing of the item, which asks how much
    more likely the item makes the option (Holtzman et al. 2021, "Surface form competition", https://arxiv.org/abs/2104.08315).
    "calibrated" divides the option's probability by its probability under the same prompt without content (Zhao et al. 2021,
    "Calibrate before use", https://arxiv.org/abs/2102.09690): W = diag(p_cf)^-1 and b = 0 there.

    Raises:
      ValueError: the row lacks what the normalization needs.

    >>> row = {"option_log_likelihoods": [-4.0, -6.0], "option_tokens": [2, 6], "option_unconditional": [-2.0, -7.0]}
    >>> compared("sum", row), compared("tokens", row), compared("pmi", row)
    ([-4.0, -6.0], [-2.0, -1.0], [-2.0, 1.0])
    """
    scores: list[float] = list(row["option_log_likelihoods"])
    if normalization == "sum":
        return scores
    if normalization not in NORMALIZATIONS:
        raise ValueError(f"unknown normalization {normalization!r}, expected one of {', '.join(NORMALIZATIONS)}")
    name = {**_LENGTHS, **_SUBTRACTED}[normalization]
    others = row.get(name) or []
    if len(others) != len(scores):
        again = "evaluate again" + (f" with --normalization {normalization}" if normalization in _SUBTRACTED else "")
        raise ValueError(f"the predictions lack {name}, which the normalization {normalization!r} needs: {again}")
    if normalization in _SUBTRACTED:
        return [score - alone for score, alone in zip(scores, others, strict=True)]
    return [score / max(size, 1) for score, size in zip(scores, others, strict=True)]


def best(normalization: str, row: Mapping[str, Any]) -> int:
    """Returns the position of the option that the normalization prefers; the first of several that are equal."""
    found = compared(normalization, row)
    return max(range(len(found)), key=found.__getitem__)


def renormalized(predictions: "pa.Table", normalization: str) -> "pa.Table":
    """Returns the table as it would be under another normalization. Texts that were written stay as they are.

    Raises:
      ValueError: the table lacks what the normalization needs.
    """
    rows = predictions.to_pylist()
    said = [row["options"][best(normalization, row)] if row["scorer"] == "rank" else row["prediction"] for row in rows]
    for name, values in (("prediction", said), ("normalization", [normalization] * len(rows))):
        at = predictions.column_names.index(name)
        predictions = predictions.set_column(at, predictions.schema.field(at), [values])
    return predictions
