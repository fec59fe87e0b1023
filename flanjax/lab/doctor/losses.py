"""Losses and scores that must not depend on how examples lie in a batch.

They are computed in float32 with exact products, so that what differs, differs for a reason.
"""

from collections.abc import Iterator, Sequence
from itertools import chain

import jax
import numpy as np

from flanjax.check.findings import Example, Finding
from flanjax.data.packing import Encoded
from flanjax.data.windows import Batch
from flanjax.lab.doctor.outcome import Outcome
from flanjax.lab.doctor.patient import Patient, packed

TOLERANCE = 2e-4  # nats a token; float32 rounding is a hundredth of it
SCORED = 6  # examples that are also scored; each length is compiled for
OPTIONS = 3  # of each prompt that is scored
SIZES = (1, 64)  # prompts at a time


def check_packing(patient: Patient) -> Outcome:
    """Compares each example's loss in a packed row with its loss alone, and with the scorer's log-likelihood of its targets."""
    rows = list(packed(patient.compared, patient.layout))
    examples = [e for _, those in rows for e in those]
    singles = [row for e in examples for row, _ in packed([e], patient.layout)]
    with jax.default_matmul_precision("highest"):
        together = _losses(patient, [row for row, _ in rows], [len(those) for _, those in rows])
        alone = _losses(patient, singles, [1] * len(examples))
        scored = [*_scored(patient, examples[:SCORED]), *[np.nan] * len(examples[SCORED:])]
    beside = (
        ("the loss in a packed row is not the example's loss alone", together, alone),
        ("the loss in a row is not what the scorer gives the same targets", alone, scored),
    )
    findings = chain.from_iterable(_apart(patient, examples, *those) for those in beside)
    worst = max(_per_token(e, a - b) for e, a, b in zip(examples, together, alone, strict=True))
    said = (
        f"{len(examples)} examples in {len(rows)} rows, alone, and scored: packed and alone differ by {worst:.1g} nats a token"
    )
    return Outcome(said, tuple(findings))


def _losses(patient: Patient, rows: Sequence[Batch], counts: Sequence[int]) -> np.ndarray:
    """Returns the weighted loss of every example, in the order of the rows: float64 [examples].

    Training's own objective tells its sums by task, so each example is given a task id of its own.

    Args:
      counts: how many examples each row has.
    """
    firsts = np.cumsum([0, *counts])
    numbered = [{**row, "task_ids": _segments(row) - 1 + first} for row, first in zip(rows, firsts, strict=False)]
    sums = (patient.exact_program.validate(patient.params, {}, batch) for batch in patient.spread(numbered))
    return np.sum([np.asarray(s.by_task["loss"].total, np.float64) for s in sums], axis=0)[: firsts[-1]]


def _segments(row: Batch) -> np.ndarray:
    """Returns the segment that each target is of, int32 [T]. Padding counts to the first one; it must not have a loss."""
    segments = row["segment_ids"] if "inputs" in row else row["segment_ids"][row["target_positions"]]
    return np.maximum(segments, 1).astype(np.int32)


def _scored(patient: Patient, examples: Sequence[Encoded]) -> list[float]:
    """Returns the loss of each example by the scorer, weighted; NaN for a conversation, of which only parts are trained on."""
    prompts, options = [e.inputs.tolist() for e in examples], [[e.targets.tolist()] for e in examples]
    found = patient.make_scorer(patient, SIZES[0]).log_likelihoods(prompts, options)
    return [np.nan if e.trained is not None else -one * e.weight for e, (one,) in zip(examples, found, strict=True)]


def _per_token(example: Encoded, difference: float) -> float:
    return abs(difference) / (example.num_trained * example.weight)


def _apart(
    patient: Patient, examples: Sequence[Encoded], what: str, got: Sequence[float], expected: Sequence[float]
) -> Iterator[Finding]:
    """Yields a finding if weighted losses differ, with the first examples whose losses do."""
    wrong = [
        Example(patient.corpus.names[e.task], f"{a:.4f} and {b:.4f}: {patient.corpus.tokenizer.decode(e.targets.tolist())}")
        for e, a, b in zip(examples, got, expected, strict=True)
        if not np.isnan(b) and not _per_token(e, a - b) <= TOLERANCE
    ]
    if wrong:
        yield Finding(kind="packing", task="", detail=what, count=len(wrong), of=len(examples), examples=tuple(wrong[:3]))


def check_batch_size(patient: Patient) -> Outcome:
    """Compares the scores of options one prompt at a time with those of 64 at a time."""
    examples, names = patient.compared[:SCORED], patient.corpus.names
    prompts, targets = [e.inputs.tolist() for e in examples], [e.targets.tolist() for e in examples]
    options = [[targets[(n + k) % len(targets)] for k in range(OPTIONS)] for n in range(len(targets))]
    with jax.default_matmul_precision("highest"):
        scores = (patient.make_scorer(patient, size).log_likelihoods(prompts, options) for size in SIZES)
        one, many = (np.array(those) for those in scores)  # [prompts, options]
    apart = (np.abs(one - many) / np.array([[len(ids) for ids in those] for those in options])).max(axis=1)
    said = f"{len(prompts)} prompts of {OPTIONS} options at batch sizes {SIZES}: {apart.max():.1g} nats a token apart"
    wrong = [n for n, difference in enumerate(apart) if not difference <= TOLERANCE]
    if not wrong:
        return Outcome(said)
    cases = tuple(Example(names[examples[n].task], f"{one[n][0]:.4f} and {many[n][0]:.4f}") for n in wrong[:3])
    detail = f"scores at batch size {SIZES[0]} and {SIZES[1]} differ by up to {apart.max():.2g} nats a token"
    found = Finding(kind="batch size", task="", detail=detail, count=len(wrong), of=len(apart), examples=cases)
    return Outcome(said, (found,))
