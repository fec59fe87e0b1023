"""A packed row beside the examples that went into it: which tokens are read, and which have a loss.

What a row must hold is said here once more, from the examples alone, and not by the code that makes rows.
"""

import dataclasses
from collections.abc import Iterator, Sequence
from itertools import groupby

import numpy as np

from flanjax.check.findings import Example, Finding
from flanjax.data.layout import Layout, make_layout
from flanjax.data.packing import Encoded
from flanjax.data.windows import Batch
from flanjax.lab.doctor.outcome import Outcome, Run, Shown
from flanjax.lab.doctor.patient import Patient, packed

EACH = 10  # examples of each layout that are shown
_LOOKED_AT = 64  # examples of each layout


def check_masks(patient: Patient) -> Outcome:
    """Compares rows with their examples, in every layout that the model reads, and shows ten examples of each."""
    findings: list[Finding] = []
    shown: list[Shown] = []
    layouts, names = dict(_layouts(patient)), patient.corpus.names
    for name, layout in layouts.items():
        examples = patient.examples if layout is patient.layout else patient.features_in(layout).examples
        rows = list(packed(examples[:_LOOKED_AT], layout))
        complaints = [found for row, those in rows for found in compare(row, those, layout)]
        for why, cases in groupby(sorted(complaints, key=lambda c: c[1]), key=lambda c: c[1]):
            wrong = [example for example, _ in cases]
            texts = tuple(Example(names[e.task], layout.tokenizer.decode(e.targets.tolist())) for e in wrong[:3])
            findings.append(Finding(kind="masks", task=name, detail=why, count=len(wrong), of=_LOOKED_AT, examples=texts))
        numbered = [(row, n, e) for row, those in rows for n, e in enumerate(those, 1)]
        shown += [Shown(name, names[e.task], tuple(runs(row, n, layout))) for row, n, e in numbered[:EACH]]
    return Outcome(
        f"{_LOOKED_AT} examples beside the rows that they were packed in: {', '.join(layouts)}", tuple(findings), tuple(shown)
    )


def _layouts(patient: Patient) -> Iterator[tuple[str, Layout]]:
    """The layouts that the model reads, by name; the run's own is the very one that it is trained with."""
    config = patient.layout.config
    for name in patient.model.layouts:
        if name == config.layout:
            yield name, patient.layout
        else:
            other = dataclasses.replace(config, layout=name)  # type: ignore[arg-type]
            yield name, make_layout(other, patient.layout.tokenizer)


def compare(row: Batch, examples: Sequence[Encoded], layout: Layout) -> Iterator[tuple[Encoded, str]]:
    """Yields (example, what is wrong with it) for the examples of a row."""
    one = _paired if "inputs" in row else _joined
    for number, example in enumerate(examples, 1):
        for why, is_right in one(row, number, example, layout):
            if not is_right:
                yield example, why
    segments = row["segment_ids"] if "inputs" in row else row["segment_ids"][row["target_positions"]]
    count = sum(example.num_trained for example in examples)
    stray = row["loss_weights"] * (segments == 0) if "inputs" in row else row["loss_weights"][count:]
    if examples and np.any(stray):
        yield examples[-1], "padding has a loss"


def _paired(row: Batch, number: int, example: Encoded, layout: Layout) -> Iterator[tuple[str, bool]]:
    """What must hold of an example in a row with an input side and a target side."""
    read, here = row["inputs_segment_ids"] == number, row["segment_ids"] == number
    reserved, targets = layout.config.reserved, example.targets
    yield "other inputs are read than the example's", _same(row["inputs"][read][reserved:], example.inputs)
    yield "other targets are written than the example's", _same(row["targets"][here], targets)
    yield "a target is read before it is written", _same(row["decoder_inputs"][here][1:], targets[:-1])
    yield "positions do not count from 0", _same(row["positions"][here], np.arange(len(targets)))
    yield "the loss is not on the targets alone", _same(row["loss_weights"][here], np.full(len(targets), example.weight))


def _joined(row: Batch, number: int, example: Encoded, layout: Layout) -> Iterator[tuple[str, bool]]:
    """What must hold of an example in a row of one sequence."""
    here, whole = row["segment_ids"] == number, np.concatenate([example.inputs, example.targets])
    reserved, size = layout.config.reserved, here.sum()
    yield "other tokens are read than the example's", _same(row["decoder_inputs"][here][reserved:], whole[:-1])
    yield "positions do not count from 0", _same(row["positions"][here], np.arange(size))
    if "prefix" in row:
        both_ways = np.arange(size) < reserved + len(example.inputs)
        yield "other tokens than the inputs are read both ways", _same(row["prefix"][here], both_ways)
    trained = np.arange(len(example.targets)) if example.trained is None else np.flatnonzero(example.trained)
    at = row["target_positions"]
    mine = (row["segment_ids"][at] == number) & (row["loss_weights"] > 0)
    yield "other targets have a loss than the example's", _same(row["targets"][mine], example.targets[trained])
    start = np.flatnonzero(here)[0] if size else 0
    follows = at[mine] - start - reserved + 1
    yield "a target is not the token that follows its place", _same(follows, len(example.inputs) + trained)
    yield "the loss is not on the targets alone", _same(row["loss_weights"][mine], np.full(len(trained), example.weight))


def _same(got: np.ndarray, expected: np.ndarray) -> bool:
    return got.shape == expected.shape and bool(np.allclose(got, expected))


def runs(row: Batch, number: int, layout: Layout) -> Iterator[Run]:
    """Yields an example's tokens in the row as texts: what is read, and what is trained on."""
    if "inputs" in row:
        read, here = row["inputs_segment_ids"] == number, row["segment_ids"] == number
        yield Run("read", _text(row["inputs"][read], layout))
        tokens, trained = row["targets"][here], row["loss_weights"][here] > 0
    else:
        here = np.flatnonzero(row["segment_ids"] == number)
        tokens, trained = row["decoder_inputs"][here], np.zeros(len(here), bool)
        for place, target, weight in zip(row["target_positions"], row["targets"], row["loss_weights"], strict=True):
            if weight > 0 and row["segment_ids"][place] == number:
                at = place - here[0] + 1
                tokens, trained = _put(tokens, at, target), _put(trained, at, True)
    for is_trained, group in groupby(zip(tokens, trained, strict=True), key=lambda pair: bool(pair[1])):
        ids = np.array([token for token, _ in group])
        yield Run("trained" if is_trained else "written" if "inputs" in row else "read", _text(ids, layout))


def _put(values: np.ndarray, at: int, value: int) -> np.ndarray:
    """Returns the array with a value put in, which may be just behind its end."""
    longer = np.append(values, np.zeros(max(at + 1 - len(values), 0), values.dtype))
    longer[at] = value
    return longer


def _text(ids: np.ndarray, layout: Layout) -> str:
    """Returns ids as text; the token that ends a text, which decodes to nothing, is named."""
    ended = len(ids) and int(ids[-1]) in layout.stop_ids
    return layout.tokenizer.decode([int(i) for i in ids]) + ("⟨end⟩" if ended else "")
