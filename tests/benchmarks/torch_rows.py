"""Rows and examples as a Hugging Face user gives them to torch: packed with masks, padded by length, or without padding.

It imports neither jax nor flanjax.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

Batch = dict[str, np.ndarray]


class Example(NamedTuple):
    """One segment of a packed row; `at` are the positions of `reads` whose prediction is a target."""

    inputs: np.ndarray | None  # of an encoder
    reads: np.ndarray  # decoder inputs
    targets: np.ndarray
    at: np.ndarray

    @property
    def lengths(self) -> tuple[int, int]:
        return (0 if self.inputs is None else len(self.inputs)), len(self.reads)


def read_batches(folder: Path) -> list[Batch]:
    """Returns the batches of a folder, in their order; they need not have one shape."""
    found = []
    for path in sorted(folder.glob("batch_*.npz")):
        with np.load(path) as stored:
            found.append({name: stored[name] for name in stored})
    return found


def examples_of(batch: Batch) -> list[Example]:
    """The segments of packed rows of either layout (flanjax/data/layout.py)."""
    found: list[Example] = []
    for row in range(len(batch["targets"])):
        here = {name: array[row] for name, array in batch.items()}
        segments = here["segment_ids"]
        of_target = segments if "target_positions" not in here else segments[here["target_positions"]]
        for segment in range(1, segments.max() + 1):
            own = np.flatnonzero(segments == segment)
            inputs = here["inputs"][here["inputs_segment_ids"] == segment] if "inputs" in here else None
            trained = np.flatnonzero((of_target == segment) & (here["loss_weights"] > 0))
            at = here["target_positions"][trained] if "target_positions" in here else trained
            found.append(Example(inputs, here["decoder_inputs"][own], here["targets"][trained], at - own[0]))
    return found


def padded(examples: Sequence[Example], budget: int) -> Iterator[Batch]:
    """Microbatches of examples of about the same length, of at most `budget` positions unless one example has more."""
    chosen: list[Example] = []
    longest: tuple[int, ...] = (0, 0)
    for example in sorted(examples, key=lambda e: (sum(e.lengths), e.lengths)):
        longer = tuple(max(pair) for pair in zip(longest, example.lengths, strict=True))
        if chosen and sum(longer) * (len(chosen) + 1) > budget:
            yield rows(chosen)
            chosen, longer = [], example.lengths
        chosen.append(example)
        longest = longer
    yield rows(chosen)


def rows(examples: Sequence[Example]) -> Batch:
    """One example a row, all padded to the longest."""
    length = max(len(e.reads) for e in examples)
    targets = np.concatenate([e.targets for e in examples])
    at = np.concatenate([number * length + e.at for number, e in enumerate(examples)])
    reads, reads_mask = _pad([e.reads for e in examples], length)
    inputs = [e.inputs for e in examples if e.inputs is not None]
    if not inputs:
        return {"input_ids": reads, "attention_mask": reads_mask, "targets": targets, "at": at}
    read, read_mask = _pad(inputs, max(map(len, inputs)))
    return {"input_ids": read, "attention_mask": read_mask, "decoder_input_ids": reads, "targets": targets, "at": at}


def _pad(sequences: Sequence[np.ndarray], length: int) -> tuple[np.ndarray, np.ndarray]:
    ids, mask = (np.zeros((len(sequences), length), np.int64) for _ in range(2))
    for row, sequence in enumerate(sequences):
        ids[row, : len(sequence)] = sequence
        mask[row, : len(sequence)] = 1
    return ids, mask


def packed(batch: Batch, budget: int) -> Iterator[Batch]:
    """The rows as they are, so many at a time as have at most `budget` positions.

    An encoder-decoder gets its segments, from which masks are made (step_torch.py): a bias that is relative needs no positions.
    """
    length = batch["decoder_inputs"].shape[1]
    step = max(budget // (length + (batch["inputs"].shape[1] if "inputs" in batch else 0)), 1)
    for start in range(0, len(batch["targets"]), step):
        some = {name: array[start : start + step] for name, array in batch.items()}
        trained = some["loss_weights"] > 0
        if "inputs" in some:
            at = np.flatnonzero(trained)
            ids = {"input_ids": some["inputs"], "decoder_input_ids": some["decoder_inputs"]}
            segments = {"read_segments": some["inputs_segment_ids"], "written_segments": some["segment_ids"]}
            yield {**ids, **segments, "targets": some["targets"][trained], "at": at}
            continue
        at = (some["target_positions"] + length * np.arange(len(trained))[:, None])[trained]
        ids = {"input_ids": some["decoder_inputs"], "position_ids": some["positions"]}
        yield {**ids, "targets": some["targets"][trained], "at": at}


def flattened(examples: Sequence[Example], budget: int) -> Iterator[Batch]:
    """A decoder's examples in one row without padding of at most `budget` positions, unless one example has more."""
    chosen: list[Example] = []
    for example in examples:
        if chosen and sum(len(e.reads) for e in chosen) + len(example.reads) > budget:
            yield _flat(chosen)
            chosen = []
        chosen.append(example)
    yield _flat(chosen)


def _flat(examples: Sequence[Example]) -> Batch:
    starts = np.cumsum([0, *[len(e.reads) for e in examples[:-1]]])
    return {
        "input_ids": np.concatenate([e.reads for e in examples])[None],
        "position_ids": np.concatenate([np.arange(len(e.reads)) for e in examples])[None],
        "targets": np.concatenate([e.targets for e in examples]),
        "at": np.concatenate([start + e.at for start, e in zip(starts, examples, strict=True)]),
    }


def positions(batch: Batch) -> int:
    return sum(batch[name].size for name in ("inputs", "decoder_inputs") if name in batch)


def tokens(batch: Batch) -> int:
    """The positions of segments, of both sides."""
    return sum(int(np.count_nonzero(batch[name])) for name in ("inputs_segment_ids", "segment_ids") if name in batch)
